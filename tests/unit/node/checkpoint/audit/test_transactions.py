"""Transactions that wait, those with results, and the tables that link them."""

import json
from dataclasses import replace

from node.base import scale
from node.checkpoint.audit.findings import ObjectKind
from node.types.address import Address
from node.types.ids import (
    NO_BLOCK,
)
from node.types.layer import LayerID
from node.types.transaction import RawTransaction, TransactionHeader, TransactionResult
from node.vm import sdk
from node.vm.parsing import parse
from node.vm.registry import load_instance
from node.vm.templates.base import Instance
from tests.support.audits import (
    DATA,
    Recorded,
    unchecked,
)

K = ObjectKind


def spend(chain: Recorded) -> tuple[bytes, TransactionHeader]:
    """Return a transaction of a spawned wallet that waits, with its header."""
    meta = json.loads((DATA / "vectors" / "chain" / "meta.json").read_text(encoding="utf-8"))
    key = bytes.fromhex(meta["spec"]["keys"][0]["priv"])
    genesis_id = bytes.fromhex(meta["accounts"]["genesis_id"])
    principal = sdk.wallet_address(key[32:])
    body = sdk.spend(principal, principal, 5, nonce=100, gas_price=1)
    raw = sdk.sign(body, genesis_id, key)
    return raw, header_of(chain, raw)


def header_of(chain: Recorded, raw: bytes) -> TransactionHeader:
    """Return the header of a transaction in the state at the end of the file."""

    def find(address: Address) -> Instance | None:
        found = chain.run(
            "SELECT template, state FROM accounts WHERE address = ? AND template NOT NULL "
            "ORDER BY layer_updated DESC",
            address,
        )
        return load_instance(Address(found[0][0]), found[0][1]) if found else None

    return parse(raw, find).header


def insert(chain: Recorded, raw: bytes, header: TransactionHeader | None) -> None:
    """Put a transaction that waits into the file, instead of the one before."""
    chain.run("DELETE FROM transactions WHERE result IS NULL")
    chain.run(
        "INSERT INTO transactions VALUES (?, ?, ?, NULL, NULL, NULL, ?, ?, 5)",
        RawTransaction.of(raw).id,
        raw,
        None if header is None else scale.encode(header),
        None if header is None else header.principal,
        None if header is None else header.nonce.to_bytes(8, "big"),
    )


def test_transactions_that_wait_are_checked_by_the_newest_state(chain: Recorded) -> None:
    raw, header = spend(chain)
    insert(chain, raw, header)
    report = chain.audit()
    assert (report.findings, unchecked(report, K.TRANSACTION)) == ((), {"when it was received": 11})
    insert(chain, raw, replace(header, max_gas=header.max_gas + 1))
    assert chain.differences() == [(K.TRANSACTION, "header")]
    forged = raw[:-1] + bytes((raw[-1] ^ 1,))
    insert(chain, forged, header)
    assert chain.differences() == [(K.TRANSACTION, "signature")]
    insert(chain, raw, None)
    assert unchecked(chain.audit(), K.TRANSACTION)["signature: it was never judged"] == 1
    insert(chain, b"\x00" + bytes(24) + b"\x40", None)
    skipped = unchecked(chain.audit(), K.TRANSACTION)
    assert skipped["header: the state has changed since"] == 1
    insert(chain, raw, header)
    chain.run("UPDATE transactions SET id = zeroblob(32) WHERE result IS NULL")
    report = chain.audit()
    assert [(f.kind, f.rule) for f in report.findings] == [(K.TRANSACTION, "identifier")]
    assert unchecked(report, K.TRANSACTION)["header: its bytes are damaged"] == 1


def test_a_transaction_without_its_result_is_found(chain: Recorded) -> None:
    chain.run("UPDATE transactions SET result = NULL, layer = NULL, block = NULL WHERE layer = 22")
    assert (K.TRANSACTION, "result") in chain.differences()


def test_results_of_layers_that_did_not_apply_them_are_found(chain: Recorded) -> None:
    raw, header = spend(chain)
    insert(chain, raw, header)
    result = TransactionResult(
        status=0,
        message="",
        gas=1,
        fee=1,
        block=NO_BLOCK,
        layer=LayerID(22),
        addresses=(header.principal,),
    )
    for layer, found in (
        (22, (K.TRANSACTION, "result")),
        (20, (K.TRANSACTION, "layer of the result")),
    ):
        moved = replace(result, layer=LayerID(layer))
        chain.run(
            "UPDATE transactions SET result = ?, layer = ?, block = zeroblob(20) WHERE tx = ?",
            scale.encode(moved),
            layer,
            raw,
        )
        assert found in chain.differences()


def test_a_changed_order_of_transactions_is_found(chain: Recorded) -> None:
    tids = chain.run("SELECT tid FROM proposal_transactions WHERE layer = 22")
    chain.run(
        "UPDATE transactions SET header = NULL, principal = NULL, nonce = NULL WHERE id = ?",
        *tids[0],
    )
    report = chain.audit()
    assert unchecked(report, K.PROPOSAL_TRANSACTION) == {
        "order of the block: a header is not known": 1
    }
    chain.run("DELETE FROM proposal_transactions WHERE layer = 21")
    skipped = unchecked(chain.audit(), K.PROPOSAL_TRANSACTION)
    assert skipped["the proposals of the block are not in the file"] == 1


def test_an_account_of_no_transaction_is_found(chain: Recorded) -> None:
    address = chain.value("SELECT address FROM accounts")
    # Rows for a single one among twenty.
    rows = chain.run("SELECT tid FROM transactions_results_addresses")
    for number in range(20 - len(rows) % 20):
        tid = rows[number % len(rows)][0]
        filler = number.to_bytes(24, "big")
        chain.run("INSERT INTO transactions_results_addresses VALUES (?, ?)", filler, tid)
    chain.run("INSERT INTO transactions_results_addresses VALUES (?, ?)", address, b"t" * 32)
    assert (K.TOUCHED_ACCOUNT, "transaction") in chain.differences()


def test_accounts_of_transactions_that_were_cut_off_are_counted(chain: Recorded) -> None:
    address = chain.value("SELECT address FROM accounts")
    for number in range(5):
        tid = bytes([number]) * 32
        chain.run("INSERT INTO transactions_results_addresses VALUES (?, ?)", address, tid)
    report = chain.audit()
    assert report.findings == ()
    assert unchecked(report, K.TOUCHED_ACCOUNT) == {"its transaction is not in the file": 5}
