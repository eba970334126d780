"""Several PoETs, and PoETs that fail: who gets an ATX, by whom, and what is said of it."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from node.base.errors import RejectError
from node.consensus.activation.parameters import proof_parameters
from node.crypto.ed25519 import private_key_of, public_key_of
from node.environment import Environment
from node.events import Subscription, WarningRaised
from node.poet.client import LocalPoetClient
from node.poet.prover import InlineProver
from node.poet.registration import Certificate, Certifier, SubmitRequest
from node.poet.registration_cert import CertificateIssuer, CertifierDialogue
from node.poet.round_store import RoundStore
from node.poet.server import PoetConfig, PoetServer, SubmitReceipt
from node.poet.work import ClearEngine
from node.post.verifying import All, Fault, InvalidPow, PostClaim
from node.runtime.http import JSON, HttpAnswer
from node.runtime.tasks import background
from node.sim.links import Randomness, SeededLinks
from node.sim.virtual_time import simulate
from node.sim.world import GENESIS_NS, World, world_config
from node.standalone import poet_schedule
from node.store.atxs import atxs_in_epoch
from node.store.layers import find_applied_block, find_state_hash
from node.types.atx import Atx
from node.types.ids import NO_BLOCK
from node.types.layer import EpochID, LayerID
from node.types.post import Post
from tests.support.poet_faults import Mood, Moods, MoodyPoet

LAYERS_PER_EPOCH = 10
FIRST_BLOCKS = 22
NETWORK = {"main.standalone": "false", "syncer.malfeasance-sync.min-sync-peers": "2"}
TICK_SIZE = 100
NS = 10**9

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def leaves_of(number: int) -> int:
    """The first PoET works most."""
    return (1200, 800, 400)[number]


@dataclass
class Scene:
    """A world with several PoETs; what its nodes were warned of."""

    folder: Path
    seed: int
    poet_count: int = 2
    moods: Moods = field(default_factory=Moods)
    warnings: list[str] = field(default_factory=list)
    world: World = field(init=False)
    _heard: list[Subscription[WarningRaised]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.world = World(
            folder=self.folder,
            seed=self.seed,
            config=world_config(self.folder, NETWORK),
            links=SeededLinks(Randomness(b"links %d" % self.seed)),
            poet_count=self.poet_count,
            poet_leaves=leaves_of,
            adjust=self.adjust,
        )

    def adjust(self, number: int, environment: Environment) -> Environment:
        poets = tuple(MoodyPoet(client, self.moods) for client in environment.poets)
        return replace(environment, poets=poets)

    def add_nodes(self, count: int) -> None:
        for number in range(count):
            self.world.add_node(number)

    def atx(self, number: int, epoch: int, *, seen_by: int = 0) -> Atx | None:
        """Return the ATX that a node published in an epoch, as another one has it."""
        db = self.world.nodes[f"node{seen_by}"].node.db
        smesher = self.world.signer(number).smesher_id
        found = [one for one in atxs_in_epoch(db, EpochID(epoch)) if one.smesher == smesher]
        assert len(found) <= 1
        return found[0] if found else None

    def ticks(self, epoch: int, nodes: int) -> list[int | None]:
        """Return the ticks of the nodes' ATXs of an epoch; all nodes have the same."""
        found = [
            [self.atx(number, epoch, seen_by=seer) for number in range(nodes)]
            for seer in range(nodes)
        ]
        seen = [[None if one is None else one.tick_count for one in row] for row in found]
        assert all(row == seen[0] for row in seen)
        return seen[0]

    def check_goes_on(self, first: int, last: int, *, nodes: int) -> None:
        """Blocks are applied in all these layers, the same by all."""
        for layer in map(LayerID, range(first, last + 1)):
            dbs = [self.world.nodes[f"node{number}"].node.db for number in range(nodes)]
            assert len({find_state_hash(db, layer) for db in dbs}) == 1
            assert {find_applied_block(db, layer) for db in dbs} - {None, NO_BLOCK}


def test_each_smesher_takes_the_best_proof_of_the_poets_it_knows(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 1, poet_count=3)
    known = {0: (0, 1), 1: (1, 2), 2: (2,)}

    def adjust(number: int, environment: Environment) -> Environment:
        poets = tuple(environment.poets[index] for index in known[number])
        return replace(environment, poets=poets)

    scene.world.adjust = adjust

    async def main() -> None:
        scene.add_nodes(3)
        async with scene.world.running():
            await scene.world.until_layer(FIRST_BLOCKS + 4)

    simulate(main())
    assert scene.ticks(1, 3) == [12, 8, 4]
    members = [len(poet.proof("0").members) for poet in scene.world.poets]
    assert members == [1, 2, 2]
    scene.check_goes_on(FIRST_BLOCKS, FIRST_BLOCKS + 2, nodes=3)
    scene.world.close()


def test_a_poet_that_fails_in_any_way_costs_its_own_proof_only(tmp_path: Path) -> None:
    """In each epoch the better PoET fails in another way, and in the last one it is back."""
    scene = Scene(tmp_path, 2)
    moods = scene.moods.moods
    faults = {
        # Epoch of the PoET round: its mood while smeshers register, and when its proof is due.
        0: (Mood.REFUSES, Mood.WELL),
        1: (Mood.WELL, Mood.AWAY),
        2: (Mood.WELL, Mood.LIES),
        3: (Mood.WELL, Mood.HANGS),
        4: (Mood.HANGS, Mood.WELL),
        5: (Mood.WELL, Mood.WELL),
    }

    async def main() -> None:
        scene.add_nodes(3)
        node = scene.world.nodes["node0"].node
        async with scene.world.running():
            with node.bus.subscribe(WarningRaised) as warnings:
                for epoch, (registering, proving) in faults.items():
                    moods["poet0"] = registering
                    await scene.world.until_layer(epoch * LAYERS_PER_EPOCH + 6)
                    moods["poet0"] = proving
                    await scene.world.until_layer((epoch + 1) * LAYERS_PER_EPOCH + 2)
                    moods["poet0"] = Mood.WELL
                    while (warning := warnings.take()) is not None:
                        scene.warnings.append(warning.message.partition(": ")[2])

    simulate(main())
    strong, weak = leaves_of(0) // TICK_SIZE, leaves_of(1) // TICK_SIZE
    for epoch in range(1, 6):
        assert scene.ticks(epoch, 3) == 3 * [weak], epoch
    assert scene.ticks(6, 3) == 3 * [strong]
    for expected in (
        "PoET poet0: the round is full",
        "PoET poet0: PoET poet0: connection refused",
        "PoET poet0: failed to validate poet proof",
        "PoET poet0: PoET poet0 did not answer in 12 s",
        "PoET poet0: no answer before the round began",
    ):
        assert any(one.startswith(expected) for one in scene.warnings), (expected, scene.warnings)
    scene.check_goes_on(FIRST_BLOCKS, 6 * LAYERS_PER_EPOCH, nodes=3)
    scene.world.close()


def test_a_smesher_whose_poets_all_fail_misses_an_epoch_and_comes_back(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 3)
    world, everywhere = scene.world, scene.moods

    def adjust(number: int, environment: Environment) -> Environment:
        moods = everywhere if number == 0 else Moods()
        poets = tuple(MoodyPoet(client, moods) for client in environment.poets)
        return replace(environment, poets=poets)

    world.adjust = adjust
    warned: list[WarningRaised] = []

    async def main() -> None:
        scene.add_nodes(3)
        async with world.running():
            with world.nodes["node0"].node.bus.subscribe(WarningRaised) as warnings:
                await world.until_layer(LAYERS_PER_EPOCH + 2)
                everywhere.moods.update(poet0=Mood.AWAY, poet1=Mood.REFUSES)
                await world.until_layer(LAYERS_PER_EPOCH + 6)
                everywhere.moods.clear()
                await world.until_layer(4 * LAYERS_PER_EPOCH)
                while (warning := warnings.take()) is not None:
                    warned.append(warning)

    simulate(main())
    assert scene.ticks(1, 3) == [12, 12, 12]
    assert scene.ticks(2, 3) == [None, 12, 12]
    assert scene.ticks(3, 3) == [12, 12, 12]
    first, last = scene.atx(0, 1), scene.atx(0, 3)
    assert first is not None
    assert last is not None
    assert (last.previous_atx, last.sequence) == (first.id, 1)
    reasons = {warning.code: warning.message for warning in warned}
    assert "round for epoch 2 has started without us" in reasons["smesh.atx.expired"]
    assert "no PoET took the challenge" in reasons["smesh.poet.unstable"]
    scene.check_goes_on(FIRST_BLOCKS, 4 * LAYERS_PER_EPOCH - 2, nodes=3)
    world.close()


@pytest.mark.parametrize("layer", [13, 17], ids=["before", "in"])
def test_a_node_that_is_started_again_around_a_round_start_misses_nothing(
    tmp_path: Path, layer: int
) -> None:
    scene = Scene(tmp_path, 4)
    world = scene.world

    async def main() -> None:
        scene.add_nodes(3)
        async with world.running():
            await world.until_layer(layer)
            await world.restart("node0")
            await world.until_layer(2 * LAYERS_PER_EPOCH + 2)

    simulate(main())
    assert scene.ticks(2, 3) == [12, 12, 12]
    atx = scene.atx(0, 2, seen_by=1)
    assert atx is not None
    round_end_ns = GENESIS_NS + 2 * LAYERS_PER_EPOCH * world.config.main.layer_duration
    assert atx.received_ns - round_end_ns < 3 * NS
    world.close()


@dataclass
class CertifierByPosts:
    """A certifier in this process; it checks proofs as the nodes of the world do."""

    world: World
    private_key: bytes
    refused: int = 0

    async def ask(self, url: str, body: bytes) -> HttpAnswer:
        """See CertifierServer."""
        assert url == "http://certifier/certify"
        issuer = CertificateIssuer(private_key=self.private_key)
        dialogue = CertifierDialogue(issuer, self._find_fault)
        now_ns = self.world.clock.now_ns()
        answer = await dialogue.answer("POST", "/certify", JSON, body, now_ns)
        return HttpAnswer(answer.status, answer.body.encode())

    async def _find_fault(self, post: Post, claim: PostClaim) -> Fault | None:
        try:
            await self.world.posts.verify(post, claim, proof_parameters(self.world.config), All())
        except RejectError:
            self.refused += 1
            return InvalidPow()
        return None


@dataclass(frozen=True)
class WatchedPoet(LocalPoetClient):
    """A PoET's client that remembers how smeshers came in."""

    permissions: list[Certificate | None] = field(default_factory=list)

    async def submit(self, request: SubmitRequest) -> SubmitReceipt:
        """See PoetClient."""
        self.permissions.append(request.certificate)
        return await LocalPoetClient.submit(self, request)


def test_smeshers_register_by_work_and_by_certificate(tmp_path: Path) -> None:
    """One PoET wants work, the other a certificate, and takes none but the certifier's."""
    scene = Scene(tmp_path, 6, poet_count=1)
    world = scene.world
    certifiers = CertifierByPosts(world, private_key_of(b"\x0c" * 32))
    watched: list[WatchedPoet] = []

    def adjust(number: int, environment: Environment) -> Environment:
        watched.append(WatchedPoet(certifying, "certifying"))
        poets = (*environment.poets, watched[-1])
        return replace(environment, poets=poets, certifiers=certifiers)

    world.adjust = adjust
    with RoundStore(tmp_path / "certifying") as store:
        certifying = PoetServer(
            PoetConfig(
                schedule=poet_schedule(world.config, GENESIS_NS),
                round_leaves=leaves_of(1),
                certifier=Certifier(
                    url="http://certifier", pubkey=public_key_of(certifiers.private_key)
                ),
            ),
            store,
            tmp_path / "certifying-rounds",
            InlineProver(ClearEngine()),
            now_ns=world.clock.now_ns,
            entropy=world.random,
        )

        async def main() -> None:
            scene.add_nodes(2)
            async with world.running(), background(certifying.run()):
                await world.until_layer(2 * LAYERS_PER_EPOCH + 2)

        simulate(main())
        assert [len(certifying.proof(number).members) for number in "01"] == [2, 2]
    assert [len(world.poets[0].proof(number).members) for number in "01"] == [2, 2]
    for client in watched:
        first, *rest = client.permissions
        assert first is not None
        assert set(rest) == {first}
    assert certifiers.refused == 0
    assert scene.ticks(2, 2) == [12, 12]
    world.close()
