"""Topic ``mp1``, and proofs of misbehaviour that peers send on request.

Source: go-spacemesh, malfeasance/handler.go; tortoise digest section 12.3.
"""

from dataclasses import dataclass

from node.base import scale
from node.base.errors import RejectError, WrongObjectError
from node.consensus.malfeasance.convictions import Convictions
from node.consensus.malfeasance.ports import PostVerifier
from node.consensus.malfeasance.rules import check_proof, culprit_of, make_post_accusation
from node.consensus.malfeasance.wire import InvalidPostIndex, MalfeasanceGossip, MalfeasanceProof
from node.crypto.ed25519 import Verifier
from node.net.ports import PeerID, Peers
from node.post.verifying import ProofParameters
from node.store.atxs import atx_ids_of_smesher, find_commitment_atx
from node.store.db import Database
from node.types.ids import Hash32, SmesherID


@dataclass(kw_only=True)
class MalfeasanceHandler:
    """Decodes, checks, stores, tells."""

    db: Database

    network: Peers
    verifier: Verifier
    post_verifier: PostVerifier

    proof_parameters: ProofParameters
    """What the network demands of PoSTs."""

    convictions: Convictions

    async def on_gossip(self, peer: PeerID, data: bytes) -> None:
        """Handle one gossiped proof; a known one is accepted too.

        Our own come from whoever found the misbehaviour and stored the proof with it.

        Raises:
            DecodeError: it is malformed, or of a kind that does not exist.
            RejectError: it does not convict, or carries what no message carries any more.
            UnavailableError: a PoST could not be checked.
        """
        gossip = scale.decode(MalfeasanceGossip, data)
        if gossip.eligibility is not None:
            raise RejectError("malfeasance proof: the eligibility was given up with hare 3")
        smesher = await self._judge(gossip.proof)
        if peer == self.network.local:
            self.convictions.tell_listeners(smesher)
        else:
            self.convictions.store(smesher, gossip.proof)

    async def on_synced(self, expected: Hash32, peer: PeerID, data: bytes) -> None:
        """Handle a proof that a peer sent for an identity.

        Raises:
            DecodeError: it is malformed, or of a kind that does not exist.
            RejectError: it does not convict, or convicts somebody else; whom it convicts
                is condemned all the same.
            UnavailableError: a PoST could not be checked.
        """
        proof = scale.decode(MalfeasanceProof, data)
        smesher = await self._judge(proof)
        self.convictions.store(smesher, proof)
        if bytes(smesher) != expected:
            raise WrongObjectError(
                f"peer {peer} sent a proof against {smesher}, asked for {expected}"
            )

    async def publish(self, proof: MalfeasanceProof) -> None:
        """Gossip a proof that is stored; see ``Convictions.publish``."""
        await self.convictions.publish(proof)

    async def _judge(self, proof: MalfeasanceProof) -> SmesherID:
        culprit = culprit_of(proof.data)
        is_known = next(atx_ids_of_smesher(self.db, culprit), None) is not None
        check_proof(proof.data, self.verifier, is_known=is_known)
        if isinstance(proof.data, InvalidPostIndex):
            await self._check_post_fails(proof.data)
        return culprit

    async def _check_post_fails(self, data: InvalidPostIndex) -> None:
        accusation = make_post_accusation(data, find_commitment_atx(self.db, data.atx.smesher))
        try:
            await self.post_verifier.verify(
                accusation.post, accusation.claim, self.proof_parameters, accusation.mode
            )
        except RejectError:
            # Whatever is wrong, a wrong proof of work or number of units too, convicts.
            return
        raise RejectError(f"malfeasance proof: the PoST of atx {data.atx.id} is valid")
