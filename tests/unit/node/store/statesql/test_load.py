"""Importing the reference's files: rows that the recorded ones do not have."""

from pathlib import Path

import pytest

from node.base.errors import PreconditionError
from node.store import atxs, identities, layers, local, sync_progress
from node.store.db import LevelDB
from node.store.statesql.files import open_local_sql, open_state_sql
from node.store.statesql.load import import_local, import_state
from node.types.ids import NO_ATX
from node.types.layer import EpochID
from tests.support.store_records import address, atx_id, digest, smesher
from tests.unit.node.store.statesql.conftest import MakeFile, Rows

ACCOUNT = (bytes(address(1)), -1, 0, 0, None, None)
MEMBERSHIP = b"\x00\x10"


@pytest.fixture
def db(tmp_path: Path) -> LevelDB:
    return LevelDB(tmp_path / "db")


def atx_row(number: int, weight: int | None, received: int) -> tuple[object, ...]:
    return (
        bytes(atx_id(number)), 3, 4, None, 7, 100, 10, number, bytes(smesher(1)),
        bytes(address(1)), received, 1, bytes(atx_id(50)) if number == 2 else None, weight,
    )  # fmt: skip


def test_checkpointed_and_merged_atxs_are_taken_over(make_file: MakeFile, db: LevelDB) -> None:
    rows: Rows = {
        "atxs": [atx_row(1, None, 0), atx_row(2, 40, 9)],
        "atx_blobs": [(bytes(atx_id(1)), None, None), (bytes(atx_id(2)), b"raw", 2)],
        "posts": [(bytes(atx_id(2)), bytes(smesher(1)), bytes(atx_id(1)), 0, 4, 3)],
        "accounts": [ACCOUNT],
    }
    with db, open_state_sql(make_file("state", rows)) as file:
        copied = import_state(db, file)
        assert (copied["atxs"], copied["posts"], copied["accounts"]) == (2, 1, 1)
        golden, merged = atxs.get_atx(db, atx_id(1)), atxs.get_atx(db, atx_id(2))
        assert (golden.weight, golden.version, golden.previous_atx) == (0, 1, NO_ATX)
        assert atxs.is_checkpointed(db, atx_id(1))
        assert (merged.weight, merged.version, merged.previous_atx) == (40, 2, atx_id(1))
        assert atxs.find_marriage_atx(db, atx_id(2)) == atx_id(50)
        assert atxs.find_validity(db, atx_id(2)) is atxs.Validity.VALID


def test_marriages_keep_their_order_and_malfeasance_its_verdict(
    make_file: MakeFile, db: LevelDB
) -> None:
    def married(of: int, marriage_id: int, index: int) -> tuple[object, ...]:
        atx, target = bytes(atx_id(9)), bytes(smesher(1))
        return bytes(smesher(of)), marriage_id, atx, index, target, bytes(64)

    rows: Rows = {
        "marriages": [married(5, 1, 0), married(2, 1, 1), married(3, 2, 2)],
        "malfeasance": [
            (bytes(smesher(5)), 1, 77, None, None),
            (bytes(smesher(2)), 1, 78, None, None),
        ],
        "identities": [(bytes(smesher(2)), b"proof", 80)],
        "recovery": [(1, 70)],
        "layers": [(70, 1, None, None, None, None)],
    }
    with db, open_state_sql(make_file("state", rows)) as file:
        import_state(db, file)
        assert identities.married_smeshers(db, 1) == (smesher(5), smesher(2))
        assert identities.find_marriage_id(db, smesher(3)) == 2
        assert identities.get_malfeasance(db, smesher(5)).proof == b""
        assert identities.get_malfeasance(db, smesher(2)).proof == b"proof"
        assert layers.find_restore_layer(db) == 70


def test_only_an_empty_database_is_imported_into(make_file: MakeFile, db: LevelDB) -> None:
    path = make_file("state", {"accounts": [ACCOUNT]})
    with db, open_state_sql(path) as file:
        import_state(db, file)
        with pytest.raises(PreconditionError, match="not empty"):
            import_state(db, file)


def test_progress_of_own_smeshers_is_taken_over(make_file: MakeFile, db: LevelDB) -> None:
    own, atx, ref = bytes(smesher(1)), bytes(atx_id(2)), bytes(digest(4))
    rows: Rows = {
        "challenge": [(own, 3, 0, bytes(32), atx, atx, 1, b"\x01", 2, ref, MEMBERSHIP)],
        "nipost": [(own, 1, b"\x01", 2, 4, 9, MEMBERSHIP, ref, 64)],
        "post": [(own, 1, b"\x01", 2, 4, atx, 9, bytes(32))],
        "poet_registration": [(own, ref, "http://a", "7", 100)],
        "poet_certificates": [(own, b"key", b"certificate", b"signature")],
        "prepared_activeset": [(1, 4, ref, 55, b"\x04" + atx)],
        "atx_sync_state": [(3, atx, 2)],
        "atx_sync_requests": [(3, 100, None, None), (4, 101, 5, 2)],
        "malfeasance_sync_state": [(1, 102)],
    }
    of = smesher(1)
    with db, open_local_sql(make_file("local", rows)) as file:
        assert set(import_local(db, file).values()) == {1, 2}
        challenge = local.get_challenge(db, of)
        assert challenge.initial_post is not None
        assert challenge.membership is not None
        nipost, initial = local.find_nipost(db, of), local.find_initial_post(db, of)
        assert nipost is not None
        assert initial is not None
        assert nipost.post == initial.post == challenge.initial_post
        assert local.registrations(db, of)[0].round_end_ns == 100 * 10**9
        assert local.find_poet_certificate(db, of, b"key") is not None
        prepared = local.find_prepared_active_set(db, local.ActiveSetKind.HARE, EpochID(4))
        assert prepared is not None
        assert prepared.atx_ids == (atx_id(2),)
        assert sync_progress.wanted_atxs(db, EpochID(3)) == {atx_id(2): 2}
        later = sync_progress.find_epoch_sync(db, EpochID(4))
        assert later == sync_progress.EpochSync(listed_ns=101 * 10**9, total=5, downloaded=2)
        assert sync_progress.find_malfeasance_sync(db) == 102 * 10**9
