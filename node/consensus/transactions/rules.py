"""What a transaction must be to enter the pool.

Everything that is refused here is ignored, never rejected: the sender's state may differ.

Source: go-spacemesh, txs/handler.go; vm digest section 10.1.
"""

from node.base.errors import IgnoreError
from node.types.amounts import MAX_U64
from node.types.ids import GenesisID, TransactionID
from node.types.transaction import LayerLimits, RawTransaction, Transaction, TransactionHeader
from node.vm.errors import TransactionError
from node.vm.parsing import ParsedTransaction, is_signed, parse_transaction
from node.vm.state import AccountReader

NO_LIMITS = LayerLimits(min=0, max=0)


def parse(raw: RawTransaction, accounts: AccountReader) -> ParsedTransaction:
    """Return a transaction as the VM reads it against the state.

    Raises:
        IgnoreError: it cannot be parsed.
    """
    try:
        return parse_transaction(raw.raw, accounts)
    except TransactionError as error:
        raise IgnoreError(
            f"failed to parse tx: {raw.id} (err: {error})", code=error.code
        ) from error


def check_header(tx_id: TransactionID, header: TransactionHeader) -> None:
    """Check what a header may ask for.

    Raises:
        IgnoreError: it has layer limits, or pays nothing.
    """
    if header.layer_limits != NO_LIMITS:
        raise IgnoreError(f"failed to parse tx: layer limits {tx_id}")
    if header.gas_price == 0:
        raise IgnoreError(f"failed to parse tx: zero gas price {tx_id}")
    if header.fee & MAX_U64 == 0:
        raise IgnoreError(f"failed to parse tx: zero fee {tx_id}")


def check_transaction(
    raw: RawTransaction, accounts: AccountReader, genesis_id: GenesisID
) -> Transaction:
    """Parse and verify a transaction.

    Raises:
        IgnoreError: it cannot be parsed, pays nothing, or is not signed for this network.
    """
    parsed = parse(raw, accounts)
    check_header(raw.id, parsed.header)
    if not is_signed(parsed, genesis_id):
        raise IgnoreError(f"failed to verify tx: {raw.id}", code="smesh.transaction.signature")
    return Transaction(raw=raw, header=parsed.header)
