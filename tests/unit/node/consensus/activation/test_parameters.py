"""What a network demands, out of its configuration."""

import msgspec
import pytest

from node.base.errors import ConfigError
from node.config.durations import Instant
from node.config.model.genesis import GenesisConfig
from node.config.model.root import NodeConfig
from node.consensus.activation.parameters import atx_parameters, proof_parameters
from node.types.layer import EpochID

MAINNET = NodeConfig(
    genesis=GenesisConfig(
        genesis_time=Instant(1_689_321_600 * 10**9),
        extra_data="00000000000000000001a6bc150307b5c1998045752b3c87eccf3c013036f3cc",
    )
)


def with_versions(versions: dict[int, int]) -> NodeConfig:
    main = msgspec.structs.replace(MAINNET.main, atx_versions=versions)
    return msgspec.structs.replace(MAINNET, main=main)


def test_the_golden_atx_follows_from_the_genesis() -> None:
    parameters = atx_parameters(MAINNET)
    assert parameters.golden_atx.hex() == (
        "9eebff023abb17ccb775c602daade8ed708f0a50d3149a42801184f5b74f2865"
    )
    assert parameters.tick_size == MAINNET.main.tick_size
    assert parameters.k3 == MAINNET.post.k3
    assert parameters.proof == proof_parameters(MAINNET)
    assert parameters.proof.scrypt_n == 8192


def test_a_network_of_version_two_is_refused() -> None:
    assert atx_parameters(with_versions({3: 1})).versions == {EpochID(3): 1}
    with pytest.raises(ConfigError, match="version 2 from epoch 4") as caught:
        atx_parameters(with_versions({0: 1, 4: 2}))
    assert caught.value.path == "main.atx-versions"


def test_a_network_without_genesis_has_no_golden_atx() -> None:
    with pytest.raises(ConfigError, match="genesis-time"):
        atx_parameters(NodeConfig())
