"""What ``scripts/kill`` does before the first process is started."""

from pathlib import Path

from node.config.rules import check_config
from node.types.ids import TransactionID
from scripts.killing.inspection import digest_of_space, inspect
from scripts.killing.run import (
    LONGEST_IN_STARTS,
    LONGEST_S,
    LONGEST_START_S,
    Killing,
    Report,
    Round,
)


def test_the_instants_follow_from_the_seed(tmp_path: Path) -> None:
    one, same, other = (Killing(seed=seed, folder=tmp_path) for seed in (1, 1, 2))
    lives = [one.lifetime(number, 3.0) for number in range(200)]
    assert lives == [same.lifetime(number, 3.0) for number in range(200)]
    assert lives != [other.lifetime(number, 3.0) for number in range(200)]
    at_start = [seconds for is_early, seconds in lives if is_early]
    assert 20 < len(at_start) < 70
    assert max(at_start) <= LONGEST_START_S
    assert LONGEST_START_S < max(seconds for _, seconds in lives) <= LONGEST_S
    slow = [one.lifetime(number, 30.0) for number in range(200)]
    assert LONGEST_S < max(seconds for _, seconds in slow) <= 30.0 * LONGEST_IN_STARTS
    assert [is_early for is_early, _ in slow] == [is_early for is_early, _ in lives]


def test_the_network_is_one_that_a_node_can_run(tmp_path: Path) -> None:
    killing = Killing(seed=3, folder=tmp_path)
    check_config(killing.config)
    assert killing.config.main.standalone
    assert killing.config.genesis.accounts[killing.wallet.address_text] > 0
    assert Path(killing.config.main.data_folder) == killing.network.data
    assert killing.network.layer_now() < 0


def test_a_node_that_never_came_so_far_has_lost_nothing(tmp_path: Path) -> None:
    assert inspect(tmp_path, []).problems == ()
    assert inspect(tmp_path, [TransactionID(bytes(32))]).problems != ()
    assert digest_of_space(tmp_path / "post") is None


def test_a_report_holds_when_nothing_was_found() -> None:
    def make_round(*problems: str) -> Round:
        return Round(
            number=0,
            at_start=True,
            after_s=1.0,
            ready_s=None,
            layer=0,
            accepted=0,
            applied=0,
            atxs=0,
            ballots=0,
            problems=list(problems),
        )

    assert Report(seed=1, rounds=[make_round()]).held
    assert not Report(seed=1, rounds=[make_round("something")]).held
    assert not Report(seed=1, problems=["something"]).held
