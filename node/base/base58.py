"""Base58 with the Bitcoin alphabet: peer ids, and keys where smcli shows them so."""

from typing import Final

ALPHABET: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
"""Digits and letters without those that look alike."""

BASE: Final = len(ALPHABET)


def encode_base58(data: bytes) -> str:
    """Return bytes as a base 58 number; every leading zero byte becomes a leading ``1``."""
    number = int.from_bytes(data, "big")
    digits: list[str] = []
    while number:
        number, digit = divmod(number, BASE)
        digits.append(ALPHABET[digit])
    zeros = len(data) - len(data.lstrip(b"\0"))
    return ALPHABET[0] * zeros + "".join(reversed(digits))
