"""Make a PoST: find a nonce for which enough stored labels are good.

A *pass* tries a range of nonces: first a proof of work for every sixteen of them, then
one reading of all the data, during which the labels that are good for each nonce are
collected.  The first nonce to collect K2 labels wins; if none does, the next pass tries
the nonces that follow.  Labels are counted in the order in which the reference's single
thread finds them, whatever the number of threads here, so a proof is reproducible to the
last byte.

These are plain blocking functions; ``process.PostProcess`` runs them in a process of
their own.

Source: post-rs, crate ``post``, prove and reader; post digest section 9.
"""

import os
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from node.base.errors import PreconditionError, UnavailableError, UsageError
from node.post.difficulty import compute_proving_difficulty, count_index_bits
from node.post.engine import Hit, ScanEngine
from node.post.files import data_file_name, list_data_files, read_metadata
from node.post.k2pow import PowSearch, ProvingStoppedError
from node.post.labels import LABEL_SIZE
from node.post.metadata import SpaceMetadata
from node.post.rules import MAX_NONCES, NONCES_PER_GROUP, pack_indices, scale_pow_difficulty
from node.post.scan import ScanFactory, make_scan_keys
from node.types.post import Post

BATCH_SIZE: Final = 4 << 20
"""Bytes that a thread reads and scans at a time; a multiple of a chunk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvingSpace:
    """The stored labels that a proof is made from."""

    metadata: SpaceMetadata

    files: tuple[Path, ...]
    """Label files in order, without gaps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofOptions:
    """What to prove, and how."""

    challenge: bytes
    """32 bytes."""

    k1: int
    k2: int

    pow_difficulty: bytes
    """For one unit, 32 bytes big-endian."""

    nonces: int = 16
    """Nonces of a pass, a multiple of 16."""

    threads: int = 1
    """Threads that read and scan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofProgress:
    """How far a proof is."""

    first_nonce: int
    """First nonce of the pass."""

    end_nonce: int
    """First nonce that is not in the pass."""

    pows: int
    """Proofs of work found for this pass; when all are there, the data is being read."""

    position_bytes: int
    """Bytes scanned in this pass."""

    total_bytes: int
    """Bytes of a whole pass."""


@dataclass(frozen=True, slots=True)
class _Extent:
    """What is read of a file."""

    path: Path

    first_index: int
    """Index of its first label."""

    size: int
    """Bytes."""


class NoProofError(UnavailableError):
    """All nonces were tried: the difficulty does not fit the data."""

    default_code = "smesh.post.no_proof"


class DataError(UnavailableError):
    """Stored labels cannot be read."""

    default_code = "smesh.post.data"


def open_space(directory: Path) -> ProvingSpace:
    """Return the complete space of a data directory.

    Raises:
        PreconditionError: there is none, it is not complete, or no proof over it could be
            valid.
        StoreError: the metadata is damaged.
    """
    metadata = read_metadata(directory)
    if metadata.max_file_size % LABEL_SIZE:
        # The prover and the verifier of the reference disagree on where such files begin.
        raise PreconditionError(
            f"files of {metadata.max_file_size} bytes hold no whole number of labels; "
            "no proof over them is valid",
            code="smesh.post.file_size",
            hint="initialise again with a maximal file size that is a multiple of 16",
        )
    layout = metadata.layout
    found = {file.index: file for file in list_data_files(directory)}
    for number in range(layout.num_files):
        wanted = layout.labels_in(number) * LABEL_SIZE
        size = found[number].size if number in found else 0
        if size != wanted:
            remedy = "finish it with `smcli post init`"
            if size > wanted:
                remedy = "move it away and let `smcli post init` write it anew"
            raise PreconditionError(
                f"not completed: {data_file_name(number)} has {size} of {wanted} bytes",
                code="smesh.post.not_completed",
                hint=f"{remedy}; directory {directory}",
            )
    return ProvingSpace(
        metadata=metadata,
        files=tuple(found[number].path for number in range(layout.num_files)),
    )


def prove(
    space: ProvingSpace,
    options: ProofOptions,
    *,
    pow_search: PowSearch,
    scan_factory: ScanFactory,
    progress: Callable[[ProofProgress], None],
    stopped: Callable[[], bool],
) -> Post:
    """Make a proof; takes hours on a mainnet space.

    Args:
        space: the data.
        options: what to prove.
        pow_search: finds proofs of work.
        scan_factory: opens the scan for a thread.
        progress: told after every proof of work and every batch of data.
        stopped: asked before every hash and every batch.

    Raises:
        RejectError: the space has no more labels than K1.
        UsageError: the number of nonces is no multiple of 16, or another option is wrong.
        NoProofError: no nonce collects enough labels.
        DataError: a file cannot be read.
        ProvingStoppedError: ``stopped`` said so.
    """
    check_options(options)
    difficulty = compute_proving_difficulty(options.k1, space.metadata.num_labels)
    bits = count_index_bits(space.metadata.num_labels)
    extents = _measure(space)
    for first in range(0, MAX_NONCES - options.nonces + 1, options.nonces):
        this_pass = _Pass(
            space.metadata,
            extents,
            options,
            range(first, first + options.nonces),
            progress,
            stopped,
        )
        pows = this_pass.find_pows(pow_search)
        keys = make_scan_keys(options.challenge, this_pass.nonces, pows, difficulty)
        winner = this_pass.find_winner([scan_factory(keys) for _ in range(options.threads)])
        if winner is not None:
            nonce, indices = winner
            pow_nonce = pows[nonce // NONCES_PER_GROUP]
            return Post(nonce=nonce, indices=pack_indices(indices, bits), pow=pow_nonce)
    raise NoProofError(
        f"no proof with nonces below {MAX_NONCES}: "
        f"{options.k2} good labels of {options.k1} expected were never found",
        hint="verify the data; compare K1 and K2 with those of the network",
    )


def check_options(options: ProofOptions) -> None:
    """Check the numbers of a request.

    Raises:
        UsageError: one cannot be meant.
    """
    if not 0 < options.nonces <= MAX_NONCES or options.nonces % NONCES_PER_GROUP:
        raise UsageError(f"nonces {options.nonces}: expected a multiple of 16, up to {MAX_NONCES}")
    if options.threads < 1:
        raise UsageError(f"proving threads {options.threads}: expected at least 1")
    if options.k2 < 1:
        raise UsageError(f"k2 {options.k2}: expected at least 1")


def _measure(space: ProvingSpace) -> tuple[_Extent, ...]:
    """Return what to read of each file: not more than the maximal file size."""
    size = space.metadata.max_file_size
    extents = []
    for number, path in enumerate(space.files):
        try:
            stored = path.stat().st_size
        except OSError as error:
            raise _unreadable(path, error) from error
        extents.append(_Extent(path, number * size // LABEL_SIZE, min(stored, size)))
    return tuple(extents)


@dataclass(frozen=True, slots=True)
class _Pass:
    """One reading of the data."""

    metadata: SpaceMetadata
    extents: tuple[_Extent, ...]
    options: ProofOptions
    nonces: range
    progress: Callable[[ProofProgress], None]
    stopped: Callable[[], bool]

    def find_pows(self, pow_search: PowSearch) -> dict[int, int]:
        """Return the proof of work of every group of the pass."""
        groups = range(self.nonces.start // NONCES_PER_GROUP, self.nonces.stop // NONCES_PER_GROUP)
        difficulty = scale_pow_difficulty(self.options.pow_difficulty, self.metadata.num_units)
        pows: dict[int, int] = {}
        for group in groups:
            self._report(len(pows), 0)
            pows[group] = pow_search(
                group,
                self.options.challenge,
                self.metadata.smesher,
                difficulty,
                stopped=self.stopped,
            )
        self._report(len(pows), 0)
        return pows

    def find_winner(self, engines: Sequence[ScanEngine]) -> tuple[int, list[int]] | None:
        """Return the first nonce that collects K2 labels, with their indices, or None."""
        collected: dict[int, list[int]] = {nonce: [] for nonce in self.nonces}
        position = 0
        with closing(_scan_in_order(self.extents, engines, self.stopped)) as scanned:
            for size, hits in scanned:
                for nonce, index in hits:
                    indices = collected[nonce]
                    indices.append(index)
                    if len(indices) == self.options.k2:
                        return nonce, indices
                position += size
                self._report(len(self.nonces) // NONCES_PER_GROUP, position)
        return None

    def _report(self, pows: int, position: int) -> None:
        self.progress(
            ProofProgress(
                first_nonce=self.nonces.start,
                end_nonce=self.nonces.stop,
                pows=pows,
                position_bytes=position,
                total_bytes=sum(extent.size for extent in self.extents),
            )
        )


class _Reader:
    """A scan with a buffer of its own; used by one thread at a time."""

    def __init__(self, engine: ScanEngine) -> None:
        self._engine = engine
        self._buffer = bytearray(BATCH_SIZE)

    def scan(self, file: int, offset: int, size: int, first_index: int) -> Sequence[Hit]:
        """Read a piece of a file and return its good labels."""
        read = os.preadv(file, [memoryview(self._buffer)[:size]], offset)
        return self._engine.scan(memoryview(self._buffer)[:read], first_index)


def _scan_in_order(
    extents: Sequence[_Extent],
    engines: Sequence[ScanEngine],
    stopped: Callable[[], bool],
) -> Generator[tuple[int, Sequence[Hit]], None, None]:
    """Scan files with as many threads as engines; yield bytes and hits in file order."""
    readers: SimpleQueue[_Reader] = SimpleQueue()
    for engine in engines:
        readers.put(_Reader(engine))

    def scan(file: int, offset: int, size: int, first_index: int) -> tuple[int, Sequence[Hit]]:
        reader = readers.get()
        try:
            return size, reader.scan(file, offset, size, first_index)
        finally:
            readers.put(reader)

    with ThreadPoolExecutor(len(engines), "post-scan") as pool:
        for extent in extents:
            waiting: deque[Future[tuple[int, Sequence[Hit]]]] = deque()
            with _opened(extent.path) as file:
                try:
                    for offset in range(0, extent.size, BATCH_SIZE):
                        if stopped():
                            raise ProvingStoppedError("proving was stopped")
                        size = min(BATCH_SIZE, extent.size - offset)
                        index = extent.first_index + offset // LABEL_SIZE
                        waiting.append(pool.submit(scan, file.fileno(), offset, size, index))
                        if len(waiting) > len(engines):
                            yield _result(extent.path, waiting.popleft())
                    while waiting:
                        yield _result(extent.path, waiting.popleft())
                finally:
                    # Whatever ends this: nothing may read from the file once it is closed.
                    for future in waiting:
                        future.cancel()
                    wait(waiting)


def _opened(path: Path) -> FileIO:
    try:
        file = path.open("rb", buffering=0)
    except OSError as error:
        raise _unreadable(path, error) from error
    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)
    return file


def _result(path: Path, future: Future[tuple[int, Sequence[Hit]]]) -> tuple[int, Sequence[Hit]]:
    try:
        return future.result()
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> DataError:
    return DataError(f"{path} cannot be read: {error.strerror}", hint="is the disk still there?")
