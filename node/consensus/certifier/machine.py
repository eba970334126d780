"""Collects certify messages until they make a certificate.

Inputs: register, on_message, prune.  Output: Certified, at most once for a block.
Invariants: nothing is certified before our own hare output was registered; a smesher
counts once.

Source: go-spacemesh, blocks/certifier.go; certifier digest 4.3.
"""

from dataclasses import dataclass, field

from node.consensus.certifier.rules import MAX_SEATS
from node.types.certificate import Certificate, CertifyMessage
from node.types.ids import BlockID
from node.types.layer import LayerID


@dataclass(frozen=True, slots=True)
class Certified:
    """A block has its certificate."""

    layer: LayerID
    certificate: Certificate


@dataclass(slots=True)
class _Tally:
    """What was said of one block."""

    is_registered: bool = False
    is_done: bool = False
    seats: int = 0
    messages: list[CertifyMessage] = field(default_factory=list)


@dataclass
class CertifierMachine:
    """Tallies by layer and block."""

    threshold: int
    """Seats, not messages, that make a certificate."""

    _tallies: dict[LayerID, dict[BlockID, _Tally]] = field(default_factory=dict)

    def register(self, layer: LayerID, block: BlockID) -> Certified | None:
        """Our own hare agreed on ``block``: it may be certified from now on."""
        tally = self._tally(layer, block)
        tally.is_registered = True
        return self._try_certify(layer, block, tally)

    def is_done(self, layer: LayerID, block: BlockID) -> bool:
        """Tell whether further messages for a block are of no use."""
        return self._tally(layer, block).is_done

    def on_message(self, message: CertifyMessage) -> Certified | None:
        """Count a message that was checked; it may come before the registration."""
        content = message.content
        tally = self._tally(content.layer, content.block_id)
        if all(message.smesher != counted.smesher for counted in tally.messages):
            tally.messages.append(message)
            tally.seats = (tally.seats + content.eligibility_count) % MAX_SEATS
        return self._try_certify(content.layer, content.block_id, tally)

    def on_certificate(self, layer: LayerID, block: BlockID) -> None:
        """A peer's certificate was taken: none of our own is needed."""
        self._tally(layer, block).is_done = True

    def prune(self, before: LayerID) -> None:
        """Forget layers before ``before``."""
        for layer in [known for known in self._tallies if known < before]:
            del self._tallies[layer]

    def _tally(self, layer: LayerID, block: BlockID) -> _Tally:
        return self._tallies.setdefault(layer, {}).setdefault(block, _Tally())

    def _try_certify(self, layer: LayerID, block: BlockID, tally: _Tally) -> Certified | None:
        if tally.is_done or not tally.is_registered or tally.seats < self.threshold:
            return None
        tally.is_done = True
        return Certified(layer, Certificate(block_id=block, signatures=tuple(tally.messages)))
