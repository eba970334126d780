"""What was recorded of hare in a network of Go nodes: who said what, and when it came.

The recorder was a peer that only listened.  What a node had in the milliseconds around the
preround is told by its own messages alone.
"""

import json
import lzma
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

from node.base import scale
from node.config.model.root import NodeConfig
from node.consensus.hare.exchange import PROTOCOL
from node.consensus.hare.machine import PREROUND
from node.consensus.hare.messages import Version, completed, decode_message
from node.consensus.hare.rules import compact_id, match_compact
from node.consensus.hare.schedule import threshold_of
from node.consensus.hare.wire import HareMessage, IterRound, MessageV4, Round
from node.consensus.proposals.handler import TOPIC as PROPOSALS
from node.net.ports import PeerID
from node.types.ids import Hash32, ProposalID, SmesherID
from node.types.layer import LayerID
from node.types.proposal import Proposal
from scripts.vectors.chain_state import Dump, read_dump
from scripts.vectors.family import read_json, read_json_lines, read_lines
from scripts.vectors.proposals import read_config

MS = 10**6
"""Nanoseconds."""
PROPOSE_ROUNDS = tuple(IterRound(iteration=number, round=Round.PROPOSE) for number in (0, 1))
"""Those in which a node proposes what the preround supports, as long as nothing is committed."""
CHECKED_NS = 100 * MS
"""Time in which every node had checked a proposal that came to the recorder."""
ROUNDING_NS = MS // 2
"""Added to recorded instants, which are whole milliseconds: nothing comes as it is sent."""


@dataclass(frozen=True, slots=True)
class Slot:
    """Where one smesher can say one thing."""

    layer: LayerID
    iter_round: IterRound
    sender: SmesherID

    @classmethod
    def of(cls, message: HareMessage) -> "Slot":
        """Return where a message belongs."""
        return cls(message.body.layer, message.body.iter_round, message.sender)

    def key(self) -> tuple[int, int, SmesherID]:
        """Return what slots are sorted by."""
        return self.layer, self.iter_round.absolute, self.sender

    def __str__(self) -> str:
        place = f"iteration {self.iter_round.iteration}, round {self.iter_round.round}"
        return f"layer {self.layer}, {place}, {self.sender.hex()[:8]}"


@dataclass(frozen=True, slots=True)
class Heard:
    """A recorded message."""

    at_ns: int
    """After genesis."""

    topic: str
    peer: PeerID
    data: bytes

    slot: Slot | None = None
    """Of a hare message."""

    proposal: Proposal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What was recorded of one network."""

    config: NodeConfig
    dump: Dump

    heard: tuple[Heard, ...]
    """Proposals, hare messages, and questions about those that the recorder asked."""

    proposals: tuple[Proposal, ...]

    said: dict[Slot, HareMessage]
    """All hare messages, those with compact names completed."""

    answers: dict[bytes, bytes]
    """Of full exchanges, by request."""

    seeds: dict[SmesherID, bytes]
    """Of the smeshers' keys."""

    peers: dict[SmesherID, PeerID]
    """Names of their nodes."""

    @property
    def layers(self) -> range:
        """Layers with hare messages."""
        numbers = [slot.layer for slot in self.said]
        return range(min(numbers), max(numbers) + 1)

    @property
    def speakers(self) -> list[SmesherID]:
        """Who said something, in the order of the nodes."""
        known = {slot.sender for slot in self.said}
        return [smesher for smesher in self.seeds if smesher in known]

    def initial(self, layer: int, smesher: SmesherID) -> tuple[ProposalID, ...]:
        """Return what a smesher had at the preround, as far as it was told."""
        message = self.said.get(Slot(LayerID(layer), PREROUND, smesher))
        return () if message is None else message.body.value.proposals

    def schedule(self, smesher: SmesherID) -> list[Heard]:
        """Return what a smesher's node takes, in the order of time.

        The proposals that it names in its preround message came before that, which is not
        always when they came to the recorder; its own hare messages it makes itself.
        """
        taken = [
            replace(heard, at_ns=self._arrival_ns(heard, smesher))
            for heard in self.heard
            if heard.slot is None or self._is_taken(heard.slot, smesher)
        ]
        return sorted(taken, key=lambda heard: heard.at_ns)

    def _is_taken(self, slot: Slot, smesher: SmesherID) -> bool:
        if slot.sender == smesher:
            return False
        is_compact = isinstance(self.said[slot], MessageV4) and slot.iter_round == PREROUND
        return not is_compact or slot in self._completed(slot.layer, smesher)

    def _completed(self, layer: LayerID, smesher: SmesherID) -> tuple[Slot, ...]:
        """Return which compact messages of others a smesher's node could complete.

        It depends on what it had in that millisecond, which only its own messages tell: the
        most that have it propose what it proposed.  A node without proposals completes none.
        """
        if not self.initial(layer, smesher):
            return ()
        heard = [slot for slot in self.said if slot.layer == layer and slot.iter_round == PREROUND]
        own = Slot(layer, PREROUND, smesher)
        others = [slot for slot in heard if slot != own]
        proposals = (self.said.get(Slot(layer, when, smesher)) for when in PROPOSE_ROUNDS)
        proposed = next((message for message in proposals if message is not None), None)
        if proposed is None:
            return tuple(others)
        wanted = set(proposed.body.value.proposals)
        subsets = (
            chosen
            for size in range(len(others), -1, -1)
            for chosen in combinations(others, size)
            if self._supported([own, *chosen]) == wanted
        )
        return next(subsets, tuple(others))

    def _supported(self, slots: Iterable[Slot]) -> set[ProposalID]:
        """Return the proposals that preround messages support with enough seats."""
        seats: Counter[ProposalID] = Counter()
        for body in (self.said[slot].body for slot in slots):
            seats.update(dict.fromkeys(body.value.proposals, body.eligibility.count))
        threshold = threshold_of(self.config.hare4, LayerID(self.layers[0]))
        return {identifier for identifier, count in seats.items() if count >= threshold}

    def choices(self, slot: Slot) -> set[Hash32 | None]:
        """Return the references between which a notify message may choose, if there are several.

        Where the commits of a round support two references, Go nodes take any.
        """
        if slot.iter_round.round != Round.NOTIFY:
            return set()
        when = replace(slot.iter_round, round=Round.COMMIT)
        seats: Counter[Hash32 | None] = Counter()
        for commit, message in self.said.items():
            if (commit.layer, commit.iter_round) == (slot.layer, when):
                seats[message.body.value.reference] += message.body.eligibility.count
        is_second = slot.layer >= self.config.hare3.disable_layer
        section = self.config.hare4 if is_second else self.config.hare3
        threshold = threshold_of(section, slot.layer)
        supported = {reference for reference, count in seats.items() if count >= threshold}
        return supported if len(supported) > 1 else set()

    def _arrival_ns(self, heard: Heard, smesher: SmesherID) -> int:
        proposal = heard.proposal
        if proposal is None or proposal.id not in self.initial(proposal.layer, smesher):
            return heard.at_ns
        return min(heard.at_ns, self.preround_ns(proposal.layer) - MS)

    def preround_ns(self, layer: int) -> int:
        """Return when the preround of a layer is executed, nanoseconds after genesis."""
        return layer * self.config.main.layer_duration + self.config.hare3.preround_delay


def sure_proposals(recording: Recording) -> set[ProposalID]:
    """Return the proposals that came early enough for every node to have checked them.

    In the first layer of an epoch that takes longer, for active sets have to be fetched.
    """
    epoch = recording.config.main.layers_per_epoch
    return {
        heard.proposal.id
        for heard in recording.heard
        if heard.proposal is not None
        and heard.proposal.layer % epoch
        and heard.at_ns < recording.preround_ns(heard.proposal.layer) - CHECKED_NS
    }


def read_recording(folder: Path, prefix: str) -> Recording:
    """Read one of the two recordings."""
    meta = read_json(next(folder.glob(f"network/{prefix}meta.json*")))
    config = read_config(meta)
    heard = [
        *_read_gossip(next(folder.glob(f"network/{prefix}gossip.jsonl*")), config),
        *(q for file in folder.glob(f"network/{prefix}requests.jsonl*") for q in _questions(file)),
    ]
    proposals = tuple(h.proposal for h in heard if h.proposal is not None)
    return Recording(
        config=config,
        dump=read_dump(next(folder.glob(f"network/{prefix}state-node0.jsonl*"))),
        heard=tuple(heard),
        proposals=proposals,
        said={
            h.slot: _complete(_decode(config, h.topic, h.data), proposals)
            for h in heard
            if h.slot is not None
        },
        answers=dict(
            answer
            for file in folder.glob(f"network/{prefix}requests.jsonl*")
            for answer in _answers(file)
        ),
        seeds={
            SmesherID(bytes.fromhex(key)): bytes.fromhex(seed) for seed, key in meta["smeshers"]
        },
        peers={
            SmesherID(bytes.fromhex(key)): PeerID(peer)
            for (_, key), peer in zip(meta["smeshers"], meta["peer_ids"], strict=True)
        },
    )


def _read_gossip(file: Path, config: NodeConfig) -> Iterator[Heard]:
    for line in read_json_lines(file):
        topic, data = line["topic"], bytes.fromhex(line["data"])
        heard = Heard(_instant(line), topic, PeerID(line["from"]), data)
        if topic == PROPOSALS:
            yield replace(heard, proposal=scale.decode(Proposal, data))
        elif topic in {config.hare3.protocol_name, config.hare4.protocol_name}:
            yield replace(heard, slot=Slot.of(_decode(config, topic, data)))


def _instant(line: dict[str, Any]) -> int:
    seconds: float = line["t"]
    return round(seconds * 1000) * MS + ROUNDING_NS


def _decode(config: NodeConfig, topic: str, data: bytes) -> HareMessage:
    is_first = topic == config.hare3.protocol_name
    return decode_message(Version.HARE3 if is_first else Version.HARE4, data)


def _complete(message: HareMessage, proposals: Iterable[Proposal]) -> HareMessage:
    """Return the full form of a message."""
    if not isinstance(message, MessageV4) or message.body.iter_round != PREROUND:
        return message
    here = [(p.id, compact_id(p)) for p in proposals if p.layer == message.body.layer]
    known = [(identifier, name) for identifier, name in here if name is not None]
    matched = match_compact(message.body.value.compact_proposals, known)
    if matched is None:
        raise ValueError(f"proposals of {Slot.of(message)} were not recorded")
    return completed(message, matched)


def _questions(file: Path) -> Iterator[Heard]:
    for line in read_json_lines(file):
        if line["protocol"] == PROTOCOL:
            data = bytes.fromhex(line["request"])
            yield Heard(_instant(line), PROTOCOL, PeerID(line["peer"]), data)


def _answers(file: Path) -> Iterator[tuple[bytes, bytes]]:
    for line in read_json_lines(file):
        if line["protocol"] == PROTOCOL:
            yield bytes.fromhex(line["request"]), bytes.fromhex(line["wire_response"])


def cut_recording(
    folder: Path, target: Path, prefix: str, layers: range, known: Container[int]
) -> None:
    """Write what some layers of a recording need.

    Args:
        folder: the folder of all vectors.
        target: the folder for the cut ones.
        prefix: of the recording's file names.
        layers: whose hare messages are kept, with what came of them.
        known: whose proposals are kept, for those build on each other.
    """
    (target / "network").mkdir(parents=True, exist_ok=True)
    meta = read_json(folder / f"network/{prefix}meta.json")
    kept = {key: meta[key] for key in ("smeshers", "peer_ids")} | {"configs": meta["configs"][:1]}
    text = json.dumps(kept, indent=1)
    (target / f"network/{prefix}meta.json").write_text(text, encoding="utf-8")
    recording = read_recording(folder, prefix)
    wanted = {
        f"x{tx_id.hex()}"
        for p in recording.proposals
        if p.layer in known
        for tx_id in p.inner.tx_ids
    }
    data = {heard.data.hex() for heard in recording.heard if _is_kept(heard, layers, known)}
    layer_s = recording.config.main.layer_duration // (1000 * MS)
    parts: dict[str, Callable[[Any], bool]] = {
        "gossip": lambda row: row["data"] in data,
        "requests": lambda row: row["protocol"] == PROTOCOL and row["t"] // layer_s in layers,
        "state-node0": lambda row: isinstance(row, dict) or _is_row_kept(row, layers, wanted),
    }
    for part, keeps in parts.items():
        for file in folder.glob(f"network/{prefix}{part}.jsonl.xz"):
            lines = [line for line in read_lines(file) if keeps(json.loads(line))]
            packed = lzma.compress(("\n".join(lines) + "\n").encode(), preset=9)
            (target / "network" / file.name).write_bytes(packed)


def _is_kept(heard: Heard, layers: Container[int], known: Container[int]) -> bool:
    if heard.proposal is not None:
        return heard.proposal.layer in known
    return heard.slot is not None and heard.slot.layer in layers


def _is_row_kept(row: list[Any], layers: range, tx_ids: Container[str]) -> bool:
    match row[0]:
        case "activesets" | "atx_blobs" | "atxs" | "beacons" | "identities" | "posts":
            return True
        case "layers" | "certificates":
            return row[1] in layers or row[1] == layers[0] - 1
        case "blocks":
            return row[2] in layers
        case "transactions":
            return row[1] in tx_ids
        case _:
            return False
