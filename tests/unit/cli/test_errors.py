"""Exit codes of errors."""

import pytest

from cli.errors import (
    AuthenticationError,
    CheckFailedError,
    ExitCode,
    InterruptError,
    PartialError,
    RefusedError,
    TimedOutError,
    causes,
    exit_code,
    first_expected,
)
from node.base.errors import (
    ConfigError,
    DecodeError,
    DeviceError,
    IgnoreError,
    NotFoundError,
    PreconditionError,
    RejectError,
    SpacemeshError,
    StoreError,
    UnavailableError,
    UsageError,
    WalletError,
    WalletFormatError,
    WrongPasswordError,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("x"), 2),
        (UsageError("x", code="smesh.address.checksum"), 8),
        (UnavailableError("x"), 3),
        (WrongPasswordError("x"), 4),
        (AuthenticationError("x"), 4),
        (NotFoundError("atx", b"\1"), 5),
        (WalletError("x", code="smesh.wallet.missing"), 5),
        (RefusedError("x"), 6),
        (PreconditionError("x"), 7),
        (IgnoreError("x"), 7),
        (WalletError("x", code="smesh.wallet.exists"), 7),
        (ConfigError("x"), 8),
        (DecodeError("x"), 8),
        (RejectError("x"), 8),
        (WalletFormatError("x"), 8),
        (WalletError("x"), 8),
        (DeviceError("x"), 9),
        (DeviceError("x", code="smesh.device.refused"), 10),
        (CheckFailedError("x", report=None), 11),
        (PartialError("x", report=None), 12),
        (TimedOutError("x"), 124),
        (InterruptError("x"), 130),
        (StoreError("x"), 1),
        (StoreError("x", code="smesh.post.missing_file"), 5),
        (StoreError("x", code="smesh.post.files"), 7),
        (StoreError("x", code="smesh.post.truncated"), 8),
        (DeviceError("x", code="smesh.device.wrong_labels"), 11),
    ],
)
def test_every_kind_of_error_has_its_exit_code(error: SpacemeshError, code: int) -> None:
    assert exit_code(error) is ExitCode(code)


def test_causes_are_told_once_and_in_order() -> None:
    inner = OSError("disk is full")
    middle = ValueError("cannot write: disk is full")
    middle.__cause__ = inner
    outer = SpacemeshError("saving failed")
    outer.__cause__ = middle

    inner.__cause__ = ValueError("disk is full")
    assert causes(outer) == ["cannot write: disk is full", "disk is full"]
    assert causes(SpacemeshError("alone")) == []


def test_a_silent_cause_is_told_by_its_kind() -> None:
    error = SpacemeshError("x")
    error.__cause__ = TimeoutError()

    assert causes(error) == ["TimeoutError"]


class RemoteError(Exception):
    """An error with details beside its long text, as those of gRPC are."""

    def details(self) -> str:
        return "the node is busy"


def test_of_a_remote_error_the_details_are_told() -> None:
    error = SpacemeshError("no answer")
    error.__cause__ = RemoteError("a text\nof many lines")
    assert causes(error) == ["the node is busy"]
    told = SpacemeshError("refused: the node is busy")
    told.__cause__ = error.__cause__
    assert causes(told) == []


def test_a_group_of_expected_errors_stands_for_its_first() -> None:
    first = UnavailableError("a")
    nested = BaseExceptionGroup("g", [BaseExceptionGroup("h", [first]), NotFoundError("x", 1)])

    assert first_expected(nested) is first
    assert first_expected(BaseExceptionGroup("g", [first, ValueError("bug")])) is None
