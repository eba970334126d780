"""What a raw transaction asks for, read without the state.

A spawn is read by the template it names, a drain as that of a vesting account, anything
else as a transaction of a single-signature wallet: a multisig's spend has the same
arguments and differs by the bytes behind them.

Source: go-spacemesh, api/grpcserver/v2alpha1/transaction.go; api digest section 5.
"""

from typing import Final, TypeAlias

from node.base.bech32 import encode_address
from node.pb.spacemesh.v2alpha1 import tx_pb2
from node.vm.errors import TransactionError
from node.vm.parsing import (
    read_call,
    read_payload,
    read_selector,
    read_spawn,
    read_template,
)
from node.vm.templates import multisig, vault, vesting, wallet
from node.vm.templates.base import Call, Spawn, call_arguments
from node.vm.wire import (
    DrainVaultArguments,
    Method,
    MultisigSpawnArguments,
    SpendArguments,
    VaultSpawnArguments,
    WalletSpawnArguments,
)

Kind: TypeAlias = "tx_pb2.Transaction.TransactionType"

SIGNATURE_SIZE: Final = 64
"""More bytes than this behind a spend are the signatures of a multisig."""

SPAWN_KINDS: Final = {
    wallet.TEMPLATE.address: tx_pb2.Transaction.TRANSACTION_TYPE_SINGLE_SIG_SPAWN,
    multisig.TEMPLATE.address: tx_pb2.Transaction.TRANSACTION_TYPE_MULTI_SIG_SPAWN,
    vesting.TEMPLATE.address: tx_pb2.Transaction.TRANSACTION_TYPE_VESTING_SPAWN,
    vault.TEMPLATE.address: tx_pb2.Transaction.TRANSACTION_TYPE_VAULT_SPAWN,
}


def transaction_contents(raw: bytes, prefix: str) -> tuple[Kind, tx_pb2.TransactionContents] | None:
    """Return kind and contents of a raw transaction, None if it cannot be read."""
    try:
        _, method, at = read_selector(raw)
        if method == Method.SPAWN:
            template, at = read_template(raw, at)
            _, at = read_payload(raw, at)
            call: Call = read_spawn(template, raw, at)[0]
        else:
            template = vesting.TEMPLATE if method == Method.DRAIN_VAULT else wallet.TEMPLATE
            _, at = read_payload(raw, at)
            call, at = read_call(template, method, raw, at)
    except TransactionError:
        return None
    return _kind(call, len(raw) - at), _contents(call, prefix)


def _kind(call: Call, bytes_behind: int) -> Kind:
    match call:
        case Spawn():
            return SPAWN_KINDS[call.target.template]
        case DrainVaultArguments():
            return tx_pb2.Transaction.TRANSACTION_TYPE_DRAIN_VAULT
        case SpendArguments():
            if bytes_behind > SIGNATURE_SIZE:
                return tx_pb2.Transaction.TRANSACTION_TYPE_MULTI_SIG_SEND
            return tx_pb2.Transaction.TRANSACTION_TYPE_SINGLE_SIG_SEND


def _contents(call: Call, prefix: str) -> tx_pb2.TransactionContents:
    match call_arguments(call):
        case WalletSpawnArguments(public_key=key):
            spawn = tx_pb2.ContentsSingleSigSpawn(pubkey=key.hex())
            return tx_pb2.TransactionContents(single_sig_spawn=spawn)
        case MultisigSpawnArguments(required=required, public_keys=keys):
            several = tx_pb2.ContentsMultiSigSpawn(
                required=required, pubkey=[key.hex() for key in keys]
            )
            if isinstance(call, Spawn) and call.target.template == vesting.TEMPLATE.address:
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
