"""How far the downloads of ATXs and malfeasance proofs are: the database ``local``.

Source: go-spacemesh, sql/atxsync and sql/malsync; sync digest section 4.
"""

from dataclasses import dataclass

from node.base import scale
from node.base.scale import U32, U64
from node.store import schema
from node.store.db import Batch, Reader
from node.store.schema import key_u32, key_u64, number_of, read_record
from node.types.ids import AtxID
from node.types.layer import EpochID


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochSync:
    """How far the download of an epoch's ATXs is."""

    listed_ns: U64
    """When a peer's list was last complete, nanoseconds since the Unix epoch."""

    total: U32
    """Identifiers that peers listed."""

    downloaded: U32


def put_epoch_sync(batch: Batch, publish_epoch: EpochID, state: EpochSync) -> None:
    """Record how far an epoch is."""
    batch.put(schema.EPOCH_SYNC + key_u32(publish_epoch), scale.encode(state))


def find_epoch_sync(reader: Reader, publish_epoch: EpochID) -> EpochSync | None:
    """Return how far an epoch is, or None."""
    value = reader.get(schema.EPOCH_SYNC + key_u32(publish_epoch))
    return None if value is None else read_record(EpochSync, value)


def put_wanted_atx(batch: Batch, publish_epoch: EpochID, atx: AtxID, requests: int) -> None:
    """Record that an ATX is wanted, and how many requests for it failed."""
    batch.put(schema.ATX_SYNC + key_u32(publish_epoch) + atx, key_u32(requests))


def delete_wanted_atx(batch: Batch, publish_epoch: EpochID, atx: AtxID) -> None:
    """Record that an ATX is no longer wanted: it arrived, or was asked for too often."""
    batch.delete(schema.ATX_SYNC + key_u32(publish_epoch) + atx)


def wanted_atxs(reader: Reader, publish_epoch: EpochID) -> dict[AtxID, int]:
    """Return the wanted ATXs of an epoch with their failed requests, ascending."""
    rows = reader.scan(schema.ATX_SYNC + key_u32(publish_epoch))
    return {AtxID(key): number_of(value) for key, value in rows}


def put_malfeasance_sync(batch: Batch, at_ns: int) -> None:
    """Record when all malfeasance proofs were last in."""
    batch.put(schema.MALFEASANCE_SYNC, key_u64(at_ns))


def find_malfeasance_sync(reader: Reader) -> int | None:
    """Return when all malfeasance proofs were last in, or None."""
    value = reader.get(schema.MALFEASANCE_SYNC)
    return None if value is None else number_of(value)


def clear_sync_progress(batch: Batch, reader: Reader) -> None:
    """Forget all of it, before a recovery from a checkpoint."""
    for prefix in (schema.ATX_SYNC, schema.EPOCH_SYNC, schema.MALFEASANCE_SYNC):
        for key in reader.keys(prefix):
            batch.delete(prefix + key)
