"""Find the VRF nonce in labels that are on disk already, or among parts of a space.

Source: post for Go, initialization, SearchForNonce; digest post 5.3 and 5.4.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np

from node.base.errors import PreconditionError, StoreError
from node.post.difficulty import compute_vrf_difficulty
from node.post.files import (
    DataFile,
    find_metadata,
    list_data_files,
    read_labels,
    read_metadata,
    write_metadata,
)
from node.post.labels import LABEL_SIZE
from node.post.metadata import SpaceMetadata, merge_metadata

LABELS_PER_READ: Final = 1 << 16
"""Labels read at once: 1 MiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchProgress:
    """How far a search is."""

    labels_done: int
    labels_total: int
    file: int
    nonce: int | None
    """Best nonce so far."""


@dataclass(frozen=True, slots=True)
class FileOpened:
    """A file is looked at now."""

    name: str


@dataclass(frozen=True, slots=True)
class NonceSaved:
    """The metadata names a better nonce now."""

    metadata: SpaceMetadata


SearchEvent: TypeAlias = FileOpened | NonceSaved


def search_nonce(
    directory: Path,
    *,
    from_file: int = 0,
    to_file: int | None = None,
    ignore_stored: bool = False,
    on_progress: Callable[[SearchProgress], None] | None = None,
    on_event: Callable[[SearchEvent], None] | None = None,
) -> SpaceMetadata:
    """Find the smallest label in a directory and save it as the VRF nonce.

    The metadata is saved after every file that has a smaller label than those before.

    Args:
        directory: data directory.
        from_file: first file to look at.
        to_file: last file to look at; None for the last one.
        ignore_stored: start over, as the reference does; else a nonce that the metadata
            names is replaced by a smaller one only.
        on_progress: told after every read.
        on_event: told of every file and of every nonce that was saved.

    Returns:
        The metadata with the nonce and its value.

    Raises:
        PreconditionError: the directory has no metadata, or no label is small enough.
        StoreError: a file ends in the middle of a label, or cannot be read.
    """
    metadata = read_metadata(directory)
    threshold = compute_vrf_difficulty(metadata.num_labels)
    found = False
    stored = metadata.nonce_value
    if stored is not None and stored < threshold and not ignore_stored:
        threshold, found = stored, True
    files = [
        file
        for file in list_data_files(directory)
        if from_file <= file.index and (to_file is None or file.index <= to_file)
    ]
    total, done = sum(file.num_labels for file in files), 0
    tell = on_event or _tell_nobody
    for file in files:
        tell(FileOpened(file.path.name))
        first = metadata.layout.first_label(file.index)
        best = None
        for position in range(0, file.num_labels, LABELS_PER_READ):
            labels = read_labels(file, position, min(LABELS_PER_READ, file.num_labels - position))
            better = find_smallest_stored(labels, threshold)
            if better is not None:
                threshold = better[0]
                best = replace(metadata, nonce=first + position + better[1], nonce_value=better[0])
            done += len(labels) // LABEL_SIZE
            if on_progress is not None:
                nonce = (best or metadata).nonce
                on_progress(
                    SearchProgress(
                        labels_done=done, labels_total=total, file=file.index, nonce=nonce
                    )
                )
        _check_whole(file)
        if best is not None:
            metadata, found = best, True
            write_metadata(directory, metadata)
            tell(NonceSaved(metadata))
    if not found:
        raise PreconditionError(
            "nonce not found",
            code="smesh.post.nonce_not_found",
            hint="no label of these files is small enough; `smcli post init` looks further",
        )
    return metadata


def _tell_nobody(_: SearchEvent) -> None:
    return


def find_smallest_stored(labels: bytes, threshold: bytes) -> tuple[bytes, int] | None:
    """Return the smallest stored label below a threshold, with its position, or None.

    Args:
        labels: 16 bytes each.
        threshold: 16 or 32 bytes; a label that is its beginning counts as smaller.
    """
    head = int.from_bytes(threshold[:8], "big")
    heads = np.frombuffer(labels, ">u8")[:: LABEL_SIZE // 8]
    smallest: tuple[bytes, int] | None = None
    for position in np.flatnonzero(heads <= np.uint64(head)).tolist():
        label = labels[LABEL_SIZE * position : LABEL_SIZE * (position + 1)]
        if label < threshold:
            smallest, threshold = (label, position), label
    return smallest


def merge_directories(target: Path, sources: Sequence[Path]) -> SpaceMetadata:
    """Write into ``target`` the metadata of a space whose files come from several machines.

    The label files are moved by hand, before or after.

    Args:
        target: directory of the whole space; its own metadata, if it has some, is one of
            the parts.
        sources: directories of the parts.

    Raises:
        PreconditionError: a part has no metadata, or they belong to different spaces.
        StoreError: a metadata file is damaged.
    """
    directories = list(dict.fromkeys((*sources, target) if find_metadata(target) else sources))
    merged = merge_metadata([read_metadata(directory) for directory in directories])
    write_metadata(target, merged)
    return merged


def _check_whole(file: DataFile) -> None:
    if file.size % LABEL_SIZE:
        raise StoreError(
            "failed to search for nonce: file appears truncated. please re-init it: unexpected EOF",
            code="smesh.post.truncated",
            hint=f"`smcli post init` completes {file.path.name} from its last whole label on",
        )
