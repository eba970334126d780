"""What proofs of misbehaviour need of others, and whom they concern."""

from typing import Protocol

from node.post.verifying import Mode, PostClaim, ProofParameters
from node.types.ids import SmesherID
from node.types.post import Post


class MalfeasanceListener(Protocol):
    """Takes note of convicted identities; the tortoise."""

    def on_malfeasance(self, smesher: SmesherID) -> None:
        """An identity was convicted; may be told more than once."""


class PostVerifier(Protocol):
    """Checks PoSTs off the event loop; ``node.post.verifier_pool.PostVerifier``."""

    async def verify(
        self,
        post: Post,
        claim: PostClaim,
        parameters: ProofParameters,
        mode: Mode,
        *,
        prioritized: bool = False,
    ) -> None:
        """Return if the proof holds.

        Raises:
            InvalidPostError: a label is wrong.
            RejectError: the proof fails in any other way.
            UnavailableError: it could not be checked.
        """
