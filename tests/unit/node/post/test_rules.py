"""Keys, packing and selection of proofs, against fixed values of the digest."""

import pytest

from node.post.rules import (
    derive_group_key,
    derive_lazy_key,
    lazy_value,
    make_block_cipher,
    make_pow_input,
    pack_indices,
    packed_length,
    scale_pow_difficulty,
    shuffle_ordinals,
    subset_seed,
    take,
    unpack_indices,
)

CHALLENGE = b"hello world, challenge me!!!!!!!"
FIRST_OF_100 = (39, 13, 95, 77, 36, 41, 74, 17, 59, 87, 91, 63, 40, 20, 94, 78, 48, 60, 18, 32)


def test_group_key_depends_on_challenge_group_and_pow() -> None:
    assert derive_group_key(bytes(32), 0, 0).hex() == "7d86d726212aaaf9ca792cf345d24106"
    assert derive_group_key(CHALLENGE, 1, 7).hex() == "5f77c60fd0b335b9526a653e17468d0a"


def test_lazy_key_depends_on_the_nonce_as_well() -> None:
    assert derive_lazy_key(bytes(32), 0, 0).hex() == "01e67c8e323e7c19b4bedddac050e0e4"
    assert derive_lazy_key(CHALLENGE, 17, 7).hex() == "a664aff607e4779a67981c5fc15a1b15"


def test_lazy_value_is_seven_bytes_from_the_low_end() -> None:
    assert lazy_value(bytes(range(1, 17))) == 0x07060504030201


def test_pow_input_holds_seven_bytes_of_the_pow() -> None:
    data = make_pow_input(0xAB_01_02_03_04_05_06_07, 9, bytes(range(32)), b"\x55" * 32)
    assert data == bytes((7, 6, 5, 4, 3, 2, 1, 9)) + bytes(range(8)) + b"\x55" * 32


@pytest.mark.parametrize(
    ("units", "scaled"),
    [(1, "ff" * 32), (32, "07" + "ff" * 31), (256, "00" + "ff" * 31)],
)
def test_pow_difficulty_is_divided_by_the_units(units: int, scaled: str) -> None:
    assert scale_pow_difficulty(b"\xff" * 32, units).hex() == scaled


def test_indices_are_packed_from_the_lowest_bit_on() -> None:
    assert pack_indices((0, 0xFFF5, 0, 0xFF0F), 3).hex() == "280e"
    assert pack_indices((0, 0xFFF5, 0, 0xFF0F), 16).hex() == "0000f5ff00000fff"
    assert pack_indices((), 9) == b""


def test_padding_can_look_like_a_further_index() -> None:
    assert unpack_indices(bytes.fromhex("280e"), 3) == (0, 5, 0, 7, 0)
    assert unpack_indices(b"", 3) == ()
    assert unpack_indices(b"\x01", 9) == ()


def test_packed_length_counts_whole_bytes() -> None:
    assert packed_length(35, 37) == 162
    assert packed_length(8, 4) == 4


def test_ordinals_are_drawn_from_the_hash_of_the_seed() -> None:
    assert shuffle_ordinals(100, b"", 20) == FIRST_OF_100
    assert sorted(shuffle_ordinals(100, b"", 100)) == list(range(100))
    assert len(shuffle_ordinals(5, b"seed", 9)) == 5


def test_seed_of_a_subset_is_verifier_smesher_challenge() -> None:
    assert subset_seed(b"a", b"b", b"c") == b"abc"


def test_taking_passes_over_ordinals_that_do_not_exist() -> None:
    assert take((7, 8, 9), (2, 0, 3)) == ((2, 9), (0, 7))


def test_block_cipher_is_aes_128() -> None:
    key = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
    block = bytes.fromhex("6bc1bee22e409f96e93d7e117393172a")
    assert make_block_cipher(key).update(block).hex() == "3ad77bb40d7a3660a89ecaf32466ef97"
