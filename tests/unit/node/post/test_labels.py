"""The label function against published values of its parts."""

import pytest

from node.base.errors import UsageError
from node.post.labels import check_scrypt_n, compute_label, keccak_512, make_commitment

ZERO = bytes(32)


@pytest.mark.parametrize(
    ("message", "digest"),
    [
        (
            b"",
            "0eab42de4c3ceb9235fc91acffe746b29c29a8c366b7c60e4e67c466f36a4304",
        ),
        (
            b"The quick brown fox jumps over the lazy dog",
            "d135bb84d0439dbac432247ee573a23ea7d3c9deb2a968eb31d47c4fb45f1ef4",
        ),
    ],
    ids=["empty", "one block"],
)
def test_keccak_is_the_original_one(message: bytes, digest: str) -> None:
    assert keccak_512(message)[:32].hex() == digest


def test_padding_of_one_byte_shares_its_byte() -> None:
    assert keccak_512(bytes(71)) != keccak_512(bytes(72))
    assert len({keccak_512(bytes(length)) for length in range(70, 76)}) == 6


@pytest.mark.parametrize(
    ("scrypt_n", "index", "label"),
    [
        (2, 0, "ff29deee2578176c8c7d9495164e88213859c3db4b0fe3cdfdd27818b26943a6"),
        (2, 77, "09170cdc3803e8eecfa60ab1e0127cef939ad8fa6963f3c6e95f919e2d92d9f8"),
        (16, 1, "b1eece032d9e909fc25fd6c5ab644399f5512f1f97b4e91cff239e14381d6e70"),
        (512, 0, "a817e7a32debae46c293610b9dfa99dabccf2e7d94fb0ce315547da99c598e8d"),
    ],
)
def test_labels_are_those_of_the_reference(scrypt_n: int, index: int, label: str) -> None:
    assert compute_label(ZERO, index, scrypt_n=scrypt_n).hex() == label


@pytest.mark.slow
def test_labels_of_mainnet_are_those_of_the_reference() -> None:
    commitment = make_commitment(ZERO, ZERO)
    assert commitment.hex() == "4d006976636a8696d909a630a4081aad4d7c50f81afdee04020bf05086ab6a55"
    assert (
        compute_label(commitment, 0).hex()
        == "13f053790cc908fd17c1ed054ad849d63a3abb394d07bb54872fe91b24c56f46"
    )


@pytest.mark.parametrize("scrypt_n", [-2, 0, 1, 3, 8191])
def test_scrypt_n_is_a_power_of_two(scrypt_n: int) -> None:
    with pytest.raises(UsageError, match=f"expected: power of 2, given: {scrypt_n}"):
        check_scrypt_n(scrypt_n)
    with pytest.raises(UsageError):
        compute_label(ZERO, 0, scrypt_n=scrypt_n)
