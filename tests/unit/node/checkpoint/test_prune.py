"""What is removed of a store, when, and what stays."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from node.checkpoint import prune
from node.checkpoint.prune import Pruner, Removed, oldest_kept_epoch, oldest_kept_layer
from node.layer_ticker import LoopClock
from node.sim.power import BetweenWrites, Meter, Power, PoweredDatabase, PowerLost
from node.sim.virtual_time import simulate
from node.store import schema
from node.store.activesets import has_active_set, put_active_set
from node.store.certificates import find_certificate, find_hare_output, put_certificate
from node.store.db import Database, LevelDB
from node.store.transactions import proposals_with, put_in_proposal
from node.types.active_set import EpochActiveSet
from node.types.layer import EpochID, LayerID
from tests.support.chain import NS, TIME
from tests.support.store_records import (
    atx_id,
    block_id,
    certificate,
    digest,
    proposal_id,
    transaction_id,
)

LAYERS = range(8, 40)
"""Of epochs 2 to 9: four in each."""
HDIST = 5
SECOND = NS


@pytest.fixture
def db(tmp_path: Path) -> Iterator[LevelDB]:
    """Return a store with a certificate and a proposal's link in every layer, and active sets."""
    with LevelDB(tmp_path / "db") as opened:
        with opened.batch(sync=False) as batch:
            for number in LAYERS:
                layer = LayerID(number)
                put_certificate(batch, layer, certificate(layer, block_id(number)))
                put_in_proposal(batch, [transaction_id(number)], layer, proposal_id(number))
            for number in range(2, 10):
                active_set = EpochActiveSet(epoch=EpochID(number), atx_ids=(atx_id(number),))
                put_active_set(batch, digest(number), active_set)
        yield opened


def committee_epoch(layer: LayerID) -> EpochID:
    """Committees of the first layer of an epoch are drawn from the set of the one before."""
    epoch = TIME.epoch_of(layer)
    return EpochID(epoch - 1) if epoch and layer == TIME.first_layer(epoch) else epoch


def pruner(
    db: Database,
    layer: int,
    *,
    interval_ns: int = 60 * SECOND,
    active_sets_from: int = 0,
    safe_distance: int = HDIST,
) -> Pruner:
    """Return one whose clock starts with a layer."""
    return Pruner(
        db=db,
        clock=LoopClock(TIME.start_of(LayerID(layer))),
        time=TIME,
        interval_ns=interval_ns,
        safe_distance=safe_distance,
        active_sets_from=EpochID(active_sets_from),
        committee_epoch=committee_epoch,
    )


def certified(db: LevelDB) -> list[int]:
    """Return the layers with a certificate."""
    return [
        number
        for number in LAYERS
        if find_certificate(db, LayerID(number), block_id(number)) is not None
    ]


def offered(db: LevelDB) -> list[int]:
    """Return the layers of which it is known what proposals offered."""
    return [number for number in LAYERS if list(proposals_with(db, transaction_id(number)))]


def epochs(db: LevelDB) -> list[int]:
    """Return the epochs with an active set."""
    return [number for number in range(2, 10) if has_active_set(db, digest(number))]


def until(db: LevelDB, layer: int, seconds: float, **changed: int) -> None:
    """Run a pruner for some seconds from the start of a layer, and cancel it."""

    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(seconds):
                await pruner(db, layer, **changed).run()

    simulate(main())


@pytest.mark.parametrize(("current", "kept"), [(0, 0), (4, 0), (5, 0), (6, 1), (100, 95)])
def test_layers_within_the_safe_distance_stay(current: int, kept: int) -> None:
    assert oldest_kept_layer(LayerID(current), HDIST) == kept


@pytest.mark.parametrize(
    ("current", "switched_on_after", "committee", "kept"),
    [
        (0, 0, 0, 0),
        (1, 0, 1, 0),
        (9, 0, 9, 8),
        (9, 0, 8, 8),
        (9, 0, 7, 7),
        (12, 12, 11, 0),
        (13, 12, 12, 12),
        (13, 2**32 - 1, 12, 0),
    ],
)
def test_active_sets_of_the_last_epoch_and_of_living_committees_stay(
    current: int, switched_on_after: int, committee: int, kept: int
) -> None:
    found = oldest_kept_epoch(EpochID(current), EpochID(switched_on_after), EpochID(committee))
    assert found == kept


def test_old_certificates_links_and_active_sets_go_and_hare_s_word_stays(db: LevelDB) -> None:
    removed = simulate(pruner(db, 30).prune())
    assert removed == Removed(certificates=17, proposal_links=17, active_sets=4)
    assert certified(db) == offered(db) == list(range(25, 40))
    assert epochs(db) == [6, 7, 8, 9]
    assert [find_hare_output(db, LayerID(number)) for number in LAYERS] == [
        block_id(number) for number in LAYERS
    ]
    left = {bytes(key[:2]) for key in db.keys(b"")}
    assert left == {
        schema.CERTIFICATE_ROW,
        schema.CERTIFICATE,
        schema.TRANSACTION_IN_PROPOSAL,
        schema.PROPOSAL_TRANSACTION,
        schema.ACTIVE_SET,
        schema.ACTIVE_SET_BY_EPOCH,
    }


def test_an_older_active_set_stays_while_a_certificate_may_be_checked_with_it(
    db: LevelDB,
) -> None:
    # Layer 28 begins epoch 7, so its committees are of epoch 6; in layer 33 it is still near.
    simulate(pruner(db, 33).prune())
    assert epochs(db) == [6, 7, 8, 9]
    simulate(pruner(db, 34).prune())
    assert epochs(db) == [7, 8, 9]


def test_active_sets_stay_up_to_a_configured_epoch(db: LevelDB) -> None:
    simulate(pruner(db, 35, active_sets_from=8).prune())
    assert epochs(db) == list(range(2, 10))
    simulate(pruner(db, 36, active_sets_from=8).prune())
    assert epochs(db) == [7, 8, 9]


def test_near_the_first_layer_nothing_is_old(db: LevelDB) -> None:
    removed = simulate(pruner(db, 8, safe_distance=9).prune())
    assert removed == Removed(certificates=0, proposal_links=0, active_sets=0)
    assert certified(db) == list(LAYERS)


def test_it_is_done_at_the_start_and_after_every_interval(db: LevelDB) -> None:
    until(db, 20, 0.5)
    assert certified(db)[0] == 15
    until(db, 20, 60)
    assert certified(db)[0] == 15
    until(db, 20, 61)
    assert certified(db)[0] == 21
    until(db, 20, 121)
    assert certified(db)[0] == 27


def test_a_clock_that_is_set_back_does_no_harm(db: LevelDB) -> None:
    async def main() -> tuple[Removed, Removed]:
        one = pruner(db, 30)
        first = await one.prune()
        one.clock = LoopClock(TIME.start_of(LayerID(20)))
        return first, await one.prune()

    _, second = simulate(main())
    assert second == Removed(certificates=0, proposal_links=0, active_sets=0)
    assert certified(db)[0] == 25


def test_what_was_pruned_is_not_passed_over_again(db: LevelDB) -> None:
    asked: list[tuple[bytes, bytes]] = []

    class Listening(PoweredDatabase):
        def keys(
            self,
            prefix: bytes,
            *,
            start: bytes = b"",
            stop: bytes | None = None,
            reverse: bool = False,
        ) -> Iterator[bytes]:
            asked.append((prefix, start))
            return super().keys(prefix, start=start, stop=stop, reverse=reverse)

    async def main() -> None:
        one = pruner(Listening("state", db, _power(Meter(faults=[]))), 30)
        await one.prune()
        asked.clear()
        await one.prune()

    simulate(main())
    place = schema.key_u32(25)
    assert asked == [
        (schema.CERTIFICATE, place),
        (schema.PROPOSAL_TRANSACTION, place),
        (schema.ACTIVE_SET_BY_EPOCH, b""),
    ]


def test_others_have_their_turn_between_portions(
    db: LevelDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prune, "ROWS_AT_ONCE", 3)
    seen: list[int] = []

    async def watch() -> None:
        while len(seen) < 2 or seen[-1] != seen[-2]:
            seen.append(len(certified(db)))
            await asyncio.sleep(0)

    async def main() -> Removed:
        async with asyncio.TaskGroup() as tasks:
            done = tasks.create_task(pruner(db, 30).prune())
            tasks.create_task(watch())
        return done.result()

    assert simulate(main()) == Removed(certificates=17, proposal_links=17, active_sets=4)
    assert seen[:6] == [29, 26, 23, 20, 17, 15]
    assert certified(db) == offered(db) == list(range(25, 40))


@pytest.mark.parametrize("kept", [0, 1, 1 << 62])
@pytest.mark.parametrize("write", range(14))
def test_a_crash_between_two_portions_leaves_whole_objects_and_the_next_start_goes_on(
    db: LevelDB, monkeypatch: pytest.MonkeyPatch, write: int, kept: int
) -> None:
    monkeypatch.setattr(prune, "ROWS_AT_ONCE", 3)
    fault = BetweenWrites(node=0, layer=LayerID(30), write=write, unsynced_kept=kept)
    powered = PoweredDatabase("state", db, _power(Meter(faults=[fault])))
    with pytest.raises(PowerLost):
        simulate(pruner(powered, 30).prune())
    assert {number for number in LAYERS if number >= 25} <= set(certified(db)) & set(offered(db))
    assert {6, 7, 8, 9} <= set(epochs(db))
    _check_views_agree(db)
    simulate(pruner(db, 30).prune())
    assert certified(db) == offered(db) == list(range(25, 40))
    assert epochs(db) == [6, 7, 8, 9]
    _check_views_agree(db)


def _check_views_agree(db: LevelDB) -> None:
    links = sorted(
        key[32:36] + key[:32] + key[36:] for key in db.keys(schema.TRANSACTION_IN_PROPOSAL)
    )
    assert links == list(db.keys(schema.PROPOSAL_TRANSACTION))
    sets = sorted(key[4:] for key in db.keys(schema.ACTIVE_SET_BY_EPOCH))
    assert sets == list(db.keys(schema.ACTIVE_SET))


def _power(meter: Meter, on_lost: Callable[[BetweenWrites], None] = lambda _fault: None) -> Power:
    return Power(meter=meter, layer_now=lambda: LayerID(30), on_lost=on_lost)
