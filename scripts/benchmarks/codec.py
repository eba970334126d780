"""The big messages: the generated codec beside one that reads annotations field by field."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from bech32 import bech32_encode, convertbits

from node.base import scale
from node.base.bech32 import encode_address
from node.consensus.hare.wire import CompactIDResponse, MessageV3, MessageV4
from node.consensus.malfeasance.wire import MalfeasanceProof
from node.types.active_set import EpochActiveSet
from node.types.atx_v1 import ActivationTxV1
from node.types.atx_v2 import ActivationTxV2
from node.types.ballot import Ballot
from node.types.block import Block
from node.types.certificate import Certificate
from node.types.poet import PoetProofMessage
from node.types.proposal import Proposal
from scripts.benchmarks.measurement import Measurement, duration
from scripts.benchmarks.samples import fill
from tests.support import plain_scale

SECONDS: Final = 0.6
"""Time for each figure."""

BARRED_SECONDS: Final = 3.0
"""Time for those that are judged."""

BALLOT: Final = {"eligibilities": 10, "against": 0, "abstain": 0, "active_set": 0, "j": 7}
"""A reference ballot with ten eligibilities and one vote."""

INITIAL: Final = {"nodes": 17, "indices": 159}
"""An ATX with the proofs of the smallest mainnet space."""

MESSAGES: Final[tuple[tuple[str, type, Mapping[str, int]], ...]] = (
    ("ballot, 10 slots", Ballot, BALLOT),
    ("proposal, 500 transactions", Proposal, {**BALLOT, "tx_ids": 500}),
    ("block, 5000 transactions", Block, {"rewards": 50, "tx_ids": 5000}),
    ("active set, 100 000 ids", EpochActiveSet, {"atx_ids": 100_000}),
    ("ATX 1", ActivationTxV1, INITIAL),
    (
        "ATX 2, 10 identities",
        ActivationTxV2,
        {**INITIAL, "previous_atxs": 10, "posts": 10, "marriages": 10},
    ),
    ("PoET proof, T = 150", PoetProofMessage, {"proven_leaves": 150, "proof_nodes": 3900}),
    (
        "hare 3 preround, 2350 ids",
        MessageV3,
        {"proposals": 2350, "reference": 0},
    ),
    (
        "hare 4 preround, 2350 compact ids",
        MessageV4,
        {"proposals": 0, "reference": 0, "compact_proposals": 2350},
    ),
    ("hare 4 full ids, 2050", CompactIDResponse, {"ids": 2050}),
    ("malfeasance, two ATXs", MalfeasanceProof, {**INITIAL, "data": 5}),
    ("certificate, 200 signatures", Certificate, {"signatures": 200}),
)

BARS: Final = {"ballot, 10 slots": (20.0, 6.0)}
"""Microseconds to decode and to encode."""


def measure() -> Iterator[Measurement]:
    """Yield the time each message takes."""
    for name, cls, sizes in MESSAGES:
        yield from _measure(name, cls, fill(cls, sizes))
    address = bytes(range(24))
    yield duration(
        "codec: address as text",
        lambda: encode_address("sm", address),
        "us",
        SECONDS,
        clear=lambda: bech32_encode("sm", convertbits(address, 8, 5) or ()),
    )


def _measure(name: str, cls: type[Any], value: object) -> Iterator[Measurement]:
    data = scale.encode(value)
    decode_bar, encode_bar = BARS.get(name, (None, None))
    seconds = SECONDS if decode_bar is None else BARRED_SECONDS
    yield duration(
        f"codec: decode {name}",
        lambda: scale.decode(cls, data),
        "us",
        seconds,
        clear=lambda: plain_scale.decode(cls, data),
        bar=decode_bar,
    )
    yield duration(
        f"codec: encode {name}",
        lambda: scale.encode(value),
        "us",
        seconds,
        clear=lambda: plain_scale.encode(value),
        bar=encode_bar,
    )
