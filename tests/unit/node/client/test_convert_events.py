"""Events that a node tells, as records, and answers that cannot be read."""

import pytest

from node import events as bus
from node.api.convert.user_events import user_event_messages
from node.base.bech32 import encode_address
from node.base.errors import DecodeError
from node.client.convert import find_address, layer_record, read_id
from node.client.convert_events import node_event
from node.client.events import (
    AtxPublished,
    BeaconComputed,
    Convicted,
    EligibilitiesKnown,
    EventDetails,
    InitCompleted,
    InitFailed,
    InitStarted,
    LayerSlots,
    NodeEvent,
    OtherEvent,
    PoetProofChosen,
    PoetProofDownloaded,
    PoetRegistered,
    PoetRoundAwaited,
    PoetWindowAwaited,
    PostCompleted,
    PostServiceStarted,
    PostServiceStopped,
    PostStarted,
    ProposalMade,
)
from node.client.records import LayerStatus
from node.pb.spacemesh.v1 import admin_types_pb2, types_pb2
from node.pb.spacemesh.v2alpha1 import block_pb2, layer_pb2
from node.types.ids import AtxID, Beacon, Hash32, ProposalID, SmesherID
from node.types.layer import EpochID, LayerID

NOW_NS = 1_700_000_000_123_456_789
ME = SmesherID(b"\x01" * 32)
ATX = AtxID(b"\x02" * 32)
CHALLENGE = Hash32(b"\x03" * 32)
BEACON = Beacon(b"beac")
EPOCH, NEXT = EpochID(2), EpochID(3)
SLOTS = ((LayerID(21), 2), (LayerID(25), 1))

TOLD: list[tuple[bus.Event, EventDetails]] = [
    (
        bus.BeaconDecided(epoch=EPOCH, beacon=BEACON),
        BeaconComputed(epoch=EPOCH, beacon=BEACON),
    ),
    (bus.InitStarted(smesher=ME, commitment=ATX), InitStarted(smesher=ME, commitment=ATX)),
    (bus.InitCompleted(smesher=ME), InitCompleted(smesher=ME)),
    (
        bus.InitFailed(smesher=ME, commitment=ATX, error="disk full"),
        InitFailed(smesher=ME, commitment=ATX, error="disk full"),
    ),
    (bus.PostServiceStarted(smesher=ME), PostServiceStarted()),
    (bus.PostServiceStopped(smesher=ME), PostServiceStopped()),
    (
        bus.PostStarted(smesher=ME, challenge=CHALLENGE),
        PostStarted(smesher=ME, challenge=CHALLENGE),
    ),
    (
        bus.PostCompleted(smesher=ME, challenge=CHALLENGE, error=""),
        PostCompleted(smesher=ME, challenge=CHALLENGE),
    ),
    (
        bus.PostCompleted(smesher=ME, challenge=None, error="no nonce"),
        PostCompleted(smesher=ME, challenge=None),
    ),
    (
        bus.PoetWindowAwaited(
            smesher=ME, current_epoch=EPOCH, publish_epoch=NEXT, wait_ns=5, until_ns=NOW_NS
        ),
        PoetWindowAwaited(smesher=ME, current=EPOCH, publish=NEXT, until_ns=NOW_NS),
    ),
    (
        bus.PoetRegistered(smesher=ME, address="http://poet", round_id="7", round_end_ns=9),
        PoetRegistered(smesher=ME, url="http://poet", round_id="7"),
    ),
    (
        bus.PoetRoundAwaited(
            smesher=ME, publish_epoch=EPOCH, target_epoch=NEXT, wait_ns=5, until_ns=NOW_NS
        ),
        PoetRoundAwaited(smesher=ME, publish=EPOCH, target=NEXT, until_ns=NOW_NS),
    ),
    (
        bus.PoetProofDownloaded(address="http://poet", round_id="7", ticks=99),
        PoetProofDownloaded(url="http://poet", round_id="7", ticks=99),
    ),
    (
        bus.PoetProofChosen(smesher=ME, address="http://poet", round_id="7", ticks=99),
        PoetProofChosen(smesher=ME, url="http://poet", round_id="7", ticks=99),
    ),
    (
        bus.AtxPublished(
            smesher=ME, atx=ATX, current_epoch=EPOCH, target_epoch=NEXT, wait_ns=5, until_ns=NOW_NS
        ),
        AtxPublished(smesher=ME, atx=ATX, current=EPOCH, target=NEXT, until_ns=NOW_NS),
    ),
    (
        bus.EligibilitiesKnown(
            smesher=ME,
            epoch=EPOCH,
            beacon=BEACON,
            atx=ATX,
            active_set_size=6,
            layers=tuple(bus.LayerSlots(layer=layer, count=count) for layer, count in SLOTS),
        ),
        EligibilitiesKnown(
            smesher=ME,
            epoch=EPOCH,
            beacon=BEACON,
            atx=ATX,
            active_set_size=6,
            layers=tuple(LayerSlots(layer=layer, count=count) for layer, count in SLOTS),
        ),
    ),
    (
        bus.ProposalPublished(smesher=ME, layer=LayerID(21), proposal=ProposalID(b"\x04" * 20)),
        ProposalMade(smesher=ME, layer=LayerID(21), proposal=ProposalID(b"\x04" * 20)),
    ),
]


@pytest.mark.parametrize(
    ("event", "details"), TOLD, ids=[type(details).__name__ for _, details in TOLD]
)
def test_what_the_node_announces_is_read(event: bus.Event, details: EventDetails) -> None:
    [read] = [one for message in user_event_messages(event, NOW_NS) if (one := node_event(message))]
    failed = isinstance(details, InitFailed) or details == PostCompleted(smesher=ME, challenge=None)
    assert read.details == details
    assert (read.time_ns, read.is_failure) == (NOW_NS, failed)
    assert read.text


def test_a_conviction_is_read() -> None:
    proof = types_pb2.MalfeasanceProof(
        smesher_id=types_pb2.SmesherId(id=ME),
        layer=types_pb2.LayerNumber(number=9),
        debug_info="cause: two ATXs",
    )
    message = admin_types_pb2.Event(
        failure=True, malfeasance=admin_types_pb2.EventMalfeasance(proof=proof)
    )
    assert node_event(message) == NodeEvent(
        time_ns=0,
        is_failure=True,
        text="",
        details=Convicted(smesher=ME, layer=LayerID(9), explanation="cause: two ATXs"),
    )


def test_an_event_without_a_name_keeps_its_text() -> None:
    read = node_event(admin_types_pb2.Event(help="something new"))
    assert read is not None
    assert (read.text, read.details) == ("something new", OtherEvent())


def test_an_identifier_of_another_length_is_refused() -> None:
    assert read_id(SmesherID, bytes(ME)) == ME
    with pytest.raises(DecodeError, match="SmesherID of 3 bytes") as caught:
        read_id(SmesherID, b"abc")
    assert caught.value.hint


def test_the_zero_address_is_no_coinbase() -> None:
    assert find_address(encode_address("sm", bytes(24))) is None
    assert find_address("") is None
    other = "standalone1qqqqqqqlgfpwap59jlwmre4p9xrlk8fenfnlsrqzuj8zd"
    assert find_address(other) == other
    with pytest.raises(DecodeError, match="junk"):
        find_address("junk")


def test_the_zero_block_stands_for_an_empty_layer() -> None:
    layer = layer_record(layer_pb2.Layer(number=7, block=block_pb2.Block(id=bytes(20))))
    assert (layer.number, layer.status, layer.block) == (7, LayerStatus.UNSPECIFIED, None)
    assert (layer.state_hash, layer.mesh_hash) == (None, None)
