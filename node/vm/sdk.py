"""Building transactions offline: addresses, bodies, gas, signatures, in parts if need be.

    body = spend(principal, destination, amount, nonce=3, gas_price=1)
    estimate_gas(body, owner)                       what it will cost
    raw = sign(body, genesis_id, private_key)       a wallet's transaction is done

    part = sign_part(body, genesis_id, private_key, owner)     by each of the signers
    raw = combine(body, genesis_id, owner, parts)              by any of them

A body names neither its network nor, but for spawns, its template: ``owner`` is the
principal as ``make_instance`` gives it, None for an account that spawns itself.

Source: go-spacemesh, genvm/sdk; vm digest sections 2 and 3, api digest (contents of
transactions).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final, assert_never

from node.base import scale
from node.base.errors import UsageError
from node.crypto.ed25519 import public_key_of, sign_bytes, verify_signature
from node.types.address import Address
from node.types.ids import EdSignature, PublicKey
from node.vm.gas import Gas
from node.vm.genesis import principal_address
from node.vm.parsing import (
    parse,
    read_call,
    read_payload,
    read_selector,
    read_spawn,
    read_template,
)
from node.vm.registry import TEMPLATES
from node.vm.templates import multisig, vault, vesting, wallet
from node.vm.templates.base import Call, Instance, Spawn
from node.vm.templates.multisig import Multisig
from node.vm.wire import (
    VERSION,
    Arguments,
    DrainVaultArguments,
    Method,
    MultisigSpawnArguments,
    Payload,
    SignaturePart,
    SpawnArguments,
    SpendArguments,
    VaultSpawnArguments,
    WalletSpawnArguments,
)

SELECTOR_BITS: Final = 8


@unique
class TransactionKind(StrEnum):
    """What a transaction does, by the names of the API."""

    SINGLE_SIG_SEND = "single_sig_send"
    SINGLE_SIG_SPAWN = "single_sig_spawn"
    MULTI_SIG_SEND = "multi_sig_send"
    MULTI_SIG_SPAWN = "multi_sig_spawn"
    VESTING_SPAWN = "vesting_spawn"
    VAULT_SPAWN = "vault_spawn"
    DRAIN_VAULT = "drain_vault"


SPAWN_KINDS: Final = {
    wallet.ADDRESS: TransactionKind.SINGLE_SIG_SPAWN,
    multisig.ADDRESS: TransactionKind.MULTI_SIG_SPAWN,
    vesting.ADDRESS: TransactionKind.VESTING_SPAWN,
    vault.ADDRESS: TransactionKind.VAULT_SPAWN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What can be said of a transaction without knowing the state."""

    kind: TransactionKind
    principal: Address
    method: int
    payload: Payload
    call: Call

    signature_bytes: int
    """Bytes behind the arguments."""


def wallet_address(public_key: bytes) -> Address:
    """Return the address of a key's wallet."""
    arguments = WalletSpawnArguments(public_key=PublicKey(public_key))
    return principal_address(wallet.ADDRESS, arguments)


def multisig_address(required: int, public_keys: Iterable[bytes]) -> Address:
    """Return the address of a multisig; the order of the keys matters."""
    return principal_address(multisig.ADDRESS, multisig_arguments(required, public_keys))


def vesting_address(required: int, public_keys: Iterable[bytes]) -> Address:
    """Return the address of a vesting account; the order of the keys matters."""
    return principal_address(vesting.ADDRESS, multisig_arguments(required, public_keys))


def vault_address(terms: VaultSpawnArguments) -> Address:
    """Return the address of a vault with these terms.

    Raises:
        TransactionError: no vault can be spawned with them.
    """
    vault.Vault(terms).check()
    return principal_address(vault.ADDRESS, terms)


def multisig_arguments(required: int, public_keys: Iterable[bytes]) -> MultisigSpawnArguments:
    """Return the arguments of a multisig or vesting account that can be spawned.

    Raises:
        TransactionError: no signature is required, or more than there are keys.
        ValueError: a key does not have 32 bytes.
    """
    keys = tuple(PublicKey(key) for key in public_keys)
    arguments = MultisigSpawnArguments(required=required, public_keys=keys)
    Multisig(arguments).check()
    return arguments


def self_spawn(
    template: Address, arguments: SpawnArguments, *, nonce: int, gas_price: int
) -> bytes:
    """Return the body of the transaction by which an account spawns itself."""
    principal = principal_address(template, arguments)
    return spawn(principal, template, arguments, nonce=nonce, gas_price=gas_price)


def spawn(
    principal: Address, template: Address, arguments: SpawnArguments, *, nonce: int, gas_price: int
) -> bytes:
    """Return the body of a transaction that spawns an account at its principal's expense."""
    payload = Payload(nonce=nonce, gas_price=gas_price)
    return _body(principal, Method.SPAWN, payload, arguments, template)


def spend(
    principal: Address, destination: Address, amount: int, *, nonce: int, gas_price: int
) -> bytes:
    """Return the body of a transaction that sends ``amount`` smidge."""
    payload = Payload(nonce=nonce, gas_price=gas_price)
    arguments = SpendArguments(destination=destination, amount=amount)
    return _body(principal, Method.SPEND, payload, arguments)


def drain_vault(
    principal: Address,
    vault_account: Address,
    destination: Address,
    amount: int,
    *,
    nonce: int,
    gas_price: int,
) -> bytes:
    """Return the body of a transaction by which a vesting account draws on its vault."""
    payload = Payload(nonce=nonce, gas_price=gas_price)
    call = SpendArguments(destination=destination, amount=amount)
    arguments = DrainVaultArguments(vault=vault_account, spend=call)
    return _body(principal, Method.DRAIN_VAULT, payload, arguments)


def estimate_gas(body: bytes, owner: Instance | None) -> Gas:
    """Return what a body will cost once it is signed.

    Raises:
        TransactionError: nobody could apply it.
    """
    signer = parse(body, lambda _: owner).owner
    return parse(body + bytes(signer.signature_size), lambda _: owner).gas


def sign(body: bytes, genesis_id: bytes, private_key: bytes) -> bytes:
    """Return a wallet's transaction, signed for one network by a 64-byte private key."""
    return body + sign_bytes(private_key, genesis_id + body)


def sign_part(
    body: bytes, genesis_id: bytes, private_key: bytes, arguments: MultisigSpawnArguments
) -> SignaturePart:
    """Return the part of one signer of a multisig or vesting account.

    A key that the account lists several times signs for its first place.

    Raises:
        UsageError: the key is none of the account's.
    """
    public_key = public_key_of(private_key)
    if public_key not in arguments.public_keys:
        raise UsageError(
            f"key {public_key.hex()} is none of the {len(arguments.public_keys)} of the account",
            code="smesh.usage.signer",
            hint="sign with a key that the account was made of",
        )
    return SignaturePart(
        index=arguments.public_keys.index(public_key),
        signature=sign_bytes(private_key, genesis_id + body),
    )


def combine(
    body: bytes,
    genesis_id: bytes,
    arguments: MultisigSpawnArguments,
    parts: Iterable[SignaturePart],
) -> bytes:
    """Return a multisig's transaction, complete with the parts that it needs.

    Superfluous parts are left out, those of the last keys first.

    Raises:
        UsageError: a part does not verify on this network, or there are too few.
    """
    by_index = {part.index: part for part in parts}
    for part in by_index.values():
        _check_part(body, genesis_id, arguments, part)
    if len(by_index) < arguments.required:
        raise UsageError(
            f"{len(by_index)} of {arguments.required} signatures",
            code="smesh.usage.signatures",
            hint="collect the parts of more signers, then combine again",
        )
    chosen = sorted(by_index)[: arguments.required]
    return body + b"".join(scale.encode(by_index[index]) for index in chosen)


def read_contents(raw: bytes) -> Contents:
    """Read what a transaction says, without the state.

    The template of the principal is guessed from the method, and a send counts as that of a
    multisig when it has more than one signature.

    Raises:
        MalformedTransactionError: it cannot be read.
    """
    principal, method, at = read_selector(raw)
    template = TEMPLATES[vesting.ADDRESS if method == Method.DRAIN_VAULT else wallet.ADDRESS]
    if method == Method.SPAWN:
        template, at = read_template(raw, at)
    payload, at = read_payload(raw, at)
    call: Call
    if method == Method.SPAWN:
        call, at = read_spawn(template, raw, at)
    else:
        call, at = read_call(template, method, raw, at)
    return Contents(
        kind=_kind(call, len(raw) - at),
        principal=principal,
        method=method,
        payload=payload,
        call=call,
        signature_bytes=len(raw) - at,
    )


def _kind(call: Call, signature_bytes: int) -> TransactionKind:
    match call:
        case Spawn():
            return SPAWN_KINDS[call.target.template]
        case DrainVaultArguments():
            return TransactionKind.DRAIN_VAULT
        case SpendArguments():
            several = signature_bytes > EdSignature.SIZE
            return TransactionKind.MULTI_SIG_SEND if several else TransactionKind.SINGLE_SIG_SEND
        case _:
            assert_never(call)


def _body(
    principal: Address,
    method: Method,
    payload: Payload,
    arguments: Arguments,
    template: bytes = b"",
) -> bytes:
    version, selector = (scale.compact(number, SELECTOR_BITS) for number in (VERSION, method))
    fields = scale.encode(payload) + scale.encode(arguments)
    return version + principal + selector + template + fields


def _check_part(
    body: bytes, genesis_id: bytes, arguments: MultisigSpawnArguments, part: SignaturePart
) -> None:
    keys = arguments.public_keys
    if part.index >= len(keys):
        raise UsageError(
            f"signature of key {part.index}, the account has {len(keys)}",
            code="smesh.usage.signature",
            hint="the part belongs to another account",
        )
    if not verify_signature(keys[part.index], genesis_id + body, part.signature):
        raise UsageError(
            f"signature of key {part.index} does not verify",
            code="smesh.usage.signature",
            hint="the part belongs to another transaction or network, or was damaged",
        )
