"""Sessions on the clock: whole layers of a few nodes in virtual time."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from node.base.errors import ConfigError, StoreError
from node.consensus.hare.messages import Version
from node.layer_ticker import LoopClock
from node.net.memory import MemoryNetwork
from node.net.ports import GossipHandler
from node.runtime.tasks import background
from node.sim.virtual_time import simulate
from node.store.beacons import put_beacon
from node.store.layers import find_weak_coin
from node.store.local import Duty, Statement, claim, claims_of
from node.types.ids import Beacon, Hash32
from node.types.layer import EpochID, LayerID
from tests.support.chain import NS, TIME, signer
from tests.support.hare import (
    LAYER,
    HareNode,
    SeededLinks,
    closing,
    config,
    proposal,
)

START_NS = TIME.start_of(LAYER) - NS
"""A second before the first layer with hare."""

LAYER_S = TIME.layer_duration_ns // NS
NEXT = LayerID(LAYER + 1)

ALL = tuple(proposal(number) for number in range(1, 5))
IDS = tuple(sorted(made.id for made in ALL))


@contextmanager
def ran(
    folder: Path,
    count: int,
    prepare: Callable[[list[HareNode]], None],
    *,
    version: Version = Version.HARE3,
    start_ns: int = START_NS,
    links: SeededLinks | None = None,
    **changed: object,
) -> Iterator[list[HareNode]]:
    """Yield nodes that have gone through the first layer with hare, and maybe more."""
    settings = config(version, **({"disable_layer": NEXT} | changed))

    async def main() -> list[HareNode]:
        network = MemoryNetwork(links or SeededLinks(1, 0.01, 0.1))
        clock = LoopClock(start_ns)
        nodes = [
            HareNode(
                folder,
                number,
                members=count,
                network=network,
                clock=clock,
                version=version,
                settings=settings,
            )
            for number in range(1, count + 1)
        ]
        prepare(nodes)
        async with background(network.run(), *(node.service.run() for node in nodes)):
            await asyncio.sleep(3 * LAYER_S)
        return nodes

    nodes = simulate(main())
    with closing(*nodes):
        yield nodes


def offer_all(nodes: list[HareNode]) -> None:
    for node in nodes:
        node.offer(*ALL)


def claimed_rounds(node: HareNode) -> list[int]:
    smesher = signer(node.number).smesher_id
    slots = [slot for slot, _ in claims_of(node.local, Duty.HARE, smesher)]
    assert all(slot >> 32 == LAYER for slot in slots)
    return [slot & 0xFFFFFFFF for slot in slots]


@pytest.mark.parametrize("version", list(Version))
def test_nodes_agree_on_what_all_of_them_have(tmp_path: Path, version: Version) -> None:
    with ran(tmp_path, 4, offer_all, version=version) as nodes:
        assert [node.results() for node in nodes] == [{LAYER: IDS}] * 4
        (coin,) = {node.witness.coins[LAYER] for node in nodes}
        for node in nodes:
            assert find_weak_coin(node.chain.db, LAYER) is coin
            assert node.witness.started == [LAYER]
            assert node.witness.completed == []
            assert node.witness.proofs == []
            # One message in preround and propose each, commit and notify of two iterations.
            assert {0, 6, 7} <= set(claimed_rounds(node)) <= {0, 3, 6, 7, 10, 13, 14}


@pytest.mark.parametrize("version", list(Version))
def test_nodes_that_know_different_proposals_agree(tmp_path: Path, version: Version) -> None:
    def offer_some(nodes: list[HareNode]) -> None:
        for node in nodes:
            node.offer(*(made for place, made in enumerate(ALL, 1) if place != node.number))

    with ran(tmp_path, 4, offer_some, version=version) as nodes:
        results = [node.results()[LAYER] for node in nodes]
    assert len(set(results)) == 1
    assert set(results[0]) <= set(IDS)


def test_proposals_that_something_speaks_against_are_not_offered(tmp_path: Path) -> None:
    def offer_doubtful(nodes: list[HareNode]) -> None:
        offer_all(nodes)
        for node in nodes:
            node.pool.pooled[0] = replace(node.pool.pooled[0], malicious=True)
            node.pool.pooled[1] = replace(node.pool.pooled[1], beacon=Beacon(b"else"))
            node.chain.atxdata.mark_malicious(signer(3).smesher_id)

    with ran(tmp_path, 4, offer_doubtful) as nodes:
        assert [node.results()[LAYER] for node in nodes] == [(ALL[3].id,)] * 4


def test_an_unknown_atx_makes_the_set_empty(tmp_path: Path) -> None:
    def offer_unknown(nodes: list[HareNode]) -> None:
        for node in nodes:
            node.offer(*ALL, proposal(99))

    with ran(tmp_path, 4, offer_unknown) as nodes:
        assert [node.results()[LAYER] for node in nodes] == [()] * 4


def test_a_node_without_seats_follows_the_others(tmp_path: Path) -> None:
    def leave(nodes: list[HareNode]) -> None:
        offer_all(nodes)
        nodes[2].keys = []
        nodes[3].keys = [signer(99)]

    with ran(tmp_path, 4, leave) as nodes:
        assert claimed_rounds(nodes[2]) == []
        # The others are three quarters of all weight: enough for the threshold.
        assert nodes[2].results() == nodes[3].results() == nodes[0].results() == {LAYER: IDS}


def test_alone_among_absent_others_there_is_no_agreement(tmp_path: Path) -> None:
    def leave(nodes: list[HareNode]) -> None:
        offer_all(nodes)
        for node in nodes[1:]:
            node.synced = False

    with capture_logs() as logs, ran(tmp_path, 4, leave, log_stats=True) as nodes:
        assert nodes[0].results() == {}
        assert nodes[0].witness.completed == [LAYER]
        assert nodes[1].witness.started == []
    events = [entry["event"] for entry in logs]
    assert events.count("hare_failed") == 1
    assert "hare_round_stats" in events


def test_without_a_beacon_there_is_no_session(tmp_path: Path) -> None:
    def forget(nodes: list[HareNode]) -> None:
        with nodes[0].chain.db.batch() as batch:
            put_beacon(batch, EpochID(2), Beacon.zero())

    with ran(tmp_path, 1, forget) as nodes:
        assert nodes[0].witness.started == []


def test_hare_may_be_disabled(tmp_path: Path) -> None:
    with ran(tmp_path, 1, offer_all, enable=False) as nodes:
        assert nodes[0].witness.started == []


@pytest.mark.parametrize(
    ("changed", "layers"),
    [
        ({"enable_layer": NEXT, "disable_layer": LayerID(LAYER + 2)}, [NEXT]),
        ({"disable_layer": LayerID(LAYER + 2)}, [LAYER, NEXT]),
        ({"start_ns": START_NS + NS, "disable_layer": LayerID(LAYER + 2)}, [NEXT]),
    ],
)
def test_sessions_are_held_in_the_layers_of_the_version_after_the_start(
    tmp_path: Path, changed: dict[str, int], layers: list[LayerID]
) -> None:
    with ran(tmp_path, 1, offer_all, **changed) as nodes:  # type: ignore[arg-type]
        assert nodes[0].witness.started == layers
        assert sorted(nodes[0].results()) == layers


def test_what_was_signed_before_a_restart_is_not_signed_differently(tmp_path: Path) -> None:
    def sign(nodes: list[HareNode]) -> None:
        offer_all(nodes)
        smesher = signer(1).smesher_id
        claim(nodes[0].local, Statement.of_hare(smesher, LAYER, 0, Hash32(b"c" * 32)))

    with ran(tmp_path, 1, sign) as nodes:
        # Without a preround message of our own nothing has support.
        assert nodes[0].results() == {LAYER: ()}
        assert LAYER not in nodes[0].witness.coins


class FullDisk:
    """A network whose handler cannot write."""

    def register(self, topic: str, handler: GossipHandler) -> None:
        raise NotImplementedError

    async def publish(self, topic: str, data: bytes) -> None:
        raise StoreError("no space left")


def test_a_failed_write_ends_the_service(tmp_path: Path) -> None:
    nodes: list[HareNode] = []

    def break_disk(made: list[HareNode]) -> None:
        nodes.extend(made)
        made[0].service.network = FullDisk()

    with pytest.raises(ExceptionGroup) as caught, ran(tmp_path, 1, break_disk):
        pass
    assert caught.group_contains(StoreError, match="no space left")
    with closing(*nodes):
        assert nodes[0].witness.started == [LAYER]


def test_a_schedule_that_is_too_slow_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigError, match="terminates later"),
        ran(tmp_path, 1, offer_all, round_duration=20 * NS),
    ):
        pass
