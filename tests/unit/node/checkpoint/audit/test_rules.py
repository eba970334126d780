"""Objects that are signed and named as they should be, and break a rule all the same."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from node.base import scale
from node.checkpoint.audit.ballots import BallotChecker
from node.checkpoint.audit.blocks import BlockChecker
from node.checkpoint.audit.context import AuditContext, KnownBlock
from node.checkpoint.audit.findings import AuditReport, Ledger, ObjectKind
from node.checkpoint.audit.identities import check_succession
from node.checkpoint.audit.run import open_audited
from node.checkpoint.audit.verdicts import Verdicts
from node.checkpoint.audit.votes import VoteChecker
from node.consensus.malfeasance.wire import InvalidPostIndex, MalfeasanceProof
from node.crypto.domains import Domain
from node.store.statesql import state_rows
from node.types.active_set import EpochActiveSet, active_set_hash
from node.types.address import Address
from node.types.atx_v1 import ActivationTxV1
from node.types.ballot import Ballot, Vote
from node.types.block import Block, RationalWeight
from node.types.certificate import Certificate
from node.types.ids import (
    NO_BLOCK,
    PADDED_SIZE,
    AtxID,
    BallotID,
    BlockID,
    Hash32,
    SmesherID,
    TransactionID,
)
from node.types.layer import EpochID, LayerID
from node.types.transaction import RawTransaction, TransactionHeader, TransactionResult
from node.vm import sdk
from node.vm.parsing import parse
from node.vm.registry import load_instance
from node.vm.templates.base import Instance
from tests.support.audits import CREW, DATA, Found, Recorded, auditor, chain_signer

K = ObjectKind
UNKNOWN = AtxID(b"u" * 32)


def ballot_of(chain: Recorded, layer: int) -> Ballot:
    """Return the recorded ballot of a layer."""
    return scale.decode(Ballot, chain.value("SELECT ballot FROM ballots WHERE layer = ?", layer))


def sign_ballot(ballot: Ballot, **changes: Any) -> Ballot:
    """Return a ballot with another signed part, signed anew."""
    changed = replace(ballot, inner=replace(ballot.inner, **changes))
    return replace(changed, signature=chain_signer().sign(Domain.BALLOT, changed.signed_bytes()))


def sign_atx(wire: ActivationTxV1, **changes: Any) -> ActivationTxV1:
    """Return an ATX with other signed fields, signed anew."""
    changed = replace(wire, inner=replace(wire.inner, **changes))
    return replace(changed, signature=chain_signer().sign(Domain.ATX, changed.signed_bytes()))


def unchecked(report: AuditReport, kind: ObjectKind) -> dict[str, int]:
    """Return what was not checked of a kind."""
    return next(dict(one.unchecked) for one in report.kinds if one.kind is kind)


# --- ballots ---


def test_a_second_ballot_in_a_layer_needs_a_proof(chain: Recorded) -> None:
    double = sign_ballot(ballot_of(chain, 22), opinion_hash=Hash32(b"o" * 32))
    chain.run(
        "INSERT INTO ballots SELECT ?, atx, layer, pubkey, ? FROM ballots WHERE layer = 22",
        double.id.ljust(PADDED_SIZE, b"\0"),
        scale.encode(double),
    )
    assert sorted(chain.differences()) == [
        (K.BALLOT, "one ballot in a layer"),
        (K.BALLOT, "opinion"),
    ]


@pytest.mark.parametrize(
    ("changes", "kind", "rule"),
    [
        ({"atx_id": UNKNOWN}, K.ATX, "in the file"),
        ({"ref_ballot": BallotID(b"r" * 20)}, K.BALLOT, "in the file"),
        ({"opinion_hash": Hash32(b"o" * 32)}, K.BALLOT, "opinion"),
        ({"ref_ballot": BallotID.zero()}, K.BALLOT, "epoch data"),
    ],
)
def test_a_signed_ballot_that_breaks_a_rule_is_found(
    chain: Recorded, changes: dict[str, Any], kind: ObjectKind, rule: str
) -> None:
    chain.put_ballot(22, sign_ballot(ballot_of(chain, 22), **changes))
    assert (kind, rule) in chain.differences()


def test_votes_that_contradict_each_other_are_found(chain: Recorded) -> None:
    ballot = ballot_of(chain, 22)
    vote = Vote(block=BlockID(b"b" * 20), layer=LayerID(21), height=5)
    wrong = replace(ballot.votes, support=(vote,), against=(vote,))
    chain.put_ballot(22, replace(ballot, votes=wrong))
    assert chain.differences() == [(K.BALLOT, "votes")] * 2


def test_a_base_ballot_of_the_same_layer_is_found(chain: Recorded) -> None:
    ballot = ballot_of(chain, 22)
    double = sign_ballot(ballot, opinion_hash=Hash32(b"o" * 32))
    chain.put_ballot(22, replace(ballot, votes=replace(ballot.votes, base=double.id)))
    assert (K.BALLOT, "votes") in chain.differences()
    late = sign_ballot(ballot_of(chain, 20), layer=LayerID(19))
    chain.put_ballot(20, late)
    assert (K.BALLOT, "layer") in chain.differences()


def test_a_ballot_without_proofs_is_found(chain: Recorded) -> None:
    chain.put_ballot(22, replace(ballot_of(chain, 22), eligibilities=()))
    assert (K.BALLOT, "eligibility") in chain.differences()


def test_another_count_of_slots_is_found(chain: Recorded) -> None:
    ballot = ballot_of(chain, 20)
    assert ballot.inner.epoch_data is not None
    data = replace(ballot.inner.epoch_data, eligibility_count=7)
    chain.put_ballot(20, sign_ballot(ballot, epoch_data=data))
    assert (K.BALLOT, "eligibility") in chain.differences()


def test_a_forgotten_active_set_is_no_difference(chain: Recorded) -> None:
    chain.run("DELETE FROM activesets")
    report = chain.audit()
    assert report.findings == ()
    assert unchecked(report, K.BALLOT) == {"its active set is not in the file": 1}
    seats = "the committee of its layer does not follow from the file"
    assert unchecked(report, K.CERTIFICATE) == {seats: 3}


def test_an_unknown_member_of_an_active_set_is_found(chain: Recorded) -> None:
    for members, found in (
        ((UNKNOWN,), [(K.ATX, "in the file")]),
        ((), [(K.ACTIVE_SET, "members")]),
        ((UNKNOWN, AtxID(b"a" * 32)), [(K.ACTIVE_SET, "order")]),
    ):
        chain.run("DELETE FROM activesets WHERE epoch = 2 AND length(active_set) != 34")
        wrong = EpochActiveSet(epoch=EpochID(2), atx_ids=tuple(members))
        chain.run(
            "INSERT INTO activesets VALUES (?, ?, 2)",
            active_set_hash(wrong.atx_ids),
            scale.encode(wrong),
        )
        assert set(found) <= set(chain.differences())
        chain.run("DELETE FROM activesets WHERE id = ?", active_set_hash(wrong.atx_ids))


def test_beacons_of_epochs_without_ballots_are_counted(chain: Recorded) -> None:
    chain.run("INSERT INTO beacons VALUES (3, x'01020304')")
    report = chain.audit()
    assert report.findings == ()
    assert unchecked(report, K.BEACON) == {"no ballot of its epoch is in the file": 1}
    chain.run("UPDATE beacons SET epoch = 7 WHERE epoch = 3")
    assert chain.differences() == [(K.BEACON, "epoch")]


# --- blocks ---


def replace_block(chain: Recorded, layer: int, **changes: Any) -> Block:
    """Put another block in the place of a layer's, wherever its identifier stands."""
    old = scale.decode(Block, chain.value("SELECT block FROM blocks WHERE layer = ?", layer))
    new = Block(inner=replace(old.inner, **changes))
    long, short = (i.ljust(PADDED_SIZE, b"\0") for i in (new.id, old.id))
    chain.run("UPDATE blocks SET id = ?, block = ? WHERE id = ?", long, scale.encode(new), short)
    chain.run("UPDATE block_transactions SET bid = ? WHERE bid = ?", long, short)
    chain.run("UPDATE layers SET applied_block = ? WHERE id = ?", new.id, layer)
    chain.run("UPDATE certificates SET block = ?, cert = NULL WHERE layer = ?", new.id, layer)
    return new


@pytest.mark.parametrize(
    ("changes", "kind", "rule"),
    [
        ({"tick_height": 77}, K.BLOCK, "tick height"),
        ({"tx_ids": (TransactionID(b"t" * 32),)}, K.TRANSACTION, "in the file"),
        ({"tx_ids": (TransactionID(b"t" * 32),) * 2}, K.BLOCK, "distinct transactions"),
        ({"rewards": ()}, K.REWARD, "reward"),
    ],
)
def test_a_block_that_breaks_a_rule_is_found(
    chain: Recorded, changes: dict[str, Any], kind: ObjectKind, rule: str
) -> None:
    replace_block(chain, 22, **changes)
    assert (kind, rule) in chain.differences()


def test_rewards_without_ballots_are_found(chain: Recorded) -> None:
    old = scale.decode(Block, chain.value("SELECT block FROM blocks WHERE layer = 22"))
    (share,) = old.rewards
    for rewards in (
        (replace(share, weight=RationalWeight(numerator=5, denominator=3)),),
        (replace(share, weight=RationalWeight(numerator=5, denominator=0)),),
        (replace(share, atx_id=UNKNOWN),),
        (share, share),
    ):
        replace_block(chain, 22, rewards=rewards)
        rules = {rule for kind, rule in chain.differences() if kind is K.BLOCK}
        assert rules & {"rewards", "order of rewards"}, rewards


def test_a_block_that_nobody_knows_by_its_content_is_not_applied(chain: Recorded) -> None:
    chain.rewrite("blocks", "block", "layer = 22", lambda blob: blob[:-1] + b"\x01")
    report = chain.audit()
    assert [(f.kind, f.rule) for f in report.findings] == [(K.BLOCK, "identifier")]
    assert unchecked(report, K.LAYER)["its block cannot be applied"] == 1


def test_hare_and_tortoise_tell_which_block_counts(chain: Recorded) -> None:
    chain.run("UPDATE layers SET applied_block = zeroblob(20) WHERE id = 21")
    assert (K.LAYER, "applied block") in chain.differences()
    chain.run("UPDATE certificates SET block = zeroblob(20), cert = NULL WHERE layer = 21")
    assert (K.BLOCK, "validity") in chain.differences()


# --- certificates ---


def test_two_valid_certificates_in_a_layer_are_found(chain: Recorded) -> None:
    chain.run("INSERT INTO certificates VALUES (22, zeroblob(20), NULL, 1)")
    found = chain.differences()
    assert (K.CERTIFICATE, "one valid in a layer") in found
    chain.run("UPDATE certificates SET valid = 0 WHERE layer = 22 AND block = zeroblob(20)")
    report = chain.audit()
    assert report.findings == ()
    assert unchecked(report, K.CERTIFICATE) == {"no certificate stands beside hare's output": 1}


def test_seats_and_subjects_of_messages_are_checked(chain: Recorded) -> None:
    blob = chain.value("SELECT cert FROM certificates WHERE layer = 22")
    certificate = scale.decode(Certificate, blob)
    (message,) = certificate.signatures
    for changes, rules in (
        ({"eligibility_count": 1}, {"seats"}),
        ({"block_id": NO_BLOCK}, {"subject of a message"}),
        ({"layer": LayerID(21)}, {"subject of a message", "VRF proof"}),
    ):
        content = replace(message.content, **changes)
        changed = replace(message, content=content)
        signature = chain_signer().sign(Domain.HARE, changed.signed_bytes())
        wrong = replace(certificate, signatures=(replace(changed, signature=signature),))
        chain.run("UPDATE certificates SET cert = ? WHERE layer = 22", scale.encode(wrong))
        assert {rule for _, rule in chain.differences()} == rules
    twice = replace(certificate, signatures=(message, message))
    chain.run("UPDATE certificates SET cert = ? WHERE layer = 22", scale.encode(twice))
    assert chain.differences() == [(K.CERTIFICATE, "distinct certifiers")]


def test_certificates_of_layers_that_are_not_reached_are_found(chain: Recorded) -> None:
    chain.run("UPDATE certificates SET layer = 60 WHERE layer = 20")
    assert (K.CERTIFICATE, "layer") in chain.differences()


def test_certificates_of_epochs_without_a_beacon_are_counted(chain: Recorded) -> None:
    chain.run("DELETE FROM beacons")
    chain.run("DELETE FROM ballots")
    report = chain.audit()
    assert unchecked(report, K.CERTIFICATE) == {"the beacon of its epoch is not in the file": 3}


# --- proofs of misbehaviour ---


def accuse(chain: Recorded, wire: ActivationTxV1, index: int) -> list[Found]:
    """Accuse an ATX of a wrong label; return what is found about the accusation."""
    proof = MalfeasanceProof(
        layer=LayerID(10), data=InvalidPostIndex(atx=wire, invalid_index=index)
    )
    chain.run("DELETE FROM identities")
    chain.run("INSERT INTO identities VALUES (?, ?, 5)", wire.smesher, scale.encode(proof))
    return [found for found in chain.differences() if found[0] is K.MALFEASANCE]


def test_a_label_that_is_said_to_be_wrong_is_computed(chain: Recorded) -> None:
    wire = scale.decode(ActivationTxV1, chain.value("SELECT atx FROM atx_blobs"))
    assert accuse(chain, wire, 0) == [(K.MALFEASANCE, "PoST of the proof")]
    # Of the index that is named, not of others; one that is not there convicts nobody.
    nipost = wire.inner.nipost
    assert nipost is not None
    assert nipost.post is not None
    post = replace(nipost.post, indices=nipost.post.indices[:3] + b"\xff")
    wrong = sign_atx(wire, nipost=replace(nipost, post=post))
    told = [bool(accuse(chain, wrong, index)) for index in range(5)]
    assert told == [True, True, True, False, True]
    lacking = sign_atx(wire, nipost=replace(nipost, post=None))
    assert accuse(chain, lacking, 0) == [(K.MALFEASANCE, "misbehaviour")]


# --- transactions ---


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


def test_layers_that_are_not_applied_yet_are_counted(chain: Recorded) -> None:
    chain.run("INSERT INTO layers VALUES (23, NULL, 1, NULL, NULL, NULL)")
    report = chain.audit()
    assert report.findings == ()
    assert unchecked(report, K.LAYER)["not applied yet"] == 1


def test_two_missing_layers_are_told_once(chain: Recorded) -> None:
    chain.run("DELETE FROM layers WHERE id IN (20, 21)")
    report = chain.audit()
    assert [(f.kind, f.rule, f.id) for f in report.findings] == [(K.LAYER, "in the file", "20")]
    chain.run("UPDATE layers SET id = 400 WHERE id = 22")
    chain.run("UPDATE layers SET applied_block = zeroblob(20) WHERE id = 400")
    assert (K.LAYER, "in the file") in chain.differences()


def test_a_missing_layer_that_is_not_named_by_anything_shows_at_the_next(chain: Recorded) -> None:
    chain.run("DELETE FROM layers WHERE id = 20")
    chain.run("DELETE FROM certificates WHERE layer = 20")
    report = chain.audit()
    assert [(f.kind, f.rule, f.id, f.ours) for f in report.findings] == [
        (K.LAYER, "in the file", "20", "named by the sequence: layer 21 comes next"),
        (K.LAYER, "place in the sequence", "21", "20"),
    ]


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


# --- votes, successions, beacons ---


@contextmanager
def surroundings(recorded: Recorded, *, valid: bool = True) -> Iterator[AuditContext]:
    """Lend what earlier checkers leave, with a decision about the block of layer 21."""
    with open_audited(recorded.path) as file:
        context = AuditContext(
            file=file,
            parameters=auditor(recorded.config).parameters,
            ledger=Ledger(),
            verdicts=Verdicts(CREW),
            report=lambda *_: None,
        )
        for row in context.look(state_rows.BLOCKS, "1"):
            decided = valid if row.layer == LayerID(21) else row.valid
            known = KnownBlock(row.id, row.block.tick_height, decided)
            context.facts.blocks.setdefault(row.layer, []).append(known)
        for certificate in context.look(state_rows.CERTIFICATES, "1"):
            context.facts.certified.setdefault(certificate.layer, {})[certificate.block] = True
        yield context


def told_by(context: AuditContext) -> list[tuple[ObjectKind, str, str]]:
    """Return kind, rule and object of all differences."""
    return [(one.kind, one.rule, one.id) for one in context.ledger.findings]


@pytest.mark.parametrize("valid", [False, True])
def test_a_decision_against_the_votes_is_found(chain: Recorded, *, valid: bool) -> None:
    block = chain.value("SELECT hex(substr(id, 1, 20)) FROM blocks WHERE layer = 21").lower()
    with surroundings(chain, valid=valid) as context:
        VoteChecker(context).check()
        assert told_by(context) == ([] if valid else [(K.BLOCK, "votes", block)])
        assert context.ledger.tallies[K.BLOCK].checks["votes"] == 1


def test_votes_of_a_file_that_begins_with_a_checkpoint_are_not_counted(chain: Recorded) -> None:
    with surroundings(chain) as context:
        context.parameters = context.parameters.restored_at(LayerID(21))
        VoteChecker(context).check()
        told = context.ledger.tallies[K.BLOCK].unchecked
    assert dict(told) == {"votes: the file begins after genesis": 1}


def test_ballots_that_cannot_be_counted_are_told(chain: Recorded) -> None:
    chain.run("DELETE FROM ballots WHERE layer = 20")
    with surroundings(chain) as context:
        VoteChecker(context).check()
        told = context.ledger.tallies[K.BALLOT].unchecked
    assert dict(told) == {"votes: they cannot be counted": 2}


def test_two_atxs_after_the_same_one_need_a_proof(second: Recorded) -> None:
    smesher = second.value("SELECT pubkey FROM atxs WHERE epoch = 5").hex()
    newest, previous = second.run("SELECT atxid, prev_atxid FROM posts ORDER BY publish_epoch")[-1]
    with surroundings(second) as context:
        check_succession(context)
        assert told_by(context) == []
    rivals = b"r" * 32, b"l" * 32
    for number, atx in enumerate(rivals, 1):
        second.run(
            "INSERT INTO posts SELECT ?, pubkey, ?, 0, 1, ? FROM atxs WHERE id = ?",
            atx,
            previous,
            5 + number,
            newest,
        )
        second.run(
            "INSERT INTO atxs SELECT ?, epoch + ?, effective_num_units, NULL, nonce, "
            "base_tick_height, tick_count, sequence, pubkey, coinbase, received + ?, validity, "
            "NULL, weight FROM atxs WHERE id = ?",
            atx,
            number,
            number,
            newest,
        )
    with surroundings(second) as context:
        check_succession(context)
        assert told_by(context) == [(K.MALFEASANCE, "in the file", smesher)] * 2
        context.facts.malicious.add(SmesherID(bytes.fromhex(smesher)))
        check_succession(context)
        context.ledger.fail(K.POST, "one", "rule", 1, 2)
        check_succession(context)
        assert len(context.ledger.findings) == 3
        assert context.ledger.tallies[K.ATX].unchecked == {"order of ATXs: some differ": 1}


def test_nobody_need_notice_an_atx_that_came_before_the_newest(second: Recorded) -> None:
    newest, previous, smesher = second.run(
        "SELECT atxid, prev_atxid, pubkey FROM posts ORDER BY publish_epoch"
    )[-1]
    second.run("INSERT INTO posts VALUES (?, ?, ?, 0, 1, 6)", b"r" * 32, smesher, previous)
    second.run("DELETE FROM atxs WHERE id = ?", newest)
    with surroundings(second) as context:
        check_succession(context)
        assert told_by(context) == []
    second.run("UPDATE posts SET prev_atxid = ? WHERE publish_epoch = 6", b"x" * 32)
    with surroundings(second) as context:
        check_succession(context)
        assert told_by(context) == []


def test_the_first_beacon_of_a_single_node_follows_from_its_genesis(chain: Recorded) -> None:
    chain.run("UPDATE beacons SET beacon = x'01020304' WHERE epoch = 2")
    assert (K.BEACON, "beacon of the first epoch") in chain.differences()
    chain.run("UPDATE beacons SET epoch = 1")
    assert (K.BEACON, "epoch") in chain.differences()


# --- what is named, and what stands alone ---


def test_a_base_ballot_that_is_not_in_the_file_is_missed(chain: Recorded) -> None:
    base = ballot_of(chain, 21)
    chain.run("DELETE FROM ballots WHERE layer = 21")
    found = [f for f in chain.audit().findings if f.kind is K.BALLOT]
    assert (found[0].rule, found[0].id) == ("in the file", base.id.hex())


def test_a_ballot_that_names_another_base_than_its_own_is_found(chain: Recorded) -> None:
    ballot, unknown = ballot_of(chain, 22), BallotID(b"u" * 20)
    chain.put_ballot(22, replace(ballot, votes=replace(ballot.votes, base=unknown)))
    found = [f for f in chain.audit().findings if f.kind is K.BALLOT]
    assert [(one.rule, one.id) for one in found] == [
        ("in the file", unknown.hex()),
        ("votes", ballot.id.hex()),
    ]


def test_a_first_ballot_that_names_a_base_is_found(chain: Recorded) -> None:
    ballot, unknown = ballot_of(chain, 20), BallotID(b"u" * 20)
    chain.put_ballot(20, replace(ballot, votes=replace(ballot.votes, base=unknown)))
    assert (K.BALLOT, "votes", ballot.id.hex()) in [
        (one.kind, one.rule, one.id) for one in chain.audit().findings
    ]


def test_a_number_with_a_fraction_is_no_number(chain: Recorded) -> None:
    chain.run("UPDATE accounts SET balance = 1.5 WHERE layer_updated = 21")
    assert (K.ACCOUNT, "form of the row") in chain.differences()


def test_a_ballot_that_a_certified_block_rewards_is_missed(chain: Recorded) -> None:
    chain.run("DELETE FROM ballots WHERE layer = 22")
    atx = chain.value("SELECT id FROM atxs").hex()
    found = [f for f in chain.audit().findings if f.kind is K.BALLOT]
    assert [(one.rule, one.id) for one in found] == [("in the file", f"of ATX {atx} in layer 22")]
    chain.run("UPDATE certificates SET cert = NULL")
    assert (K.BLOCK, "rewards") in chain.differences()


def test_a_ballot_that_a_supported_block_rewards_is_missed(chain: Recorded) -> None:
    # Another smesher's ballot, that nobody rests on, stood beside the recorded one.
    block = scale.decode(Block, chain.value("SELECT block FROM blocks WHERE layer = 21"))
    with surroundings(chain) as context:
        checker = BlockChecker(context, BallotChecker(context))
        checker.check_epoch(EpochID(2), context.look(state_rows.BLOCKS, "layer = 21"))
        assert ("in the file", f"of ATX {block.rewards[0].atx_id.hex()} in layer 21") not in [
            (rule, name) for _, rule, name in told_by(context)
        ]
    chain.run("UPDATE certificates SET cert = NULL")
    chain.run("DELETE FROM ballots WHERE layer = 21")
    with surroundings(chain) as context:
        checker = BlockChecker(context, BallotChecker(context))
        checker.check_epoch(EpochID(2), context.look(state_rows.BLOCKS, "layer = 21"))
        assert (
            K.BALLOT,
            "in the file",
            f"of ATX {block.rewards[0].atx_id.hex()} in layer 21",
        ) in told_by(context)


def test_layers_behind_the_last_one_are_missed(chain: Recorded) -> None:
    chain.run("DELETE FROM layers WHERE id = 22")
    assert (K.LAYER, "in the file") in chain.differences()
    chain.run("DELETE FROM blocks WHERE layer = 22")
    assert (K.LAYER, "in the file") in chain.differences()


def test_a_layer_is_applied_with_saying_so_or_not_at_all(chain: Recorded) -> None:
    chain.run("UPDATE layers SET applied_block = NULL WHERE id = 20")
    assert (K.LAYER, "applied block") in chain.differences()
    chain.run("UPDATE layers SET state_hash = NULL, applied_block = NULL WHERE id = 22")
    assert (K.LAYER, "mesh hash") in chain.differences()


@pytest.mark.parametrize("value", [2, 3, 1 << 40])
def test_an_atx_that_is_not_sound_is_found(chain: Recorded, value: int) -> None:
    chain.run("UPDATE atxs SET validity = ?", value)
    assert chain.differences() == [(K.ATX, "validity")]


def test_only_atxs_out_of_a_checkpoint_have_no_bytes(chain: Recorded) -> None:
    chain.run("UPDATE atx_blobs SET atx = NULL, version = NULL")
    assert (K.ATX_BLOB, "bytes") in chain.differences()


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
