"""Errors as gRPC statuses.

Services raise ``ApiError`` where the reference has a code and a text of its own; every
other error of ours has a status by its class.

Source: go-spacemesh, api/grpcserver; api digest section 5, style digest 4.10.
"""

from typing import ClassVar, Final

import grpc

from node.base.errors import (
    IgnoreError,
    NotFoundError,
    PreconditionError,
    RejectError,
    SpacemeshError,
    UnavailableError,
    UsageError,
)


class ApiError(SpacemeshError):
    """An answer that is no success.

    Attributes:
        status: the code the client sees.
    """

    default_code: ClassVar[str] = "smesh.api"

    def __init__(self, status: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.status = status


BY_CLASS: Final[tuple[tuple[type[SpacemeshError], grpc.StatusCode], ...]] = (
    (RejectError, grpc.StatusCode.INVALID_ARGUMENT),
    (UsageError, grpc.StatusCode.INVALID_ARGUMENT),
    (NotFoundError, grpc.StatusCode.NOT_FOUND),
    (IgnoreError, grpc.StatusCode.FAILED_PRECONDITION),
    (PreconditionError, grpc.StatusCode.FAILED_PRECONDITION),
    (UnavailableError, grpc.StatusCode.UNAVAILABLE),
)
"""The status of errors that have none of their own; the first class that fits counts."""


def status_of(error: SpacemeshError) -> grpc.StatusCode:
    """Return the code a client sees for an error."""
    if isinstance(error, ApiError):
        return error.status
    for kind, status in BY_CLASS:
        if isinstance(error, kind):
            return status
    return grpc.StatusCode.INTERNAL


def invalid(message: str) -> ApiError:
    """Return the error for a request that cannot be meant."""
    return ApiError(grpc.StatusCode.INVALID_ARGUMENT, message)


def unimplemented(message: str) -> ApiError:
    """Return the error for a method that the reference only names."""
    return ApiError(grpc.StatusCode.UNIMPLEMENTED, message)


def unknown(message: str) -> ApiError:
    """Return what the reference makes of an error without a code."""
    return ApiError(grpc.StatusCode.UNKNOWN, message)


def internal(message: str) -> ApiError:
    """Return the error for something that is wrong on this side."""
    return ApiError(grpc.StatusCode.INTERNAL, message)


def precondition(message: str) -> ApiError:
    """Return the error for a request that comes at the wrong time."""
    return ApiError(grpc.StatusCode.FAILED_PRECONDITION, message)


def not_found(message: str) -> ApiError:
    """Return the error for something nobody knows."""
    return ApiError(grpc.StatusCode.NOT_FOUND, message)


def overflow(message: str) -> ApiError:
    """Return the error for a stream whose client was too slow: it has to read again."""
    return ApiError(grpc.StatusCode.CANCELLED, message)
