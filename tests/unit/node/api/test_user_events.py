"""AdminService.EventsStream: what operators are told, and for how long."""

from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from node.api.convert.user_events import (
    ATX_HELP,
    BEACON_HELP,
    INIT_HELP,
    ROUND_HELP,
    SLOTS_HELP,
    USER_EVENTS,
    WINDOW_HELP,
    duration,
    user_event_messages,
)
from node.api.user_events import KEPT
from node.base import scale
from node.consensus.malfeasance.wire import MalfeasanceProof
from node.events import (
    AtxPublished,
    BeaconDecided,
    EligibilitiesKnown,
    Event,
    InitCompleted,
    InitFailed,
    InitStarted,
    LayerSlots,
    LayerStarted,
    PoetProofChosen,
    PoetProofDownloaded,
    PoetRegistered,
    PoetRoundAwaited,
    PoetWindowAwaited,
    PostCompleted,
    PostServiceStarted,
    PostServiceStopped,
    PostStarted,
    ProposalPublished,
    PublicationRefused,
    SmesherMalicious,
)
from node.pb.spacemesh.v1 import admin_types_pb2 as admin
from node.types.ids import AtxID, Beacon, Hash32, ProposalID
from node.types.layer import EpochID, LayerID
from tests.support.api import NOW_NS, ApiWorld
from tests.support.malfeasance import SMESHER, multiple_ballots

STREAM = "spacemesh.v1.AdminService/EventsStream"
NOW = Timestamp(seconds=1_000_225)
ATX = AtxID(b"\x01" * 32)
CHALLENGE = Hash32(b"\x02" * 32)
BEACON = Beacon(b"beac")
UNTIL = Timestamp(seconds=7, nanos=5)
PROOF = scale.encode(MalfeasanceProof(layer=LayerID(20), data=multiple_ballots()))

WINDOW = PoetWindowAwaited(
    smesher=SMESHER,
    current_epoch=EpochID(1),
    publish_epoch=EpochID(2),
    wait_ns=1_500_000_000,
    until_ns=7_000_000_005,
)
ROUND = PoetRoundAwaited(
    smesher=SMESHER,
    publish_epoch=EpochID(2),
    target_epoch=EpochID(3),
    wait_ns=1_500_000_000,
    until_ns=7_000_000_005,
)
WAIT = Duration(seconds=1, nanos=500_000_000)

CASES: list[tuple[Event, str, dict[str, Any]]] = [
    (
        BeaconDecided(epoch=EpochID(2), beacon=BEACON),
        BEACON_HELP,
        {"beacon": admin.EventBeacon(epoch=2, beacon=BEACON)},
    ),
    (
        InitStarted(smesher=SMESHER, commitment=ATX),
        INIT_HELP,
        {"init_start": admin.EventInitStart(smesher=SMESHER, commitment=ATX)},
    ),
    (
        InitCompleted(smesher=SMESHER),
        "Node successfully completed PoST data initialization.",
        {"init_complete": admin.EventInitComplete(smesher=SMESHER)},
    ),
    (
        PostServiceStarted(smesher=SMESHER),
        "Node started local PoST service.",
        {"post_service_started": admin.EventPostServiceStarted()},
    ),
    (
        PostServiceStopped(smesher=SMESHER),
        "Node stopped local PoST service.",
        {"post_service_stopped": admin.EventPostServiceStopped()},
    ),
    (
        PostStarted(smesher=SMESHER, challenge=CHALLENGE),
        "Node started PoST execution using the challenge from PoET.",
        {"post_start": admin.EventPostStart(smesher=SMESHER, challenge=CHALLENGE)},
    ),
    (
        PostCompleted(smesher=SMESHER, challenge=CHALLENGE, error=""),
        "Node finished PoST execution using PoET challenge.",
        {"post_complete": admin.EventPostComplete(smesher=SMESHER, challenge=CHALLENGE)},
    ),
    (
        PoetRegistered(smesher=SMESHER, address="http://poet", round_id="4", round_end_ns=9),
        "Registered in PoET.",
        {
            "registered_in_poet": admin.EventRegisteredInPoet(
                url="http://poet", smesher=SMESHER, round_id="4"
            )
        },
    ),
    (
        PoetProofDownloaded(address="http://poet", round_id="4", ticks=55),
        "Downloaded proof from PoET.",
        {
            "proof_downloaded_from_poet": admin.EventProofDownloadedFromPoet(
                url="http://poet", round_id="4", ticks=55
            )
        },
    ),
    (
        PoetProofChosen(smesher=SMESHER, address="http://poet", round_id="4", ticks=55),
        "Best PoET proof selected.",
        {
            "best_proof_selected": admin.EventBestProofSelected(
                url="http://poet", round_id="4", ticks=55, smesher=SMESHER
            )
        },
    ),
    (
        AtxPublished(
            smesher=SMESHER,
            atx=ATX,
            current_epoch=EpochID(1),
            target_epoch=EpochID(2),
            wait_ns=1_500_000_000,
            until_ns=7_000_000_005,
        ),
        ATX_HELP,
        {
            "atx_published": admin.EventAtxPubished(
                current=1, target=2, id=ATX, wait=WAIT, until=UNTIL, smesher=SMESHER
            )
        },
    ),
    (
        EligibilitiesKnown(
            smesher=SMESHER,
            epoch=EpochID(2),
            beacon=BEACON,
            atx=ATX,
            active_set_size=1,
            layers=(LayerSlots(layer=LayerID(20), count=3),),
        ),
        SLOTS_HELP,
        {
            "eligibilities": admin.EventEligibilities(
                epoch=2,
                beacon=BEACON,
                atx=ATX,
                active_set_size=1,
                eligibilities=[admin.ProposalEligibility(layer=20, count=3)],
                smesher=SMESHER,
            )
        },
    ),
    (
        ProposalPublished(smesher=SMESHER, layer=LayerID(20), proposal=ProposalID(b"\x03" * 20)),
        "Node published proposal. Rewards will be received once proposal is included in the block.",
        {"proposal": admin.EventProposal(layer=20, proposal=b"\x03" * 20, smesher=SMESHER)},
    ),
]


@pytest.mark.parametrize(("event", "text", "details"), CASES)
def test_an_event_is_told_in_the_references_words(
    event: Event, text: str, details: dict[str, Any]
) -> None:
    (message,) = user_event_messages(event, NOW_NS)
    assert message == admin.Event(timestamp=NOW, help=text, **details)


def test_waiting_is_told_in_the_old_form_and_the_new() -> None:
    assert user_event_messages(WINDOW, NOW_NS) == (
        admin.Event(
            timestamp=NOW,
            help=WINDOW_HELP,
            poet_wait_round=admin.EventPoetWaitRound(
                current=1, publish=2, wait=WAIT, until=UNTIL, smesher=SMESHER
            ),
        ),
        admin.Event(
            timestamp=NOW,
            help=WINDOW_HELP,
            waiting_for_poet_registration_window=admin.EventWaitingForPoETRegistrationWindow(
                current=1, publish=2, round_end=UNTIL, smesher=SMESHER
            ),
        ),
    )
    assert user_event_messages(ROUND, NOW_NS) == (
        admin.Event(
            timestamp=NOW,
            help=ROUND_HELP,
            poet_wait_proof=admin.EventPoetWaitProof(
                publish=2, target=3, wait=WAIT, until=UNTIL, smesher=SMESHER
            ),
        ),
        admin.Event(
            timestamp=NOW,
            help=ROUND_HELP,
            waiting_for_poet_round_end=admin.EventWaitingForPoETRoundEnd(
                publish=2, target=3, round_end=UNTIL, smesher=SMESHER
            ),
        ),
    )


def test_failures_are_marked() -> None:
    events = (
        InitFailed(smesher=SMESHER, commitment=ATX, error="the disk is full"),
        PostCompleted(smesher=SMESHER, challenge=None, error="no proof"),
        SmesherMalicious(smesher=SMESHER, proof=PROOF, is_own=True),
        PublicationRefused(
            smesher=SMESHER, what="ballot", code="smesh.precondition", reason="no", hint="stop"
        ),
    )
    init, proof, malfeasance, refused = (user_event_messages(event, NOW_NS)[0] for event in events)
    assert init.failure
    assert proof.failure
    assert malfeasance.failure
    assert refused == admin.Event(timestamp=NOW, help="no; stop.", failure=True)
    assert init.init_failed == admin.EventInitFailed(
        smesher=SMESHER, commitment=ATX, error="the disk is full"
    )
    assert init.help == "Node failed PoST data initialization."
    assert proof.post_complete == admin.EventPostComplete(smesher=SMESHER)
    assert proof.help == "Node failed PoST execution."
    assert malfeasance.malfeasance.proof.smesher_id.id == SMESHER
    assert malfeasance.help == "Node committed malicious behavior. Identity will be canceled."


@pytest.mark.parametrize(
    "event",
    [
        LayerStarted(layer=LayerID(1)),
        SmesherMalicious(smesher=SMESHER, proof=PROOF, is_own=False),
    ],
)
def test_what_does_not_concern_our_smeshers_is_not_told(event: Event) -> None:
    assert user_event_messages(event, NOW_NS) == ()


def test_every_kind_that_is_listened_to_is_told() -> None:
    told = {type(event) for event, _, _ in CASES}
    told |= {PoetWindowAwaited, PoetRoundAwaited, InitFailed}
    told |= {SmesherMalicious, PublicationRefused}
    assert told == set(USER_EVENTS)


def test_a_duration_in_the_past_is_negative_throughout() -> None:
    assert duration(-1_500_000_000) == Duration(seconds=-1, nanos=-500_000_000)


async def test_the_stream_begins_with_what_happened_before(world: ApiWorld) -> None:
    async with world.serve() as api:
        for epoch in range(KEPT + 5):
            world.bus.publish(BeaconDecided(epoch=EpochID(epoch), beacon=BEACON))
        stream = api.stream(STREAM, on="private")
        kept = [await stream.read() for _ in range(KEPT)]
        assert [message.beacon.epoch for message in kept] == list(range(5, KEPT + 5))
        assert kept[0].timestamp == NOW
        world.bus.publish(WINDOW)
        assert (await stream.read()).HasField("poet_wait_round")
        assert (await stream.read()).HasField("waiting_for_poet_registration_window")
        stream.cancel()


async def test_the_log_outlives_a_server(world: ApiWorld) -> None:
    async with world.serve() as api:
        world.bus.publish(InitCompleted(smesher=SMESHER))
        stream = api.stream(STREAM, on="private")
        await stream.read()
    async with world.serve() as api:
        stream = api.stream(STREAM, on="private")
        assert (await stream.read()).HasField("init_complete")
        stream.cancel()
