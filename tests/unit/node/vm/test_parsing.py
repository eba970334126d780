"""Raw bytes to transactions, and the texts of every refusal."""

import pytest

from node.base import scale
from node.types.address import Address
from node.types.transaction import LayerLimits, TransactionHeader
from node.vm import sdk
from node.vm.errors import MalformedTransactionError, NotSpawnedError, TransactionError
from node.vm.gas import Gas
from node.vm.parsing import is_signed, parse_transaction, signature_checks
from node.vm.state import MemoryAccounts
from node.vm.templates import multisig, vault, vesting, wallet
from node.vm.templates.base import Spawn, call_arguments
from node.vm.wire import MultisigSpawnArguments, SpendArguments, VaultSpawnArguments
from tests.support.vm_network import (
    DESTINATION,
    GENESIS_ID,
    MULTISIG_ACCOUNT,
    MULTISIG_SPAWN,
    PUBLIC_KEYS,
    SEVERAL,
    TERMS,
    VAULT_ACCOUNT,
    VAULT_SPAWN,
    VESTING_ACCOUNT,
    WALLET,
    WALLET_ACCOUNT,
    WALLET_SPAWN,
    genesis_state,
    joint,
    single,
    spawned_state,
)

SPEND = sdk.spend(WALLET_ACCOUNT, DESTINATION, 10**9, nonce=1, gas_price=2)
DRAIN = sdk.drain_vault(VESTING_ACCOUNT, VAULT_ACCOUNT, DESTINATION, 5000, nonce=2, gas_price=2)
HEAD = b"\0" + WALLET_ACCOUNT


def test_a_header_has_what_the_mempool_needs() -> None:
    parsed = parse_transaction(single(SPEND).raw.raw, spawned_state())
    assert parsed.header == TransactionHeader(
        principal=WALLET_ACCOUNT,
        template=wallet.ADDRESS,
        method=16,
        nonce=1,
        layer_limits=LayerLimits(min=0, max=0),
        max_gas=36_090,
        gas_price=2,
        max_spend=10**9,
    )
    assert parsed.gas == Gas(base=23_000, data=1_920, fixed=11_170)
    assert parsed.call == SpendArguments(destination=DESTINATION, amount=10**9)


@pytest.mark.parametrize(
    ("raw", "template", "gas", "spending"),
    [
        (single(WALLET_SPAWN).raw.raw, wallet.ADDRESS, 100_432, 0),
        (joint(MULTISIG_SPAWN).raw.raw, multisig.ADDRESS, 145_480, 0),
        (joint(VAULT_SPAWN).raw.raw, vault.ADDRESS, 65_306, 0),
        (joint(DRAIN).raw.raw, vesting.ADDRESS, 44_681, 0),
    ],
)
def test_prices_are_those_of_the_digest(
    raw: bytes, template: Address, gas: int, spending: int
) -> None:
    header = parse_transaction(raw, spawned_state()).header
    assert (header.template, header.max_gas, header.max_spend) == (template, gas, spending)


def test_an_account_can_spawn_itself_before_it_is_in_the_state() -> None:
    parsed = parse_transaction(single(WALLET_SPAWN).raw.raw, MemoryAccounts())
    assert isinstance(parsed.call, Spawn)
    assert parsed.call.address == WALLET_ACCOUNT
    assert call_arguments(parsed.call) == WALLET
    assert is_signed(parsed, GENESIS_ID)


def test_a_vault_can_be_parsed_as_principal_but_never_signs() -> None:
    state = spawned_state()
    spend = b"\0" + VAULT_ACCOUNT + b"\x40" + DESTINATION + b"\x04"
    parsed = parse_transaction(spend, state)
    header = parsed.header
    assert (header.nonce, header.gas_price, header.max_spend) == (0, 0, 0)
    assert header.max_gas == 128 * 7
    assert signature_checks(parsed, GENESIS_ID) is None
    assert not is_signed(parsed, GENESIS_ID)

    own = b"\0" + VAULT_ACCOUNT + b"\0" + vault.ADDRESS + scale.encode(TERMS)
    assert parse_transaction(own, genesis_state()).header.max_gas == 128 * 12
    other = b"\0" + VAULT_ACCOUNT + b"\0" + wallet.ADDRESS + scale.encode(WALLET)
    assert parse_transaction(other, state).header.max_gas == 128 * 11 + 45_000


def test_superfluous_integer_bytes_in_arguments_do_not_change_the_address() -> None:
    terms = VaultSpawnArguments(
        owner=VESTING_ACCOUNT,
        total_amount=1 << 32,
        initial_unlock_amount=0,
        vesting_start=0,
        vesting_end=0,
    )
    long_form = b"\x0f" + (1 << 32).to_bytes(7, "little")
    encoded = scale.encode(terms).replace(scale.compact(1 << 32, 64), long_form)
    address = sdk.vault_address(terms)
    parsed = parse_transaction(b"\0" + address + b"\0" + vault.ADDRESS + encoded, MemoryAccounts())
    assert parsed.call == Spawn(address, vault.Vault(terms))


UNKNOWN = Address(bytes(22) + b"\xc3\x09")


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"", "malformed tx: failed to decode version EOF"),
        (b"\x01", "malformed tx: failed to decode version EOF"),
        (b"\x02", "malformed tx: failed to decode version value will overflow uint8"),
        (b"\x01\x00", "malformed tx: failed to decode version value 0 is out of range"),
        (b"\x01\x04", "malformed tx: failed to decode version value 256 is out of range"),
        (b"\x04", "malformed tx: unsupported version 1"),
        (b"\x01\x01", "malformed tx: unsupported version 64"),
        (b"\0", "malformed tx failed to decode principal: EOF"),
        (HEAD[:-1], "malformed tx failed to decode principal: unexpected EOF"),
        (HEAD, "malformed tx: failed to decode method selector EOF"),
        (HEAD + b"\0", "malformed tx failed to decode template address EOF"),
        (HEAD + b"\0" + UNKNOWN, "malformed tx: unknown template " + "\0" * 22 + "\ufffd\t"),
        (HEAD + b"\x40", "malformed tx: read compact header: EOF"),
        (HEAD + b"\x40\x01", "malformed tx: EOF"),
        (HEAD + b"\x40\x02\0", "malformed tx: unexpected EOF"),
        (HEAD + b"\x48\0\x04", "malformed tx: unknown method " + "\0" * 23 + "\x01 18"),
        (HEAD + b"\x01\x01\0\x04", "malformed tx: unknown method " + "\0" * 23 + "\x01 64"),
        (HEAD + b"\x44\0\x04", "malformed tx: unknown method " + "\0" * 23 + "\x01 17"),
        (SPEND[:30], "malformed tx failed to decode method arguments unexpected EOF"),
        (SPEND[:28], "malformed tx failed to decode method arguments EOF"),
        (SPEND[:-4], "malformed tx failed to decode method arguments read compact header: EOF"),
    ],
)
def test_malformed_bytes_are_refused_in_the_words_of_the_reference(raw: bytes, text: str) -> None:
    with pytest.raises(MalformedTransactionError) as refusal:
        parse_transaction(raw, spawned_state())
    assert str(refusal.value) == text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (SPEND, "account is not spawned"),
        (
            sdk.spawn(WALLET_ACCOUNT, multisig.ADDRESS, SEVERAL, nonce=0, gas_price=1),
            "account is not spawned: account can't spawn until it is spawned itself",
        ),
    ],
)
def test_an_account_that_is_not_spawned_can_do_nothing_else(body: bytes, text: str) -> None:
    with pytest.raises(NotSpawnedError) as refusal:
        parse_transaction(body, genesis_state())
    assert str(refusal.value) == text


def test_a_transaction_may_have_1024_bytes() -> None:
    state = spawned_state()
    assert parse_transaction(SPEND.ljust(1024), state).header.max_spend == 10**9
    with pytest.raises(TransactionError) as refusal:
        parse_transaction(SPEND.ljust(1025), state)
    assert str(refusal.value) == "overflows tx limit: tx size (1025) > limit (1024)"
    assert refusal.type is TransactionError


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            MultisigSpawnArguments(required=0, public_keys=PUBLIC_KEYS),
            "number of required signatures must be larger than zero",
        ),
        (
            MultisigSpawnArguments(required=4, public_keys=PUBLIC_KEYS),
            "multisig requires atleast 4 keys",
        ),
    ],
)
def test_impossible_arguments_are_refused_even_for_ones_own_spawn(
    arguments: MultisigSpawnArguments, text: str
) -> None:
    own = sdk.self_spawn(multisig.ADDRESS, arguments, nonce=0, gas_price=1)
    other = sdk.spawn(MULTISIG_ACCOUNT, multisig.ADDRESS, arguments, nonce=1, gas_price=1)
    for body in (own, other):
        with pytest.raises(TransactionError) as refusal:
            parse_transaction(body, spawned_state())
        assert str(refusal.value) == text


def test_a_signature_covers_the_network_and_everything_before_it() -> None:
    state = spawned_state()
    parsed = parse_transaction(single(SPEND).raw.raw, state)
    assert is_signed(parsed, GENESIS_ID)
    assert not is_signed(parsed, bytes(20))
    assert signature_checks(parsed, GENESIS_ID) == (
        (WALLET.public_key, GENESIS_ID + SPEND, parsed.raw[-64:]),
    )


def test_the_caller_may_answer_for_signatures() -> None:
    parsed = parse_transaction(SPEND + bytes(64), spawned_state())
    assert not is_signed(parsed, GENESIS_ID)
    assert is_signed(parsed, GENESIS_ID, lambda *_: True)


def test_superfluous_bytes_make_the_message_overlap_the_signature() -> None:
    raw = single(SPEND).raw.raw
    (check,) = signature_checks(parse_transaction(raw + b"\xff", spawned_state()), GENESIS_ID) or ()
    assert check.message == GENESIS_ID + raw[:-63]
    assert check.signature == raw[-64:]
