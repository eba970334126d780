"""One account's pending transactions, and the choice of what a proposal offers.

An AccountQueue keeps the best transaction for each nonce that the projected balance can
pay.  Inputs: ``add``, ``mark``.  Invariant: balances after each candidate never go below 0.

Source: go-spacemesh, txs/cache.go and txs/mempool_iterator.go; vm digest section 10,
proposals digest section 4.1.
"""

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from node.base.errors import IgnoreError
from node.types.address import Address
from node.types.amounts import MAX_U64
from node.types.ids import TransactionID
from node.types.layer import LayerID
from node.types.transaction import TransactionHeader

MAX_NONCES: Final = 100
"""Nonces of an account that are kept in memory; further ones wait in the store."""
WORD_BYTES: Final = 8


@dataclass(slots=True)
class Candidate:
    """A pending transaction in its place."""

    id: TransactionID
    header: TransactionHeader
    received_ns: int
    balance_after: int = 0
    """Projected balance behind it, smidge."""

    layer: LayerID | None = None
    """A layer that is not applied yet, in whose proposals or blocks it was seen."""

    @property
    def fee(self) -> int:
        """Most that its gas may cost."""
        return self.header.fee & MAX_U64

    @property
    def spending(self) -> int:
        """Most that it may take from the account."""
        return self.fee + self.header.max_spend

    def is_better_than(self, other: "Candidate") -> bool:
        """Tell which of two with one nonce is kept: the dearer, then the earlier."""
        if self.fee != other.fee:
            return self.fee > other.fee
        return self.received_ns < other.received_ns


@dataclass
class AccountQueue:
    """Pending transactions of one account, by nonce."""

    next_nonce: int
    balance: int
    """Of the state, smidge."""

    has_more: bool = False
    """Some that do not fit here wait in the store."""

    candidates: list[Candidate] = field(default_factory=list)

    @property
    def projected(self) -> tuple[int, int]:
        """Next nonce and balance as if everything pending had been applied."""
        if not self.candidates:
            return self.next_nonce, self.balance
        last = self.candidates[-1]
        return last.header.nonce + 1, last.balance_after

    def add(self, added: Candidate) -> None:
        """Take a transaction into its place, if it is the best for its nonce.

        Raises:
            IgnoreError: its nonce is used up, or the balance before it does not suffice.
        """
        nonce = added.header.nonce
        if nonce < self.next_nonce:
            raise IgnoreError("bad nonce", code="smesh.transaction.nonce")
        place = next(
            (k for k, c in enumerate(self.candidates) if c.header.nonce >= nonce),
            len(self.candidates),
        )
        if len(self.candidates) >= MAX_NONCES and place == len(self.candidates):
            self.has_more = True
            return
        available = self.candidates[place - 1].balance_after if place else self.balance
        if available < added.spending:
            raise IgnoreError("insufficient balance", code="smesh.transaction.balance")
        rest = self.candidates[place:]
        if rest and rest[0].header.nonce == nonce:
            if not added.is_better_than(rest[0]):
                return
            rest = rest[1:]
        self._rebuild(place, [added, *rest], available)

    def mark(self, tx_id: TransactionID, layer: LayerID) -> bool:
        """Note the lowest layer a candidate was seen in; False if it is not one."""
        for candidate in self.candidates:
            if candidate.id == tx_id:
                seen = candidate.layer
                candidate.layer = layer if seen is None else min(seen, layer)
                return True
        return False

    def offered(self) -> list[Candidate]:
        """Return what a proposal may offer: from the first that was in none yet."""
        start = next(
            (k for k, c in enumerate(self.candidates) if c.layer is None), len(self.candidates)
        )
        return self.candidates[start:]

    def _rebuild(self, place: int, tail: Iterable[Candidate], available: int) -> None:
        """Put ``tail`` behind ``place``, as far as the balance and the limit reach."""
        kept = self.candidates[:place]
        for candidate in tail:
            if candidate.spending > available or len(kept) == MAX_NONCES:
                self.has_more = True
                break
            available -= candidate.spending
            candidate.balance_after = available
            kept.append(candidate)
        self.candidates = kept


def predict(queues: Mapping[Address, Sequence[Candidate]], gas_limit: int) -> list[Candidate]:
    """Return what a block of the best-paying transactions would hold, best first.

    An account whose next transaction does not fit the gas that is left drops out whole.
    """
    heap = [_place(address, queue, 0) for address, queue in queues.items() if queue]
    heapq.heapify(heap)
    chosen: list[Candidate] = []
    while heap and gas_limit >= 1:
        *_, address, index = heap[0]
        candidate = queues[address][index]
        if candidate.header.max_gas > gas_limit:
            heapq.heappop(heap)
            continue
        gas_limit -= candidate.header.max_gas
        chosen.append(candidate)
        if index + 1 < len(queues[address]):
            heapq.heapreplace(heap, _place(address, queues[address], index + 1))
        else:
            heapq.heappop(heap)
    return chosen


def _place(
    address: Address, queue: Sequence[Candidate], index: int
) -> tuple[int, int, TransactionID, Address, int]:
    candidate = queue[index]
    return (-candidate.fee, candidate.received_ns, candidate.id, address, index)


def select(
    predicted: Sequence[Candidate], wanted: int, entropy: Callable[[int], bytes]
) -> tuple[TransactionID, ...]:
    """Return at most ``wanted`` of the predicted transactions.

    Where there are more, a random sample: each chosen place takes its account's next nonce,
    so that accounts keep their order.
    """
    if len(predicted) <= wanted:
        return tuple(candidate.id for candidate in predicted)
    by_account: dict[Address, list[Candidate]] = {}
    for candidate in predicted:
        by_account.setdefault(candidate.header.principal, []).append(candidate)
    queues = {
        principal: iter(sorted(queue, key=lambda c: c.header.nonce))
        for principal, queue in by_account.items()
    }
    places = list(range(len(predicted)))
    for last in range(len(places) - 1, 0, -1):
        drawn = int.from_bytes(entropy(WORD_BYTES), "little") % (last + 1)
        places[last], places[drawn] = places[drawn], places[last]
    return tuple(next(queues[predicted[place].header.principal]).id for place in places[:wanted])
