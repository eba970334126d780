"""The scan for good labels: the plain one, and the compiled one beside it."""

import numpy as np
import pytest
from blake3 import blake3

from node.base.errors import DeviceError, UsageError
from node.post import scan_cpu
from node.post.engine import ScanEngine
from node.post.scan import PlainScan, ScanKeys, find_true, make_scan_keys, order_hits
from node.post.scan_cpu import (
    WIDTHS,
    CpuScan,
    choose_scan,
    compile_scan,
    expand_key,
    usable_widths,
)

CHALLENGE = b"hello world, CHALLENGE me!!!!!!!"
DIFFICULTY = (4 << 64) // 128

needs_aes = pytest.mark.skipif(not usable_widths(), reason="no AES instructions here")


def keys_for(nonces: range, difficulty: int = DIFFICULTY) -> ScanKeys:
    return make_scan_keys(CHALLENGE, nonces, dict.fromkeys(range(256), 0), difficulty)


def test_the_recorded_label_pattern_is_found() -> None:
    data = bytes(k % 12 for k in range(128 * 16))
    # The pattern repeats after three labels, and nonce 3 is the first that finds 32 of them.
    hits = PlainScan(keys_for(range(16))).scan(data, 0)
    found = [index for nonce, index in hits if nonce == 3]
    assert found[:32] == list(range(0, 96, 3))


def test_with_the_largest_difficulty_every_label_is_good() -> None:
    data = blake3(b"data").digest(length=16 * 16)
    hits = PlainScan(keys_for(range(32), 2**64 - 1)).scan(data, 1000)
    assert len(hits) == 16 * 32
    assert [tuple(hit) for hit in hits[:17]] == [*((k, 1000) for k in range(16)), (0, 1001)]
    # All labels of a chunk with the first group, then with the second, then the next chunk.
    assert tuple(hits[8 * 16]) == (16, 1000)
    assert tuple(hits[2 * 8 * 16]) == (0, 1008)


def test_labels_after_the_last_chunk_are_not_looked_at() -> None:
    data = blake3(b"data").digest(length=15 * 16)
    assert len(PlainScan(keys_for(range(16), 2**64 - 1)).scan(data, 0)) == 8 * 16
    assert list(PlainScan(keys_for(range(16), 2**64 - 1)).scan(data[:112], 0)) == []


@pytest.mark.parametrize(
    "nonces", [range(0), range(8, 24), range(8), range(4096, 4112), range(-16, 16), range(0, 32, 2)]
)
def test_nonces_come_in_whole_groups_that_exist(nonces: range) -> None:
    with pytest.raises(UsageError):
        keys_for(nonces)


def test_positions_of_true_flags_are_found() -> None:
    flags = np.zeros(64, np.bool_)
    flags[[0, 7, 8, 63]] = True
    assert find_true(flags).tolist() == [0, 7, 8, 63]


def test_hits_are_ordered_by_chunk_group_label_nonce() -> None:
    nonces = np.array([16, 1, 0, 3, 17])
    positions = np.array([0, 9, 9, 2, 0])
    ordered = order_hits(nonces, positions, 100)
    assert [tuple(hit) for hit in ordered] == [(3, 102), (16, 100), (17, 100), (0, 109), (1, 109)]


def test_round_keys_are_those_of_the_standard() -> None:
    expanded = expand_key(bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c"))
    assert len(expanded) == 176
    assert expanded[16:32].hex() == "a0fafe1788542cb123a339392a6c7605"
    assert expanded[160:].hex() == "d014f9a8c9ee2589e13f0cc8b6630ca6"


@needs_aes
@pytest.mark.parametrize("width", usable_widths())
def test_the_compiled_scan_finds_what_the_plain_one_finds(width: int) -> None:
    compiled = compile_scan(width)
    data = blake3(b"data").digest(length=16 * 2500)
    for difficulty in (0, 1 << 55, 3 << 56 | 1 << 54, 2**64 - 1):
        keys = keys_for(range(32, 80), difficulty)
        engine = compiled.open(keys)
        assert engine.scan(data, 7) == PlainScan(keys).scan(data, 7)
        # What was made larger for many hits serves the next call as well.
        assert engine.scan(data[:1000], 7) == PlainScan(keys).scan(data[:1000], 7)
    assert str(width) in compiled.open(keys_for(range(16))).description


@needs_aes
def test_a_buffer_of_any_kind_is_scanned() -> None:
    engine: ScanEngine = compile_scan().open(keys_for(range(16), 2**64 - 1))
    data = bytearray(blake3(b"data").digest(length=16 * 8))
    assert engine.scan(memoryview(data), 0) == engine.scan(bytes(data), 0)


def test_a_width_the_processor_lacks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan_cpu, "usable_widths", lambda: (128,))
    with pytest.raises(DeviceError, match="512 bits"):
        compile_scan(512)
    monkeypatch.setattr(scan_cpu, "usable_widths", lambda: ())
    with pytest.raises(DeviceError, match="128 bits"):
        compile_scan()


def test_without_aes_instructions_the_plain_scan_is_chosen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scan_cpu, "usable_widths", lambda: ())
    assert choose_scan() is PlainScan


def test_a_scan_that_fails_its_test_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(width: int) -> None:
        raise DeviceError(f"the AES instructions over {width} bits find wrong labels")

    monkeypatch.setattr(scan_cpu, "usable_widths", lambda: WIDTHS)
    monkeypatch.setattr(scan_cpu, "compile_scan", refuse)
    assert choose_scan() is PlainScan


@needs_aes
def test_a_scan_that_finds_wrong_labels_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CpuScan, "scan", lambda *_: [])
    with pytest.raises(DeviceError, match="wrong labels"):
        compile_scan()


@pytest.mark.parametrize(
    ("machine", "features", "widths"),
    [
        ("aarch64", {"aes": True}, ()),
        ("x86_64", {"aes": False}, ()),
        ("x86_64", {"aes": True}, (128,)),
        ("x86_64", {"aes": True, "vaes": True}, (256, 128)),
        ("AMD64", {"aes": True, "vaes": True, "avx512bw": True}, (512, 256, 128)),
    ],
)
def test_width_follows_the_processor(
    monkeypatch: pytest.MonkeyPatch, machine: str, features: dict[str, bool], widths: tuple[int]
) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr(scan_cpu, "host_features", lambda: features)
    assert usable_widths() == widths


def test_the_plain_scan_says_what_it_is() -> None:
    assert "OpenSSL" in PlainScan(keys_for(range(16))).description
