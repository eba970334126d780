"""Wallet files, derived keys and addresses recorded from smcli.

What the commands print is ours to choose; the files, keys, addresses and refusals are not.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from node.base.bech32 import decode_address, encode_address
from node.base.errors import SpacemeshError, UsageError, WalletError, WrongPasswordError
from node.crypto.ed25519 import public_key_of
from node.types.amounts import MAX_U64, SMIDGE_PER_SMH
from node.vm.genesis import genesis_vault
from node.vm.sdk import (
    multisig_address,
    multisig_arguments,
    vault_address,
    vesting_address,
    wallet_address,
)
from node.vm.wire import VaultSpawnArguments
from node.wallet.accounts import accounts_of, make_wallet
from node.wallet.contents import Wallet, secrets_to_json, wallet_from_json
from node.wallet.derivation import derive_key
from node.wallet.file import decrypt, open_wallet, parse_file, read_wallet_file, seal_wallet
from node.wallet.mnemonic import make_mnemonic, make_seed
from scripts.vectors.family import Case, Family, compare, read_json

PREFIXES = ("sm", "stest", "standalone", "x")
MAX_KEYS = 10
REFUSED_MNEMONICS = ("whitespace violation in mnemonic phrase", "invalid mnemonic")


def check(folder: Path) -> Iterator[Case]:
    """Compare everything in the folder ``wallet``."""
    wallets = folder / "wallet"
    if (wallets / "index.json").exists():
        index = read_json(wallets / "index.json")
        for entry in index["wallets"]:
            yield from _created(wallets, entry) if "file" in entry else _refused(entry)
        for entry in index["misc"]:
            if "file_text" in entry:
                yield _unreadable(entry)
    if (wallets / "derive.json").exists():
        yield from _derived(read_json(wallets / "derive.json"))
    if (wallets / "genesis-verify.json").exists():
        for number, entry in enumerate(read_json(wallets / "genesis-verify.json")):
            yield _genesis(f"genesis verify {number}", entry)


def _created(folder: Path, entry: dict[str, Any]) -> Iterator[Case]:
    """Open one file, refuse a wrong password, write it again, and compare its readings."""
    name, password = entry["name"], entry["password"]
    sealed = read_wallet_file(folder / entry["file"])
    plain_text = decrypt(sealed, password).decode()
    yield compare(f"{name}: plain text", plain_text, entry["plaintext"])
    try:
        decrypt(sealed, password + "x")
        yield Case(f"{name}: wrong password", "accepted")
    except WrongPasswordError:
        yield Case(f"{name}: wrong password")
    wallet = wallet_from_json(sealed.metadata, json.loads(plain_text))
    yield compare(f"{name}: secrets again", _compact(secrets_to_json(wallet)), entry["plaintext"])
    ours = seal_wallet(wallet, password, salt=sealed.salt)
    yield compare(f"{name}: written again", open_wallet(parse_file(ours), password), wallet)
    recorded_form = _form(json.loads((folder / entry["file"]).read_bytes()))
    yield compare(f"{name}: form", _form(json.loads(ours)), recorded_form)
    if entry["mnemonic"]:
        yield compare(f"{name}: made again", *_made_again(wallet, entry))
    for reading in entry["reads"]:
        label = f"{name}: read {' '.join(reading['args'])}"
        yield compare(label, _missing_rows(wallet, reading), [])


def _made_again(wallet: Wallet, entry: dict[str, Any]) -> tuple[object, object]:
    count = 1 if entry["numaccounts"] is None else int(entry["numaccounts"])
    made = make_wallet(entry["mnemonic"], now_ns=0, count=count)
    keys = [(key.path, key.display_name, key.secret_key) for key in made.accounts]
    recorded = [(key.path, key.display_name, key.secret_key) for key in wallet.accounts]
    return (made.mnemonic, keys), (wallet.mnemonic, recorded)


def _missing_rows(wallet: Wallet, reading: dict[str, Any]) -> list[str]:
    """Return what a recorded table should show of our accounts and does not."""
    arguments = reading["args"]
    prefix = arguments[arguments.index("--hrp") + 1] if "--hrp" in arguments else "sm"
    rows = [line for line in reading["output"].splitlines() if line.startswith("| ")]
    cells = [{cell.strip() for cell in row.strip("|").split("|")} for row in rows]
    missing = []
    for account in accounts_of(wallet):
        wanted = {account.address_text(prefix), account.key.path, account.key.created}
        if "--full" in arguments and "--base58" not in arguments:
            wanted.add(account.key.public_key.hex())
            if "--private" in arguments:
                wanted.add(account.key.secret_key.hex())
        if not any(wanted <= row for row in cells):
            missing.append(account.name)
    return missing


def _refused(entry: dict[str, Any]) -> Iterator[Case]:
    """A creation that smcli refuses must be refused here, if the library sees it at all."""
    name = f"{entry['name']}: refused"
    if any(reason in entry["create_output"] for reason in REFUSED_MNEMONICS):
        yield _raises(name, WalletError, lambda: make_wallet(entry["mnemonic"], now_ns=0))
    elif str(entry["numaccounts"]).isdigit():
        yield _raises(
            name,
            UsageError,
            lambda: make_wallet(entry["mnemonic"], now_ns=0, count=int(entry["numaccounts"])),
        )


def _unreadable(entry: dict[str, Any]) -> Case:
    data = entry["file_text"].encode()
    return _raises(f"read: {entry['why']}", WalletError, lambda: parse_file(data))


def _derived(data: dict[str, Any]) -> Iterator[Case]:
    for number, entry in enumerate(data["derive"]):
        try:
            ours = derive_key(bytes.fromhex(entry["seed"]), entry["path"]).hex()
        except WalletError:
            ours = ""
        yield compare(f"derive {number}", ours, "" if entry["error"] else entry["key"])
    for number, entry in enumerate(data["mnemonics"]):
        yield compare(f"mnemonic {number}", *_mnemonic(entry))
    for number, entry in enumerate(data["multisig_vesting_vault"]):
        yield compare(f"templates {number}", *_templates(entry))
    for number, entry in enumerate(data["address_text_hrp_sm"]):
        try:
            result = (decode_address(entry["text"], "sm").hex(), "")
        except UsageError as error:
            result = (entry["address"], str(error))
        yield compare(f"address {number}", result, (entry["address"], entry["error"]))


def _mnemonic(entry: dict[str, Any]) -> tuple[object, object]:
    seed = make_seed(entry["mnemonic"])
    keys = [derive_key(seed, account["path"]) for account in entry["accounts"]]
    ours = {
        "mnemonic": make_mnemonic(bytes.fromhex(entry["entropy"])),
        "entropy": entry["entropy"],
        "seed": seed.hex(),
        "master_path": entry["master_path"],
        "master": derive_key(seed, entry["master_path"]).hex(),
        "accounts": [
            {
                "path": account["path"],
                "private": key.hex(),
                "public": public_key_of(key).hex(),
                **{
                    prefix: encode_address(prefix, wallet_address(public_key_of(key)))
                    for prefix in PREFIXES
                },
            }
            for account, key in zip(entry["accounts"], keys, strict=True)
        ],
    }
    return ours, entry


def _templates(entry: dict[str, Any]) -> tuple[object, object]:
    keys = [bytes.fromhex(key) for key in entry["keys"]]
    owner = vesting_address(entry["required"], keys)
    terms = VaultSpawnArguments(
        owner=owner,
        total_amount=entry["total"],
        initial_unlock_amount=entry["initial"],
        vesting_start=entry["start"],
        vesting_end=entry["end"],
    )
    addresses = {
        "multisig": multisig_address(entry["required"], keys),
        "vesting": owner,
        "vault": vault_address(terms),
    }
    prefixes = [prefix for prefix in PREFIXES if prefix in entry]
    ours = {
        prefix: {name: encode_address(prefix, address) for name, address in addresses.items()}
        for prefix in prefixes
    }
    return ours, {prefix: entry[prefix] for prefix in prefixes}


def _genesis(name: str, entry: dict[str, Any]) -> Case:
    """Compute the addresses of one ``genesis verify`` dialogue from what was typed.

    smcli wraps the amount and takes zero signatures.  With more than ten keys it prints the
    address of an account that cannot exist, where the library refuses.
    """
    typed = [line.strip() for line in entry["stdin"]]
    keys, answers = typed[: typed.index("")], typed[typed.index("") + 1 :]

    def addresses() -> list[str]:
        required = int(answers.pop(0)) if len(keys) > 1 else 1
        public_keys = [_public_key(key) for key in keys]
        total = int(answers.pop(0)) * SMIDGE_PER_SMH & MAX_U64
        multisig_arguments(max(required, 1), public_keys)
        grant = genesis_vault(required, public_keys, total)
        return [encode_address("sm", address) for address in (grant.vesting, grant.vault)]

    if entry["exit"] or len(keys) > MAX_KEYS:
        return _raises(name, (SpacemeshError, ValueError, IndexError), addresses)
    recorded = [
        words[-1]
        for words in map(str.split, entry["stdout"].splitlines())
        if words[-2:-1] == ["address:"]
    ]
    return compare(name, addresses(), recorded)


def _public_key(text: str) -> bytes:
    key = bytes.fromhex(text)
    if len(key) != hashlib.sha256().digest_size:
        raise ValueError(f"key of {len(key)} bytes")
    return key


def _raises(
    name: str,
    errors: type[Exception] | tuple[type[Exception], ...],
    function: Callable[[], object],
) -> Case:
    try:
        function()
    except errors:
        return Case(name)
    return Case(name, "accepted, recorded as refused")


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _form(document: Any) -> object:
    """Return a file without what is random or differs by design (the label of the hash)."""
    crypto = document["crypto"]
    derivation = dict(crypto["kdfparams"], hash="")
    return (
        list(document),
        document["meta"],
        list(crypto),
        crypto["cipher"],
        len(crypto["cipherText"]),
        {name: len(text) for name, text in crypto["cipherParams"].items()},
        crypto["kdf"],
        list(derivation.items()),
    )


FAMILIES = (Family("wallet", ("wallet/*.json",), check),)
