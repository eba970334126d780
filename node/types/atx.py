"""Atx: what the node knows of an activation, whatever version it came in.

Source: go-spacemesh, common/types/activation, ActivationTx.
"""

from dataclasses import dataclass
from typing import Final

from node.base.scale import U8, U32, U64
from node.types.address import Address
from node.types.ids import AtxID, SmesherID
from node.types.layer import EpochID

U64_MASK: Final = (1 << 64) - 1
"""Heights wrap, as in the reference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Atx:
    """A valid ATX, reduced to what other components ask of it.

    It is stored in this form, beside the raw bytes it was received in.
    """

    id: AtxID
    smesher: SmesherID
    publish_epoch: EpochID

    sequence: U64
    """Number of earlier ATXs of the smesher; always 0 in version 2."""

    commitment_atx: AtxID | None
    """Present in an initial ATX only."""

    previous_atx: AtxID
    """Zero in an initial ATX; in version 2, that of the signer."""

    coinbase: Address

    num_units: U32
    """Effective space units: the smaller of this ATX's and the previous one's."""

    vrf_nonce: U64
    """Nonce of the smesher's VRF, carried over from the previous ATX where not given."""

    base_tick_height: U64
    """Tick height of the positioning ATX."""

    tick_count: U64
    """PoET ticks of this ATX."""

    weight: U64
    """num_units times tick_count."""

    received_ns: U64
    """When it was received, nanoseconds since the Unix epoch; 0 out of a checkpoint."""

    version: U8
    """1 or 2: the wire version of the raw bytes."""

    @property
    def tick_height(self) -> int:
        """Height that this ATX reaches."""
        return self.base_tick_height + self.tick_count & U64_MASK

    @property
    def target_epoch(self) -> EpochID:
        """Epoch in which the ATX is active: the one after its publication."""
        return EpochID(self.publish_epoch + 1)
