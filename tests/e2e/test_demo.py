"""The main job as users start it: from an empty folder to a spent coin, and through crashes."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.demo.diary import Diary, Milestone
from cli.demo.folder import DemoFolder
from node.crypto.ed25519 import Signer
from node.operator.daemon import find_nodes
from node.operator.node_record import NodeRecord, mark_process
from node.smesher.keyfile import read_identities
from node.store.atxs import atxs_between
from node.store.ballots import ballots_between
from node.store.identities import is_malicious
from node.store.local import Duty, claims_of
from node.store.migrate import open_local, open_state
from node.types.ids import GenesisID
from node.types.layer import EpochID, LayerID

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

RUN = Path(__file__).parents[2] / "scripts" / "run"
LIMIT_S = 360
"""From an empty folder to a spent coin."""

LIMIT_WITH_CRASHES_S = 600
SPENT_SMIDGE = 100 * 10**9
EPOCH_LAYERS = 10


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[DemoFolder]:
    """Yield the folder of a demo; nothing of it may run at the end."""
    path = tmp_path / "demo"
    yield DemoFolder(path=path)
    left = [record for record in find_nodes(path / "nodes") if record.is_running]
    for record in left:
        kill_hard(record)
    assert left == []


def start(folder: DemoFolder, *options: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [str(RUN), "demo", "--data-folder", str(folder.path), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "SMCLI_HOME": str(folder.path.parent)},
    )


def finish(demo: "subprocess.Popen[str]", limit_s: float) -> Any:
    """Return the data of a demo that ends well."""
    try:
        out, err = demo.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        demo.send_signal(signal.SIGINT)
        out, err = demo.communicate(timeout=120)
    assert demo.returncode == 0, err + out
    document = json.loads(out)
    assert document["ok"]
    assert document["cmd"] == "demo"
    return document


def test_a_coin_is_spent_within_six_minutes(folder: DemoFolder) -> None:
    began = time.monotonic()
    document = finish(start(folder, "--until-spent", "--json"), LIMIT_S + 60)
    data = document["data"]
    assert time.monotonic() - began < LIMIT_S + 30
    assert document["warnings"] == []
    assert set(data) == {
        "network",
        "layers",
        "epochs",
        "atxs",
        "beacons",
        "state_root",
        "transactions",
        "accounts",
        "seconds",
    }
    assert data["network"]["layer_duration_s"] == 6
    assert data["network"]["layers_per_epoch"] == EPOCH_LAYERS
    assert data["epochs"] == data["layers"] // EPOCH_LAYERS >= 2
    epochs = [atx["publish_epoch"] for atx in data["atxs"]]
    assert epochs[0] == 1
    assert sorted(set(epochs)) == epochs
    assert data["beacons"]["2"] == data["network"]["genesis_id"][:8]
    assert len(bytes.fromhex(data["state_root"])) == 32

    kinds = [(tx["kind"], tx["status"]) for tx in data["transactions"]]
    assert kinds == [("single_sig_spawn", "success"), ("single_sig_send", "success")]
    layers = [tx["layer"] for tx in data["transactions"]]
    assert 2 * EPOCH_LAYERS < layers[0] <= layers[1] <= data["layers"]
    payer, payee = data["accounts"]
    assert int(payee["balance"]) == SPENT_SMIDGE
    assert (payer["nonce"], payee["nonce"]) == (2, 0)
    assert int(payer["balance"]) > 0

    seconds = data["seconds"]
    assert 0 <= seconds["setup"] < 120
    assert 0 < seconds["post"] < seconds["first_atx"]
    assert 25 < seconds["poet"] < 65
    assert seconds["first_atx"] < seconds["first_reward"] < seconds["spent"] < LIMIT_S
    assert folder.wallet.stat().st_mode & 0o777 == 0o600
    check_no_equivocation(folder)


def test_a_killed_network_goes_on_where_it_was(folder: DemoFolder) -> None:
    began = time.monotonic()
    crash(folder, (folder.node / "post" / "postdata_0.bin").exists)
    crash(folder, lambda: _is_round_running(folder))
    crash(folder, lambda: _is_layer_under_way(folder))
    document = finish(start(folder, "--until-spent", "--json"), LIMIT_WITH_CRASHES_S)
    assert time.monotonic() - began < LIMIT_WITH_CRASHES_S

    data = document["data"]
    assert [tx["kind"] for tx in data["transactions"]] == ["single_sig_spawn", "single_sig_send"]
    assert int(data["accounts"][1]["balance"]) == SPENT_SMIDGE
    epochs = [atx["publish_epoch"] for atx in data["atxs"]]
    assert sorted(set(epochs)) == epochs
    check_no_equivocation(folder)


def test_ctrl_c_ends_the_network_in_order_and_the_next_run_goes_on(folder: DemoFolder) -> None:
    demo = start(folder)
    wait_until(lambda: _milestone(folder, Milestone.REGISTERED), demo)
    demo.send_signal(signal.SIGINT)
    out, err = demo.communicate(timeout=60)
    assert demo.returncode == 130, err
    assert "registered with" in out
    assert "the node ended in" in err
    (record,) = find_nodes(folder.path / "nodes")
    assert (record.state.value, record.is_running) == ("stopped", False)
    genesis = Diary.read(folder.diary)

    again = start(folder)
    wait_until(lambda: find_nodes(folder.path / "nodes")[0].state.value == "ready", again)
    again.send_signal(signal.SIGINT)
    out, err = again.communicate(timeout=60)
    assert again.returncode == 130, err
    assert "going on with the network in" in out
    now = Diary.read(folder.diary)
    assert genesis is not None
    assert now is not None
    assert (now.genesis_ns, now.instants) == (genesis.genesis_ns, genesis.instants)


def crash(folder: DemoFolder, moment: Callable[[], bool]) -> None:
    """Run a demo and kill all of it without warning at a moment."""
    demo = start(folder, "--until-spent")
    wait_until(moment, demo)
    (record,) = find_nodes(folder.path / "nodes")
    demo.kill()
    kill_hard(record)
    demo.communicate()


def kill_hard(record: NodeRecord) -> None:
    """Kill supervisor and node at once; the node's helpers have to notice by themselves."""
    marks = [mark for mark in (record.supervisor, record.node) if mark is not None]
    processes = [process for mark in marks if (process := mark.find()) is not None]
    helpers = [
        mark_process(child.pid) for one in processes for child in one.children(recursive=True)
    ]
    for process in processes:
        process.kill()
    deadline = time.monotonic() + 20
    while any(mark.is_alive for mark in (*marks, *helpers)):
        assert time.monotonic() < deadline, [mark.find() for mark in (*marks, *helpers)]
        time.sleep(0.02)


def wait_until(moment: Callable[[], bool], demo: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 300
    while not moment():
        assert demo.poll() is None, demo.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _milestone(folder: DemoFolder, milestone: Milestone) -> bool:
    diary = Diary.read(folder.diary)
    return diary is not None and diary.find(milestone) is not None


def _is_round_running(folder: DemoFolder) -> bool:
    """Tell whether the first round began some seconds ago, with our challenge in it."""
    diary = Diary.read(folder.diary)
    if diary is None or diary.find(Milestone.REGISTERED) is None:
        return False
    return time.time_ns() - diary.genesis_ns > 33 * 10**9


def _is_layer_under_way(folder: DemoFolder) -> bool:
    """Tell whether a layer is between its proposals and its block, after the first reward."""
    diary = Diary.read(folder.diary)
    if diary is None or diary.find(Milestone.REWARDED) is None:
        return False
    into_layer_ns = (time.time_ns() - diary.genesis_ns) % (6 * 10**9)
    return 1.1e9 < into_layer_ns < 1.5e9


def check_no_equivocation(folder: DemoFolder) -> None:
    """Compare what the identity signed with what it claimed: one thing for each slot."""
    (key,) = read_identities(folder.node)
    smesher = Signer(key.private_key, GenesisID(bytes(20))).smesher_id
    last = (1 << 32) - 1
    with open_state(folder.node) as state, open_local(folder.node) as local:
        atxs = [
            (int(atx.publish_epoch), bytes(atx.id))
            for atx in atxs_between(state, EpochID(0), EpochID(last))
        ]
        ballots = [
            (int(ballot.layer), bytes(ballot.id))
            for ballot in ballots_between(state, LayerID(0), LayerID(last))
        ]
        claimed_atxs = dict(claims_of(local, Duty.ATX, smesher))
        claimed_ballots = dict(claims_of(local, Duty.BALLOT, smesher))
        rounds = [slot for slot, _ in claims_of(local, Duty.HARE, smesher)]
        assert not is_malicious(state, smesher)
    assert atxs
    assert ballots
    assert len(dict(atxs)) == len(atxs)
    assert len(dict(ballots)) == len(ballots)
    assert claimed_atxs.items() >= dict(atxs).items()
    assert claimed_ballots.items() >= dict(ballots).items()
    assert len(set(rounds)) == len(rounds)
    assert rounds


def run_script(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([str(RUN), *arguments], capture_output=True, text=True, check=False)


def test_the_script_passes_any_command_on_and_keeps_stdout_clean() -> None:
    passed = run_script("smcli", "version", "--json")
    assert passed.returncode == 0
    assert json.loads(passed.stdout)["cmd"] == "version"
    assert run_script("smcli", "version", "--no-such-option").returncode == 2


def test_the_script_knows_its_jobs() -> None:
    shown = run_script("--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "scripts/run smcli" in shown.stdout
    refused = run_script("dance")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "there is no job dance" in refused.stderr
