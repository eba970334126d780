"""Base58 with the Bitcoin alphabet."""

import pytest

from node.base.base58 import encode_base58


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        (b"\0\0", "11"),
        (b"hello world", "StV1DL6CwTryKyV"),
        (bytes.fromhex("0000287fb4cd"), "11233QC4"),
        # a key as smcli prints it
        (
            bytes.fromhex("f628d5733ba18640769ea46a24000be53a42fbfef0cd2c826044bbc640d119e2"),
            "HZuQd2GT3qLggwizG843THwYWYtWM1ZRC8twHxgqGL8h",
        ),
    ],
)
def test_known_values(data: bytes, text: str) -> None:
    assert encode_base58(data) == text
