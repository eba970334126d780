"""The one place where errors become verdicts about gossip messages.

Source: go-spacemesh, p2p/pubsub; style digest 4.10.
"""

from enum import Enum, auto

import structlog

from node.base.errors import DecodeError, RejectError, SpacemeshError, StoreError
from node.net.ports import GossipHandler, PeerID

log = structlog.get_logger("p2p")


class Verdict(Enum):
    """What gossip does with a message."""

    ACCEPT = auto()
    IGNORE = auto()
    REJECT = auto()


def verdict_of(error: SpacemeshError) -> Verdict:
    """Return what an error of a handler means for the message and its sender."""
    return Verdict.REJECT if isinstance(error, DecodeError | RejectError) else Verdict.IGNORE


async def judge(
    handler: GossipHandler, topic: str, peer: PeerID, data: bytes, *, strict: bool
) -> Verdict:
    """Run ``handler`` on a message of a peer.

    An unexpected error is our bug, never the peer's fault: the message is ignored.  With
    ``strict``, as in all tests, it is raised instead.

    Raises:
        StoreError: a write failed; the node has to stop.
    """
    try:
        await handler(peer, data)
    except StoreError:
        raise
    except SpacemeshError as error:
        verdict = verdict_of(error)
        log.debug(
            "message_refused", topic=topic, peer=peer, verdict=verdict.name, reason=str(error)
        )
        return verdict
    except Exception:
        if strict:
            raise
        log.exception("message_handler_failed", topic=topic, peer=peer)
        return Verdict.IGNORE
    return Verdict.ACCEPT
