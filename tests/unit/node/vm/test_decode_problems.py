"""The reference's words for bytes that cannot be decoded, primitive by primitive."""

import pytest

from node.base import scale
from node.vm.decode_problems import compact_problem, decode_problem, fixed_problem
from node.vm.wire import DrainVaultArguments, MultisigSpawnArguments, Payload, VaultSpawnArguments
from tests.support.vm_network import DESTINATION, SEVERAL, TERMS, VAULT_ACCOUNT


@pytest.mark.parametrize(
    ("data", "bits", "problem"),
    [
        ("", 8, "EOF"),
        ("", 32, "EOF"),
        ("", 64, "read compact header: EOF"),
        ("00", 8, ""),
        ("0101", 8, ""),
        ("0100", 8, "value 0 is out of range"),
        ("02", 8, "value will overflow uint8"),
        ("03", 8, "value will overflow uint8"),
        ("01", 32, "EOF"),
        ("0200", 32, "unexpected EOF"),
        ("02000100", 32, ""),
        ("02000000", 32, "value 0 is out of range"),
        ("030000", 32, "unexpected EOF"),
        ("0300000040", 32, ""),
        ("03ffffff3f", 32, "value 1073741823 is out of range"),
        ("07", 32, "invalid compact32 needs 5 bytes"),
        ("13ffffffffffffffff", 64, ""),
        ("13ffffff3f00000000", 64, "value 1073741823 is out of range"),
        ("17", 64, "invalid compact64 needs 9 bytes"),
    ],
)
def test_integers(data: str, bits: int, problem: str) -> None:
    assert compact_problem(bytes.fromhex(data), 0, bits) == problem


def test_fixed_fields_are_missing_or_cut_off() -> None:
    assert fixed_problem(b"ab", 2) == "EOF"
    assert fixed_problem(b"ab", 1) == "unexpected EOF"


@pytest.mark.parametrize(
    ("form", "data", "problem"),
    [
        (Payload, b"\0\0", ""),
        (Payload, b"\0", "read compact header: EOF"),
        (DrainVaultArguments, bytes(VAULT_ACCOUNT), "EOF"),
        (DrainVaultArguments, VAULT_ACCOUNT + DESTINATION[:5], "unexpected EOF"),
        (MultisigSpawnArguments, b"\x04", "EOF"),
        (
            MultisigSpawnArguments,
            b"\x04\x2c",
            "too many elements to decode in collection with scale limit set: (11 > 10)",
        ),
        (MultisigSpawnArguments, scale.encode(SEVERAL)[:-1], "unexpected EOF"),
        (MultisigSpawnArguments, scale.encode(SEVERAL), ""),
        (VaultSpawnArguments, scale.encode(TERMS)[:-4], "EOF"),
    ],
)
def test_records_fail_at_their_first_bad_field(form: type, data: bytes, problem: str) -> None:
    assert decode_problem(form, data, 0) == problem
    assert decode_problem(form, b"\xff" + data, 1) == problem
