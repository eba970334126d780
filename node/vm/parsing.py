"""Raw bytes to a transaction whose price and meaning are known, and whether it is signed.

What the bytes mean depends on the state in one way only: on what the principal was spawned
as, if it was.  A transaction that cannot be parsed now may become parsable later, so
failures are not to be remembered.

The texts of the errors are those of the reference, whose API passes them on.

Source: go-spacemesh, genvm/vm (Request); vm digest sections 2 and 4.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import starmap
from typing import Any, Final, TypeAlias, TypeVar

from node.base import scale
from node.base.errors import DecodeError
from node.crypto.ed25519 import verify_signature
from node.types.address import Address
from node.types.transaction import LayerLimits, TransactionHeader
from node.vm.decode_problems import compact_problem, decode_problem, fixed_problem
from node.vm.errors import MalformedTransactionError, NotSpawnedError, TransactionError
from node.vm.gas import Gas, price
from node.vm.genesis import principal_address
from node.vm.records import constructor
from node.vm.registry import TEMPLATES, get_template, load_instance
from node.vm.state import AccountReader
from node.vm.templates.base import Call, Instance, SignatureCheck, Spawn, Template, Verify
from node.vm.wire import MAX_TRANSACTION_SIZE, SPAWN_METHOD, VERSION, Payload

T = TypeVar("T")

InstanceFinder: TypeAlias = Callable[[Address], Instance | None]
"""Returns what an account was spawned as, if it was."""

SELECTOR_BITS: Final = 8
"""Width of version and method."""
NO_LIMITS: Final = LayerLimits(min=0, max=0)
"""No transaction has limits yet."""
NO_PAYLOAD: Final = Payload(nonce=0, gas_price=0)

ARGUMENTS_PROBLEM: Final = "malformed tx failed to decode method arguments"
LONG_FORM: Final = 3
"""Bits that are set in the first byte of an integer of more than one byte."""

SELECTOR_END: Final = 1 + Address.SIZE + 1
"""Offset behind the method, where version and method take a byte each."""

_make_header: Final = constructor(TransactionHeader)
_NOT_UTF8: Final = re.compile("[\udc80-\udcff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedTransaction:
    """A transaction that can be judged and executed."""

    raw: bytes
    header: TransactionHeader
    gas: Gas
    call: Call

    owner: Instance
    """The principal, as what it was spawned or spawns itself: whose keys must sign."""

    signatures_at: int
    """Offset behind the arguments."""


_make_parsed: Final = constructor(ParsedTransaction)


def parse(raw: bytes, find_instance: InstanceFinder) -> ParsedTransaction:
    """Parse a transaction against the state.

    Raises:
        MalformedTransactionError: the bytes cannot be read.
        NotSpawnedError: they are of an account that cannot send such a transaction yet.
        TransactionError: they are too many, or the arguments are impossible.
    """
    size = len(raw)
    if size > MAX_TRANSACTION_SIZE:
        raise TransactionError(
            f"overflows tx limit: tx size ({size}) > limit ({MAX_TRANSACTION_SIZE})"
        )
    principal, method, at = read_selector(raw)
    owner = find_instance(principal)
    call: Call
    if method == SPAWN_METHOD:
        template, at = read_template(raw, at)
        sender = template if owner is None else get_template(owner.template)
        payload, at = read_payload(raw, at) if sender.has_payload else (NO_PAYLOAD, at)
        call, at = read_spawn(template, raw, at)
        owner, fixed_gas = _judge_spawn(call, principal, owner)
    elif owner is None:
        raise NotSpawnedError("account is not spawned")
    else:
        template = get_template(owner.template)
        payload, at = read_payload(raw, at) if template.has_payload else (NO_PAYLOAD, at)
        call, at = read_call(template, method, raw, at)
        fixed_gas = owner.load_gas() + owner.execution_gas(method)
    gas = price(owner.base_gas(method), size, fixed_gas)
    header = _make_header(
        principal=principal,
        template=template.address,
        method=method,
        nonce=payload.nonce,
        layer_limits=NO_LIMITS,
        max_gas=gas.total,
        gas_price=payload.gas_price,
        max_spend=owner.max_spend(call),
    )
    return _make_parsed(raw=raw, header=header, gas=gas, call=call, owner=owner, signatures_at=at)


def parse_transaction(raw: bytes, accounts: AccountReader) -> ParsedTransaction:
    """Parse a transaction against the newest state, as ``parse`` does."""

    def find_instance(address: Address) -> Instance | None:
        account = accounts.find_account(address)
        if account is None or account.template is None:
            return None
        return load_instance(account.template, account.state)

    return parse(raw, find_instance)


def signature_checks(
    parsed: ParsedTransaction, genesis_id: bytes
) -> tuple[SignatureCheck, ...] | None:
    """Return what must verify on a network for the principal to have sent this.

    None: the signatures are cut off, in disorder, or of an account that cannot sign.
    """
    return parsed.owner.signature_checks(genesis_id, parsed.raw, parsed.signatures_at)


def is_signed(
    parsed: ParsedTransaction, genesis_id: bytes, verify: Verify = verify_signature
) -> bool:
    """Tell whether the principal sent the transaction, and on this network."""
    checks = signature_checks(parsed, genesis_id)
    return checks is not None and all(starmap(verify, checks))


def read_selector(raw: bytes) -> tuple[Address, int, int]:
    """Read the version, the principal and the method; return the two and the offset behind.

    Raises:
        MalformedTransactionError: they cannot be read, or the version is not 0.
    """
    if len(raw) >= SELECTOR_END and raw[0] == VERSION and raw[SELECTOR_END - 1] & LONG_FORM == 0:
        # What every well-formed transaction is like; the slice has an address's size.
        principal = bytes.__new__(Address, raw[1 : SELECTOR_END - 1])
        return principal, raw[SELECTOR_END - 1] >> 2, SELECTOR_END
    version, at = _read_u8(raw, 0, "version")
    if version != VERSION:
        raise MalformedTransactionError(f"malformed tx: unsupported version {version}")
    principal, at = _read_address(raw, at, "principal:")
    method, at = _read_u8(raw, at, "method selector")
    return principal, method, at


def read_template(raw: bytes, at: int) -> tuple[Template[Any], int]:
    """Read the template of a spawn; return it and the offset behind.

    Raises:
        MalformedTransactionError: it cannot be read, or there is none at that address.
    """
    address, at = _read_address(raw, at, "template address")
    template = TEMPLATES.get(address)
    if template is None:
        raise MalformedTransactionError(f"malformed tx: unknown template {_raw_text(address)}")
    return template, at


def read_payload(raw: bytes, at: int) -> tuple[Payload, int]:
    """Read nonce and gas price; return them and the offset behind.

    Raises:
        MalformedTransactionError: they cannot be read.
    """
    return _read(Payload, raw, at, "malformed tx:")


def read_spawn(template: Template[Any], raw: bytes, at: int) -> tuple[Spawn, int]:
    """Read the arguments of a spawn; return what it makes and the offset behind.

    Raises:
        MalformedTransactionError: they cannot be read.
    """
    arguments, at = _read(template.arguments, raw, at, ARGUMENTS_PROBLEM)
    address = principal_address(template.address, arguments)
    return Spawn(address, template.instantiate(arguments)), at


def read_call(template: Template[Any], method: int, raw: bytes, at: int) -> tuple[Call, int]:
    """Read the arguments of any other method; return them and the offset behind.

    Raises:
        MalformedTransactionError: they cannot be read, or the template has no such method.
    """
    form = template.calls.get(method)
    if form is None:
        name = _raw_text(template.address)
        raise MalformedTransactionError(f"malformed tx: unknown method {name} {method}")
    return _read(form, raw, at, ARGUMENTS_PROBLEM)


def _judge_spawn(call: Spawn, principal: Address, owner: Instance | None) -> tuple[Instance, int]:
    """Return who pays for a spawn, and the gas of what it reads and writes."""
    load_gas = 0
    if call.address == principal:
        owner = call.target
    elif owner is None:
        raise NotSpawnedError(
            "account is not spawned: account can't spawn until it is spawned itself"
        )
    else:
        load_gas = owner.load_gas()
    call.target.check()
    return owner, load_gas + call.target.execution_gas(SPAWN_METHOD)


def _read(form: type[T], raw: bytes, at: int, problem: str) -> tuple[T, int]:
    try:
        return scale.decode_prefix(form, raw, at)
    except DecodeError:
        text = f"{problem} {decode_problem(form, raw, at)}"
        raise MalformedTransactionError(text) from None


def _read_u8(raw: bytes, at: int, what: str) -> tuple[int, int]:
    problem = compact_problem(raw, at, SELECTOR_BITS)
    if problem:
        raise MalformedTransactionError(f"malformed tx: failed to decode {what} {problem}")
    return scale.read_compact(raw, at, SELECTOR_BITS)


def _read_address(raw: bytes, at: int, what: str) -> tuple[Address, int]:
    end = at + Address.SIZE
    if end > len(raw):
        problem = fixed_problem(raw, at)
        raise MalformedTransactionError(f"malformed tx failed to decode {what} {problem}")
    return Address(raw[at:end]), end


def _raw_text(address: Address) -> str:
    """Return an address as the reference prints it here: its bytes, taken for text."""
    return _NOT_UTF8.sub("\ufffd", address.decode("utf-8", "surrogateescape"))
