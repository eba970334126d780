"""Convictions: what happens once a proof of misbehaviour is at hand.

In this order: the bare proof is stored under the culprit; the ATX cache and the listeners
(the tortoise) are told; observers hear of it; the proof is gossiped.  The first proof
against an identity stays.

    conviction = convictions.convict(batch, smesher, proof)   # None: known already
    ... the batch is committed ...
    convictions.tell(conviction)
    await convictions.publish(proof)

Source: go-spacemesh, malfeasance/handler.go; tortoise digest section 12.3.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from node.base import scale
from node.base.errors import SpacemeshError, StoreError
from node.consensus.atxdata import AtxData
from node.consensus.malfeasance.ports import MalfeasanceListener
from node.consensus.malfeasance.wire import MalfeasanceGossip, MalfeasanceProof
from node.crypto.ed25519 import Signer
from node.events import Bus, SmesherMalicious
from node.layer_ticker import Clock
from node.net.ports import Gossip
from node.store.db import Batch, Database
from node.store.identities import Malfeasance, is_malicious, put_malfeasance
from node.types.ids import SmesherID

TOPIC: Final = "mp1"

log = structlog.get_logger("malfeasance")


@dataclass(kw_only=True)
class Convictions:
    """Stores, tells, announces and gossips proofs."""

    db: Database
    atxdata: AtxData
    clock: Clock
    bus: Bus
    network: Gossip
    signers: Callable[[], Sequence[Signer]]
    listeners: Sequence[MalfeasanceListener]

    def is_own(self, smesher: SmesherID) -> bool:
        """Tell whether an identity is one of ours."""
        return any(signer.smesher_id == smesher for signer in self.signers())

    def convict(
        self, batch: Batch, smesher: SmesherID, proof: MalfeasanceProof
    ) -> Malfeasance | None:
        """Write a proof; return what to ``tell`` after the commit, None if nothing is new."""
        if is_malicious(self.db, smesher):
            return None
        malfeasance = Malfeasance(
            smesher=smesher, proof=scale.encode(proof), received_ns=self.clock.now_ns()
        )
        put_malfeasance(batch, malfeasance)
        return malfeasance

    def store(self, smesher: SmesherID, proof: MalfeasanceProof) -> bool:
        """Write a proof in a batch of its own and tell; return whether it is news."""
        with self.db.batch() as batch:
            malfeasance = self.convict(batch, smesher, proof)
        if malfeasance is None:
            return False
        self.tell(malfeasance)
        return True

    def tell(self, malfeasance: Malfeasance) -> None:
        """Tell everybody in this node, after the commit."""
        smesher = malfeasance.smesher
        self.tell_listeners(smesher)
        is_own = self.is_own(smesher)
        if is_own:
            log.error("own_smesher_malicious", smesher=smesher)
        else:
            log.info("smesher_malicious", smesher=smesher)
        self.bus.publish(SmesherMalicious(smesher=smesher, proof=malfeasance.proof, is_own=is_own))

    def tell_listeners(self, smesher: SmesherID) -> None:
        """Tell only those on whom the protocol depends."""
        self.atxdata.mark_malicious(smesher)
        for listener in self.listeners:
            listener.on_malfeasance(smesher)

    async def publish(self, proof: MalfeasanceProof) -> None:
        """Gossip a proof that is stored; that it cannot be sent now is logged, not raised.

        Raises:
            StoreError: our own handler could not read or write.
        """
        data = scale.encode(MalfeasanceGossip(proof=proof, eligibility=None))
        try:
            await self.network.publish(TOPIC, data)
        except StoreError:
            raise
        except SpacemeshError as error:
            # Two messages may have completed the same proof, or we do not listen yet.
            log.info("malfeasance_proof_not_sent", reason=str(error))
