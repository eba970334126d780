"""The shuffle that orders a block's transactions: MT19937-64, seeded by the block's seed.

Source: Matsumoto and Nishimura, MT19937-64; Go's math/rand, Shuffle; blocks digest 2.
"""

from collections.abc import Sequence
from typing import Final, TypeVar

T = TypeVar("T")

STATE_WORDS: Final = 312
MIDDLE: Final = 156
MASK: Final = (1 << 64) - 1
UPPER: Final = 0xFFFFFFFF80000000
LOWER: Final = 0x7FFFFFFF
TWIST: Final = 0xB5026F5AA96619E9
ARRAY_SEED: Final = 19650218
WORD_BYTES: Final = 8


class MersenneTwister64:
    """The 64-bit Mersenne twister, seeded by an array of words."""

    def __init__(self, key: Sequence[int]) -> None:
        self._state = _seeded(key)
        self._next = STATE_WORDS

    def u64(self) -> int:
        """Return the next 64-bit output."""
        if self._next >= STATE_WORDS:
            self._twist()
        value = self._state[self._next]
        self._next += 1
        value ^= value >> 29 & 0x5555555555555555
        value ^= value << 17 & 0x71D67FFFEDA60000
        value ^= value << 37 & 0xFFF7EEE000000000
        return value ^ value >> 43

    def u32(self) -> int:
        """Return bits 31 to 62 of the next output, as Go takes them."""
        return self.u64() >> 31 & 0xFFFFFFFF

    def below(self, bound: int) -> int:
        """Return an unbiased number below a 31-bit ``bound``."""
        product = self.u32() * bound
        low = product & 0xFFFFFFFF
        if low < bound:
            threshold = ((1 << 32) - bound) % bound
            while low < threshold:
                product = self.u32() * bound
                low = product & 0xFFFFFFFF
        return product >> 32

    def _twist(self) -> None:
        state = self._state
        for k in range(STATE_WORDS):
            mixed = state[k] & UPPER | state[(k + 1) % STATE_WORDS] & LOWER
            shifted = mixed >> 1 ^ (TWIST if mixed & 1 else 0)
            state[k] = state[(k + MIDDLE) % STATE_WORDS] ^ shifted
        self._next = 0


def _seeded(key: Sequence[int]) -> list[int]:
    state = [ARRAY_SEED]
    for k in range(1, STATE_WORDS):
        state.append(6364136223846793005 * (state[k - 1] ^ state[k - 1] >> 62) + k & MASK)
    at, used = 1, 0
    for _ in range(max(STATE_WORDS, len(key))):
        previous = (state[at - 1] ^ state[at - 1] >> 62) * 3935559000370003845
        state[at] = (state[at] ^ previous) + key[used] + used & MASK
        at, used = at + 1, (used + 1) % len(key)
        if at == STATE_WORDS:
            state[0] = state[-1]
            at = 1
    for _ in range(STATE_WORDS - 1):
        previous = (state[at - 1] ^ state[at - 1] >> 62) * 2862933555777941757
        state[at] = (state[at] ^ previous) - at & MASK
        at += 1
        if at == STATE_WORDS:
            state[0] = state[-1]
            at = 1
    state[0] = 1 << 63
    return state


def shuffled(items: Sequence[T], seed: bytes) -> list[T]:
    """Return the items in the order that a 32-byte seed gives them."""
    words = (seed[k : k + WORD_BYTES] for k in range(0, len(seed), WORD_BYTES))
    twister = MersenneTwister64([int.from_bytes(word, "little") for word in words])
    result = list(items)
    for last in range(len(result) - 1, 0, -1):
        chosen = twister.below(last + 1)
        result[last], result[chosen] = result[chosen], result[last]
    return result
