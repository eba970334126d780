"""What the tortoise says of a layer.

Source: go-spacemesh, common/result; tortoise digest.
"""

from dataclasses import dataclass

from node.types.ballot import Vote
from node.types.ids import Hash32
from node.types.layer import LayerID


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockVote:
    """The tortoise's view of one block."""

    header: Vote

    valid: bool
    """The tortoise counts it as valid."""

    invalid: bool
    """The tortoise counts it as invalid; both are False while undecided."""

    hare: bool
    """Hare agreed on it."""

    data: bool
    """We hold its content."""

    local: bool
    """We vote for it where the tortoise has not decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerResult:
    """The tortoise's view of one layer, as the mesh acts on it."""

    layer: LayerID
    first_layer: bool
    """The layer before is not known: nothing to compare the opinion with."""

    verified: bool
    opinion: Hash32
    blocks: tuple[BlockVote, ...]
