"""What block generation asks of others, by hand."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from node.base.errors import NotFoundError, SpacemeshError
from node.net.fetch.client import Fetcher, FetchError, Validator
from node.net.fetch.wire import Hint
from node.net.ports import PeerID
from node.types.ids import BlockID, ProposalID
from node.types.layer import LayerID
from node.types.proposal import Proposal


@dataclass
class RecordedFetcher(Fetcher):
    """Has everything, and remembers what was asked for."""

    asked: list[tuple[Hint, tuple[bytes, ...]]] = field(default_factory=list)
    holders: list[tuple[PeerID, tuple[bytes, ...]]] = field(default_factory=list)

    failures: list[FetchError] = field(default_factory=list)
    """How the next questions end."""

    def register_holder(self, peer: PeerID, hashes: Iterable[bytes]) -> None:
        self.holders.append((peer, tuple(hashes)))

    async def fetch(
        self,
        hint: Hint,
        hashes: Iterable[bytes],
        *,
        validator: Validator | None = None,
        limited: bool = False,
        from_holders: bool = False,
    ) -> None:
        self.asked.append((hint, tuple(hashes)))
        if self.failures:
            raise self.failures.pop(0)


@dataclass
class Proposals:
    """Some proposals of any layer."""

    known: dict[ProposalID, Proposal] = field(default_factory=dict)

    def add(self, proposal: Proposal) -> ProposalID:
        self.known[proposal.id] = proposal
        return proposal.id

    def get_many(self, layer: LayerID, ids: Sequence[ProposalID]) -> tuple[Proposal, ...]:
        return tuple(self.known[identifier] for identifier in ids if identifier in self.known)


@dataclass
class Vouching:
    """A certifier that remembers, or refuses."""

    refusal: SpacemeshError | None = None
    vouched: list[tuple[LayerID, BlockID]] = field(default_factory=list)

    async def certify(self, layer: LayerID, block: BlockID) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.vouched.append((layer, block))


@dataclass
class Patrol:
    """Remembers which layers hare is done with."""

    completed: list[LayerID] = field(default_factory=list)

    def complete(self, layer: LayerID) -> None:
        self.completed.append(layer)


NO_SEAT = NotFoundError("seat in layer", 8)
