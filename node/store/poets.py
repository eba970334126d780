"""PoET proofs, by their reference and by service and round.

Source: go-spacemesh, sql/poets; activation digest section 8.4.
"""

from collections.abc import Iterator

from node.base import scale
from node.base.errors import NotFoundError
from node.store import schema
from node.store.db import Batch, Reader
from node.store.schema import key_u8, read_record
from node.types.ids import PoetRef
from node.types.poet import PoetProofMessage


def put_poet(batch: Batch, message: PoetProofMessage) -> None:
    """Store a proof with its service and round."""
    reference = message.proof.ref
    batch.put(schema.POET + reference, scale.encode(message))
    round_key = _round_key(message.poet_service_id, message.round_id)
    batch.put(schema.POET_BY_ROUND + round_key, reference)


def find_poet(reader: Reader, reference: PoetRef) -> PoetProofMessage | None:
    """Return a proof, or None."""
    value = find_poet_blob(reader, reference)
    return None if value is None else read_record(PoetProofMessage, value)


def get_poet(reader: Reader, reference: PoetRef) -> PoetProofMessage:
    """Return a proof.

    Raises:
        NotFoundError: it is not stored.
    """
    found = find_poet(reader, reference)
    if found is None:
        raise NotFoundError("poet proof", reference)
    return found


def find_poet_blob(reader: Reader, reference: PoetRef) -> bytes | None:
    """Return a proof encoded, as peers fetch it, or None."""
    return reader.get(schema.POET + reference)


def has_poet(reader: Reader, reference: PoetRef) -> bool:
    """Tell whether a proof is stored."""
    return find_poet_blob(reader, reference) is not None


def find_poet_of_round(reader: Reader, service: bytes, round_id: str) -> PoetRef | None:
    """Return the reference of a service's proof of a round, or None."""
    value = reader.get(schema.POET_BY_ROUND + _round_key(service, round_id))
    return None if value is None else PoetRef(value)


def poet_refs(reader: Reader) -> Iterator[PoetRef]:
    """Yield the references of all proofs, ascending."""
    return map(PoetRef, reader.keys(schema.POET))


def _round_key(service: bytes, round_id: str) -> bytes:
    return key_u8(len(service)) + service + round_id.encode("utf-8", "surrogateescape")
