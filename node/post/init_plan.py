"""Initialisation without input or output: what to compute, check, write and save next.

The plan is told what a data directory holds.  Its driver asks for work, computes the
labels, hands them in, and carries out what it gets back, in that order.  Labels are kept
nowhere else, so stopping at any moment loses no more than the work in hand: a new plan
over the same directory goes on from the sizes of the files.

Phases: *creating* (compare with the metadata, complete and save it), *writing* (fill the
files), *searching* (no label of the space is a VRF nonce: look beyond it), *done*.

Invariants: labels are written in index order, right behind those a file has; a file is
never shortened or removed unless the options allow shrinking; the metadata names the
smallest nonce seen before the label itself is written.

Source: post for Go, initialization; digest post 5.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from blake3 import blake3

from node.base.errors import DeviceError, PreconditionError, StoreError, UsageError
from node.post.difficulty import compute_vrf_difficulty
from node.post.init_options import (
    InitOptions,
    SpaceStatus,
    check_options,
    check_same_space,
    compute_status,
)
from node.post.labels import FULL_LABEL_SIZE, LABEL_SIZE
from node.post.metadata import SpaceMetadata


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotChecks:
    """Which labels are computed a second time, by another implementation."""

    every_work: bool
    """Check in every piece of work; else in the first, in the last, and once a batch."""

    labels: int
    """How many labels of the work, the last one among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Labels to compute now."""

    start: int
    """Index of the first label."""

    count: int

    overlaps: bool = False
    """The first label is on disk already; it is computed to be compared with it."""

    checks: tuple[int, ...] = ()
    """Indices of labels that another implementation computes too."""


@dataclass(frozen=True, slots=True)
class SaveMetadata:
    """Replace the metadata file."""

    metadata: SpaceMetadata


@dataclass(frozen=True, slots=True)
class WriteLabels:
    """Write stored labels behind those a file has."""

    file: int
    position: int
    """Labels of the file before these."""

    labels: bytes


@dataclass(frozen=True, slots=True)
class SyncFile:
    """A file is complete: bring it to the disk before anything else happens."""

    file: int
    num_labels: int


@dataclass(frozen=True, slots=True)
class RemoveFile:
    """Delete a file that the space does not have."""

    file: int


@dataclass(frozen=True, slots=True)
class ShortenFile:
    """Cut a file to its first labels."""

    file: int
    num_labels: int


@dataclass(frozen=True, slots=True)
class FileFound:
    """A file's turn has come: for listeners."""

    file: int
    num_labels: int
    """Labels it has."""

    target: int
    """Labels it gets."""

    first_label: int
    """Index of its first label."""

    @property
    def is_complete(self) -> bool:
        """Whether nothing is to be done."""
        return self.num_labels == self.target


@dataclass(frozen=True, slots=True)
class NonceFound:
    """A better VRF nonce was found: for listeners."""

    file: int
    nonce: int
    value: bytes
    """16 bytes."""


Output: TypeAlias = (
    SaveMetadata | WriteLabels | SyncFile | RemoveFile | ShortenFile | FileFound | NonceFound
)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Creating, or created: ``begin`` has not been called."""


@dataclass(frozen=True, slots=True)
class _Writing:
    file: int


@dataclass(slots=True)
class _Searching:
    start: int
    """First label of the batch in work."""

    done: int = 0
    """Labels of the batch that are computed."""

    best: tuple[bytes, int] | None = None
    """Smallest good label of the batch, with its index."""


@dataclass(frozen=True, slots=True)
class _Done:
    """There is no more work."""


class InitPlan:
    """The state of one initialisation; see the module for its phases.

    Call ``create_work`` and ``on_created``, then ``begin``, then ``next_work`` and
    ``on_labels`` until there is no more work.
    """

    def __init__(
        self,
        options: InitOptions,
        *,
        metadata: SpaceMetadata | None,
        file_labels: Mapping[int, int],
        directory: str,
        checks: SpotChecks,
    ) -> None:
        """Take the wanted space and what the directory holds.

        Args:
            options: what is wanted.
            metadata: what the directory says of itself; None if it says nothing.
            file_labels: whole labels in each file that is there.
            directory: its name, for messages.
            checks: which labels are to be computed twice.

        Raises:
            UsageError: an option cannot be used.
            PreconditionError: the labels on disk belong to another space, have no metadata,
                or would have to be removed.
        """
        check_options(options)
        self.options = options
        self.commitment = options.commitment
        self.layout = options.layout
        self.labels_written = 0
        self._checks = checks
        self._file_labels = dict(file_labels)
        self._difficulty = compute_vrf_difficulty(options.num_labels)
        self._phase: _Waiting | _Writing | _Searching | _Done = _Waiting()
        self._is_first_work = True
        self._unchecked = 0
        kept = None
        if sum(file_labels.values()) > 0:
            if metadata is None:
                raise PreconditionError("metadata file is missing", code="smesh.post.no_metadata")
            check_same_space(options, metadata, directory)
            kept = metadata
        self.metadata = SpaceMetadata(
            smesher=options.smesher,
            commitment_atx=options.commitment_atx,
            labels_per_unit=options.labels_per_unit,
            num_units=options.num_units,
            max_file_size=options.max_file_size,
            nonce=kept.nonce if kept else None,
            nonce_value=kept.nonce_value if kept else None,
            last_position=kept.last_position if kept else None,
        )
        if not options.allow_shrink:
            self._check_nothing_is_lost(directory, kept)
        self._files: Iterator[int] = iter(())

    @property
    def status(self) -> SpaceStatus:
        """How far the space is, by its files."""
        return compute_status(self.layout, self._file_labels)

    @property
    def is_searching(self) -> bool:
        """Whether the labels are complete and a nonce beyond them is looked for."""
        return isinstance(self._phase, _Searching)

    @property
    def is_done(self) -> bool:
        """Whether there is no more work."""
        return isinstance(self._phase, _Done)

    @property
    def current_file(self) -> int | None:
        """Number of the file in work."""
        return self._phase.file if isinstance(self._phase, _Writing) else None

    def missing_labels(self) -> int:
        """Return how many labels are still to be computed in the files that are wanted."""
        first, last = self._file_range()
        return sum(
            max(0, self.layout.labels_in(file) - self._file_labels.get(file, 0))
            for file in range(first, last + 1)
        )

    def create_work(self) -> Work | None:
        """Return the label needed to complete the metadata, if one is."""
        if self.metadata.nonce is not None and self.metadata.nonce_value is None:
            return Work(start=self.metadata.nonce, count=1)
        return None

    def on_created(self, label: bytes | None) -> SaveMetadata:
        """Take the label that ``create_work`` asked for; the metadata is to be saved."""
        if label is not None:
            self.metadata = replace(self.metadata, nonce_value=label[:LABEL_SIZE])
        return SaveMetadata(self.metadata)

    def begin(self) -> tuple[Output, ...]:
        """Start to write; with shrinking allowed, say what is to be removed.

        Raises:
            UsageError: the range of files is none of this space.
        """
        first, last = self._file_range()
        options = self.options
        outputs: list[RemoveFile | ShortenFile] = []
        for file in sorted(self._file_labels):
            target = self.layout.labels_in(file)
            if file >= self.layout.num_files and options.allow_shrink:
                outputs.append(RemoveFile(file))
            elif first <= file <= last and self._file_labels[file] > target:
                outputs.append(ShortenFile(file, target))
        for output in outputs:
            if isinstance(output, RemoveFile):
                del self._file_labels[output.file]
            else:
                self._file_labels[output.file] = output.num_labels
        self._files = iter(range(first, last + 1))
        return (*outputs, *self._next_file())

    def next_work(self, most: int) -> Work | None:
        """Return the labels to compute next, or None when everything is done.

        Args:
            most: labels that are welcome in one piece; at least 1.
        """
        match self._phase:
            case _Writing(file):
                return self._next_write(file, most)
            case _Searching(start, done):
                return Work(start=start + done, count=min(self.options.batch_size - done, most))
            case _:
                return None

    def on_labels(
        self, work: Work, labels: bytes, *, on_disk: bytes = b"", checked: bytes = b""
    ) -> tuple[Output, ...]:
        """Take computed labels; return what to write and save, in that order.

        Args:
            work: what ``next_work`` returned.
            labels: 32 bytes each.
            on_disk: the 16 bytes that are stored for the first label, if it overlaps.
            checked: the labels of ``work.checks`` by another implementation, 32 bytes each.

        Raises:
            DeviceError: the two implementations disagree; nothing is to be written.
            StoreError: the label on disk is not the one of this space.
        """
        self._compare(work, labels, checked)
        self._is_first_work = False
        match self._phase:
            case _Writing(file):
                if work.overlaps:
                    self._compare_with_disk(file, work, labels[:LABEL_SIZE], on_disk)
                    labels = labels[FULL_LABEL_SIZE:]
                    work = replace(work, start=work.start + 1, count=work.count - 1)
                return self._on_written(file, work, labels)
            case _Searching() as search:
                return self._on_searched(search, work, labels)
            case _:
                return ()

    def _file_range(self) -> tuple[int, int]:
        options, last = self.options, self.layout.num_files - 1
        first = options.from_file
        if options.to_file is not None:
            if options.to_file < 0:
                raise UsageError(
                    f"invalid range: opts.ToFileIdx ({options.to_file}) must be greater then 0"
                )
            if options.to_file > last:
                raise UsageError(
                    f"invalid range: opts.ToFileIdx ({options.to_file}) "
                    f"cannot be greater then {last}"
                )
            last = options.to_file
        if first < 0 or first > last:
            raise UsageError(
                f"invalid range: last file index ({last}) must be greater then first ({first})"
            )
        return first, last

    def _check_nothing_is_lost(self, directory: str, kept: SpaceMetadata | None) -> None:
        units = self.options.num_units
        if kept is not None and units < kept.num_units:
            raise PreconditionError(
                f"{directory} was made for {kept.num_units} units; {units} would remove labels",
                code="smesh.post.shrink",
                hint=f"ask for {kept.num_units} units; labels are never removed by the way",
            )
        for file, labels in sorted(self._file_labels.items()):
            if labels > self.layout.labels_in(file):
                raise PreconditionError(
                    f"{directory} holds more labels than {self.options.num_units} units: "
                    f"file {file} has {labels}, expected {self.layout.labels_in(file)}",
                    code="smesh.post.shrink",
                    hint="ask for the number of units the data has, or move the file away",
                )

    def _next_file(self) -> tuple[FileFound, ...]:
        """Go to the first file that is not complete, or leave the phase."""
        found = []
        for file in self._files:
            first, written = self.layout.first_label(file), self._file_labels.get(file, 0)
            found.append(FileFound(file, written, self.layout.labels_in(file), first))
            self.labels_written = first + written
            if not found[-1].is_complete:
                self._phase = _Writing(file)
                return tuple(found)
        covers_all = self._file_range() == (0, self.layout.num_files - 1)
        if self.metadata.nonce is None and covers_all:
            self._phase = _Searching(max(self.metadata.last_position or 0, self.layout.num_labels))
        else:
            self._phase = _Done()
        return tuple(found)

    def _next_write(self, file: int, most: int) -> Work:
        written = self._file_labels.get(file, 0)
        count = min(most, self.options.batch_size, self.layout.labels_in(file) - written)
        start = self.layout.first_label(file) + written
        overlaps = self._is_first_work and written > 0
        ends_run = file == self._file_range()[1] and written + count == self.layout.labels_in(file)
        is_due = self._unchecked + count >= self.options.batch_size
        self._unchecked += count
        checks: tuple[int, ...] = ()
        if self._checks.every_work or self._is_first_work or is_due or ends_run:
            self._unchecked = 0
            checks = self._pick_checks(start, count)
        if overlaps:
            start, count = start - 1, count + 1
        return Work(start=start, count=count, overlaps=overlaps, checks=checks)

    def _pick_checks(self, start: int, count: int) -> tuple[int, ...]:
        """Return the last index and some that nobody can foresee without the commitment."""
        picked = {start + count - 1}
        stream = blake3(self.commitment + start.to_bytes(8, "little"))
        wanted = min(self._checks.labels, count)
        draws = stream.digest(length=8 * 4 * wanted)
        for draw in range(0, len(draws), 8):
            if len(picked) == wanted:
                break
            picked.add(start + int.from_bytes(draws[draw : draw + 8], "little") % count)
        return tuple(sorted(picked))

    def _compare(self, work: Work, labels: bytes, checked: bytes) -> None:
        for number, index in enumerate(work.checks):
            at = FULL_LABEL_SIZE * (index - work.start)
            actual = labels[at : at + LABEL_SIZE]
            expected = checked[FULL_LABEL_SIZE * number :][:LABEL_SIZE]
            if actual != expected:
                raise DeviceError(
                    f"reference label mismatch at {index} with commitment "
                    f"{self.commitment.hex()}: expected {expected.hex()}, actual {actual.hex()}",
                    code="smesh.device.wrong_labels",
                    hint="nothing wrong was written; use another provider or driver",
                )

    def _compare_with_disk(self, file: int, work: Work, expected: bytes, found: bytes) -> None:
        if expected != found:
            raise StoreError(
                f"file {file} does not hold the labels of this space: label {work.start} is "
                f"{found.hex()}, expected {expected.hex()}",
                code="smesh.post.wrong_data",
                hint="the data is damaged or was made with another scrypt N; see "
                "`smcli post verify`",
            )

    def _on_written(self, file: int, work: Work, labels: bytes) -> tuple[Output, ...]:
        outputs: list[Output] = []
        best = find_smallest(labels, work.start, self._difficulty)
        value = self.metadata.nonce_value
        if best is not None and (value is None or best[0][:LABEL_SIZE] < value):
            self.metadata = replace(self.metadata, nonce=best[1], nonce_value=best[0][:LABEL_SIZE])
            outputs.append(SaveMetadata(self.metadata))
            outputs.append(NonceFound(file, best[1], best[0][:LABEL_SIZE]))
        written = self._file_labels.get(file, 0)
        outputs.append(WriteLabels(file, written, cut_labels(labels)))
        self._file_labels[file] = written + work.count
        self.labels_written = work.start + work.count
        if self._file_labels[file] == self.layout.labels_in(file):
            outputs.append(SyncFile(file, self._file_labels[file]))
            outputs.extend(self._next_file())
        return tuple(outputs)

    def _on_searched(self, search: _Searching, work: Work, labels: bytes) -> tuple[Output, ...]:
        best = find_smallest(labels, work.start, self._difficulty)
        if best is not None and (search.best is None or best < search.best):
            search.best = best
        search.done += work.count
        if search.done < self.options.batch_size:
            return ()
        if search.best is None:
            self._phase = _Searching(search.start + search.done)
            self.metadata = replace(self.metadata, last_position=self._phase.start)
        else:
            # The value of the nonce is added when the space is opened next: as the reference.
            self._phase = _Done()
            self.metadata = replace(self.metadata, nonce=search.best[1], last_position=search.start)
        return (SaveMetadata(self.metadata),)


def find_smallest(labels: bytes, start: int, threshold: bytes) -> tuple[bytes, int] | None:
    """Return the smallest label below a threshold with its index, or None.

    Args:
        labels: 32 bytes each.
        start: index of the first one.
        threshold: 32 bytes; labels compare as big-endian numbers.
    """
    head = int.from_bytes(threshold[:8], "big")
    heads = np.frombuffer(labels, ">u8")[:: FULL_LABEL_SIZE // 8]
    smallest: tuple[bytes, int] | None = None
    # Few labels are good, so their first words sort out nearly all others at once.
    for number in np.flatnonzero(heads <= np.uint64(head)).tolist():
        label = labels[FULL_LABEL_SIZE * number : FULL_LABEL_SIZE * (number + 1)]
        if label < threshold:
            smallest, threshold = (label, start + number), label
    return smallest


def cut_labels(labels: bytes) -> bytes:
    """Return the stored half of every label."""
    rows = np.frombuffer(labels, np.uint8).reshape(-1, FULL_LABEL_SIZE)
    return rows[:, :LABEL_SIZE].tobytes()
