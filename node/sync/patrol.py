"""Which layers hare is responsible for, so that catching up leaves them alone.

Source: go-spacemesh, layerpatrol; tortoise digest 13.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from node.types.layer import LayerID

REMEMBERED_LAYERS: Final = 100
"""Layers in hare's care that are remembered; older ones are forgotten."""


@dataclass
class LayerPatrol:
    """The layers hare works on."""

    _layers: OrderedDict[LayerID, None] = field(default_factory=OrderedDict)

    def start(self, layer: LayerID) -> None:
        """Hare works on a layer from now on."""
        self._layers[layer] = None
        while len(self._layers) > REMEMBERED_LAYERS:
            self._layers.popitem(last=False)

    def complete(self, layer: LayerID) -> None:
        """Hare's work on a layer, and what follows from it, is done."""
        self._layers.pop(layer, None)

    def is_hare_in_charge(self, layer: LayerID) -> bool:
        """Tell whether hare works on a layer."""
        return layer in self._layers
