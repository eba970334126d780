"""Why a transaction cannot be parsed, and why one that was charged failed.

A transaction that cannot be parsed is not passed on, but whoever sent it is not to blame:
the state it was parsed against may differ from his.  The texts are those of the reference,
whose API and mempool pass them on.

Source: go-spacemesh, genvm/core/errors; vm digest sections 4 and 5.
"""

from node.base.errors import IgnoreError, SpacemeshError


class TransactionError(IgnoreError):
    """The transaction is too long, or its arguments cannot be meant."""

    default_code = "smesh.transaction"


class MalformedTransactionError(TransactionError):
    """The bytes do not follow the wire format, or name what does not exist."""

    default_code = "smesh.transaction.malformed"


class NotSpawnedError(TransactionError):
    """The principal has no template yet, so nothing but its own spawn can be parsed."""

    default_code = "smesh.transaction.not_spawned"


class ExecutionError(SpacemeshError):
    """The transaction is charged and its nonce is used up, but it has no other effect.

    The message is stored in the transaction's result.
    """

    default_code = "smesh.transaction.failed"
