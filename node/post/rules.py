"""The arithmetic that proving and verifying a PoST share: keys, packing, selection.

Sixteen consecutive nonces form a *nonce group*.  A group has one RandomX proof of work
and one AES-128 key; encrypting a label with it gives one byte for each nonce of the
group.  Every nonce has a second, *lazy* key, needed only when that byte does not decide.

Source: post-rs, crates prove, verification, compression; post digest sections 7 to 10.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from blake3 import blake3
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes

KEY_SIZE: Final = 16
"""Bytes of an AES-128 key, and of a block: a stored label is one block."""

CHUNK_LABELS: Final = 8
"""The prover examines labels in chunks of so many; what is left over is not examined."""

NONCES_PER_GROUP: Final = 16
"""Nonces that share a proof of work and an AES key."""

MAX_NONCE_GROUP: Final = 255
"""The group is one byte of the proof of work's input."""

MAX_NONCES: Final = NONCES_PER_GROUP * (MAX_NONCE_GROUP + 1)
"""Nonces from here on have no group."""

POW_CHALLENGE_SIZE: Final = 8
"""Bytes of the challenge that enter the proof of work."""

POW_NONCE_SIZE: Final = 7
"""Bytes of the pow that enter the proof of work; all eight enter the AES keys."""

LOW_BITS: Final = (1 << 56) - 1
"""Mask of the bits that a lazy value and the lower part of a difficulty have."""

_RANDOM_LIMIT: Final = (1 << 16) - 1


def scale_pow_difficulty(pow_difficulty: bytes, num_units: int) -> bytes:
    """Return what a RandomX hash must be below, byte by byte, for so many space units.

    Args:
        pow_difficulty: the network's difficulty for one unit, 32 bytes big-endian.
        num_units: at least 1.
    """
    scaled = int.from_bytes(pow_difficulty, "big") // num_units
    return scaled.to_bytes(len(pow_difficulty), "big")


def make_pow_input(pow_nonce: int, nonce_group: int, challenge: bytes, smesher: bytes) -> bytes:
    """Return the 48 bytes that RandomX hashes; only 7 bytes of ``pow_nonce`` are in it.

    Layout: u56 little-endian, u8 group, the first 8 bytes of the challenge, 32-byte id.
    """
    low = (pow_nonce & LOW_BITS).to_bytes(POW_NONCE_SIZE, "little")
    return low + bytes((nonce_group,)) + challenge[:POW_CHALLENGE_SIZE] + smesher


def derive_group_key(challenge: bytes, nonce_group: int, pow_nonce: int) -> bytes:
    """Return the AES-128 key of a nonce group."""
    suffix = nonce_group.to_bytes(4, "little") + pow_nonce.to_bytes(8, "little")
    return blake3(challenge + suffix).digest(length=KEY_SIZE)


def derive_lazy_key(challenge: bytes, nonce: int, pow_nonce: int) -> bytes:
    """Return the AES-128 key that decides for one nonce when the group's byte does not."""
    group = nonce // NONCES_PER_GROUP
    suffix = group.to_bytes(4, "little") + pow_nonce.to_bytes(8, "little")
    return blake3(challenge + suffix + nonce.to_bytes(4, "little")).digest(length=KEY_SIZE)


def make_block_cipher(key: bytes) -> CipherContext:
    """Return AES-128 with ``key``; every 16 bytes given to it are encrypted by themselves.

    Labels are looked up in a pseudo-random function here, nothing is being hidden.
    """
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305


def lazy_value(block: bytes) -> int:
    """Return the 56-bit number in a label encrypted with a lazy key."""
    return int.from_bytes(block[:8], "little") & LOW_BITS


def packed_length(bits: int, count: int) -> int:
    """Return the bytes that ``count`` indices of ``bits`` bits take."""
    return (bits * count + 7) // 8


def pack_indices(indices: Iterable[int], bits: int) -> bytes:
    """Pack the low ``bits`` bits of each index, least significant bit first, zero padded."""
    mask = (1 << bits) - 1
    packed = count = 0
    for count, index in enumerate(indices, start=1):
        packed |= (index & mask) << (bits * (count - 1))
    return packed.to_bytes(packed_length(bits, count), "little")


def unpack_indices(packed: bytes, bits: int) -> tuple[int, ...]:
    """Return every whole index in ``packed``; padding can look like further zeros."""
    mask = (1 << bits) - 1
    value = int.from_bytes(packed, "little")
    return tuple((value >> shift) & mask for shift in range(0, len(packed) * 8 - bits + 1, bits))


def shuffle_ordinals(count: int, seed: bytes, wanted: int) -> tuple[int, ...]:
    """Return the first ``wanted`` numbers of a random order of 0 ... count - 1.

    A partial Fisher-Yates shuffle fed with 16-bit little-endian numbers from the BLAKE3
    output stream of ``seed``; numbers that would favour small remainders are drawn again.
    """
    stream = blake3(seed)
    position = 0
    ordinals = list(range(count))
    chosen = min(wanted, count)
    for done in range(chosen):
        remaining = count - done
        limit = _RANDOM_LIMIT - _RANDOM_LIMIT % remaining
        drawn = limit
        while drawn >= limit:
            drawn = int.from_bytes(stream.digest(length=2, seek=position), "little")
            position += 2
        other = drawn % remaining + done
        ordinals[done], ordinals[other] = ordinals[other], ordinals[done]
    return tuple(ordinals[:chosen])


def subset_seed(seed: bytes, smesher: bytes, challenge: bytes) -> bytes:
    """Return the seed of the order in which a verifier picks indices to check."""
    return seed + smesher + challenge


def take(items: Sequence[int], ordinals: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Return (ordinal, item) for each ordinal that exists in ``items``."""
    return tuple((ordinal, items[ordinal]) for ordinal in ordinals if ordinal < len(items))
