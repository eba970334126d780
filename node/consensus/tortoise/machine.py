"""The tortoise: takes in what is known of layers and says which blocks are valid.

Inputs: ``on_atx`` (before the epoch's ballots), ``on_beacon``, ``on_weak_coin``,
``on_malfeasance``, ``on_block``, ``on_valid_block``, ``on_hare_output``, ``decode_ballot``
and ``store_ballot`` (or ``on_ballot`` for both), ``on_applied``.  ``tally_votes`` counts and
decides; ``encode_votes`` gives the votes of our next ballot, ``updates`` what the mesh
should act on.

Ballots are counted once per mode when their layer is processed, or at once if they come
later.  The *opinion* of a layer, a digest of our votes on it and on all layers before,
follows hare within hdist and our own decisions below.  A changed opinion is counted anew
in verifying mode; in full mode votes are votes whatever we think.

The order of arrival matters: it decides which ballot ours is based on.

Invariants: ``verified`` < ``processed`` <= ``last`` after a tally that had a layer to judge;
what one sees of the state does not depend on when queued votes are added up.

Source: go-spacemesh, tortoise; tortoise digest.
"""

from collections import deque
from collections.abc import Sequence
from typing import Final

from node.base import fixed
from node.base.errors import IgnoreError, PreconditionError, RejectError
from node.consensus.atxdata import AtxData, AtxEntry
from node.consensus.tortoise.ballots import MALICIOUS, BallotData, BallotGroup, BallotInfo
from node.consensus.tortoise.decoding import BallotExistsError, DecodedBallot, decode_ballot
from node.consensus.tortoise.encoding import VoteEncoder
from node.consensus.tortoise.full import FullMode
from node.consensus.tortoise.parameters import TortoiseParameters
from node.consensus.tortoise.state import (
    LayerInfo,
    Mode,
    RecoveredBlock,
    TortoiseDescription,
    TortoiseState,
)
from node.consensus.tortoise.threshold import Thresholds, sign_over
from node.consensus.tortoise.validity import Progress, run_layers
from node.consensus.tortoise.verifying import VerifyingMode
from node.consensus.tortoise.votes import ABSTAIN, AGAINST, SUPPORT, BlockInfo, VoteNode
from node.types.ballot import Opinion, Vote
from node.types.ids import NO_BLOCK, AtxID, BallotID, Beacon, BlockID, Hash32, SmesherID
from node.types.layer import EpochID, LayerID
from node.types.opinion import BlockVote, LayerResult

MAX_ATX_WEIGHT: Final = (1 << 63) - 1
"""Weights are signed 64-bit numbers before they become fixed point."""


class Tortoise:
    """Forms an opinion of every layer."""

    def __init__(self, parameters: TortoiseParameters, atx_data: AtxData) -> None:
        """Start at the effective genesis.

        Args:
            parameters: the network's.
            atx_data: ATXs by epoch; epochs that leave the window are evicted from it.
        """
        self.parameters = parameters
        self._atx_data = atx_data
        self._state = TortoiseState(parameters)
        self._thresholds = Thresholds(self._state)
        self._verifying = VerifyingMode(self._state, self._thresholds)
        self._full = FullMode(self._state, self._thresholds)
        self._waiting: deque[tuple[BallotGroup, int]] = deque()

    @property
    def latest_complete(self) -> LayerID:
        """Highest layer that is decided, with all layers before."""
        return LayerID(self._state.verified)

    @property
    def mode(self) -> Mode:
        """How the tortoise decides at present."""
        return Mode.FULL if self._full.active else Mode.VERIFYING

    def describe(self) -> TortoiseDescription:
        """Return where the tortoise stands."""
        state = self._state
        return TortoiseDescription(
            mode=self.mode,
            last=LayerID(state.last),
            processed=LayerID(state.processed),
            verified=LayerID(state.verified),
            evicted=LayerID(state.evicted),
            pending=LayerID(state.pending),
            layers=len(state.layers),
            ballots=len(state.ballots),
            waiting_ballots=len(self._waiting),
            delayed_ballots=self._full.delayed_count,
            malicious=len(state.malicious),
        )

    # What is known of epochs

    def on_atx(self, epoch: EpochID, atx_id: AtxID, entry: AtxEntry) -> None:
        """Add the weight of an ATX to its target epoch; call once for each ATX.

        Raises:
            RejectError: the weight is 2^63 or more.
        """
        if entry.weight > MAX_ATX_WEIGHT:
            raise RejectError(f"atx {atx_id} weighs {entry.weight}, at most {MAX_ATX_WEIGHT}")
        state = self._state
        if entry.smesher not in state.malicious:
            state.epoch(epoch).weight += fixed.from_int(entry.weight)
            state.weights_version += 1
        if epoch == state.epoch_of(state.last):
            self._thresholds.update_local()

    def on_beacon(self, epoch: EpochID, beacon: Beacon) -> None:
        """Take our beacon of an epoch; ballots that waited for it count at the next tally."""
        if epoch >= self._state.epoch_of(self._state.evicted + 1):
            self._state.epoch(epoch).beacon = beacon

    def on_malfeasance(self, smesher: SmesherID) -> None:
        """Mark an identity; its ATXs and ballots that come from now on weigh nothing."""
        self._state.malicious.add(smesher)

    # What is known of layers

    def on_weak_coin(self, layer: LayerID, *, coin: bool) -> None:
        """Take the weak coin of a layer."""
        if layer > self._state.evicted:
            self._state.layer(layer).coin = SUPPORT if coin else AGAINST

    def on_block(self, header: Vote) -> None:
        """Take a block whose content we hold."""
        if header.layer > self._state.evicted:
            self._hold_block(header)

    def on_valid_block(self, header: Vote) -> None:
        """Take a block whose content we hold and that is known to be valid."""
        if header.layer > self._state.evicted:
            self._hold_block(header).validity = SUPPORT

    def on_hare_output(self, layer: LayerID, block_id: BlockID) -> None:
        """Take what hare, or a certificate, says of a layer; the zero id is an empty layer."""
        self._set_hare_output(layer, block_id)

    def _hold_block(self, header: Vote) -> BlockInfo:
        block = self._state.find_block(header)
        if block is None:
            block = BlockInfo.of(header)
            self._add_block(block)
        block.data = True
        return block

    def _add_block(self, block: BlockInfo) -> None:
        if self._state.layer(block.layer).hare_terminated:
            block.hare = AGAINST
        self._full.add_late_block(block)

    def _set_hare_output(self, layer: int, block_id: BlockID) -> None:
        state = self._state
        if layer <= state.evicted:
            return
        info = state.layer(layer)
        info.hare_terminated = True
        before: BlockID | None = None
        for block in info.blocks:
            if block.hare is SUPPORT:
                before = block.id
            block.hare = SUPPORT if block.id == block_id else AGAINST
        if before != block_id and layer <= state.processed and state.within_hdist(layer):
            self._revise_opinions(layer, early=True)

    # Ballots

    def has_ballot(self, ballot_id: BallotID) -> bool:
        """Tell whether a ballot is in memory."""
        return ballot_id in self._state.ballots

    def find_ballot(self, ballot_id: BallotID) -> BallotInfo | None:
        """Return what is known of a ballot and its reference ballot, or None."""
        place = self._state.ballots.find(ballot_id)
        return None if place is None else place[0].info(place[1])

    def decode_ballot(self, ballot: BallotData) -> DecodedBallot:
        """Work out a ballot's votes and compare them with what it signed.

        Raises:
            RejectError: the epoch data has no eligibilities.
            IgnoreError: the votes cannot be decoded, or are not those that were signed.
                Peers are not to blame: what they rest on may only be unknown here.
        """
        decoded = decode_ballot(self._state, self._atx_data, ballot)
        if decoded is None:
            raise IgnoreError(f"can't decode ballot {ballot.id}")
        if decoded.opinion != ballot.opinion.hash:
            raise IgnoreError(
                f"computed opinion hash {decoded.opinion.hex()[:10]} doesn't match signed "
                f"{ballot.opinion.hash} for ballot {ballot.layer} / {ballot.id}"
            )
        return decoded

    def store_ballot(self, decoded: DecodedBallot, *, malicious: bool = False) -> None:
        """Keep a decoded ballot, and count it if its layer is processed.

        Args:
            decoded: from ``decode_ballot``.
            malicious: its smesher was found to be malicious since it was decoded.

        Raises:
            BallotExistsError: the ballot is stored already.
        """
        self._store(decoded, MALICIOUS if malicious else 0)

    def on_ballot(self, ballot: BallotData) -> None:
        """Decode a ballot and store it, where the signed digest need not be checked.

        Raises:
            RejectError: the epoch data has no eligibilities.
            IgnoreError: the votes cannot be decoded.
            BallotExistsError: the ballot is stored already.
        """
        decoded = decode_ballot(self._state, self._atx_data, ballot)
        if decoded is not None:
            self._store(decoded, 0)

    def _store(self, decoded: DecodedBallot, marks: int) -> None:
        state = self._state
        ballot = decoded.data
        if ballot.layer <= state.evicted:
            return
        if ballot.id in state.ballots or decoded.tail is None:
            raise BallotExistsError(f"tortoise: ballot exists: {ballot.id}")
        info = state.layer(ballot.layer)
        group = info.groups.get(decoded.opinion)
        is_new = group is None
        if group is None:
            group = state.ballots.new_group(ballot.layer, decoded.tail)
            info.groups[decoded.opinion] = group
        row = group.append(
            ballot.id, decoded.reference, ballot.eligibility_count, decoded.marks | marks
        )
        state.ballots.put(ballot.id, group, row)
        info.arrivals.append(group)
        if is_new:
            self._resolve_blocks(group, decoded.first_new)
        if ballot.layer <= state.processed:
            self._count_or_wait(group, row)

    def _resolve_blocks(self, group: BallotGroup, first_new: int) -> None:
        """Let the new part of a chain point at the blocks of its layers."""
        state = self._state
        node: VoteNode | None = group.tail
        while node is not None and node.layer >= max(first_new, state.evicted + 1):
            resolved = []
            for voted in node.supported:
                block = state.find_block(voted.vote())
                if block is None:
                    block = voted
                    if not state.within_hdist(block.layer):
                        block.validity = AGAINST
                        block.hare = AGAINST
                    self._add_block(block)
                resolved.append(block)
            node.supported = tuple(resolved)
            node = node.previous

    def _count_or_wait(self, group: BallotGroup, row: int) -> None:
        if not self._count_ballot(group, row):
            self._waiting.append((group, row))

    def _count_ballot(self, group: BallotGroup, row: int) -> bool:
        """Count a ballot; return False if its epoch's beacon is not known yet."""
        state = self._state
        if group.layer - 1 <= state.evicted:
            return True
        beacon = state.epoch(state.epoch_of(group.layer)).beacon
        if beacon is None:
            return False
        if group.references[row].beacon != beacon:
            group.mark_bad_beacon(row)
        self._verifying.count(group, row)
        if group.layer <= self._full.counted:
            self._full.count(group, row)
        return True

    # Counting and deciding

    def tally_votes(self, last: LayerID) -> None:
        """Count the ballots of all layers up to ``last`` and decide what can be decided."""
        self._update_last(last)
        while self._waiting and self._count_ballot(*self._waiting[0]):
            self._waiting.popleft()
        for layer in range(self._state.processed + 1, self._state.last + 1):
            self._process(layer)
        self._decide()
        self._evict()

    def _update_last(self, last: int) -> None:
        state = self._state
        if last > state.last:
            new_epoch = state.epoch_of(last) != state.epoch_of(state.last)
            state.last = last
            if new_epoch:
                self._thresholds.update_local()

    def _process(self, layer: int) -> None:
        state = self._state
        parameters = self.parameters
        if layer % parameters.layers_per_epoch == 0:
            epoch = state.epoch_of(layer)
            state.epoch(epoch).height = self._atx_data.median_height(epoch)
        info = state.layer(layer)
        for block in info.blocks:
            state.raise_ref_height(info, block)
        if layer - 1 > state.evicted:
            before = state.layer(layer - 1)
            info.good_uncounted += before.good_uncounted
            info.previous = before
        state.processed = layer
        if self._full.active:
            self._full.count_layer(layer)
        for group, row in info.rows():
            self._count_or_wait(group, row)
        if self._form_opinion(info):
            state.note_change(state.last)
        waited = layer - parameters.zdist
        if waited > max(state.evicted, 0) and not state.layer(waited).hare_terminated:
            self._set_hare_output(waited, NO_BLOCK)
        settled = layer - parameters.hdist
        if settled > max(state.evicted, 0):
            self._revise_opinions(settled, early=True)

    def _form_opinion(self, info: LayerInfo) -> bool:
        return info.form_opinion(within_hdist=self._state.within_hdist(info.layer))

    def _revise_opinions(self, layer: int, *, early: bool) -> None:
        """Form the opinions of a layer and of those after it anew.

        Args:
            layer: the first one.
            early: stop at the first that stays as it was.
        """
        state = self._state
        changed: int | None = None
        for number in range(layer, state.processed + 1):
            if self._form_opinion(state.layer(number)):
                changed = number if changed is None else changed
            elif early:
                break
        if changed is not None:
            state.note_change(changed)
            self._verifying.recount_after(layer)

    def _run_verifying(self) -> Progress:
        return run_layers(self._state, self._verifying.judge)

    def _run_full(self) -> Progress:
        if not self._full.active:
            self._full.enter()
        self._full.flush()
        return run_layers(self._state, self._full.judge)

    def _decide(self) -> None:
        """Judge the layers of the window; change the mode where that is called for."""
        state = self._state
        if self._full.active:
            progress = self._run_full()
            other = self._run_verifying()
            if progress.verified == state.processed - 1 == other.verified:
                self._full.active = False
                progress = Progress(progress.verified, _lowest(progress.changed, other.changed))
        else:
            progress = self._run_verifying()
            if not state.within_hdist(progress.verified + 1):
                full = self._run_full()
                progress = Progress(full.verified, _lowest(progress.changed, full.changed))
        verified, changed = self._advance(progress)
        if changed is not None:
            state.note_change(changed)
            self._revise_opinions(changed, early=False)
        state.verified = verified

    def _advance(self, progress: Progress) -> tuple[int, int | None]:
        """Return the new verified layer, and the lowest layer the mesh has to hear of."""
        state = self._state
        verified = max(state.evicted, self.parameters.effective_genesis)
        changed = progress.changed
        for layer in range(state.evicted + 1, state.processed):
            if layer > progress.verified:
                if layer < state.verified:
                    changed = _lowest(changed, layer)
                break
            if layer > state.verified:
                changed = _lowest(changed, layer)
            verified = layer
        return verified, changed

    def _evict(self) -> None:
        """Forget the layers below the window of the verified layer.

        Nothing leaves before the mesh has applied it.
        """
        state = self._state
        size = self.parameters.window_at(state.verified)
        start = state.verified - size
        if (
            state.verified <= self.parameters.effective_genesis + self.parameters.hdist
            or start <= state.evicted
            or 0 < state.pending < start
        ):
            return
        for epoch in state.evict_below(start):
            self._atx_data.evict(epoch)

    # Outputs

    def encode_votes(self, current: LayerID | None = None) -> Opinion:
        """Return our votes for a ballot in a layer, by default the one after the last.

        Raises:
            PreconditionError: ballots wait for a beacon, or no ballot serves as a base.
        """
        if self._waiting:
            raise PreconditionError(
                f"all ballots from processed layers ({len(self._waiting)}) must be counted "
                "before encoding votes"
            )
        self._full.flush()
        layer = self._state.last + 1 if current is None else current
        return VoteEncoder(self._state, self._thresholds.local, layer).encode()

    def updates(self) -> tuple[LayerResult, ...]:
        """Return all layers from the first that changed since the mesh applied it."""
        pending = self._state.pending
        if pending == 0 or pending > self._state.processed:
            return ()
        return self.results(LayerID(pending), LayerID(self._state.processed))

    def results(self, first: LayerID, last: LayerID) -> tuple[LayerResult, ...]:
        """Return what is thought of the layers from ``first`` to ``last``, both included.

        Raises:
            PreconditionError: the first layer left memory.
        """
        if first <= self._state.evicted:
            raise PreconditionError(
                f"layer {first} is outside the window (evicted {self._state.evicted})"
            )
        self._full.flush()
        return tuple(self._result(layer) for layer in range(first, last + 1))

    def _result(self, layer: int) -> LayerResult:
        info = self._state.layer(layer)
        return LayerResult(
            layer=LayerID(layer),
            first_layer=layer - 1 <= self._state.evicted,
            verified=self._state.verified >= layer,
            opinion=Hash32(info.opinion),
            blocks=tuple(map(self._block_vote, info.blocks)),
        )

    def _block_vote(self, block: BlockInfo) -> BlockVote:
        return BlockVote(
            header=block.vote(),
            valid=block.validity is SUPPORT,
            invalid=block.validity is AGAINST,
            hare=block.hare is SUPPORT,
            data=block.data,
            local=sign_over(block.margin, self._thresholds.local) is SUPPORT,
        )

    def on_applied(self, layer: LayerID, opinion: Hash32) -> bool:
        """Hear that the mesh applied a layer under an opinion; tell whether it is still ours.

        If it is, the layer and those before it are not reported any more.
        """
        state = self._state
        if layer <= state.evicted or state.layer(layer).opinion != opinion:
            return False
        before, state.pending = state.pending, min(layer + 1, state.processed)
        if before != state.pending:
            self._evict()
        return True

    # Restart; not part of the reference's traces

    def resume_window(self, layer: LayerID, opinion: Hash32, previous_opinion: Hash32) -> None:
        """Let memory begin at a layer whose opinion, and that before it, is known.

        Only for a tortoise that has not taken any input.
        """
        state = self._state
        info = state.layers.pop(self.parameters.effective_genesis)
        info.opinion = opinion
        info.previous_opinion = previous_opinion
        state.layers[layer] = info
        state.evicted = state.processed = layer - 1
        state.pending = state.verified = state.last = layer

    def resume_progress(self, *, verified: LayerID | None, last: LayerID) -> None:
        """Set the highest layer with a valid block, if there is one, and the last layer."""
        if verified is not None:
            self._state.verified = verified
        self._update_last(last)

    def on_recovered_blocks(
        self, layer: LayerID, blocks: Sequence[RecoveredBlock], hare: BlockID | None
    ) -> None:
        """Take the blocks of a layer from the store, and what hare said of it.

        Args:
            layer: the layer.
            blocks: with content.
            hare: hare's output; None if it is not known or too old to matter.
        """
        for recovered in blocks:
            if self._state.find_block(recovered.header) is None:
                block = BlockInfo.of(recovered.header)
                block.data = True
                block.validity = SUPPORT if recovered.valid else ABSTAIN
                self._add_block(block)
        if hare is not None:
            self._set_hare_output(layer, hare)
        elif not self._state.within_hdist(layer):
            info = self._state.layer(layer)
            info.hare_terminated = True
            for block in info.blocks:
                if block.validity is ABSTAIN:
                    block.validity = AGAINST

    def on_recovered_ballot(self, ballot: BallotData) -> None:
        """Take a ballot from the store; what it rests on may have left memory.

        Raises:
            IgnoreError: the votes contradict each other, or the ATX is not known.
            BallotExistsError: the ballot is stored already.
        """
        decoded = decode_ballot(self._state, self._atx_data, ballot, tolerant=True)
        if decoded is None:
            return
        if decoded.tail is not None:
            decoded.tail.opinion = ballot.opinion.hash
        self._store(decoded, 0)


def _lowest(first: int | None, second: int | None) -> int | None:
    """Return the lower of two layers; None is none."""
    if first is None or second is None:
        return first if second is None else second
    return min(first, second)
