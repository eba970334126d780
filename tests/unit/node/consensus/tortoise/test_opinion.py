"""Opinion hashes against the digest's table."""

import pytest

from node.consensus.tortoise.opinion import ABSTAIN_BODY, opinion_hash, support_entry


def supported(first: int, height: int) -> bytes:
    return support_entry(bytes([first]).ljust(20, b"\0"), height)


AGAINST: tuple[bytes, ...] = ()
ABSTAIN = (ABSTAIN_BODY,)
ONE = (supported(1, 100),)
TWO = (supported(2, 100),)


@pytest.mark.parametrize(
    ("layers", "digest"),
    [
        (
            [(supported(1, 10),)],
            "9792d675f91bda454356c00761f0ee7e4fad33f075f5c02cfd11730f0199f3ed",
        ),
        ([ONE], "fdae510822088f67d47f8229d7971212973688d310c87144a154e8b51d787b4e"),
        ([ONE + TWO], "c0d65bb2f64a870c3f067bbc6e06ded4437ec95616b7bc61ee52fd02fe9468d2"),
        ([AGAINST], "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"),
        ([ABSTAIN], "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"),
        ([ABSTAIN] * 2, "58716d2accccc68182ffb06de20c77010061d694056defb23d2ad881d9367e16"),
        ([AGAINST] * 2, "82878ed8a480ee41775636820e05a934ca5c747223ca64306658ee5982e6c227"),
        ([ONE, TWO], "88f75279f76898e958fba3409c60cee10967e04910bb97730e286531bbe7a757"),
        ([ONE, AGAINST], "ae4b107c6601034d18eb7b7817a330abe6ba8a82e58265ef503928050730cd14"),
    ],
)
def test_opinions_hash_as_in_the_reference(layers: list[tuple[bytes, ...]], digest: str) -> None:
    opinion: bytes | None = None
    for entries in layers:
        opinion = opinion_hash(opinion, entries)
    assert opinion is not None
    assert opinion.hex() == digest
