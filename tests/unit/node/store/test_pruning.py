"""Portions of old rows."""

from node.sim.power import Meter, Power, PoweredDatabase
from node.store.db import LevelDB
from node.store.pruning import Portion, delete_portion
from node.types.layer import LayerID

VIEW, OTHER = b"aa", b"bb"
KEYS = tuple(bytes([number]) for number in range(6))


def fill(db: LevelDB) -> None:
    with db.batch(sync=False) as batch:
        for key in KEYS:
            batch.put(VIEW + key, b"")
            batch.put(OTHER + key, b"object")


def other(key: bytes) -> bytes:
    return OTHER + key


def test_a_range_goes_portion_by_portion_from_all_views(db: LevelDB) -> None:
    fill(db)
    first = delete_portion(db, VIEW, start=b"", stop=b"\5", limit=3, other_view=other)
    assert first == Portion(rows=3, rest=b"\2\0")
    assert list(db.keys(VIEW)) == list(db.keys(OTHER)) == list(KEYS[3:])
    second = delete_portion(
        db, VIEW, start=first.rest or b"", stop=b"\5", limit=3, other_view=other
    )
    assert second == Portion(rows=2, rest=None)
    assert list(db.keys(VIEW)) == list(db.keys(OTHER)) == [b"\5"]


def test_a_portion_that_is_just_full_does_not_know_that_it_was_the_last(db: LevelDB) -> None:
    fill(db)
    portion = delete_portion(db, VIEW, start=b"\4", stop=b"\6", limit=2)
    assert portion == Portion(rows=2, rest=b"\5\0")
    rest = delete_portion(db, VIEW, start=b"\5\0", stop=b"\6", limit=2)
    assert rest == Portion(rows=0, rest=None)
    assert list(db.keys(VIEW)) == list(KEYS[:4])
    assert list(db.keys(OTHER)) == list(KEYS)


def test_a_range_that_ends_before_it_begins_is_empty(db: LevelDB) -> None:
    fill(db)
    portion = delete_portion(db, VIEW, start=b"\4", stop=b"\2", limit=9)
    assert portion == Portion(rows=0, rest=None)
    assert list(db.keys(VIEW)) == list(KEYS)


def test_a_portion_is_one_write_and_none_where_nothing_is_old(db: LevelDB) -> None:
    fill(db)
    meter = Meter(faults=[])
    power = Power(meter=meter, layer_now=lambda: LayerID(1), on_lost=lambda _fault: None)
    powered = PoweredDatabase("state", db, power)
    delete_portion(powered, VIEW, start=b"", stop=b"\0", limit=9, other_view=other)
    assert meter.writes == []
    delete_portion(powered, VIEW, start=b"", stop=b"\3", limit=9, other_view=other)
    assert [(write.sync, write.prefixes) for write in meter.writes] == [(False, (b"a", b"b"))]
