"""Misbehaviour: proofs that convict nobody, and deeds without a proof."""

from dataclasses import replace
from typing import Any

from node.base import scale
from node.checkpoint.audit.findings import ObjectKind
from node.checkpoint.audit.identities import check_succession
from node.consensus.malfeasance.wire import InvalidPostIndex, MalfeasanceProof
from node.crypto.domains import Domain
from node.types.atx_v1 import ActivationTxV1
from node.types.ids import (
    SmesherID,
)
from node.types.layer import LayerID
from tests.support.audits import Found, Recorded, chain_signer, surroundings, told_by

K = ObjectKind


def sign_atx(wire: ActivationTxV1, **changes: Any) -> ActivationTxV1:
    """Return an ATX with other signed fields, signed anew."""
    changed = replace(wire, inner=replace(wire.inner, **changes))
    return replace(changed, signature=chain_signer().sign(Domain.ATX, changed.signed_bytes()))


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
