"""Layers and epochs: the time units of the protocol.

Source: go-spacemesh, common/types/layer; codec digest section 2.
"""

from typing import Final, NewType

from node.base import scale

LayerID = NewType("LayerID", int)
EpochID = NewType("EpochID", int)
scale.bind(LayerID, scale.U32)
scale.bind(EpochID, scale.U32)

MAX_LAYER: Final = LayerID((1 << 32) - 1)
"""Layers are 32-bit on the wire."""
