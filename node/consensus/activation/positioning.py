"""Whole chains of ATXs, verified in full; and which ATX to build the next one upon.

On arrival only some labels of a PoST are checked.  Before our own ATX joins a chain, every
PoST of it is: along previous and positioning ATXs down to commitment ATXs, as far as they
are not known to be valid, old enough to be believed, or our own.

    ChainVerifier.is_chain_valid     an ATX and all it stands upon
    HighTickSearch.find              the ATX with the most ticks whose chain is valid
    Positioning.find_positioning_atx   what the next ATX of a smesher names
    Positioning.find_commitment_atx    what the labels of a new smesher commit to

Source: go-spacemesh, activation, validation.go (VerifyChain), activation.go (positioning)
and post.go (commitment); activation digest section 7.
"""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from heapq import heappush, heapreplace
from typing import Final

import structlog

from node.base import scale
from node.base.errors import (
    NotFoundError,
    PreconditionError,
    RejectError,
    SpacemeshError,
    StoreError,
)
from node.consensus.activation.rules import AtxParameters
from node.consensus.activation.rules_v1 import proven_space
from node.consensus.atxdata import AtxData
from node.consensus.malfeasance.ports import PostVerifier
from node.layer_ticker import NS_PER_SECOND, Clock
from node.post.verifying import All, PostClaim
from node.store.atxs import (
    Validity,
    find_commitment_atx,
    find_first_atx,
    find_latest_epoch,
    find_validity,
    get_atx,
    get_atx_blob,
    is_checkpointed,
    posts_in_atx,
    put_validity,
)
from node.store.db import Database
from node.types.atx import Atx
from node.types.atx_v1 import ActivationTxV1
from node.types.ids import AtxID, SmesherID
from node.types.layer import EpochID

CANDIDATES: Final = 64
"""ATXs that are looked for at once, from the highest down."""
ROWS_AT_ONCE: Final = 2048
"""Rows of the ATX cache that are read before others may run: a few milliseconds."""

log = structlog.get_logger("atxBuilder")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Whose PoSTs are believed without verification."""

    received_before_ns: int
    """ATXs received before this instant: somebody would have found them invalid."""

    smesher: SmesherID | None = None
    """ATXs of this smesher: ourselves."""


@dataclass(slots=True)
class _Step:
    """An ATX on the path under examination."""

    atx: AtxID
    below: Iterator[AtxID]


@dataclass(kw_only=True)
class ChainVerifier:
    """Verifies all PoSTs that an ATX stands upon, and remembers what it found."""

    db: Database
    post_verifier: PostVerifier
    parameters: AtxParameters

    async def is_chain_valid(self, atx_id: AtxID, trust: Trust) -> bool:
        """Tell whether all PoSTs of an ATX and of the ATXs it refers to hold.

        An ATX whose chain holds is marked valid; where one does not, it and all on the
        path to it are marked invalid.  Any error leaves the marks as they are.

        Raises:
            NotFoundError: an ATX of the chain, or the bytes of one, are not stored.
            UnavailableError: a PoST could not be verified.
        """
        path: list[_Step] = []
        seen: set[AtxID] = set()
        waiting = iter((atx_id,))
        while True:
            below = next(path[-1].below if path else waiting, None)
            if below is None and not path:
                return True
            if below is None:
                self._mark(Validity.VALID, [path.pop().atx])
            elif below not in seen:
                seen.add(below)
                verdict = await self._judge(below, trust)
                if verdict is Validity.INVALID:
                    self._mark(Validity.INVALID, [below, *(step.atx for step in path)])
                    return False
                if verdict is Validity.UNKNOWN:
                    path.append(_Step(below, iter(self._below(below))))

    async def _judge(self, atx_id: AtxID, trust: Trust) -> Validity:
        """Return VALID or INVALID where that is settled, UNKNOWN if the chain decides."""
        if atx_id == self.parameters.golden_atx or is_checkpointed(self.db, atx_id):
            return Validity.VALID
        atx = get_atx(self.db, atx_id)
        known = find_validity(self.db, atx_id)
        if known is not Validity.UNKNOWN:
            return known
        if atx.received_ns < trust.received_before_ns or atx.smesher == trust.smesher:
            return Validity.VALID
        return Validity.UNKNOWN if await self._holds(atx) else Validity.INVALID

    async def _holds(self, atx: Atx) -> bool:
        """Verify every label of an ATX's PoST, for the units it declares."""
        wire = scale.decode(ActivationTxV1, get_atx_blob(self.db, atx.id))
        commitment = atx.commitment_atx or find_commitment_atx(self.db, atx.smesher)
        if commitment is None:
            raise NotFoundError("commitment atx of smesher", atx.smesher)
        space = proven_space(wire)
        claim = PostClaim(
            smesher=atx.smesher,
            commitment_atx=commitment,
            challenge=space.poet_ref,
            num_units=wire.inner.num_units,
        )
        try:
            await self.post_verifier.verify(
                space.post, claim, self.parameters.proof, All(), prioritized=True
            )
        except RejectError as error:
            log.info("invalid_post_in_chain", atx=atx.id, smesher=atx.smesher, reason=str(error))
            return False
        return True

    def _below(self, atx_id: AtxID) -> tuple[AtxID, ...]:
        """Return what an ATX refers to, each once: previous, positioning, commitment."""
        wire = scale.decode(ActivationTxV1, get_atx_blob(self.db, atx_id))
        challenge = wire.inner.challenge
        parts = posts_in_atx(self.db, atx_id)
        below = [part.previous_atx for part in parts if part.previous_atx is not None]
        if not below and challenge.commitment_atx is not None:
            below.append(challenge.commitment_atx)
        return tuple(dict.fromkeys([*below, challenge.positioning_atx]))

    def _mark(self, validity: Validity, atxs: Iterable[AtxID]) -> None:
        with self.db.batch(sync=False) as batch:
            for atx_id in atxs:
                put_validity(batch, atx_id, validity)


@dataclass(kw_only=True)
class HighTickSearch:
    """Finds the highest ATX of an epoch that one can build upon."""

    atxdata: AtxData
    chains: ChainVerifier

    async def find(self, target_epoch: EpochID, trust: Trust) -> AtxID | None:
        """Return the ATX with the most ticks whose chain is valid, or None.

        ATXs of malicious smeshers do not count; of equally high ones the first to arrive
        is tried first.

        Raises:
            NotFoundError: something a chain refers to is not stored.
            UnavailableError: a PoST could not be verified.
        """
        tried: set[AtxID] = set()
        while candidates := await self._highest(target_epoch, tried):
            for atx_id in candidates:
                if await self.chains.is_chain_valid(atx_id, trust):
                    return atx_id
                tried.add(atx_id)
        return None

    async def _highest(self, epoch: EpochID, tried: set[AtxID]) -> list[AtxID]:
        heap: list[tuple[int, int, AtxID]] = []
        for number, (atx_id, entry) in enumerate(self.atxdata.atxs(epoch), start=1):
            if number % ROWS_AT_ONCE == 0:
                await asyncio.sleep(0)
            if atx_id in tried or self.atxdata.is_malicious(entry.smesher):
                continue
            item = (entry.height, -number, atx_id)
            if len(heap) < CANDIDATES:
                heappush(heap, item)
            elif item > heap[0]:
                heapreplace(heap, item)
        return [atx_id for _, _, atx_id in sorted(heap, reverse=True)]


@dataclass(kw_only=True)
class Positioning:
    """Chooses positioning and commitment ATXs for the node's own smeshers."""

    db: Database
    clock: Clock
    search: HighTickSearch
    golden_atx: AtxID

    post_valid_delay_ns: int
    """Age from which an ATX is believed; ``main.post-valid-delay``."""

    _found: tuple[EpochID, AtxID] | None = None
    """Publish epoch of the last search, and what it found."""

    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def find_positioning_atx(
        self,
        smesher: SmesherID,
        publish_epoch: EpochID,
        *,
        previous_atx: AtxID | None,
        deadline_ns: int | None = None,
    ) -> AtxID:
        """Return the ATX that a smesher's next one names as its positioning ATX.

        It is the highest one whose chain holds, searched for once an epoch for all our
        smeshers; or the smesher's own previous one, if that is as high.

        Args:
            smesher: ours; its own ATXs are not verified.
            publish_epoch: of the ATX to be built.
            previous_atx: the smesher's last one, None if there is none.
            deadline_ns: when to give up, nanoseconds since the Unix epoch; None: never.

        Raises:
            NotFoundError: ``previous_atx`` is not stored.
        """
        async with self._turn:
            if self._found is None or self._found[0] != publish_epoch:
                found = await self._search_until(deadline_ns, publish_epoch, smesher)
                self._found = (publish_epoch, found or self.golden_atx)
            candidate = self._found[1]
        if previous_atx is None:
            return candidate
        previous = get_atx(self.db, previous_atx)
        if candidate == self.golden_atx:
            return previous_atx
        if previous.tick_height >= get_atx(self.db, candidate).tick_height:
            return previous_atx
        return candidate

    async def find_commitment_atx(self, smesher: SmesherID) -> AtxID:
        """Return what the labels of a smesher commit to.

        That is what its first ATX says; a smesher without one takes the highest ATX of the
        last epoch whose chain holds, or the golden one.  Call when the ATXs are synced.

        Raises:
            PreconditionError: the smesher's first ATX does not say.
            NotFoundError: something a chain refers to is not stored.
            UnavailableError: a PoST could not be verified.
        """
        first = find_first_atx(self.db, smesher)
        if first is not None:
            if first.commitment_atx is None:
                raise PreconditionError(
                    f"the first atx {first.id} of smesher {smesher} has no commitment atx"
                )
            return first.commitment_atx
        latest = find_latest_epoch(self.db) or 0
        trust = Trust(received_before_ns=self._believed_from())
        return await self.search.find(EpochID(latest + 1), trust) or self.golden_atx

    async def _search_until(
        self, deadline_ns: int | None, publish_epoch: EpochID, smesher: SmesherID
    ) -> AtxID | None:
        """Search; when that fails, the golden ATX can still be built upon."""
        latest = min(find_latest_epoch(self.db) or 0, publish_epoch - 1)
        trust = Trust(received_before_ns=self._believed_from(), smesher=smesher)
        seconds = None
        if deadline_ns is not None:
            seconds = max(0, deadline_ns - self.clock.now_ns()) / NS_PER_SECOND
        try:
            async with asyncio.timeout(seconds):
                return await self.search.find(EpochID(latest + 1), trust)
        except StoreError:
            raise
        except (SpacemeshError, TimeoutError) as error:
            log.info("positioning_search_failed", epoch=publish_epoch, reason=str(error))
            return None

    def _believed_from(self) -> int:
        return self.clock.now_ns() - self.post_valid_delay_ns
