"""One epoch's agreement on a beacon.

States: collecting proposals; proposals finished; round 0 (first votes); rounds 1 … K-1.

Inputs: on_atx, on_proposal, finish_proposals, start_round, on_first_votes,
on_following_votes, tally.  Weights and thresholds are frozen when the machine is made.

Invariants: a smesher's proposal counts once, and so do its votes of a round; margins
accumulate through all rounds, late votes count in the next tally.

Source: go-spacemesh, beacon/state.go and beacon/handlers.go; beacon digest 4 to 6.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from node.base.errors import IgnoreError
from node.config.model.consensus import BeaconConfig
from node.consensus.beacon.rules import (
    Category,
    Miner,
    beacon_of,
    decode_votes,
    encode_votes,
    passes,
    proposal_of,
    proposal_vrf_input,
)
from node.consensus.beacon.thresholds import proposal_threshold, voting_threshold
from node.consensus.beacon.wire import (
    BeaconProposalMessage,
    FirstVotesMessage,
    FollowingVotesMessage,
)
from node.crypto.vrf import VrfCheck, verify_vrf
from node.types.ids import Beacon, BeaconProposal, SmesherID, VrfSignature
from node.types.layer import EpochID


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochFacts:
    """What an epoch's agreement starts from."""

    epoch: EpochID
    """Epoch in which the protocol runs; its result is the beacon of the next one."""

    start_ns: int
    """Instant at which the epoch starts."""

    weight: int
    """Weight of all ATXs of the epoch that are not malicious."""

    miners: Mapping[SmesherID, Miner]


@dataclass(frozen=True, slots=True)
class Tally:
    """Proposals by the margin of the votes on them, each sorted."""

    support: tuple[BeaconProposal, ...]
    against: tuple[BeaconProposal, ...]
    undecided: tuple[BeaconProposal, ...]

    def with_coin(self, *, coin: bool) -> "Tally":
        """Return the tally with the undecided thrown to one side."""
        if coin:
            return Tally(tuple(sorted((*self.support, *self.undecided))), self.against, ())
        return Tally(self.support, tuple(sorted((*self.against, *self.undecided))), ())

    def beacon(self) -> Beacon | None:
        """Return the beacon of the supported proposals; None where there are none."""
        return beacon_of(self.support)


@dataclass
class BeaconMachine:
    """One epoch's agreement."""

    facts: EpochFacts
    config: BeaconConfig
    check_vrf: VrfCheck = verify_vrf

    round: int = 0
    _miners: dict[SmesherID, Miner] = field(init=False)
    _high: int = field(init=False)
    _strict: int = field(init=False)
    _voting: int = field(init=False)
    _finished_ns: int | None = None
    _next_round_ns: int | None = None
    _valid: set[BeaconProposal] = field(default_factory=set)
    _potentially_valid: set[BeaconProposal] = field(default_factory=set)
    _proposed: set[SmesherID] = field(default_factory=set)
    _margins: dict[BeaconProposal, int] = field(default_factory=dict)
    _first_votes: dict[SmesherID, tuple[BeaconProposal, ...]] = field(default_factory=dict)
    _voted: set[tuple[SmesherID, int]] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Freeze the thresholds."""
        self._miners = dict(self.facts.miners)
        opens_ns = self.facts.start_ns - self.config.grace_period_duration
        early = sum(m.received_ns < opens_ns for m in self._miners.values())
        in_grace = sum(
            opens_ns <= m.received_ns < self.facts.start_ns for m in self._miners.values()
        )
        kappa, q = self.config.kappa, self.config.q
        self._high = proposal_threshold(early, kappa, q)
        self._strict = proposal_threshold(early + in_grace, kappa, q)
        self._voting = voting_threshold(self.facts.weight, self.config.theta)

    def find_miner(self, smesher: SmesherID) -> Miner | None:
        """Return what is known of a smesher's ATX."""
        return self._miners.get(smesher)

    def on_atx(self, smesher: SmesherID, miner: Miner) -> None:
        """An ATX of the epoch before came late: its smesher may take part from now on."""
        self._miners.setdefault(smesher, miner)

    def classify(self, proof: VrfSignature, received_ns: int, now_ns: int) -> Category:
        """Return what a proposal counts as, by its proof and by the delays of ATX and itself."""
        grace_ns = self.config.grace_period_duration
        atx_delay_ns = received_ns - self.facts.start_ns
        delay_ns = 0 if self._finished_ns is None else now_ns - self._finished_ns
        if atx_delay_ns <= 0 and delay_ns <= 0 and passes(proof, self._strict):
            return Category.VALID
        if atx_delay_ns <= grace_ns and delay_ns <= grace_ns and passes(proof, self._high):
            return Category.POTENTIALLY_VALID
        return Category.INVALID

    def on_proposal(self, message: BeaconProposalMessage, now_ns: int) -> Category:
        """Count a proposal.

        Raises:
            IgnoreError: its smesher has no ATX, the proof is wrong, or it is not the first.
        """
        miner = self._require_miner(message.smesher)
        vrf_input = proposal_vrf_input(miner.nonce, self.facts.epoch)
        if not self.check_vrf(message.smesher, vrf_input, message.vrf_signature):
            raise IgnoreError(f"beacon proposal of {message.smesher}: wrong VRF proof")
        if message.smesher in self._proposed:
            raise IgnoreError(f"beacon proposal of {message.smesher}: not the first")
        self._proposed.add(message.smesher)
        category = self.classify(message.vrf_signature, miner.received_ns, now_ns)
        if category is Category.VALID and miner.malicious:
            category = Category.POTENTIALLY_VALID
        if category is not Category.INVALID:
            chosen = self._valid if category is Category.VALID else self._potentially_valid
            proposal = proposal_of(message.vrf_signature)
            chosen.add(proposal)
            self._margins[proposal] = 0
        return category

    def finish_proposals(self, now_ns: int) -> None:
        """End the proposal phase: what comes from now on is late."""
        self._finished_ns = now_ns

    def first_votes(self) -> tuple[tuple[BeaconProposal, ...], tuple[BeaconProposal, ...]]:
        """Return the valid and the potentially valid proposals, sorted: our first votes."""
        return tuple(sorted(self._valid)), tuple(sorted(self._potentially_valid))

    def following_votes(self, smesher: SmesherID, tally: Tally) -> bytes | None:
        """Return our votes of a later round, or None if our first votes were not counted."""
        first = self._first_votes.get(smesher)
        return None if first is None else encode_votes(first, tally.support)

    def start_round(self, round_: int, now_ns: int) -> None:
        """Enter a round; votes of the next one are welcome a grace period before its start."""
        lasts_ns = (
            self.config.first_voting_round_duration
            if round_ == 0
            else self.config.voting_round_duration + self.config.weak_coin_round_duration
        )
        self.round = round_
        self._next_round_ns = now_ns + lasts_ns - self.config.grace_period_duration

    def on_first_votes(self, message: FirstVotesMessage) -> None:
        """Count first votes; the caller has checked the signature.

        Raises:
            IgnoreError: too late, repeated, or without an ATX.
        """
        if self.round != 0:
            raise IgnoreError(f"first beacon votes in round {self.round}")
        self._vote_once(message.smesher, 0)
        weight = self._require_miner(message.smesher).vote_weight
        body = message.body
        for proposal in body.valid:
            self._add(proposal, weight)
        for proposal in body.potentially_valid:
            self._add(proposal, -weight)
        listed = (*body.valid, *body.potentially_valid)
        self._first_votes[message.smesher] = listed[: self.config.votes_limit]

    def check_round(self, round_: int, now_ns: int) -> None:
        """Check that votes of a later round are welcome now.

        Raises:
            IgnoreError: they are not.
        """
        if round_ == self.round:
            return
        opens_ns = self._next_round_ns
        if round_ == self.round + 1 and (opens_ns is None or now_ns > opens_ns):
            return
        raise IgnoreError(f"beacon votes of round {round_} in round {self.round}")

    def on_following_votes(self, message: FollowingVotesMessage) -> None:
        """Count votes of a later round; the caller has checked round and signature.

        Raises:
            IgnoreError: repeated, without an ATX, or without first votes.
        """
        self._vote_once(message.smesher, message.body.round)
        weight = self._require_miner(message.smesher).vote_weight
        first = self._first_votes.get(message.smesher)
        if first is None:
            raise IgnoreError(f"beacon votes of {message.smesher} without first votes")
        support, against = decode_votes(first, message.body.votes)
        for proposal in support:
            self._add(proposal, weight)
        for proposal in against:
            self._add(proposal, -weight)

    def tally(self) -> Tally:
        """Sort the proposals by their margins so far."""
        ordered = sorted(self._margins.items())
        return Tally(
            support=tuple(p for p, margin in ordered if margin >= self._voting),
            against=tuple(p for p, m in ordered if m < self._voting and m <= -self._voting),
            undecided=tuple(p for p, margin in ordered if -self._voting < margin < self._voting),
        )

    def _require_miner(self, smesher: SmesherID) -> Miner:
        miner = self._miners.get(smesher)
        if miner is None:
            raise IgnoreError(f"{smesher} has no ATX for the beacon of this epoch")
        return miner

    def _vote_once(self, smesher: SmesherID, round_: int) -> None:
        if (smesher, round_) in self._voted:
            raise IgnoreError(f"beacon votes of {smesher} in round {round_}: not the first")
        self._voted.add((smesher, round_))

    def _add(self, proposal: BeaconProposal, weight: int) -> None:
        """Add to a margin; proposals that we do not know are not voted on."""
        if proposal in self._margins:
            self._margins[proposal] += weight
