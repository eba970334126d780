"""Errors that only a command line has, and the table from errors to exit codes.

Source: product digest 2.3 and 2.4.
"""

from collections.abc import Iterator
from enum import IntEnum, unique
from typing import ClassVar, Final

from node.base.errors import (
    ConfigError,
    DecodeError,
    DeviceError,
    IgnoreError,
    NotFoundError,
    PreconditionError,
    RejectError,
    SpacemeshError,
    UnavailableError,
    UsageError,
    WalletError,
    WrongPasswordError,
)


@unique
class ExitCode(IntEnum):
    """What a process ends with; scripts rely on the numbers."""

    OK = 0
    INTERNAL = 1
    USAGE = 2
    UNAVAILABLE = 3
    AUTHENTICATION = 4
    NOT_FOUND = 5
    REFUSED = 6
    PRECONDITION = 7
    INVALID = 8
    NO_DEVICE = 9
    DEVICE_REFUSED = 10
    CHECK_FAILED = 11
    PARTIAL = 12
    TIMED_OUT = 124
    INTERRUPTED = 130
    TERMINATED = 143


class RefusedError(SpacemeshError):
    """A confirmation is missing or was declined."""

    default_code: ClassVar[str] = "smesh.refused"


class AuthenticationError(SpacemeshError):
    """A secret was given in a way that is not safe, or a certificate is wrong."""

    default_code: ClassVar[str] = "smesh.authentication"


class TimedOutError(SpacemeshError):
    """``--timeout`` or a wait ran out."""

    default_code: ClassVar[str] = "smesh.timeout"


class InterruptError(SpacemeshError):
    """The user pressed Ctrl-C; whatever can be resumed is."""

    default_code: ClassVar[str] = "smesh.interrupted"


class CheckFailedError(SpacemeshError):
    """The command did its work and found something wrong.

    Attributes:
        report: what it found; printed like the result of a success.
    """

    default_code: ClassVar[str] = "smesh.check_failed"

    def __init__(self, message: str, *, report: object, code: str = "", hint: str = "") -> None:
        super().__init__(message, code=code, hint=hint)
        self.report = report


class PartialError(CheckFailedError):
    """Some of several things were done; the report lists each."""

    default_code: ClassVar[str] = "smesh.partial"


BY_CODE: Final = {
    "smesh.wallet.missing": ExitCode.NOT_FOUND,
    "smesh.config.file": ExitCode.NOT_FOUND,
    "smesh.store.missing": ExitCode.NOT_FOUND,
    "smesh.store.sqlite": ExitCode.INVALID,
    "smesh.store.sqlite.version": ExitCode.INVALID,
    "smesh.store.sqlite.tables": ExitCode.INVALID,
    "smesh.wallet.exists": ExitCode.PRECONDITION,
    "smesh.wallet.no_secret": ExitCode.PRECONDITION,
    "smesh.wallet.no_mnemonic": ExitCode.PRECONDITION,
    "smesh.wallet.passphrase": ExitCode.AUTHENTICATION,
    "smesh.address.network": ExitCode.INVALID,
    "smesh.address.checksum": ExitCode.INVALID,
    "smesh.address.malformed": ExitCode.INVALID,
    "smesh.address.length": ExitCode.INVALID,
    "smesh.address.reserved": ExitCode.INVALID,
    "smesh.device.refused": ExitCode.DEVICE_REFUSED,
    "smesh.device.provider": ExitCode.NOT_FOUND,
    "smesh.device.wrong_labels": ExitCode.CHECK_FAILED,
    "smesh.post.no_metadata": ExitCode.NOT_FOUND,
    "smesh.post.missing_file": ExitCode.NOT_FOUND,
    "smesh.post.nonce_not_found": ExitCode.NOT_FOUND,
    "smesh.post.files": ExitCode.PRECONDITION,
    "smesh.post.memory": ExitCode.PRECONDITION,
    "smesh.post.mismatch": ExitCode.INVALID,
    "smesh.post.shrink": ExitCode.INVALID,
    "smesh.post.identity": ExitCode.INVALID,
    "smesh.post.merge": ExitCode.INVALID,
    "smesh.post.metadata": ExitCode.INVALID,
    "smesh.post.truncated": ExitCode.INVALID,
    "smesh.post.wrong_data": ExitCode.INVALID,
    "smesh.post.data": ExitCode.INVALID,
    "smesh.post.no_proof": ExitCode.CHECK_FAILED,
    "smesh.transaction.malformed": ExitCode.INVALID,
    "smesh.usage.signature": ExitCode.INVALID,
}
"""Codes whose exit code is not that of their class."""

BY_CLASS: Final[tuple[tuple[type[SpacemeshError], ExitCode], ...]] = (
    (UsageError, ExitCode.USAGE),
    (UnavailableError, ExitCode.UNAVAILABLE),
    (WrongPasswordError, ExitCode.AUTHENTICATION),
    (AuthenticationError, ExitCode.AUTHENTICATION),
    (NotFoundError, ExitCode.NOT_FOUND),
    (RefusedError, ExitCode.REFUSED),
    (PreconditionError, ExitCode.PRECONDITION),
    (IgnoreError, ExitCode.PRECONDITION),
    (ConfigError, ExitCode.INVALID),
    (DecodeError, ExitCode.INVALID),
    (RejectError, ExitCode.INVALID),
    (WalletError, ExitCode.INVALID),
    (DeviceError, ExitCode.NO_DEVICE),
    (PartialError, ExitCode.PARTIAL),
    (CheckFailedError, ExitCode.CHECK_FAILED),
    (TimedOutError, ExitCode.TIMED_OUT),
    (InterruptError, ExitCode.INTERRUPTED),
)
"""Classes of errors, leaves before their bases."""

RETRYABLE: Final = (UnavailableError, TimedOutError, IgnoreError)
"""Errors after which the same command may succeed later."""


def exit_code(error: SpacemeshError) -> ExitCode:
    """Return what a process ends with after an error."""
    if error.code in BY_CODE:
        return BY_CODE[error.code]
    for kind, code in BY_CLASS:
        if isinstance(error, kind):
            return code
    return ExitCode.INTERNAL


def causes(error: BaseException) -> list[str]:
    """Return the messages of what led to an error, the nearest first."""
    messages: list[str] = []
    cause = error.__cause__
    while cause is not None:
        text = _text(cause)
        if text not in str(error) and text not in messages:
            messages.append(text)
        cause = cause.__cause__
    return messages


def _text(error: BaseException) -> str:
    # The text form of an error of gRPC has many lines; its details are what the node said.
    details = getattr(error, "details", None)
    return str(details() if callable(details) else error) or type(error).__name__


def first_expected(group: BaseExceptionGroup[BaseException]) -> SpacemeshError | None:
    """Return the first error of a group if all of it was raised on purpose, else None."""
    leaves = list(_leaves(group))
    if all(isinstance(leaf, SpacemeshError) for leaf in leaves):
        return next(leaf for leaf in leaves if isinstance(leaf, SpacemeshError))
    return None


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
