"""What a raw transaction asks for, read without the state.

Source: go-spacemesh, api/grpcserver/v2alpha1/transaction.go; api digest section 5.
"""

from typing import Final, TypeAlias

from node.base.bech32 import encode_address
from node.pb.spacemesh.v2alpha1 import tx_pb2
from node.vm.errors import TransactionError
from node.vm.sdk import TransactionKind, read_contents
from node.vm.templates.base import Call, call_arguments
from node.vm.wire import (
    DrainVaultArguments,
    MultisigSpawnArguments,
    SpendArguments,
    VaultSpawnArguments,
    WalletSpawnArguments,
)

Kind: TypeAlias = "tx_pb2.Transaction.TransactionType"

KINDS: Final = {
    TransactionKind.SINGLE_SIG_SEND: tx_pb2.Transaction.TRANSACTION_TYPE_SINGLE_SIG_SEND,
    TransactionKind.SINGLE_SIG_SPAWN: tx_pb2.Transaction.TRANSACTION_TYPE_SINGLE_SIG_SPAWN,
    TransactionKind.MULTI_SIG_SEND: tx_pb2.Transaction.TRANSACTION_TYPE_MULTI_SIG_SEND,
    TransactionKind.MULTI_SIG_SPAWN: tx_pb2.Transaction.TRANSACTION_TYPE_MULTI_SIG_SPAWN,
    TransactionKind.VESTING_SPAWN: tx_pb2.Transaction.TRANSACTION_TYPE_VESTING_SPAWN,
    TransactionKind.VAULT_SPAWN: tx_pb2.Transaction.TRANSACTION_TYPE_VAULT_SPAWN,
    TransactionKind.DRAIN_VAULT: tx_pb2.Transaction.TRANSACTION_TYPE_DRAIN_VAULT,
}
"""The API's name of a kind; it has others for spawns of oneself, which it never uses."""


def transaction_contents(raw: bytes, prefix: str) -> tuple[Kind, tx_pb2.TransactionContents] | None:
    """Return kind and contents of a raw transaction, None if it cannot be read."""
    try:
        known = read_contents(raw)
    except TransactionError:
        return None
    contents = _contents(known.call, prefix, is_vesting=known.kind is TransactionKind.VESTING_SPAWN)
    return KINDS[known.kind], contents


def _contents(call: Call, prefix: str, *, is_vesting: bool) -> tx_pb2.TransactionContents:
    match call_arguments(call):
        case WalletSpawnArguments(public_key=key):
            spawn = tx_pb2.ContentsSingleSigSpawn(pubkey=key.hex())
            return tx_pb2.TransactionContents(single_sig_spawn=spawn)
        case MultisigSpawnArguments(required=required, public_keys=keys):
            several = tx_pb2.ContentsMultiSigSpawn(
                required=required, pubkey=[key.hex() for key in keys]
            )
            if is_vesting:
                return tx_pb2.TransactionContents(vesting_spawn=several)
            return tx_pb2.TransactionContents(multi_sig_spawn=several)
        case VaultSpawnArguments() as terms:
            return tx_pb2.TransactionContents(
                vault_spawn=tx_pb2.ContentsVaultSpawn(
                    owner=encode_address(prefix, terms.owner),
                    total_amount=terms.total_amount,
                    initial_unlock_amount=terms.initial_unlock_amount,
                    vesting_start=terms.vesting_start,
                    vesting_end=terms.vesting_end,
                )
            )
        case SpendArguments(destination=destination, amount=amount):
            send = tx_pb2.ContentsSend(
                destination=encode_address(prefix, destination), amount=amount
            )
            return tx_pb2.TransactionContents(send=send)
        case DrainVaultArguments(vault=source, spend=spend):
            return tx_pb2.TransactionContents(
                drain_vault=tx_pb2.ContentsDrainVault(
                    vault=encode_address(prefix, source),
                    destination=encode_address(prefix, spend.destination),
                    amount=spend.amount,
                )
            )
