"""When rounds start, and how large their committees are: pure.

Source: go-spacemesh, hare3/hare.go; hare digest 2 and 3.
"""

from node.base.errors import ConfigError
from node.config.model.consensus import HareConfig
from node.consensus.hare.wire import IterRound, Round
from node.types.layer import LayerID
from node.types.layer_time import LayerTime


def round_offset_ns(config: HareConfig, iter_round: IterRound) -> int:
    """Return when a round is executed, in nanoseconds after the start of its layer."""
    if iter_round.absolute == Round.PREROUND:
        return config.preround_delay
    return config.preround_delay + (iter_round.absolute - 1) * config.round_duration


def committee_of(config: HareConfig, layer: LayerID) -> int:
    """Return the expected seats in the committees of a layer."""
    upgrade = config.committee_upgrade
    if upgrade is not None and layer >= upgrade.layer:
        return upgrade.size
    return config.committee


def seats_in(config: HareConfig, layer: LayerID, round_: int) -> int:
    """Return the expected seats in the committee of a round; leaders propose."""
    return config.leaders if round_ == Round.PROPOSE else committee_of(config, layer)


def threshold_of(config: HareConfig, layer: LayerID) -> int:
    """Return the seats that support something in a layer: more than half of the expected."""
    return committee_of(config, layer) // 2 + 1


def check_schedule(config: HareConfig, time: LayerTime, zdist: int, *, section: str) -> None:
    """Check that sessions end before the tortoise stops waiting for them.

    Args:
        config: of the version of hare that is enabled.
        time: the network's layers.
        zdist: layers that the tortoise waits.
        section: name of the configuration's section, such as ``hare3``.

    Raises:
        ConfigError: they do not, or no layer is left for this version.
    """
    last = IterRound(iteration=config.iterations_limit, round=Round.HARDLOCK)
    ends_ns = round_offset_ns(config, last)
    limit_ns = zdist * time.layer_duration_ns
    if ends_ns > limit_ns:
        raise ConfigError(
            f"{section}: hare terminates later ({ends_ns} ns) than expected {limit_ns} ns",
            path=f"{section}.iterations-limit",
            hint="shorten hare's rounds or raise tortoise.tortoise-zdist",
        )
    if config.disable_layer <= config.enable_layer:
        raise ConfigError(
            f"{section}: disabled layer ({config.disable_layer}) must be larger than enabled "
            f"({config.enable_layer})",
            path=f"{section}.disable-layer",
        )
