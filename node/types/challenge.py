"""The challenge of an ATX in the making: what its PoET and its PoST prove."""

from dataclasses import dataclass

from node.base.scale import U64
from node.types.ids import AtxID, PoetRef
from node.types.layer import EpochID
from node.types.post import MembershipProof, Post


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingChallenge:
    """What a smesher proves now, and how far it has come with the PoET.

    Wire: our own record in the local database, fields in order.
    Source: go-spacemesh, sql/localsql/nipost, challenges.
    """

    publish_epoch: EpochID
    sequence: U64
    previous_atx: AtxID
    positioning_atx: AtxID

    commitment_atx: AtxID | None
    """Present for an initial ATX only."""

    initial_post: Post | None
    """Present for an initial ATX only."""

    poet_ref: PoetRef | None
    """The proof that was chosen, once the round has ended."""

    membership: MembershipProof | None
    """That the challenge is a member of that proof's statement."""
