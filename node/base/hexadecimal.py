"""Hexadecimal digits as the reference reads them, with its words for what is wrong.

Source: Go, encoding/hex, whose texts the reference passes on.
"""

from typing import Final

DIGITS: Final = frozenset("0123456789abcdefABCDEF")


def hex_problem(text: str) -> str:
    """Return what Go finds wrong with a text as hex; empty if it is right."""
    for character in text:
        if character not in DIGITS:
            return f"encoding/hex: invalid byte: U+{ord(character):04X} '{character}'"
    return "encoding/hex: odd length hex string" if len(text) % 2 else ""
