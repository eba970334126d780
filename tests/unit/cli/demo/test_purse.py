"""What the demo's wallet does, and when."""

from dataclasses import replace

import pytest

from cli.demo.purse import AMOUNT, Move
from node.client.records import KnownTransaction, OutcomeStatus, TransactionState
from node.types.ids import PublicKey
from node.vm.parsing import is_signed, parse
from node.vm.sdk import TransactionKind, read_contents
from node.vm.templates.wallet import Wallet
from node.vm.wire import SpendArguments, WalletSpawnArguments
from tests.support.demo import NETWORK, demo_purse, demo_wallet, make_api

SPAWN, SEND = demo_purse().ids


def owner() -> Wallet:
    key = demo_wallet().accounts[0].public_key
    return Wallet(WalletSpawnArguments(public_key=PublicKey(key)))


def test_both_transactions_are_what_a_node_takes() -> None:
    purse = demo_purse()
    spawn = parse(purse.spawn.raw, lambda _: None)
    send = parse(purse.send.raw, lambda _: owner())
    assert is_signed(spawn, NETWORK.genesis_id)
    assert is_signed(send, NETWORK.genesis_id)
    assert (spawn.header.nonce, send.header.nonce) == (0, 1)
    assert read_contents(purse.spawn.raw).kind is TransactionKind.SINGLE_SIG_SPAWN
    call = read_contents(purse.send.raw).call
    assert isinstance(call, SpendArguments)
    assert call.amount == AMOUNT
    assert purse.spawn.cost == spawn.header.max_gas
    assert purse.send.cost == AMOUNT + send.header.max_gas


def test_the_same_wallet_makes_the_same_transactions() -> None:
    purse = demo_purse()
    again = type(purse).open(demo_wallet(), NETWORK.genesis_id, NETWORK.address_prefix)
    assert again == purse


def moves(balance: int, spawned: KnownTransaction | None, sent: KnownTransaction | None) -> Move:
    api = make_api()
    account = api.fund(demo_purse().addresses[0], balance)
    return demo_purse().next_move(account, spawned, sent)


def test_the_account_is_spawned_then_pays_then_rests() -> None:
    purse = demo_purse()
    api = make_api()
    payer = purse.addresses[0]
    rich = 500 * 10**9
    assert moves(0, None, None) is Move.WAIT
    assert moves(purse.spawn.cost, None, None) is Move.SPAWN

    api.fund(payer, rich)
    api.submit(purse.spawn.raw)
    pending = api.transaction(SPAWN)
    assert moves(rich, pending, None) is Move.WAIT

    spawned = api.apply(SPAWN)
    assert moves(purse.send.cost - 1, spawned, None) is Move.WAIT
    assert moves(purse.send.cost, spawned, None) is Move.SEND

    api.submit(purse.send.raw)
    assert moves(rich, spawned, api.transaction(SEND)) is Move.WAIT
    assert moves(rich, spawned, api.apply(SEND)) is Move.NOTHING
    assert moves(rich, None, api.transaction(SEND)) is Move.NOTHING
    assert api.account(purse.addresses[1]).balance == AMOUNT


@pytest.mark.parametrize("state", [TransactionState.UNKNOWN, TransactionState.REJECTED])
def test_a_transaction_that_got_lost_is_sent_again(state: TransactionState) -> None:
    api = make_api()
    api.fund(demo_purse().addresses[0], 10**9)
    api.submit(demo_purse().spawn.raw)
    lost = replace(api.known_transactions[SPAWN], state=state)
    assert moves(10**9, lost, None) is Move.SPAWN


def test_a_failed_transaction_is_not_repeated() -> None:
    api = make_api()
    api.fund(demo_purse().addresses[0], 10**9)
    api.submit(demo_purse().spawn.raw)
    failed = api.apply(SPAWN, status=OutcomeStatus.FAILURE)
    assert moves(10**9, failed, None) is Move.WAIT
