"""Smeshers for simulations of one component: equal ones, with keys and ATXs from the seed."""

from typing import Final

from node.crypto.ed25519 import Signer, private_key_of
from node.net.memory import MemoryNetwork
from node.sim.links import Randomness, SeededLinks
from node.types.address import Address
from node.types.atx import Atx
from node.types.ids import NO_ATX, AtxID, GenesisID
from node.types.layer import EpochID

LOWEST_S: Final = 0.02
HIGHEST_S: Final = 1.0
"""Time that a message takes on a link: a few hops fit into a round of hare or the beacon."""
WEIGHT: Final = 1000
"""Of every smesher."""
UNITS: Final = 4


def draw_signers(random: Randomness, count: int) -> list[Signer]:
    """Return the keys of the smeshers of a network, whose genesis is drawn as well."""
    genesis = GenesisID(random(GenesisID.SIZE))
    return [Signer(private_key_of(random(32)), genesis) for _ in range(count)]


def draw_atx(random: Randomness, signer: Signer, publish_epoch: EpochID) -> Atx:
    """Return a smesher's ATX as nodes remember it; there is no proof behind it."""
    return Atx(
        id=AtxID(random(AtxID.SIZE)),
        smesher=signer.smesher_id,
        publish_epoch=publish_epoch,
        sequence=0,
        commitment_atx=None,
        previous_atx=NO_ATX,
        coinbase=Address(bytes(4) + signer.smesher_id[:20]),
        num_units=UNITS,
        vrf_nonce=0,
        base_tick_height=0,
        tick_count=WEIGHT // UNITS,
        weight=WEIGHT,
        received_ns=1,
        version=1,
    )


def draw_network(random: Randomness, lost_per_million: int) -> MemoryNetwork:
    """Return a network on which messages take their time, and so many of a million are lost."""
    links = SeededLinks(
        random=random,
        lowest_s=LOWEST_S,
        highest_s=HIGHEST_S,
        lost_per_million=lost_per_million,
    )
    return MemoryNetwork(links=links)
