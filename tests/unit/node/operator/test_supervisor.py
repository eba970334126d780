"""When a node is started again."""

import signal
from pathlib import Path

import pytest

from node.base.errors import StoreError
from node.operator.node_record import (
    NodeRecord,
    NodeState,
    ProcessMark,
    mark_process,
    read_record,
    write_record,
)
from node.operator.supervisor import SECOND, RestartPolicy

POLICY = RestartPolicy()
NOW = 1000 * SECOND


@pytest.mark.parametrize("code", [0, 2, 8, 130, 143, -signal.SIGINT, -signal.SIGTERM])
def test_wanted_and_hopeless_ends_are_final(code: int) -> None:
    assert POLICY.next_start(code, [NOW - SECOND], NOW) is None


@pytest.mark.parametrize("code", [1, 3, -signal.SIGSEGV, -signal.SIGKILL])
def test_failures_start_again_after_a_pause(code: int) -> None:
    assert POLICY.next_start(code, [NOW - SECOND], NOW) == NOW + 5 * SECOND


def test_five_starts_in_a_minute_are_enough() -> None:
    starts = [NOW - age * SECOND for age in (70, 50, 40, 30, 20)]
    assert POLICY.next_start(1, starts, NOW) == NOW + 5 * SECOND
    assert POLICY.next_start(1, [*starts, NOW - SECOND], NOW) is None


def test_a_record_survives_its_file(tmp_path: Path) -> None:
    own = mark_process(1)
    record = NodeRecord(
        name="n",
        command=("python", "-m", "node"),
        started_ns=5,
        supervisor=own,
        node=own,
        state=NodeState.READY,
        status="syncing layer 5/9",
        addresses={"public": "127.0.0.1:9092"},
        restarts=1,
        exit_code=-9,
    )
    write_record(tmp_path, record)
    assert read_record(tmp_path) == record
    assert read_record(tmp_path / "absent") is None


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"node": null, "supervisor": {"x": 1}}'])
def test_a_damaged_record_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "record.json").write_text(content, encoding="utf-8")
    with pytest.raises(StoreError, match=r"record\.json"):
        read_record(tmp_path)


def test_a_later_process_of_the_same_number_is_another_one() -> None:
    mark = mark_process(1)
    assert mark.is_alive
    assert not ProcessMark(pid=1, created_s=mark.created_s - 60).is_alive
    assert not ProcessMark(pid=1 << 22, created_s=0).is_alive
