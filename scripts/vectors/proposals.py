"""Families ``network/proposals`` and ``network/hare4-proposals``: gossip of Go nodes, judged.

Every recorded proposal goes through our handler, in the order and at the time it came in,
over a store that has what the recorded node knew, but no ballot.  All of them were taken
by Go nodes, so ours has to take them; afterwards it must have stored the ballots that are
in the recorded database, byte by byte.
"""

import asyncio
import json
import lzma
import tempfile
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

from node.base import scale
from node.base.errors import NotFoundError, SpacemeshError
from node.config.genesis import genesis_id, golden_atx
from node.config.load import Places, load_config
from node.config.model.root import NodeConfig
from node.consensus.activation.warm_up import load_recent
from node.consensus.atxdata import AtxData
from node.consensus.malfeasance.convictions import Convictions
from node.consensus.proposals.handler import TOPIC, ProposalHandler
from node.consensus.proposals.pool import ProposalPool
from node.consensus.tortoise.machine import Tortoise
from node.consensus.tortoise.parameters import tortoise_parameters
from node.crypto.ed25519 import Verifier
from node.events import Bus
from node.net.fetch.client import Fetcher
from node.net.fetch.planner import FetchPlanner
from node.net.fetch.wire import Hint
from node.net.memory import MemoryNetwork
from node.net.ports import PeerID
from node.store.activesets import has_active_set, put_active_set
from node.store.atxs import atx_ids_in_epoch
from node.store.ballots import find_ballot_blob
from node.store.blobs import has_blob
from node.store.db import LevelDB
from node.store.statesql.files import open_state_sql
from node.store.statesql.load import import_state
from node.types.active_set import EpochActiveSet, active_set_hash
from node.types.ids import BallotID, Beacon, Hash32, ProposalID, TransactionID
from node.types.layer import EpochID, LayerID
from node.types.layer_time import LayerTime
from node.types.proposal import Proposal
from scripts.vectors.chain_state import Dump, read_dump, write_sqlite
from scripts.vectors.family import Case, Family, compare, read_json, read_json_lines, read_lines

NEIGHBOUR = PeerID("neighbour")


@dataclass
class Progress:
    """A mesh that has counted the layers before the one that runs."""

    processed: LayerID = field(default_factory=lambda: LayerID(0))

    def on_seen(self, layer: LayerID) -> None:
        """See MeshView."""


class Listeners:
    """Those who are told, of whom nothing is asked."""

    def on_ballot(
        self, epoch: EpochID, ballot: BallotID, beacon: Beacon, weight_per: int, units: int
    ) -> None:
        """See BeaconCollector."""

    def on_proposal(
        self, layer: LayerID, proposal: ProposalID, transactions: Iterable[TransactionID]
    ) -> None:
        """See ProposedTransactions."""


@dataclass
class Recorded:
    """A clock that is where the recording is."""

    now: int

    def now_ns(self) -> int:
        """See Clock."""
        return self.now

    async def sleep_until(self, instant_ns: int) -> None:
        """See Clock."""
        self.now = max(self.now, instant_ns)


class Judge:
    """Our handler over what a Go node knew."""

    def __init__(self, db: LevelDB, config: NodeConfig) -> None:
        genesis = config.genesis.genesis_time
        if genesis is None:
            raise ValueError("the recorded configuration has no genesis time")
        self.db = db
        self.time = LayerTime(
            genesis_ns=genesis,
            layer_duration_ns=config.main.layer_duration,
            layers_per_epoch=config.main.layers_per_epoch,
        )
        self.clock = Recorded(genesis)
        self.mesh = Progress()
        atxdata = AtxData()
        load_recent(
            atxdata,
            db,
            applied=self.time.effective_genesis,
            window_layers=config.tortoise.window_size,
            layers_per_epoch=self.time.layers_per_epoch,
        )
        end = MemoryNetwork().join("judge")
        bus = Bus()
        self.tortoise = Tortoise(tortoise_parameters(config, self.time), atxdata)
        self.pool = ProposalPool(
            capacity=config.tortoise.zdist + 1, evicted=self.time.effective_genesis
        )
        self.handler = ProposalHandler(
            db=db,
            time=self.time,
            clock=self.clock,
            bus=bus,
            config=config.tortoise,
            verifier=Verifier(genesis_id(genesis, config.genesis.extra_data)),
            fetcher=Fetcher(
                network=end, planner=FetchPlanner(entropy=bytes), has=self._is_recorded
            ),
            atxdata=atxdata,
            tortoise=self.tortoise,
            pool=self.pool,
            mesh=self.mesh,
            beacons=Listeners(),
            convictions=Convictions(
                db=db,
                atxdata=atxdata,
                clock=self.clock,
                bus=bus,
                network=end,
                signers=tuple,
                listeners=[self.tortoise],
            ),
            transactions=Listeners(),
            transaction_validator=self._refuse,
            golden_atx=golden_atx(genesis, config.genesis.extra_data),
            layer_size=config.main.layer_average_size,
        )

    def _is_recorded(self, hint: Hint, key: Hash32) -> bool:
        # There is nobody to ask: what is missing ends the judgement.
        if not has_blob(self.db, hint.value, key):
            raise NotFoundError(f"recorded object of {hint.value}", key)
        return True

    async def _refuse(self, expected: Hash32, peer: PeerID, data: bytes) -> None:
        raise AssertionError(f"{expected} was asked for")

    async def judge(self, data: bytes, at_ns: int) -> str:
        """Return what our handler has against a proposal that came in at an instant."""
        self.clock.now = self.time.genesis_ns + at_ns
        layer = self.time.layer_at(self.clock.now)
        self.mesh.processed = LayerID(layer - 1)
        self.pool.on_layer(layer)
        try:
            await self.handler.on_gossip(NEIGHBOUR, data)
        except SpacemeshError as error:
            return str(error)
        return ""


def check(folder: Path, *, name: str) -> Iterator[Case]:
    """Judge the proposals of one recording."""
    gossip = next(folder.glob(f"network/{name}gossip.jsonl*"))
    dump = read_dump(next(folder.glob(f"network/{name}state-node0.jsonl*")))
    config = read_config(read_json(next(folder.glob(f"network/{name}meta.json*"))))
    messages = [line for line in read_json_lines(gossip) if line["topic"] == TOPIC]
    proposals = [scale.decode(Proposal, bytes.fromhex(line["data"])) for line in messages]
    with tempfile.TemporaryDirectory() as target, LevelDB(Path(target)) as db:
        import_without_ballots(db, dump)
        restore_active_sets(db, proposals, config.main.layers_per_epoch)
        yield from asyncio.run(_judge_all(Judge(db, config), messages, proposals))
        yield from _compare_ballots(db, dump, proposals)


async def _judge_all(
    judge: Judge, messages: list[dict[str, Any]], proposals: list[Proposal]
) -> list[Case]:
    cases: list[Case] = []
    for number, (message, proposal) in enumerate(zip(messages, proposals, strict=True), 1):
        data = bytes.fromhex(message["data"])
        name = f"proposal {number} in layer {proposal.layer}"
        if scale.encode(proposal) != data:
            cases.append(Case(name, "encoded otherwise"))
            continue
        problem = await judge.judge(data, round(message["t"] * 10**9))
        cases.append(Case(name, problem))
    return cases


def _compare_ballots(db: LevelDB, dump: Dump, proposals: list[Proposal]) -> Iterator[Case]:
    """Compare the recorded ballots with ours.

    Two nodes of the network have one key and made a ballot with the same signed part and
    other votes, which are not signed; each node keeps the copy that reached it first.
    """
    copies: dict[BallotID, list[bytes]] = {}
    for proposal in proposals:
        encoded = scale.encode(proposal.ballot)
        copies.setdefault(proposal.ballot.id, []).append(encoded)
    for row in dump.tables["ballots"]:
        identifier, layer, data = row[0], row[2], row[4]
        if not isinstance(identifier, bytes) or not isinstance(data, bytes):
            yield Case("ballots", f"unreadable row {row!r}")
            continue
        ballot = BallotID(identifier[: BallotID.SIZE])
        heard = copies.get(ballot, [])
        if not heard:
            continue
        name = f"ballot {ballot} in layer {layer!r}"
        stored = find_ballot_blob(db, ballot)
        yield Case(name, "" if data in heard else "recorded is none of the copies")
        yield compare(name, stored, heard[0])


def import_without_ballots(db: LevelDB, dump: Dump) -> None:
    """Store everything of a dump but its ballots."""
    kept = Dump(dump.version, dump.schema, dump.tables | {"ballots": []})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.sql"
        write_sqlite(kept, path)
        with open_state_sql(path) as file:
            import_state(db, file)


def restore_active_sets(db: LevelDB, proposals: Iterable[Proposal], layers_per_epoch: int) -> None:
    """Store the active sets of past epochs, which the recorded node has pruned.

    A set is found as those of the epoch's few ATXs whose digest is the one named.
    """
    for proposal in proposals:
        data = proposal.ballot.inner.epoch_data
        if data is None or has_active_set(db, data.active_set_hash):
            continue
        epoch = EpochID(proposal.layer // layers_per_epoch)
        known = sorted(atx_ids_in_epoch(db, EpochID(epoch - 1)))
        sets = (chosen for size in range(len(known), 0, -1) for chosen in combinations(known, size))
        found = next((ids for ids in sets if active_set_hash(ids) == data.active_set_hash), None)
        if found is not None:
            with db.batch() as batch:
                stored = EpochActiveSet(epoch=epoch, atx_ids=found)
                put_active_set(batch, data.active_set_hash, stored)


def read_config(meta: dict[str, Any]) -> NodeConfig:
    """Return the configuration of the first of the recorded nodes."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.json"
        file.write_text(json.dumps(meta["configs"][0]), encoding="utf-8")
        places = Places(home=Path(folder), temporary=Path(folder))
        return load_config(places=places, file=file, lenient=True).config


def cut_recording(folder: Path, target: Path, layers: Container[int]) -> None:
    """Write what the proposals of some layers need of the first recording.

    Args:
        folder: the folder of all vectors.
        target: the folder for the cut ones.
        layers: whose proposals are kept.
    """
    wanted: set[str] = set()
    gossip = []
    for line in read_lines(folder / "network/gossip.jsonl.xz"):
        message = json.loads(line)
        if message["topic"] != TOPIC:
            continue
        proposal = scale.decode(Proposal, bytes.fromhex(message["data"]))
        if proposal.layer in layers:
            gossip.append(line)
            wanted |= {f"x{tx_id.hex()}" for tx_id in proposal.inner.tx_ids}
    meta = read_json(folder / "network/meta.json")
    (target / "network").mkdir(parents=True, exist_ok=True)
    text = json.dumps({"configs": meta["configs"][:1]}, indent=1)
    (target / "network/meta.json").write_text(text, encoding="utf-8")
    state = list(_cut_state(folder / "network/state-node0.jsonl.xz", layers, wanted))
    for name, lines in (("gossip", gossip), ("state-node0", state)):
        data = lzma.compress(("\n".join(lines) + "\n").encode(), preset=9)
        (target / f"network/{name}.jsonl.xz").write_bytes(data)


def _cut_state(source: Path, layers: Container[int], tx_ids: Container[str]) -> Iterator[str]:
    whole = {"activesets", "atx_blobs", "atxs", "beacons", "identities", "posts"}
    for number, line in enumerate(read_lines(source)):
        row = json.loads(line)
        if (
            number == 0
            or isinstance(row, dict)
            or (
                row[0] in whole
                or (row[0] == "ballots" and row[3] in layers)
                or (row[0] == "transactions" and row[1] in tx_ids)
            )
        ):
            yield line


def _family(name: str, prefix: str) -> Family:
    parts = ("gossip.jsonl*", "state-node0.jsonl*", "meta.json*")
    files = tuple(f"network/{prefix}{part}" for part in parts)
    return Family(name, files, partial(check, name=prefix))


FAMILIES = (
    _family("network/proposals", ""),
    _family("network/hare4-proposals", "hare4-"),
)
