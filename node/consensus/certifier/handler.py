"""Topic ``bc1``: certify messages and certificates, checked, counted, stored, announced.

Source: go-spacemesh, blocks/certifier.go; certifier digest 4.3 and 4.4.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from node.base import scale
from node.base.errors import (
    IgnoreError,
    NotFoundError,
    PreconditionError,
    RejectError,
    SpacemeshError,
    StoreError,
)
from node.consensus.activesets import EligibilityOracle
from node.consensus.certifier.machine import Certified, CertifierMachine
from node.consensus.certifier.ports import HareOutputListener
from node.consensus.certifier.rules import check_certificate, check_layer, threshold_of
from node.consensus.eligibility import CERTIFY_ROUND
from node.consensus.malfeasance.guard import EquivocationGuard
from node.crypto.domains import Domain
from node.crypto.ed25519 import Signer, Verifier
from node.events import Bus, LayerCertified
from node.layer_ticker import Clock
from node.net.ports import Gossip, PeerID
from node.store.certificates import (
    certificate_rows,
    put_certificate,
    put_certificate_validity,
)
from node.store.db import Database
from node.store.local import Statement
from node.types.certificate import Certificate, CertifyContent, CertifyMessage
from node.types.ids import NO_BLOCK, BlockID, SmesherID
from node.types.layer import LayerID
from node.types.layer_time import LayerTime

TOPIC: Final = "bc1"

CHECKED_AT_ONCE: Final = 20
"""Messages of a certificate checked before others get their turn: some 10 ms."""

log = structlog.get_logger("blockCert")


@dataclass(kw_only=True)
class CertifierHandler:
    """Decodes, checks, counts, stores, announces - in that order."""

    db: Database
    time: LayerTime
    clock: Clock
    bus: Bus
    network: Gossip
    verifier: Verifier
    oracle: EligibilityOracle
    signers: Callable[[], Sequence[Signer]]
    guard: EquivocationGuard
    listener: HareOutputListener

    committee_size: int
    """Expected seats of a certifying committee."""

    buffer_layers: int
    """How many layers from the current one messages are still of use; the tortoise's zdist."""

    machine: CertifierMachine = field(init=False)

    def __post_init__(self) -> None:
        """Start with nothing counted."""
        self.machine = CertifierMachine(threshold_of(self.committee_size))

    def on_layer(self, current: LayerID) -> None:
        """A layer started: forget those that are too old to be certified."""
        kept = 2 * self.buffer_layers
        genesis = self.time.effective_genesis
        self.machine.prune(genesis if current <= kept else LayerID(current - kept))

    async def certify(self, layer: LayerID, block: BlockID) -> None:
        """Our own hare agreed on ``block``: count it, and vouch for it where we have seats.

        Raises:
            NotFoundError: the epoch's beacon is not known.
        """
        certified = self.machine.register(layer, block)
        if certified is not None:
            self._commit(certified)
        vrf_input = self.oracle.vrf_input(layer, CERTIFY_ROUND)
        for signer in self.signers():
            message = self._vouch(signer, layer, block, vrf_input)
            if message is not None:
                await self._publish(message)

    async def on_gossip(self, peer: PeerID, data: bytes) -> None:
        """Handle one certify message.

        Raises:
            DecodeError: it is malformed.
            RejectError: its signature is wrong.
            IgnoreError: not for now, not eligible, or it conflicts with a certificate.
        """
        message = scale.decode(CertifyMessage, data)
        content = message.content
        layer = content.layer
        if not self.oracle.has_beacon(layer):
            raise IgnoreError(f"no beacon for layer {layer}")
        current = self.time.layer_at(self.clock.now_ns())
        check_layer(layer, current, self.time.effective_genesis, self.buffer_layers)
        if self.machine.is_done(layer, content.block_id):
            return
        if not self._is_signed(message):
            raise RejectError(f"certify message of {message.smesher}: wrong signature")
        if not self._has_seats(message):
            raise IgnoreError(f"certify message of {message.smesher}: not eligible")
        certified = self.machine.on_message(message)
        if certified is not None:
            self._commit(certified)

    async def on_certificate(self, layer: LayerID, certificate: Certificate) -> None:
        """Check and store a certificate that a peer sent.

        A whole committee's signatures take a tenth of a second: others get their turns.

        Raises:
            RejectError: too few seats vouch for it.
            IgnoreError: another block of the layer has a valid certificate.
        """
        vouched = await self._vouched(layer, certificate)
        check_certificate(layer, certificate, self.machine.threshold, vouched.__contains__)
        self.machine.on_certificate(layer, certificate.block_id)
        self._commit(Certified(layer, certificate))

    def _vouch(
        self, signer: Signer, layer: LayerID, block: BlockID, vrf_input: bytes
    ) -> CertifyMessage | None:
        proof = signer.vrf_sign(vrf_input)
        try:
            seats = self.oracle.seats(
                layer, CERTIFY_ROUND, self.committee_size, signer.smesher_id, proof
            )
        except IgnoreError as error:
            log.debug("not_certifying", layer=layer, smesher=signer.smesher_id, reason=str(error))
            return None
        if seats == 0:
            return None
        content = CertifyContent(layer=layer, block_id=block, eligibility_count=seats, proof=proof)
        return CertifyMessage(
            content=content,
            signature=signer.sign(Domain.HARE, scale.encode(content)),
            smesher=signer.smesher_id,
        )

    async def _publish(self, message: CertifyMessage) -> None:
        content = message.content
        try:
            self.guard.claim(Statement.of_certify(message.smesher, content.layer, content.block_id))
            await self.network.publish(TOPIC, scale.encode(message))
        except (IgnoreError, NotFoundError, PreconditionError) as error:
            log.info("certify_message_not_sent", layer=content.layer, reason=str(error))

    def _is_signed(self, message: CertifyMessage) -> bool:
        return self.verifier.verify(
            Domain.HARE, message.smesher, message.signed_bytes(), message.signature
        )

    def _has_seats(self, message: CertifyMessage) -> bool:
        content = message.content
        return self.oracle.are_seats(
            content.layer,
            CERTIFY_ROUND,
            self.committee_size,
            message.smesher,
            content.proof,
            count=content.eligibility_count,
        )

    async def _vouched(self, layer: LayerID, certificate: Certificate) -> frozenset[CertifyMessage]:
        """Return the messages for a certificate's block that hold, one of each smesher."""
        found: dict[SmesherID, CertifyMessage] = {}
        for number, message in enumerate(certificate.signatures):
            if number and number % CHECKED_AT_ONCE == 0:
                await asyncio.sleep(0)
            named = (message.content.layer, message.content.block_id)
            is_wanted = named == (layer, certificate.block_id) and message.smesher not in found
            if is_wanted and self._is_vouched(message):
                found[message.smesher] = message
        return frozenset(found.values())

    def _is_vouched(self, message: CertifyMessage) -> bool:
        try:
            return self._is_signed(message) and self._has_seats(message)
        except StoreError:
            raise
        except SpacemeshError:
            # One message of many: whoever is not active here just does not count.
            return False

    def _commit(self, certified: Certified) -> None:
        """Store a certificate; synchronous, so that two of them cannot cross.

        A certificate trumps bare hare outputs and certificates that are not valid; where
        another valid one stands, neither is believed.
        """
        layer, certificate = certified.layer, certified.certificate
        conflict = False
        with self.db.batch() as batch:
            for row in certificate_rows(self.db, layer):
                if row.block == certificate.block_id:
                    continue
                if row.certificate is not None and self._still_valid(layer, row.certificate):
                    conflict = True
                    continue
                put_certificate_validity(batch, layer, row.block, valid=False)
            put_certificate(batch, layer, certificate)
        if conflict:
            self.listener.on_hare_output(layer, NO_BLOCK)
            raise IgnoreError(f"multiple certificates in layer {layer}")
        self.bus.publish(LayerCertified(layer=layer, block=certificate.block_id))

    def _still_valid(self, layer: LayerID, certificate: Certificate) -> bool:
        try:
            check_certificate(layer, certificate, self.machine.threshold, self._is_vouched)
        except RejectError:
            return False
        return True
