"""How much weight decides: thresholds from the weights of the epochs.

The *local* threshold is a third of what one layer of the current epoch weighs; the *global*
one of a layer adds a third of all weight that was to vote on it since.

Divisions are those of the reference's fixed point, so their order matters.

Source: go-spacemesh, tortoise/threshold; tortoise digest sections 3 and 8.
"""

from typing import Final

from node.base import fixed
from node.consensus.tortoise.state import TortoiseState
from node.consensus.tortoise.votes import ABSTAIN, AGAINST, SUPPORT, Sign

THREE: Final = 3


def third_of(weight: int) -> int:
    """Return a weight by three.

    For so small a divisor the reference's division is the plain one, which is much faster.
    """
    return weight // THREE


def sign_over(weight: int, threshold: int) -> Sign:
    """Return the sign of a weight whose magnitude is above a threshold, else ABSTAIN."""
    if weight > 0:
        return SUPPORT if weight > threshold else ABSTAIN
    return AGAINST if weight < 0 and -weight > threshold else ABSTAIN


class Thresholds:
    """Thresholds for the present state; those of a layer are computed once per state."""

    def __init__(self, state: TortoiseState) -> None:
        self._state = state
        self._layers = fixed.from_int(state.parameters.layers_per_epoch)
        self._shares: dict[tuple[int, int], int] = {}
        self._known: dict[int, tuple[int, int]] = {}
        self._known_for = (-1, -1, -1)
        self.local = 0
        """Fixed point."""

    def update_local(self) -> None:
        """Take the local threshold from the weight of the last layer's epoch."""
        epoch = self._state.epoch(self._state.epoch_of(self._state.last))
        self.local = fixed.divide(third_of(epoch.weight), self._layers)
        self._known_for = (-1, -1, -1)

    def of(self, target: int) -> tuple[int, int]:
        """Return what is expected to vote on a layer, and its global threshold; fixed point."""
        state = self._state
        inputs = (state.last, state.processed, state.weights_version)
        if inputs != self._known_for:
            if inputs[2] != self._known_for[2]:
                self._shares.clear()
            self._known.clear()
            self._known_for = inputs
        found = self._known.get(target)
        if found is None:
            expected = self.expected_weight(target)
            found = self._known[target] = (expected, third_of(expected) + self.local)
        return found

    def expected_weight(self, target: int) -> int:
        """Return the weight of all layers after ``target``, to the end of its window."""
        state = self._state
        end = state.last
        window = state.parameters.window_at(target)
        if end - target > window:
            end = max(target + window, state.processed)
        layers = state.parameters.layers_per_epoch
        start = target + 1
        first, last = start // layers, end // layers
        if first == last:
            return self._share(first, end - start + 1)
        total = self._share(first, layers - start % layers)
        for epoch in range(first + 1, last):
            total += self._weight(epoch)
        return total + self._share(last, end % layers + 1)

    def _share(self, epoch: int, layers: int) -> int:
        """Return the weight of so many layers of an epoch."""
        share = self._shares.get((epoch, layers))
        if share is None:
            whole = fixed.multiply(self._weight(epoch), fixed.from_int(layers))
            share = self._shares[epoch, layers] = fixed.divide(whole, self._layers)
        return share

    def _weight(self, epoch: int) -> int:
        info = self._state.epochs.get(epoch)
        return info.weight if info else 0
