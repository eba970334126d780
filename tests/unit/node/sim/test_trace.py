"""Traces: what is written is read again, and the first difference is found."""

import gzip
from pathlib import Path

import pytest

from node.base.errors import ConfigError, UsageError
from node.base.hashing import hash32
from node.net.memory import Passage
from node.net.ports import PeerID
from node.sim.mesh_report import Departure, MeshPlan
from node.sim.trace import Messages, Recorder, reading, writing

PLAN = MeshPlan(preset="fastnet", nodes=3, epochs=2, seed=9, faults=True, adversaries=0)
A, B = PeerID("a"), PeerID("b")


def run(recorder: Recorder, *data: bytes) -> None:
    messages = Messages(recorder, lambda: 7)
    for one in data:
        messages(Passage.HEARD, A, B, "t", one)


def written(folder: Path, *data: bytes) -> Path:
    path = folder / "trace.gz"
    with writing(path, PLAN) as writer:
        run(writer, *data)
        assert writer.events == len(data)
        assert writer.departure is None
    return path


def followed(path: Path, *data: bytes) -> tuple[int, Departure | None]:
    with reading(path) as (plan, follower):
        assert plan == PLAN
        run(follower, *data)
        follower.finish()
    return follower.events, follower.departure


def test_the_same_run_follows_its_trace(tmp_path: Path) -> None:
    assert followed(written(tmp_path, b"1", b"2"), b"1", b"2") == (2, None)


def test_the_same_run_gives_the_same_file(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    first.mkdir()
    second.mkdir()
    assert written(first, b"1").read_bytes() == written(second, b"1").read_bytes()


def test_an_event_has_time_kind_places_size_and_hash(tmp_path: Path) -> None:
    with gzip.open(written(tmp_path, b"1"), "rt") as file:
        head, event = file.readlines()
    assert '"seed":9' in head
    assert event == f'[7,"heard","a","b","t",1,"{hash32(b"1")[:8].hex()}"]\n'


def test_the_first_difference_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, b"1", b"2", b"3")
    _, departure = followed(path, b"1", b"3", b"2")
    assert departure is not None
    assert departure.event == 1
    assert departure.expected != departure.happened
    assert departure.expected.startswith('[7,"heard"')


def test_a_run_that_is_longer_or_shorter_departs(tmp_path: Path) -> None:
    path = written(tmp_path, b"1")
    _, longer = followed(path, b"1", b"2")
    assert longer is not None
    assert (longer.event, longer.expected) == (1, "nothing: the trace ends before")
    _, shorter = followed(path)
    assert shorter is not None
    assert (shorter.event, shorter.happened) == (0, "nothing: the run is over")


def test_a_trace_is_not_written_over(tmp_path: Path) -> None:
    path = written(tmp_path)
    with pytest.raises(UsageError, match="cannot be written"), writing(path, PLAN):
        raise AssertionError


@pytest.mark.parametrize(
    ("head", "says"),
    [
        ("", "is not the trace"),
        ("[]\n", "is not the trace"),
        ('{"format":"smesh-sim-mesh","version":2}\n', "has version 2"),
        ('{"format":"smesh-sim-mesh","version":1}\n', "has no whole plan"),
        ('{"format":"smesh-sim-mesh","version":1,"plan":{"seed":1}}\n', "has no whole plan"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, head: str, says: str) -> None:
    path = tmp_path / "trace"
    with gzip.open(path, "wt") as file:
        file.write(head)
    with pytest.raises(ConfigError, match=says) as refused, reading(path):
        raise AssertionError
    assert refused.value.hint


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    whole = written(tmp_path, *(b"%d" % number for number in range(3000)))
    (tmp_path / "cut").write_bytes(whole.read_bytes()[:-20_000])
    with pytest.raises(UsageError, match="cannot be read on"):
        followed(tmp_path / "cut", *(b"%d" % number for number in range(3000)))
    (tmp_path / "text").write_text("nothing")
    for name in ("text", "none"):
        with pytest.raises(UsageError, match="cannot be read"), reading(tmp_path / name):
            raise AssertionError
