"""What the commands of ``smcli sim`` have in common."""

import pytest

from cli.errors import ExitCode, exit_code
from cli.records import Result
from cli.simulations import check_honest, failure, per_million, span
from node.base.errors import UsageError


def test_somebody_has_to_be_honest() -> None:
    check_honest(3, 4, "liars")
    with pytest.raises(UsageError, match="4 liars of 4 nodes leave nobody to agree") as raised:
        check_honest(4, 4, "liars")
    assert raised.value.hint == "give --liars fewer than --nodes"


def test_a_failure_names_the_seed() -> None:
    result = Result(data={})
    error = failure("all differ", result, 7, "--json for more")
    assert str(error) == "all differ; seed 7"
    assert error.hint == "run it again with --seed 7 and --json for more"
    assert error.report is result
    assert exit_code(error) == ExitCode.CHECK_FAILED


def test_shares_and_spans_are_rounded_and_short() -> None:
    assert [per_million(share) for share in (0.0, 0.1, 1.0)] == [0, 100_000, 1_000_000]
    assert (span([4, 2, 3]), span([5, 5])) == ("2 to 4", "5")
