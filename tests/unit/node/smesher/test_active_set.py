"""The active set of our own ballots: grades, sources in their order, and that it stays."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.base.errors import NotFoundError, PreconditionError
from node.smesher.active_set import ActiveSetBuilder, Grade, grade_atx
from node.store.blocks import put_block
from node.store.db import LevelDB
from node.store.identities import Malfeasance, put_malfeasance
from node.store.layers import put_applied_block
from node.store.local import ActiveSetKind, find_prepared_active_set
from node.types.active_set import EpochActiveSet, active_set_hash
from node.types.atx import Atx
from node.types.ids import AtxID
from node.types.layer import EpochID, LayerID
from tests.support.chain import NS, TIME, Chain, atx, block, signer

EPOCH = EpochID(2)
BEFORE, FIRST, SECOND = LayerID(7), LayerID(8), LayerID(9)
START_NS = TIME.epoch_start(EPOCH)
GOOD_NS = START_NS - 4 * NS - 1
LATE_NS = START_NS - 4 * NS


class Builders(Chain):
    """A store with builders on it; grading takes a second of delay."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.local = LevelDB(folder / "local")

    def builder(self, good_percent: int = 0) -> ActiveSetBuilder:
        return ActiveSetBuilder(
            db=self.db,
            local=self.local,
            time=TIME,
            atxdata=self.atxdata,
            grade_delay_ns=NS,
            good_percent=good_percent,
        )

    def add(self, good: int, late: int = 0) -> tuple[list[Atx], list[Atx]]:
        first = [self.add_atx(atx(n, received_ns=GOOD_NS)) for n in range(1, good + 1)]
        others = range(good + 1, good + late + 1)
        return first, [self.add_atx(atx(n, received_ns=LATE_NS)) for n in others]

    def apply_block(self, layer: int, *atxs: Atx) -> None:
        made = block(layer, *atxs)
        with self.db.batch(sync=False) as batch:
            put_block(batch, made)
            put_applied_block(batch, LayerID(layer), made.id)

    def close(self) -> None:
        self.db.close()
        self.local.close()


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Builders]:
    chain = Builders(tmp_path)
    yield chain
    chain.close()


def ids(*groups: list[Atx]) -> tuple[AtxID, ...]:
    return tuple(sorted(one.id for group in groups for one in group))


@pytest.mark.parametrize(
    ("received", "convicted", "grade"),
    [
        (-41, None, Grade.GOOD),
        (-41, 0, Grade.GOOD),
        (-41, -10, Grade.ACCEPTABLE),
        (-41, -11, Grade.EVIL),
        (-40, None, Grade.ACCEPTABLE),
        (-31, None, Grade.ACCEPTABLE),
        (-31, -10, Grade.ACCEPTABLE),
        (-31, -11, Grade.EVIL),
        (-30, None, Grade.EVIL),
        (0, None, Grade.EVIL),
    ],
)
def test_grades_depend_on_when_atx_and_proof_came(
    received: int, convicted: int | None, grade: Grade
) -> None:
    assert grade_atx(received, convicted, 0, 10) is grade


async def test_the_good_ones_make_the_set_where_nearly_all_are_good(chain: Builders) -> None:
    good, _ = chain.add(good=11, late=1)
    made = await chain.builder().generate(BEFORE, EPOCH)
    assert made.atx_ids == ids(good)
    assert made.digest == active_set_hash(ids(good))
    assert made.weight == 11 * 100


async def test_exactly_the_share_that_is_asked_for_is_not_enough(chain: Builders) -> None:
    good, late = chain.add(good=9, late=1)
    with pytest.raises(PreconditionError, match="of 10 ATXs only 9 came in time"):
        await chain.builder().generate(BEFORE, EPOCH)
    assert (await chain.builder(good_percent=89).generate(BEFORE, EPOCH)).atx_ids == ids(good)
    assert late


async def test_atxs_of_the_convicted_are_not_good(chain: Builders) -> None:
    good, _ = chain.add(good=3)
    with chain.db.batch(sync=False) as batch:
        for number, when in ((2, START_NS - 1), (3, START_NS)):
            smesher = signer(number).smesher_id
            put_malfeasance(batch, Malfeasance(smesher=smesher, proof=b"p", received_ns=when))
    made = await chain.builder(good_percent=50).generate(BEFORE, EPOCH)
    assert made.atx_ids == ids([good[0], good[2]])


async def test_many_atxs_of_one_convicted_smesher_are_one_that_is_not_good(
    chain: Builders,
) -> None:
    good, _ = chain.add(good=3)
    for number in range(20):
        chain.add_atx(atx(4, id=AtxID(bytes([100 + number]) * 32), received_ns=GOOD_NS))
    with chain.db.batch(sync=False) as batch:
        smesher = signer(4).smesher_id
        put_malfeasance(batch, Malfeasance(smesher=smesher, proof=b"p", received_ns=GOOD_NS))
    made = await chain.builder(good_percent=74).generate(BEFORE, EPOCH)
    assert made.atx_ids == ids(good)


async def test_weights_are_units_times_ticks(chain: Builders) -> None:
    chain.add_atx(atx(1, num_units=3, tick_count=7))
    assert (await chain.builder().generate(BEFORE, EPOCH)).weight == 21


async def test_a_set_is_made_once_and_outlives_a_restart(chain: Builders) -> None:
    chain.add(good=2)
    builder = chain.builder()
    made = await builder.generate(BEFORE, EPOCH)
    chain.add(good=3)
    assert await builder.generate(FIRST, EPOCH) == made
    assert await chain.builder().generate(SECOND, EPOCH) == made
    assert find_prepared_active_set(chain.local, ActiveSetKind.TORTOISE, EPOCH) == made


async def test_of_two_that_grade_at_once_the_first_to_end_decides(
    chain: Builders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.smesher.active_set.ATXS_AT_ONCE", 1)
    chain.add(good=2)
    builder = chain.builder()
    async with asyncio.TaskGroup() as tasks:
        making = [tasks.create_task(builder.generate(BEFORE, EPOCH)) for _ in range(2)]
    assert making[0].result() is making[1].result()


async def test_a_trusted_set_comes_before_our_own_and_the_first_one_stays(
    chain: Builders,
) -> None:
    good, _ = chain.add(good=3)
    builder = chain.builder()
    trusted = ids(good[:2])
    builder.on_fallback(EpochActiveSet(epoch=EPOCH, atx_ids=trusted[::-1]))
    builder.on_fallback(EpochActiveSet(epoch=EPOCH, atx_ids=trusted[:1]))
    made = await builder.generate(BEFORE, EPOCH)
    assert (made.atx_ids, made.weight) == (trusted, 200)


async def test_every_atx_of_a_trusted_set_has_to_be_known(chain: Builders) -> None:
    chain.add(good=1)
    builder = chain.builder()
    builder.on_fallback(EpochActiveSet(epoch=EPOCH, atx_ids=(AtxID(b"\xee" * 32),)))
    with pytest.raises(PreconditionError, match="is not known"):
        await builder.generate(BEFORE, EPOCH)


@pytest.mark.parametrize("epoch", [0, 2])
async def test_without_atxs_there_is_no_set(chain: Builders, epoch: int) -> None:
    with pytest.raises(PreconditionError, match="empty active set"):
        await chain.builder().generate(BEFORE, EpochID(epoch))


async def test_a_set_without_weight_is_refused(chain: Builders) -> None:
    chain.add_atx(atx(1, num_units=0))
    with pytest.raises(PreconditionError, match="weighs nothing"):
        await chain.builder().generate(BEFORE, EPOCH)


async def test_the_first_block_stands_in_for_atxs_that_came_late(chain: Builders) -> None:
    _, late = chain.add(good=0, late=4)
    chain.add_reference(1, FIRST, late[:2])
    chain.add_reference(2, FIRST, late[1:3])
    chain.apply_block(FIRST, late[0], late[1])
    made = await chain.builder().generate(SECOND, EPOCH)
    assert (made.atx_ids, made.weight) == (ids(late[:3]), 300)


async def test_a_block_counts_only_after_the_first_layer(chain: Builders) -> None:
    _, late = chain.add(good=0, late=1)
    chain.add_reference(1, FIRST, late)
    chain.apply_block(FIRST, late[0])
    with pytest.raises(PreconditionError, match="no block of the epoch"):
        await chain.builder().generate(FIRST, EPOCH)


async def test_without_a_block_there_is_no_set(chain: Builders) -> None:
    chain.add(good=0, late=1)
    with pytest.raises(PreconditionError, match="no block of the epoch") as failed:
        await chain.builder().generate(SECOND, EPOCH)
    assert failed.value.hint


async def test_all_that_the_block_refers_to_has_to_be_there(chain: Builders) -> None:
    _, late = chain.add(good=0, late=1)
    chain.apply_block(FIRST, late[0])
    with pytest.raises(NotFoundError, match="reference ballot"):
        await chain.builder().generate(SECOND, EPOCH)
