"""Compact integers, signatures with mixed-order keys, and adversarial VRF proofs."""

from collections.abc import Iterator
from pathlib import Path

from node.base.errors import DecodeError
from node.base.scale import read_compact
from node.crypto.ed25519 import verify_signature
from node.crypto.vrf import verify_vrf
from scripts.vectors.family import Case, Family, compare, read_lines


def check(folder: Path) -> Iterator[Case]:
    """Compare every line by the kind its first letter tells."""
    (path,) = folder.glob("compact-ed25519-vrf.txt*")
    for number, line in enumerate(read_lines(path), start=1):
        kind, *fields = line.split(" ")
        yield compare(f"line {number} ({kind})", *KINDS[kind](fields))


def _compact(fields: list[str]) -> tuple[object, object]:
    bits, data, value, consumed, accepted = fields
    recorded = (int(value), int(consumed)) if accepted == "true" else None
    try:
        return read_compact(bytes.fromhex(data.removesuffix("-")), 0, int(bits)), recorded
    except (DecodeError, IndexError):
        return None, recorded


def _signature(fields: list[str]) -> tuple[object, object]:
    public_key, signature, message = map(bytes.fromhex, fields[:3])
    return verify_signature(public_key, message, signature), fields[3] == "true"


def _vrf(fields: list[str]) -> tuple[object, object]:
    public_key, proof, alpha = map(bytes.fromhex, fields[:3])
    return verify_vrf(public_key, alpha, proof), fields[3] == "true"


KINDS = {"C": _compact, "S": _signature, "V": _vrf}
FAMILIES = (Family("compact-ed25519-vrf", ("compact-ed25519-vrf.txt*",), check),)
