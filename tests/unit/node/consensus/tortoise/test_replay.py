"""Replaying traces, and what a difference looks like."""

import lzma
from pathlib import Path

import pytest

from node.base.errors import RejectError
from node.consensus.tortoise.replay import Replay, Restart
from node.types.ids import Hash32
from node.types.layer import LayerID
from tests.support.tortoise_network import ballot_id

DATA = Path(__file__).parents[4] / "data/vectors/tortoise"


def lines_of(name: str) -> list[str]:
    with lzma.open(DATA / name, "rt") as file:
        return file.read().splitlines()


def test_a_trace_begins_with_the_parameters() -> None:
    with pytest.raises(RejectError, match="does not begin with the parameters"):
        list(Replay().run(lines_of("mini.jsonl.xz")[1:]))


def test_a_difference_names_line_and_event() -> None:
    lines = lines_of("mini.jsonl.xz")
    number = next(n for n, line in enumerate(lines, 1) if '"t":8' in line)
    lines[number - 1] = lines[number - 1].replace("0xaf1349b9", "0xaf1349b8")
    wrong = [outcome for outcome in Replay().run(lines) if not outcome.equal]
    assert [(outcome.line, outcome.event) for outcome in wrong] == [(number, "EncodeEvent")]


def test_a_ballot_that_was_not_decoded_cannot_be_stored() -> None:
    lines = [line for line in lines_of("mini.jsonl.xz") if '"t":6' not in line]
    stored = [o.ours for o in Replay().run(lines) if o.event == "StoreEvent"]
    assert stored[0] == f"ballot {ballot_id(8, 1)} was not decoded"


def test_a_restart_is_parsed() -> None:
    start, verified = "01" * 32, "02" * 32
    assert Restart.parse(f"32 {start} {verified}\n42 44\n") == Restart(
        last=LayerID(44),
        verified=LayerID(42),
        window=(LayerID(32), Hash32(b"\x01" * 32), Hash32(b"\x02" * 32)),
    )
    assert Restart.parse("-1 9\n") == Restart(last=LayerID(9), verified=None, window=None)


def test_a_restart_without_a_window_resumes_at_genesis() -> None:
    lines = lines_of("mini.jsonl.xz")
    replay = Replay(Restart.parse("-1 9"))
    list(replay.run(lines[:1]))
    state = replay.tortoise.describe()
    assert (state.last, state.verified, state.evicted) == (9, 0, 6)


def test_ballots_that_are_refused_do_not_stop_a_replay() -> None:
    lines = lines_of("mini.jsonl.xz")
    ballots = [line.replace('"t":6', '"t":5') for line in lines if '"t":6' in line]
    replay = Replay()
    list(replay.run(lines + ballots))
    assert replay.tortoise.has_ballot(ballot_id(17, 1))
