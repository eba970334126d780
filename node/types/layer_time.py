"""LayerTime: what instant a layer starts at, and which layers an epoch has.

Instants are nanoseconds since the Unix epoch, as everywhere in the node.

Source: go-spacemesh, timesync/clock and common/types/layer; codec digest section 2.
"""

from dataclasses import dataclass

from node.types.layer import EpochID, LayerID


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerTime:
    """The clock face of one network."""

    genesis_ns: int
    """Instant at which layer 0 starts."""

    layer_duration_ns: int
    """Length of a layer."""

    layers_per_epoch: int
    """Layers in an epoch."""

    restored_layer: LayerID | None = None
    """Layer from which a checkpoint was recovered, if this network was."""

    @property
    def effective_genesis(self) -> LayerID:
        """Last layer without blocks: the end of epoch 1, or the layer before a recovery."""
        if self.restored_layer is not None:
            return LayerID(self.restored_layer - 1)
        return self.first_effective_genesis

    @property
    def first_effective_genesis(self) -> LayerID:
        """As ``effective_genesis``, but never moved: the block subsidy counts from here."""
        return LayerID(2 * self.layers_per_epoch - 1)

    def layer_at(self, now_ns: int) -> LayerID:
        """Return the layer running at an instant; 0 before genesis."""
        return LayerID(max(0, now_ns - self.genesis_ns) // self.layer_duration_ns)

    def start_of(self, layer: LayerID) -> int:
        """Return the instant at which a layer starts."""
        return self.genesis_ns + layer * self.layer_duration_ns

    def epoch_of(self, layer: LayerID) -> EpochID:
        """Return the epoch a layer belongs to."""
        return EpochID(layer // self.layers_per_epoch)

    def first_layer(self, epoch: EpochID) -> LayerID:
        """Return the first layer of an epoch."""
        return LayerID(epoch * self.layers_per_epoch)

    def last_layer(self, epoch: EpochID) -> LayerID:
        """Return the last layer of an epoch."""
        return LayerID((epoch + 1) * self.layers_per_epoch - 1)

    def epoch_start(self, epoch: EpochID) -> int:
        """Return the instant at which an epoch starts."""
        return self.start_of(self.first_layer(epoch))

    @property
    def epoch_duration_ns(self) -> int:
        """Length of an epoch."""
        return self.layers_per_epoch * self.layer_duration_ns

    def is_first_in_epoch(self, layer: LayerID) -> bool:
        """Tell whether an epoch starts with ``layer``."""
        return layer % self.layers_per_epoch == 0
