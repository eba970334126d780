"""Raw bytes by hint and padded key."""

import pytest

from node.base import scale
from node.base.errors import NotFoundError
from node.net.fetch.wire import Hint
from node.store import blobs
from node.store.activesets import put_active_set
from node.store.atxs import put_atx
from node.store.ballots import put_ballot
from node.store.blocks import put_block
from node.store.db import LevelDB
from node.store.identities import Malfeasance, put_malfeasance
from node.store.poets import put_poet
from node.store.transactions import put_transaction
from node.types.active_set import EpochActiveSet
from node.types.ids import Hash32, padded
from node.types.layer import EpochID
from tests.support.store_records import (
    atx,
    atx_id,
    ballot,
    block,
    digest,
    poet,
    smesher,
    transaction,
)


def test_every_kind_of_object_is_found_by_its_hint(db: LevelDB) -> None:
    active_set = EpochActiveSet(epoch=EpochID(3), atx_ids=(atx_id(1),))
    with db.batch(sync=False) as batch:
        put_atx(batch, atx(1), blob=b"atx bytes")
        put_ballot(batch, ballot(20))
        put_block(batch, block(20))
        put_transaction(batch, transaction(1), 5)
        put_poet(batch, poet(1))
        put_malfeasance(batch, Malfeasance(smesher=smesher(1), proof=b"proof", received_ns=1))
        put_active_set(batch, digest(5), active_set)
    expected: dict[str, tuple[bytes, bytes]] = {
        Hint.ATX: (atx_id(1), b"atx bytes"),
        Hint.BALLOT: (padded(ballot(20).id), scale.encode(ballot(20))),
        Hint.BLOCK: (padded(block(20).id), scale.encode(block(20))),
        Hint.TX: (transaction(1).raw.id, transaction(1).raw.raw),
        Hint.POET: (poet(1).proof.ref, scale.encode(poet(1))),
        Hint.MALFEASANCE: (smesher(1), b"proof"),
        Hint.ACTIVE_SET: (digest(5), scale.encode(active_set)),
    }
    for hint, (key, blob) in expected.items():
        assert blobs.find_blob(db, hint, Hash32(key)) == blob
        assert blobs.has_blob(db, hint, Hash32(key))
        assert not blobs.has_blob(db, hint, digest(99))


@pytest.mark.parametrize("hint", [Hint.PROPOSAL, "", "cats"])
def test_a_hint_of_something_else_is_not_found(db: LevelDB, hint: str) -> None:
    with pytest.raises(NotFoundError, match="blob store"):
        blobs.find_blob(db, hint, digest(1))
