"""Activations: what the node knows of each, its bytes as received, and the PoSTs inside.

An ATX out of a checkpoint has no bytes, and zero as its received instant and weight.

Source: go-spacemesh, sql/atxs; activation digest sections 6, 7 and 9.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from node.base import scale
from node.base.errors import NotFoundError
from node.base.scale import U32
from node.store import schema
from node.store.db import Batch, Reader
from node.store.schema import after_u32, key_u8, key_u32, key_u64, number_of, read_record
from node.types.address import Address
from node.types.atx import Atx
from node.types.ids import NO_ATX, AtxID, SmesherID
from node.types.layer import EpochID

KIND: Final = "atx"
"""What errors call it."""


class Validity(IntEnum):
    """What full verification of an ATX's PoSTs found."""

    UNKNOWN = 0
    VALID = 1
    INVALID = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class AtxRecord:
    """An ATX as stored."""

    atx: Atx

    marriage_atx: AtxID | None
    """The ATX that married the identities of a merged one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AtxPost:
    """The PoST of one identity inside an ATX."""

    atx: AtxID
    smesher: SmesherID

    previous_atx: AtxID | None
    """None in an initial ATX, and in one out of a checkpoint."""

    previous_index: U32
    """Position of ``previous_atx`` in the ATX's list."""

    num_units: U32
    """Space units as declared, not the effective ones."""

    publish_epoch: EpochID


def put_atx(
    batch: Batch, atx: Atx, *, blob: bytes | None, marriage_atx: AtxID | None = None
) -> None:
    """Store an ATX and the bytes it came in, None for one out of a checkpoint."""
    epoch = key_u32(atx.publish_epoch)
    place = epoch + atx.id
    batch.put(schema.ATX + place, scale.encode(AtxRecord(atx=atx, marriage_atx=marriage_atx)))
    batch.put(schema.ATX_EPOCH + atx.id, epoch)
    batch.put(schema.ATX_BY_SMESHER + atx.smesher + epoch + key_u64(atx.received_ns) + atx.id, b"")
    batch.put(schema.ATX_BY_COINBASE + atx.coinbase + place, b"")
    batch.put(schema.ATX_BY_HEIGHT + key_u64(atx.tick_height) + place, b"")
    if blob:
        batch.put(schema.ATX_BLOB + atx.id, blob)
    if atx.commitment_atx is not None:
        batch.put(schema.ATX_COMMITMENT + atx.smesher + place, atx.commitment_atx)
    if marriage_atx is not None:
        batch.put(schema.ATX_BY_MARRIAGE + marriage_atx + place, b"")


def put_post(batch: Batch, post: AtxPost) -> None:
    """Store one identity's part of an ATX."""
    batch.put(schema.ATX_POST + post.atx + post.smesher, scale.encode(post))
    epoch = key_u32(post.publish_epoch)
    batch.put(schema.ATX_POST_BY_SMESHER + post.smesher + epoch + post.atx, b"")
    previous = NO_ATX if post.previous_atx is None else post.previous_atx
    batch.put(schema.ATX_POST_BY_PREVIOUS + post.smesher + previous + post.atx, b"")


def put_validity(batch: Batch, atx: AtxID, validity: Validity) -> None:
    """Record what verification of all the ATX's PoSTs found."""
    if validity is Validity.UNKNOWN:
        batch.delete(schema.ATX_VALIDITY + atx)
    else:
        batch.put(schema.ATX_VALIDITY + atx, key_u8(validity))


def find_atx(reader: Reader, atx: AtxID) -> Atx | None:
    """Return an ATX, or None."""
    record = _find_record(reader, atx)
    return None if record is None else record.atx


def get_atx(reader: Reader, atx: AtxID) -> Atx:
    """Return an ATX.

    Raises:
        NotFoundError: it is not stored.
    """
    found = find_atx(reader, atx)
    if found is None:
        raise NotFoundError(KIND, atx)
    return found


def has_atx(reader: Reader, atx: AtxID) -> bool:
    """Tell whether an ATX is stored, with or without its bytes."""
    return reader.get(schema.ATX_EPOCH + atx) is not None


def find_atx_blob(reader: Reader, atx: AtxID) -> bytes | None:
    """Return an ATX's bytes as received, or None if it is unknown or out of a checkpoint."""
    return reader.get(schema.ATX_BLOB + atx)


def get_atx_blob(reader: Reader, atx: AtxID) -> bytes:
    """Return an ATX's bytes as received.

    Raises:
        NotFoundError: it is unknown or out of a checkpoint.
    """
    blob = find_atx_blob(reader, atx)
    if blob is None:
        raise NotFoundError("bytes of atx", atx)
    return blob


def is_checkpointed(reader: Reader, atx: AtxID) -> bool:
    """Tell whether an ATX came out of a checkpoint: known, but without bytes."""
    return has_atx(reader, atx) and find_atx_blob(reader, atx) is None


def find_marriage_atx(reader: Reader, atx: AtxID) -> AtxID | None:
    """Return the ATX that a merged one names as its marriage, or None."""
    record = _find_record(reader, atx)
    return None if record is None else record.marriage_atx


def find_validity(reader: Reader, atx: AtxID) -> Validity:
    """Return what is known of the ATX's PoSTs."""
    return Validity(number_of(reader.get(schema.ATX_VALIDITY + atx) or b"\0"))


def atxs_in_epoch(reader: Reader, publish_epoch: EpochID) -> Iterator[Atx]:
    """Yield the ATXs published in an epoch, by identifier."""
    yield from atxs_between(reader, publish_epoch, publish_epoch)


def atxs_between(reader: Reader, first: EpochID, last: EpochID) -> Iterator[Atx]:
    """Yield the ATXs published from ``first`` to ``last``, by epoch and identifier."""
    rows = reader.scan(schema.ATX, start=key_u32(first), stop=after_u32(last))
    return (read_record(AtxRecord, value).atx for _, value in rows)


def atx_ids_in_epoch(reader: Reader, publish_epoch: EpochID) -> Iterator[AtxID]:
    """Yield the identifiers of the ATXs published in an epoch, ascending."""
    return map(AtxID, reader.keys(schema.ATX + key_u32(publish_epoch)))


def count_atxs(reader: Reader, publish_epoch: EpochID | None = None) -> int:
    """Return how many ATXs were published, in one epoch or ever; takes 1 us each."""
    prefix = schema.ATX if publish_epoch is None else schema.ATX + key_u32(publish_epoch)
    return sum(1 for _ in reader.keys(prefix))


def find_latest_epoch(reader: Reader) -> EpochID | None:
    """Return the newest publish epoch of any ATX, None if there is no ATX."""
    for key in reader.keys(schema.ATX, reverse=True):
        return EpochID(number_of(key[: schema.U32_SIZE]))
    return None


def find_highest_atx(reader: Reader) -> Atx | None:
    """Return the ATX with the most ticks, None if there is no ATX."""
    for key in reader.keys(schema.ATX_BY_HEIGHT, reverse=True):
        return get_atx(reader, _last_id(key))
    return None


def atx_ids_of_smesher(
    reader: Reader,
    smesher: SmesherID,
    *,
    before: EpochID | None = None,
    newest_first: bool = False,
) -> Iterator[AtxID]:
    """Yield a smesher's ATXs by publish epoch, then by the instant of reception.

    With ``before``, only those of lower publish epochs.
    """
    prefix = schema.ATX_BY_SMESHER + smesher
    stop = None if before is None else key_u32(before)
    return map(_last_id, reader.keys(prefix, stop=stop, reverse=newest_first))


def atx_ids_of_smesher_in_epoch(
    reader: Reader, smesher: SmesherID, publish_epoch: EpochID
) -> Iterator[AtxID]:
    """Yield a smesher's ATXs of one publish epoch; more than one is misbehaviour."""
    prefix = schema.ATX_BY_SMESHER + smesher + key_u32(publish_epoch)
    return map(_last_id, reader.keys(prefix))


def find_first_atx(reader: Reader, smesher: SmesherID) -> Atx | None:
    """Return a smesher's oldest ATX, or None."""
    for atx in atx_ids_of_smesher(reader, smesher):
        return get_atx(reader, atx)
    return None


def find_last_atx(
    reader: Reader, smesher: SmesherID, *, before: EpochID | None = None
) -> Atx | None:
    """Return a smesher's ATX with the highest publish epoch, the newest received, or None.

    With ``before``, the epoch must be lower.
    """
    for atx in atx_ids_of_smesher(reader, smesher, before=before, newest_first=True):
        return get_atx(reader, atx)
    return None


def find_commitment_atx(reader: Reader, smesher: SmesherID) -> AtxID | None:
    """Return what a smesher's labels commit to: the newest commitment it declared, or None."""
    for _, value in reader.scan(schema.ATX_COMMITMENT + smesher, reverse=True):
        return AtxID(value)
    return None


def find_vrf_nonce(reader: Reader, smesher: SmesherID, target_epoch: EpochID) -> int | None:
    """Return the VRF nonce a smesher uses in an epoch: that of its last ATX before it."""
    atx = find_last_atx(reader, smesher, before=target_epoch)
    return None if atx is None else atx.vrf_nonce


def atx_ids_with_coinbase(reader: Reader, coinbase: Address) -> Iterator[AtxID]:
    """Yield the ATXs that pay to an account, by publish epoch."""
    return map(_last_id, reader.keys(schema.ATX_BY_COINBASE + coinbase))


def atx_ids_with_marriage(
    reader: Reader, marriage_atx: AtxID, publish_epoch: EpochID
) -> Iterator[AtxID]:
    """Yield the merged ATXs of one marriage in an epoch; more than one is misbehaviour."""
    return map(
        _last_id, reader.keys(schema.ATX_BY_MARRIAGE + marriage_atx + key_u32(publish_epoch))
    )


def smeshers_with_atxs(reader: Reader) -> Iterator[SmesherID]:
    """Yield every smesher that ever signed an ATX, ascending."""
    start: bytes | None = b""
    while start is not None:
        key = next(reader.keys(schema.ATX_BY_SMESHER, start=start), None)
        if key is None:
            return
        smesher = SmesherID(key[: SmesherID.SIZE])
        yield smesher
        start = _next_id(smesher)


def newest_atxs(reader: Reader, smesher: SmesherID, count: int) -> tuple[Atx, ...]:
    """Return a smesher's newest ``count`` ATXs, the newest first."""
    found = atx_ids_of_smesher(reader, smesher, newest_first=True)
    return tuple(get_atx(reader, atx) for atx, _ in zip(found, range(count), strict=False))


def find_post(reader: Reader, atx: AtxID, smesher: SmesherID) -> AtxPost | None:
    """Return one identity's part of an ATX, or None."""
    value = reader.get(schema.ATX_POST + atx + smesher)
    return None if value is None else read_record(AtxPost, value)


def get_post(reader: Reader, atx: AtxID, smesher: SmesherID) -> AtxPost:
    """Return one identity's part of an ATX.

    Raises:
        NotFoundError: the ATX holds no PoST of that identity.
    """
    post = find_post(reader, atx, smesher)
    if post is None:
        raise NotFoundError(f"post of smesher {smesher} in atx", atx)
    return post


def posts_in_atx(reader: Reader, atx: AtxID) -> Iterator[AtxPost]:
    """Yield every identity's part of an ATX, by identity."""
    rows = reader.scan(schema.ATX_POST + atx)
    return (read_record(AtxPost, value) for _, value in rows)


def find_previous_atx(reader: Reader, smesher: SmesherID, before: EpochID) -> AtxID | None:
    """Return the newest ATX of lower epochs that holds a PoST of the smesher, or None."""
    prefix = schema.ATX_POST_BY_SMESHER + smesher
    for key in reader.keys(prefix, stop=key_u32(before), reverse=True):
        return _last_id(key)
    return None


def atx_ids_with_post(
    reader: Reader, smesher: SmesherID, publish_epoch: EpochID
) -> Iterator[AtxID]:
    """Yield the ATXs of an epoch that hold a PoST of the smesher."""
    return map(_last_id, reader.keys(schema.ATX_POST_BY_SMESHER + smesher + key_u32(publish_epoch)))


def atx_ids_after(
    reader: Reader, smesher: SmesherID, previous_atx: AtxID | None
) -> Iterator[AtxID]:
    """Yield the ATXs in which the smesher's PoST names this previous ATX, None for none.

    More than one is misbehaviour.
    """
    previous = NO_ATX if previous_atx is None else previous_atx
    return map(AtxID, reader.keys(schema.ATX_POST_BY_PREVIOUS + smesher + previous))


def _find_record(reader: Reader, atx: AtxID) -> AtxRecord | None:
    epoch = reader.get(schema.ATX_EPOCH + atx)
    if epoch is None:
        return None
    value = reader.get(schema.ATX + epoch + atx)
    return None if value is None else read_record(AtxRecord, value)


def _last_id(key: bytes) -> AtxID:
    return AtxID(key[-AtxID.SIZE :])


def _next_id(identifier: bytes) -> bytes | None:
    """Return the identifier after this one, None after the last."""
    number = int.from_bytes(identifier, "big") + 1
    size = len(identifier)
    return number.to_bytes(size, "big") if number < 1 << 8 * size else None
