"""PoET proofs: checked once, the first one stays."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import ParamSpec, TypeVar

import pytest

from node.base import scale
from node.base.errors import DecodeError, RejectError
from node.consensus.activation.poet_handler import PoetHandler, PoetWork
from node.net.ports import PeerID
from node.runtime.workers import InlineWorkers
from node.store.db import LevelDB
from node.store.poets import get_poet, put_poet
from node.types.ids import Hash32, PoetRef
from tests.support.activation import POET_LEAVES, poet_round

PEER = PeerID("peer")
ROUND = poet_round((b"m" * 32,))
REF = ROUND.proof.ref
OTHER_ENVELOPE = replace(ROUND, round_id="2")

P = ParamSpec("P")
R = TypeVar("R")


@pytest.fixture
def handler(tmp_path: Path) -> Iterator[PoetHandler]:
    with LevelDB(tmp_path / "state") as db:
        yield PoetHandler(db=db, workers=InlineWorkers(), cache_size=0)


async def test_a_good_proof_is_stored_and_found(handler: PoetHandler) -> None:
    assert handler.find(REF) is None
    await handler.on_synced(Hash32(REF), PEER, scale.encode(ROUND))
    assert get_poet(handler.db, REF) == ROUND
    assert handler.find(REF) == PoetWork(statement=ROUND.statement, leaf_count=POET_LEAVES)
    fresh = PoetHandler(db=handler.db, workers=InlineWorkers())
    assert fresh.find(REF) == handler.find(REF)


async def test_the_first_envelope_stays(handler: PoetHandler) -> None:
    assert await handler.store(ROUND) == REF
    assert await handler.store(OTHER_ENVELOPE) == REF
    assert get_poet(handler.db, REF) == ROUND


async def test_one_that_came_meanwhile_stays(handler: PoetHandler) -> None:
    class Interrupted(InlineWorkers):
        async def run(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
            with handler.db.batch() as batch:
                put_poet(batch, ROUND)
            return await super().run(function, *args, **kwargs)

    handler.workers = Interrupted()
    await handler.store(OTHER_ENVELOPE)
    assert get_poet(handler.db, REF) == ROUND


async def test_what_is_wrong_is_rejected(handler: PoetHandler) -> None:
    with pytest.raises(DecodeError):
        await handler.on_synced(Hash32(REF), PEER, b"x")
    with pytest.raises(RejectError, match="sent poet proof"):
        await handler.on_synced(Hash32.zero(), PEER, scale.encode(ROUND))
    foreign = replace(ROUND, statement=Hash32.zero())
    with pytest.raises(RejectError, match="failed to validate poet proof"):
        await handler.on_synced(Hash32(REF), PEER, scale.encode(foreign))
    assert handler.find(PoetRef(REF)) is None
