"""Identities: who misbehaved, with the proof, and who is married to whom.

Proofs are kept as the bytes that peers exchange; what they mean is the business of
``consensus.malfeasance``.

Source: go-spacemesh, sql/identities and sql/marriage; activation digest section 6.2,
tortoise digest section 12.3.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from node.base import scale
from node.base.errors import NotFoundError
from node.base.scale import U32, U64
from node.store import schema
from node.store.db import Batch, Reader
from node.store.schema import key_u32, key_u64, number_of, read_record
from node.types.ids import AtxID, SmesherID
from node.types.marriage import Marriage

FIRST_MARRIAGE: Final = 1
"""Number of the first set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Malfeasance:
    """Why an identity no longer counts."""

    smesher: SmesherID

    proof: bytes
    """Encoded MalfeasanceProof; empty for one condemned together with its marriage."""

    received_ns: int
    """When we learned of it, nanoseconds since the Unix epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarriageRecord:
    """One identity's marriage as stored."""

    marriage_id: U32
    """Shared by all members of a set; of this database only."""

    sequence: U64
    """Order of arrival, which is the order of the set."""

    marriage: Marriage


def put_malfeasance(batch: Batch, malfeasance: Malfeasance) -> None:
    """Record that an identity misbehaved."""
    value = key_u64(malfeasance.received_ns) + malfeasance.proof
    batch.put(schema.MALICIOUS + malfeasance.smesher, value)


def is_malicious(reader: Reader, smesher: SmesherID) -> bool:
    """Tell whether an identity is known to misbehave."""
    return reader.get(schema.MALICIOUS + smesher) is not None


def find_malfeasance(reader: Reader, smesher: SmesherID) -> Malfeasance | None:
    """Return why an identity does not count, None if it does."""
    value = reader.get(schema.MALICIOUS + smesher)
    return None if value is None else _malfeasance(smesher, value)


def get_malfeasance(reader: Reader, smesher: SmesherID) -> Malfeasance:
    """Return why an identity does not count.

    Raises:
        NotFoundError: nothing is known against it.
    """
    found = find_malfeasance(reader, smesher)
    if found is None:
        raise NotFoundError("malfeasance of smesher", smesher)
    return found


def find_malfeasance_blob(reader: Reader, smesher: SmesherID) -> bytes | None:
    """Return the encoded proof against an identity, as peers fetch it, or None."""
    found = find_malfeasance(reader, smesher)
    return None if found is None or not found.proof else found.proof


def malicious_smeshers(reader: Reader) -> Iterator[SmesherID]:
    """Yield the identities that do not count, ascending."""
    return map(SmesherID, reader.keys(schema.MALICIOUS))


def malfeasances(reader: Reader) -> Iterator[Malfeasance]:
    """Yield what is known against identities, by identity."""
    rows = reader.scan(schema.MALICIOUS)
    return (_malfeasance(SmesherID(key), value) for key, value in rows)


def put_marriages(batch: Batch, reader: Reader, marriages: Sequence[Marriage]) -> int:
    """Join the identities of a marriage ATX, in its order; return the set's number.

    An identity that is married already keeps its row, and its set becomes part of this
    one under the smallest of the numbers.
    """
    known = {m.smesher: find_marriage_record(reader, m.smesher) for m in marriages}
    joined = sorted({record.marriage_id for record in known.values() if record is not None})
    marriage_id = joined[0] if joined else _new_marriage_id(reader)
    for other in joined[1:]:
        _move_members(batch, reader, other, marriage_id)
    sequence = _next_sequence(reader)
    for marriage in marriages:
        if known[marriage.smesher] is None:
            put_marriage(
                batch,
                MarriageRecord(marriage_id=marriage_id, sequence=sequence, marriage=marriage),
            )
            sequence += 1
    return marriage_id


def put_marriage(batch: Batch, record: MarriageRecord) -> None:
    """Store one member of a set, number and order being given."""
    smesher = record.marriage.smesher
    sequence = key_u64(record.sequence)
    batch.put(schema.MARRIAGE + smesher, scale.encode(record))
    batch.put(schema.MARRIAGE_MEMBER + key_u32(record.marriage_id) + sequence, smesher)
    batch.put(schema.MARRIAGE_SEQUENCE + sequence, key_u32(record.marriage_id))
    place = record.marriage.marriage_atx + key_u32(record.marriage.index)
    batch.put(schema.MARRIAGE_BY_ATX + place, smesher)


def find_marriage_record(reader: Reader, smesher: SmesherID) -> MarriageRecord | None:
    """Return an identity's marriage with the number of its set, or None."""
    value = reader.get(schema.MARRIAGE + smesher)
    return None if value is None else read_record(MarriageRecord, value)


def find_marriage(reader: Reader, smesher: SmesherID) -> Marriage | None:
    """Return an identity's marriage, or None."""
    record = find_marriage_record(reader, smesher)
    return None if record is None else record.marriage


def find_marriage_id(reader: Reader, smesher: SmesherID) -> int | None:
    """Return the number of the set an identity belongs to, or None."""
    record = find_marriage_record(reader, smesher)
    return None if record is None else record.marriage_id


def married_smeshers(reader: Reader, marriage_id: int) -> tuple[SmesherID, ...]:
    """Return the members of a set in the order that marriage indices refer to."""
    rows = reader.scan(schema.MARRIAGE_MEMBER + key_u32(marriage_id))
    return tuple(SmesherID(value) for _, value in rows)


def equivocation_set(reader: Reader, smesher: SmesherID) -> tuple[SmesherID, ...]:
    """Return all that share an identity's fate, itself among them; alone if unmarried."""
    marriage_id = find_marriage_id(reader, smesher)
    return (smesher,) if marriage_id is None else married_smeshers(reader, marriage_id)


def find_married_at(reader: Reader, marriage_atx: AtxID, index: int) -> SmesherID | None:
    """Return the identity that a marriage ATX joined at a position, or None."""
    value = reader.get(schema.MARRIAGE_BY_ATX + marriage_atx + key_u32(index))
    return None if value is None else SmesherID(value)


def marriage_records(reader: Reader) -> Iterator[MarriageRecord]:
    """Yield all marriages, by set and order."""
    for _, smesher in reader.scan(schema.MARRIAGE_MEMBER):
        record = find_marriage_record(reader, SmesherID(smesher))
        if record is not None:
            yield record


def _malfeasance(smesher: SmesherID, value: bytes) -> Malfeasance:
    return Malfeasance(
        smesher=smesher,
        proof=value[schema.U64_SIZE :],
        received_ns=number_of(value[: schema.U64_SIZE]),
    )


def _new_marriage_id(reader: Reader) -> int:
    for key in reader.keys(schema.MARRIAGE_MEMBER, reverse=True):
        return number_of(key[: schema.U32_SIZE]) + 1
    return FIRST_MARRIAGE


def _next_sequence(reader: Reader) -> int:
    for key in reader.keys(schema.MARRIAGE_SEQUENCE, reverse=True):
        return number_of(key) + 1
    return 0


def _move_members(batch: Batch, reader: Reader, source: int, target: int) -> None:
    for key, smesher in reader.scan(schema.MARRIAGE_MEMBER + key_u32(source)):
        batch.delete(schema.MARRIAGE_MEMBER + key_u32(source) + key)
        record = find_marriage_record(reader, SmesherID(smesher))
        if record is not None:
            put_marriage(batch, replace(record, marriage_id=target))
