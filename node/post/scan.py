"""The inner loop of a proof: which stored labels are good for which nonces.

This module holds the keys of a pass and the plain implementation, with the AES of the
``cryptography`` package; ``scan_cpu`` is the fast one.

Source: post-rs, crate ``post``, prove (Prover8_56); post digest section 9.1.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from node.base.errors import UsageError
from node.post.difficulty import split_difficulty
from node.post.engine import Hit, ScanEngine
from node.post.labels import LABEL_SIZE
from node.post.rules import (
    CHUNK_LABELS,
    LOW_BITS,
    MAX_NONCES,
    NONCES_PER_GROUP,
    derive_group_key,
    derive_lazy_key,
    make_block_cipher,
)

CHUNK_SIZE: Final = CHUNK_LABELS * LABEL_SIZE
"""Bytes of the smallest piece of data that is examined."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanKeys:
    """Everything a scan needs besides the data."""

    first_nonce: int
    """First nonce of the first group."""

    group_keys: tuple[bytes, ...]
    """One AES-128 key for each group, in order."""

    lazy_keys: tuple[bytes, ...]
    """One AES-128 key for each nonce, in order."""

    difficulty: int
    """Proving difficulty, u64."""


ScanFactory: TypeAlias = Callable[[ScanKeys], ScanEngine]
"""Opens an engine for one thread and one pass."""


def make_scan_keys(
    challenge: bytes, nonces: range, pows: Mapping[int, int], difficulty: int
) -> ScanKeys:
    """Derive the keys of a pass.

    Args:
        challenge: 32 bytes.
        nonces: whole groups, below 4096.
        pows: the proof of work of each group.
        difficulty: proving difficulty, u64.

    Raises:
        UsageError: the nonces are not whole groups, or there are no such groups.
    """
    if not nonces or nonces.start % NONCES_PER_GROUP or len(nonces) % NONCES_PER_GROUP:
        raise UsageError(f"nonces {nonces.start} to {nonces.stop} are not whole groups of 16")
    if nonces.step != 1 or nonces.start < 0 or nonces.stop > MAX_NONCES:
        raise UsageError(f"nonces {nonces.start} to {nonces.stop} reach past {MAX_NONCES}")
    groups = range(nonces.start // NONCES_PER_GROUP, nonces.stop // NONCES_PER_GROUP)
    return ScanKeys(
        first_nonce=nonces.start,
        group_keys=tuple(derive_group_key(challenge, group, pows[group]) for group in groups),
        lazy_keys=tuple(
            derive_lazy_key(challenge, nonce, pows[nonce // NONCES_PER_GROUP]) for nonce in nonces
        ),
        difficulty=difficulty,
    )


class PlainScan:
    """A scan with OpenSSL's AES and numpy: clear, and at home on every processor."""

    def __init__(self, keys: ScanKeys) -> None:
        self._first_nonce = keys.first_nonce
        self._difficulty = split_difficulty(keys.difficulty)
        self._group_ciphers = [make_block_cipher(key) for key in keys.group_keys]
        self._lazy_ciphers = [make_block_cipher(key) for key in keys.lazy_keys]

    @property
    def description(self) -> str:
        """What does the work, for people."""
        return "OpenSSL and numpy"

    def scan(self, data: bytes | bytearray | memoryview, first_index: int) -> Sequence[Hit]:
        """Return the good labels of ``data`` in the order the reference finds them."""
        examined = memoryview(data)[: len(data) // CHUNK_SIZE * CHUNK_SIZE]
        labels = np.frombuffer(examined, np.uint8).reshape(-1, LABEL_SIZE)
        nonces: list[NDArray[np.int64]] = []
        positions: list[NDArray[np.int64]] = []
        for group, cipher in enumerate(self._group_ciphers):
            encrypted = np.frombuffer(cipher.update(examined), np.uint8)
            maybe = find_true(encrypted <= self._difficulty.msb)
            for column in range(NONCES_PER_GROUP):
                nonce = NONCES_PER_GROUP * group + column
                places = maybe[maybe % NONCES_PER_GROUP == column]
                good = self._good_positions(nonce, places, encrypted, labels)
                nonces.append(np.full(len(good), nonce + self._first_nonce))
                positions.append(good)
        return order_hits(np.concatenate(nonces), np.concatenate(positions), first_index)

    def _good_positions(
        self,
        nonce: int,
        places: NDArray[np.int64],
        encrypted: NDArray[np.uint8],
        labels: NDArray[np.uint8],
    ) -> NDArray[np.int64]:
        """Return which labels are good for a nonce (counted from the pass's first).

        Args:
            nonce: column of the pass.
            places: int64 (k,), bytes of ``encrypted`` that belong to the nonce and are not
                above the difficulty.
            encrypted: uint8 (16 n,), all labels under the group's key.
            labels: uint8 (n, 16).
        """
        found = places // LABEL_SIZE
        lazily = self._lazy_ciphers[nonce].update(labels[found].tobytes())
        values = np.frombuffer(lazily, "<u8")[::2] & np.uint64(LOW_BITS)
        below = encrypted[places] < self._difficulty.msb
        return found[below | (values < self._difficulty.lsb)]


def find_true(flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return where an array is true; quick if it rarely is.

    Args:
        flags: bool (8 n,).
    """
    eights = np.flatnonzero(flags.view(np.uint64))
    rows, columns = np.nonzero(flags.reshape(-1, 8)[eights])
    return eights[rows] * 8 + columns


def order_hits(
    nonces: NDArray[np.int64], positions: NDArray[np.int64], first_index: int
) -> list[Hit]:
    """Return hits in the order of discovery: by chunk, group, label, nonce.

    Args:
        nonces: int64 (n,).
        positions: int64 (n,), label positions in the data.
        first_index: index of the label at position 0.
    """
    order = np.lexsort((nonces, positions, nonces // NONCES_PER_GROUP, positions // CHUNK_LABELS))
    return [
        Hit(nonce, first_index + position)
        for nonce, position in zip(nonces[order].tolist(), positions[order].tolist(), strict=True)
    ]
