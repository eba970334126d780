"""What space is wanted: options of an initialisation, and whether they can be used."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from node.base.errors import PreconditionError, UsageError
from node.post.difficulty import MAX_VRF_NUM_LABELS, MIN_VRF_NUM_LABELS
from node.post.labels import (
    LABEL_SIZE,
    MAINNET_SCRYPT_N,
    MAX_INDEX,
    check_scrypt_n,
    make_commitment,
)
from node.post.metadata import ID_SIZE, MAX_NUM_UNITS, SpaceLayout, SpaceMetadata

DEFAULT_FILE_SIZE: Final = 4 << 30
"""Bytes of a full file."""

DEFAULT_BATCH_SIZE: Final = 1 << 20
"""Labels of a batch."""

MIN_FILE_SIZE: Final = 1024
"""Smallest full file, in bytes."""


class SpaceStatus(IntEnum):
    """How far a space is, with the numbers of the reference."""

    NOT_STARTED = 0
    STARTED = 1
    INITIALIZING = 2
    COMPLETED = 3
    ERROR = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class InitOptions:
    """What space is wanted, and how to get there."""

    smesher: bytes
    """32-byte id."""

    commitment_atx: bytes
    """32-byte id."""

    labels_per_unit: int
    num_units: int
    max_file_size: int = DEFAULT_FILE_SIZE
    scrypt_n: int = MAINNET_SCRYPT_N
    scrypt_r: int = 1
    scrypt_p: int = 1

    batch_size: int = DEFAULT_BATCH_SIZE
    """Labels after which a label is checked against another implementation; beyond the
    space, the smallest label of the first batch that has a good one is the nonce."""

    min_units: int = 1
    max_units: int = MAX_NUM_UNITS

    k1: int = 1
    """Expected number of good labels in a proof: bounds the size of a space."""

    from_file: int = 0
    """First file to write: the others are made on other machines."""

    to_file: int | None = None
    """Last file to write; None for the last of the space."""

    allow_shrink: bool = False
    """Remove labels that the wanted space does not have."""

    allow_unaligned_files: bool = False
    """Accept a file size that is no multiple of 16, with which no proof will be valid."""

    @property
    def num_labels(self) -> int:
        """Labels of the whole space."""
        return self.labels_per_unit * self.num_units

    @property
    def layout(self) -> SpaceLayout:
        """How the labels are spread over files."""
        return SpaceLayout(
            num_labels=self.num_labels, labels_per_file=self.max_file_size // LABEL_SIZE
        )

    @property
    def commitment(self) -> bytes:
        """What the labels are computed from."""
        return make_commitment(self.smesher, self.commitment_atx)


def check_options(options: InitOptions) -> None:
    """Check options in the reference's order and with its texts.

    Raises:
        UsageError: one of them cannot be used.

    Source: post for Go, config, Validate; digest post 1.2.
    """
    for name, given in (("id", options.smesher), ("commitmentAtxId", options.commitment_atx)):
        if len(given) != ID_SIZE:
            raise UsageError(f"invalid `{name}` length; expected: {ID_SIZE}, given: {len(given)}")
    limits = (
        ("NumUnits", options.num_units, options.min_units, options.max_units),
        ("MaxFileSize", options.max_file_size, MIN_FILE_SIZE, MAX_INDEX),
    )
    for name, value, least, most in limits:
        if value < least:
            raise UsageError(f"invalid `opts.{name}`; expected: >= {least}, given: {value}")
        if value > most:
            raise UsageError(f"invalid `opts.{name}`; expected: <= {most}, given: {value}")
    if options.batch_size < 1:
        raise UsageError(
            f"invalid `opts.ComputeBatchSize` expected: > 0, given: {options.batch_size}"
        )
    if options.num_labels > MAX_INDEX:
        raise UsageError(
            f"uint64 overflow: `cfg.LabelsPerUnit` ({options.labels_per_unit}) * "
            f"`opts.NumUnits` ({options.num_units}) exceeds the range allowed by uint64"
        )
    if not MIN_VRF_NUM_LABELS <= options.num_labels <= MAX_VRF_NUM_LABELS:
        raise UsageError(
            f"invalid size: {options.num_labels} labels; a space has "
            f"{MIN_VRF_NUM_LABELS} to {MAX_VRF_NUM_LABELS}"
        )
    if options.num_labels * options.k1 > MAX_INDEX:
        raise UsageError(
            f"uint64 overflow: `cfg.LabelsPerUnit` * `opts.NumUnits` ({options.num_labels}) * "
            f"`cfg.K1` ({options.k1}) exceeds the range allowed by uint64"
        )
    check_scrypt_n(options.scrypt_n)
    if (options.scrypt_r, options.scrypt_p) != (1, 1):
        raise UsageError(
            "only r = 1, p = 1 are supported, "
            f"given: r = {options.scrypt_r}, p = {options.scrypt_p}"
        )
    if options.max_file_size % LABEL_SIZE and not options.allow_unaligned_files:
        raise UsageError(
            f"invalid `opts.MaxFileSize`; expected: a multiple of {LABEL_SIZE}, "
            f"given: {options.max_file_size}",
            hint="with another size every proof over the data would be invalid",
        )


def check_same_space(options: InitOptions, metadata: SpaceMetadata, directory: str) -> None:
    """Check that labels on disk belong to the wanted space.

    Raises:
        PreconditionError: they do not; the first difference is told.

    Source: post for Go, initialization, verifyMetadata.
    """

    def check(name: str, expected: str, found: str) -> None:
        if expected != found:
            raise PreconditionError(
                f"`{name}` config mismatch; expected: {expected}, found: {found}, "
                f"datadir: {directory}",
                code="smesh.post.mismatch",
                hint="choose another data directory, or the values the data was made with",
            )

    check("NodeId", options.smesher.hex(), metadata.smesher.hex())
    check("CommitmentAtxId", options.commitment_atx.hex(), metadata.commitment_atx.hex())
    check("LabelsPerUnit", str(options.labels_per_unit), str(metadata.labels_per_unit))
    check("MaxFileSize", str(options.max_file_size), str(metadata.max_file_size))
    if options.num_units > metadata.num_units:
        check("NumUnits", f">= {options.num_units}", str(metadata.num_units))


def compute_status(layout: SpaceLayout, file_labels: Mapping[int, int]) -> SpaceStatus:
    """Return how far a space is by what is on disk."""
    written = sum(file_labels.values())
    if written == layout.num_labels:
        return SpaceStatus.COMPLETED
    return SpaceStatus.STARTED if written else SpaceStatus.NOT_STARTED
