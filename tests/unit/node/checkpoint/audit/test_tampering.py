"""One changed column or byte in every kind of object: found, with the object and the rule."""

from collections.abc import Callable
from typing import Any

import pytest

from node.checkpoint.audit.findings import ObjectKind
from tests.support.audits import Recorded


def flip(place: int = 0) -> Callable[[bytes], bytes]:
    """Return what flips a bit of one byte; negative places count from the end."""

    def change(value: bytes) -> bytes:
        changed = bytearray(value)
        changed[place] ^= 0x10
        return bytes(changed)

    return change


def add(number: int) -> Callable[[int], int]:
    """Return what adds a number."""
    return lambda value: value + number


K = ObjectKind

Change = tuple[str, str, Callable[[Any], Any], ObjectKind, str]
"""Table, column, what is done to the value, and what has to be found."""
Place = tuple[str, str, str, Callable[[Any], Any], ObjectKind, str]
"""The same with the condition that selects the row, after the column."""
LAST = "layer = 22"
SINGLE = "1"
CHANGES: list[Place] = [
    ("poets", "ref", SINGLE, flip(3), K.POET, "identifier"),
    ("poets", "poet", SINGLE, flip(5000), K.POET, "identifier"),
    ("poets", "poet", SINGLE, flip(-1), K.POET, "signature"),
    ("poets", "poet", SINGLE, flip(-80), K.POET, "sequential work"),
    ("poets", "poet", SINGLE, lambda _: b"", K.POET, "form of the row"),
    ("poets", "service_id", SINGLE, flip(), K.POET, "service"),
    ("poets", "round_id", SINGLE, flip(), K.POET, "round"),
    ("atx_blobs", "id", SINGLE, flip(), K.ATX_BLOB, "identifier"),
    ("atx_blobs", "atx", SINGLE, flip(5), K.ATX_BLOB, "identifier"),
    ("atx_blobs", "atx", SINGLE, flip(-5), K.ATX_BLOB, "signature"),
    ("atx_blobs", "atx", SINGLE, lambda value: value[:-1], K.ATX_BLOB, "encoding"),
    ("atx_blobs", "version", SINGLE, lambda _: 2, K.ATX_BLOB, "version"),
    ("atxs", "id", SINGLE, flip(), K.ATX, "identifier"),
    ("atxs", "epoch", SINGLE, add(4), K.ATX, "publish epoch"),
    ("atxs", "effective_num_units", SINGLE, add(1), K.ATX, "space units"),
    ("atxs", "commitment_atx", SINGLE, flip(), K.ATX, "commitment ATX"),
    ("atxs", "nonce", SINGLE, add(1), K.ATX, "VRF nonce of the smesher"),
    ("atxs", "base_tick_height", SINGLE, add(1), K.ATX, "base tick height"),
    ("atxs", "tick_count", SINGLE, add(1), K.ATX, "ticks"),
    ("atxs", "sequence", SINGLE, add(1), K.ATX, "sequence"),
    ("atxs", "pubkey", SINGLE, flip(), K.ATX, "smesher"),
    ("atxs", "coinbase", SINGLE, flip(), K.ATX, "coinbase"),
    ("atxs", "weight", SINGLE, add(1), K.ATX, "weight"),
    ("atxs", "validity", SINGLE, lambda _: 2, K.ATX, "validity"),
    ("atxs", "marriage_atx", SINGLE, lambda _: b"m" * 32, K.ATX, "marriage ATX"),
    ("posts", "atxid", SINGLE, flip(), K.POST, "row of the PoST"),
    ("posts", "pubkey", SINGLE, flip(), K.POST, "smesher"),
    ("posts", "prev_atxid", SINGLE, lambda _: b"p" * 32, K.POST, "previous ATX"),
    ("posts", "prev_atx_index", SINGLE, add(1), K.POST, "previous ATX index"),
    ("posts", "units", SINGLE, add(1), K.POST, "space units"),
    ("posts", "publish_epoch", SINGLE, add(1), K.POST, "publish epoch"),
    ("ballots", "id", LAST, flip(), K.BALLOT, "identifier"),
    ("ballots", "id", LAST, flip(-1), K.BALLOT, "form of the row"),
    ("ballots", "atx", LAST, flip(), K.BALLOT, "ATX"),
    ("ballots", "layer", LAST, add(1), K.BALLOT, "layer"),
    ("ballots", "pubkey", LAST, flip(), K.BALLOT, "smesher"),
    ("ballots", "ballot", LAST, flip(10), K.BALLOT, "identifier"),
    ("ballots", "ballot", LAST, flip(-100), K.BALLOT, "eligibility proofs"),
    ("blocks", "id", LAST, flip(), K.BLOCK, "identifier"),
    ("blocks", "layer", LAST, add(1), K.BLOCK, "layer"),
    ("blocks", "validity", "layer = 21", lambda _: -1, K.BLOCK, "validity"),
    ("blocks", "validity", "layer = 21", lambda _: None, K.BLOCK, "validity"),
    ("blocks", "block", LAST, flip(-3), K.BLOCK, "identifier"),
    ("certificates", "layer", LAST, add(1), K.CERTIFICATE, "block"),
    ("certificates", "block", LAST, flip(), K.CERTIFICATE, "block of the certificate"),
    ("certificates", "cert", LAST, flip(3), K.CERTIFICATE, "block of the certificate"),
    ("certificates", "cert", LAST, flip(30), K.CERTIFICATE, "signature"),
    ("certificates", "cert", LAST, flip(-1), K.CERTIFICATE, "signature"),
    ("certificates", "valid", LAST, lambda _: 0, K.CERTIFICATE, "validity"),
    ("accounts", "address", "layer_updated = 21", flip(20), K.ACCOUNT, "version"),
    ("accounts", "balance", "layer_updated = 21", add(1), K.ACCOUNT, "balance"),
    ("accounts", "next_nonce", "layer_updated = 21", add(1), K.ACCOUNT, "nonce"),
    ("accounts", "layer_updated", "layer_updated = 21", add(9), K.ACCOUNT, "version"),
    ("accounts", "template", "template NOT NULL", flip(), K.ACCOUNT, "template"),
    ("accounts", "state", "state NOT NULL", flip(), K.ACCOUNT, "state"),
    ("rewards", "pubkey", LAST, flip(), K.REWARD, "reward"),
    ("rewards", "coinbase", LAST, flip(), K.REWARD, "coinbase"),
    ("rewards", "layer", LAST, add(1), K.REWARD, "reward"),
    ("rewards", "total_reward", LAST, add(1), K.REWARD, "total reward"),
    ("rewards", "layer_reward", LAST, add(1), K.REWARD, "layer reward"),
]


@pytest.mark.parametrize(
    "place",
    CHANGES,
    ids=[f"{number} {row[0]}.{row[1]}" for number, row in enumerate(CHANGES)],
)
def test_a_change_is_found(chain: Recorded, place: Place) -> None:
    table, column, where, change, kind, rule = place
    (rowid,) = chain.run(f"SELECT rowid FROM {table} WHERE {where} LIMIT 1")[0]
    chain.rewrite(table, column, f"rowid = {rowid}", change)
    assert (kind, rule) in chain.differences()


KEYED = {
    "layers": "id = 21",
    "activesets": "1",
    "beacons": "1",
    "transactions": "1",
    "block_transactions": "1",
    "proposal_transactions": "1",
    "transactions_results_addresses": "1",
}
CHANGES_BY_KEY: list[Change] = [
    ("layers", "id", add(90), K.LAYER, "layer of its block"),
    ("layers", "processed", lambda _: 2, K.LAYER, "form of the row"),
    ("layers", "applied_block", flip(), K.LAYER, "applied block"),
    ("layers", "state_hash", flip(), K.LAYER, "state root"),
    ("layers", "aggregated_hash", flip(), K.LAYER, "mesh hash"),
    ("activesets", "id", flip(), K.ACTIVE_SET, "digest"),
    ("activesets", "active_set", flip(4), K.ACTIVE_SET, "digest"),
    ("activesets", "epoch", add(1), K.ACTIVE_SET, "epoch"),
    ("beacons", "epoch", add(7), K.BEACON, "beacon"),
    ("beacons", "beacon", flip(), K.BEACON, "beacon"),
    ("transactions", "id", flip(), K.TRANSACTION, "identifier"),
    ("transactions", "tx", flip(-1), K.TRANSACTION, "identifier"),
    ("transactions", "header", flip(30), K.TRANSACTION, "header"),
    ("transactions", "result", flip(1), K.TRANSACTION, "form of the row"),
    ("transactions", "layer", add(1), K.TRANSACTION, "layer"),
    ("transactions", "block", flip(), K.TRANSACTION, "block"),
    ("transactions", "principal", flip(), K.TRANSACTION, "principal"),
    ("transactions", "nonce", flip(-1), K.TRANSACTION, "nonce"),
    ("block_transactions", "tid", flip(), K.BLOCK_TRANSACTION, "held by its block"),
    ("block_transactions", "bid", flip(), K.BLOCK_TRANSACTION, "row for each of a block"),
    ("block_transactions", "layer", add(1), K.BLOCK_TRANSACTION, "layer"),
    ("proposal_transactions", "tid", flip(), K.PROPOSAL_TRANSACTION, "transaction"),
    ("proposal_transactions", "pid", flip(), K.PROPOSAL_TRANSACTION, "order of the block"),
    ("proposal_transactions", "layer", add(9), K.PROPOSAL_TRANSACTION, "ballot"),
    ("transactions_results_addresses", "address", flip(), K.TOUCHED_ACCOUNT, "account"),
    ("transactions_results_addresses", "tid", flip(), K.TOUCHED_ACCOUNT, "touched accounts"),
]


@pytest.mark.parametrize(
    "made",
    CHANGES_BY_KEY,
    ids=[f"{row[0]}.{row[1]}" for row in CHANGES_BY_KEY],
)
def test_a_change_in_a_table_without_row_numbers_is_found(chain: Recorded, made: Change) -> None:
    table, column, change, kind, rule = made
    where = KEYED[table]
    value = chain.value(f"SELECT {column} FROM {table} WHERE {where}")
    condition = f"{where} AND {column} = ?"
    chain.run(f"UPDATE {table} SET {column} = ? WHERE {condition}", change(value), value)
    assert (kind, rule) in chain.differences()


DELETIONS = [
    ("poets", "1", K.POET, "in the file"),
    ("atxs", "1", K.ATX, "in the file"),
    ("atx_blobs", "1", K.ATX_BLOB, "in the file"),
    ("posts", "1", K.POST, "row of the PoST"),
    ("ballots", "layer = 20", K.BALLOT, "in the file"),
    ("ballots", "layer = 21", K.BALLOT, "in the file"),
    ("beacons", "1", K.BEACON, "beacon"),
    ("blocks", "layer = 21", K.BLOCK, "in the file"),
    ("layers", "id = 20", K.LAYER, "in the file"),
    ("layers", "id = 21", K.LAYER, "in the file"),
    ("accounts", "layer_updated = 21", K.ACCOUNT, "version"),
    ("rewards", "layer = 21", K.REWARD, "reward"),
    ("transactions", "layer = 21", K.TRANSACTION, "in the file"),
    ("block_transactions", "layer = 21", K.BLOCK_TRANSACTION, "row for each of a block"),
    ("transactions_results_addresses", "1", K.TOUCHED_ACCOUNT, "touched accounts"),
]


@pytest.mark.parametrize(
    ("table", "where", "kind", "rule"),
    DELETIONS,
    ids=[f"{number} {row[0]}" for number, row in enumerate(DELETIONS)],
)
def test_a_missing_row_is_found(
    chain: Recorded, table: str, where: str, kind: ObjectKind, rule: str
) -> None:
    chain.run(f"DELETE FROM {table} WHERE {where}")
    assert (kind, rule) in chain.differences()


SECOND: list[Change] = [
    ("atx_blobs", "version", lambda _: 1, K.ATX_BLOB, "version"),
    ("atx_blobs", "atx", flip(40), K.ATX_BLOB, "identifier"),
    ("atx_blobs", "atx", flip(-1), K.ATX_BLOB, "signature"),
    ("atxs", "effective_num_units", add(1), K.ATX, "space units"),
    ("atxs", "nonce", add(1), K.ATX, "VRF nonce of the smesher"),
    ("atxs", "weight", add(1), K.ATX, "weight"),
    ("posts", "prev_atxid", flip(), K.POST, "previous ATX"),
]


@pytest.mark.parametrize(
    "made",
    SECOND,
    ids=[f"{number} {row[0]}.{row[1]}" for number, row in enumerate(SECOND)],
)
def test_a_change_in_an_atx_of_version_2_is_found(second: Recorded, made: Change) -> None:
    table, column, change, kind, rule = made
    identifier = second.value("SELECT id FROM atxs WHERE epoch = 5")
    key = "atxid" if table == "posts" else "id"
    second.rewrite(table, column, f"{key} = x'{identifier.hex()}'", change)
    report = second.audit()
    assert (report.findings[0].kind, report.findings[0].rule) == (kind, rule)
    assert report.findings[0].id == identifier.hex()


def test_a_changed_proof_of_misbehaviour_is_found(malfeasance: Recorded) -> None:
    malfeasance.rewrite("identities", "proof", "1", flip(-1))
    assert malfeasance.differences() == [(K.MALFEASANCE, "misbehaviour")]


def test_a_proof_against_somebody_else_is_found(malfeasance: Recorded) -> None:
    malfeasance.rewrite("identities", "pubkey", "1", flip())
    assert malfeasance.differences() == [(K.MALFEASANCE, "culprit")]


def test_a_missing_proof_shows_in_what_it_proves(malfeasance: Recorded) -> None:
    malfeasance.run("DELETE FROM identities")
    assert malfeasance.differences() == [(K.MALFEASANCE, "in the file")]


def test_a_damaged_proof_is_found(malfeasance: Recorded) -> None:
    malfeasance.rewrite("identities", "proof", "1", lambda value: value[:-1])
    assert malfeasance.differences() == [(K.MALFEASANCE, "encoding")]


def test_a_malformed_identifier_is_told_with_its_row(chain: Recorded) -> None:
    chain.run("UPDATE atxs SET coinbase = x'00'")
    finding = chain.audit().findings[0]
    assert (finding.kind, finding.rule) == (K.ATX, "form of the row")
    assert finding.id == chain.value("SELECT id FROM atxs").hex()
    assert "column coinbase" in finding.ours


def test_a_single_finding_names_the_object_in_full(chain: Recorded) -> None:
    chain.run("UPDATE accounts SET balance = balance + 1 WHERE layer_updated = 0 AND rowid = 1")
    report = chain.audit()
    (finding,) = report.findings
    address = chain.value("SELECT address FROM accounts WHERE rowid = 1")
    balance = chain.value("SELECT balance FROM accounts WHERE rowid = 1")
    assert finding.id == f"{address.hex()} in layer 0"
    assert (finding.ours, finding.recorded) == (str(balance - 1), str(balance))
    (summary,) = (one for one in report.kinds if one.kind is K.ACCOUNT)
    assert summary.findings == {"balance": 1}
