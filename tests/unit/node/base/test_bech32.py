"""Addresses as text: canonical out, lenient in, with the reference's error texts."""

import pytest
from bech32 import CHARSET, bech32_encode

from node.base.bech32 import decode_address, encode_address
from node.base.errors import UsageError

TEXT = "sm1qqqqqqyhp05fkgauzudx0wclwcckr5vye2dexfs2gaams"
ADDRESS = decode_address(TEXT, "sm")


def groups_of(text: str) -> list[int]:
    return [CHARSET.index(character) for character in text.partition("1")[2][:-6]]


def test_an_address_goes_to_text_and_back() -> None:
    assert encode_address("sm", ADDRESS) == TEXT
    assert encode_address("standalone", bytes(4) + b"1" + bytes(19)) == (
        "standalone1qqqqqqp3qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqvqtwcg"
    )


def test_upper_case_is_accepted() -> None:
    assert decode_address(TEXT.upper(), "sm") == ADDRESS


def test_padding_bits_are_not_looked_at() -> None:
    groups = groups_of(TEXT)
    groups[-1] |= 7
    assert decode_address(bech32_encode("sm", groups), "sm") == ADDRESS


def test_one_group_too_many_is_dropped() -> None:
    assert decode_address(bech32_encode("sm", [*groups_of(TEXT), 31]), "sm") == ADDRESS


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("", "malformed", "error decoding bech32: invalid bech32 string length 0"),
        ("sm1", "malformed", "error decoding bech32: invalid bech32 string length 3"),
        (f" {TEXT}", "malformed", "error decoding bech32: invalid character in string: ' '"),
        (f"{TEXT}é", "malformed", "error decoding bech32: invalid character in string: 'Ã'"),
        (
            "SM1q" + TEXT[4:],
            "malformed",
            "error decoding bech32: string not all lowercase or all uppercase",
        ),
        ("qqqqqqqqqq", "malformed", "error decoding bech32: invalid separator index -1"),
        ("sm1qqqqq", "malformed", "error decoding bech32: invalid separator index 2"),
        (
            "sm1bqqqqqq",
            "malformed",
            "error decoding bech32: invalid character not part of charset: 98",
        ),
        (
            TEXT[:-1] + "q",
            "checksum",
            "error decoding bech32: invalid checksum (expected 2gaams got 2gaamq)",
        ),
        (
            "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
            "length",
            "expected 24 bytes, got 33: wrong address length",
        ),
        (
            "stest1qqqqqqy0dd83jemjmfj3ghjndxm0ndh0z2rymaqyp0gu3",
            "network",
            "wrong network id: expected `sm`, got `stest`: unsupported network",
        ),
    ],
)
def test_what_is_no_address_is_refused(text: str, code: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        decode_address(text, "sm")
    assert str(caught.value) == message
    assert caught.value.code == f"smesh.address.{code}"
    assert caught.value.hint


def test_the_reserved_bytes_must_be_zero() -> None:
    with pytest.raises(UsageError, match="first 4 bytes to be 0, got 78: missing") as caught:
        decode_address("stest1fejq2x3d79ukpkw06t7h6lndjuwzxdnj59npghsg43mh4", "stest")
    assert caught.value.code == "smesh.address.reserved"


def test_only_24_bytes_are_an_address() -> None:
    with pytest.raises(ValueError, match="20 bytes"):
        encode_address("sm", bytes(20))
