"""What a network fixes for its tortoise.

Source: go-spacemesh, tortoise (Config); tortoise digest section 1.
"""

from dataclasses import dataclass

from node.base.errors import ConfigError
from node.config.model.root import NodeConfig
from node.types.layer import EpochID, LayerID
from node.types.layer_time import LayerTime


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowSize:
    """A window that differs from the usual one in some layers of the past."""

    first_layer: LayerID
    last_layer: LayerID
    size_layers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TortoiseParameters:
    """Distances in layers, and the shape of epochs."""

    hdist: int
    """Within so many layers of the last one we vote as hare decided."""

    zdist: int
    """So many layers we wait for hare before we take it that it found nothing."""

    window_layers: int
    """Layers in memory below the last verified one."""

    max_exceptions: int
    """Most votes that a ballot may cast otherwise than its base ballot."""

    bad_beacon_delay_layers: int
    """Votes under a beacon other than ours count so many layers later; full mode only."""

    layers_per_epoch: int

    effective_genesis: LayerID
    """Last layer without blocks."""

    historical_windows: tuple[WindowSize, ...] = ()
    """Windows of the past; the first that holds a layer decides."""

    def __post_init__(self) -> None:
        """Raise ConfigError where the parameters contradict each other."""
        if self.hdist < self.zdist:
            raise ConfigError(
                f"hdist {self.hdist} is below zdist {self.zdist}", path="tortoise.tortoise-hdist"
            )
        if self.window_layers < 1:
            raise ConfigError(
                f"window of {self.window_layers} layers, want at least 1",
                path="tortoise.tortoise-window-size",
            )

    def window_at(self, layer: int) -> int:
        """Return the size of the window at a layer."""
        for window in self.historical_windows:
            if window.first_layer <= layer <= window.last_layer:
                return window.size_layers
        return self.window_layers

    def epoch_of(self, layer: int) -> EpochID:
        """Return the epoch of a layer."""
        return EpochID(layer // self.layers_per_epoch)

    def within_hdist(self, layer: int, last: int) -> bool:
        """Tell whether hare's output still decides our vote on a layer."""
        return layer + self.hdist > last


def tortoise_parameters(config: NodeConfig, time: LayerTime) -> TortoiseParameters:
    """Return what the network fixes for its tortoise."""
    tortoise = config.tortoise
    return TortoiseParameters(
        hdist=tortoise.hdist,
        zdist=tortoise.zdist,
        window_layers=tortoise.window_size,
        max_exceptions=tortoise.max_exceptions,
        bad_beacon_delay_layers=tortoise.delay_layers or time.layers_per_epoch,
        layers_per_epoch=time.layers_per_epoch,
        effective_genesis=time.effective_genesis,
        historical_windows=tuple(
            WindowSize(
                first_layer=LayerID(interval.start),
                last_layer=LayerID(interval.end),
                size_layers=interval.window,
            )
            for interval in tortoise.historical_window_sizes
        ),
    )
