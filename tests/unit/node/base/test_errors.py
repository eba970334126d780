"""Errors carry a stable code and a hint."""

from node.base.errors import (
    ConfigError,
    EquivocationError,
    InvalidPostError,
    NotFoundError,
    RejectError,
    SpacemeshError,
    UnavailableError,
)


def test_codes_come_from_the_class_or_the_instance() -> None:
    assert SpacemeshError("x").code == "smesh.error"
    error = UnavailableError("no", code="smesh.poet.down", hint="wait")
    assert (error.code, error.hint, str(error)) == ("smesh.poet.down", "wait", "no")


def test_errors_with_facts_keep_them() -> None:
    assert EquivocationError("two", proof=b"p").proof == b"p"
    assert isinstance(EquivocationError("two", proof=b"p"), RejectError)
    assert InvalidPostError("bad", index=3).index == 3
    assert str(NotFoundError("atx", b"\x01\x02")) == "atx 0102 is not known"
    assert str(NotFoundError("layer", 7)) == "layer 7 is not known"
    assert ConfigError("bad", path="a.b").path == "a.b"
