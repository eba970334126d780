"""Packed active sets are decoded, checked and weighed as those that are taken apart."""

from hypothesis import given
from hypothesis import strategies as st

from node.base import scale
from node.base.errors import SpacemeshError
from node.base.hashing import hash32
from node.consensus.atxdata import AtxData, AtxEntry
from node.consensus.packed_sets import PackedActiveSet
from node.consensus.proposals.rules import check_active_set
from node.types.active_set import EpochActiveSet, active_set_hash
from node.types.address import NO_ADDRESS
from node.types.ids import AtxID, Hash32, SmesherID
from node.types.layer import EpochID

EPOCH = EpochID(2)
IDS = st.binary(min_size=0, max_size=4).map(lambda part: AtxID(part.rjust(32, b"\5")))
SETS = st.lists(IDS, max_size=40)


def taken_apart(data: bytes, expected: Hash32) -> object:
    try:
        active_set = scale.decode(EpochActiveSet, data)
        check_active_set(active_set, expected)
    except SpacemeshError as error:
        return type(error)
    return active_set.epoch, b"".join(active_set.atx_ids)


def as_it_is(data: bytes, expected: Hash32) -> object:
    try:
        active_set = PackedActiveSet.decode(data)
        active_set.check(expected)
    except SpacemeshError as error:
        return type(error)
    return active_set.epoch, active_set.ids


@given(ids=SETS, sort=st.booleans(), other=st.booleans(), epoch=st.integers(0, 1 << 31))
def test_sets_are_judged_alike(ids: list[AtxID], sort: bool, other: bool, epoch: int) -> None:
    ids = sorted(ids) if sort else ids
    data = scale.encode(EpochActiveSet(epoch=EpochID(epoch), atx_ids=tuple(ids)))
    expected = active_set_hash(ids[1:] if other else ids)
    assert as_it_is(data, expected) == taken_apart(data, expected)


@given(ids=SETS, cut=st.integers(0, 80), put=st.binary(max_size=6))
def test_malformed_sets_are_judged_alike(ids: list[AtxID], cut: int, put: bytes) -> None:
    data = scale.encode(EpochActiveSet(epoch=EPOCH, atx_ids=tuple(sorted(ids))))
    broken = data[:cut] + put + data[cut + len(put) :]
    expected = active_set_hash(sorted(ids))
    assert as_it_is(broken, expected) == taken_apart(broken, expected)


@given(held=st.lists(IDS, unique=True, max_size=40), wanted=SETS)
def test_sets_weigh_alike(held: list[AtxID], wanted: list[AtxID]) -> None:
    data = AtxData()
    for number, atx_id in enumerate(held):
        entry = AtxEntry(
            smesher=SmesherID(hash32(atx_id)),
            coinbase=NO_ADDRESS,
            weight=(number + 1) << 40,
            base_height=0,
            height=0,
            nonce=0,
        )
        data.add(EPOCH, atx_id, entry)
    assert data.weight_of_packed(EPOCH, b"".join(wanted)) == data.weight_of(EPOCH, wanted)
