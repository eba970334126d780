"""Somebody who hears everything that nodes say to each other, and remembers who said what.

An identity may say one thing only in each slot: one ATX of an epoch and one after each ATX,
one ballot of a layer, one hare message of a round, one certify message of a layer, one
beacon message of a round.  Two different ones are a double vote, whether the protocol can
prove it or not.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from node.base import scale
from node.base.errors import DecodeError
from node.consensus.activation.handler import TOPIC as ATX_TOPIC
from node.consensus.beacon.handler import FIRST_VOTES, FOLLOWING_VOTES, PROPOSALS, WEAK_COIN
from node.consensus.beacon.wire import (
    BeaconProposalMessage,
    FirstVotesMessage,
    FollowingVotesMessage,
    WeakCoinMessage,
)
from node.consensus.certifier.handler import TOPIC as CERTIFY_TOPIC
from node.consensus.hare.messages import Version, decode_message
from node.consensus.malfeasance.convictions import TOPIC as MALFEASANCE_TOPIC
from node.consensus.proposals.handler import TOPIC as PROPOSAL_TOPIC
from node.types.atx_v1 import ActivationTxV1
from node.types.certificate import CertifyMessage
from node.types.ids import SmesherID
from node.types.proposal import Proposal

Slot: TypeAlias = tuple[str, SmesherID, tuple[int, ...]]
"""What is said, by whom, and for which epoch, layer or round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubleVote:
    """Two different things that one identity said in one slot."""

    slot: Slot
    first: bytes
    second: bytes

    def __str__(self) -> str:
        """Return a sentence for a report."""
        kind, smesher, place = self.slot
        where = ", ".join(map(str, place))
        first, second = self.first.hex()[:16], self.second.hex()[:16]
        return f"{smesher} said two things as {kind} {where}: {first} and {second}"


@dataclass(kw_only=True)
class Witness:
    """Remembers what was heard in every slot."""

    hare_topics: Mapping[str, Version]
    """Topics of hare, which networks name as they like."""

    said: dict[Slot, bytes] = field(default_factory=dict)
    doubles: list[DoubleVote] = field(default_factory=list)

    accusations: int = 0
    """Proofs of misbehaviour that were heard."""

    def saw(self, topic: str, data: bytes) -> None:
        """Take note of a message; what nobody can read says nothing."""
        if topic == MALFEASANCE_TOPIC:
            self.accusations += 1
            return
        try:
            statements = tuple(self._read(topic, data))
        except DecodeError:
            return
        for slot, content in statements:
            first = self.said.setdefault(slot, content)
            double = DoubleVote(slot=slot, first=first, second=content)
            if first != content and double not in self.doubles:
                self.doubles.append(double)

    def heard(self, kind: str, smesher: SmesherID) -> list[tuple[int, ...]]:
        """Return the slots of a kind in which an identity was heard, ascending."""
        return sorted(place for name, who, place in self.said if (name, who) == (kind, smesher))

    def _read(self, topic: str, data: bytes) -> Iterator[tuple[Slot, bytes]]:
        if topic in self.hare_topics:
            hare = decode_message(self.hare_topics[topic], data)
            round_ = hare.body.layer, hare.body.iter_round.absolute
            # Compact and full forms of a message have one signature.
            yield ("hare message", hare.sender, round_), hare.signature
        elif topic == ATX_TOPIC:
            atx = scale.decode(ActivationTxV1, data)
            challenge = atx.inner.challenge
            yield ("ATX", atx.smesher, (challenge.publish_epoch,)), atx.id
            before = int.from_bytes(challenge.previous_atx, "big")
            yield ("ATX after", atx.smesher, (before,)), atx.id
        elif topic == PROPOSAL_TOPIC:
            proposal = scale.decode(Proposal, data)
            ballot = proposal.ballot
            yield ("ballot", ballot.smesher, (ballot.layer,)), ballot.id
            yield ("proposal", ballot.smesher, (ballot.layer,)), proposal.id
        elif topic == CERTIFY_TOPIC:
            certify = scale.decode(CertifyMessage, data)
            content = certify.content
            yield ("certify message", certify.smesher, (content.layer,)), content.block_id
        else:
            yield from _read_beacon(topic, data)


def _read_beacon(topic: str, data: bytes) -> Iterator[tuple[Slot, bytes]]:
    if topic == PROPOSALS:
        proposal = scale.decode(BeaconProposalMessage, data)
        place = (proposal.epoch,)
        yield ("beacon proposal", proposal.smesher, place), proposal.vrf_signature
    elif topic == FIRST_VOTES:
        first = scale.decode(FirstVotesMessage, data)
        yield ("first beacon votes", first.smesher, (first.body.epoch,)), first.signature
    elif topic == FOLLOWING_VOTES:
        votes = scale.decode(FollowingVotesMessage, data)
        round_ = votes.body.epoch, votes.body.round
        yield ("beacon votes", votes.smesher, round_), votes.signature
    elif topic == WEAK_COIN:
        coin = scale.decode(WeakCoinMessage, data)
        yield ("weak coin", coin.smesher, (coin.epoch, coin.round)), coin.vrf_signature
