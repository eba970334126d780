"""Every wire type against malformed bytes.

What decodes is written again: that must give the same object back, and never be longer than
what was read, or an input could be made to grow.
"""

import importlib
import inspect
import json
import lzma
import pkgutil
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import is_dataclass
from functools import cache
from pathlib import Path
from typing import Final

import node
import node.types
from node.base import scale
from node.base.errors import DecodeError
from node.consensus.activation.rules import decode_atx
from node.vm.errors import TransactionError
from node.vm.parsing import parse
from scripts.fuzzing.draws import Draws
from scripts.fuzzing.findings import CaseError
from scripts.fuzzing.mutations import spoil
from scripts.vectors.codec import TYPES

RECORDED: Final = Path(__file__).parents[2] / "tests/data/vectors/codec.jsonl.xz"
"""Encodings that the reference made."""

MEASURED_EVERY: Final = 16
"""One case of so many is looked at for the memory it takes."""
FREE_BYTES: Final = 1 << 16
BYTES_PER_BYTE: Final = 400
"""Memory that a decoder may take for a byte of its input: a Python object each."""


def _modules() -> Iterator[str]:
    for found in pkgutil.walk_packages(node.__path__, "node."):
        if found.name.startswith("node.types.") or found.name.endswith(".wire"):
            yield found.name


def _is_wire(cls: type) -> bool:
    try:
        scale.source(cls)
    except TypeError:
        return False
    return True


@cache
def wire_types() -> tuple[type, ...]:
    """Return every dataclass with a wire form, by name."""
    found: dict[str, type] = {}
    for name in _modules():
        for _, cls in inspect.getmembers(importlib.import_module(name), inspect.isclass):
            if is_dataclass(cls) and cls.__module__ == name and _is_wire(cls):
                found[f"{name}.{cls.__name__}"] = cls
    return tuple(cls for _, cls in sorted(found.items()))


@cache
def recorded() -> dict[type, tuple[bytes, ...]]:
    """Return encodings of the reference by type."""
    found: dict[type, list[bytes]] = {}
    with lzma.open(RECORDED, "rt") as lines:
        for line in lines:
            entry = json.loads(line)
            place = TYPES.get(entry["t"])
            if place is not None:
                module, _, name = place.partition(":")
                cls = getattr(importlib.import_module(module), name)
                found.setdefault(cls, []).append(bytes.fromhex(entry["hex"]))
    return {cls: tuple(data) for cls, data in found.items()}


@cache
def _all_recorded() -> tuple[bytes, ...]:
    return tuple(data for group in recorded().values() for data in group)


def case(seed: int, number: int) -> str:
    """Run one case; return what was done.

    Raises:
        CaseError: a decoder did something else than read or refuse.
    """
    draws = Draws(seed, "decode", number)
    cls = draws.choose(wire_types())
    corpus = recorded().get(cls) or _all_recorded()
    name, data = spoil(draws, draws.choose(corpus), _all_recorded())
    told = f"{cls.__name__} {name}"
    if number % MEASURED_EVERY == 0:
        _check_memory(cls, data, told)
    if draws.below(8) == 0:
        _check_variable_forms(data, told)
    value: object
    try:
        value = scale.decode(cls, data)
    except DecodeError:
        return told
    except Exception as error:
        raise CaseError(told, f"{type(error).__name__}: {error}", data) from error
    _check_again(cls, value, data, told)
    return told


def _check_again(cls: type, value: object, data: bytes, told: str) -> None:
    again: object
    try:
        written = scale.encode(value)
        again = scale.decode(cls, written)
    except Exception as error:
        raise CaseError(told, f"not to be written again: {error!r}", data) from error
    if again != value:
        raise CaseError(told, "written and read again it is another object", data)
    if len(written) > len(data):
        raise CaseError(told, f"{len(data)} bytes became {len(written)}", data)


def _check_memory(cls: type, data: bytes, told: str) -> None:
    with suppress(DecodeError):
        # The first call makes the reader.
        scale.decode(cls, b"")
    tracemalloc.start()
    try:
        with suppress(DecodeError):
            scale.decode(cls, data)
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    if peak > FREE_BYTES + BYTES_PER_BYTE * len(data):
        raise CaseError(told, f"{peak} bytes of memory for {len(data)} of input", data)


def _check_variable_forms(data: bytes, told: str) -> None:
    """Read what is not one dataclass: ATXs of either version, raw transactions."""
    try:
        decode_atx(data, {})
    except DecodeError:
        pass
    except Exception as error:
        raise CaseError(f"{told} as an ATX", repr(error), data) from error
    try:
        parse(data, lambda _: None)
    except TransactionError:
        pass
    except Exception as error:
        raise CaseError(f"{told} as a transaction", repr(error), data) from error
