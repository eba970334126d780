"""Rules of the requests about the mesh.

Source: go-spacemesh, fetch/wire_types.go and fetch/handler.go; sync digest section 1.
"""

from typing import Final

from node.base.errors import UsageError
from node.net.fetch.wire import MeshHashRequest
from node.types.layer import LayerID

MAX_HASHES: Final = 100
"""Most mesh hashes that are asked for, and answered, at once."""


def make_mesh_hash_request(first: LayerID, last: LayerID) -> MeshHashRequest:
    """Return the request for as many evenly spaced layers of a range as fit in an answer."""
    step = (last - first) // (MAX_HASHES - 1) + 1
    return MeshHashRequest(first=first, last=last, step=step)


def count_hashes(request: MeshHashRequest) -> int:
    """Return how many hashes answer a request; the last layer is always among them."""
    distance = request.last - request.first
    return distance // request.step + 1 + (distance % request.step != 0)


def asked_layers(request: MeshHashRequest) -> tuple[LayerID, ...]:
    """Return the layers whose hashes answer a request."""
    return (*map(LayerID, range(request.first, request.last, request.step)), request.last)


def check_mesh_hash_request(request: MeshHashRequest) -> None:
    """Check that a request can be answered.

    Raises:
        UsageError: it cannot; the text is the error that the peer is answered with.
    """
    problem = ""
    if request.step == 0:
        problem = "By must not be zero"
    elif request.last < request.first:
        problem = "To before From"
    elif count_hashes(request) > MAX_HASHES:
        problem = "requested too many hashes"
    if problem:
        raise UsageError(f"validating request: invalid request: {problem}")
