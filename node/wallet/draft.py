"""Transactions on their way between people: built here, signed there, sent elsewhere.

A draft is a transaction without, or with some of, its signatures, together with what a
signer who has no node must know: the network, and the keys of the account that pays.

    {"version": 1, "network": "mainnet", "hrp": "sm", "genesis_id": hex,
     "principal": address, "template": "multisig", "required": 2, "public_keys": [hex, ...],
     "method": "spend", "arguments": {...}, "nonce": "1", "gas_price": "1",
     "max_gas": "41698", "max_fee": "41698", "raw": hex, "signatures": {"0": hex, ...}}

What is sent are the bytes in ``raw``.  All else is there to be read, so a file in which it
does not say what the bytes do is refused: nobody signs one thing and reads another.

Integers of 64 bits are texts; amounts are in smidge.

Source: product digest 2.6; vm digest section 2.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias, assert_never

from node.base.bech32 import encode_address
from node.base.errors import DecodeError, PreconditionError, UsageError
from node.crypto.ed25519 import verify_signature
from node.types.address import Address
from node.types.ids import EdSignature, GenesisID, PublicKey
from node.vm import sdk
from node.vm.errors import TransactionError
from node.vm.gas import Gas
from node.vm.genesis import principal_address
from node.vm.parsing import ParsedTransaction, parse
from node.vm.registry import make_instance
from node.vm.templates import multisig, vault, vesting, wallet
from node.vm.templates.base import Call, Instance, Spawn
from node.vm.wire import (
    DrainVaultArguments,
    Method,
    MultisigSpawnArguments,
    SignaturePart,
    SpawnArguments,
    SpendArguments,
    VaultSpawnArguments,
    WalletSpawnArguments,
)
from node.wallet.signer import Signer

VERSION: Final = 1

MAX_FILE_BYTES: Final = 64 << 10
"""More is no draft."""

TEMPLATE_NAMES: Final[Mapping[bytes, str]] = {
    wallet.ADDRESS: "wallet",
    multisig.ADDRESS: "multisig",
    vesting.ADDRESS: "vesting",
    vault.ADDRESS: "vault",
}

METHOD_NAMES: Final[Mapping[int, str]] = {
    Method.SPAWN: "spawn",
    Method.SPEND: "spend",
    Method.DRAIN_VAULT: "drain",
}

FILE_CODE: Final = "smesh.transaction.file"
SIGNATURE_CODE: Final = "smesh.usage.signature"
SIGNATURES_CODE: Final = "smesh.usage.signatures"
SIGNER_CODE: Final = "smesh.usage.signer"

OwnerArguments: TypeAlias = WalletSpawnArguments | MultisigSpawnArguments
"""What accounts with keys are spawned with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The account that sends a transaction, as its keys make it."""

    template: Address
    arguments: OwnerArguments

    @property
    def address(self) -> Address:
        """Its address, which follows from the rest."""
        return principal_address(self.template, self.arguments)

    @property
    def instance(self) -> Instance:
        """The account as the VM sees it."""
        return make_instance(self.template, self.arguments)

    @property
    def required(self) -> int:
        """Signatures that a transaction needs."""
        if isinstance(self.arguments, WalletSpawnArguments):
            return 1
        return self.arguments.required

    @property
    def public_keys(self) -> tuple[PublicKey, ...]:
        """Keys that may sign, in their order."""
        if isinstance(self.arguments, WalletSpawnArguments):
            return (self.arguments.public_key,)
        return self.arguments.public_keys


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """What a signature depends on, and how addresses look."""

    name: str
    """For people; nothing depends on it."""

    prefix: str
    genesis_id: GenesisID

    def address_text(self, address: bytes) -> str:
        """Return an address as text."""
        return encode_address(self.prefix, address)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A transaction that may lack signatures."""

    network: Network
    owner: Owner
    body: bytes
    """The transaction without signatures."""

    parts: tuple[SignaturePart, ...] = ()
    """Signatures by the place of their key, ascending; each verifies."""

    @property
    def is_complete(self) -> bool:
        """Whether there are signatures enough."""
        return len(self.parts) >= self.owner.required

    @property
    def gas(self) -> Gas:
        """What it costs, as long as the owner is what it will be."""
        return self.parsed.gas

    @property
    def parsed(self) -> ParsedTransaction:
        """What the VM makes of it once it is signed."""
        owner = self.owner.instance
        return parse(self.body + bytes(owner.signature_size), lambda _: owner)


def wallet_owner(public_key: bytes) -> Owner:
    """Return the account of a single key."""
    return Owner(
        template=wallet.ADDRESS, arguments=WalletSpawnArguments(public_key=PublicKey(public_key))
    )


def shared_owner(template: Address, required: int, public_keys: Iterable[bytes]) -> Owner:
    """Return a multisig or vesting account.

    Raises:
        TransactionError: it cannot require so many signatures.
        ValueError: a key does not have 32 bytes.
    """
    arguments = sdk.multisig_arguments(required, public_keys)
    return Owner(template=template, arguments=arguments)


def make_draft(network: Network, owner: Owner, body: bytes) -> Draft:
    """Return an unsigned draft of a body.

    Raises:
        UsageError: somebody else would pay (code ``smesh.usage.signer``), or the
            arguments do not end where it does (``smesh.usage.signature``).
        TransactionError: the body cannot be applied.
    """
    draft = Draft(network=network, owner=owner, body=body)
    parsed = draft.parsed
    if parsed.header.principal != owner.address:
        raise UsageError(
            f"these keys make {network.address_text(owner.address)}, "
            f"but {network.address_text(parsed.header.principal)} pays",
            code=SIGNER_CODE,
            hint="check the keys, their order and the number of required signatures",
        )
    if parsed.signatures_at != len(body):
        raise UsageError(
            f"{len(body)} bytes, want {parsed.signatures_at} without signatures",
            code=SIGNATURE_CODE,
            hint="take the whole transaction, without its signatures",
        )
    return draft


def sign_draft(draft: Draft, signers: Iterable[Signer]) -> Draft:
    """Return a draft with the signatures of those signers whose keys the account has.

    No more is signed than is needed.  A key that the account lists several times signs for
    each of its places.

    Raises:
        UsageError: none of them has a key of the account (code ``smesh.usage.signer``), or
            what a device signed is not this transaction (``smesh.usage.signature``).
    """
    keys = draft.owner.public_keys
    able = {signer.public_key: signer for signer in signers if signer.public_key in keys}
    if not able:
        raise UsageError(
            f"the wallet has none of the {len(keys)} keys of "
            f"{draft.network.address_text(draft.owner.address)}",
            code=SIGNER_CODE,
            hint="sign with a wallet that has one of the account's keys",
        )
    signed = {part.index: part for part in draft.parts}
    for index, public_key in enumerate(keys):
        if public_key not in able or index in signed or len(signed) >= draft.owner.required:
            continue
        signature = able[public_key].sign_transaction(draft.network.genesis_id, draft.body)
        signed[index] = SignaturePart(index=index, signature=signature)
        check_part(draft, signed[index])
    return _with_parts(draft, signed.values())


def merge_drafts(drafts: Iterable[Draft]) -> Draft:
    """Return one draft with the signatures of all.

    Raises:
        UsageError: they are not drafts of one transaction, or there is none; code
            ``smesh.usage.signature``.
    """
    first, *others = drafts
    for other in others:
        if replace(other, parts=()) != replace(first, parts=()):
            raise UsageError(
                "the files are of different transactions",
                code=SIGNATURE_CODE,
                hint="every signer must sign the same file",
            )
    parts = {part.index: part for draft in (first, *others) for part in draft.parts}
    return _with_parts(first, parts.values())


def finish_draft(draft: Draft) -> bytes:
    """Return the transaction as it is sent.

    Raises:
        PreconditionError: signatures are missing; code ``smesh.usage.signatures``.
    """
    if not draft.is_complete:
        raise PreconditionError(
            f"{len(draft.parts)} of {draft.owner.required} signatures",
            code=SIGNATURES_CODE,
            hint="collect the files of more signers with smcli tx combine",
        )
    arguments = draft.owner.arguments
    if isinstance(arguments, WalletSpawnArguments):
        return draft.body + draft.parts[0].signature
    return sdk.combine(draft.body, draft.network.genesis_id, arguments, draft.parts)


def draft_to_json(draft: Draft) -> dict[str, Any]:
    """Return the object of a draft's file."""
    parsed = draft.parsed
    network = draft.network
    return {
        "version": VERSION,
        "network": network.name,
        "hrp": network.prefix,
        "genesis_id": network.genesis_id.hex(),
        "principal": network.address_text(parsed.header.principal),
        "template": TEMPLATE_NAMES[draft.owner.template],
        "required": draft.owner.required,
        "public_keys": [key.hex() for key in draft.owner.public_keys],
        "method": METHOD_NAMES[parsed.header.method],
        "arguments": call_to_json(parsed.call, network),
        "nonce": str(parsed.header.nonce),
        "gas_price": str(parsed.header.gas_price),
        "max_gas": str(parsed.gas.total),
        "max_fee": str(parsed.header.fee),
        "raw": draft.body.hex(),
        "signatures": {str(part.index): part.signature.hex() for part in draft.parts},
    }


def encode_draft(draft: Draft) -> bytes:
    """Return the content of a draft's file."""
    return json.dumps(draft_to_json(draft), indent=2).encode() + b"\n"


def decode_draft(data: bytes) -> Draft:
    """Return the draft in a file, with every signature verified.

    Raises:
        DecodeError: it is no draft, or what it says is not what its bytes do; code
            ``smesh.transaction.file``.
        UsageError: a signature does not verify; code ``smesh.usage.signature``.
    """
    if len(data) > MAX_FILE_BYTES:
        raise _problem(f"{len(data)} bytes, want at most {MAX_FILE_BYTES}")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _problem(f"not JSON: {error}") from None
    if not isinstance(document, dict):
        raise _problem("not a JSON object")
    if document.get("version") != VERSION:
        raise _problem(f"version {document.get('version')!r}, want {VERSION}")
    try:
        draft = _read_draft(document)
        parts = _read_parts(document["signatures"])
        truth = draft_to_json(draft)
    except (KeyError, TypeError, AttributeError) as error:
        raise _problem(f"a field is missing or malformed: {error}") from None
    except (ValueError, UsageError, TransactionError) as error:
        raise _problem(str(error)) from None
    for name in [*truth, *document]:
        if name != "signatures" and truth.get(name) != document.get(name):
            raise _problem(
                f"{name} is {document.get(name)!r}, but the transaction says {truth.get(name)!r}"
            )
    for part in parts:
        check_part(draft, part)
    return _with_parts(draft, parts)


def check_part(draft: Draft, part: SignaturePart) -> None:
    """Refuse a signature that its key did not make over this transaction.

    Raises:
        UsageError: code ``smesh.usage.signature``.
    """
    keys = draft.owner.public_keys
    message = draft.network.genesis_id + draft.body
    known = part.index < len(keys)
    if not known or not verify_signature(keys[part.index], message, part.signature):
        raise UsageError(
            f"signature of key {part.index} does not verify",
            code=SIGNATURE_CODE,
            hint="it belongs to another transaction or network, or was damaged",
        )


def call_to_json(call: Call, network: Network) -> dict[str, Any]:
    """Return what a transaction asks for, as people read it."""
    match call:
        case Spawn(address=address, target=target):
            return {
                "account": network.address_text(address),
                "template": TEMPLATE_NAMES[target.template],
                **_spawn_to_json(target.arguments, network),
            }
        case SpendArguments():
            return _spend_to_json(call, network)
        case DrainVaultArguments(vault=source, spend=spend):
            return {"vault": network.address_text(source), **_spend_to_json(spend, network)}
        case _:
            assert_never(call)


def _spend_to_json(call: SpendArguments, network: Network) -> dict[str, Any]:
    return {"destination": network.address_text(call.destination), "amount": str(call.amount)}


def _spawn_to_json(arguments: SpawnArguments, network: Network) -> dict[str, Any]:
    match arguments:
        case WalletSpawnArguments(public_key=key):
            return {"public_key": key.hex()}
        case MultisigSpawnArguments(required=required, public_keys=keys):
            return {"required": required, "public_keys": [key.hex() for key in keys]}
        case VaultSpawnArguments():
            return {
                "owner": network.address_text(arguments.owner),
                "total_amount": str(arguments.total_amount),
                "initial_unlock_amount": str(arguments.initial_unlock_amount),
                "vesting_start": arguments.vesting_start,
                "vesting_end": arguments.vesting_end,
            }
        case _:
            assert_never(arguments)


def _read_draft(document: Mapping[str, Any]) -> Draft:
    keys = [bytes.fromhex(key) for key in document["public_keys"]]
    match document["template"]:
        case "wallet":
            owner = wallet_owner(keys[0] if keys else b"")
        case "multisig":
            owner = shared_owner(multisig.ADDRESS, document["required"], keys)
        case "vesting":
            owner = shared_owner(vesting.ADDRESS, document["required"], keys)
        case other:
            raise ValueError(f"template is {other!r}, want wallet, multisig or vesting")
    network = Network(
        name=str(document["network"]),
        prefix=document["hrp"],
        genesis_id=GenesisID(bytes.fromhex(document["genesis_id"])),
    )
    return make_draft(network, owner, bytes.fromhex(document["raw"]))


def _read_parts(signatures: Mapping[str, str]) -> list[SignaturePart]:
    parts = {
        int(index): EdSignature(bytes.fromhex(signature)) for index, signature in signatures.items()
    }
    return [SignaturePart(index=index, signature=signature) for index, signature in parts.items()]


def _with_parts(draft: Draft, parts: Iterable[SignaturePart]) -> Draft:
    return replace(draft, parts=tuple(sorted(parts, key=lambda part: part.index)))


def _problem(text: str) -> DecodeError:
    return DecodeError(
        f"transaction file: {text}",
        code=FILE_CODE,
        hint="take the file as smcli tx build, sign or combine wrote it",
    )
