"""What ATXs of any version derive from their fields."""

from node.types.address import NO_ADDRESS
from node.types.atx import Atx
from node.types.ids import (
    NO_ATX,
    SmesherID,
)
from node.types.layer import EpochID


def test_an_atx_tells_its_height_and_the_epoch_it_counts_in() -> None:
    atx = Atx(
        id=NO_ATX,
        smesher=SmesherID.zero(),
        publish_epoch=EpochID(4),
        sequence=0,
        commitment_atx=None,
        previous_atx=NO_ATX,
        coinbase=NO_ADDRESS,
        num_units=4,
        vrf_nonce=1,
        base_tick_height=100,
        tick_count=7,
        weight=28,
        received_ns=0,
        version=1,
    )
    assert (atx.tick_height, atx.target_epoch) == (107, 5)
