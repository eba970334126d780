"""What a data directory says of itself, and how its labels are spread over files.

The metadata file is JSON, written exactly as the Go programs write it: keys in a fixed
order, indented by tabs, no line end.  Reading is lenient towards the other programs that
wrote such files: keys in any case, ``null`` for absent values, unknown keys, ids in hex.
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from node.base.errors import PreconditionError, StoreError
from node.post.labels import LABEL_SIZE, MAX_INDEX

METADATA_FILE_NAME: Final = "postdata_metadata.json"
"""Name of the metadata file in a data directory."""

ID_SIZE: Final = 32
"""Bytes of a smesher id and of an ATX id."""

MAX_NUM_UNITS: Final = 2**32 - 1
"""Largest number of space units that can be written down."""

_HEX_ID_LENGTH: Final = 2 * ID_SIZE


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceMetadata:
    """The content of ``postdata_metadata.json``.

    The scrypt parameters are not in it: whoever reads the labels has to know them.

    Source: post for Go, shared, PostMetadata; digest post 4.1.
    """

    smesher: bytes
    """32-byte id of the smesher."""

    commitment_atx: bytes
    """32-byte id of the ATX the labels are bound to; the golden ATX is one."""

    labels_per_unit: int
    num_units: int

    max_file_size: int
    """Bytes of a full file of labels."""

    nonce: int | None = None
    """Index of the VRF nonce; it may lie beyond the space."""

    nonce_value: bytes | None = None
    """First 16 bytes of the label ``nonce``."""

    last_position: int | None = None
    """Where the search for a nonce beyond the space stands."""

    @property
    def num_labels(self) -> int:
        """Labels of the whole space."""
        return self.labels_per_unit * self.num_units

    @property
    def layout(self) -> "SpaceLayout":
        """How the labels are spread over files."""
        return SpaceLayout(
            num_labels=self.num_labels, labels_per_file=self.max_file_size // LABEL_SIZE
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceLayout:
    """How the labels of a space are spread over files; file k holds the k-th run of them."""

    num_labels: int

    labels_per_file: int
    """Labels of every file but the last, which may hold fewer."""

    @property
    def num_files(self) -> int:
        """Files of the whole space."""
        return -(-self.num_labels // self.labels_per_file)

    def first_label(self, file: int) -> int:
        """Return the index of the first label of a file."""
        return file * self.labels_per_file

    def labels_in(self, file: int) -> int:
        """Return how many labels a file has when it is complete."""
        return max(0, min(self.labels_per_file, self.num_labels - self.first_label(file)))


def encode_metadata(metadata: SpaceMetadata) -> bytes:
    """Return the text of a metadata file."""
    fields: dict[str, str | int] = {
        "NodeId": base64.b64encode(metadata.smesher).decode(),
        "CommitmentAtxId": base64.b64encode(metadata.commitment_atx).decode(),
        "LabelsPerUnit": metadata.labels_per_unit,
        "NumUnits": metadata.num_units,
        "MaxFileSize": metadata.max_file_size,
    }
    if metadata.nonce is not None:
        fields["Nonce"] = metadata.nonce
    if metadata.nonce_value is not None:
        fields["NonceValue"] = metadata.nonce_value.hex()
    if metadata.last_position is not None:
        fields["LastPosition"] = metadata.last_position
    return json.dumps(fields, indent="\t").encode()


def decode_metadata(text: bytes) -> SpaceMetadata:
    """Return what a metadata file says.

    Raises:
        StoreError: it is no such file, or a value is missing or malformed.
    """
    try:
        content = json.loads(text)
    except ValueError as error:
        raise _damaged(f"it is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise _damaged(f"it holds {type(content).__name__}, expected an object")
    fields = {key.casefold(): value for key, value in content.items() if value is not None}
    return SpaceMetadata(
        smesher=_read_id(fields, "NodeId"),
        commitment_atx=_read_id(fields, "CommitmentAtxId"),
        labels_per_unit=_read_number(fields, "LabelsPerUnit", MAX_INDEX, least=1),
        num_units=_read_number(fields, "NumUnits", MAX_NUM_UNITS, least=1),
        max_file_size=_read_number(fields, "MaxFileSize", MAX_INDEX, least=LABEL_SIZE),
        nonce=_read_optional_number(fields, "Nonce"),
        nonce_value=_read_nonce_value(fields),
        last_position=_read_optional_number(fields, "LastPosition"),
    )


def merge_metadata(parts: Sequence[SpaceMetadata]) -> SpaceMetadata:
    """Return the metadata of a space whose files were made on several machines.

    It is that of the part with the smallest VRF nonce; the first one on a tie.

    Raises:
        PreconditionError: there is no part, the parts belong to different spaces, or one
            has a nonce without its value.
    """
    if not parts:
        raise PreconditionError("there is no metadata to merge", code="smesh.post.merge")
    best = parts[0]
    for part in parts:
        _check_same_space(parts[0], part)
        if part.nonce is not None and part.nonce_value is None:
            raise PreconditionError(
                f"the metadata names nonce {part.nonce} without its value",
                code="smesh.post.merge",
                hint="find it again with `smcli post search-nonce`",
            )
        if part.nonce_value is not None and (
            best.nonce_value is None or part.nonce_value < best.nonce_value
        ):
            best = part
    return replace(best, last_position=None) if best.nonce is not None else best


def _check_same_space(expected: SpaceMetadata, found: SpaceMetadata) -> None:
    for name in ("smesher", "commitment_atx", "labels_per_unit", "num_units", "max_file_size"):
        ours, theirs = getattr(expected, name), getattr(found, name)
        if ours != theirs:
            raise PreconditionError(
                f"parts of different spaces: {name} {_show(ours)} and {_show(theirs)}",
                code="smesh.post.merge",
            )


def _show(value: bytes | int) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def _damaged(reason: str) -> StoreError:
    return StoreError(
        f"{METADATA_FILE_NAME} is damaged: {reason}",
        code="smesh.post.metadata",
        hint="restore the file from a backup; the labels themselves are not affected",
    )


def _read_id(fields: Mapping[str, Any], name: str) -> bytes:
    text = fields.get(name.casefold())
    if not isinstance(text, str):
        raise _damaged(f"{name} is missing")
    try:
        if len(text) == _HEX_ID_LENGTH:
            value = bytes.fromhex(text)
        else:
            value = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error) as error:
        raise _damaged(f"{name} is {text!r}: {error}") from error
    if len(value) != ID_SIZE:
        raise _damaged(f"{name} has {len(value)} bytes, expected {ID_SIZE}")
    return value


def _read_number(fields: Mapping[str, Any], name: str, most: int, *, least: int = 0) -> int:
    value = fields.get(name.casefold())
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise _damaged(f"{name} is {value!r}, expected a number from {least} to {most}")
    return value


def _read_optional_number(fields: Mapping[str, Any], name: str) -> int | None:
    return _read_number(fields, name, MAX_INDEX) if name.casefold() in fields else None


def _read_nonce_value(fields: Mapping[str, Any]) -> bytes | None:
    text = fields.get("noncevalue")
    if text in (None, ""):
        return None
    try:
        value = bytes.fromhex(text)
    except (TypeError, ValueError) as error:
        raise _damaged(f"NonceValue is {text!r}: {error}") from error
    if len(value) != LABEL_SIZE:
        raise _damaged(f"NonceValue has {len(value)} bytes, expected {LABEL_SIZE}")
    return value
