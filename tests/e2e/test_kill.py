"""A real node that is killed without warning, while a wallet pays; ``scripts/kill`` in small."""

import json
from pathlib import Path

import psutil
import pytest

from node.post.files import data_file_name
from node.store.migrate import open_state
from node.store.transactions import transaction_ids
from node.types.ids import TransactionID
from scripts.killing.inspection import digest_of_space, inspect
from scripts.killing.run import Killing

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]

SEED = 5
KILLS = 5


def test_a_node_that_is_killed_five_times_loses_nothing_and_says_nothing_twice(
    tmp_path: Path,
) -> None:
    killing = Killing(seed=SEED, folder=tmp_path, quiet=True)
    report = killing.run(KILLS)
    assert report.held, json.dumps([report.problems, [one.problems for one in report.rounds]])
    assert len(report.rounds) == KILLS
    assert report.accepted > 1
    assert report.applied > 20
    assert report.rounds[-1].ballots > 0
    assert [one for one in psutil.Process().children() if "node" in one.cmdline()] == []

    # The checks see what they are there for.
    data = killing.network.data
    unknown = TransactionID(b"\x01" * TransactionID.SIZE)
    (problem,) = inspect(data, [*killing.wallet.accepted, unknown]).problems
    assert f"transaction {unknown} was accepted and is lost" in problem
    with open_state(data) as state:
        assert set(killing.wallet.accepted) <= set(transaction_ids(state))
    labels = data / "post" / data_file_name(0)
    before = digest_of_space(data / "post")
    labels.write_bytes(b"\0" + labels.read_bytes()[1:])
    assert digest_of_space(data / "post") != before
