"""What a label worker and its owner say to each other, over two pipes.

Every message is its length (u32, little-endian) and a MessagePack object.  The owner
sends requests, one at a time; the worker answers each with any number of ``Note`` and
then one ``Labels`` or ``Failed``.  Before the first request it says ``Opened``.
"""

import struct
from typing import Final, TypeAlias

import msgspec

LENGTH: Final = struct.Struct("<I")
"""The length before each message."""


class WorkerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker computes with; its command line holds them as JSON."""

    kind: str
    """``cpu``, ``opencl``, or ``reference`` for the specification itself."""

    scrypt_n: int

    provider: int = 0
    """Number of the OpenCL device."""

    processors: bool = False
    """Number the OpenCL drivers' processors instead of their GPUs: the kernel's test bed."""

    threads: int = 0
    """Threads on the processor; 0 for as many as there are processors to use."""

    idle_s: float = 30.0
    """Seconds without a request after which the worker ends, and frees its memory."""

    cache_directory: str = ""
    """Where tuned kernel shapes are kept; empty to keep none."""


class RangeRequest(msgspec.Struct, frozen=True, tag=True):
    """Ask for consecutive labels of one commitment."""

    commitment: bytes
    start: int
    count: int


class ListRequest(msgspec.Struct, frozen=True, tag=True):
    """Ask for single labels."""

    commitments: tuple[bytes, ...]
    indices: tuple[int, ...]


Request: TypeAlias = RangeRequest | ListRequest


class Opened(msgspec.Struct, frozen=True, tag=True):
    """The engine works and computes known labels right."""

    description: str
    lanes: int


class Note(msgspec.Struct, frozen=True, tag=True):
    """Something a person wants to read while waiting."""

    text: str


class Labels(msgspec.Struct, frozen=True, tag=True):
    """The labels that were asked for, 32 bytes each."""

    data: bytes


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The engine cannot be opened or cannot compute."""

    message: str
    code: str
    hint: str


Reply: TypeAlias = Opened | Note | Labels | Failed


def plain_bytes(value: object) -> bytes:
    """Return the bytes of an identifier, for an encoder that takes exact bytes only.

    Raises:
        TypeError: the value is no bytes at all.
    """
    if isinstance(value, bytes):
        return bytes(value)
    raise TypeError(f"a {type(value).__name__} cannot be sent to a worker")


_encoder = msgspec.msgpack.Encoder(enc_hook=plain_bytes)
_request_decoder: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)
_reply_decoder: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)


def frame(message: Request | Reply) -> bytes:
    """Return a message with its length in front."""
    body = _encoder.encode(message)
    return LENGTH.pack(len(body)) + body


def decode_request(body: bytes) -> Request:
    """Return a request from its bytes."""
    return _request_decoder.decode(body)


def decode_reply(body: bytes) -> Reply:
    """Return a reply from its bytes."""
    return _reply_decoder.decode(body)
