"""``smcli tx`` without a node: build, sign in parts, combine, parse, estimate."""

import json
from pathlib import Path
from typing import Any

import pytest

from cli.errors import ExitCode
from node.types.account import Account
from node.types.address import Address
from node.vm import sdk
from node.vm.apply import apply
from node.vm.genesis import genesis_accounts
from node.vm.state import MemoryAccounts
from node.vm.templates import multisig
from tests.support.cli import FakeTerminal, Ran, run_cli
from tests.support.vm_network import (
    DESTINATION,
    GENESIS_ID,
    KEY,
    KEYS,
    LAYER,
    PARAMETERS,
    PUBLIC_KEY,
    PUBLIC_KEYS,
    SEVERAL,
    unverified,
)

WORDS = (
    " ".join(["abandon"] * 11 + ["about"]),
    "legal winner thank year wave sausage worth useful legal winner thank yellow",
)
OTHER_KEY = "aca536ae66ae6b5cfa08a5d1d4cf62b696b87cda47dc00b5f302cd018bda590b"
TO = "sm1qqqqqqpsxyerxdp4xcmnswfsxyerxdp4xcmnswgs0glgm"
SPEND = sdk.spend(sdk.wallet_address(PUBLIC_KEY), DESTINATION, 10**9, nonce=1, gas_price=2)
SHARED = sdk.multisig_address(2, PUBLIC_KEYS)
SHARED_SPEND = sdk.spend(SHARED, DESTINATION, 5, nonce=1, gas_price=2)
PAYER_KEYS = [word for key in PUBLIC_KEYS for word in ("--key", key.hex())]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two wallets, a.json and b.json."""
    folder = tmp_path_factory.mktemp("wallets")
    for name, words in zip("ab", WORDS, strict=True):
        run_cli(
            [
                *("wallet", "restore", "2", "--mnemonic-stdin", "--password-stdin"),
                *("--file", str(folder / f"{name}.json")),
            ],
            folder,
            stdin=f"{words}\npw\n",
        )
    return folder


def tx(home: Path, *arguments: str, wallet: str = "") -> Ran:
    """Run ``smcli tx``; naming a wallet gives its password too."""
    options = ["--wallet", str(home / f"{wallet}.json"), "--password-stdin"] if wallet else []
    return run_cli(["tx", *arguments, *options, "--json"], home, stdin="pw\n" if wallet else "")


def keys_of(home: Path, wallet: str) -> list[str]:
    ran = run_cli(
        ["account", "list", "--wallet", str(home / f"{wallet}.json"), "--password-stdin", "--json"],
        home,
        stdin="pw\n",
    )
    return [row["public_key"] for row in ran.data]


def finish(home: Path, tmp_path: Path, built: Path) -> bytes:
    """Let both wallets sign a file; return the complete transaction."""
    for name in "ab":
        signed = tx(home, "sign", str(built), "-y", "-o", str(tmp_path / f"{name}.tx"), wallet=name)
        assert signed.data["signed"] == 1
    both = tx(home, "combine", str(tmp_path / "a.tx"), str(tmp_path / "b.tx")).data
    assert both["complete"] is True
    assert both["file"] is None
    return bytes.fromhex(both["raw"])


def test_a_multisig_of_two_wallets_spawns_and_sends(home: Path, tmp_path: Path) -> None:
    keys = [keys_of(home, "a")[1], OTHER_KEY, keys_of(home, "b")[0]]
    payer = [word for key in keys for word in ("--key", key)] + ["--required", "2"]
    shared = sdk.multisig_address(2, map(bytes.fromhex, keys))
    state = MemoryAccounts(genesis_accounts([(shared, 10**10)]))
    file = tmp_path / "built.tx"

    spawned = tx(home, "build", "spawn", *payer, "-o", str(file)).data
    assert (spawned["signed"], spawned["required"], spawned["id"]) == (0, 2, None)
    raws = [finish(home, tmp_path, file)]
    tx(home, "build", "send", TO, "1.5SMH", "--nonce", "1", *payer, "-o", str(file))
    raws.append(finish(home, tmp_path, file))

    for raw in raws:
        applied = apply(LAYER, [unverified(raw)], (), state, PARAMETERS)
        assert [done.result.message for done in applied.results] == [""]
        state.put_accounts(applied.accounts)
    received = state.find_account(DESTINATION)
    sender = state.find_account(shared)
    assert isinstance(received, Account)
    assert isinstance(sender, Account)
    assert received.balance == 1_500_000_000
    assert (sender.template, sender.next_nonce) == (multisig.ADDRESS, 2)


def test_a_wallet_builds_signs_and_parses_its_own(home: Path, tmp_path: Path) -> None:
    file = str(tmp_path / "one.tx")
    built = tx(
        home, "build", "send", TO, "1", "--unit", "smidge", "--nonce", "7", "-o", file, wallet="a"
    )
    assert built.data["transaction"]["arguments"] == {"destination": TO, "amount": "1"}
    assert built.document["meta"]["network"] == "mainnet"
    assert tx(home, "parse", file).data["verdict"] == "unsigned"

    seen = tx(home, "sign", file, "--dry-run", wallet="a").data
    assert (seen["file"], seen["signed"]) == (None, 0)
    signed = tx(home, "sign", file, "-y", "-o", file, wallet="a").data
    parsed = tx(home, "parse", file).data

    assert parsed["verdict"] == "signed"
    assert (
        parsed["id"]
        == signed["id"]
        == json.loads(run_cli(["tx", "parse", signed["raw"], "--json"], home).stdout)["data"]["id"]
    )
    assert (parsed["nonce"], parsed["kind"], parsed["template"]) == (7, "single_sig_send", "wallet")
    assert tx(home, "estimate", file).data["gas"] == parsed["gas"]


def test_recipients_by_name_and_spawns_from_the_wallet(home: Path) -> None:
    sent = tx(home, "build", "send", "@Child Key 1", "1SMH", "--nonce", "1", wallet="a").data
    other = run_cli(
        ["account", "address", "1", "--wallet", str(home / "a.json"), "--password-stdin", "--json"],
        home,
        stdin="pw\n",
    ).data
    assert sent["transaction"]["arguments"]["destination"] == other["address"]
    spawned = tx(home, "build", "spawn", "--from", "1", wallet="a").data["transaction"]
    assert spawned["principal"] == other["address"]
    assert (spawned["method"], spawned["nonce"]) == ("spawn", "0")


def test_vaults_are_spawned_and_drained_by_vesting_accounts(tmp_path: Path) -> None:
    vesting = [*PAYER_KEYS, "--required", "2", "--template", "vesting"]
    command = ["build", "spawn", *vesting, "--total", "1000SMH", "--initial", "250SMH"]
    spawned = tx(tmp_path, *command, "--nonce", "1").data["transaction"]
    assert spawned["principal"] == "sm1qqqqqq92dwr326sg6xu3wpnut76a7lhf639yq6q8fjk5h"
    vault = spawned["arguments"]["account"]
    assert vault == "sm1qqqqqqxr9pfctmlvxtqlzvu343uwl42q5gw8azqtwap49"
    whole = tx(tmp_path, *command[:-2], "--nonce", "1").data["transaction"]
    assert whole["arguments"]["initial_unlock_amount"] == "250000000000"
    missing = tx(tmp_path, *command)
    assert (missing.code, missing.error["message"]) == (ExitCode.USAGE, "the nonce is missing")

    drain = ["build", "drain", vault, TO, "5000smidge", "--nonce", "2"]
    drained = tx(tmp_path, *drain, *vesting).data
    assert drained["transaction"]["method"] == "drain"
    assert drained["transaction"]["arguments"]["vault"] == vault
    assert tx(tmp_path, *drain).code == ExitCode.USAGE


def test_without_a_file_the_transaction_is_text_that_sign_reads(home: Path, tmp_path: Path) -> None:
    command = ["tx", "build", "send", TO, "1SMH", "--nonce", "1", "--key", keys_of(home, "b")[0]]
    text = run_cli(command, home).stdout
    password = tmp_path / "password"
    password.write_text("pw\n", encoding="utf-8")
    password.chmod(0o600)
    sign = ["tx", "sign", "-", "--wallet", str(home / "b.json")]

    by_person = run_cli(
        [*sign, "--password-file", str(password)],
        home,
        stdin=text,
        terminal=FakeTerminal(["y"]),
    )
    assert '"signatures": {\n    "0": "' in by_person.stdout
    assert "network" in by_person.stderr

    assert run_cli([*sign, "--password-file", str(password)], home, stdin=text).code == (
        ExitCode.REFUSED
    )
    both = run_cli([*sign, "--password-stdin", "-y", "--json"], home, stdin=text)
    assert (both.code, both.error["code"]) == (ExitCode.USAGE, "smesh.usage")


def test_a_wallet_without_the_key_cannot_sign(home: Path, tmp_path: Path) -> None:
    file = str(tmp_path / "x.tx")
    tx(home, "build", "send", TO, "1SMH", "--nonce", "1", "--key", OTHER_KEY, "-o", file)
    ran = tx(home, "sign", file, "-y", wallet="a")
    assert (ran.code, ran.error["code"]) == (ExitCode.USAGE, "smesh.usage.signer")
    assert tx(home, "sign", file, "-y", wallet="nobody").code == ExitCode.NOT_FOUND
    wrong = run_cli(
        ["tx", "sign", file, "-y", "--wallet", str(home / "a.json"), "--password-stdin"],
        home,
        stdin="no\n",
    )
    assert wrong.code == ExitCode.AUTHENTICATION


def test_other_files_are_not_written_over(home: Path, tmp_path: Path) -> None:
    command = ["build", "spawn", "--key", OTHER_KEY, "-o"]
    ran = tx(home, *command, str(home / "a.json"))
    assert (ran.code, ran.error["code"]) == (ExitCode.PRECONDITION, "smesh.file.exists")
    missing = tx(home, *command, str(tmp_path / "none" / "x.tx"))
    assert (missing.code, missing.error["code"]) == (ExitCode.PRECONDITION, "smesh.file.write")


def test_a_changed_file_is_not_signed(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "x.tx"
    tx(home, "build", "spawn", "--key", OTHER_KEY, "-o", str(file))
    document = json.loads(file.read_text(encoding="utf-8"))
    for change in ({"nonce": "1"}, {"network": "testnet"}, {"network": "home"}):
        file.write_text(json.dumps(document | change), encoding="utf-8")
        ran = tx(home, "sign", str(file), "-y", wallet="a")
        assert (ran.code, ran.error["code"]) == (ExitCode.INVALID, "smesh.transaction.file")


def test_parts_of_different_transactions_do_not_combine(tmp_path: Path) -> None:
    files = [str(tmp_path / f"{number}.tx") for number in (1, 2)]
    for nonce, file in enumerate(files):
        tx(tmp_path, "build", "spawn", "--key", OTHER_KEY, "--nonce", str(nonce), "-o", file)
    ran = tx(tmp_path, "combine", *files)
    assert (ran.code, ran.error["code"]) == (ExitCode.INVALID, "smesh.usage.signature")


def parse(home: Path, raw: bytes, *options: str) -> Any:
    return tx(home, "parse", raw.hex(), *options).data


def test_bare_bytes_tell_what_they_do(tmp_path: Path) -> None:
    signed = sdk.sign(SPEND, GENESIS_ID, KEY)
    alone = parse(tmp_path, signed)
    assert (alone["verdict"], alone["template"], alone["gas"]["total"]) == (
        "signer unknown",
        None,
        36_090,
    )
    assert alone["id"] == "5b2f2198f84d1ea4b68267927a803fe06ec1a4c97033174e20631dbecf9b9051"
    assert parse(tmp_path, signed, "--key", PUBLIC_KEY.hex())["verdict"] == "signed"
    unsigned = parse(tmp_path, SPEND)
    assert (unsigned["verdict"], unsigned["id"], unsigned["signatures"]) == ("unsigned", None, 0)
    assert unsigned["gas"] == alone["gas"]


def test_the_signatures_of_several_are_counted(tmp_path: Path) -> None:
    parts = [sdk.sign_part(SHARED_SPEND, GENESIS_ID, KEYS[place], SEVERAL) for place in (0, 2)]
    raw = sdk.combine(SHARED_SPEND, GENESIS_ID, SEVERAL, parts)
    payer = [*PAYER_KEYS, "--required", "2"]

    known = parse(tmp_path, raw, *payer)
    assert (known["verdict"], known["signatures"], known["template"]) == ("signed", 2, "multisig")
    assert parse(tmp_path, raw[:-65], *payer)["verdict"] == "incomplete"
    unknown = parse(tmp_path, raw)
    assert (unknown["verdict"], unknown["signatures"], unknown["gas"]) == (
        "signer unknown",
        None,
        None,
    )
    other = tx(tmp_path, "parse", raw.hex(), *PAYER_KEYS)
    assert (other.code, other.error["code"]) == (ExitCode.USAGE, "smesh.usage.signer")


def test_a_self_spawn_carries_its_keys(tmp_path: Path) -> None:
    body = sdk.self_spawn(multisig.ADDRESS, SEVERAL, nonce=0, gas_price=2)
    parts = [sdk.sign_part(body, GENESIS_ID, key, SEVERAL) for key in KEYS[:2]]
    raw = sdk.combine(body, GENESIS_ID, SEVERAL, parts)
    assert parse(tmp_path, raw)["verdict"] == "signed"
    assert parse(tmp_path, body)["gas"]["total"] == 145_480

    elsewhere = tx(tmp_path, "parse", raw.hex(), "--network", "testnet")
    assert (elsewhere.code, elsewhere.error["code"]) == (
        ExitCode.CHECK_FAILED,
        "smesh.transaction.signature",
    )
    assert elsewhere.document["data"]["verdict"] == "wrong signature"


def test_drafts_in_parts_are_incomplete(home: Path, tmp_path: Path) -> None:
    file = str(tmp_path / "x.tx")
    payer = ["--key", keys_of(home, "a")[0], "--key", OTHER_KEY, "--required", "2"]
    tx(home, "build", "spawn", *payer, "-o", file)
    tx(home, "sign", file, "-y", "-o", file, wallet="a")
    parsed = tx(home, "parse", file).data
    assert (parsed["verdict"], parsed["signatures"], parsed["id"]) == ("incomplete", 1, None)


def test_estimates_of_every_payer(tmp_path: Path) -> None:
    vesting = sdk.vesting_address(2, PUBLIC_KEYS)
    drain = sdk.drain_vault(vesting, Address(bytes(24)), DESTINATION, 5000, nonce=2, gas_price=2)
    payer = [*PAYER_KEYS, "--required", "2", "--template", "vesting"]

    estimate = tx(tmp_path, "estimate", drain.hex(), *payer).data
    assert estimate["gas"]["total"] == 44_681
    assert (estimate["size"], estimate["max_spend"]) == (208, "0")
    assert estimate["gas"]["max_fee"] == str(44_681 * 2)
    single = tx(tmp_path, "estimate", "0x" + SPEND.hex()).data
    assert (single["gas"]["total"], single["max_spend"]) == (36_090, "1000000000")
    lost = tx(tmp_path, "estimate", drain.hex())
    assert (lost.code, lost.error["hint"]) == (
        ExitCode.USAGE,
        "give --key for each of them, --required and --template",
    )


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("nowhere.tx", ExitCode.NOT_FOUND),
        ("", ExitCode.USAGE),
        ("ff00", ExitCode.INVALID),
        ("empty.tx", ExitCode.INVALID),
    ],
)
def test_what_is_no_transaction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, code: ExitCode
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.tx").write_text("nothing here", encoding="utf-8")
    assert tx(tmp_path, "parse", source).code == code


def test_hexadecimal_in_a_file_is_read_but_not_signed(tmp_path: Path) -> None:
    file = tmp_path / "raw.hex"
    file.write_text(SPEND.hex() + "\n", encoding="utf-8")
    assert tx(tmp_path, "parse", str(file)).data["verdict"] == "unsigned"
    ran = tx(tmp_path, "sign", str(file), "-y")
    assert (ran.code, ran.error["message"]) == (
        ExitCode.USAGE,
        "bare bytes do not tell who has to sign",
    )


@pytest.mark.parametrize(
    ("arguments", "problem", "code"),
    [
        (["send", TO, "5", "--nonce", "1", "--key", OTHER_KEY], "no unit", ExitCode.USAGE),
        (["send", "@bob", "5SMH", "--nonce", "1", "--key", OTHER_KEY], "no wallet", ExitCode.USAGE),
        (
            ["send", TO[:-1] + "q", "5SMH", "--nonce", "1", "--key", OTHER_KEY],
            "checksum",
            ExitCode.INVALID,
        ),
        (
            ["send", TO, "5SMH", "--nonce", "1", "--key", OTHER_KEY, "--hrp", "stest"],
            "wrong network",
            ExitCode.INVALID,
        ),
        (["spawn", "--template", "multisig"], "needs public keys", ExitCode.USAGE),
        (
            ["spawn", "--template", "wallet", "--key", OTHER_KEY, "--key", OTHER_KEY],
            "one key, not 2",
            ExitCode.USAGE,
        ),
        (
            ["spawn", "--template", "vault", "--key", OTHER_KEY],
            "no payer of template 'vault'",
            ExitCode.USAGE,
        ),
        (["spawn", "--key", OTHER_KEY, "--from", TO], "do not make", ExitCode.USAGE),
        (["spawn", "--key", OTHER_KEY, "--genesis-id", "12"], "no genesis id", ExitCode.USAGE),
        (
            ["spawn", "--key", OTHER_KEY, "--network", "standalone"],
            "not known without a node",
            ExitCode.USAGE,
        ),
    ],
)
def test_what_cannot_be_built(
    tmp_path: Path, arguments: list[str], problem: str, code: ExitCode
) -> None:
    ran = tx(tmp_path, "build", *arguments)
    assert problem in ran.error["message"]
    assert ran.code == code


def test_private_networks_are_named_by_their_identifier(tmp_path: Path) -> None:
    command = ["build", "spawn", "--key", OTHER_KEY, "--genesis-id"]
    private = tx(tmp_path, *command, "ab" * 20).data["transaction"]
    assert (private["network"], private["genesis_id"]) == ("private", "ab" * 20)
    alone = tx(tmp_path, *command, "ab" * 20, "--network", "standalone").data["transaction"]
    assert (alone["network"], alone["hrp"]) == ("standalone", "standalone")
    public = tx(tmp_path, *command, GENESIS_ID.hex(), "--network", "standalone")
    assert public.data["transaction"]["network"] == "mainnet"
