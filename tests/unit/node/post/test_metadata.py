"""The metadata file: as the Go programs write it, and as others do."""

import base64
import json
from dataclasses import replace

import pytest

from node.base.errors import PreconditionError, StoreError
from node.post.metadata import (
    SpaceLayout,
    SpaceMetadata,
    decode_metadata,
    encode_metadata,
    merge_metadata,
)

PLAIN = SpaceMetadata(
    smesher=bytes.fromhex("fb" * 32),
    commitment_atx=bytes(32),
    labels_per_unit=4294967296,
    num_units=4,
    max_file_size=4294967296,
)
FULL = replace(PLAIN, nonce=0, nonce_value=bytes(15) + b"\x01", last_position=17)
TEXT = f"""{{
\t"NodeId": "{"+/v7" * 10}+/s=",
\t"CommitmentAtxId": "{"A" * 43}=",
\t"LabelsPerUnit": 4294967296,
\t"NumUnits": 4,
\t"MaxFileSize": 4294967296"""


def test_unknown_values_are_left_out() -> None:
    assert encode_metadata(PLAIN).decode() == TEXT + "\n}"


def test_zero_is_a_known_nonce() -> None:
    assert encode_metadata(FULL).decode() == (
        TEXT
        + ',\n\t"Nonce": 0,\n\t"NonceValue": "00000000000000000000000000000001",'
        + '\n\t"LastPosition": 17\n}'
    )


@pytest.mark.parametrize("metadata", [PLAIN, FULL], ids=["plain", "full"])
def test_reads_what_it_wrote(metadata: SpaceMetadata) -> None:
    assert decode_metadata(encode_metadata(metadata)) == metadata


def test_other_programs_are_read_too() -> None:
    text = json.dumps(
        {
            "version": 1,
            "nodeid": "fb" * 32,
            "CommitmentAtxId": base64.b64encode(bytes(32)).decode(),
            "LabelsPerUnit": 4294967296,
            "NumUnits": 4,
            "MaxFileSize": 4294967296,
            "Nonce": None,
            "NonceValue": "",
            "LastPosition": None,
            "Scrypt": {"N": 8192},
        }
    )

    assert decode_metadata(text.encode()) == PLAIN


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"NodeId": None}, "NodeId is missing"),
        ({"NodeId": "????"}, "NodeId is '[?]{4}'"),
        ({"NodeId": "zz" * 32}, "NodeId is 'zz"),
        ({"CommitmentAtxId": "AAAA"}, "CommitmentAtxId has 3 bytes, expected 32"),
        ({"LabelsPerUnit": 0}, "LabelsPerUnit is 0, expected a number from 1"),
        ({"NumUnits": 2**32}, "NumUnits is 4294967296, expected"),
        ({"NumUnits": True}, "NumUnits is True, expected"),
        ({"MaxFileSize": "4"}, "MaxFileSize is '4', expected"),
        ({"MaxFileSize": 15}, "MaxFileSize is 15, expected a number from 16"),
        ({"Nonce": -1}, "Nonce is -1, expected"),
        ({"NonceValue": "00"}, "NonceValue has 1 bytes, expected 16"),
        ({"NonceValue": "xy"}, "NonceValue is 'xy'"),
        ({"NonceValue": 7}, "NonceValue is 7"),
    ],
    ids=str,
)
def test_damaged_values_are_named(change: dict[str, object], text: str) -> None:
    content = json.loads(encode_metadata(PLAIN)) | change

    with pytest.raises(StoreError, match=text):
        decode_metadata(json.dumps(content).encode())


@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xff", b"[]", b"3"])
def test_other_files_are_refused(text: bytes) -> None:
    with pytest.raises(StoreError, match=r"postdata_metadata\.json is damaged"):
        decode_metadata(text)


def test_a_layout_ends_with_a_shorter_file() -> None:
    layout = SpaceLayout(num_labels=900, labels_per_file=201)

    assert layout.num_files == 5
    assert [layout.labels_in(file) for file in range(6)] == [201, 201, 201, 201, 96, 0]
    assert layout.first_label(4) == 804
    assert FULL.layout.num_files == 64
    assert FULL.num_labels == 2**34


def test_the_smallest_nonce_wins_a_merge() -> None:
    parts = [
        replace(PLAIN, nonce=9, nonce_value=bytes(15) + b"\x03"),
        PLAIN,
        replace(PLAIN, nonce=70, nonce_value=bytes(15) + b"\x02", last_position=4),
        replace(PLAIN, nonce=80, nonce_value=bytes(15) + b"\x02"),
    ]

    assert merge_metadata(parts) == replace(parts[2], last_position=None)
    assert merge_metadata([PLAIN, PLAIN]) == PLAIN


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ([], "no metadata to merge"),
        ([PLAIN, replace(PLAIN, num_units=5)], "different spaces: num_units 4 and 5"),
        ([PLAIN, replace(PLAIN, smesher=bytes(32))], "smesher fbfb.* and 0000"),
        ([replace(PLAIN, nonce=4)], "names nonce 4 without its value"),
    ],
    ids=["none", "units", "smesher", "no value"],
)
def test_parts_that_do_not_fit_are_refused(parts: list[SpaceMetadata], text: str) -> None:
    with pytest.raises(PreconditionError, match=text):
        merge_metadata(parts)
