"""The diary: entries, slot outcomes, sync samples."""

from dataclasses import replace

from node.store import journal
from node.store.db import LevelDB
from node.store.journal import Detail, JournalEntry, SlotOutcome, SyncSample
from node.types.ids import SmesherID
from node.types.layer import LayerID
from tests.support.store_records import block_id, proposal_id, smesher

OWN, OTHER = smesher(1), smesher(2)


def entry(number: int, of: SmesherID | None = None) -> JournalEntry:
    return JournalEntry(
        time_ns=number,
        kind="atx_published",
        is_failure=0,
        help="it went out",
        smesher=of,
        details=(Detail(name="target_epoch", text=str(number)),),
    )


def append(db: LevelDB, *added: JournalEntry) -> int:
    with db.batch(sync=False) as batch:
        return journal.append_entries(batch, db, added)


def test_entries_are_numbered_in_order(db: LevelDB) -> None:
    assert append(db) == 0
    assert append(db, entry(10), entry(11, OWN)) == 2
    assert append(db, entry(12, OTHER)) == 3
    assert list(journal.entries_after(db)) == [
        (1, entry(10)),
        (2, entry(11, OWN)),
        (3, entry(12, OTHER)),
    ]
    assert list(journal.entries_after(db, 2)) == [(3, entry(12, OTHER))]
    newest = journal.entries_after(db, 1, newest_first=True)
    assert [number for number, _ in newest] == [3, 2]
    assert list(journal.entries_of_smesher(db, OWN)) == [(2, entry(11, OWN))]
    assert list(journal.entries_of_smesher(db, OWN, 2)) == []


def test_details_are_found_by_name() -> None:
    assert entry(7).detail("target_epoch") == "7"
    assert entry(7).detail("atx") is None


def test_the_oldest_entries_go_first_and_numbers_go_on(db: LevelDB) -> None:
    append(db, *(entry(number, OWN) for number in range(5)), entry(9))
    with db.batch(sync=False) as batch:
        assert journal.prune_entries(batch, db, keep=2) == 4
    assert [number for number, _ in journal.entries_after(db)] == [5, 6]
    assert [number for number, _ in journal.entries_of_smesher(db, OWN)] == [5]
    assert journal.find_entry(db, 1) is None
    with db.batch(sync=False) as batch:
        assert journal.prune_entries(batch, db, keep=2) == 0
        assert journal.prune_entries(batch, db, keep=9) == 0
    assert append(db, entry(10)) == 7


def test_entries_without_smesher_are_pruned_too(db: LevelDB) -> None:
    append(db, entry(1), entry(2))
    with db.batch(sync=False) as batch:
        journal.prune_entries(batch, db, keep=0)
    assert list(db.keys(b"")) == []


def test_a_slot_outcome_grows_as_the_slot_passes(db: LevelDB) -> None:
    planned = SlotOutcome(
        smesher=OWN,
        layer=LayerID(20),
        slots=2,
        built_ns=0,
        published_ns=0,
        proposal=None,
        block=None,
        failure="",
    )
    done = replace(planned, built_ns=1, published_ns=2, proposal=proposal_id(1), block=block_id(1))
    with db.batch(sync=False) as batch:
        journal.put_slot_outcome(batch, planned)
        journal.put_slot_outcome(batch, replace(planned, layer=LayerID(25)))
        journal.put_slot_outcome(batch, replace(planned, smesher=OTHER))
    with db.batch(sync=False) as batch:
        journal.put_slot_outcome(batch, done)
    assert journal.find_slot_outcome(db, OWN, LayerID(20)) == done
    assert journal.find_slot_outcome(db, OWN, LayerID(21)) is None
    assert list(journal.slot_outcomes(db, OWN, LayerID(20), LayerID(24))) == [done]


def test_sync_samples_are_kept_by_time(db: LevelDB) -> None:
    samples = [
        SyncSample(
            time_ns=instant,
            state=2,
            peers=3,
            current_layer=LayerID(9),
            latest_layer=LayerID(9),
            processed_layer=LayerID(8),
            applied_layer=LayerID(8),
        )
        for instant in (60, 120, 180)
    ]
    with db.batch(sync=False) as batch:
        for sample in samples:
            journal.put_sync_sample(batch, sample)
    assert list(journal.sync_samples(db, 60, 180)) == samples[:2]
    with db.batch(sync=False) as batch:
        assert journal.prune_sync_samples(batch, db, 120) == 1
    assert list(journal.sync_samples(db, 0, 999)) == samples[1:]
