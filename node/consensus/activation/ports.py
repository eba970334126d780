"""What judging ATXs needs of others, and who is told of them."""

from typing import Protocol

from node.types.atx import Atx
from node.types.ids import AtxID, SmesherID


class AtxListener(Protocol):
    """Takes note of ATXs; the beacon and the tortoise."""

    def on_atx(self, atx: Atx, *, malicious: bool) -> None:
        """An ATX was stored.

        Args:
            atx: what is known of it.
            malicious: whether its smesher is convicted, perhaps by this very ATX.
        """


class NonceVerifier(Protocol):
    """Checks VRF nonces off the event loop; ``activation.nonces.RecomputedNonces``."""

    async def check_nonce(
        self, smesher: SmesherID, commitment_atx: AtxID, *, num_labels: int, nonce: int
    ) -> None:
        """Return if the nonce names a label that is good enough for so many labels.

        Raises:
            RejectError: it does not.
            UnavailableError: it could not be checked.
        """
