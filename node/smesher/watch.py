"""Listens for our own keys: what a peer sends us in our name and we never said.

Two nodes with one key condemn it sooner or later.  Whichever is of our make hears the other
one first, while it is not synced yet or in the first rounds, and falls silent.

Only what is said now counts: old messages can be sent again by anybody, and may well be our
own, of a time that our database knows nothing of.

Source: product digest, appendix on pains, 6; the reference has nothing of the kind.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from node.base import scale
from node.base.errors import DecodeError
from node.base.hashing import hash32
from node.consensus.beacon.wire import FirstVotesMessage, FollowingVotesMessage
from node.consensus.hare.messages import Version, decode_message
from node.consensus.hare.wire import BodyV4, Round
from node.consensus.malfeasance.guard import EquivocationGuard
from node.crypto.domains import Domain
from node.crypto.ed25519 import Signer, Verifier
from node.layer_ticker import Clock
from node.net.ports import GossipHandler, PeerID
from node.store.local import LAYER_DUTIES, ROUND_BITS, ROUND_DUTIES, Statement
from node.types.atx_v1 import ActivationTxV1
from node.types.certificate import CertifyMessage
from node.types.ids import EdSignature, Hash32
from node.types.layer_time import LayerTime
from node.types.proposal import Proposal

FRESH_LAYERS: Final = 1
"""Layers by which a message may be late and still be said now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A statement as it came in."""

    statement: Statement
    domain: Domain
    signed: bytes
    signature: EdSignature


Reader = Callable[[bytes], Said | None]
"""Reads a message of a topic; None where it cannot be told what was signed."""


@dataclass(kw_only=True)
class OwnKeyWatch:
    """Stands before the handlers of topics on which our identities speak."""

    guard: EquivocationGuard
    verifier: Verifier
    clock: Clock
    time: LayerTime
    signers: Callable[[], Sequence[Signer]]
    local: PeerID

    def over(self, readers: Mapping[str, Reader]) -> Callable[[str, GossipHandler], GossipHandler]:
        """Return what stands before the handlers of some topics, by topic."""

        def watched(topic: str, handler: GossipHandler) -> GossipHandler:
            read = readers.get(topic)
            return handler if read is None else self.before(handler, read)

        return watched

    def before(self, handler: GossipHandler, read: Reader) -> GossipHandler:
        """Return a handler that looks at messages in our name first."""

        async def handle(peer: PeerID, data: bytes) -> None:
            # A message that does not even name us costs no more than the search for the names.
            if peer != self.local and self._names_us(data):
                self._look(read, data)
            await handler(peer, data)

        return handle

    def _names_us(self, data: bytes) -> bool:
        return any(data.find(one.smesher_id) >= 0 for one in self.signers())

    def _look(self, read: Reader, data: bytes) -> None:
        try:
            said = read(data)
        except DecodeError:
            return
        if said is None or not self._is_ours(said) or not self._is_fresh(said.statement):
            return
        self.guard.hear(said.statement)

    def _is_ours(self, said: Said) -> bool:
        smesher = said.statement.smesher
        return any(one.smesher_id == smesher for one in self.signers()) and self.verifier.verify(
            said.domain, smesher, said.signed, said.signature
        )

    def _is_fresh(self, statement: Statement) -> bool:
        slot = statement.slot
        if statement.duty in ROUND_DUTIES:
            slot >>= ROUND_BITS
        current = self.time.layer_at(self.clock.now_ns())
        if statement.duty in LAYER_DUTIES:
            return slot + FRESH_LAYERS >= current
        return slot >= self.time.epoch_of(current)


def read_atx(data: bytes) -> Said:
    """Read an ATX of version 1.

    Raises:
        DecodeError: it is none.
    """
    atx = scale.decode(ActivationTxV1, data)
    epoch = atx.inner.challenge.publish_epoch
    return Said(
        statement=Statement.of_atx(atx.smesher, epoch, atx.id),
        domain=Domain.ATX,
        signed=atx.signed_bytes(),
        signature=atx.signature,
    )


def read_ballot(data: bytes) -> Said:
    """Read the ballot in a proposal.

    Raises:
        DecodeError: it is malformed.
    """
    ballot = scale.decode(Proposal, data).ballot
    return Said(
        statement=Statement.of_ballot(ballot.smesher, ballot.layer, ballot.id),
        domain=Domain.BALLOT,
        signed=ballot.signed_bytes(),
        signature=ballot.signature,
    )


def read_hare(version: Version) -> Reader:
    """Return what reads messages of one version of hare.

    The compact ones of hare 4 are left out: what they sign is not in them.
    """

    def read(data: bytes) -> Said | None:
        message = decode_message(version, data)
        body = message.body
        if isinstance(body, BodyV4) and body.iter_round.round == Round.PREROUND:
            return None
        absolute = body.iter_round.absolute
        return Said(
            statement=Statement.of_hare(message.sender, body.layer, absolute, message.hash),
            domain=Domain.HARE,
            signed=message.signed_bytes(),
            signature=message.signature,
        )

    return read


def read_certify(data: bytes) -> Said:
    """Read a certify message.

    Raises:
        DecodeError: it is malformed.
    """
    message = scale.decode(CertifyMessage, data)
    content = message.content
    return Said(
        statement=Statement.of_certify(message.smesher, content.layer, content.block_id),
        domain=Domain.HARE,
        signed=message.signed_bytes(),
        signature=message.signature,
    )


def read_first_votes(data: bytes) -> Said:
    """Read first votes on a beacon.

    Raises:
        DecodeError: they are malformed.
    """
    message = scale.decode(FirstVotesMessage, data)
    body = scale.encode(message.body)
    votes = Hash32(hash32(body))
    return Said(
        statement=Statement.of_first_votes(message.smesher, message.body.epoch, votes),
        domain=Domain.BEACON_FIRST_MESSAGE,
        signed=body,
        signature=message.signature,
    )


def read_following_votes(data: bytes) -> Said:
    """Read later votes on a beacon.

    Raises:
        DecodeError: they are malformed.
    """
    message = scale.decode(FollowingVotesMessage, data)
    body = message.body
    encoded = scale.encode(body)
    votes = Hash32(hash32(encoded))
    return Said(
        statement=Statement.of_following_votes(message.smesher, body.epoch, body.round, votes),
        domain=Domain.BEACON_FOLLOWUP_MESSAGE,
        signed=encoded,
        signature=message.signature,
    )
