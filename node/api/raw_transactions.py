"""Transactions as clients send them: judged, parsed, published.

Both versions of the API answer alike here; only what they say to an empty one differs.

Source: go-spacemesh, api/grpcserver/transaction_service.go and v2alpha1/transaction.go; api
digest section 5.
"""

from typing import Final

from node.api.backend import ApiBackend
from node.api.errors import internal, invalid, not_found, precondition
from node.base.errors import IgnoreError, RejectError, SpacemeshError
from node.consensus.mesh.executor import StoredAccounts
from node.types.ids import TransactionID
from node.types.transaction import RawTransaction
from node.vm.errors import MalformedTransactionError, NotSpawnedError, TransactionError
from node.vm.parsing import ParsedTransaction, is_signed, parse_transaction

NOT_SYNCED: Final = "Cannot submit transaction, node is not in sync yet, try again later"


async def submit_transaction(backend: ApiBackend, raw: bytes) -> TransactionID:
    """Publish a transaction as if it had come by gossip.

    Raises:
        ApiError: the node is not synced, the transaction is not valid now, or it could not
            be sent.
    """
    if not backend.sync.is_synced:
        raise precondition(NOT_SYNCED)
    try:
        await backend.submit(raw)
    except (IgnoreError, RejectError) as error:
        raise invalid(f"Failed to verify transaction: {error}") from error
    except SpacemeshError as error:
        raise internal(f"Failed to publish transaction: {error}") from error
    return RawTransaction.of(raw).id


def parse_raw_transaction(backend: ApiBackend, raw: bytes, *, verify: bool) -> ParsedTransaction:
    """Return what a transaction says, given the newest state.

    Raises:
        ApiError: it is too long, malformed, not signed, or of an account without template.
    """
    try:
        parsed = parse_transaction(raw, StoredAccounts(backend.db))
    except NotSpawnedError as error:
        raise not_found(str(error)) from error
    except MalformedTransactionError as error:
        raise invalid(str(error)) from error
    except TransactionError as error:
        raise internal(str(error)) from error
    if verify and not is_signed(parsed, backend.genesis_id):
        raise invalid("signature is invalid")
    return parsed
