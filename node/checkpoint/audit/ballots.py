"""Ballots: signatures, votes, eligibility; and the beacons that they carry."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from node.base.errors import IgnoreError, RejectError
from node.base.lru import LruMap
from node.checkpoint.audit.active_sets import weigh_set
from node.checkpoint.audit.context import AuditContext, KnownBallot
from node.checkpoint.audit.findings import NOTHING, STORED, ObjectKind
from node.checkpoint.audit.work import SignatureWork, VrfWork, Work
from node.consensus.eligibility import voting_vrf_input
from node.consensus.proposals.rules import (
    EligibilityFacts,
    check_atx_id,
    check_count,
    check_epoch_data,
    check_proofs,
    check_synced_layer,
    check_votes,
    judge_reference,
)
from node.consensus.proposals.slots import minimum_weight
from node.consensus.tortoise.ballots import BallotInfo
from node.consensus.tortoise.votes import Differences, VoteNode, decode_votes, opinion_of
from node.crypto.domains import Domain
from node.store.statesql import state_rows
from node.types.ballot import Ballot
from node.types.ids import NO_BALLOT, PADDED_SIZE, AtxID, BallotID, Beacon, SmesherID
from node.types.layer import EpochID, LayerID

CACHED_BEACONS: Final = 10_000
"""Reference ballots whose beacons are in memory."""


@dataclass(frozen=True, slots=True)
class Cast:
    """What a layer's block may reward a ballot for."""

    atx_id: AtxID
    eligibilities: int

    count: int
    """Eligibilities of the smesher in the epoch."""


@dataclass(slots=True)
class BallotChecker:
    """Checks the ballots of one epoch after the other."""

    context: AuditContext
    cast: dict[LayerID, list[Cast]] = field(default_factory=dict)
    """Ballots of the epoch in work."""

    beacons: dict[EpochID, Counter[Beacon]] = field(default_factory=dict)
    """How many reference ballots name each beacon."""

    _smeshers: dict[LayerID, set[SmesherID]] = field(default_factory=dict)

    def check_epoch(self, epoch: EpochID, rows: Iterable[state_rows.BallotRow]) -> None:
        """Check the ballots of an epoch, ascending by layer."""
        facts = self.context.facts
        facts.ballots = {e: known for e, known in facts.ballots.items() if e >= epoch - 1}
        facts.ballots.setdefault(epoch, {})
        self.cast.clear()
        self._smeshers.clear()
        for row in rows:
            self._check(row)

    def _check(self, row: state_rows.BallotRow) -> None:
        ballot, ledger, kind = row.ballot, self.context.ledger, ObjectKind.BALLOT
        is_named = ledger.compare(kind, row.id, "identifier", ballot.id, row.id)
        is_signed = self.context.judge_work(
            kind, row.id, "signature", signature_of(self.context, ballot)
        )
        if not is_named:
            self.context.facts.damage(row.id)
            if not is_signed:
                # Which of its bytes are wrong cannot be told: nothing follows from them.
                ledger.skip(kind, "its signed part is damaged")
                return
        ledger.compare_all(
            kind,
            row.id,
            {
                "ATX": (ballot.atx_id, row.atx),
                "layer": (ballot.layer, row.layer),
                "smesher": (ballot.smesher, row.smesher),
                "active set inside": ((), ballot.active_set),
            },
        )
        tail = self._check_content(ballot)
        if is_signed:
            self._check_double(ballot)
            self._check_eligibility(ballot, tail)
        else:
            ledger.skip(kind, "eligibility: its signature is wrong")

    # --- content ---

    def _check_content(self, ballot: Ballot) -> VoteNode | None:
        """Check what the ballot itself tells; return its votes, if they can be worked out."""
        parameters, ledger, kind = self.context.parameters, self.context.ledger, ObjectKind.BALLOT
        time = parameters.time
        for rule, check in (
            ("ATX", partial(check_atx_id, ballot, parameters.atx.golden_atx)),
            ("layer", partial(check_synced_layer, ballot, time.effective_genesis)),
            ("epoch data", partial(check_epoch_data, ballot)),
            ("epoch data", partial(check_count, ballot)),
            (
                "votes",
                partial(
                    check_votes,
                    ballot,
                    hdist=parameters.hdist,
                    max_exceptions=parameters.max_exceptions,
                ),
            ),
        ):
            ledger.judge(kind, ballot.id, rule, check)
        try:
            tail = self._decode(ballot)
        except IgnoreError as error:
            ledger.fail(kind, ballot.id, "votes", str(error), STORED)
            return None
        if tail is None:
            return None
        opinion = opinion_of(tail)
        if ledger.compare(kind, ballot.id, "opinion", opinion, bytes(ballot.inner.opinion_hash)):
            return tail
        return None

    def _decode(self, ballot: Ballot) -> VoteNode | None:
        """Work out the votes of a ballot; None: its base ballot cannot be used."""
        base = ballot.votes.base
        base_layer: int = self.context.parameters.time.effective_genesis
        base_tail = None
        if base != NO_BALLOT:
            known = self._find(ballot.layer, base)
            if known is None or known.tail is None:
                if not self._is_elsewhere(ballot, base, "base ballot"):
                    self._tell_base(ballot, base)
                return None
            base_layer, base_tail = known.info.layer, known.tail
        if base_layer >= ballot.layer:
            raise IgnoreError(f"base ballot is of layer {base_layer}")
        return decode_votes(
            ballot.layer, base_layer, base_tail, Differences(base_layer, ballot.votes)
        )

    def _tell_base(self, ballot: Ballot, base: BallotID) -> None:
        """Tell that a base ballot is not in the file; or which of the two ballots is wrong.

        Which ballot is the base is not signed, only the opinion that follows from it.
        """
        ledger, kind = self.context.ledger, ObjectKind.BALLOT
        ledger.miss(kind, base, f"ballot {ballot.id.hex()}")
        self.context.facts.damage(base)
        if self._has_other_base(ballot):
            ledger.fail(kind, ballot.id, "votes", f"base ballot {base.hex()} is not known", STORED)

    def _has_other_base(self, ballot: Ballot) -> bool:
        """Tell whether the signed opinion follows from another ballot of the file."""
        # The first ballots rest on none.
        genesis = self.context.parameters.time.effective_genesis
        tails: dict[LayerID, VoteNode | None] = {genesis: None}
        tails |= {
            known.info.layer: known.tail
            for epoch in self.context.facts.ballots.values()
            for known in epoch.values()
            if known.tail is not None and known.info.layer < ballot.layer
        }
        for layer, tail in tails.items():
            try:
                differences = Differences(layer, ballot.votes)
                found = decode_votes(ballot.layer, layer, tail, differences)
            except IgnoreError:
                continue
            if opinion_of(found) == bytes(ballot.inner.opinion_hash):
                return True
        return False

    def _find(self, layer: LayerID, identifier: BallotID) -> KnownBallot | None:
        epoch = self.context.parameters.time.epoch_of(layer)
        for one in (epoch, EpochID(epoch - 1)):
            known = self.context.facts.ballots.get(one, {}).get(identifier)
            if known is not None:
                return known
        return None

    def _is_elsewhere(self, ballot: Ballot, named: BallotID, role: str) -> bool:
        """Tell whether a ballot that another rests on is in the file, but cannot be used."""
        ledger, kind = self.context.ledger, ObjectKind.BALLOT
        if self.context.is_damaged(named) or self._find(ballot.layer, named) is not None:
            ledger.skip(kind, f"its {role} is damaged")
            return True
        padded = named.ljust(PADDED_SIZE, b"\0")
        if self.context.find(state_rows.BALLOTS, "id = ?", padded) is None:
            return False
        ledger.skip(kind, f"its {role} is of another time, or damaged")
        return True

    # --- eligibility ---

    def _check_double(self, ballot: Ballot) -> None:
        voted = self._smeshers.setdefault(ballot.layer, set())
        if ballot.smesher not in self.context.facts.malicious:
            again = ballot.smesher in voted
            self.context.ledger.compare(
                ObjectKind.BALLOT, ballot.id, "one ballot in a layer", 1, 2 if again else 1
            )
        voted.add(ballot.smesher)

    def _check_eligibility(self, ballot: Ballot, tail: VoteNode | None) -> None:
        context, ledger, kind = self.context, self.context.ledger, ObjectKind.BALLOT
        epoch = context.parameters.time.epoch_of(ballot.layer)
        facts = self._facts(ballot, epoch)
        if facts.atx is None and context.is_damaged(ballot.atx_id):
            ledger.skip(kind, "its ATX is damaged")
            return
        if context.find_atx(ballot.atx_id) is None:
            ledger.miss(ObjectKind.ATX, ballot.atx_id, f"ballot {ballot.id.hex()}")
            context.facts.damage(ballot.atx_id)
            return
        if facts.reference is None and not ballot.is_reference:
            named = ballot.inner.ref_ballot
            if not self._is_elsewhere(ballot, named, "reference ballot"):
                ledger.miss(kind, named, f"ballot {ballot.id.hex()}")
                context.facts.damage(named)
            return
        try:
            ledger.tallies[kind].checks["eligibility"] += 1
            judged_by = judge_reference(ballot, facts)
        except (RejectError, IgnoreError) as error:
            ledger.fail(kind, ballot.id, "eligibility", str(error), STORED)
            return
        ledger.count(kind, "eligibility proofs", len(ballot.eligibilities))
        proofs = partial(
            check_proofs,
            ballot,
            judged_by,
            0,
            len(ballot.eligibilities),
            check_vrf=lambda *claim: context.is_good(VrfWork(*claim)),
        )
        proven = ledger.judge(kind, ballot.id, "eligibility proofs", proofs)
        info = BallotInfo(
            id=ballot.id,
            layer=ballot.layer,
            smesher=ballot.smesher,
            atx_id=ballot.atx_id,
            beacon=judged_by.beacon,
            eligibility_count=judged_by.count,
            malicious=False,
        )
        known = KnownBallot(info, tail)
        # Another epoch than the one in work, if the column of its layer is wrong.
        context.facts.ballots.setdefault(epoch, {})[ballot.id] = known
        if ballot.is_reference:
            self.beacons.setdefault(epoch, Counter())[judged_by.beacon] += 1
        if proven:
            self.cast.setdefault(ballot.layer, []).append(
                Cast(ballot.atx_id, len(ballot.eligibilities), judged_by.count)
            )

    def _facts(self, ballot: Ballot, epoch: EpochID) -> EligibilityFacts:
        context, parameters = self.context, self.context.parameters
        weight = self._active_set_weight(ballot)
        reference = None
        if not ballot.is_reference:
            known = self._find(ballot.layer, ballot.inner.ref_ballot)
            reference = None if known is None else known.info
        return EligibilityFacts(
            epoch=epoch,
            # Where the active set is not at hand the ballot is judged like an old one: by the
            # count it tells itself.
            is_current=weight is not None,
            layers_per_epoch=parameters.time.layers_per_epoch,
            committee=parameters.layer_size,
            minimum_weight=minimum_weight(parameters.minimum_weights, epoch),
            atx=context.find_entry(epoch, ballot.atx_id),
            active_set_weight=weight or 0,
            reference=reference,
        )

    def _active_set_weight(self, ballot: Ballot) -> int | None:
        data = ballot.inner.epoch_data
        if data is None:
            return None
        digest, ledger, kind = data.active_set_hash, self.context.ledger, ObjectKind.BALLOT
        if self.context.is_damaged(digest):
            ledger.skip(kind, "its active set is damaged")
            return None
        row = self.context.find_active_set(digest)
        if row is None:
            # Nodes forget active sets of old epochs.
            ledger.skip(kind, "its active set is not in the file")
            return None
        weight = weigh_set(self.context, row.active_set)
        if not weight:
            ledger.skip(kind, "its active set is damaged")
            return None
        return weight


def is_ballot_signed(context: AuditContext, ballot: Ballot) -> bool:
    """Tell whether a ballot is signed by its smesher, on this network."""
    return context.is_good(signature_of(context, ballot))


def signature_of(context: AuditContext, ballot: Ballot) -> SignatureWork:
    """Return the work of verifying a ballot's signature."""
    return context.signature(Domain.BALLOT, ballot.smesher, ballot.signed_bytes(), ballot.signature)


@dataclass(slots=True)
class ForeseenBallots:
    """Tells what work ballots will need, by what the file says of what they rest on."""

    context: AuditContext
    _beacons: LruMap[BallotID, Beacon] = field(default_factory=lambda: LruMap(CACHED_BEACONS))

    def works(self, row: state_rows.BallotRow) -> Iterator[Work]:
        """Yield the work that a ballot will need."""
        ballot = row.ballot
        yield signature_of(self.context, ballot)
        beacon = self._beacon(ballot)
        epoch = self.context.parameters.time.epoch_of(ballot.layer)
        atx = self.context.find_entry(epoch, ballot.atx_id)
        if beacon is None or atx is None:
            return
        for proof in ballot.eligibilities:
            signed = voting_vrf_input(beacon, epoch, atx.nonce, proof.j)
            yield VrfWork(ballot.smesher, signed, proof.sig)

    def _beacon(self, ballot: Ballot) -> Beacon | None:
        data, named = ballot.inner.epoch_data, ballot.inner.ref_ballot
        if data is not None:
            self._beacons.put(ballot.id, data.beacon)
            return data.beacon
        known = self._beacons.get(named)
        if known is None:
            padded = named.ljust(PADDED_SIZE, b"\0")
            row = self.context.find(state_rows.BALLOTS, "id = ?", padded)
            data = None if row is None else row.ballot.inner.epoch_data
            if data is None:
                return None
            known = data.beacon
            self._beacons.put(named, known)
        return known


def check_beacons(context: AuditContext, voted: dict[EpochID, Counter[Beacon]]) -> None:
    """Compare the beacons with those that the reference ballots name."""
    ledger, kind = context.ledger, ObjectKind.BEACON
    span = context.layer_span()
    time, fixed = context.parameters.time, context.parameters.standalone_beacon
    first = time.epoch_of(LayerID(time.effective_genesis + 1))
    recorded = {row.epoch: row for row in context.scan(kind, state_rows.BEACONS)}
    for epoch, row in recorded.items():
        if span is not None and time.restored_layer is None:
            # A node knows the beacon of the next epoch at most.
            last = time.epoch_of(span[1]) + 1
            ledger.compare(kind, epoch, "epoch", max(min(epoch, last), first), epoch)
        if fixed is not None and epoch == first:
            ledger.compare(kind, epoch, "beacon of the first epoch", fixed, row.beacon)
        if epoch not in voted:
            ledger.skip(kind, "no ballot of its epoch is in the file")
            continue
        ours = most_named(voted[epoch])
        if not ledger.compare(kind, epoch, "beacon", ours, row.beacon):
            context.facts.beacons[epoch] = ours
    for epoch, beacons in voted.items():
        if epoch not in recorded:
            context.facts.beacons[epoch] = most_named(beacons)
            ledger.fail(kind, epoch, "beacon", context.facts.beacons[epoch], NOTHING)


def most_named(beacons: Counter[Beacon]) -> Beacon:
    """Return the beacon that most ballots name, the lowest of several."""
    return min(beacons, key=lambda beacon: (-beacons[beacon], beacon))
