"""Layers applied: the worked example of the vm digest, and every way a transaction ends."""

from dataclasses import replace

import pytest

from node.base.bech32 import encode_address
from node.base.errors import PreconditionError
from node.base.hashing import EMPTY_HASH
from node.types.address import Address
from node.types.amounts import MAX_U64
from node.types.ids import NO_BLOCK
from node.types.layer import LayerID
from node.types.transaction import Transaction, TransactionStatus
from node.vm import sdk
from node.vm.apply import Applied, apply
from node.vm.genesis import genesis_accounts
from node.vm.state import MemoryAccounts
from node.vm.templates import vault, wallet
from node.vm.wire import VaultSpawnArguments, WalletSpawnArguments
from tests.support.vm_network import (
    DESTINATION,
    GENESIS_ID,
    KEY,
    KEYS,
    LAYER,
    MULTISIG_ACCOUNT,
    MULTISIG_SPAWN,
    PARAMETERS,
    PUBLIC_KEYS,
    TERMS,
    VAULT_ACCOUNT,
    VAULT_SPAWN,
    VESTING_ACCOUNT,
    VESTING_SPAWN,
    WALLET_ACCOUNT,
    WALLET_SPAWN,
    genesis_state,
    joint,
    run,
    share,
    single,
    spawned_state,
    unverified,
)

SPEND_GAS = 36_090
"""Of a wallet's spend of 113 to 120 bytes."""
SPAWN_GAS = 100_432


def spend(amount: int, *, nonce: int = 1, gas_price: int = 2, to: bytes = DESTINATION) -> bytes:
    return sdk.spend(WALLET_ACCOUNT, Address(to), amount, nonce=nonce, gas_price=gas_price)


def drain(amount: int, *, nonce: int = 2, account: bytes = VAULT_ACCOUNT) -> bytes:
    return sdk.drain_vault(
        VESTING_ACCOUNT,
        Address(account),
        DESTINATION,
        amount,
        nonce=nonce,
        gas_price=2,
    )


def messages(applied: Applied) -> list[str]:
    return [done.result.message for done in applied.results]


def balance(state: MemoryAccounts, address: bytes) -> int:
    account = state.find_account(Address(address))
    return 0 if account is None else account.balance


def test_the_worked_example_gives_the_recorded_roots_rewards_and_balances() -> None:
    state = genesis_state()
    rewards = (share(1, DESTINATION, 1, 3), share(2, WALLET_ACCOUNT, 1, 2))
    layers: tuple[tuple[int, tuple[Transaction, ...], bool, str], ...] = (
        (20, (), False, EMPTY_HASH.hex()),
        (
            21,
            (single(WALLET_SPAWN), single(spend(10**9))),
            True,
            "e001ec3d1ceaf552666c66375c1fc5d76ffaf993141249be5bb0897d786bca07",
        ),
        (
            22,
            (
                joint(MULTISIG_SPAWN),
                joint(sdk.spend(MULTISIG_ACCOUNT, DESTINATION, 123_456_789, nonce=1, gas_price=2)),
            ),
            False,
            "2cf6256128745afc6d37b77a5d7172da8807489faad17288fc484ee9f0c2b09f",
        ),
        (
            23,
            (joint(VESTING_SPAWN), joint(VAULT_SPAWN), joint(drain(5000))),
            False,
            "2e820e925bd254071d020a2301af120daf8ebcea2dc8d0220e3db97fe95ca827",
        ),
        (105_121, (), True, "3540f92ae54faf8c93a46cbc7608b6393bef7d9c577af5b6045e9da4ce32179c"),
    )
    applied: dict[int, Applied] = {}
    for layer, transactions, rewarded, root in layers:
        done = apply(LayerID(layer), transactions, rewards if rewarded else (), state, PARAMETERS)
        state.put_accounts(done.accounts)
        assert done.state_root.hex() == root
        applied[layer] = done

    assert [(row.total_reward, row.layer_reward) for row in applied[21].rewards] == [
        (191_047_387_146, 191_047_277_928),
        (286_571_080_719, 286_570_916_892),
    ]
    assert messages(applied[23]) == ["", "", "vault: amount not available"]
    accounts = (WALLET_ACCOUNT, MULTISIG_ACCOUNT, VESTING_ACCOUNT, VAULT_ACCOUNT, DESTINATION)
    found = [state.find_account(address) for address in accounts]
    assert [(a.balance, a.next_nonce) for a in found if a is not None] == [
        (575_819_093_555, 2),
        (876_168_855, 2),
        (489_066, 3),
        (10**12, 0),
        (379_003_034_521, 0),
    ]


def test_a_result_tells_gas_fee_header_and_the_touched_accounts_principal_first() -> None:
    (done,) = run(spawned_state(), single(spend(7))).results

    header = done.transaction.header
    assert header is not None
    assert (header.principal, header.max_gas, header.max_spend) == (WALLET_ACCOUNT, SPEND_GAS, 7)
    result = done.result
    assert result.status == TransactionStatus.SUCCESS
    assert (result.gas, result.fee, result.layer) == (SPEND_GAS, 2 * SPEND_GAS, LAYER)
    assert result.addresses == (WALLET_ACCOUNT, DESTINATION)
    assert result.block == NO_BLOCK


def test_changed_accounts_keep_the_order_of_their_first_change() -> None:
    state = spawned_state()
    body = sdk.spend(MULTISIG_ACCOUNT, WALLET_ACCOUNT, 1, nonce=1, gas_price=1)
    rewards = (share(1, bytes_address(9), 1, 1), share(2, DESTINATION, 1, 1))

    applied = apply(LAYER, (joint(body), single(spend(1))), rewards, state, PARAMETERS)

    assert [account.address for account in applied.accounts] == [
        MULTISIG_ACCOUNT,
        WALLET_ACCOUNT,
        DESTINATION,
        bytes_address(9),
    ]
    assert {account.layer for account in applied.accounts} == {LAYER}


def bytes_address(number: int) -> Address:
    return Address(bytes(23) + bytes([number]))


@pytest.mark.parametrize(
    ("transaction", "kept"),
    [
        pytest.param(unverified(b""), False, id="cannot be parsed"),
        pytest.param(single(spend(1, gas_price=0)), False, id="free"),
        pytest.param(unverified(spend(1) + bytes(64)), False, id="not signed"),
        pytest.param(unverified(spend(1)), False, id="without room for a signature"),
        pytest.param(single(spend(1, nonce=0)), True, id="old nonce: the header is kept"),
    ],
)
def test_an_ineffective_transaction_changes_nothing(transaction: Transaction, kept: bool) -> None:
    state = spawned_state()
    applied = run(state, transaction)

    assert applied.results == ()
    assert applied.accounts == ()
    assert applied.state_root == EMPTY_HASH
    assert applied.skipped_ids == (transaction.raw.id,)
    assert (applied.ineffective[0].header is not None) == kept


def test_a_transaction_is_ineffective_when_the_balance_is_below_the_intrinsic_gas() -> None:
    intrinsic = 50_000 + 3_000 + 128 * 19
    for funds, results in ((intrinsic - 1, 0), (intrinsic, 1)):
        state = MemoryAccounts(genesis_accounts([(WALLET_ACCOUNT, funds)]))
        assert len(run(state, single(WALLET_SPAWN)).results) == results


def test_the_block_gas_limit_skips_what_does_not_fit_and_tries_the_rest() -> None:
    state = spawned_state()
    body = sdk.self_spawn(
        wallet.ADDRESS, WalletSpawnArguments(public_key=PUBLIC_KEYS[0]), nonce=0, gas_price=1
    )
    state.put_accounts(genesis_accounts([(sdk.wallet_address(PUBLIC_KEYS[0]), 10**9)]))
    transactions = (single(spend(1)), single(body, KEYS[0]), single(spend(2, nonce=2)))
    parameters = replace(PARAMETERS, block_gas_limit=2 * SPEND_GAS)

    applied = apply(LAYER, transactions, (), state, parameters)

    assert [done.result.gas for done in applied.results] == [SPEND_GAS, SPEND_GAS]
    assert applied.skipped_ids == (transactions[1].raw.id,)


def test_a_header_says_that_the_signature_was_verified() -> None:
    state = spawned_state()
    forged = unverified(spend(1) + bytes(64))
    header = run(spawned_state(), single(spend(1))).results[0].transaction.header

    applied = run(state, Transaction(raw=forged.raw, header=header))

    assert messages(applied) == [""]


def test_an_account_that_cannot_pay_the_gas_loses_all_it_has() -> None:
    state = MemoryAccounts(genesis_accounts([(WALLET_ACCOUNT, 2 * SPAWN_GAS - 1)]))

    (done,) = run(state, single(WALLET_SPAWN)).results

    assert (done.result.message, done.result.fee) == ("out of gas", 2 * SPAWN_GAS - 1)
    assert (done.result.status, done.result.gas) == (TransactionStatus.FAILURE, SPAWN_GAS)
    account = state.find_account(WALLET_ACCOUNT)
    assert account is not None
    assert (account.balance, account.next_nonce, account.template) == (0, 1, None)


def test_a_fee_wraps_around_at_two_to_the_64() -> None:
    state = spawned_state()
    gas = 36_218
    price = MAX_U64 // gas + 1
    (done,) = run(state, single(spend(1, gas_price=price))).results

    assert done.result.gas == gas
    assert done.result.fee == gas * price - MAX_U64 - 1


def test_fees_are_paid_to_the_smeshers_with_the_subsidy() -> None:
    state = spawned_state()
    empty = apply(LAYER, (), (share(1, DESTINATION, 1, 1),), state, PARAMETERS)
    full = apply(LAYER, (single(spend(1)),), (share(1, DESTINATION, 1, 1),), state, PARAMETERS)

    fee = full.results[0].result.fee
    assert full.rewards[0].total_reward == empty.rewards[0].total_reward + fee
    assert full.rewards[0].layer_reward == empty.rewards[0].layer_reward


def test_nonces_may_be_skipped_but_not_used_again() -> None:
    state = spawned_state()
    applied = run(state, single(spend(1, nonce=5)), single(spend(2, nonce=4)))

    assert len(applied.results) == 1
    account = state.find_account(WALLET_ACCOUNT)
    assert account is not None
    assert account.next_nonce == 6


def test_the_last_nonce_is_followed_by_the_first() -> None:
    state = spawned_state()
    run(state, single(spend(1, nonce=MAX_U64)))
    account = state.find_account(WALLET_ACCOUNT)
    assert account is not None
    assert account.next_nonce == 0


def test_a_balance_wraps_around_at_two_to_the_64() -> None:
    state = spawned_state()
    state.put_accounts(genesis_accounts([(DESTINATION, MAX_U64)]))
    run(state, single(spend(3)))
    assert balance(state, DESTINATION) == 2


def test_spending_more_than_is_left_fails_and_costs_the_fee() -> None:
    state = spawned_state()
    before = balance(state, WALLET_ACCOUNT)
    (done,) = run(state, single(spend(before))).results

    assert done.result.message == "no balance"
    assert done.result.addresses == (WALLET_ACCOUNT,)
    assert balance(state, WALLET_ACCOUNT) == before - done.result.fee
    assert balance(state, DESTINATION) == 0


def test_spending_to_oneself_moves_nothing() -> None:
    state = spawned_state()
    before = balance(state, WALLET_ACCOUNT)
    (done,) = run(state, single(spend(5, to=WALLET_ACCOUNT))).results

    assert (done.result.message, done.result.addresses) == ("", (WALLET_ACCOUNT,))
    assert balance(state, WALLET_ACCOUNT) == before - done.result.fee


def test_an_account_is_spawned_once() -> None:
    state = spawned_state()
    again = sdk.self_spawn(
        wallet.ADDRESS, WalletSpawnArguments(public_key=PUBLIC_KEYS[0]), nonce=0, gas_price=1
    )
    other = sdk.spawn(
        WALLET_ACCOUNT,
        wallet.ADDRESS,
        WalletSpawnArguments(public_key=PUBLIC_KEYS[0]),
        nonce=1,
        gas_price=1,
    )
    state.put_accounts(genesis_accounts([(sdk.wallet_address(PUBLIC_KEYS[0]), 10**6)]))

    applied = run(state, single(other), single(again, KEYS[0]))

    assert messages(applied) == ["", "account already spawned"]
    assert applied.results[0].result.addresses == (
        WALLET_ACCOUNT,
        sdk.wallet_address(PUBLIC_KEYS[0]),
    )


def test_a_vault_gives_its_owner_what_is_vested() -> None:
    state = spawned_state()
    half = LayerID((TERMS.vesting_start + TERMS.vesting_end) // 2)
    amount = TERMS.total_amount // 2

    applied = run(state, joint(drain(amount)), joint(drain(1, nonce=3)), layer=half)

    assert messages(applied) == ["", "vault: amount not available"]
    assert applied.results[0].result.addresses == (VESTING_ACCOUNT, DESTINATION, VAULT_ACCOUNT)
    assert balance(state, VAULT_ACCOUNT) == TERMS.total_amount - amount
    assert balance(state, DESTINATION) == amount


def test_a_vault_may_be_drained_into_itself_or_its_owner() -> None:
    state = spawned_state()
    late = LayerID(TERMS.vesting_end)
    bodies = [
        sdk.drain_vault(VESTING_ACCOUNT, VAULT_ACCOUNT, to, 7, nonce=nonce, gas_price=1)
        for nonce, to in ((2, VAULT_ACCOUNT), (3, VESTING_ACCOUNT))
    ]
    applied = run(state, *(joint(body) for body in bodies), layer=late)

    assert messages(applied) == ["", ""]
    assert [done.result.addresses for done in applied.results] == [
        (VESTING_ACCOUNT, VAULT_ACCOUNT)
    ] * 2
    assert balance(state, VAULT_ACCOUNT) == TERMS.total_amount - 7


def test_only_vaults_can_be_drained() -> None:
    state = spawned_state()
    transactions = (
        joint(drain(1, account=DESTINATION)),
        joint(drain(1, account=WALLET_ACCOUNT, nonce=3)),
    )
    mismatch = f"{encode_address('sm', vault.ADDRESS)} != {encode_address('sm', wallet.ADDRESS)}"
    assert messages(run(state, *transactions)) == [
        "account is not spawned",
        f"relay template mismatch: {mismatch}",
    ]


def test_a_vault_of_another_owner_gives_nothing() -> None:
    state = spawned_state()
    terms = VaultSpawnArguments(
        owner=WALLET_ACCOUNT,
        total_amount=1,
        initial_unlock_amount=0,
        vesting_start=0,
        vesting_end=0,
    )
    body = sdk.spawn(WALLET_ACCOUNT, vault.ADDRESS, terms, nonce=1, gas_price=1)
    applied = run(state, single(body), joint(drain(0, account=sdk.vault_address(terms))))
    assert messages(applied) == ["", "vault: not an owner"]


def test_a_layer_before_the_effective_genesis_is_refused() -> None:
    with pytest.raises(PreconditionError, match="layer 18 before effective genesis 19"):
        apply(LayerID(18), (), (), genesis_state(), PARAMETERS)


def test_another_network_does_not_accept_the_signature() -> None:
    foreign = unverified(sdk.sign(spend(1), bytes(20), KEY))
    assert run(spawned_state(), foreign).skipped_ids == (foreign.raw.id,)
    assert bytes(20) != GENESIS_ID
