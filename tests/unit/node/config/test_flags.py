"""Flags of the daemon."""

from pathlib import Path

import pytest

from node.base.errors import UsageError
from node.config.flags import (
    NodeFlags,
    flag_paths,
    make_parser,
    parse_setting,
    read_flags,
    spell_booleans,
)
from node.config.load import Places, load_config
from node.config.model.root import NodeConfig
from node.config.schema import documentation, environment_name, leaves

PLACES = Places(home=Path("/home/alice"), temporary=Path("/tmp"))


def parse(line: str) -> NodeFlags:
    return read_flags(make_parser("smnode").parse_args(spell_booleans(line.split())))


def configured(line: str) -> NodeConfig:
    flags = parse(line)
    return load_config(places=PLACES, preset=flags.preset, flags=flags.overrides).config


def test_no_flags_change_nothing() -> None:
    assert parse("") == NodeFlags(config_file=None, preset=None, overrides=())


def test_short_forms() -> None:
    flags = parse("-c conf.json -p fastnet -d /data -a stest1a=5 -a stest1b=6,stest1c=7")

    assert (flags.config_file, flags.preset) == (Path("conf.json"), "fastnet")
    assert [(one.path, one.value) for one in flags.overrides] == [
        ("main.data-folder", "/data"),
        ("genesis.accounts", "stest1a=5,stest1b=6,stest1c=7"),
    ]


def test_every_flag_names_a_key() -> None:
    assert {path for path in flag_paths().values() if path.lower() not in leaves()} == set()


def test_booleans_need_no_value_and_take_none_from_their_neighbour() -> None:
    config = configured("--flood --metrics=false --p2p-metrics --min-peers 3 --peersync-disable")

    assert config.p2p.flood
    assert config.p2p.metrics
    assert not config.main.metrics
    assert config.p2p.min_peers == 3
    assert config.time.peersync.disable


def test_lists_add_up_and_values_are_replaced() -> None:
    config = configured(
        "--bootnodes a --bootnodes b,c --layer-duration 5s --layer-duration=6s"
        ' --poet-servers [{"address":"http://p"}] --accounts {"sm1a":5}'
    )

    assert config.p2p.bootnodes == ("a", "b", "c")
    assert config.main.layer_duration == 6_000_000_000
    assert [server.address for server in config.main.poet_servers] == ["http://p"]
    assert config.genesis.accounts == {"sm1a": 5}


def test_both_spellings_of_the_odd_flags() -> None:
    config = configured("--gprc-tls-ca-cert a --grpc-cors-allowed-origin http://b")

    assert config.api.tls_ca_cert == "a"
    assert config.api.cors_allowed_origins == ("http://b",)
    assert configured("--grpc-tls-ca-cert b").api.tls_ca_cert == "b"


def test_flags_of_the_older_readme() -> None:
    config = configured(
        "--tcp-port 7152 --grpc-server --json-server --coinbase sm1x --start-mining"
        " --post-datadir /p --metrics-push http://m"
    )

    assert config.p2p.listen == ("/ip4/0.0.0.0/tcp/7152", "/ip4/0.0.0.0/udp/7152/quic-v1")
    assert config.p2p.enable_quic_transport
    assert config.api.json_listener == "127.0.0.1:9095"
    assert (config.smeshing.coinbase, config.smeshing.start) == ("sm1x", True)
    assert config.smeshing.opts.data_dir == "/p"
    assert config.public_metrics.metrics_url == "http://m"
    assert configured("--json-server --grpc-json-listener :1").api.json_listener == ":1"


def test_any_key_can_be_set_and_wins() -> None:
    config = configured("--set hare4.enable=true --set main.layer-duration=3s --layer-duration 5s")

    assert config.hare4.enable
    assert config.main.layer_duration == 3_000_000_000


@pytest.mark.parametrize("text", ["main.metrics", "=true", " =x"])
def test_a_setting_needs_key_and_value(text: str) -> None:
    with pytest.raises(UsageError, match="want KEY=VALUE"):
        parse_setting(text)


def test_the_deprecated_flag_says_what_to_do() -> None:
    with pytest.raises(UsageError, match="--poet-server is no longer used") as caught:
        parse("--poet-server http://x")

    assert "poet-servers" in caught.value.hint


def test_help_explains_every_flag_but_hidden_ones() -> None:
    text = make_parser("smnode").format_help()

    assert "--layer-duration DURATION" in text
    assert "Length of a layer." in text
    assert "gprc-tls-ca-cert" not in text
    assert "--tcp-port" not in text


def test_every_key_is_documented() -> None:
    assert [leaf.path for leaf in leaves().values() if not documentation(leaf)] == []


def test_documentation_follows_inheritance() -> None:
    assert "compact" not in documentation(leaves()["hare4.enable"])
    assert "stream protocol" in documentation(leaves()["hare4.protocolname"])


def test_names_of_variables() -> None:
    assert environment_name("api.grpc-json-listener") == "SPACEMESH_API__GRPC_JSON_LISTENER"
