"""What building ATXs asks of components beside it."""

from typing import Protocol

from node.poet.registration import Certificate, Certifier
from node.types.ids import AtxID, SmesherID
from node.types.layer import EpochID
from node.types.poet import PoetProofMessage


class PositioningAtxs(Protocol):
    """Chooses what an ATX stands on."""

    async def find_positioning_atx(
        self,
        smesher: SmesherID,
        publish_epoch: EpochID,
        *,
        previous_atx: AtxID | None,
        deadline_ns: int | None = None,
    ) -> AtxID:
        """Return the ATX that a smesher's next one names; see ``activation.positioning``."""


class CertificateSource(Protocol):
    """Has the certificates that let our smeshers into PoETs."""

    async def get(self, smesher: SmesherID, certifier: Certifier) -> Certificate:
        """Return a smesher's certificate; a certifier is asked if there is none yet.

        Raises:
            NotFoundError: there is no PoST to be certified.
            RejectError: the certifier refuses, or what it says is of no use.
            UnavailableError: the certifier does not answer.
        """

    def drop(self, smesher: SmesherID, certifier: Certifier) -> None:
        """Forget a certificate that a PoET refused."""


class PoetProofs(Protocol):
    """Stores PoET proofs."""

    async def store(self, message: PoetProofMessage) -> object:
        """Validate and store a proof; one that is known is fine.

        Raises:
            RejectError: it does not hold.
        """
