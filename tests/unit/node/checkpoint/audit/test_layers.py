"""Layers that are missing, or say that they are applied and are not."""

from node.checkpoint.audit.findings import ObjectKind
from tests.support.audits import Recorded, unchecked

K = ObjectKind


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


def test_a_number_with_a_fraction_is_no_number(chain: Recorded) -> None:
    chain.run("UPDATE accounts SET balance = 1.5 WHERE layer_updated = 21")
    assert (K.ACCOUNT, "form of the row") in chain.differences()
