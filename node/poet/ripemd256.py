"""RIPEMD-256, which the proof of work of PoET registrations is made of.

No library at hand has it (it is not RIPEMD-160 with more output).  Two lines of 64 steps
run side by side and swap one word after every sixteen.

Source: the RIPEMD-160 paper's appendix on double-length variants; PoET digest section 6.3.
"""

import struct
from typing import Final

BLOCK_SIZE: Final = 64
STEPS: Final = 64
STEPS_OF_A_ROUND: Final = 16
WORD: Final = 0xFFFFFFFF

INITIAL: Final = (
    *(0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476),
    *(0x76543210, 0xFEDCBA98, 0x89ABCDEF, 0x01234567),
)
LEFT_WORDS: Final = (
    *(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
    *(7, 4, 13, 1, 10, 6, 15, 3, 12, 0, 9, 5, 2, 14, 11, 8),
    *(3, 10, 14, 4, 9, 15, 8, 1, 2, 7, 0, 6, 13, 11, 5, 12),
    *(1, 9, 11, 10, 0, 8, 12, 4, 13, 3, 7, 15, 14, 5, 6, 2),
)
RIGHT_WORDS: Final = (
    *(5, 14, 7, 0, 9, 2, 11, 4, 13, 6, 15, 8, 1, 10, 3, 12),
    *(6, 11, 3, 7, 0, 13, 5, 10, 14, 15, 8, 12, 4, 9, 1, 2),
    *(15, 5, 1, 3, 7, 14, 6, 9, 11, 8, 12, 2, 10, 0, 4, 13),
    *(8, 6, 4, 1, 3, 11, 15, 0, 5, 12, 2, 13, 9, 7, 10, 14),
)
LEFT_SHIFTS: Final = (
    *(11, 14, 15, 12, 5, 8, 7, 9, 11, 13, 14, 15, 6, 7, 9, 8),
    *(7, 6, 8, 13, 11, 9, 7, 15, 7, 12, 15, 9, 11, 7, 13, 12),
    *(11, 13, 6, 7, 14, 9, 13, 15, 14, 8, 13, 6, 5, 12, 7, 5),
    *(11, 12, 14, 15, 14, 15, 9, 8, 9, 14, 5, 6, 8, 6, 5, 12),
)
RIGHT_SHIFTS: Final = (
    *(8, 9, 9, 11, 13, 15, 15, 5, 7, 7, 8, 11, 14, 14, 12, 6),
    *(9, 13, 15, 7, 12, 8, 9, 11, 7, 7, 12, 7, 6, 15, 13, 11),
    *(9, 7, 15, 11, 8, 6, 6, 14, 12, 13, 5, 14, 13, 13, 7, 5),
    *(15, 5, 8, 11, 14, 14, 6, 14, 6, 9, 12, 9, 12, 5, 15, 8),
)
LEFT_CONSTANTS: Final = (0x00000000, 0x5A827999, 0x6ED9EBA1, 0x8F1BBCDC)
RIGHT_CONSTANTS: Final = (0x50A28BE6, 0x5C4DD124, 0x6D703EF3, 0x00000000)


def ripemd256(message: bytes) -> bytes:
    """Return the 32-byte digest of ``message``."""
    size_bits = struct.pack("<Q", 8 * len(message))
    padded = message + b"\x80" + bytes((55 - len(message)) % BLOCK_SIZE) + size_bits
    state = list(INITIAL)
    for start in range(0, len(padded), BLOCK_SIZE):
        added = _compress(state, struct.unpack_from("<16I", padded, start))
        state = [(old + new) & WORD for old, new in zip(state, added, strict=True)]
    return struct.pack("<8I", *state)


def _compress(state: list[int], words: tuple[int, ...]) -> list[int]:
    left, right = state[:4], state[4:]
    for step in range(STEPS):
        quarter = step // STEPS_OF_A_ROUND
        left_sum = left[0] + words[LEFT_WORDS[step]] + LEFT_CONSTANTS[quarter]
        right_sum = right[0] + words[RIGHT_WORDS[step]] + RIGHT_CONSTANTS[quarter]
        left = _turn(left, quarter, left_sum, LEFT_SHIFTS[step])
        right = _turn(right, 3 - quarter, right_sum, RIGHT_SHIFTS[step])
        if step % STEPS_OF_A_ROUND == STEPS_OF_A_ROUND - 1:
            left[quarter], right[quarter] = right[quarter], left[quarter]
    return left + right


def _turn(line: list[int], kind: int, total: int, shift: int) -> list[int]:
    mixed = (total + _mix(kind, line[1], line[2], line[3])) & WORD
    rotated = (mixed << shift | mixed >> (32 - shift)) & WORD
    return [line[3], rotated, line[1], line[2]]


def _mix(kind: int, x: int, y: int, z: int) -> int:
    """Return the boolean function of one of the four rounds."""
    match kind:
        case 0:
            return x ^ y ^ z
        case 1:
            return (x & y) | (~x & z)
        case 2:
            return (x | ~y) ^ z
        case _:
            return (x & z) | (y & ~z)
