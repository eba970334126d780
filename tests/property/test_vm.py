"""Invariants of the VM under random transactions, damaged ones among them."""

from hypothesis import given
from hypothesis import strategies as st

from node.base import scale
from node.base.errors import DecodeError
from node.types.address import Address
from node.types.layer import LayerID
from node.types.transaction import LayerLimits, Transaction, TransactionHeader
from node.vm import sdk
from node.vm.apply import Applied, apply
from node.vm.decode_problems import compact_problem, decode_problem
from node.vm.records import constructor
from node.vm.rewards import compute_subsidy
from node.vm.signatures import Verdicts, collect_checks, verify_checks
from node.vm.state import MemoryAccounts
from node.vm.wire import (
    DrainVaultArguments,
    MultisigSpawnArguments,
    Payload,
    SignaturePart,
    SpendArguments,
    VaultSpawnArguments,
    WalletSpawnArguments,
)
from tests.support.vm_network import (
    BALANCES,
    DESTINATION,
    GENESIS_ID,
    LAYER,
    MULTISIG_ACCOUNT,
    MULTISIG_SPAWN,
    PARAMETERS,
    VAULT_ACCOUNT,
    VAULT_SPAWN,
    VESTING_ACCOUNT,
    VESTING_SPAWN,
    WALLET_ACCOUNT,
    WALLET_SPAWN,
    genesis_state,
    joint,
    share,
    single,
    unverified,
)

SPAWNS = (
    single(WALLET_SPAWN),
    joint(MULTISIG_SPAWN),
    joint(VESTING_SPAWN),
    joint(VAULT_SPAWN),
)
ACCOUNTS = (WALLET_ACCOUNT, MULTISIG_ACCOUNT, VESTING_ACCOUNT, VAULT_ACCOUNT, DESTINATION)
FORMS = (
    Payload,
    WalletSpawnArguments,
    MultisigSpawnArguments,
    VaultSpawnArguments,
    SpendArguments,
    DrainVaultArguments,
    SignaturePart,
)

nonces = st.integers(0, 4)
prices = st.integers(0, 3)
amounts = st.one_of(st.integers(0, 10**6), st.integers(0, (1 << 64) - 1))
addresses = st.sampled_from(ACCOUNTS)


@st.composite
def transactions(draw: st.DrawFn) -> Transaction:
    """Draw a spawn, a spend or a drain; now and then, damage it."""
    nonce, price, amount = draw(nonces), draw(prices), draw(amounts)
    match draw(st.integers(0, 3)):
        case 0:
            transaction = draw(st.sampled_from(SPAWNS))
        case 1:
            transaction = single(
                sdk.spend(WALLET_ACCOUNT, draw(addresses), amount, nonce=nonce, gas_price=price)
            )
        case 2:
            principal = draw(st.sampled_from((MULTISIG_ACCOUNT, VESTING_ACCOUNT)))
            transaction = joint(
                sdk.spend(principal, draw(addresses), amount, nonce=nonce, gas_price=price)
            )
        case _:
            transaction = joint(
                sdk.drain_vault(
                    VESTING_ACCOUNT,
                    draw(addresses),
                    draw(addresses),
                    amount,
                    nonce=nonce,
                    gas_price=price,
                )
            )
    if draw(st.integers(0, 4)) == 0:
        raw = bytearray(transaction.raw.raw)
        raw[draw(st.integers(0, len(raw) - 1))] ^= 1 << draw(st.integers(0, 7))
        return unverified(bytes(raw)[: draw(st.integers(0, len(raw)))])
    return transaction


blocks = st.lists(transactions(), max_size=8)


def balances(state: MemoryAccounts) -> dict[Address, int]:
    return {account.address: account.balance for account in state.all_accounts()}


def after(applied: Applied) -> MemoryAccounts:
    state = genesis_state()
    state.put_accounts(applied.accounts)
    return state


@given(blocks, st.sampled_from((LAYER, LayerID(200_000), LayerID(420_480))))
def test_coins_are_neither_made_nor_lost_but_for_fees_and_subsidy(
    block: list[Transaction], layer: LayerID
) -> None:
    applied = apply(layer, block, (share(1, DESTINATION, 1, 1),), genesis_state(), PARAMETERS)

    before = sum(balance for _, balance in BALANCES)
    issued = compute_subsidy(layer - PARAMETERS.first_effective_genesis)
    assert sum(balances(after(applied)).values()) == before + issued


@given(blocks)
def test_every_transaction_is_charged_or_skipped(block: list[Transaction]) -> None:
    applied = apply(LAYER, block, (), genesis_state(), PARAMETERS)

    executed = [done.transaction.raw.id for done in applied.results]
    assert sorted([*executed, *applied.skipped_ids]) == sorted(item.raw.id for item in block)


@given(blocks)
def test_skipped_transactions_might_as_well_not_have_been_there(
    block: list[Transaction],
) -> None:
    applied = apply(LAYER, block, (), genesis_state(), PARAMETERS)
    executed = [done.transaction for done in applied.results]

    # Those that were executed have headers now, so nothing is verified a second time.
    again = apply(LAYER, executed, (), genesis_state(), PARAMETERS)

    assert again.ineffective == ()
    assert (again.results, again.accounts) == (applied.results, applied.accounts)


@given(blocks)
def test_a_failed_transaction_costs_its_fee_and_nothing_else(block: list[Transaction]) -> None:
    state = genesis_state()
    for transaction in block:
        before = balances(state)
        applied = apply(LAYER, (transaction,), (), state, PARAMETERS)
        state.put_accounts(applied.accounts)
        for done in applied.results:
            header, result = done.transaction.header, done.result
            if result.message and header is not None:
                before[header.principal] -= result.fee
                assert balances(state) == before
                assert result.addresses == (header.principal,)


@given(blocks)
def test_verifying_beforehand_changes_nothing(block: list[Transaction]) -> None:
    state = genesis_state()
    checks = collect_checks(block, state, GENESIS_ID)
    verdicts = Verdicts(checks, verify_checks(checks))

    prepared = apply(LAYER, block, (), state, PARAMETERS, verify=verdicts)

    assert prepared == apply(LAYER, block, (), state, PARAMETERS)


@given(st.lists(st.integers(0, (1 << 64) - 1), min_size=5, max_size=5), addresses)
def test_a_record_built_quickly_is_the_one_that_its_class_builds(
    numbers: list[int], address: Address
) -> None:
    method, nonce, max_gas, gas_price, max_spend = numbers
    quick, clear = (
        make(
            principal=address,
            template=address,
            method=method,
            nonce=nonce,
            layer_limits=LayerLimits(min=0, max=0),
            max_gas=max_gas,
            gas_price=gas_price,
            max_spend=max_spend,
        )
        for make in (constructor(TransactionHeader), TransactionHeader)
    )
    assert type(quick) is type(clear)
    assert (quick, hash(quick), repr(quick)) == (clear, hash(clear), repr(clear))


@given(st.sampled_from(FORMS), st.binary(max_size=80))
def test_a_problem_is_told_exactly_when_decoding_fails(form: type, data: bytes) -> None:
    try:
        scale.decode_prefix(form, data)
    except DecodeError:
        assert decode_problem(form, data, 0)
    else:
        assert decode_problem(form, data, 0) == ""


@given(st.sampled_from((8, 32, 64)), st.binary(max_size=12))
def test_a_problem_is_told_exactly_when_an_integer_cannot_be_read(bits: int, data: bytes) -> None:
    try:
        scale.read_compact(data, 0, bits)
    except (DecodeError, IndexError):
        assert compact_problem(data, 0, bits)
    else:
        assert compact_problem(data, 0, bits) == ""
