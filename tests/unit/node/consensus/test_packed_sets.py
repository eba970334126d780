"""Active sets that are not taken apart."""

import pytest

from node.base import scale
from node.base.errors import DecodeError, RejectError, WrongObjectError
from node.base.hashing import hash32
from node.consensus.packed_sets import MAX_MEMBERS, PackedActiveSet
from node.types.active_set import EpochActiveSet, active_set_hash
from node.types.ids import AtxID
from node.types.layer import EpochID

EPOCH = EpochID(7)
IDS = tuple(sorted(AtxID(hash32(b"%d" % number)) for number in range(10)))


def packed(*ids: AtxID) -> PackedActiveSet:
    return PackedActiveSet.decode(scale.encode(EpochActiveSet(epoch=EPOCH, atx_ids=ids)))


def test_members_stay_where_they_are() -> None:
    active_set = packed(*IDS)
    assert active_set == PackedActiveSet(EPOCH, b"".join(IDS))
    assert len(active_set) == len(IDS)
    assert list(active_set.parts(4)) == [
        b"".join(IDS[:4]),
        b"".join(IDS[4:8]),
        b"".join(IDS[8:]),
    ]
    assert list(packed().parts(4)) == []


@pytest.mark.parametrize("count", [0, 1, 2, 10])
def test_a_sorted_set_with_its_digest_is_good(count: int) -> None:
    packed(*IDS[:count]).check(active_set_hash(IDS[:count]))


def test_ids_that_are_alike_for_long_are_told_apart() -> None:
    ids = tuple(AtxID(b"\1" * place + b"\2" * (32 - place)) for place in (31, 23, 15, 7))
    packed(*ids).check(active_set_hash(ids))
    packed(ids[0], ids[0]).check(active_set_hash((ids[0], ids[0])))
    for place in range(3):
        turned = (*ids[:place], ids[place + 1], ids[place], *ids[place + 2 :])
        with pytest.raises(RejectError, match="not sorted"):
            packed(*turned).check(active_set_hash(turned))


def test_another_set_than_was_asked_for_is_rejected() -> None:
    with pytest.raises(WrongObjectError, match="was sent for"):
        packed(*IDS).check(active_set_hash(IDS[:1]))


def test_malformed_sets_are_refused() -> None:
    data = scale.encode(EpochActiveSet(epoch=EPOCH, atx_ids=IDS))
    for broken in (b"", data[:1], data[:-1], data + b"\0"):
        with pytest.raises(DecodeError):
            PackedActiveSet.decode(broken)
    many = scale.compact(EPOCH) + scale.compact(MAX_MEMBERS + 1)
    with pytest.raises(DecodeError, match="limit 8000000"):
        PackedActiveSet.decode(many)
