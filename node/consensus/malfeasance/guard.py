"""Keeps our own identities from saying anything that could condemn them.

Whoever publishes a signed statement asks here first::

    guard.claim(Statement.of_ballot(smesher, layer, ballot.id))   # raises, or is on the disk
    await network.publish(topic, data)

A statement is refused when another one was made in its slot: by this node, before a restart
or in a database that was restored since, or by another node with the same key.  An identity
that is heard speaking elsewhere says nothing more until the node is started again: one of
the two has to be stopped by hand.  Nor does one that is convicted: nobody counts it.

The reference guards ATXs only, and in the same way: one that would convict is not stored.

Source: go-spacemesh, activation/handler_v1.go; product digest, appendix on pains, 6.
"""

from dataclasses import dataclass, field
from typing import Final

import structlog

from node.base.errors import PreconditionError
from node.events import Bus, PublicationRefused
from node.store.atxs import atx_ids_of_smesher_in_epoch
from node.store.ballots import ballot_ids_of_smesher_in_layer
from node.store.db import Database, Reader
from node.store.identities import is_malicious
from node.store.local import Duty, Statement, claim, find_claim
from node.types.ids import SmesherID
from node.types.layer import EpochID, LayerID

CONVICTED: Final = "smesh.precondition.convicted"
ELSEWHERE: Final = "smesh.precondition.key_in_use"
ANYTHING: Final = "anything"

log = structlog.get_logger("malfeasance")


@dataclass(kw_only=True)
class EquivocationGuard:
    """Asked before anything is published that may be said only once."""

    db: Reader
    """Of the state: what the network has heard from our identities."""

    local: Database
    """Holds the claims."""

    bus: Bus
    _elsewhere: dict[SmesherID, str] = field(default_factory=dict)
    """What identities that speak elsewhere, too, were heard saying."""

    _announced: set[tuple[SmesherID, str, str]] = field(default_factory=set)

    def check_identity(self, smesher: SmesherID) -> None:
        """Check that an identity may say anything at all.

        Raises:
            PreconditionError: it is convicted, or in use on another node.
        """
        self._check(smesher, ANYTHING)

    def claim(self, statement: Statement) -> None:
        """Claim a slot for a statement, on the disk; the same one may be claimed again.

        Raises:
            PreconditionError: the identity may not say anything, or has said something else.
        """
        smesher, what = statement.smesher, str(statement)
        self._check(smesher, what)
        other = self._stored_elsewhere(statement)
        if other is not None:
            self._refuse(smesher, what, f"{other.hex()[:10]} was, by another node", ELSEWHERE)
        try:
            claim(self.local, statement)
        except PreconditionError as error:
            self.announce(smesher, what, error, once=f"{statement.duty.name} {statement.slot}")
            raise

    def hear(self, statement: Statement) -> bool:
        """Take note of a statement of ours that a peer sent; return whether it is foreign.

        The slot is claimed for it, so that not even a restart says something else there.
        """
        claimed = find_claim(self.local, statement)
        if claimed == statement.digest:
            return False
        if claimed is None:
            claim(self.local, statement)
        if statement.smesher not in self._elsewhere:
            self._elsewhere[statement.smesher] = str(statement)
            log.error("own_key_in_use_elsewhere", smesher=statement.smesher, said=str(statement))
        return True

    def announce(
        self, smesher: SmesherID, what: str, error: PreconditionError, *, once: str
    ) -> None:
        """Tell observers why something is not published; ``once`` names what is told once."""
        key = (smesher, error.code, once)
        if key in self._announced:
            return
        self._announced.add(key)
        log.error("publication_refused", smesher=smesher, statement=what, code=error.code)
        self.bus.publish(
            PublicationRefused(
                smesher=smesher, what=what, code=error.code, reason=str(error), hint=error.hint
            )
        )

    def _check(self, smesher: SmesherID, what: str) -> None:
        if is_malicious(self.db, smesher):
            self._refuse(smesher, what, "it is convicted of misbehaviour", CONVICTED)
        heard = self._elsewhere.get(smesher)
        if heard is not None:
            self._refuse(smesher, what, f"another node said {heard}", ELSEWHERE)

    def _stored_elsewhere(self, statement: Statement) -> bytes | None:
        """Return another ATX or ballot of the slot that came from the network."""
        match statement.duty:
            case Duty.ATX:
                epoch = EpochID(statement.slot)
                atxs = atx_ids_of_smesher_in_epoch(self.db, statement.smesher, epoch)
                return next((bytes(one) for one in atxs if one != statement.digest), None)
            case Duty.BALLOT:
                layer = LayerID(statement.slot)
                ballots = ballot_ids_of_smesher_in_layer(self.db, statement.smesher, layer)
                return next((bytes(one) for one in ballots if one != statement.digest), None)
            case _:
                return None

    def _refuse(self, smesher: SmesherID, what: str, reason: str, code: str) -> None:
        error = PreconditionError(
            f"smesher {smesher} must not publish {what}: {reason}", code=code, hint=HINTS[code]
        )
        # Nothing is published from now on: saying so in every round would be too much.
        self.announce(smesher, what, error, once="")
        raise error


HINTS: Final = {
    CONVICTED: "the identity is cancelled for good: make a new one with space of its own",
    ELSEWHERE: "stop the other node, or take the key out of this one; then start this node again",
}
"""What the operator can do."""
