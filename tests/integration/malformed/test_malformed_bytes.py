"""Decoders and handlers of a whole node against malformed bytes; ``scripts/fuzz`` does more."""

import asyncio
from dataclasses import replace

import pytest

from node.base.errors import SpacemeshError
from node.net.verdict import Verdict, verdict_of
from node.sim.virtual_time import simulate
from scripts.fuzzing import laws
from scripts.fuzzing.findings import Report
from scripts.fuzzing.handling import prepare
from scripts.fuzzing.run import DECODERS, fuzz_decoders, fuzz_handler, main, names
from scripts.fuzzing.scene import Stage, Theatre
from scripts.fuzzing.targets import TARGETS, Target, find_target

SEED = 1
COPIES = 100
CASES_IN_ALL = 50_000


def _check(report: Report) -> None:
    assert [(one.command, one.told, one.reason) for one in report.findings] == []


def test_decoders_refuse_malformed_bytes_with_their_own_error() -> None:
    _check(fuzz_decoders(SEED, range(2000)))


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_a_handler_comes_to_the_verdict_that_the_digests_say(
    theatre: Theatre, target: Target
) -> None:
    report = fuzz_handler(theatre, target, SEED, range(25))
    assert report.cases == 25
    _check(report)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_fifty_thousand_malformed_messages_do_no_harm(theatre: Theatre) -> None:
    half = CASES_IN_ALL // 2
    _check(fuzz_decoders(SEED, range(half)))
    for target in TARGETS:
        _check(fuzz_handler(theatre, target, SEED, range(half // len(TARGETS) + 1)))


def test_a_case_is_run_again_by_its_number(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([DECODERS, "--seed", "3", "--case", "41"]) == 0
    assert "HELD 1" in capsys.readouterr().out


def test_the_command_names_its_targets(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["nothing"])
    assert "no target nothing" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["--case", "1"])
    assert "needs the one target" in capsys.readouterr().err
    assert names()[0] == DECODERS


# What becomes of one valid message that comes a hundred times at once.
ONCE = {
    "atx": Verdict.IGNORE,
    "proposal": Verdict.IGNORE,
    "beacon-proposal": Verdict.IGNORE,
    "first-votes": Verdict.IGNORE,
    "following-votes": Verdict.IGNORE,
    "weak-coin": Verdict.IGNORE,
    "transaction": Verdict.IGNORE,
    "hare3": Verdict.IGNORE,
    "hare4": Verdict.IGNORE,
}


@pytest.mark.parametrize("name", ["malfeasance", "certify", *ONCE])
def test_of_a_hundred_copies_at_once_one_is_stored(theatre: Theatre, name: str) -> None:
    target = find_target(name)

    async def send(stage: Stage, data: bytes, verdicts: list[Verdict]) -> None:
        try:
            await target.handler(stage)(b"", data)
        except SpacemeshError as error:
            verdicts.append(verdict_of(error))
        else:
            verdicts.append(Verdict.ACCEPT)

    async def run(stage: Stage, copies: int) -> tuple[list[Verdict], int]:
        verdicts: list[Verdict] = []
        async with asyncio.TaskGroup() as tasks:
            for end in stage.end.network.ends.values():
                end.start(tasks)
            running = tasks.create_task(stage.node.fetcher.run())
            await prepare(stage, target)
            # The first ATXs are known; the later votes and coins are for later rounds.
            data = target.valid(stage)[-1 if name == "atx" else 0]
            stage.db.batches = 0
            async with asyncio.TaskGroup() as senders:
                for _ in range(copies):
                    senders.create_task(send(stage, data, verdicts))
            running.cancel()
        return verdicts, stage.db.batches

    with theatre.stage(target.layer) as stage:
        alone, commits_alone = simulate(run(stage, 1))
    with theatre.stage(target.layer) as stage:
        verdicts, commits = simulate(run(stage, COPIES))
    assert alone == [Verdict.ACCEPT]
    assert commits == commits_alone
    if name in ONCE:
        assert sorted(verdicts, key=lambda one: one.value) == [
            Verdict.ACCEPT,
            *[Verdict.IGNORE] * (COPIES - 1),
        ]


def test_a_wrong_verdict_is_found_and_found_again_by_its_case(theatre: Theatre) -> None:
    forgiving = replace(find_target("certify"), law=lambda _stage, _data: laws.ACCEPT)
    found = fuzz_handler(theatre, forgiving, SEED, range(40)).findings
    assert len(found) > 10
    last = found[-1]
    assert last.command == f"scripts/fuzz certify --seed {SEED} --case {last.case}"
    again = fuzz_handler(theatre, forgiving, SEED, range(last.case, last.case + 1))
    assert again.cases == 1
    assert again.findings == [last]
