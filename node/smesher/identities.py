"""Which identities this node smeshes with, and what each is doing.

Source: go-spacemesh, activation/post_states.go and node; activation digest 8.6.
"""

from dataclasses import dataclass, field
from enum import Enum, auto

from node.base.errors import NotFoundError
from node.crypto.ed25519 import Signer
from node.types.ids import SmesherID


class PostState(Enum):
    """What an identity's PoST worker does."""

    IDLE = auto()
    PROVING = auto()


@dataclass(frozen=True, slots=True)
class Identity:
    """A signer and the name of its key file."""

    name: str
    signer: Signer


@dataclass
class Identities:
    """The registered identities, in the order of their registration."""

    _identities: dict[SmesherID, Identity] = field(default_factory=dict)
    _states: dict[SmesherID, PostState] = field(default_factory=dict)

    def register(self, identity: Identity) -> None:
        """Smesh with an identity from now on."""
        self._identities[identity.signer.smesher_id] = identity
        self._states.setdefault(identity.signer.smesher_id, PostState.IDLE)

    def signers(self) -> tuple[Signer, ...]:
        """Return who signs for this node right now."""
        return tuple(identity.signer for identity in self._identities.values())

    def all(self) -> tuple[Identity, ...]:
        """Return all identities."""
        return tuple(self._identities.values())

    def is_own(self, smesher: SmesherID) -> bool:
        """Tell whether an identity is ours."""
        return smesher in self._identities

    def get(self, smesher: SmesherID) -> Identity:
        """Return an identity.

        Raises:
            NotFoundError: it is not ours.
        """
        found = self._identities.get(smesher)
        if found is None:
            raise NotFoundError("own smesher", smesher)
        return found

    def state(self, smesher: SmesherID) -> PostState:
        """Return what an identity's PoST worker does."""
        return self._states.get(smesher, PostState.IDLE)

    def set_state(self, smesher: SmesherID, state: PostState) -> None:
        """Note what an identity's PoST worker does."""
        self._states[smesher] = state
