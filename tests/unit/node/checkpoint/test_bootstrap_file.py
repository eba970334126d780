"""Bootstrap files: what is read, what is refused, and which are wanted."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.base.errors import DecodeError
from node.checkpoint.bootstrap_file import (
    SCHEMA_VERSION,
    EpochUpdate,
    UpdateKind,
    encode_update,
    file_name,
    parse_update,
    required_epochs,
)
from node.types.ids import AtxID, Beacon
from node.types.layer import EpochID

LOW, HIGH = AtxID(b"\x01" * 32), AtxID(b"\xfe" * 32)


def document(**epoch: Any) -> bytes:
    fields = {"number": 3, "beacon": "8f8a2576", "activeSet": None, **epoch}
    present = {name: value for name, value in fields.items() if value is not ...}
    return json.dumps({"version": SCHEMA_VERSION, "data": {"epoch": present}}).encode()


def test_a_file_names_an_epoch_its_beacon_and_its_active_set() -> None:
    update = parse_update(document(activeSet=[HIGH.hex(), LOW.hex()]), SCHEMA_VERSION)
    assert update == EpochUpdate(
        epoch=EpochID(3), beacon=Beacon(bytes.fromhex("8f8a2576")), atx_ids=(LOW, HIGH)
    )


@pytest.mark.parametrize("none", [None, [], ...])
def test_a_file_without_active_set_names_none(none: object) -> None:
    assert parse_update(document(activeSet=none), SCHEMA_VERSION).atx_ids == ()


def test_a_beacon_of_zeros_is_none() -> None:
    assert parse_update(document(beacon="00000000"), SCHEMA_VERSION).beacon is None


def test_of_a_long_beacon_the_first_four_bytes_count() -> None:
    update = parse_update(document(beacon="0102030405"), SCHEMA_VERSION)
    assert update.beacon == Beacon(b"\x01\x02\x03\x04")


def test_a_file_without_number_is_of_epoch_0() -> None:
    assert parse_update(document(number=...), SCHEMA_VERSION).epoch == 0


@pytest.mark.parametrize("text", ["0x" + HIGH.hex(), "0X" + HIGH.hex(), HIGH.hex().upper()])
def test_an_atx_may_be_spelled_in_several_ways(text: str) -> None:
    assert parse_update(document(activeSet=[text]), SCHEMA_VERSION).atx_ids == (HIGH,)


@pytest.mark.parametrize("text", ["0xab", "ab"])
def test_a_short_atx_is_padded_on_the_left(text: str) -> None:
    (atx_id,) = parse_update(document(activeSet=[text]), SCHEMA_VERSION).atx_ids
    assert atx_id == AtxID(bytes(31) + b"\xab")


@pytest.mark.parametrize(
    ("epoch", "reason"),
    [
        ({"number": -1}, "Expected `int` >= 0"),
        ({"number": 1 << 32}, "Expected `int` <= 4294967295"),
        ({"number": 2.5}, "Expected `int`"),
        ({"beacon": "8f8a257"}, "length >= 8"),
        ({"beacon": "8f8a257g"}, "invalid beacon"),
        ({"beacon": "8f8a25760"}, "invalid beacon"),
        ({"beacon": ...}, "invalid beacon"),
        ({"activeSet": "all"}, "Expected `array | null`"),
        ({"activeSet": [1]}, "Expected `str`"),
        ({"activeSet": [LOW.hex(), LOW.hex()]}, "names an ATX twice"),
        ({"activeSet": ["xy"]}, "is no ATX"),
        ({"activeSet": [LOW.hex() + "00"]}, "is no ATX"),
        ({"activeSet": ["  " + LOW.hex()[2:]]}, "is no ATX"),
    ],
)
def test_a_file_against_the_schema_is_refused(epoch: dict[str, Any], reason: str) -> None:
    with pytest.raises(DecodeError, match=reason.replace("|", r"\|")):
        parse_update(document(**epoch), SCHEMA_VERSION)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b'{"version": "x"}',
        b'{"version": "x", "data": {}}',
        b'"\xff"',
        b'{"version": "\xff"',
        b'{"more": ' + b"[" * 100_000,
    ],
)
def test_what_is_no_such_document_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError, match="bootstrap file"):
        parse_update(data, SCHEMA_VERSION)


def test_another_version_is_refused() -> None:
    with pytest.raises(DecodeError, match="expected other, got https"):
        parse_update(document(), "other")


@given(
    epoch=st.integers(0, 2**32 - 1),
    beacon=st.none() | st.binary(min_size=4, max_size=4).filter(any),
    atx_ids=st.sets(st.binary(min_size=32, max_size=32), max_size=5),
)
def test_what_is_written_is_read(epoch: int, beacon: bytes | None, atx_ids: set[bytes]) -> None:
    update = EpochUpdate(
        epoch=EpochID(epoch),
        beacon=None if beacon is None else Beacon(beacon),
        atx_ids=tuple(map(AtxID, sorted(atx_ids))),
    )
    assert parse_update(encode_update(update), SCHEMA_VERSION) == update


def test_files_are_named_after_epoch_and_kind() -> None:
    names = [file_name(EpochID(12), kind) for kind in UpdateKind]
    assert names == ["epoch-12-update-bs", "epoch-12-update-bc", "epoch-12-update-as"]


@pytest.mark.parametrize(
    ("current", "genesis", "wanted"),
    [
        (0, 1, ()),
        (1, 1, (2,)),
        (2, 1, (2, 3)),
        (3, 1, (2, 3, 4)),
        (9, 1, (8, 9, 10)),
        (9, 9, (9, 10)),
        (2, 2, (2, 3)),
    ],
)
def test_the_epochs_around_the_present_one_are_wanted(
    current: int, genesis: int, wanted: tuple[int, ...]
) -> None:
    assert required_epochs(EpochID(current), EpochID(genesis)) == wanted


@given(data=st.binary(max_size=60), at=st.integers(0, 200), length=st.integers(0, 20))
def test_nothing_but_a_decoding_error_comes_of_damage(data: bytes, at: int, length: int) -> None:
    whole = document(activeSet=[HIGH.hex(), LOW.hex()])
    for damaged in (data, whole[:at] + data + whole[at + length :]):
        with contextlib.suppress(DecodeError):
            assert parse_update(damaged, SCHEMA_VERSION).epoch >= 0
