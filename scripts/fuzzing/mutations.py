"""Ways to spoil bytes; none of them knows what the bytes mean."""

from collections.abc import Callable, Sequence
from typing import Final

from node.base.scale import LENGTH_BITS, compact
from scripts.fuzzing.draws import Draws

MOST_EXTRA: Final = 64
"""Bytes that are added at most."""
MOST_RANDOM: Final = 600
"""Bytes of a message that is made up."""
MOST_FLIPS: Final = 4
MOST_COPIED: Final = 200

LENGTHS: Final = (0, 1, 63, 64, 255, 1000, 16_383, 16_384, 1 << 20, 8_000_000, (1 << 30) - 1)
"""Lengths that are claimed in place of the true ones."""

Mutation = Callable[[Draws, bytes], bytes]
"""Takes draws and the bytes to spoil; returns the spoilt bytes."""
Mixture = Callable[[Draws, bytes, Sequence[bytes]], bytes]
"""Takes other messages, too."""


def truncate(draws: Draws, data: bytes) -> bytes:
    """Leave off the end."""
    return data[: draws.below(max(1, len(data)))]


def extend(draws: Draws, data: bytes) -> bytes:
    """Add something behind."""
    return data + draws.bytes(1 + draws.below(MOST_EXTRA))


def flip_bits(draws: Draws, data: bytes) -> bytes:
    """Turn a few bits over."""
    out = bytearray(data or b"\0")
    for _ in range(1 + draws.below(MOST_FLIPS)):
        out[draws.below(len(out))] ^= 1 << draws.below(8)
    return bytes(out)


def set_byte(draws: Draws, data: bytes) -> bytes:
    """Set one byte to a value that often means something."""
    out = bytearray(data or b"\0")
    out[draws.below(len(out))] = draws.choose((0, 1, 2, 3, 4, 0x7F, 0x80, 0xFE, 0xFF))
    return bytes(out)


def inflate_length(draws: Draws, data: bytes) -> bytes:
    """Put a length that is not true over, or before, what is there."""
    at = draws.below(len(data) + 1)
    length = compact(draws.choose(LENGTHS), LENGTH_BITS)
    return data[:at] + length + data[at + draws.below(len(length) + 1) :]


def cut_out(draws: Draws, data: bytes) -> bytes:
    """Remove a part."""
    at = draws.below(len(data) + 1)
    return data[:at] + data[at + 1 + draws.below(MOST_EXTRA) :]


def repeat(draws: Draws, data: bytes) -> bytes:
    """Say a part twice."""
    at = draws.below(len(data) + 1)
    end = at + 1 + draws.below(MOST_EXTRA)
    return data[:end] + data[at:end] + data[end:]


def swap_parts(draws: Draws, data: bytes) -> bytes:
    """Exchange two parts of the same size."""
    size = 1 + draws.below(32)
    if len(data) < 2 * size:
        return data[::-1]
    first = draws.below(len(data) - 2 * size + 1)
    second = first + size + draws.below(len(data) - first - 2 * size + 1)
    return b"".join(
        (
            data[:first],
            data[second : second + size],
            data[first + size : second],
            data[first : first + size],
            data[second + size :],
        )
    )


def splice(draws: Draws, data: bytes, others: Sequence[bytes]) -> bytes:
    """Go on with a part of another message."""
    other = draws.choose(others) if others else data[::-1]
    start = draws.below(len(other) + 1)
    return data[: draws.below(len(data) + 1)] + other[start : start + MOST_COPIED]


def replace_by_other(draws: Draws, _: bytes, others: Sequence[bytes]) -> bytes:
    """Send a message that is meant for another topic."""
    return draws.choose(others) if others else b""


def make_up(draws: Draws, _: bytes) -> bytes:
    """Send random bytes."""
    return draws.bytes(draws.below(MOST_RANDOM))


def fill(draws: Draws, data: bytes) -> bytes:
    """Send as many bytes, all the same."""
    return bytes([draws.choose((0, 1, 3, 4, 0xFF))]) * len(data)


MUTATIONS: Final[tuple[Mutation, ...]] = (
    truncate,
    extend,
    flip_bits,
    flip_bits,
    set_byte,
    set_byte,
    inflate_length,
    inflate_length,
    cut_out,
    repeat,
    swap_parts,
    make_up,
    fill,
)
MIXTURES: Final[tuple[Mixture, ...]] = (splice, replace_by_other)
MIXED: Final = 8
"""One message of so many is made with another one, and one of so many is spoilt twice."""


def spoil(draws: Draws, data: bytes, others: Sequence[bytes]) -> tuple[str, bytes]:
    """Return what was done to ``data``, and what it became."""
    if draws.below(MIXED) == 0:
        mixture = draws.choose(MIXTURES)
        name, out = mixture.__name__, mixture(draws, data, others)
    else:
        mutation = draws.choose(MUTATIONS)
        name, out = mutation.__name__, mutation(draws, data)
    if draws.below(MIXED) == 0:
        second = draws.choose(MUTATIONS)
        name, out = f"{name}+{second.__name__}", second(draws, out)
    return name, out
