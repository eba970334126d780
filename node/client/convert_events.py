"""Messages of AdminService.EventsStream as records.

A node says twice that it waits for a PoET; the older form of the two is left out.

Source: api digest section 6.
"""

from typing import Final

from node.client.convert import find_id, read_id
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
from node.pb.spacemesh.v1 import admin_types_pb2
from node.types.ids import AtxID, Beacon, Hash32, ProposalID, SmesherID
from node.types.layer import EpochID, LayerID

REPEATED: Final = frozenset({"poet_wait_round", "poet_wait_proof"})
"""Kinds of which another tells the same."""


def node_event(message: admin_types_pb2.Event) -> NodeEvent | None:
    """Return an event, None for one that only repeats another.

    Raises:
        DecodeError: an identifier has a wrong length.
    """
    kind = message.WhichOneof("details") or ""
    if kind in REPEATED:
        return None
    details = _init(message, kind) or _post(message, kind) or _poet(message, kind)
    return NodeEvent(
        time_ns=message.timestamp.ToNanoseconds(),
        is_failure=message.failure,
        text=message.help,
        details=details or _duty(message, kind) or OtherEvent(),
    )


def _init(message: admin_types_pb2.Event, kind: str) -> EventDetails | None:
    match kind:
        case "init_start":
            return InitStarted(
                smesher=read_id(SmesherID, message.init_start.smesher),
                commitment=read_id(AtxID, message.init_start.commitment),
            )
        case "init_complete":
            return InitCompleted(smesher=read_id(SmesherID, message.init_complete.smesher))
        case "init_failed":
            return InitFailed(
                smesher=read_id(SmesherID, message.init_failed.smesher),
                commitment=read_id(AtxID, message.init_failed.commitment),
                error=message.init_failed.error,
            )
        case _:
            return None


def _post(message: admin_types_pb2.Event, kind: str) -> EventDetails | None:
    match kind:
        case "post_service_started":
            return PostServiceStarted()
        case "post_service_stopped":
            return PostServiceStopped()
        case "post_start":
            return PostStarted(
                smesher=read_id(SmesherID, message.post_start.smesher),
                challenge=read_id(Hash32, message.post_start.challenge),
            )
        case "post_complete":
            return PostCompleted(
                smesher=read_id(SmesherID, message.post_complete.smesher),
                challenge=find_id(Hash32, message.post_complete.challenge),
            )
        case _:
            return None


def _poet(message: admin_types_pb2.Event, kind: str) -> EventDetails | None:
    match kind:
        case "waiting_for_poet_registration_window":
            window = message.waiting_for_poet_registration_window
            return PoetWindowAwaited(
                smesher=read_id(SmesherID, window.smesher),
                current=EpochID(window.current),
                publish=EpochID(window.publish),
                until_ns=window.round_end.ToNanoseconds(),
            )
        case "registered_in_poet":
            return PoetRegistered(
                smesher=read_id(SmesherID, message.registered_in_poet.smesher),
                url=message.registered_in_poet.url,
                round_id=message.registered_in_poet.round_id,
            )
        case "waiting_for_poet_round_end":
            end = message.waiting_for_poet_round_end
            return PoetRoundAwaited(
                smesher=read_id(SmesherID, end.smesher),
                publish=EpochID(end.publish),
                target=EpochID(end.target),
                until_ns=end.round_end.ToNanoseconds(),
            )
        case "proof_downloaded_from_poet":
            proof = message.proof_downloaded_from_poet
            return PoetProofDownloaded(url=proof.url, round_id=proof.round_id, ticks=proof.ticks)
        case "best_proof_selected":
            best = message.best_proof_selected
            return PoetProofChosen(
                smesher=read_id(SmesherID, best.smesher),
                url=best.url,
                round_id=best.round_id,
                ticks=best.ticks,
            )
        case _:
            return None


def _duty(message: admin_types_pb2.Event, kind: str) -> EventDetails | None:
    match kind:
        case "beacon":
            return BeaconComputed(
                epoch=EpochID(message.beacon.epoch), beacon=read_id(Beacon, message.beacon.beacon)
            )
        case "atx_published":
            atx = message.atx_published
            return AtxPublished(
                smesher=read_id(SmesherID, atx.smesher),
                atx=read_id(AtxID, atx.id),
                current=EpochID(atx.current),
                target=EpochID(atx.target),
                until_ns=atx.until.ToNanoseconds(),
            )
        case "eligibilities":
            known = message.eligibilities
            return EligibilitiesKnown(
                smesher=read_id(SmesherID, known.smesher),
                epoch=EpochID(known.epoch),
                beacon=read_id(Beacon, known.beacon),
                atx=read_id(AtxID, known.atx),
                active_set_size=known.active_set_size,
                layers=tuple(
                    LayerSlots(layer=LayerID(one.layer), count=one.count)
                    for one in known.eligibilities
                ),
            )
        case "proposal":
            return ProposalMade(
                smesher=read_id(SmesherID, message.proposal.smesher),
                layer=LayerID(message.proposal.layer),
                proposal=read_id(ProposalID, message.proposal.proposal),
            )
        case "malfeasance":
            proof = message.malfeasance.proof
            return Convicted(
                smesher=read_id(SmesherID, proof.smesher_id.id),
                layer=LayerID(proof.layer.number),
                explanation=proof.debug_info,
            )
        case _:
            return None
