"""Events of our own smeshers as messages for operators.

Two of the reference's kinds replace two deprecated ones; both forms are sent together.

Source: go-spacemesh, events/reporter.go; api digest section 6.
"""

from typing import Any, Final

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from node.api.convert.malfeasance import malfeasance_message
from node.events import (
    AtxPublished,
    BeaconDecided,
    EligibilitiesKnown,
    Event,
    InitCompleted,
    InitFailed,
    InitStarted,
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
from node.layer_ticker import NS_PER_SECOND
from node.pb.spacemesh.v1 import admin_types_pb2 as admin

USER_EVENTS: Final[tuple[type[Event], ...]] = (
    AtxPublished,
    BeaconDecided,
    EligibilitiesKnown,
    InitCompleted,
    InitFailed,
    InitStarted,
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
"""What an operator is told."""

INIT_HELP: Final = (
    "Node started PoST data initialization. Initialization will not be performed "
    "again if already completed."
)
BEACON_HELP: Final = (
    "Node computed randomness beacon, which will be used to determine consensus eligibility."
)
PROPOSAL_HELP: Final = (
    "Node published proposal. Rewards will be received once proposal is included in the block."
)
WINDOW_HELP: Final = (
    "Node is waiting for PoET registration window in current epoch to open. After this it will "
    "submit challenge and wait until PoET round ends in publish epoch."
)
ROUND_HELP: Final = (
    "Node is waiting for PoET to complete. After it's complete, the node will fetch the PoET "
    "proof, generate a PoST proof, and finally publish an ATX to establish eligibility for "
    "rewards in the target epoch."
)
ATX_HELP: Final = (
    "Node published activation for the current epoch. It now needs to wait until the target "
    "epoch when it will be eligible for rewards."
)
SLOTS_HELP: Final = (
    "Node computed eligibilities for the epoch. Rewards will be received after successfully "
    "publishing proposals at specified layers. The rewards actually received will be based on "
    "the number of other participants in each layer."
)


def timestamp(at_ns: int) -> Timestamp:
    """Return a moment, nanoseconds since the Unix epoch."""
    seconds, nanos = divmod(at_ns, NS_PER_SECOND)
    return Timestamp(seconds=seconds, nanos=nanos)


def duration(length_ns: int) -> Duration:
    """Return a length of time; seconds and nanoseconds have the same sign."""
    seconds, nanos = divmod(abs(length_ns), NS_PER_SECOND)
    sign = -1 if length_ns < 0 else 1
    return Duration(seconds=sign * seconds, nanos=sign * nanos)


def user_event_messages(event: Event, now_ns: int) -> tuple[admin.Event, ...]:
    """Return what an operator is told of an event; nothing for events of other kinds."""
    match event:
        case SmesherMalicious(is_own=True, proof=proof, smesher=smesher):
            found = malfeasance_message(smesher, proof, include_proof=False)
            help_text = "Node committed malicious behavior. Identity will be canceled."
            details: dict[str, Any] = {"malfeasance": admin.EventMalfeasance(proof=found)}
            return (_message(now_ns, help_text, details, failure=True),)
        case PublicationRefused(reason=reason, hint=hint):
            # None of the reference's kinds fits: the text says it all.
            return (_message(now_ns, f"{reason}; {hint}.", {}, failure=True),)
        case InitFailed() | PostCompleted():
            return (_fallible(event, now_ns),)
        case PoetWindowAwaited() | PoetRoundAwaited():
            return tuple(_message(now_ns, text, found) for text, found in _waits(event))
    told = _space(event) or _poet(event) or _duty(event)
    return () if told is None else (_message(now_ns, *told),)


def _message(
    now_ns: int, help_text: str, details: dict[str, Any], *, failure: bool = False
) -> admin.Event:
    return admin.Event(timestamp=timestamp(now_ns), help=help_text, failure=failure, **details)


def _fallible(event: InitFailed | PostCompleted, now_ns: int) -> admin.Event:
    if isinstance(event, InitFailed):
        failed = admin.EventInitFailed(
            smesher=event.smesher, commitment=event.commitment, error=event.error
        )
        help_text = "Node failed PoST data initialization."
        return _message(now_ns, help_text, {"init_failed": failed}, failure=True)
    complete = admin.EventPostComplete(smesher=event.smesher, challenge=event.challenge or b"")
    if event.error:
        help_text = "Node failed PoST execution."
    else:
        help_text = "Node finished PoST execution using PoET challenge."
    return _message(now_ns, help_text, {"post_complete": complete}, failure=bool(event.error))


def _waits(event: PoetWindowAwaited | PoetRoundAwaited) -> list[tuple[str, dict[str, Any]]]:
    until = timestamp(event.until_ns)
    if isinstance(event, PoetWindowAwaited):
        old = admin.EventPoetWaitRound(
            current=event.current_epoch,
            publish=event.publish_epoch,
            wait=duration(event.wait_ns),
            until=until,
            smesher=event.smesher,
        )
        new = admin.EventWaitingForPoETRegistrationWindow(
            current=event.current_epoch,
            publish=event.publish_epoch,
            round_end=until,
            smesher=event.smesher,
        )
        return [
            (WINDOW_HELP, {"poet_wait_round": old}),
            (WINDOW_HELP, {"waiting_for_poet_registration_window": new}),
        ]
    old_end = admin.EventPoetWaitProof(
        publish=event.publish_epoch,
        target=event.target_epoch,
        wait=duration(event.wait_ns),
        until=until,
        smesher=event.smesher,
    )
    new_end = admin.EventWaitingForPoETRoundEnd(
        publish=event.publish_epoch,
        target=event.target_epoch,
        round_end=until,
        smesher=event.smesher,
    )
    return [
        (ROUND_HELP, {"poet_wait_proof": old_end}),
        (ROUND_HELP, {"waiting_for_poet_round_end": new_end}),
    ]


def _space(event: Event) -> tuple[str, dict[str, Any]] | None:
    match event:
        case InitStarted(smesher=smesher, commitment=commitment):
            return (
                INIT_HELP,
                {"init_start": admin.EventInitStart(smesher=smesher, commitment=commitment)},
            )
        case InitCompleted(smesher=smesher):
            return (
                "Node successfully completed PoST data initialization.",
                {"init_complete": admin.EventInitComplete(smesher=smesher)},
            )
        case PostServiceStarted():
            return (
                "Node started local PoST service.",
                {"post_service_started": admin.EventPostServiceStarted()},
            )
        case PostServiceStopped():
            return (
                "Node stopped local PoST service.",
                {"post_service_stopped": admin.EventPostServiceStopped()},
            )
        case PostStarted(smesher=smesher, challenge=challenge):
            return (
                "Node started PoST execution using the challenge from PoET.",
                {"post_start": admin.EventPostStart(smesher=smesher, challenge=challenge)},
            )
    return None


def _poet(event: Event) -> tuple[str, dict[str, Any]] | None:
    match event:
        case PoetRegistered(smesher=smesher, address=address, round_id=round_id):
            registered = admin.EventRegisteredInPoet(
                url=address, smesher=smesher, round_id=round_id
            )
            return "Registered in PoET.", {"registered_in_poet": registered}
        case PoetProofDownloaded(address=address, round_id=round_id, ticks=ticks):
            downloaded = admin.EventProofDownloadedFromPoet(
                url=address, round_id=round_id, ticks=ticks
            )
            return "Downloaded proof from PoET.", {"proof_downloaded_from_poet": downloaded}
        case PoetProofChosen(smesher=smesher, address=address, round_id=round_id, ticks=ticks):
            chosen = admin.EventBestProofSelected(
                url=address, round_id=round_id, ticks=ticks, smesher=smesher
            )
            return "Best PoET proof selected.", {"best_proof_selected": chosen}
    return None


def _duty(event: Event) -> tuple[str, dict[str, Any]] | None:
    match event:
        case BeaconDecided(epoch=epoch, beacon=beacon):
            return (
                BEACON_HELP,
                {"beacon": admin.EventBeacon(epoch=epoch, beacon=beacon)},
            )
        case AtxPublished():
            published = admin.EventAtxPubished(
                current=event.current_epoch,
                target=event.target_epoch,
                id=event.atx,
                wait=duration(event.wait_ns),
                until=timestamp(event.until_ns),
                smesher=event.smesher,
            )
            return ATX_HELP, {"atx_published": published}
        case EligibilitiesKnown():
            slots = [
                admin.ProposalEligibility(layer=slot.layer, count=slot.count)
                for slot in event.layers
            ]
            known = admin.EventEligibilities(
                epoch=event.epoch,
                beacon=event.beacon,
                atx=event.atx,
                active_set_size=event.active_set_size,
                eligibilities=slots,
                smesher=event.smesher,
            )
            return SLOTS_HELP, {"eligibilities": known}
        case ProposalPublished(smesher=smesher, layer=layer, proposal=proposal):
            return (
                PROPOSAL_HELP,
                {"proposal": admin.EventProposal(layer=layer, proposal=proposal, smesher=smesher)},
            )
    return None
