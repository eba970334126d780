"""Ballots, by identifier, layer, smesher and ATX.

Whether a ballot is malicious is a fact of its smesher, and is asked of ``identities``.

Source: go-spacemesh, sql/ballots; tortoise digest sections 10, 12.5 and 16.
"""

from collections.abc import Iterator

from node.base import scale
from node.base.errors import NotFoundError
from node.store import schema
from node.store.db import Batch, Reader
from node.store.identities import is_malicious
from node.store.schema import after_u32, key_u32, number_of, read_record
from node.types.ballot import Ballot
from node.types.ids import AtxID, BallotID, SmesherID
from node.types.layer import LayerID


def put_ballot(batch: Batch, ballot: Ballot) -> None:
    """Store a ballot."""
    layer, identifier = key_u32(ballot.layer), ballot.id
    place = layer + ballot.smesher
    batch.put(schema.BALLOT + place + identifier, scale.encode(ballot))
    batch.put(schema.BALLOT_PLACE + identifier, place)
    batch.put(schema.BALLOT_BY_SMESHER + ballot.smesher + layer + identifier, b"")
    batch.put(schema.BALLOT_BY_ATX + ballot.atx_id + layer + identifier, ballot.smesher)


def find_ballot(reader: Reader, ballot: BallotID) -> Ballot | None:
    """Return a ballot, or None."""
    value = find_ballot_blob(reader, ballot)
    return None if value is None else read_record(Ballot, value)


def get_ballot(reader: Reader, ballot: BallotID) -> Ballot:
    """Return a ballot.

    Raises:
        NotFoundError: it is not stored.
    """
    found = find_ballot(reader, ballot)
    if found is None:
        raise NotFoundError("ballot", ballot)
    return found


def find_ballot_blob(reader: Reader, ballot: BallotID) -> bytes | None:
    """Return a ballot encoded, as peers fetch it, or None."""
    place = reader.get(schema.BALLOT_PLACE + ballot)
    return None if place is None else reader.get(schema.BALLOT + place + ballot)


def has_ballot(reader: Reader, ballot: BallotID) -> bool:
    """Tell whether a ballot is stored."""
    return reader.get(schema.BALLOT_PLACE + ballot) is not None


def is_malicious_ballot(reader: Reader, ballot: Ballot) -> bool:
    """Tell whether a ballot's smesher is known to misbehave."""
    return is_malicious(reader, ballot.smesher)


def ballots_in_layer(reader: Reader, layer: LayerID) -> Iterator[Ballot]:
    """Yield the ballots of a layer, by smesher."""
    return ballots_between(reader, layer, layer)


def ballots_between(reader: Reader, first: LayerID, last: LayerID) -> Iterator[Ballot]:
    """Yield the ballots from layer ``first`` to ``last``, by layer and smesher."""
    rows = reader.scan(schema.BALLOT, start=key_u32(first), stop=after_u32(last))
    return (read_record(Ballot, value) for _, value in rows)


def ballot_ids_in_layer(reader: Reader, layer: LayerID) -> Iterator[BallotID]:
    """Yield the identifiers of a layer's ballots, by smesher."""
    return map(_last_id, reader.keys(schema.BALLOT + key_u32(layer)))


def count_ballots(reader: Reader, layer: LayerID) -> int:
    """Return how many ballots a layer has."""
    return sum(1 for _ in reader.keys(schema.BALLOT + key_u32(layer)))


def ballot_ids_of_smesher_in_layer(
    reader: Reader, smesher: SmesherID, layer: LayerID
) -> Iterator[BallotID]:
    """Yield a smesher's ballots in a layer, ascending; more than one is misbehaviour."""
    return map(BallotID, reader.keys(schema.BALLOT + key_u32(layer) + smesher))


def find_first_ballot(
    reader: Reader, smesher: SmesherID, first: LayerID, last: LayerID
) -> Ballot | None:
    """Return a smesher's ballot in the lowest layer of a range, or None.

    Over the layers of an epoch this is its reference ballot.
    """
    prefix = schema.BALLOT_BY_SMESHER + smesher
    return _first(reader, prefix, first, last, reverse=False)


def find_last_ballot(
    reader: Reader, smesher: SmesherID, first: LayerID, last: LayerID
) -> Ballot | None:
    """Return a smesher's ballot in the highest layer of a range, or None."""
    prefix = schema.BALLOT_BY_SMESHER + smesher
    return _first(reader, prefix, first, last, reverse=True)


def find_first_ballot_of_atx(
    reader: Reader, atx: AtxID, first: LayerID, last: LayerID
) -> Ballot | None:
    """Return the ballot of an ATX in the lowest layer of a range, or None."""
    return _first(reader, schema.BALLOT_BY_ATX + atx, first, last, reverse=False)


def find_last_ballot_of_atx(
    reader: Reader, atx: AtxID, first: LayerID, last: LayerID
) -> Ballot | None:
    """Return the ballot of an ATX in the highest layer of a range, or None."""
    return _first(reader, schema.BALLOT_BY_ATX + atx, first, last, reverse=True)


def first_ballots(reader: Reader, first: LayerID, last: LayerID) -> Iterator[Ballot]:
    """Yield, for every smesher with a ballot in the range, the one in its lowest layer.

    By layer, then smesher; of two in one layer the one with the smaller identifier.
    """
    seen: set[bytes] = set()
    smesher_end = schema.U32_SIZE + SmesherID.SIZE
    for key in reader.keys(schema.BALLOT, start=key_u32(first), stop=after_u32(last)):
        smesher = key[schema.U32_SIZE : smesher_end]
        if smesher not in seen:
            seen.add(smesher)
            yield get_ballot(reader, _last_id(key))


def find_latest_ballot_layer(reader: Reader) -> LayerID | None:
    """Return the highest layer with a ballot, or None."""
    for key in reader.keys(schema.BALLOT, reverse=True):
        return LayerID(number_of(key[: schema.U32_SIZE]))
    return None


def _first(
    reader: Reader, prefix: bytes, first: LayerID, last: LayerID, *, reverse: bool
) -> Ballot | None:
    found = reader.keys(prefix, start=key_u32(first), stop=after_u32(last), reverse=reverse)
    for key in found:
        return get_ballot(reader, _last_id(key))
    return None


def _last_id(key: bytes) -> BallotID:
    return BallotID(key[-BallotID.SIZE :])
