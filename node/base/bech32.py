"""Bech32: account addresses as text.

Encoding is canonical.  Decoding is as lenient as the reference: upper case is accepted,
the padding bits are not looked at, and one superfluous character of five bits is dropped,
so several texts may name one address.

The texts of the errors are those of the reference, whose API passes them on.

Source: cosmos/btcutil/bech32 and go-spacemesh, common/types/address; keys digest section 6.2.
"""

from base64 import b32encode
from collections.abc import Iterable
from functools import cache
from typing import Final

from bech32 import (
    CHARSET,
    bech32_create_checksum,
    bech32_hrp_expand,
    bech32_polymod,
    bech32_verify_checksum,
    convertbits,
)

from node.base.errors import UsageError

ADDRESS_BYTES: Final = 24
RESERVED_BYTES: Final = 4
"""Leading bytes of an address, always zero."""

MIN_LENGTH: Final = 8
"""One character of prefix, the separator, six of checksum."""

CHECKSUM_LENGTH: Final = 6
CHECKSUM_SHIFTS: Final = (25, 20, 15, 10, 5, 0)
"""Where in a checksum its groups of five bits are."""

ADDRESS_GROUPS: Final = 39
"""Characters of an address between prefix and checksum."""

TO_CHARSET: Final = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", CHARSET.encode())
"""From the alphabet of base 32 to that of bech32; the groups of bits are the same."""

FIRST_CHARACTER: Final = 33
LAST_CHARACTER: Final = 126


WRONG_NETWORK: Final = "smesh.address.network"
"""Code of the error for an address of another network."""


def encode_address(prefix: str, address: bytes) -> str:
    """Return the text of a 24-byte address under a network's prefix, such as ``sm``.

    A list of transactions has four addresses in each: the checksum is put together from
    what every byte contributes to it, which is known beforehand.

    Raises:
        ValueError: ``address`` does not have 24 bytes.
    """
    if len(address) != ADDRESS_BYTES:
        raise ValueError(f"address of {len(address)} bytes, want {ADDRESS_BYTES}")
    checksum = _checksum_of_zeros(prefix)
    for contributions, byte in zip(_contributions(), address, strict=True):
        checksum ^= contributions[byte]
    body = b32encode(address)[:ADDRESS_GROUPS].translate(TO_CHARSET).decode()
    tail = "".join([CHARSET[checksum >> shift & 31] for shift in CHECKSUM_SHIFTS])
    return f"{prefix}1{body}{tail}"


@cache
def _checksum_of_zeros(prefix: str) -> int:
    """Return the checksum of the address of 24 zeros under a prefix."""
    return bech32_polymod([*bech32_hrp_expand(prefix), *_padded(bytes(ADDRESS_BYTES))]) ^ 1


@cache
def _contributions() -> tuple[tuple[int, ...], ...]:
    """Return how a checksum changes with each of 24 bytes, for every value of the byte.

    A checksum is a remainder of polynomials over two elements: what two bits change
    together is the exclusive or of what each of them changes.
    """
    zeros = bech32_polymod(_padded(bytes(ADDRESS_BYTES)))
    tables = []
    for place in range(ADDRESS_BYTES):
        table = [0] * 256
        for value in range(1, 256):
            lowest = value & -value
            if value == lowest:
                single = bytes(place) + bytes((value,)) + bytes(ADDRESS_BYTES - 1 - place)
                table[value] = bech32_polymod(_padded(single)) ^ zeros
            else:
                table[value] = table[value ^ lowest] ^ table[lowest]
        tables.append(tuple(table))
    return tuple(tables)


def _padded(address: bytes) -> list[int]:
    """Return an address in groups of five bits, with room for the checksum."""
    return [*_regroup(address, 8, 5), *bytes(CHECKSUM_LENGTH)]


def decode_address(text: str, prefix: str) -> bytes:
    """Return the 24 bytes that ``text`` names on the network whose prefix is ``prefix``.

    Raises:
        UsageError: ``text`` is no bech32 (code ``smesh.address.malformed``), is mistyped
            (``.checksum``), has another length (``.length``), belongs to another network
            (``.network``), or is not an account (``.reserved``).
    """
    found_prefix, groups = _decode(text)
    data = _regroup(groups, 5, 8)
    if len(data) != ADDRESS_BYTES + 1:
        raise UsageError(
            f"expected {ADDRESS_BYTES} bytes, got {len(groups)}: wrong address length",
            code="smesh.address.length",
            hint="an account address has 39 characters and a checksum after its prefix",
        )
    if found_prefix != prefix:
        raise UsageError(
            f"wrong network id: expected `{prefix}`, got `{found_prefix}`: unsupported network",
            code=WRONG_NETWORK,
            hint=f"addresses of this network begin with {prefix}1; this one is of another",
        )
    for byte in data[:RESERVED_BYTES]:
        if byte:
            raise UsageError(
                f"expected first {RESERVED_BYTES} bytes to be 0, got {byte}: "
                "missing reserved space",
                code="smesh.address.reserved",
                hint="this text was not made by a wallet of this protocol",
            )
    return data[:ADDRESS_BYTES]


def _regroup(values: Iterable[int], from_bits: int, to_bits: int) -> bytes:
    """Return the bits in groups of another size, the last one padded with zeros."""
    return bytes(convertbits(values, from_bits, to_bits) or ())


def _decode(text: str) -> tuple[str, list[int]]:
    """Return prefix and five-bit groups, without the checksum."""
    _check_characters(text)
    lowered = text.lower()
    separator = lowered.rfind("1")
    if separator < 1 or separator + 1 + CHECKSUM_LENGTH > len(lowered):
        raise _malformed(f"invalid separator index {separator}")
    prefix, body = lowered[:separator], lowered[separator + 1 :]
    for character in body:
        if character not in CHARSET:
            raise _malformed(f"invalid character not part of charset: {ord(character)}")
    groups = [CHARSET.index(character) for character in body]
    payload = groups[:-CHECKSUM_LENGTH]
    if not bech32_verify_checksum(prefix, groups):
        expected = "".join(CHARSET[group] for group in bech32_create_checksum(prefix, payload))
        raise UsageError(
            "error decoding bech32: invalid checksum "
            f"(expected {expected} got {body[-CHECKSUM_LENGTH:]})",
            code="smesh.address.checksum",
            hint="a character is mistyped, missing or too many: copy the address again",
        )
    return prefix, payload


def _check_characters(text: str) -> None:
    data = text.encode("utf-8", "surrogateescape")
    if len(data) < MIN_LENGTH:
        raise _malformed(f"invalid bech32 string length {len(data)}")
    has_lower = has_upper = False
    for byte in data:
        if not FIRST_CHARACTER <= byte <= LAST_CHARACTER:
            raise _malformed(f"invalid character in string: '{chr(byte)}'")
        character = chr(byte)
        has_lower = has_lower or character.islower()
        has_upper = has_upper or character.isupper()
        if has_lower and has_upper:
            raise _malformed("string not all lowercase or all uppercase")


def _malformed(problem: str) -> UsageError:
    return UsageError(
        f"error decoding bech32: {problem}",
        code="smesh.address.malformed",
        hint="an address looks like sm1qqqqqq followed by 33 to 39 letters and digits",
    )
