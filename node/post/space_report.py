"""What a data directory holds, for people and for the smesher."""

from dataclasses import dataclass
from pathlib import Path

from node.post.files import find_metadata, is_locked, list_data_files
from node.post.init_options import SpaceStatus, compute_status
from node.post.metadata import SpaceMetadata


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceReport:
    """What a data directory holds."""

    status: SpaceStatus
    metadata: SpaceMetadata | None
    labels_written: int

    missing_files: tuple[int, ...]
    """Numbers of files that are not complete, if there is metadata."""


def read_report(directory: Path) -> SpaceReport:
    """Return what a data directory holds.

    Raises:
        StoreError: its metadata is damaged.
    """
    metadata = find_metadata(directory)
    file_labels = {file.index: file.num_labels for file in list_data_files(directory)}
    written = sum(file_labels.values())
    if metadata is None:
        status = SpaceStatus.STARTED if written else SpaceStatus.NOT_STARTED
        missing: tuple[int, ...] = ()
    else:
        layout = metadata.layout
        status = compute_status(layout, file_labels)
        missing = tuple(
            file
            for file in range(layout.num_files)
            if file_labels.get(file, 0) != layout.labels_in(file)
        )
    if is_locked(directory):
        status = SpaceStatus.INITIALIZING
    return SpaceReport(
        status=status, metadata=metadata, labels_written=written, missing_files=missing
    )
