"""Transactions, what the VM reads of them, and what became of them.

On the wire a transaction is its raw bytes alone; headers and results are only stored.

Source: go-spacemesh, common/types/transaction; codec digest section 4.3.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Final

from node.base.hashing import hash32
from node.base.scale import U8, U32, U64, Limit
from node.types.address import Address
from node.types.ids import BlockID, TransactionID
from node.types.layer import LayerID

MAX_TRANSACTION_BYTES: Final = 4096
"""Most bytes of a raw transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawTransaction:
    """Raw bytes with their identifier."""

    id: TransactionID
    raw: Annotated[bytes, Limit(MAX_TRANSACTION_BYTES)]

    @classmethod
    def of(cls, raw: bytes) -> "RawTransaction":
        """Return ``raw`` with its identifier, the BLAKE3 digest of the bytes as received."""
        return cls(id=TransactionID(hash32(raw)), raw=raw)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerLimits:
    """Layers between which a transaction may be applied; zeros mean no limit."""

    min: U32
    max: U32


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionHeader:
    """What validation of a transaction yields."""

    principal: Address
    """Account that pays."""

    template: Address
    """Template of the principal."""

    method: U8
    nonce: U64
    layer_limits: LayerLimits
    max_gas: U64
    gas_price: U64

    max_spend: U64
    """Most that the principal may lose beside the fee, in smidge."""

    @property
    def fee(self) -> int:
        """Most that gas may cost, in smidge."""
        return self.max_gas * self.gas_price

    @property
    def spending(self) -> int:
        """Most that the principal may lose in all, in smidge."""
        return self.fee + self.max_spend


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """A transaction with its header, which is absent until it could be validated."""

    raw: RawTransaction
    header: TransactionHeader | None


class TransactionStatus(IntEnum):
    """What became of a transaction that was applied."""

    SUCCESS = 0
    FAILURE = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionResult:
    """What applying a transaction did."""

    status: U8

    message: Annotated[str, Limit(1024)]
    """Why it failed; empty on success."""

    gas: U64
    """Gas consumed."""

    fee: U64
    """Smidge paid."""

    block: BlockID
    layer: LayerID

    addresses: Annotated[tuple[Address, ...], Limit(10)]
    """Accounts that were touched: the principal, then the others in the order of change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionWithResult:
    """A transaction and its result."""

    transaction: Transaction
    result: TransactionResult
