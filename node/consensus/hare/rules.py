"""Checks of hare messages and the choices that go with them: pure.

Source: go-spacemesh, hare3/hare.go and hare4/hare.go; hare digest 4.4, 5 and 7.1.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from node.base.errors import IgnoreError, RejectError
from node.consensus.hare.gradecast import RoundMessage
from node.consensus.hare.wire import HareMessage, Round
from node.consensus.malfeasance.wire import (
    HareEquivocation,
    MalfeasanceProof,
    SignedHareMessage,
)
from node.types.ids import AtxID, Beacon, CompactProposalID, ProposalID
from node.types.layer import LayerID
from node.types.metadata import HareMetadata
from node.types.proposal import Proposal


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What decides whether a proposal goes into our initial set."""

    id: ProposalID
    atx_id: AtxID
    beacon: Beacon

    base_height: int | None
    """Tick height its ATX builds on; None if the ATX is not known."""

    malicious: bool
    """Its smesher is malicious, or made another ballot in the layer."""


def check_shape(message: HareMessage) -> None:
    """Check that a message says what its round is for.

    Rounds without messages of their own pass: they have no effect.

    Raises:
        RejectError: a reference is missing, or is where none belongs.
        IgnoreError: there is no such round.
    """
    iter_round = message.body.iter_round
    has_reference = message.body.value.reference is not None
    match iter_round.round:
        case Round.PREROUND | Round.PROPOSE if has_reference:
            raise RejectError(f"hare message of round {iter_round.round} with a reference")
        case Round.COMMIT | Round.NOTIFY if not has_reference:
            raise RejectError(f"hare message of round {iter_round.round} without a reference")
        case late if late > Round.NOTIFY:
            raise IgnoreError(f"hare message of round {late}, the last is {int(Round.NOTIFY)}")
        case _:
            return


def compact_id(proposal: Proposal) -> CompactProposalID | None:
    """Return how hare 4 names a proposal: by the start of its first eligibility's VRF.

    None for a proposal without eligibilities, which cannot be named.
    """
    eligibilities = proposal.ballot.eligibilities
    if not eligibilities:
        return None
    return CompactProposalID(eligibilities[0].sig[: CompactProposalID.SIZE])


def match_compact(
    compact: Sequence[CompactProposalID],
    known: Iterable[tuple[ProposalID, CompactProposalID]],
) -> tuple[ProposalID, ...] | None:
    """Return the proposals that compact identifiers stand for, ascending.

    Where several share a compact identifier, each is taken once, the lowest first.  None if
    one is not known.
    """
    free: dict[CompactProposalID, list[ProposalID]] = {}
    for identifier, name in sorted(known, reverse=True):
        free.setdefault(name, []).append(identifier)
    matched = []
    for name in compact:
        if not free.get(name):
            return None
        matched.append(free[name].pop())
    return tuple(sorted(matched))


def select_proposals(
    candidates: Sequence[Candidate], own_height: int | None, beacon: Beacon
) -> tuple[ProposalID, ...]:
    """Return our initial set, ascending.

    Args:
        candidates: all proposals of the layer.
        own_height: lowest tick height of our own ATXs for the epoch; None without any.
        beacon: the epoch's.
    """
    if own_height is None:
        return ()
    by_atx = Counter(candidate.atx_id for candidate in candidates)
    chosen = []
    for candidate in candidates:
        if candidate.malicious or by_atx[candidate.atx_id] > 1:
            continue
        if candidate.base_height is None:
            # Nothing can be said about a layer whose ATXs are not all known.
            return ()
        if candidate.base_height < own_height and candidate.beacon == beacon:
            chosen.append(candidate.id)
    return tuple(sorted(chosen))


def make_equivocation_proof(
    layer: LayerID, first: RoundMessage, second: RoundMessage
) -> MalfeasanceProof:
    """Return the proof that a smesher sent two different messages in a round of a layer."""
    return MalfeasanceProof(
        layer=layer,
        data=HareEquivocation(messages=(_signed(layer, first), _signed(layer, second))),
    )


def _signed(layer: LayerID, message: RoundMessage) -> SignedHareMessage:
    return SignedHareMessage(
        metadata=HareMetadata(
            layer=layer, round=message.iter_round.absolute, message_hash=message.digest
        ),
        smesher=message.sender,
        signature=message.signature,
    )
