"""``smcli account balance|history|rewards``: what a node knows of accounts."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cli.errors import ExitCode
from node.client.records import OutcomeStatus, Reward, TransactionState
from node.crypto.ed25519 import private_key_of, public_key_of
from node.types.ids import SmesherID
from node.types.layer import LayerID
from node.types.transaction import RawTransaction
from node.vm import sdk
from node.vm.templates import vesting
from node.vm.wire import MultisigSpawnArguments
from node.wallet.draft import shared_owner, wallet_owner
from tests.support.cli import FakeConnector, Ran, run_cli
from tests.support.fake_api import FakeApi

WORDS = " ".join(["abandon"] * 11 + ["about"])
SMH = 10**9
KEY = private_key_of(bytes(32))
OWNER = wallet_owner(public_key_of(KEY))
OTHER = wallet_owner(bytes(32))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    run_cli(
        ["wallet", "restore", "2", "--mnemonic-stdin", "--password-stdin"],
        folder,
        stdin=f"{WORDS}\npw\n",
    )
    return folder


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


def account(home: Path, api: FakeApi | None, *arguments: str) -> Ran:
    return run_cli(
        ["account", *arguments, "--json"], home, stdin="pw\n", open_api=FakeConnector(api)
    )


def test_balances_of_a_whole_wallet(home: Path, api: FakeApi) -> None:
    empty = account(home, api, "balance", "--password-stdin").data
    first, second = (row["address"] for row in empty)
    assert empty[0] | {"name": "", "address": ""} == {
        "name": "",
        "address": "",
        "template": "not spawned",
        "spawned": False,
        "balance": "0",
        "projected_balance": "0",
        "nonce": 0,
        "projected_nonce": 0,
        "layer": 0,
    }
    api.fund(first, 3 * SMH, projected_balance=2 * SMH, projected_nonce=1)
    api.fund(second, SMH)

    text = run_cli(
        ["account", "balance", "--password-stdin"], home, stdin="pw\n", open_api=FakeConnector(api)
    ).stdout.splitlines()
    assert text[0].split() == [
        *("NAME", "ADDRESS", "BALANCE", "PROJECTED", "NEXT", "NONCE", "TEMPLATE")
    ]
    assert text[-1] == "Total 4 SMH, once everything pending is applied 3 SMH."


def test_balances_of_some_accounts_open_the_wallet_once(home: Path, api: FakeApi) -> None:
    rows = account(home, api, "balance", "1", "@Child Key 0", "--password-stdin").data
    assert [row["name"] for row in rows] == ["Child Key 1", "Child Key 0"]


def test_balances_of_addresses_need_no_wallet(tmp_path: Path, api: FakeApi) -> None:
    single = api.spawn(OWNER.instance, balance=5)
    shared = api.spawn(shared_owner(vesting.ADDRESS, 1, [bytes(32)]).instance)
    rows = account(tmp_path, api, "balance", single, shared.upper()).data
    assert [row["address"] for row in rows] == [single, shared]
    assert [row["template"] for row in rows] == ["wallet", "vesting"]
    assert (rows[0]["balance"], rows[0]["projected_nonce"]) == ("5", 1)


def test_a_template_nobody_knows_is_shown_as_it_is(tmp_path: Path, api: FakeApi) -> None:
    address = api.address(OTHER.address)
    api.fund(address, 1, template=address)
    assert account(tmp_path, api, "balance", address).data[0]["template"] == address


def test_accounts_that_are_not_there(home: Path, api: FakeApi) -> None:
    assert account(home, api, "balance", "@x", "--password-stdin").code == ExitCode.NOT_FOUND
    assert account(home, api, "balance", "standalone1x").code == ExitCode.INVALID
    assert account(home, api, "history").code == ExitCode.REFUSED
    assert account(home, None, "balance", "x").code == ExitCode.UNAVAILABLE


def send(api: FakeApi, body: bytes, key: bytes = KEY, **outcome: Any) -> None:
    raw = sdk.sign(body, api.network_info.genesis_id, key)
    api.submit(raw)
    api.apply(RawTransaction.of(raw).id, **outcome)


def test_the_history_of_both_sides(tmp_path: Path, api: FakeApi) -> None:
    payer = api.spawn(OWNER.instance, balance=10 * SMH)
    payee = api.address(OTHER.address)
    for nonce, layer in ((1, 21), (2, 22)):
        body = sdk.spend(OWNER.address, OTHER.address, SMH, nonce=nonce, gas_price=1)
        status = OutcomeStatus.SUCCESS if nonce == 1 else OutcomeStatus.FAILURE
        send(api, body, layer=layer, status=status)

    failed, paid = account(tmp_path, api, "history", payer).data
    assert (paid["change"], paid["fee"]) == (str(-SMH - 36_090), "36090")
    assert (paid["counterparty"], paid["kind"], paid["result"]) == (
        payee,
        "single_sig_send",
        "success",
    )
    assert (failed["change"], failed["result"]) == ("-36090", "failure")
    assert (failed["layer"], failed["time"]) == (22, "2023-11-14T22:17:00Z")
    (received,) = account(tmp_path, api, "history", payee).data
    assert (received["change"], received["fee"], received["counterparty"]) == (
        str(SMH),
        "0",
        payer,
    )
    assert account(tmp_path, api, "history", payer, "-n", "1").data == [failed]
    range_ = ["--from-layer", "20", "--to-layer", "21"]
    assert account(tmp_path, api, "history", payer, *range_).data == [paid]


def test_spawns_and_drains_in_the_history(tmp_path: Path, api: FakeApi) -> None:
    owner = shared_owner(vesting.ADDRESS, 1, [public_key_of(KEY)])
    address = api.spawn(owner.instance, balance=10 * SMH)
    vault, payee = OWNER.address, OTHER.address
    body = sdk.drain_vault(owner.address, vault, payee, SMH, nonce=1, gas_price=1)
    assert isinstance(owner.arguments, MultisigSpawnArguments)
    part = sdk.sign_part(body, api.network_info.genesis_id, KEY, owner.arguments)
    raw = sdk.combine(body, api.network_info.genesis_id, owner.arguments, [part])
    api.submit(raw)
    known = api.apply(RawTransaction.of(raw).id)
    fee = known.transaction.max_fee
    assert known.outcome is not None
    everyone = (address, api.address(vault), api.address(payee))
    outcome = replace(known.outcome, touched=everyone)
    api.known_transactions[known.transaction.id] = replace(known, outcome=outcome)

    rows = [account(tmp_path, api, "history", one).data[0] for one in everyone]
    assert [row["change"] for row in rows] == [str(-fee), str(-SMH), str(SMH)]
    assert [row["counterparty"] for row in rows] == [everyone[2], everyone[2], everyone[1]]

    other = api.address(OTHER.address)
    spawn = sdk.self_spawn(OWNER.template, OWNER.arguments, nonce=0, gas_price=1)
    api.fund(api.address(OWNER.address), SMH)
    send(api, spawn, layer=23)
    newest = account(tmp_path, api, "history", api.address(OWNER.address)).data
    assert {row["kind"]: row["counterparty"] for row in newest}["single_sig_spawn"] is None
    spawned = next(one for one in api.known_transactions.values() if one.transaction.method == 0)
    assert spawned.outcome is not None
    seen = replace(spawned.outcome, touched=(other,))
    unread = replace(spawned.transaction, kind=None, contents=None)
    api.known_transactions[spawned.transaction.id] = replace(
        spawned, transaction=unread, outcome=seen
    )
    row = next(r for r in account(tmp_path, api, "history", other).data if r["kind"] == "")
    assert row["counterparty"] == api.address(OWNER.address)


def test_what_is_pending_has_no_outcome(tmp_path: Path, api: FakeApi) -> None:
    from cli.account_book import movement_of

    payer = api.spawn(OWNER.instance, balance=10 * SMH)
    body = sdk.spend(OWNER.address, OTHER.address, SMH, nonce=1, gas_price=1)
    raw = sdk.sign(body, api.network_info.genesis_id, KEY)
    known = api.known_transactions[api.submit(raw)]
    movement = movement_of(known, payer, api.network_info.time)
    assert (movement.layer, movement.time, movement.change) == (None, None, 0)
    assert movement.result == TransactionState.MEMPOOL.value


@pytest.fixture
def paid(api: FakeApi) -> str:
    """An address with rewards in epochs 2 and 3, by two smeshers."""
    address = api.address(OTHER.address)
    for layer, smesher in ((20, 1), (25, 2), (31, 1)):
        api.known_rewards.append(
            Reward(
                layer=LayerID(layer),
                total=SMH + 5,
                layer_reward=SMH,
                coinbase=address,
                smesher=SmesherID(bytes([smesher]) * 32),
            )
        )
    return address


def test_rewards_by_epoch_layer_and_smesher(tmp_path: Path, api: FakeApi, paid: str) -> None:
    data = account(tmp_path, api, "rewards", paid).data
    assert (data["account"], data["rewards"], data["total"]) == (paid, 3, str(3 * SMH + 15))
    first, second = data["groups"]
    assert (first["epoch"], first["layer"], first["rewards"], first["fees"]) == (2, None, 2, "10")
    assert first["time"] == "2023-11-14T22:16:40Z"
    assert (second["epoch"], second["total"]) == (3, str(SMH + 5))

    layers = account(tmp_path, api, "rewards", paid, "--group", "layer").data["groups"]
    assert [(row["layer"], row["time"]) for row in layers] == [
        (20, "2023-11-14T22:16:40Z"),
        (25, "2023-11-14T22:17:30Z"),
        (31, "2023-11-14T22:18:30Z"),
    ]
    smeshers = account(tmp_path, api, "rewards", paid, "--group", "smesher").data["groups"]
    assert [(row["smesher"], row["rewards"], row["time"]) for row in smeshers] == [
        ("01" * 32, 2, None),
        ("02" * 32, 1, None),
    ]


def test_rewards_of_some_epochs(tmp_path: Path, api: FakeApi, paid: str) -> None:
    assert account(tmp_path, api, "rewards", paid, "--from-epoch", "3").data["rewards"] == 1
    assert account(tmp_path, api, "rewards", paid, "--to-epoch", "2").data["rewards"] == 2
    text = run_cli(["account", "rewards", paid], tmp_path, open_api=FakeConnector(api)).stdout
    assert text.splitlines()[0].split() == ["EPOCH", "TIME", "REWARDS", "TOTAL", "FEES"]
    assert text.splitlines()[-1] == "3 rewards, 3.000000015 SMH."
