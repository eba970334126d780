"""Check labels on disk by computing some of them again.

Source: post-rs, ``pos_verification``; digest post 5.5.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

from blake3 import blake3

from node.base.errors import PreconditionError, StoreError
from node.post.engine import LabelSource
from node.post.files import (
    IDENTITY_FILE_NAME,
    DataFile,
    list_data_files,
    read_labels,
    read_metadata,
)
from node.post.labels import FULL_LABEL_SIZE, LABEL_SIZE, make_commitment
from node.post.metadata import ID_SIZE, SpaceMetadata

DEFAULT_FRACTION_PERCENT: Final = Fraction(1, 5)
"""Labels to check, in percent, unless told otherwise."""

LABELS_PER_REQUEST: Final = 4096
"""Labels asked of an engine at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelFault:
    """A label on disk that is wrong."""

    file: int
    offset: int
    """In bytes from the beginning of the file."""

    index: int
    expected: bytes
    """The 16 bytes that should be there."""

    found: bytes

    def __str__(self) -> str:
        return f"file {self.file} contains invalid label at offset {self.offset}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataVerdict:
    """What a check has found."""

    labels_checked: int
    fault: LabelFault | None
    """The first wrong label; None if all that were checked are right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyProgress:
    """How far a check is."""

    labels_done: int
    labels_total: int
    file: int


async def verify_data(
    directory: Path,
    source: LabelSource,
    *,
    seed: bytes,
    fraction_percent: Fraction | float = DEFAULT_FRACTION_PERCENT,
    from_file: int = 0,
    to_file: int | None = None,
    on_progress: Callable[[VerifyProgress], None] | None = None,
) -> DataVerdict:
    """Compute some labels of every file again and compare.

    Args:
        directory: data directory.
        source: computes labels, with the scrypt N the data was made with.
        seed: chooses the labels; unforeseeable bytes, unless a test wants the same again.
        fraction_percent: how many labels of each file, 0 to 100.
        from_file: first file.
        to_file: last file; None for the last one of the space.
        on_progress: told after every request to the engine.

    Raises:
        PreconditionError: there is no metadata, or the identity file belongs to another
            smesher.
        StoreError: a file is missing, shorter than it should be, or cannot be read.
        DeviceError: the engine fails.
    """
    metadata = read_metadata(directory)
    check_identity_file(directory, metadata)
    files = _files_to_check(directory, metadata, from_file, to_file)
    picks = [(file, _pick(file, seed, Fraction(fraction_percent))) for file in files]
    total, done = sum(len(positions) for _, positions in picks), 0
    commitment = make_commitment(metadata.smesher, metadata.commitment_atx)
    for file, positions in picks:
        first = metadata.layout.first_label(file.index)
        for start in range(0, len(positions), LABELS_PER_REQUEST):
            part = positions[start : start + LABELS_PER_REQUEST]
            labels = await source.labels_at(
                [commitment] * len(part), [first + position for position in part]
            )
            done += len(part)
            for number, position in enumerate(part):
                expected = labels[FULL_LABEL_SIZE * number :][:LABEL_SIZE]
                found = read_labels(file, position, 1)
                if found != expected:
                    fault = LabelFault(
                        file=file.index,
                        offset=position * LABEL_SIZE,
                        index=first + position,
                        expected=expected,
                        found=found,
                    )
                    return DataVerdict(labels_checked=done, fault=fault)
            if on_progress is not None:
                on_progress(VerifyProgress(labels_done=done, labels_total=total, file=file.index))
    return DataVerdict(labels_checked=total, fault=None)


def check_identity_file(directory: Path, metadata: SpaceMetadata) -> None:
    """Check that the key beside the labels, if there is one, is that of their smesher.

    Raises:
        PreconditionError: it is another one's, or no key.
    """
    path = directory / IDENTITY_FILE_NAME
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise PreconditionError(f"{path} is no key: {error}", code="smesh.post.identity") from error
    # Seed and public key, 32 bytes each.
    if key[ID_SIZE:] != metadata.smesher:
        raise PreconditionError(
            f"{path} is the key of {key[ID_SIZE:].hex()}, the labels belong to "
            f"{metadata.smesher.hex()}",
            code="smesh.post.identity",
            hint="put the key that the labels were made for beside them",
        )


def _files_to_check(
    directory: Path, metadata: SpaceMetadata, from_file: int, to_file: int | None
) -> list[DataFile]:
    there = {file.index: file for file in list_data_files(directory)}
    last = metadata.layout.num_files - 1 if to_file is None else to_file
    files = []
    for index in range(from_file, last + 1):
        if index not in there:
            raise StoreError(
                f"file {index} is missing in {directory}",
                code="smesh.post.missing_file",
                hint="`smcli post init` makes the files that are missing",
            )
        files.append(there[index])
    return files


def _pick(file: DataFile, seed: bytes, fraction_percent: Fraction) -> list[int]:
    """Return distinct random positions of a file in ascending order (Floyd's sampling)."""
    count = int(file.num_labels * fraction_percent / 100)
    if count >= file.num_labels:
        return list(range(file.num_labels))
    hasher = blake3(seed + file.index.to_bytes(8, "little"))
    picked: set[int] = set()
    for step, below in enumerate(range(file.num_labels - count + 1, file.num_labels + 1)):
        draw = int.from_bytes(hasher.digest(length=16, seek=16 * step), "little") % below
        picked.add(below - 1 if draw in picked else draw)
    return sorted(picked)
