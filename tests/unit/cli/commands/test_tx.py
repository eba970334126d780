"""``smcli tx`` with a node: send, spawn, drain, submit, status, wait."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cli.errors import ExitCode, TimedOutError
from node.base.errors import PreconditionError, UnavailableError
from node.client.records import KnownTransaction, OutcomeStatus, TransactionState
from node.types.ids import GenesisID, TransactionID
from node.types.transaction import RawTransaction
from node.vm import sdk
from node.vm.templates import vesting
from node.wallet.draft import shared_owner, wallet_owner
from tests.support.cli import FakeConnector, FakeTerminal, Ran, run_cli
from tests.support.fake_api import FakeApi, make_network, make_status

WORDS = " ".join(["abandon"] * 11 + ["about"])
OTHER_KEY = "aca536ae66ae6b5cfa08a5d1d4cf62b696b87cda47dc00b5f302cd018bda590b"
OTHER = wallet_owner(bytes.fromhex(OTHER_KEY))
SMH = 10**9


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    run_cli(
        ["wallet", "restore", "2", "--mnemonic-stdin", "--password-stdin"],
        folder,
        stdin=f"{WORDS}\npw\n",
    )
    return folder


@pytest.fixture(scope="module")
def keys(home: Path) -> list[bytes]:
    ran = run_cli(["account", "list", "--password-stdin", "--json"], home, stdin="pw\n")
    return [bytes.fromhex(row["public_key"]) for row in ran.data]


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture
def sender(api: FakeApi, keys: list[bytes]) -> str:
    """A spawned account of the wallet with ten coins."""
    return api.spawn(wallet_owner(keys[0]).instance, balance=10 * SMH)


def tx(home: Path, api: FakeApi | None, *arguments: str, answers: list[str] | None = None) -> Ran:
    return run_cli(
        ["tx", *arguments, "--json"],
        home,
        stdin="pw\n",
        terminal=FakeTerminal(answers),
        open_api=FakeConnector(api),
    )


def recipient(api: FakeApi) -> str:
    return api.address(OTHER.address)


def apply_last(api: FakeApi, **outcome: Any) -> None:
    api.apply(RawTransaction.of(api.submitted[-1]).id, **outcome)


SEND = ("--password-stdin", "--yes")


def test_send_submits_what_it_tells(home: Path, api: FakeApi, sender: str) -> None:
    ran = tx(home, api, "send", recipient(api), "1.5SMH", *SEND)

    sent = ran.data
    (raw,) = api.submitted
    assert sent["id"] == RawTransaction.of(raw).id.hex()
    assert (sent["state"], sent["principal"], sent["method"]) == ("mempool", sender, "spend")
    assert sent["arguments"] == {"destination": recipient(api), "amount": "1500000000"}
    assert (sent["nonce"], sent["gas"], sent["spawn"]) == (1, 36_218, None)
    assert sent["balance_after"] == str(10 * SMH - 1_500_000_000 - 36_218)
    assert ran.document["meta"] == {
        "network": "standalone",
        "genesis_id": bytes(range(20)).hex(),
        "node": "127.0.0.1:9092",
        "layer": 25,
        "epoch": 2,
        "synced": True,
        "took_ms": 0,
    }
    assert api.closed


def test_a_person_sees_everything_before_agreeing(home: Path, api: FakeApi, sender: str) -> None:
    terminal = FakeTerminal(["pw", "n"])
    ran = run_cli(
        ["tx", "send", recipient(api), "1.5"], home, terminal=terminal, open_api=FakeConnector(api)
    )
    assert ran.code == ExitCode.REFUSED
    assert api.submitted == []
    assert terminal.asked[1] == (
        f"Spend 1.5 SMH to {recipient(api)} on standalone, for a fee of at most "
        "0.000036218 SMH? [y/N] "
    )
    for text in (sender, "balance after", "8.499963782 SMH"):
        assert text in ran.stderr
    alone = tx(home, api, "send", recipient(api), "1SMH", "--password-stdin")
    assert (alone.code, alone.error["code"]) == (ExitCode.REFUSED, "smesh.refused")


def test_a_dry_run_sends_nothing(home: Path, api: FakeApi, sender: str) -> None:
    ran = tx(home, api, "send", recipient(api), "1SMH", "--password-stdin", "--dry-run")
    assert (ran.data["state"], ran.data["id"], api.submitted) == ("planned", None, [])


def test_send_waits_until_it_is_applied(home: Path, api: FakeApi, sender: str) -> None:
    api.on_wait = apply_last
    sent = tx(home, api, "send", recipient(api), "1SMH", *SEND, "--wait", "applied").data
    assert (sent["state"], sent["layer"]) == ("processed", 24)
    assert api.account_or_empty(recipient(api)).balance == SMH
    sent = tx(home, api, "send", recipient(api), "1SMH", *SEND, "--wait", "mempool").data
    assert (sent["state"], sent["layer"]) == ("mempool", None)


def test_a_transaction_that_fails_is_a_failed_check(home: Path, api: FakeApi, sender: str) -> None:
    api.on_wait = lambda one: apply_last(one, status=OutcomeStatus.FAILURE, message="no luck")
    ran = tx(home, api, "send", recipient(api), "1SMH", *SEND, "--wait", "applied")
    assert (ran.code, ran.error["code"]) == (ExitCode.CHECK_FAILED, "smesh.transaction.failed")
    assert "0.00003609 SMH, but failed: no luck" in ran.error["message"]
    assert ran.document["data"]["message"] == "no luck"


def test_an_account_is_spawned_before_its_first_send(
    home: Path, api: FakeApi, keys: list[bytes]
) -> None:
    address = api.address(wallet_owner(keys[1]).address)
    api.fund(address, 10 * SMH)
    api.on_wait = apply_last

    ran = tx(home, api, "send", recipient(api), "1SMH", "--from", "1", *SEND)

    spawn, _ = api.submitted
    assert ran.data["spawn"] == RawTransaction.of(spawn).id.hex()
    assert ran.data["nonce"] == 1
    assert ran.data["balance_after"] == str(9 * SMH - 100_432 - 36_090)
    assert api.account_or_empty(address).projected_balance == 9 * SMH - 100_432 - 36_090


def test_a_spawn_that_fails_ends_it(home: Path, api: FakeApi, keys: list[bytes]) -> None:
    api.fund(api.address(wallet_owner(keys[1]).address), 10 * SMH)
    api.on_wait = lambda one: apply_last(one, status=OutcomeStatus.FAILURE)
    ran = tx(home, api, "send", recipient(api), "1SMH", "--from", "1", *SEND)
    assert ran.code == ExitCode.CHECK_FAILED
    assert len(api.submitted) == 1


def test_a_pending_spawn_is_not_repeated(home: Path, api: FakeApi, keys: list[bytes]) -> None:
    api.fund(api.address(wallet_owner(keys[1]).address), 10 * SMH, projected_nonce=1)
    ran = tx(home, api, "send", recipient(api), "1SMH", "--from", "1", *SEND)
    assert (ran.code, ran.error["code"]) == (ExitCode.PRECONDITION, "smesh.account.pending")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["11SMH"], "smesh.account.balance"),
        (["1SMH", "--nonce", "0"], "smesh.account.nonce"),
        (["1SMH", "--max-fee", "36089smidge"], "smesh.transaction.fee"),
    ],
)
def test_what_cannot_be_sent_is_told_before(
    home: Path, api: FakeApi, sender: str, options: list[str], code: str
) -> None:
    ran = tx(home, api, "send", recipient(api), *options, *SEND)
    assert (ran.code, ran.error["code"]) == (ExitCode.PRECONDITION, code)
    assert api.submitted == []


def test_a_pending_transaction_can_be_replaced(home: Path, api: FakeApi, sender: str) -> None:
    tx(home, api, "send", recipient(api), "9SMH", *SEND)
    dear = ["--nonce", "1", "--gas-price", "2", "--max-fee", "1SMH"]
    ran = tx(home, api, "send", recipient(api), "9SMH", *dear, "--password-stdin", "--dry-run")
    assert ran.document["warnings"][0]["code"] == "smesh.account.pending_nonce"
    assert ran.data["balance_after"] == str(SMH - 2 * 36_218)


def test_what_the_node_refuses(home: Path, api: FakeApi, sender: str) -> None:
    api.node_status = make_status(synced=False)
    ran = tx(home, api, "send", recipient(api), "1SMH", *SEND)
    assert (ran.code, ran.error["code"]) == (ExitCode.PRECONDITION, "smesh.precondition")
    assert ran.document["meta"]["synced"] is False


def test_several_of_which_the_wallet_has_one(home: Path, api: FakeApi, keys: list[bytes]) -> None:
    payer = ["--key", keys[0].hex(), "--key", OTHER_KEY]
    shared = shared_owner(vesting.ADDRESS, 1, [keys[0], bytes.fromhex(OTHER_KEY)])
    address = api.address(shared.address)
    api.fund(address, 10 * SMH)
    api.on_wait = apply_last

    spawned = tx(
        home, api, "spawn", *payer, "--template", "vesting", *SEND, "--wait", "applied"
    ).data
    assert (spawned["principal"], spawned["method"], spawned["nonce"]) == (address, "spawn", 0)
    again = tx(home, api, "spawn", *payer, "--template", "vesting", *SEND)
    assert (again.code, again.error["code"]) == (ExitCode.PRECONDITION, "smesh.account.spawned")
    vault = tx(
        home, api, "spawn", *payer, "--template", "vesting", "--total", "100SMH", *SEND
    ).data["arguments"]["account"]
    drained = tx(home, api, "drain", vault, recipient(api), "2SMH", *payer, *SEND).data
    assert (drained["method"], drained["arguments"]["vault"]) == ("drain", vault)

    two = ["spawn", *payer, "--required", "2"]
    api.fund(api.address(sdk.multisig_address(2, shared.public_keys)), SMH)
    dry = tx(home, api, *two, "--dry-run")
    assert dry.data["state"] == "planned"
    ran = tx(home, api, *two, *SEND)
    assert (ran.code, ran.error["code"]) == (ExitCode.PRECONDITION, "smesh.usage.signatures")
    unnamed = tx(home, api, "drain", vault, recipient(api), "2SMH", *SEND)
    assert (unnamed.code, unnamed.error["hint"]) == (ExitCode.USAGE, "give --key")


def test_a_wrong_password_and_an_unknown_account(home: Path, api: FakeApi, sender: str) -> None:
    command = ["tx", "send", recipient(api), "1SMH", *SEND, "--json"]
    wrong = run_cli(command, home, stdin="no\n", open_api=FakeConnector(api))
    assert wrong.code == ExitCode.AUTHENTICATION
    assert tx(home, api, "send", recipient(api), "1SMH", "--from", "@x", *SEND).code == (
        ExitCode.NOT_FOUND
    )
    assert tx(home, api, "send", recipient(api), "lots", *SEND).code == ExitCode.USAGE
    other = tx(home, api, "send", "sm1qqqqqqpfz8fqq8am9jfjhmmydhrel2w8hfxsfcq79xcww", "1SMH", *SEND)
    assert (other.code, other.error["code"]) == (ExitCode.INVALID, "smesh.address.network")
    assert tx(home, None, "send", "x", "1SMH", *SEND).code == ExitCode.UNAVAILABLE


def signed(api: FakeApi, home: Path, tmp_path: Path) -> tuple[Path, bytes]:
    """Build and sign a transaction for the node's network without asking it."""
    file = tmp_path / "signed.tx"
    network = ["--hrp", "standalone", "--genesis-id", api.network_info.genesis_id.hex()]
    built = ["build", "send", recipient(api), "1SMH", "--nonce", "1", *network]
    tx(home, None, *built, "--password-stdin", "-o", str(file))
    done = tx(home, None, "sign", str(file), "-o", str(file), *SEND)
    return file, bytes.fromhex(done.data["raw"])


def test_submit_publishes_files_and_bytes(
    home: Path, api: FakeApi, sender: str, tmp_path: Path
) -> None:
    file, raw = signed(api, home, tmp_path)
    judged = tx(home, api, "submit", str(file), "--dry-run").data
    assert (judged["state"], judged["nonce"], api.submitted) == ("unknown", 1, [])
    api.on_wait = apply_last

    shown = tx(home, api, "submit", raw.hex()).data
    assert (shown["state"], shown["result"], shown["time"]) == ("mempool", None, None)
    applied = tx(home, api, "submit", str(file), "--wait", "applied").data
    assert (applied["result"], applied["layer"], applied["fee"]) == ("success", 24, "36090")
    assert applied["time"] == "2023-11-14T22:17:20Z"
    assert applied["contents"] == {"destination": recipient(api), "amount": "1000000000"}


def test_submit_checks_network_and_signatures(
    home: Path, api: FakeApi, sender: str, tmp_path: Path
) -> None:
    file, raw = signed(api, home, tmp_path)
    assert tx(home, None, "submit", "00ff").code == ExitCode.INVALID
    bad = tx(home, api, "submit", raw[:-1].hex() + "00")
    assert (bad.code, bad.error["code"]) == (ExitCode.PRECONDITION, "smesh.transaction.refused")
    api.network_info = make_network(genesis_id=GenesisID(bytes(20)))
    ran = tx(home, api, "submit", str(file))
    assert (ran.code, ran.error["code"]) == (ExitCode.PRECONDITION, "smesh.node.wrong_network")
    tx(home, None, "build", "spawn", "--key", OTHER_KEY, "-o", str(tmp_path / "x.tx"))
    unsigned = tx(home, api, "submit", str(tmp_path / "x.tx"))
    assert (unsigned.code, unsigned.error["message"]) == (
        ExitCode.PRECONDITION,
        "0 of 1 signatures",
    )


class Knowing(FakeApi):
    """A node that has the transaction already."""

    def submit(self, raw: bytes) -> TransactionID:
        if self.submitted:
            raise PreconditionError("tx already exists", code="smesh.precondition.known")
        return FakeApi.submit(self, raw)


def test_submitting_twice_is_harmless(home: Path, keys: list[bytes], tmp_path: Path) -> None:
    api = Knowing()
    api.spawn(wallet_owner(keys[0]).instance, balance=10 * SMH)
    _, raw = signed(api, home, tmp_path)
    first = tx(home, api, "submit", raw.hex())
    second = tx(home, api, "submit", raw.hex())
    assert second.data == first.data
    assert second.document["warnings"][0]["code"] == "smesh.transaction.known"


def test_status_and_wait(home: Path, api: FakeApi, sender: str) -> None:
    tx_id = tx(home, api, "send", recipient(api), "1SMH", *SEND).data["id"]
    assert tx(home, api, "status", tx_id).data["state"] == "mempool"
    assert tx(home, api, "wait", tx_id, "--for", "mempool").data["state"] == "mempool"
    api.on_wait = apply_last
    assert tx(home, api, "wait", tx_id).data["result"] == "success"
    assert tx(home, api, "status", tx_id, "--wait").data["block"] == "0b" * 20
    unknown = tx(home, api, "status", "00" * 32)
    assert (unknown.code, unknown.error["code"]) == (ExitCode.NOT_FOUND, "smesh.not_found")
    assert tx(home, api, "wait", "00" * 32).code == ExitCode.NOT_FOUND
    assert tx(home, api, "status", "12").code == ExitCode.USAGE
    text = run_cli(["tx", "status", tx_id], home, open_api=FakeConnector(api)).stdout
    assert text.splitlines()[1].split() == ["state", "processed"]


def refuse(api: FakeApi) -> None:
    for tx_id, known in api.known_transactions.items():
        api.known_transactions[tx_id] = replace(known, state=TransactionState.INEFFECTUAL)


def test_a_transaction_without_effect_is_not_waited_for(
    home: Path, api: FakeApi, sender: str
) -> None:
    api.on_wait = refuse
    ran = tx(home, api, "send", recipient(api), "1SMH", *SEND, "--wait", "applied")
    assert ran.code == ExitCode.CHECK_FAILED
    assert "is ineffectual and had no effect" in ran.error["message"]
    assert ran.document["data"]["state"] == "ineffectual"


def raiser(error: BaseException) -> Callable[[FakeApi], None]:
    def on_wait(_api: FakeApi) -> None:
        raise error

    return on_wait


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (TimedOutError("late"), ExitCode.TIMED_OUT),
        (UnavailableError("gone"), ExitCode.UNAVAILABLE),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED),
    ],
)
def test_whatever_ends_a_wait_the_identifier_is_told(
    home: Path, api: FakeApi, sender: str, error: BaseException, code: ExitCode
) -> None:
    api.on_wait = raiser(error)
    ran = tx(home, api, "send", recipient(api), "1SMH", *SEND, "--wait", "applied")
    tx_id = RawTransaction.of(api.submitted[0]).id.hex()
    assert ran.code == code
    assert tx_id in ran.error["message"]
    assert ran.error["hint"].endswith(f"smcli tx wait {tx_id}")


def test_a_wait_for_the_spawn_says_that_nothing_else_was_sent(
    home: Path, api: FakeApi, keys: list[bytes]
) -> None:
    api.fund(api.address(wallet_owner(keys[1]).address), 10 * SMH)
    api.on_wait = raiser(TimedOutError("late"))
    ran = tx(home, api, "send", recipient(api), "1SMH", "--from", "1", *SEND)
    assert ran.code == ExitCode.TIMED_OUT
    assert ran.error["hint"].endswith(", then send again: only the spawn was sent")


class Closing(FakeApi):
    """A node whose connection ends while it is asked."""

    def follow_transaction(
        self, tx_id: TransactionID, *, interval_s: float = 1.0
    ) -> Iterator[KnownTransaction]:
        return iter(())


def test_a_wait_without_an_answer_finds_nothing(home: Path) -> None:
    assert tx(home, Closing(), "wait", "00" * 32).code == ExitCode.NOT_FOUND


def test_people_are_told_when_the_next_layer_begins(home: Path, api: FakeApi, sender: str) -> None:
    api.on_wait = apply_last
    ran = run_cli(
        ["tx", "send", recipient(api), "1SMH", *SEND, "--wait", "applied"],
        home,
        stdin="pw\n",
        open_api=FakeConnector(api),
    )
    assert "is in state mempool; layer 1 begins at 2023-11-14T22:13:30Z" in ran.stderr
