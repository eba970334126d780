"""RIPEMD-256 against the figures of its authors and of the PoET."""

import pytest

from node.poet.ripemd256 import ripemd256


@pytest.mark.parametrize(
    ("message", "digest"),
    [
        (b"", "02ba4c4e5f8ecd1877fc52d64d30e37a2d9774fb1e5d026380ae0168e3c5522d"),
        (b"abc", "afbd6e228b9d8cbbcef5ca2d03e6dba10ac0bc7dcbe4680e1e42d2e975459b65"),
        (b"message digest", "87e971759a1ce47a514d5c914c392c9018c7c46bc14465554afcdf54a5070c0e"),
        (
            b"challenge this" + bytes(32) + b"some data to submit to poet" + b"\x8f" + bytes(7),
            "023cf5cc72fa030e90f25f0213222b86ce800767dc5f5a35ad9fedef3d8d572d",
        ),
    ],
)
def test_digest_is_the_recorded_one(message: bytes, digest: str) -> None:
    assert ripemd256(message).hex() == digest


@pytest.mark.parametrize("size", [55, 56, 63, 64, 119, 120])
def test_padding_fits_at_block_edges(size: int) -> None:
    assert len(ripemd256(bytes(size))) == 32
