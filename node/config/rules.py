"""What a complete configuration must satisfy before a node runs on it: pure.

Source: go-spacemesh, config (Validate), node (Initialize), tortoise (Config checks);
node-config digest sections 4, 5 and 11.
"""

from collections.abc import Iterator
from typing import Final

from node.base.bech32 import decode_address
from node.base.errors import ConfigError, UsageError
from node.config.genesis import MAX_EXTRA_DATA
from node.config.model.root import NodeConfig

NONCES_STEP: Final = 16
"""Nonces come in groups of one AES block."""

SMALLEST_SCRYPT_N: Final = 2
"""Least cost parameter of scrypt."""


def check_config(config: NodeConfig) -> None:
    """Refuse a configuration no node can run on.

    Raises:
        ConfigError: names the first key that is wrong, and what it should be.
    """
    for path, problem, hint in problems(config):
        raise ConfigError(f"{path}: {problem}", path=path, hint=hint, code="smesh.config.value")


def problems(config: NodeConfig) -> Iterator[tuple[str, str, str]]:
    """Yield key, problem and hint for everything that is wrong."""
    yield from _genesis_problems(config)
    yield from _layer_problems(config)
    yield from _address_problems(config)
    yield from _standalone_problems(config)
    yield from _hare_problems(config)
    yield from _version_problems(config)
    yield from _smeshing_problems(config)
    timings = config.p2p.discovery_timings
    if timings.advertise_interval_spread > timings.advertise_interval:
        yield (
            "p2p.discovery-timings.advertise-interval-spread",
            f"{timings.advertise_interval_spread} is above {timings.advertise_interval}",
            "",
        )


def _genesis_problems(config: NodeConfig) -> Iterator[tuple[str, str, str]]:
    if config.genesis.genesis_time is None:
        yield (
            "genesis.genesis-time",
            "bad configuration: genesis time is zero",
            f"the {config.preset} preset has none: give --genesis-time, such as 30 s from now",
        )
    size = len(config.genesis.extra_data.encode())
    if not 0 < size <= MAX_EXTRA_DATA:
        yield (
            "genesis.genesis-extra-data",
            f"{size} bytes, want 1 to {MAX_EXTRA_DATA}",
            "wait until genesis-extra-data is available" if not size else "",
        )


def _layer_problems(config: NodeConfig) -> Iterator[tuple[str, str, str]]:
    main, tortoise = config.main, config.tortoise
    if main.layer_duration <= 0:
        yield "main.layer-duration", "bad configuration: layer duration is not positive", ""
    if not main.layers_per_epoch:
        yield "main.layers-per-epoch", "an epoch needs at least one layer", ""
    if not main.tick_size:
        yield "main.tick-size", "bad configuration: tick size is zero", ""
    if tortoise.hdist < tortoise.zdist:
        yield (
            "tortoise.tortoise-hdist",
            f"{tortoise.hdist} is below tortoise-zdist, {tortoise.zdist}",
            "",
        )
    if not tortoise.window_size:
        yield "tortoise.tortoise-window-size", "the window needs at least one layer", ""


def _address_problems(config: NodeConfig) -> Iterator[tuple[str, str, str]]:
    prefix = config.main.network_hrp
    if not prefix:
        yield "main.network-hrp", "is empty", "addresses need a prefix, such as sm"
        return
    addresses = [(f"genesis.accounts.{text}", text) for text in config.genesis.accounts]
    if config.smeshing.coinbase:
        addresses.append(("smeshing.smeshing-coinbase", config.smeshing.coinbase))
    for path, text in addresses:
        try:
            decode_address(text, prefix)
        except UsageError as error:
            yield path, str(error), error.hint
    if config.smeshing.start and not config.smeshing.coinbase:
        yield (
            "smeshing.smeshing-coinbase",
            "smeshing enabled but no coinbase account provided",
            "give the address that shall get the rewards with --smeshing-coinbase",
        )


def _standalone_problems(config: NodeConfig) -> Iterator[tuple[str, str, str]]:
    servers = len(config.main.poet_servers)
    if config.main.standalone and servers != 1:
        yield (
            "main.poet-servers",
            f"{servers} servers, a standalone node serves exactly one",
            "",
        )


def _hare_problems(config: NodeConfig) -> Iterator[tuple[str, str, str]]:
    # Beside nodes that exchange messages it would certify blocks that nobody agreed on.
    # Whether all peers do without messages no node can know, unless it has no peers.
    if config.hare.mode == "turbo" and not config.main.standalone:
        yield (
            "hare.mode",
            "turbo, on a network that other nodes may be in",
            "set main.standalone = true, or use smcli sim mesh --hare turbo for many nodes",
        )


def _version_problems(config: NodeConfig) -> Iterator[tuple[str, str, str]]:
    previous = 1
    for epoch in sorted(config.main.atx_versions):
        version = config.main.atx_versions[epoch]
        if version not in {1, 2}:
            yield f"main.atx-versions.{epoch}", f"ATX version {version} does not exist", ""
        elif version < previous:
            yield (
                f"main.atx-versions.{epoch}",
                f"ATX version {version} follows version {previous}",
                "versions only grow",
            )
        previous = max(previous, version)


def _smeshing_problems(config: NodeConfig) -> Iterator[tuple[str, str, str]]:
    nonces = config.smeshing.proving.nonces
    if not nonces or nonces % NONCES_STEP:
        yield (
            "smeshing.smeshing-proving-opts.smeshing-opts-proving-nonces",
            f"{nonces} is not a positive multiple of {NONCES_STEP}",
            "",
        )
    post, opts = config.post, config.smeshing.opts
    if config.smeshing.start and not post.min_num_units <= opts.num_units <= post.max_num_units:
        yield (
            "smeshing.smeshing-opts.smeshing-opts-numunits",
            f"{opts.num_units}, the network wants {post.min_num_units} to {post.max_num_units}",
            "",
        )
    scrypt = opts.scrypt
    if scrypt.n < SMALLEST_SCRYPT_N or scrypt.n & (scrypt.n - 1):
        yield (
            "smeshing.smeshing-opts.smeshing-opts-scrypt.N",
            f"{scrypt.n} is not a power of two above 1",
            "",
        )
