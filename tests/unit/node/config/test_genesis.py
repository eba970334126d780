"""Golden ATX and genesis id of the known networks (keys digest section 5)."""

import json

import pytest

from node.base.errors import ConfigError
from node.config.durations import SECOND, Instant
from node.config.genesis import check_genesis, encode_genesis, genesis_id, golden_atx
from node.config.model.genesis import GenesisConfig

GENESIS = GenesisConfig(
    genesis_time=Instant.parse("2026-11-21T09:16:32Z"), extra_data="x", accounts={"b": 2, "a": 1}
)


@pytest.mark.parametrize(
    ("time", "extra_data", "golden"),
    [
        pytest.param(
            "2023-07-14T08:00:00Z",
            "00000000000000000001a6bc150307b5c1998045752b3c87eccf3c013036f3cc",
            "9eebff023abb17ccb775c602daade8ed708f0a50d3149a42801184f5b74f2865",
            id="mainnet",
        ),
        pytest.param(
            "2023-09-13T18:00:00Z",
            "0000000000000000000000c76c58ebac180989673fd6d237b40e66ed5c976ec3",
            "e956eff99be943fb70bd385dd509a3f84e9a75dd8e05f3e103845f72ca5d5f05",
            id="testnet",
        ),
        pytest.param(
            "2024-01-01T00:00:00Z",
            "standalone",
            "3fd8c508c7b242399efb1ce31e928b6082c21050f8c9ab759913dd21cb4b853a",
            id="standalone",
        ),
        pytest.param(
            "2024-01-01T00:00:00Z",
            "fastnet",
            "16ec9998e5cfbb3b9e75f4779cf92ad7ff7f04b9acc2e9900d86cfb9bbcbf4c1",
            id="fastnet",
        ),
    ],
)
def test_known_networks(time: str, extra_data: str, golden: str) -> None:
    instant = Instant.parse(time)

    assert golden_atx(instant, extra_data).hex() == golden
    assert genesis_id(instant, extra_data).hex() == golden[:40]


def test_parts_of_a_second_do_not_count() -> None:
    assert golden_atx(Instant(5 * SECOND + 7), "x") == golden_atx(Instant(5 * SECOND), "x")


def test_the_genesis_of_the_first_start_is_kept() -> None:
    stored = encode_genesis(GENESIS)

    assert json.loads(stored) == {
        "GenesisTime": "2026-11-21T09:16:32Z",
        "ExtraData": "x",
        "Accounts": {"a": 1, "b": 2},
    }
    check_genesis(stored, GENESIS)
    with pytest.raises(ValueError, match="genesis-time is not set"):
        encode_genesis(GenesisConfig())


def test_times_are_compared_as_instants_and_no_accounts_are_none() -> None:
    stored = b'{"GenesisTime":"2026-11-21T10:16:32+01:00","ExtraData":"x","Accounts":null}'

    check_genesis(stored, GenesisConfig(genesis_time=GENESIS.genesis_time, extra_data="x"))
    with pytest.raises(ConfigError, match="after node initialization: accounts"):
        check_genesis(stored, GENESIS)


@pytest.mark.parametrize(
    ("stored", "problem"),
    [
        (b"{", "is damaged"),
        (b"[]", "is damaged"),
        (b"{}", "is damaged"),
        (
            b'{"GenesisTime":"2026-11-21T09:16:33Z","ExtraData":"y","Accounts":{"a":1,"b":2}}',
            "genesis_time, extra_data",
        ),
    ],
)
def test_another_genesis_is_refused(stored: bytes, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        check_genesis(stored, GENESIS)
    assert caught.value.code == "smesh.config.genesis"
