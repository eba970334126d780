"""Addresses as text: round trip, and no mistyped character passes."""

import pytest
from bech32 import CHARSET, bech32_encode, convertbits
from hypothesis import given
from hypothesis import strategies as st

from node.base.bech32 import decode_address, encode_address
from node.base.errors import UsageError

addresses = st.binary(min_size=20, max_size=20).map(lambda data: bytes(4) + data)
prefixes = st.sampled_from(["sm", "stest", "standalone", "x1y"])


@given(prefixes, addresses)
def test_an_address_survives_its_text(prefix: str, address: bytes) -> None:
    text = encode_address(prefix, address)
    assert decode_address(text, prefix) == address
    assert decode_address(text.upper(), prefix) == address


@given(prefixes, st.binary(min_size=24, max_size=24))
def test_the_checksum_is_that_of_the_specification(prefix: str, address: bytes) -> None:
    groups = convertbits(address, 8, 5)
    assert groups is not None
    assert encode_address(prefix, address) == bech32_encode(prefix, groups)


@given(addresses, st.integers(min_value=3, max_value=47), st.sampled_from(CHARSET))
def test_one_wrong_character_is_seen(address: bytes, position: int, character: str) -> None:
    text = encode_address("sm", address)
    wrong = text[:position] + character + text[position + 1 :]
    if wrong == text:
        assert decode_address(wrong, "sm") == address
    else:
        with pytest.raises(UsageError, match="checksum"):
            decode_address(wrong, "sm")


@given(st.text(alphabet=CHARSET + "1bioSM é\n\x7f", max_size=60))
def test_any_other_text_is_a_clear_error(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        decode_address(text, "sm")
    assert caught.value.code.startswith("smesh.address.")
