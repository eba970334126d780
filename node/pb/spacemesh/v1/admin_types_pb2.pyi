import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from node.pb.spacemesh.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CheckpointStreamRequest(_message.Message):
    __slots__ = ("snapshot_layer", "num_atxs")
    SNAPSHOT_LAYER_FIELD_NUMBER: _ClassVar[int]
    NUM_ATXS_FIELD_NUMBER: _ClassVar[int]
    snapshot_layer: int
    num_atxs: int
    def __init__(self, snapshot_layer: _Optional[int] = ..., num_atxs: _Optional[int] = ...) -> None: ...

class CheckpointStreamResponse(_message.Message):
    __slots__ = ("data",)
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    def __init__(self, data: _Optional[bytes] = ...) -> None: ...

class RecoverRequest(_message.Message):
    __slots__ = ("uri", "restore_layer")
    URI_FIELD_NUMBER: _ClassVar[int]
    RESTORE_LAYER_FIELD_NUMBER: _ClassVar[int]
    uri: str
    restore_layer: int
    def __init__(self, uri: _Optional[str] = ..., restore_layer: _Optional[int] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("timestamp", "failure", "help", "beacon", "init_start", "init_complete", "post_start", "post_complete", "poet_wait_round", "poet_wait_proof", "atx_published", "eligibilities", "proposal", "init_failed", "malfeasance", "post_service_started", "post_service_stopped", "waiting_for_poet_registration_window", "proof_downloaded_from_poet", "registered_in_poet", "best_proof_selected", "waiting_for_poet_round_end")
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    HELP_FIELD_NUMBER: _ClassVar[int]
    BEACON_FIELD_NUMBER: _ClassVar[int]
    INIT_START_FIELD_NUMBER: _ClassVar[int]
    INIT_COMPLETE_FIELD_NUMBER: _ClassVar[int]
    POST_START_FIELD_NUMBER: _ClassVar[int]
    POST_COMPLETE_FIELD_NUMBER: _ClassVar[int]
    POET_WAIT_ROUND_FIELD_NUMBER: _ClassVar[int]
    POET_WAIT_PROOF_FIELD_NUMBER: _ClassVar[int]
    ATX_PUBLISHED_FIELD_NUMBER: _ClassVar[int]
    ELIGIBILITIES_FIELD_NUMBER: _ClassVar[int]
    PROPOSAL_FIELD_NUMBER: _ClassVar[int]
    INIT_FAILED_FIELD_NUMBER: _ClassVar[int]
    MALFEASANCE_FIELD_NUMBER: _ClassVar[int]
    POST_SERVICE_STARTED_FIELD_NUMBER: _ClassVar[int]
    POST_SERVICE_STOPPED_FIELD_NUMBER: _ClassVar[int]
    WAITING_FOR_POET_REGISTRATION_WINDOW_FIELD_NUMBER: _ClassVar[int]
    PROOF_DOWNLOADED_FROM_POET_FIELD_NUMBER: _ClassVar[int]
    REGISTERED_IN_POET_FIELD_NUMBER: _ClassVar[int]
    BEST_PROOF_SELECTED_FIELD_NUMBER: _ClassVar[int]
    WAITING_FOR_POET_ROUND_END_FIELD_NUMBER: _ClassVar[int]
    timestamp: _timestamp_pb2.Timestamp
    failure: bool
    help: str
    beacon: EventBeacon
    init_start: EventInitStart
    init_complete: EventInitComplete
    post_start: EventPostStart
    post_complete: EventPostComplete
    poet_wait_round: EventPoetWaitRound
    poet_wait_proof: EventPoetWaitProof
    atx_published: EventAtxPubished
    eligibilities: EventEligibilities
    proposal: EventProposal
    init_failed: EventInitFailed
    malfeasance: EventMalfeasance
    post_service_started: EventPostServiceStarted
    post_service_stopped: EventPostServiceStopped
    waiting_for_poet_registration_window: EventWaitingForPoETRegistrationWindow
    proof_downloaded_from_poet: EventProofDownloadedFromPoet
    registered_in_poet: EventRegisteredInPoet
    best_proof_selected: EventBestProofSelected
    waiting_for_poet_round_end: EventWaitingForPoETRoundEnd
    def __init__(self, timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., failure: _Optional[bool] = ..., help: _Optional[str] = ..., beacon: _Optional[_Union[EventBeacon, _Mapping]] = ..., init_start: _Optional[_Union[EventInitStart, _Mapping]] = ..., init_complete: _Optional[_Union[EventInitComplete, _Mapping]] = ..., post_start: _Optional[_Union[EventPostStart, _Mapping]] = ..., post_complete: _Optional[_Union[EventPostComplete, _Mapping]] = ..., poet_wait_round: _Optional[_Union[EventPoetWaitRound, _Mapping]] = ..., poet_wait_proof: _Optional[_Union[EventPoetWaitProof, _Mapping]] = ..., atx_published: _Optional[_Union[EventAtxPubished, _Mapping]] = ..., eligibilities: _Optional[_Union[EventEligibilities, _Mapping]] = ..., proposal: _Optional[_Union[EventProposal, _Mapping]] = ..., init_failed: _Optional[_Union[EventInitFailed, _Mapping]] = ..., malfeasance: _Optional[_Union[EventMalfeasance, _Mapping]] = ..., post_service_started: _Optional[_Union[EventPostServiceStarted, _Mapping]] = ..., post_service_stopped: _Optional[_Union[EventPostServiceStopped, _Mapping]] = ..., waiting_for_poet_registration_window: _Optional[_Union[EventWaitingForPoETRegistrationWindow, _Mapping]] = ..., proof_downloaded_from_poet: _Optional[_Union[EventProofDownloadedFromPoet, _Mapping]] = ..., registered_in_poet: _Optional[_Union[EventRegisteredInPoet, _Mapping]] = ..., best_proof_selected: _Optional[_Union[EventBestProofSelected, _Mapping]] = ..., waiting_for_poet_round_end: _Optional[_Union[EventWaitingForPoETRoundEnd, _Mapping]] = ...) -> None: ...

class EventBeacon(_message.Message):
    __slots__ = ("epoch", "beacon")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    BEACON_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    beacon: bytes
    def __init__(self, epoch: _Optional[int] = ..., beacon: _Optional[bytes] = ...) -> None: ...

class EventInitStart(_message.Message):
    __slots__ = ("smesher", "commitment")
    SMESHER_FIELD_NUMBER: _ClassVar[int]
    COMMITMENT_FIELD_NUMBER: _ClassVar[int]
    smesher: bytes
    commitment: bytes
    def __init__(self, smesher: _Optional[bytes] = ..., commitment: _Optional[bytes] = ...) -> None: ...

class EventInitFailed(_message.Message):
    __slots__ = ("smesher", "commitment", "error")
    SMESHER_FIELD_NUMBER: _ClassVar[int]
    COMMITMENT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    smesher: bytes
    commitment: bytes
    error: str
    def __init__(self, smesher: _Optional[bytes] = ..., commitment: _Optional[bytes] = ..., error: _Optional[str] = ...) -> None: ...

class EventInitComplete(_message.Message):
    __slots__ = ("smesher",)
    SMESHER_FIELD_NUMBER: _ClassVar[int]
    smesher: bytes
    def __init__(self, smesher: _Optional[bytes] = ...) -> None: ...

class EventPostStart(_message.Message):
    __slots__ = ("challenge", "smesher")
    CHALLENGE_FIELD_NUMBER: _ClassVar[int]
    SMESHER_FIELD_NUMBER: _ClassVar[int]
    challenge: bytes
    smesher: bytes
    def __init__(self, challenge: _Optional[bytes] = ..., smesher: _Optional[bytes] = ...) -> None: ...

class EventPostComplete(_message.Message):
    __slots__ = ("challenge", "smesher")
    CHALLENGE_FIELD_NUMBER: _ClassVar[int]
    SMESHER_FIELD_NUMBER: _ClassVar[int]
    challenge: bytes
    smesher: bytes
    def __init__(self, challenge: _Optional[bytes] = ..., smesher: _Optional[bytes] = ...) -> None: ...

class EventPoetWaitRound(_message.Message):
    __slots__ = ("current", "publish", "wait", "until", "smesher")
    CURRENT_FIELD_NUMBER: _ClassVar[int]
    PUBLISH_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    SMESHER_FIELD_NUMBER: _ClassVar[int]
    current: int
    publish: int
    wait: _duration_pb2.Duration
    until: _timestamp_pb2.Timestamp
    smesher: bytes
    def __init__(self, current: _Optional[int] = ..., publish: _Optional[int] = ..., wait: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., smesher: _Optional[bytes] = ...) -> None: ...

class EventWaitingForPoETRegistrationWindow(_message.Message):
    __slots__ = ("current", "publish", "round_end", "smesher")
    CURRENT_FIELD_NUMBER: _ClassVar[int]
    PUBLISH_FIELD_NUMBER: _ClassVar[int]
    ROUND_END_FIELD_NUMBER: _ClassVar[int]
    SMESHER_FIELD_NUMBER: _ClassVar[int]
    current: int
    publish: int
    round_end: _timestamp_pb2.Timestamp
    smesher: bytes
    def __init__(self, current: _Optional[int] = ..., publish: _Optional[int] = ..., round_end: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., smesher: _Optional[bytes] = ...) -> None: ...

class EventPoetWaitProof(_message.Message):
    __slots__ = ("publish", "target", "wait", "until", "smesher")
    PUBLISH_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    SMESHER_FIELD_NUMBER: _ClassVar[int]
    publish: int
    target: int
    wait: _duration_pb2.Duration
    until: _timestamp_pb2.Timestamp
    smesher: bytes
    def __init__(self, publish: _Optional[int] = ..., target: _Optional[int] = ..., wait: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., smesher: _Optional[bytes] = ...) -> None: ...

class EventWaitingForPoETRoundEnd(_message.Message):
    __slots__ = ("publish", "target", "round_end", "smesher")
    PUBLISH_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    ROUND_END_FIELD_NUMBER: _ClassVar[int]
    SMESHER_FIELD_NUMBER: _ClassVar[int]
    publish: int
    target: int
    round_end: _timestamp_pb2.Timestamp
    smesher: bytes
    def __init__(self, publish: _Optional[int] = ..., target: _Optional[int] = ..., round_end: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., smesher: _Optional[bytes] = ...) -> None: ...

class EventAtxPubished(_message.Message):
    __slots__ = ("current", "target", "id", "wait", "until", "smesher")
    CURRENT_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    SMESHER_FIELD_NUMBER: _ClassVar[int]
    current: int
    target: int
    id: bytes
    wait: _duration_pb2.Duration
    until: _timestamp_pb2.Timestamp
    smesher: bytes
    def __init__(self, current: _Optional[int] = ..., target: _Optional[int] = ..., id: _Optional[bytes] = ..., wait: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., smesher: _Optional[bytes] = ...) -> None: ...

class EventEligibilities(_message.Message):
    __slots__ = ("epoch", "beacon", "atx", "active_set_size", "eligibilities", "smesher")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    BEACON_FIELD_NUMBER: _ClassVar[int]
    ATX_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_SET_SIZE_FIELD_NUMBER: _ClassVar[int]
    ELIGIBILITIES_FIELD_NUMBER: _ClassVar[int]
    SMESHER_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    beacon: bytes
    atx: bytes
    active_set_size: int
    eligibilities: _containers.RepeatedCompositeFieldContainer[ProposalEligibility]
    smesher: bytes
    def __init__(self, epoch: _Optional[int] = ..., beacon: _Optional[bytes] = ..., atx: _Optional[bytes] = ..., active_set_size: _Optional[int] = ..., eligibilities: _Optional[_Iterable[_Union[ProposalEligibility, _Mapping]]] = ..., smesher: _Optional[bytes] = ...) -> None: ...

class ProposalEligibility(_message.Message):
    __slots__ = ("layer", "count")
    LAYER_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    layer: int
    count: int
    def __init__(self, layer: _Optional[int] = ..., count: _Optional[int] = ...) -> None: ...

class EventProposal(_message.Message):
    __slots__ = ("layer", "proposal", "smesher")
    LAYER_FIELD_NUMBER: _ClassVar[int]
    PROPOSAL_FIELD_NUMBER: _ClassVar[int]
    SMESHER_FIELD_NUMBER: _ClassVar[int]
    layer: int
    proposal: bytes
    smesher: bytes
    def __init__(self, layer: _Optional[int] = ..., proposal: _Optional[bytes] = ..., smesher: _Optional[bytes] = ...) -> None: ...

class EventMalfeasance(_message.Message):
    __slots__ = ("proof",)
    PROOF_FIELD_NUMBER: _ClassVar[int]
    proof: _types_pb2.MalfeasanceProof
    def __init__(self, proof: _Optional[_Union[_types_pb2.MalfeasanceProof, _Mapping]] = ...) -> None: ...

class EventRegisteredInPoet(_message.Message):
    __slots__ = ("url", "smesher", "round_id")
    URL_FIELD_NUMBER: _ClassVar[int]
    SMESHER_FIELD_NUMBER: _ClassVar[int]
    ROUND_ID_FIELD_NUMBER: _ClassVar[int]
    url: str
    smesher: bytes
    round_id: str
    def __init__(self, url: _Optional[str] = ..., smesher: _Optional[bytes] = ..., round_id: _Optional[str] = ...) -> None: ...

class EventProofDownloadedFromPoet(_message.Message):
    __slots__ = ("url", "round_id", "ticks")
    URL_FIELD_NUMBER: _ClassVar[int]
    ROUND_ID_FIELD_NUMBER: _ClassVar[int]
    TICKS_FIELD_NUMBER: _ClassVar[int]
    url: str
    round_id: str
    ticks: int
    def __init__(self, url: _Optional[str] = ..., round_id: _Optional[str] = ..., ticks: _Optional[int] = ...) -> None: ...

class EventBestProofSelected(_message.Message):
    __slots__ = ("url", "round_id", "ticks", "smesher")
    URL_FIELD_NUMBER: _ClassVar[int]
    ROUND_ID_FIELD_NUMBER: _ClassVar[int]
    TICKS_FIELD_NUMBER: _ClassVar[int]
    SMESHER_FIELD_NUMBER: _ClassVar[int]
    url: str
    round_id: str
    ticks: int
    smesher: bytes
    def __init__(self, url: _Optional[str] = ..., round_id: _Optional[str] = ..., ticks: _Optional[int] = ..., smesher: _Optional[bytes] = ...) -> None: ...

class ConnectionInfo(_message.Message):
    __slots__ = ("address", "uptime", "outbound", "kind")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        Unknown: _ClassVar[ConnectionInfo.Kind]
        Inbound: _ClassVar[ConnectionInfo.Kind]
        Outbound: _ClassVar[ConnectionInfo.Kind]
        HPInbound: _ClassVar[ConnectionInfo.Kind]
        HPOutbound: _ClassVar[ConnectionInfo.Kind]
        RelayInbound: _ClassVar[ConnectionInfo.Kind]
        RelayOutbound: _ClassVar[ConnectionInfo.Kind]
    Unknown: ConnectionInfo.Kind
    Inbound: ConnectionInfo.Kind
    Outbound: ConnectionInfo.Kind
    HPInbound: ConnectionInfo.Kind
    HPOutbound: ConnectionInfo.Kind
    RelayInbound: ConnectionInfo.Kind
    RelayOutbound: ConnectionInfo.Kind
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    UPTIME_FIELD_NUMBER: _ClassVar[int]
    OUTBOUND_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    address: str
    uptime: _duration_pb2.Duration
    outbound: bool
    kind: ConnectionInfo.Kind
    def __init__(self, address: _Optional[str] = ..., uptime: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., outbound: _Optional[bool] = ..., kind: _Optional[_Union[ConnectionInfo.Kind, str]] = ...) -> None: ...

class PeerRequestStats(_message.Message):
    __slots__ = ("success_count", "failure_count", "latency")
    SUCCESS_COUNT_FIELD_NUMBER: _ClassVar[int]
    FAILURE_COUNT_FIELD_NUMBER: _ClassVar[int]
    LATENCY_FIELD_NUMBER: _ClassVar[int]
    success_count: int
    failure_count: int
    latency: _duration_pb2.Duration
    def __init__(self, success_count: _Optional[int] = ..., failure_count: _Optional[int] = ..., latency: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class PeerInfo(_message.Message):
    __slots__ = ("id", "connections", "tags", "client_stats", "server_stats", "bytes_sent", "bytes_received", "send_rate", "recv_rate")
    ID_FIELD_NUMBER: _ClassVar[int]
    CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    CLIENT_STATS_FIELD_NUMBER: _ClassVar[int]
    SERVER_STATS_FIELD_NUMBER: _ClassVar[int]
    BYTES_SENT_FIELD_NUMBER: _ClassVar[int]
    BYTES_RECEIVED_FIELD_NUMBER: _ClassVar[int]
    SEND_RATE_FIELD_NUMBER: _ClassVar[int]
    RECV_RATE_FIELD_NUMBER: _ClassVar[int]
    id: str
    connections: _containers.RepeatedCompositeFieldContainer[ConnectionInfo]
    tags: _containers.RepeatedScalarFieldContainer[str]
    client_stats: PeerRequestStats
    server_stats: PeerRequestStats
    bytes_sent: int
    bytes_received: int
    send_rate: _containers.RepeatedScalarFieldContainer[int]
    recv_rate: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, id: _Optional[str] = ..., connections: _Optional[_Iterable[_Union[ConnectionInfo, _Mapping]]] = ..., tags: _Optional[_Iterable[str]] = ..., client_stats: _Optional[_Union[PeerRequestStats, _Mapping]] = ..., server_stats: _Optional[_Union[PeerRequestStats, _Mapping]] = ..., bytes_sent: _Optional[int] = ..., bytes_received: _Optional[int] = ..., send_rate: _Optional[_Iterable[int]] = ..., recv_rate: _Optional[_Iterable[int]] = ...) -> None: ...

class EventPostServiceStarted(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class EventPostServiceStopped(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class EventStreamRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
