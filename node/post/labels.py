"""One label: the specification every engine is compared with.

A label is a function of a commitment (who stores it) and its index.  It is scrypt with
the primitives of scrypt-jane: PBKDF2 over HMAC with the *original* Keccak-512, and a
memory-hard mix built from ChaCha with eight rounds.  ``r`` and ``p`` are always 1, so
the mix works on one chunk of 128 bytes.  This is written to be read: a label with the
networks' parameter takes more than a second.

Source: post-rs ``scrypt-jane-rs``, floodyberry's scrypt-jane; digest post 2.
"""

import struct
from collections.abc import Sequence
from typing import Final

from blake3 import blake3

from node.base.errors import UsageError

LABEL_SIZE: Final = 16
"""Bytes of a label that are stored: the first half of what the function yields."""

FULL_LABEL_SIZE: Final = 32
"""Bytes that the label function yields; all of them count for the VRF nonce only."""

COMMITMENT_SIZE: Final = 32
"""Bytes of a commitment."""

CHUNK_SIZE: Final = 128
"""Bytes of the state that the memory-hard mix works on."""

MAINNET_SCRYPT_N: Final = 8192
"""Number of chunks the mix stores, on every network but fastnet."""

MAX_INDEX: Final = 2**64 - 1
"""Largest label index that can be written down."""

KECCAK_RATE: Final = 72
"""Bytes Keccak-512 absorbs a round; also the block size of the HMAC."""

KECCAK_ROUND_CONSTANTS: Final = (
    0x0000000000000001,
    0x0000000000008082,
    0x800000000000808A,
    0x8000000080008000,
    0x000000000000808B,
    0x0000000080000001,
    0x8000000080008081,
    0x8000000000008009,
    0x000000000000008A,
    0x0000000000000088,
    0x0000000080008009,
    0x000000008000000A,
    0x000000008000808B,
    0x800000000000008B,
    0x8000000000008089,
    0x8000000000008003,
    0x8000000000008002,
    0x8000000000000080,
    0x000000000000800A,
    0x800000008000000A,
    0x8000000080008081,
    0x8000000000008080,
    0x0000000080000001,
    0x8000000080008008,
)
"""The word that round k of Keccak adds to lane 0 (FIPS 202, 3.2.5)."""

KECCAK_LANE_ORDER: Final = (
    (10, 1),
    (7, 3),
    (11, 6),
    (17, 10),
    (18, 15),
    (3, 21),
    (5, 28),
    (16, 36),
    (8, 45),
    (21, 55),
    (24, 2),
    (4, 14),
    (15, 27),
    (23, 41),
    (19, 56),
    (13, 8),
    (12, 25),
    (2, 43),
    (20, 62),
    (14, 18),
    (22, 39),
    (9, 61),
    (6, 20),
    (1, 44),
)
"""Where the lanes go one after the other, from lane 1 on, and by how many bits each turns."""

_MASK_64: Final = 2**64 - 1
_MASK_32: Final = 2**32 - 1
_CHACHA_DOUBLE_ROUNDS: Final = 4
_COLUMNS: Final = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15))
_DIAGONALS: Final = ((0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))


def make_commitment(smesher: bytes, commitment_atx: bytes) -> bytes:
    """Return the commitment of a smesher: BLAKE3 over its id and its commitment ATX.

    Source: post for Go, shared, CommitmentBytes.
    """
    return blake3(smesher + commitment_atx).digest()


def check_scrypt_n(scrypt_n: int) -> None:
    """Check the number of chunks of the mix.

    Raises:
        UsageError: it is not a power of two, or below 2.
    """
    if scrypt_n < 2 or scrypt_n & (scrypt_n - 1):  # noqa: PLR2004 - the text says it
        raise UsageError(f"invalid `n`; expected: power of 2, given: {scrypt_n}")


def compute_label(commitment: bytes, index: int, *, scrypt_n: int = MAINNET_SCRYPT_N) -> bytes:
    """Return all 32 bytes of a label; the first 16 are the stored label.

    Args:
        commitment: 32 bytes, see ``make_commitment``.
        index: 0 to 2**64 - 1.
        scrypt_n: number of chunks stored by the mix, a power of two.
    """
    check_scrypt_n(scrypt_n)
    password = commitment + index.to_bytes(8, "little") + bytes(32)
    chunk = _derive(password, b"", CHUNK_SIZE)
    return _derive(password, _mix_with_memory(chunk, scrypt_n), FULL_LABEL_SIZE)


def keccak_512(message: bytes) -> bytes:
    """Return the digest of the original Keccak, which pads with 0x01 where SHA3-512 has 0x06."""
    padded = bytearray(message + bytes(KECCAK_RATE - len(message) % KECCAK_RATE))
    padded[len(message)] ^= 0x01
    padded[-1] ^= 0x80
    lanes = [0] * 25
    for start in range(0, len(padded), KECCAK_RATE):
        for position, word in enumerate(struct.unpack_from("<9Q", padded, start)):
            lanes[position] ^= word
        lanes = _keccak_permute(lanes)
    return struct.pack("<8Q", *lanes[:8])


def _keccak_permute(lanes: Sequence[int]) -> list[int]:
    state = list(lanes)
    for constant in KECCAK_ROUND_CONSTANTS:
        parity = [
            state[x] ^ state[x + 5] ^ state[x + 10] ^ state[x + 15] ^ state[x + 20]
            for x in range(5)
        ]
        effect = [parity[x - 1] ^ _turn_64(parity[(x + 1) % 5], 1) for x in range(5)]
        state = [lane ^ effect[position % 5] for position, lane in enumerate(state)]
        moving = state[1]
        for position, bits in KECCAK_LANE_ORDER:
            state[position], moving = _turn_64(moving, bits), state[position]
        state = [
            state[row + x] ^ (~state[row + (x + 1) % 5] & state[row + (x + 2) % 5])
            for row in range(0, 25, 5)
            for x in range(5)
        ]
        state[0] ^= constant
    return state


def _turn_64(word: int, bits: int) -> int:
    return (word << bits | word >> (64 - bits)) & _MASK_64


def _hmac(key: bytes, message: bytes) -> bytes:
    """Return HMAC-Keccak-512; the key must be one block of 72 bytes."""
    inner = keccak_512(bytes(byte ^ 0x36 for byte in key) + message)
    return keccak_512(bytes(byte ^ 0x5C for byte in key) + inner)


def _derive(password: bytes, salt: bytes, length: int) -> bytes:
    """Return PBKDF2 with one iteration; its block counter is big-endian."""
    blocks = -(-length // 64)
    stream = b"".join(
        _hmac(password, salt + block.to_bytes(4, "big")) for block in range(1, blocks + 1)
    )
    return stream[:length]


def _mix_with_memory(chunk: bytes, scrypt_n: int) -> bytes:
    """Fill a memory with successive states, then read it where the state says (ROMix)."""
    state = list(struct.unpack("<32I", chunk))
    memory: list[list[int]] = []
    for _ in range(scrypt_n):
        memory.append(state)
        state = _mix_chunk(state)
    for _ in range(scrypt_n):
        stored = memory[state[16] & (scrypt_n - 1)]
        state = _mix_chunk([a ^ b for a, b in zip(state, stored, strict=True)])
    return struct.pack("<32I", *state)


def _mix_chunk(chunk: Sequence[int]) -> list[int]:
    first = _chacha_core([a ^ b for a, b in zip(chunk[:16], chunk[16:], strict=True)])
    second = _chacha_core([a ^ b for a, b in zip(chunk[16:], first, strict=True)])
    return first + second


def _chacha_core(block: Sequence[int]) -> list[int]:
    words = list(block)
    for _ in range(_CHACHA_DOUBLE_ROUNDS):
        for a, b, c, d in _COLUMNS:
            _quarter_round(words, a, b, c, d)
        for a, b, c, d in _DIAGONALS:
            _quarter_round(words, a, b, c, d)
    return [(mixed + word) & _MASK_32 for mixed, word in zip(words, block, strict=True)]


def _quarter_round(words: list[int], a: int, b: int, c: int, d: int) -> None:
    for target, other, turned, bits in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        words[target] = (words[target] + words[other]) & _MASK_32
        word = words[turned] ^ words[target]
        words[turned] = (word << bits | word >> (32 - bits)) & _MASK_32
