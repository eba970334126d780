"""Chains verified in full, and the ATX that the next one is built upon."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from node.base.errors import (
    NotFoundError,
    PreconditionError,
    SpacemeshError,
    StoreError,
    UnavailableError,
)
from node.consensus.activation.positioning import (
    ChainVerifier,
    HighTickSearch,
    Positioning,
    Trust,
)
from node.consensus.atxdata import AtxEntry
from node.layer_ticker import LoopClock
from node.post.verifier_pool import UncheckedPosts
from node.post.verifying import All, Mode, PostClaim, ProofParameters
from node.sim.virtual_time import simulate
from node.store import schema
from node.store.atxs import Validity, find_validity, get_atx, put_atx
from node.types.ids import AtxID, SmesherID
from node.types.layer import EpochID
from node.types.post import Post
from tests.support.activation import (
    GOLDEN,
    PARAMETERS,
    TICK_SIZE,
    Built,
    DirectPostVerifier,
    World,
    initial_atx,
    next_atx,
    with_wrong_labels,
)
from tests.support.chain import atx as stored_atx
from tests.support.chain import signer

NOBODY = Trust(received_before_ns=0)
NEVER_BELIEVED_NS = (1 << 63) - 1


class Tools:
    """A node that believed every PoST on arrival, and what looks closer."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder)
        self.world.atxs.post_verifier = UncheckedPosts()
        self.posts = DirectPostVerifier()
        self.chains = ChainVerifier(
            db=self.world.db, post_verifier=self.posts, parameters=PARAMETERS
        )
        self.search = HighTickSearch(atxdata=self.world.atxdata, chains=self.chains)
        self.positioning = Positioning(
            db=self.world.db,
            clock=self.world.clock,
            search=self.search,
            golden_atx=GOLDEN,
            post_valid_delay_ns=NEVER_BELIEVED_NS,
        )

    async def is_valid(self, built: Built, trust: Trust = NOBODY) -> bool:
        return await self.chains.is_chain_valid(built.atx.id, trust)

    def marks(self, *built: Built) -> list[Validity]:
        return [find_validity(self.world.db, one.atx.id) for one in built]

    def verified(self) -> list[SmesherID]:
        """Whose PoSTs were verified, in order."""
        return [SmesherID(claim.smesher) for claim, _, _ in self.posts.asked]


@pytest.fixture
def tools(tmp_path: Path) -> Iterator[Tools]:
    tools = Tools(tmp_path)
    yield tools
    tools.world.close()


def ids(*numbers: int) -> list[SmesherID]:
    return [signer(number).smesher_id for number in numbers]


async def test_a_valid_chain_is_verified_once_and_marked(tools: Tools) -> None:
    base, first = initial_atx(2), initial_atx(1)
    second = next_atx(first, positioning=base.atx.id, num_units=2)
    third = next_atx(second)
    await tools.world.take(base, first, second, third)

    assert await tools.is_valid(third)
    assert tools.marks(base, first, second, third) == [Validity.VALID] * 4
    assert tools.verified() == ids(1, 1, 1, 2)
    assert all(mode == All() and prioritized for _, mode, prioritized in tools.posts.asked)
    assert [claim.num_units for claim, _, _ in tools.posts.asked] == [2, 2, 1, 1]
    assert await tools.is_valid(third)
    assert len(tools.posts.asked) == 4


async def test_one_wrong_label_spoils_all_that_stands_upon_it(tools: Tools) -> None:
    wrong, beside = with_wrong_labels(initial_atx(1)), initial_atx(2)
    second = next_atx(wrong, positioning=beside.atx.id)
    third = next_atx(second)
    await tools.world.take(wrong, beside, second, third)

    assert not await tools.is_valid(third)
    invalid, unknown = Validity.INVALID, Validity.UNKNOWN
    assert tools.marks(wrong, second, third, beside) == [invalid, invalid, invalid, unknown]
    assert not await tools.is_valid(third)
    assert await tools.is_valid(beside)


async def test_commitment_atxs_belong_to_the_chain(tools: Tools) -> None:
    wrong = with_wrong_labels(initial_atx(2))
    upon = initial_atx(1, epoch=2, commitment=wrong.atx.id)
    await tools.world.take(wrong, upon)
    assert not await tools.is_valid(upon)
    assert tools.marks(wrong, upon) == [Validity.INVALID] * 2


async def test_old_own_and_checkpointed_atxs_are_believed_but_not_marked(tools: Tools) -> None:
    wrong = with_wrong_labels(initial_atx(1))
    second = next_atx(wrong)
    await tools.world.take(wrong, second)
    old = Trust(received_before_ns=tools.world.clock.now)
    assert await tools.is_valid(wrong, old)
    assert await tools.is_valid(second, Trust(received_before_ns=0, smesher=signer(1).smesher_id))
    assert tools.marks(wrong, second) == [Validity.UNKNOWN] * 2
    with tools.world.db.batch() as batch:
        batch.delete(schema.ATX_BLOB + wrong.atx.id)
    assert await tools.is_valid(second)
    assert tools.marks(wrong, second) == [Validity.UNKNOWN, Validity.VALID]


async def test_the_golden_atx_is_valid_and_an_unknown_one_is_an_error(tools: Tools) -> None:
    assert await tools.chains.is_chain_valid(GOLDEN, NOBODY)
    with pytest.raises(NotFoundError):
        await tools.chains.is_chain_valid(AtxID(b"?" * 32), NOBODY)


async def test_errors_leave_the_marks_as_they_are(tools: Tools) -> None:
    first = initial_atx(1)
    second = next_atx(first)
    await tools.world.take(first, second)
    with tools.world.db.batch() as batch:
        for key in list(tools.world.db.keys(schema.ATX_COMMITMENT)):
            batch.delete(schema.ATX_COMMITMENT + key)
    with pytest.raises(NotFoundError, match="commitment atx of smesher"):
        await tools.is_valid(second)
    assert tools.marks(first, second) == [Validity.UNKNOWN] * 2


async def test_the_highest_atx_with_a_valid_chain_is_found(tools: Tools) -> None:
    highest = with_wrong_labels(initial_atx(1, leaves=170 + TICK_SIZE * 2))
    convict = initial_atx(2, leaves=170 + TICK_SIZE)
    good, also_good, low = initial_atx(3, leaves=170), initial_atx(4, leaves=170), initial_atx(5)
    await tools.world.take(low, good, highest, also_good, convict)
    tools.world.atxdata.mark_malicious(convict.atx.smesher)

    assert await tools.search.find(EpochID(2), NOBODY) == good.atx.id
    assert tools.verified() == ids(1, 3)
    assert await tools.search.find(EpochID(3), NOBODY) is None


async def test_a_search_goes_on_below_the_first_candidates(tools: Tools) -> None:
    atxdata = tools.world.atxdata
    wrong, good = with_wrong_labels(initial_atx(1)), initial_atx(2)
    await tools.world.take(wrong, good)
    record = get_atx(tools.world.db, wrong.atx.id)
    with tools.world.db.batch() as batch:
        for number in range(100):
            copy = replace(record, id=AtxID(number.to_bytes(32, "big")))
            put_atx(batch, copy, blob=wrong.blob)
            batch.put(schema.ATX_VALIDITY + copy.id, bytes([Validity.INVALID]))
            entry = replace(AtxEntry.of(record), height=1000 + number)
            atxdata.add(EpochID(2), copy.id, entry)
    for number in range(4000):
        low = AtxEntry.of(stored_atx(3, base_tick_height=0, tick_count=1))
        atxdata.add(EpochID(2), AtxID(number.to_bytes(32, "little")), low)
    assert await tools.search.find(EpochID(2), NOBODY) == good.atx.id


async def test_the_golden_atx_is_taken_where_there_is_nothing_else(tools: Tools) -> None:
    find = tools.positioning.find_positioning_atx
    assert await find(signer(9).smesher_id, EpochID(1), previous_atx=None) == GOLDEN
    assert await tools.positioning.find_commitment_atx(signer(9).smesher_id) == GOLDEN


async def test_the_highest_candidate_or_the_own_previous_atx_is_taken(tools: Tools) -> None:
    own, high, late = initial_atx(1), initial_atx(2, leaves=200), initial_atx(3, leaves=300)
    own_high = initial_atx(4, leaves=200)
    await tools.world.take(own, high, own_high)
    find = tools.positioning.find_positioning_atx
    us = own.atx.smesher
    assert await find(us, EpochID(2), previous_atx=own.atx.id) == high.atx.id
    assert await find(us, EpochID(2), previous_atx=None) == high.atx.id
    # As high is high enough.
    found = await find(own_high.atx.smesher, EpochID(2), previous_atx=own_high.atx.id)
    assert found == own_high.atx.id
    # One search for an epoch: what comes later is for the next.
    await tools.world.take(late)
    assert await find(us, EpochID(2), previous_atx=own.atx.id) == high.atx.id
    assert await find(us, EpochID(3), previous_atx=own.atx.id) == late.atx.id
    with pytest.raises(NotFoundError):
        await find(us, EpochID(3), previous_atx=AtxID(b"?" * 32))


async def test_only_earlier_epochs_offer_candidates(tools: Tools) -> None:
    first = initial_atx(1)
    second = next_atx(first)
    await tools.world.take(first, second)
    find = tools.positioning.find_positioning_atx
    assert await find(signer(9).smesher_id, EpochID(2), previous_atx=None) == first.atx.id
    assert await find(signer(9).smesher_id, EpochID(9), previous_atx=None) == second.atx.id


async def test_labels_commit_to_the_highest_atx_or_to_what_they_did_before(tools: Tools) -> None:
    first = initial_atx(1)
    second = next_atx(first)
    await tools.world.take(first, second)
    find = tools.positioning.find_commitment_atx
    assert await find(signer(9).smesher_id) == second.atx.id
    assert await find(first.atx.smesher) == GOLDEN
    silent = stored_atx(7, commitment_atx=None)
    with tools.world.db.batch() as batch:
        put_atx(batch, silent, blob=b"")
    with pytest.raises(PreconditionError, match="has no commitment"):
        await find(silent.smesher)


class Failing:
    """Cannot verify anything."""

    def __init__(self, error: SpacemeshError) -> None:
        self.error = error

    async def verify(
        self,
        post: Post,
        claim: PostClaim,
        parameters: ProofParameters,
        mode: Mode,
        *,
        prioritized: bool = False,
    ) -> None:
        raise self.error


async def test_without_a_search_the_own_chain_goes_on(tools: Tools) -> None:
    own = initial_atx(1)
    await tools.world.take(own)
    tools.chains.post_verifier = Failing(UnavailableError("no worker"))
    find = tools.positioning.find_positioning_atx
    assert await find(signer(9).smesher_id, EpochID(2), previous_atx=None) == GOLDEN
    assert await find(own.atx.smesher, EpochID(2), previous_atx=own.atx.id) == own.atx.id


async def test_a_broken_store_is_not_hidden(tools: Tools) -> None:
    await tools.world.take(initial_atx(1))
    tools.chains.post_verifier = Failing(StoreError("disk"))
    with pytest.raises(StoreError):
        await tools.positioning.find_positioning_atx(
            signer(9).smesher_id, EpochID(2), previous_atx=None
        )


def test_a_search_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    class Slow(DirectPostVerifier):
        async def verify(
            self,
            post: Post,
            claim: PostClaim,
            parameters: ProofParameters,
            mode: Mode,
            *,
            prioritized: bool = False,
        ) -> None:
            await asyncio.sleep(60)

    async def main() -> None:
        tools = Tools(tmp_path)
        await tools.world.take(initial_atx(1))
        tools.chains.post_verifier = Slow()
        clock = tools.positioning.clock = LoopClock()
        find = tools.positioning.find_positioning_atx
        us = signer(9).smesher_id
        soon = clock.now_ns() + 10 * 10**9
        assert await find(us, EpochID(2), previous_atx=None, deadline_ns=soon) == GOLDEN
        assert clock.now_ns() == soon
        # Nobody tries again in this epoch; for the next one there is more time.
        assert await find(us, EpochID(2), previous_atx=None) == GOLDEN
        assert await find(us, EpochID(3), previous_atx=None) == initial_atx(1).atx.id
        tools.world.close()

    simulate(main())
