"""What signatures cover, and what identifies a network."""

import pytest

from node.crypto.domains import Domain, compute_genesis_id, compute_golden_atx, signed_bytes

MAINNET_EXTRA_DATA = "00000000000000000001a6bc150307b5c1998045752b3c87eccf3c013036f3cc"
TESTNET_EXTRA_DATA = "0000000000000000000000c76c58ebac180989673fd6d237b40e66ed5c976ec3"


@pytest.mark.parametrize(
    ("genesis_unix_s", "extra_data", "golden_atx"),
    [
        (
            1689321600,
            MAINNET_EXTRA_DATA,
            "9eebff023abb17ccb775c602daade8ed708f0a50d3149a42801184f5b74f2865",
        ),
        (
            1694628000,
            TESTNET_EXTRA_DATA,
            "e956eff99be943fb70bd385dd509a3f84e9a75dd8e05f3e103845f72ca5d5f05",
        ),
    ],
)
def test_networks_are_told_apart_by_genesis_time_and_extra_data(
    genesis_unix_s: int, extra_data: str, golden_atx: str
) -> None:
    assert compute_golden_atx(genesis_unix_s, extra_data).hex() == golden_atx
    assert compute_genesis_id(genesis_unix_s, extra_data).hex() == golden_atx[:40]


def test_genesis_and_domain_come_before_the_message() -> None:
    covered = signed_bytes(b"g" * 20, Domain.BEACON_FOLLOWUP_MESSAGE, b"message")
    assert covered == b"g" * 20 + b"\x0b" + b"message"
