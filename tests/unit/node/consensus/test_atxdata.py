"""The ATX cache: columns per epoch."""

import pytest

from node.base.hashing import hash32
from node.consensus import atxdata
from node.consensus.atxdata import AtxData, AtxEntry, evicted_at_start
from node.types.address import Address
from node.types.atx import Atx
from node.types.ids import NO_ATX, AtxID, SmesherID
from node.types.layer import EpochID, LayerID

EPOCH = EpochID(3)


def some_id(number: int) -> AtxID:
    return AtxID(hash32(b"atx%d" % number))


def colliding_id(number: int) -> AtxID:
    """Return an id that shares its first eight bytes with its like."""
    return AtxID(b"\x11" * 8 + number.to_bytes(24, "big"))


def some_entry(number: int) -> AtxEntry:
    return AtxEntry(
        smesher=SmesherID(hash32(b"smesher%d" % number)),
        coinbase=Address(number.to_bytes(24, "big")),
        weight=(1 << 63) - 1 - number,
        base_height=number,
        height=100 + number,
        nonce=(1 << 64) - 1 - number,
    )


def filled(count: int) -> AtxData:
    data = AtxData()
    for number in range(count):
        data.add(EPOCH, some_id(number), some_entry(number))
    return data


@pytest.fixture(params=[5000, 3], ids=["all waiting", "mostly indexed"])
def recent_limit(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atxdata, "RECENT_LIMIT", request.param)


@pytest.mark.usefixtures("recent_limit")
def test_every_atx_is_found_with_all_its_values() -> None:
    data = filled(300)
    for number in range(300):
        assert data.get(EPOCH, some_id(number)) == some_entry(number)
    assert data.count(EPOCH) == 300
    assert list(data.atxs(EPOCH)) == [(some_id(n), some_entry(n)) for n in range(300)]


def test_nothing_is_found_where_nothing_is() -> None:
    data = filled(1)
    assert data.get(EPOCH, some_id(7)) is None
    assert data.get(EpochID(4), some_id(0)) is None
    assert data.find_by_smesher(EpochID(4), some_entry(0).smesher) is None
    assert data.find_by_smesher(EPOCH, some_entry(1).smesher) is None
    assert data.count(EpochID(4)) == 0
    assert list(data.atxs(EpochID(4))) == []
    assert data.median_height(EpochID(4)) == 0


def test_an_atx_is_added_once() -> None:
    data = filled(2)
    assert not data.add(EPOCH, some_id(1), some_entry(5))
    assert data.get(EPOCH, some_id(1)) == some_entry(1)


def test_an_atx_is_cached_under_its_target_epoch() -> None:
    data = AtxData()
    atx = Atx(
        id=some_id(1),
        smesher=some_entry(1).smesher,
        publish_epoch=EpochID(2),
        sequence=0,
        commitment_atx=None,
        previous_atx=NO_ATX,
        coinbase=some_entry(1).coinbase,
        num_units=4,
        vrf_nonce=9,
        base_tick_height=50,
        tick_count=25,
        weight=100,
        received_ns=0,
        version=1,
    )
    assert data.add_atx(atx)
    assert data.get(EPOCH, atx.id) == AtxEntry(
        smesher=atx.smesher,
        coinbase=atx.coinbase,
        weight=100,
        base_height=50,
        height=75,
        nonce=9,
    )


@pytest.mark.usefixtures("recent_limit")
def test_ids_that_begin_alike_are_told_apart() -> None:
    data = AtxData()
    for number in range(10):
        data.add(EPOCH, colliding_id(number), some_entry(number))
    for number in range(10):
        assert data.get(EPOCH, colliding_id(number)) == some_entry(number)
    assert data.get(EPOCH, colliding_id(10)) is None
    wanted = [colliding_id(number % 11) for number in range(66)]
    weight = sum(some_entry(number % 11).weight for number in range(66) if number % 11 < 10)
    assert data.weight_of(EPOCH, wanted) == (weight, (colliding_id(10),) * 6)


@pytest.mark.parametrize("count", [10, 200], ids=["one by one", "at once"])
def test_the_weight_of_a_set_is_that_of_the_members_known(count: int) -> None:
    data = filled(count)
    wanted = [some_id(number) for number in range(count + 2)]
    expected = sum(some_entry(number).weight for number in range(count))
    assert data.weight_of(EPOCH, wanted) == (expected, (some_id(count), some_id(count + 1)))
    assert data.missing(EPOCH, wanted) == (some_id(count), some_id(count + 1))
    assert data.weight_of(EpochID(9), wanted) == (0, tuple(wanted))


def test_both_ways_to_weigh_a_set_agree_after_more_arrivals() -> None:
    data = filled(100)
    wanted = [some_id(number) for number in range(0, 130, 2)]
    assert len(data.missing(EPOCH, wanted)) == 15
    data.add(EPOCH, some_id(120), some_entry(120))
    assert len(data.missing(EPOCH, wanted)) == 14
    assert data.get(EPOCH, some_id(120)) == some_entry(120)


def test_a_smesher_is_found_by_its_key() -> None:
    data = filled(5)
    assert data.find_by_smesher(EPOCH, some_entry(3).smesher) == (some_id(3), some_entry(3))


@pytest.mark.parametrize(("count", "median"), [(1, 100), (2, 100), (3, 101), (4, 101), (5, 102)])
def test_the_median_height_is_rounded_down(count: int, median: int) -> None:
    assert filled(count).median_height(EPOCH) == median


def test_malicious_smeshers_do_not_count_for_the_median() -> None:
    data = filled(5)
    data.mark_malicious(some_entry(4).smesher)
    data.mark_malicious(some_entry(4).smesher)
    assert data.median_height(EPOCH) == 101
    data.mark_malicious(some_entry(9).smesher)
    data.add(EPOCH, some_id(9), some_entry(9))
    assert data.median_height(EPOCH) == 101
    for number in range(4):
        data.mark_malicious(some_entry(number).smesher)
    assert data.median_height(EPOCH) == 0


def test_malice_is_remembered_without_any_atx() -> None:
    data = AtxData()
    smesher = some_entry(1).smesher
    assert not data.is_malicious(smesher)
    data.mark_malicious(smesher)
    assert data.is_malicious(smesher)


def test_evicted_epochs_are_gone_and_refused() -> None:
    data = AtxData()
    for epoch in (2, 5, 3):
        data.add(EpochID(epoch), some_id(epoch), some_entry(epoch))
    assert data.epochs() == (2, 3, 5)
    data.evict(EpochID(3))
    data.evict(EpochID(2))
    assert data.evicted_epoch == 3
    assert data.epochs() == (5,)
    assert not data.add(EpochID(3), some_id(8), some_entry(8))
    assert data.get(EpochID(2), some_id(2)) is None


def test_no_atx_targets_epoch_zero() -> None:
    assert not AtxData().add(EpochID(0), some_id(0), some_entry(0))


@pytest.mark.parametrize(
    ("applied", "window", "evicted"),
    [(0, 10, None), (40, 10, 6), (43, 12, 6), (44, 12, 7), (16, 12, None), (20, 12, 1)],
)
def test_a_starting_node_skips_epochs_below_the_window(
    applied: int, window: int, evicted: int | None
) -> None:
    assert evicted_at_start(LayerID(applied), window, 4) == evicted
