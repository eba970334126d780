"""How far downloads are."""

from node.store import sync_progress
from node.store.db import LevelDB
from node.store.sync_progress import EpochSync
from node.types.layer import EpochID
from tests.support.store_records import atx_id

EPOCH = EpochID(3)


def test_the_download_of_an_epoch_is_remembered(db: LevelDB) -> None:
    state = EpochSync(listed_ns=10**18, total=5, downloaded=3)
    assert sync_progress.find_epoch_sync(db, EPOCH) is None
    with db.batch(sync=False) as batch:
        sync_progress.put_epoch_sync(batch, EPOCH, state)
        sync_progress.put_wanted_atx(batch, EPOCH, atx_id(2), 0)
        sync_progress.put_wanted_atx(batch, EPOCH, atx_id(1), 7)
        sync_progress.put_wanted_atx(batch, EpochID(4), atx_id(3), 1)
    assert sync_progress.find_epoch_sync(db, EPOCH) == state
    assert sync_progress.wanted_atxs(db, EPOCH) == {atx_id(1): 7, atx_id(2): 0}
    with db.batch(sync=False) as batch:
        sync_progress.delete_wanted_atx(batch, EPOCH, atx_id(1))
    assert list(sync_progress.wanted_atxs(db, EPOCH)) == [atx_id(2)]


def test_a_recovery_forgets_all_progress(db: LevelDB) -> None:
    assert sync_progress.find_malfeasance_sync(db) is None
    with db.batch(sync=False) as batch:
        sync_progress.put_malfeasance_sync(batch, 10**18)
        sync_progress.put_wanted_atx(batch, EPOCH, atx_id(2), 0)
        sync_progress.put_epoch_sync(batch, EPOCH, EpochSync(listed_ns=1, total=1, downloaded=1))
    assert sync_progress.find_malfeasance_sync(db) == 10**18
    with db.batch(sync=False) as batch:
        sync_progress.clear_sync_progress(batch, db)
    assert list(db.keys(b"")) == []
