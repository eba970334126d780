"""What a node refuses to run on."""

from pathlib import Path

import msgspec
import pytest

from node.base.errors import ConfigError
from node.config.load import Override, Places, load_config
from node.config.model.root import NodeConfig
from node.config.rules import check_config, problems

PLACES = Places(home=Path("/home/alice"), temporary=Path("/tmp"))


def standalone(**settings: object) -> NodeConfig:
    overrides = [Override("genesis.genesis-time", "2026-01-01T00:00:00Z", "test")]
    overrides += [
        Override(key.replace("__", ".").replace("_", "-"), value, "test")
        for key, value in settings.items()
    ]
    return load_config(places=PLACES, preset="standalone", flags=overrides).config


def test_the_known_networks_are_fine() -> None:
    check_config(load_config(places=PLACES).config)
    check_config(load_config(places=PLACES, preset="testnet").config)
    check_config(standalone())


def test_a_network_needs_a_beginning() -> None:
    with pytest.raises(ConfigError, match="genesis time is zero") as caught:
        check_config(load_config(places=PLACES, preset="fastnet").config)

    assert caught.value.path == "genesis.genesis-time"
    assert "fastnet" in caught.value.hint


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"genesis__genesis_extra_data": ""}, "genesis.genesis-extra-data"),
        ({"genesis__genesis_extra_data": "ä" * 128}, "genesis.genesis-extra-data"),
        ({"main__layer_duration": "0s"}, "main.layer-duration"),
        ({"main__layers_per_epoch": 0}, "main.layers-per-epoch"),
        ({"main__tick_size": 0}, "main.tick-size"),
        ({"tortoise__tortoise_hdist": 1}, "tortoise.tortoise-hdist"),
        ({"tortoise__tortoise_window_size": 0}, "tortoise.tortoise-window-size"),
        ({"main__network_hrp": ""}, "main.network-hrp"),
        ({"main__network_hrp": "sm"}, "smeshing.smeshing-coinbase"),
        ({"genesis__accounts": {"standalone1x": 1}}, "genesis.accounts.standalone1x"),
        ({"smeshing__smeshing_coinbase": ""}, "smeshing.smeshing-coinbase"),
        ({"main__poet_servers": []}, "main.poet-servers"),
        ({"main__atx_versions": {"3": 3}}, "main.atx-versions.3"),
        ({"main__atx_versions": {"3": 2, "7": 1}}, "main.atx-versions.7"),
        (
            {"smeshing__smeshing_proving_opts__smeshing_opts_proving_nonces": 20},
            "smeshing.smeshing-proving-opts.smeshing-opts-proving-nonces",
        ),
        (
            {"smeshing__smeshing_opts__smeshing_opts_numunits": 3},
            "smeshing.smeshing-opts.smeshing-opts-numunits",
        ),
        (
            {"smeshing__smeshing_opts__smeshing_opts_scrypt": {"N": 3}},
            "smeshing.smeshing-opts.smeshing-opts-scrypt.N",
        ),
        (
            {"p2p__discovery_timings__advertise_interval": "1m"},
            "p2p.discovery-timings.advertise-interval-spread",
        ),
    ],
)
def test_each_wrong_value_is_named(settings: dict[str, object], path: str) -> None:
    scrypt = settings.pop("smeshing__smeshing_opts__smeshing_opts_scrypt", None)
    config = standalone(**settings)
    if scrypt:
        opts = config.smeshing.opts
        opts = msgspec.structs.replace(opts, scrypt=msgspec.structs.replace(opts.scrypt, n=3))
        config = msgspec.structs.replace(
            config, smeshing=msgspec.structs.replace(config.smeshing, opts=opts)
        )

    assert [found for found, _, _ in problems(config)] == [path]


@pytest.mark.parametrize("preset", ["mainnet", "testnet", "fastnet"])
def test_hare_without_messages_is_for_a_node_without_peers(preset: str) -> None:
    assert list(problems(standalone(hare__mode="turbo"))) == []

    begin = Override("genesis.genesis-time", "2026-01-01T00:00:00Z", "test")
    turbo = Override("hare.mode", "turbo", "test")
    config = load_config(places=PLACES, preset=preset, flags=[begin, turbo]).config
    with pytest.raises(ConfigError, match="other nodes may be in") as caught:
        check_config(config)

    assert caught.value.path == "hare.mode"
    assert "sim mesh --hare turbo" in caught.value.hint


def test_hare_has_no_other_modes() -> None:
    with pytest.raises(ConfigError, match="quick") as caught:
        standalone(hare__mode="quick")

    assert caught.value.path == "hare.mode"
    assert caught.value.hint == "one of 'messages', 'turbo'"


def test_a_node_that_does_not_smesh_may_have_any_number_of_units() -> None:
    settings: dict[str, object] = {
        "smeshing__smeshing_start": False,
        "smeshing__smeshing_opts__smeshing_opts_numunits": 9,
    }
    assert list(problems(standalone(**settings))) == []
