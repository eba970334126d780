"""Blocks that are named as they should be, and break a rule all the same."""

from dataclasses import replace
from typing import Any

import pytest

from node.base import scale
from node.checkpoint.audit.ballots import BallotChecker
from node.checkpoint.audit.blocks import BlockChecker
from node.checkpoint.audit.findings import ObjectKind
from node.store.statesql import state_rows
from node.types.block import Block, RationalWeight
from node.types.ids import (
    PADDED_SIZE,
    AtxID,
    TransactionID,
)
from tests.support.audits import Recorded, surroundings, told_by, unchecked

K = ObjectKind
UNKNOWN = AtxID(b"u" * 32)


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
        checker.check(context.look(state_rows.BLOCKS, "layer = 21"))
        assert ("in the file", f"of ATX {block.rewards[0].atx_id.hex()} in layer 21") not in [
            (rule, name) for _, rule, name in told_by(context)
        ]
    chain.run("UPDATE certificates SET cert = NULL")
    chain.run("DELETE FROM ballots WHERE layer = 21")
    with surroundings(chain) as context:
        checker = BlockChecker(context, BallotChecker(context))
        checker.check(context.look(state_rows.BLOCKS, "layer = 21"))
        assert (
            K.BALLOT,
            "in the file",
            f"of ATX {block.rewards[0].atx_id.hex()} in layer 21",
        ) in told_by(context)
