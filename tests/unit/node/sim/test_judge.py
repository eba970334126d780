"""The judge of simulated networks: what it finds, and whom it leaves alone for how long."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from node.base import scale
from node.config.model.root import NodeConfig
from node.consensus.malfeasance.wire import MalfeasanceProof
from node.sim.faults import FaultPlan, LateStart, Partition, Restart
from node.sim.judge import Absence, Judge, absences
from node.sim.power import BetweenWrites
from node.sim.world import world_config
from node.store.atxs import put_atx
from node.store.db import LevelDB
from node.store.identities import Malfeasance, put_malfeasance
from node.store.layers import put_applied_block, put_state_hash
from node.store.rewards import put_rewards
from node.types.ids import NO_BLOCK, BlockID
from node.types.layer import LayerID
from tests.support.malfeasance import invalid_post_index
from tests.support.store_records import atx, block_id, digest, reward, smesher

FIRST, LAST = LayerID(0), LayerID(40)
SECOND_NS = 10**9


@dataclass
class Held:
    """What a node holds."""

    number: int
    db: LevelDB
    applied: LayerID = FIRST
    is_running: bool = True

    def apply(self, layer: int, block: BlockID, root: int = 1) -> None:
        """Put a layer into the state."""
        with self.db.batch() as batch:
            put_applied_block(batch, LayerID(layer), block)
            put_state_hash(batch, LayerID(layer), digest(root))
        self.applied = max(self.applied, LayerID(layer))

    def convict(self, number: int, proof: bytes = b"") -> None:
        """Hold a smesher to be malicious."""
        with self.db.batch() as batch:
            put_malfeasance(batch, Malfeasance(smesher=smesher(number), proof=proof, received_ns=0))


class Scene:
    """Some nodes, and a judge of them."""

    def __init__(
        self, folder: Path, config: NodeConfig, faults: FaultPlan, stack: ExitStack
    ) -> None:
        self.nodes = [
            Held(number, stack.enter_context(LevelDB(folder / str(number)))) for number in range(3)
        ]
        self.judge = Judge(
            config=config,
            faults=faults,
            nodes=lambda: self.nodes,
            honest={0: smesher(1), 1: smesher(2)},
            last=LAST,
        )

    def found(self) -> list[tuple[int, str, dict[str, str]]]:
        """Return what the judge has found."""
        return [(one.layer, one.subject, one.values) for one in self.judge.found]


@pytest.fixture
def config(tmp_path: Path) -> NodeConfig:
    return world_config(tmp_path, preset="fastnet")


@pytest.fixture
def scene(tmp_path: Path, config: NodeConfig) -> Iterator[Scene]:
    with ExitStack() as stack:
        yield Scene(tmp_path, config, FaultPlan(adversaries=((2, "spam"),)), stack)


def test_nodes_that_are_away_are_not_judged(tmp_path: Path, config: NodeConfig) -> None:
    layer_ns = 15 * SECOND_NS
    plan = FaultPlan(
        outages=(
            LateStart(node=0, layer=LayerID(4), offset_ns=5),
            Partition(nodes=(1, 2), layer=LayerID(9), offset_ns=5, length_ns=2 * layer_ns),
            Restart(node=1, layer=LayerID(20), offset_ns=5),
            BetweenWrites(node=2, layer=LayerID(21), write=3, down_ns=layer_ns),
        )
    )
    assert absences(plan, config) == (
        Absence(node=0, first=0, last=20),
        Absence(node=1, first=9, last=20),
        Absence(node=2, first=9, last=20),
        Absence(node=1, first=20, last=29),
        Absence(node=2, first=21, last=31),
    )
    with ExitStack() as stack:
        judge = Scene(tmp_path, config, plan, stack).judge
        settled = {
            layer: [one.number for one in judge.settled(LayerID(layer))]
            for layer in (8, 20, 21, 30)
        }
        judge.last = LayerID(30)
        assert judge.left_out() == (2,)
    assert settled == {8: [1, 2], 20: [], 21: [0], 30: [0, 1]}


def test_equal_nodes_are_equal(scene: Scene) -> None:
    for one in scene.nodes[:2]:
        for layer in range(1, 39):
            one.apply(layer, block_id(layer) if layer > 8 else NO_BLOCK)
        with one.db.batch() as batch:
            put_rewards(batch, [reward(9, 1), reward(9, 2)])
    for layer in range(1, LAST + 1):
        scene.judge.look(LayerID(layer))
    rows = scene.judge.finish()
    assert scene.found() == []
    assert [row.layer for row in rows] == list(range(1, 40))
    assert (rows[7].applied, rows[7].block, rows[7].equal) == (2, "", True)
    assert (rows[8].block, rows[8].rewards) == (block_id(9).hex(), 2)
    assert rows[8].state_root == digest(1).hex()
    assert rows[38].applied == 0


def test_other_blocks_and_states_are_found(scene: Scene) -> None:
    for one in scene.nodes:
        for layer in range(1, 40):
            one.apply(layer, block_id(layer + (one.number if layer == 20 else 0)))
    scene.nodes[1].apply(21, block_id(21), root=2)
    scene.judge.look(LayerID(28))
    assert scene.found() == [
        (
            28,
            "block of layer 20",
            {"node0": block_id(20).hex(), "node1": block_id(21).hex()},
        )
    ]
    rows = scene.judge.finish()
    assert [subject for _, subject, _ in scene.found()] == [
        "block of layer 20",
        "state root of layer 21",
    ]
    assert [row.layer for row in rows if not row.equal] == [20, 21]
    assert (rows[19].block, rows[20].state_root) == ("", "")


def test_other_atxs_are_found_but_for_those_with_a_wrong_post(scene: Scene) -> None:
    proof = scale.encode(MalfeasanceProof(layer=FIRST, data=invalid_post_index()))
    for one in scene.nodes:
        one.convict(8)
        one.convict(9, proof)
        with one.db.batch() as batch:
            put_atx(batch, atx(1, publish_epoch=3), blob=None)
            if one.number == 1:
                put_atx(batch, atx(9, publish_epoch=3, smesher=smesher(9)), blob=None)
    scene.judge.look(LayerID(17))
    assert scene.found() == []
    with scene.nodes[1].db.batch() as batch:
        put_atx(batch, atx(8, publish_epoch=3, smesher=smesher(8)), blob=None)
    scene.judge.look(LayerID(18))
    assert scene.found() == []
    scene.judge.look(LayerID(17))
    ((layer, subject, values),) = scene.found()
    assert (layer, subject) == (17, "ATXs of epoch 3")
    assert [value.split()[0] for value in values.values()] == ["1", "2"]


def test_the_atx_of_who_was_away_is_compared_when_it_is_settled(
    tmp_path: Path, config: NodeConfig
) -> None:
    away = Restart(node=0, layer=LayerID(14), offset_ns=5)
    with ExitStack() as stack:
        scene = Scene(tmp_path, config, FaultPlan(outages=(away,)), stack)
        with scene.nodes[1].db.batch() as batch:
            put_atx(batch, atx(1, publish_epoch=3, smesher=smesher(1)), blob=None)
        scene.judge.look(LayerID(17))
        assert scene.found() == []
        with scene.nodes[1].db.batch() as batch:
            put_atx(batch, atx(2, publish_epoch=3, smesher=smesher(2)), blob=None)
        scene.judge.look(LayerID(17))
        scene.judge.look(LayerID(25))
        assert [(layer, subject) for layer, subject, _ in scene.found()] == [
            (17, "ATXs of epoch 3"),
            (25, "ATXs of epoch 3"),
        ]
        assert [values["node1"].split()[0] for _, _, values in scene.found()] == ["1", "2"]


def test_proofs_have_to_be_everywhere_a_layer_later(scene: Scene) -> None:
    scene.nodes[0].convict(9)
    scene.judge.look(LayerID(10))
    assert scene.found() == []
    scene.judge.look(LayerID(11))
    scene.judge.look(LayerID(12))
    missing = {"node0": "", "node1": smesher(9).hex()}
    assert scene.found() == [(11, "malicious smeshers that are not known", missing)]


def test_honest_smeshers_are_never_malicious(scene: Scene) -> None:
    for one in scene.nodes:
        one.convict(2)
    scene.judge.look(LayerID(10))
    assert scene.found() == [
        (
            10,
            "honest smeshers are held to be malicious",
            {"node0": smesher(2).hex(), "node1": smesher(2).hex()},
        )
    ]


def test_nodes_have_to_run_and_to_keep_up(scene: Scene) -> None:
    for one in scene.nodes:
        for layer in range(1, 37 - one.number):
            one.apply(layer, block_id(layer))
    scene.judge.finish()
    assert scene.found() == [(40, "applied layers lag behind layer 40", {"node1": "35"})]
    scene.nodes[1].is_running = False
    scene.judge.look(LayerID(10))
    assert scene.found()[1:] == [(10, "nodes do not run", {"node1": "stopped"})]


@pytest.mark.parametrize(("last_block", "empty"), [(33, ()), (32, (33, 34, 35))])
def test_blocks_have_to_be_made_until_the_end(
    scene: Scene, last_block: int, empty: tuple[int, ...]
) -> None:
    for one in scene.nodes:
        for layer in range(1, 40):
            one.apply(layer, block_id(layer) if layer <= last_block else NO_BLOCK)
    scene.judge.finish()
    values = {f"layer {layer}": "no block" for layer in empty}
    expected = [(40, "most of the last layers have no block", values)] if empty else []
    assert scene.found() == expected


def test_a_short_run_may_end_without_blocks(scene: Scene) -> None:
    scene.judge.last = LayerID(16)
    for one in scene.nodes:
        one.applied = scene.judge.last
    scene.judge.finish()
    assert scene.found() == []


def test_changes_of_opinion_are_counted(scene: Scene) -> None:
    for one in scene.nodes[:2]:
        one.apply(9, block_id(9))
    scene.judge.look(LayerID(10))
    scene.nodes[0].apply(9, NO_BLOCK)
    scene.judge.look(LayerID(11))
    scene.nodes[0].apply(9, block_id(9))
    scene.judge.look(LayerID(12))
    assert scene.found() == []
    rows = scene.judge.finish()
    assert [(row.layer, row.reorgs) for row in rows if row.reorgs] == [(9, 2)]
