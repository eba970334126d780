"""Command-line flags of the daemon: the reference's names, and those of the older README.

Flags set configuration keys; the name of a flag is the last part of its key unless
``RENAMED`` says otherwise.  Parsing is argparse, so that starting a daemon loads no
command-line library.

Source: go-spacemesh, cmd; node-config digest section 6, product digest appendix B.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, get_args, get_origin

from node.base.errors import UsageError
from node.config.load import DEPRECATED, Override
from node.config.schema import Leaf, as_section, documentation, leaves, unwrap

PLAIN: Final[Mapping[str, str]] = {
    "main": (
        "data-folder filelock metrics metrics-port poet-servers layer-duration "
        "layer-average-size layers-per-epoch pprof-server pprof-listener pprof-mutex-profile "
        "pprof-block-profile profiler-url profiler-name tick-size txs-per-proposal "
        "block-gas-limit optimistic-filtering-threshold db-connections db-latency-metering "
        "db-prune-interval no-main-override"
    ),
    "genesis": "genesis-time genesis-extra-data accounts",
    "recovery": "recovery-uri recovery-layer",
    "logging": "log-encoder",
    "public-metrics": "metrics-push-period",
    "p2p": (
        "listen flood disable-natport disable-reuseport p2p-metrics p2p-accept-queue low-peers "
        "high-peers min-peers bootnodes ping-peers ping-interval static-relays "
        "advertise-address p2p-bootnode p2p-private-network force-dht-server "
        "enable-tcp-transport enable-quic-transport enable-routing-discovery "
        "routing-discovery-advertise"
    ),
    "api": (
        "grpc-public-listener grpc-private-listener grpc-post-listener grpc-tls-services "
        "grpc-tls-listener grpc-tls-ca-cert grpc-tls-cert grpc-tls-key grpc-recv-msg-size "
        "grpc-send-msg-size grpc-json-listener grpc-cors-allowed-origins"
    ),
    "hare-eligibility": "eligibility-confidence-param",
    "beacon": (
        "beacon-kappa beacon-q beacon-rounds-number beacon-grace-period-duration "
        "beacon-proposal-duration beacon-first-voting-round-duration "
        "beacon-voting-round-duration beacon-weak-coin-round-duration beacon-theta "
        "beacon-votes-limit beacon-sync-weight-units"
    ),
    "tortoise": (
        "tortoise-hdist tortoise-zdist tortoise-window-size tortoise-max-exceptions "
        "tortoise-delay-layers tortoise-enable-tracer"
    ),
    "post": (
        "post-labels-per-unit post-min-numunits post-max-numunits post-k1 post-k2 post-k3 "
        "post-pow-difficulty"
    ),
    "smeshing": "smeshing-start smeshing-coinbase",
    "smeshing.smeshing-opts": (
        "smeshing-opts-datadir smeshing-opts-numunits smeshing-opts-maxfilesize "
        "smeshing-opts-provider smeshing-opts-throttle"
    ),
    "smeshing.smeshing-proving-opts": (
        "smeshing-opts-proving-threads smeshing-opts-proving-nonces "
        "smeshing-opts-proving-randomx-mode"
    ),
    "smeshing.smeshing-verifying-opts": (
        "smeshing-opts-verifying-disable smeshing-opts-verifying-min-workers "
        "smeshing-opts-verifying-workers smeshing-opts-verifying-powflags"
    ),
    "poet": "phase-shift cycle-gap grace-period poet-request-timeout",
    "bootstrap": "bootstrap-url bootstrap-version",
}
"""Flags by section that are named like their keys."""

RENAMED: Final[Mapping[str, str]] = {
    "metrics-push": "public-metrics.metrics-url",
    "peersync-disable": "time.peersync.disable",
    "peersync-round-retry-interval": "time.peersync.round-retry-interval",
    "peersync-round-interval": "time.peersync.round-interval",
    "peersync-round-timeout": "time.peersync.round-timeout",
    "peersync-max-clock-offset": "time.peersync.max-clock-offset",
    "peersync-max-offset-errors": "time.peersync.max-offset-errors",
    "peersync-required-responses": "time.peersync.required-responses",
    "gprc-tls-ca-cert": "api.grpc-tls-ca-cert",
    "grpc-cors-allowed-origin": "api.grpc-cors-allowed-origins",
    "coinbase": "smeshing.smeshing-coinbase",
    "start-mining": "smeshing.smeshing-start",
    "post-datadir": "smeshing.smeshing-opts.smeshing-opts-datadir",
}
"""Flags named differently: shortened, misspelt in the reference, or of the older README."""

HIDDEN: Final = frozenset(
    {"gprc-tls-ca-cert", "grpc-cors-allowed-origin", "coinbase", "start-mining", "post-datadir"}
)
"""Second spellings, not in the help text."""

SHORT: Final[Mapping[str, str]] = {"data-folder": "-d", "accounts": "-a"}
"""One-letter forms."""

README_JSON_LISTENER: Final = "127.0.0.1:9095"
"""Where the older README's ``--json-server`` listens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFlags:
    """What the user typed."""

    config_file: Path | None
    """File to read."""

    preset: str | None
    """Preset to build on."""

    overrides: tuple[Override, ...]
    """Values of keys, in the order of the flags' table; ``--set`` comes last."""


class NodeParser(argparse.ArgumentParser):
    """Looks up what the model says about a key only when somebody asks for help."""

    def format_help(self) -> str:
        """Return the help text with the documentation of every key."""
        paths = flag_paths()
        for action in self._actions:
            leaf = leaves().get(paths.get(action.dest, "").lower())
            if leaf is not None and action.help is None:
                action.help = documentation(leaf).replace("%", "%%")
        return super().format_help()


def flag_paths() -> dict[str, str]:
    """Return the key every flag sets, by the name of the flag."""
    plain = {key: f"{section}.{key}" for section, keys in PLAIN.items() for key in keys.split()}
    return {**plain, **RENAMED}


def make_parser(program: str) -> NodeParser:
    """Return a parser of all flags; add sub-commands to it where they are known."""
    parser = NodeParser(
        prog=program,
        description="Run a Spacemesh node. Every flag can also be a key of the file.",
        allow_abbrev=False,
    )
    parser.add_argument("-c", "--config", metavar="FILE", help="TOML, or JSON of a Go node")
    parser.add_argument(
        "-p", "--preset", help="mainnet (what it is without), testnet, fastnet or standalone"
    )
    for name, path in flag_paths().items():
        leaf = leaves()[path.lower()]
        options = [*([SHORT[name]] if name in SHORT else []), f"--{name}"]
        parser.add_argument(
            *options,
            dest=name,
            action="append",
            metavar=_metavar(leaf),
            help=argparse.SUPPRESS if name in HIDDEN else None,
        )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="set any key, such as hare4.enable=true",
    )
    for name in ("grpc-server", "json-server"):
        parser.add_argument(f"--{name}", dest=name, action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--tcp-port", dest="tcp-port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--poet-server", dest="poet-server", help=argparse.SUPPRESS)
    return parser


def spell_booleans(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with ``=true`` after every bare flag of a boolean key.

    A bare ``--flood`` never takes the next argument, as in the reference.
    """
    boolean = {
        f"--{name}" for name, path in flag_paths().items() if _is_boolean(leaves()[path.lower()])
    }
    return [f"{one}=true" if one in boolean else one for one in arguments]


def read_flags(parsed: argparse.Namespace) -> NodeFlags:
    """Return the typed flags.

    Raises:
        UsageError: a flag that is no longer used, or ``--set`` without a value.
    """
    values = vars(parsed)
    if values["poet-server"] is not None:
        raise UsageError("--poet-server is no longer used", hint=DEPRECATED["main.poet-server"])
    overrides = [
        Override(path, _joined(leaves()[path.lower()], values[name]), f"--{name}")
        for name, path in flag_paths().items()
        if values.get(name)
    ]
    overrides.extend(_older_flags(values))
    overrides.extend(map(parse_setting, values["set"]))
    return NodeFlags(
        config_file=Path(values["config"]) if values["config"] else None,
        preset=values["preset"] or None,
        overrides=tuple(overrides),
    )


def parse_setting(text: str) -> Override:
    """Read ``KEY=VALUE`` of a ``--set`` option.

    Raises:
        UsageError: there is no ``=`` or nothing before it.
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise UsageError(
            f"--set {text}: want KEY=VALUE", hint="such as --set main.layer-duration=6s"
        )
    return Override(key.strip(), value, f"--set {key.strip()}")


def _older_flags(values: Mapping[str, object]) -> Iterator[Override]:
    """Yield what the flags of the older README mean; gRPC is always on, so its flag is void."""
    if values["json-server"] and not values["grpc-json-listener"]:
        yield Override("api.grpc-json-listener", README_JSON_LISTENER, "--json-server")
    port = values["tcp-port"]
    if port is not None:
        listen = [f"/ip4/0.0.0.0/tcp/{port}", f"/ip4/0.0.0.0/udp/{port}/quic-v1"]
        yield Override("p2p.listen", listen, "--tcp-port")
        yield Override("p2p.enable-quic-transport", "true", "--tcp-port")


def _joined(leaf: Leaf, values: Sequence[str]) -> str:
    """Return the last value; of lists and tables all values, which the reader splits."""
    form, _ = unwrap(leaf.annotation)
    if get_origin(form) is tuple and as_section(get_args(form)[0]) is None:
        return ",".join(values)
    if get_origin(form) is Mapping and not values[-1].startswith("{"):
        return ",".join(values)
    return values[-1]


def _is_boolean(leaf: Leaf) -> bool:
    return unwrap(leaf.annotation)[0] is bool


def _metavar(leaf: Leaf) -> str:
    form, _ = unwrap(leaf.annotation)
    if form is bool:
        return "true|false"
    return leaf.key.rpartition("-")[2].upper()
