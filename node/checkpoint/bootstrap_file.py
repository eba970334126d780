"""Bootstrap files: a beacon and an active set for one epoch, from who runs the network.

    {"version": "https://spacemesh.io/bootstrap.schema.json.1.0",
     "data": {"epoch": {"number": 7, "beacon": "8f8a2576", "activeSet": ["<64 hex>", ...]}}}

The beacon is at least four bytes in hex, of which the first four count; zero is none.  The
active set may be null, empty or absent: there is none.

Source: go-spacemesh, bootstrap (schema.json, validate) and cmd/bootstrapper; beacon digest 8.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final

import msgspec

from node.base.errors import DecodeError
from node.base.hexadecimal import hex_problem
from node.types.ids import AtxID, Beacon
from node.types.layer import EpochID

SCHEMA_VERSION: Final = "https://spacemesh.io/bootstrap.schema.json.1.0"
MAX_EPOCH: Final = (1 << 32) - 1
FIRST_EPOCH: Final = EpochID(2)
"""The first epoch that has ballots, and so needs a beacon."""


class UpdateKind(StrEnum):
    """What a file holds; the last part of its name."""

    BOTH = "bs"
    BEACON = "bc"
    ACTIVE_SET = "as"


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochUpdate:
    """What a file says of an epoch."""

    epoch: EpochID

    beacon: Beacon | None
    """None: it names none."""

    atx_ids: tuple[AtxID, ...]
    """Ascending; empty: it names none."""


class _Epoch(msgspec.Struct, frozen=True):
    number: Annotated[int, msgspec.Meta(ge=0, le=MAX_EPOCH)] = 0
    beacon: Annotated[str, msgspec.Meta(min_length=2 * Beacon.SIZE)] = ""
    active_set: list[str] | None = msgspec.field(name="activeSet", default=None)


class _Data(msgspec.Struct, frozen=True):
    epoch: _Epoch


class _Document(msgspec.Struct, frozen=True):
    version: str
    data: _Data


def file_name(epoch: EpochID, kind: UpdateKind) -> str:
    """Return what a file is called, on the server and on our disk."""
    return f"epoch-{epoch}-update-{kind}"


def required_epochs(current: EpochID, genesis_epoch: EpochID) -> tuple[EpochID, ...]:
    """Return the epochs whose files are wanted.

    Args:
        current: the epoch that runs.
        genesis_epoch: the epoch of the effective genesis.  After a recovery in the middle of
            an epoch that one needs a beacon, and the one before it does not.
    """
    first = max(FIRST_EPOCH, current - (current != genesis_epoch))
    return tuple(map(EpochID, range(first, current + 2))) if current > 0 else ()


def parse_update(data: bytes, version: str) -> EpochUpdate:
    """Return what a file says.

    An identifier that is no hex, or too long, makes the file invalid; the reference turns
    it into one that no ATX has.

    Args:
        data: the file.
        version: what its ``version`` has to be.

    Raises:
        DecodeError: it does not follow the schema, or is of another version.
    """
    try:
        document = msgspec.json.decode(data, type=_Document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(f"bootstrap file: {error}") from error
    if document.version != version:
        raise DecodeError(
            f"bootstrap file: wrong schema version: expected {version}, got {document.version}"
        )
    epoch = document.data.epoch
    names = epoch.active_set or []
    if len(set(names)) != len(names):
        raise DecodeError("bootstrap file: the active set names an ATX twice")
    return EpochUpdate(
        epoch=EpochID(epoch.number),
        beacon=_read_beacon(epoch.beacon),
        atx_ids=tuple(sorted(map(_read_atx_id, names))),
    )


def encode_update(update: EpochUpdate, version: str = SCHEMA_VERSION) -> bytes:
    """Return the file that says so."""
    beacon = update.beacon or Beacon.zero()
    epoch = _Epoch(
        number=update.epoch,
        beacon=beacon.hex(),
        active_set=[atx_id.hex() for atx_id in update.atx_ids] or None,
    )
    return msgspec.json.encode(_Document(version=version, data=_Data(epoch=epoch)))


def _read_beacon(text: str) -> Beacon | None:
    if hex_problem(text) or len(text) < 2 * Beacon.SIZE:
        raise DecodeError(f"bootstrap file: invalid beacon: {text!r}")
    beacon = Beacon(bytes.fromhex(text)[: Beacon.SIZE])
    return None if beacon == Beacon.zero() else beacon


def _read_atx_id(text: str) -> AtxID:
    """Read an identifier as the reference does: ``0x`` may lead, a short one is padded."""
    digits = text[2:] if text[:2] in {"0x", "0X"} else text
    digits = digits.rjust(2 * AtxID.SIZE, "0")
    try:
        decoded = bytes.fromhex(digits)
    except ValueError:
        decoded = b""
    # fromhex passes over white space, so the digits may be fewer than the characters.
    if len(digits) != 2 * AtxID.SIZE or len(decoded) != AtxID.SIZE:
        raise DecodeError(f"bootstrap file: {text!r} is no ATX")
    return AtxID(decoded)
