"""What this processor can do, by work that is not ours: figures of two machines compare by it.

The clock is told by a chain of additions, each of which waits for the one before and takes
one cycle on every processor; the rest is work of the standard library's compiled code, and
of the interpreter.
"""

import ctypes
import hashlib
from collections.abc import Iterator
from typing import Final

from llvmlite import ir
from nacl import bindings

from node.post.llvm import INT_64, WORDS_64, Emitter, compile_for_host, int_64
from scripts.benchmarks.measurement import Measurement, duration, throughput

SECONDS: Final = 0.5
"""Time for each figure."""

CHAIN: Final = 1_000_000
"""Additions in one call."""

UNROLLED: Final = 10
"""Additions in one turn of the loop."""

HASHED: Final = bytes(1 << 16)
COPIED: Final = bytearray(64 << 20)
GIB: Final = 1 << 30
GIGA: Final = 1e9
LOOP: Final = 10_000


def measure() -> Iterator[Measurement]:
    """Yield the figures."""
    yield throughput("processor: clock", _Chain(), "G cycles/s", SECONDS, amount=CHAIN / GIGA)
    yield throughput(
        "processor: SHA-256 of hashlib",
        lambda: hashlib.sha256(HASHED).digest(),
        "GiB/s",
        SECONDS,
        amount=len(HASHED) / GIB,
    )
    yield throughput(
        "processor: copied memory",
        lambda: bytes(COPIED),
        "GiB/s",
        SECONDS,
        amount=len(COPIED) / GIB,
    )
    public, private = bindings.crypto_sign_seed_keypair(bytes(32))
    signed = bindings.crypto_sign(bytes(128), private)
    yield duration(
        "processor: libsodium verifies",
        lambda: bindings.crypto_sign_open(signed, public),
        "us",
        SECONDS,
    )
    yield throughput(
        "processor: turns of an interpreted loop", _interpreted, "M/s", SECONDS, amount=LOOP / 1e6
    )


def _interpreted() -> int:
    total = 0
    for number in range(LOOP):
        total += number * number
    return total


class _Chain:
    """Additions that wait for one another, in machine code."""

    def __init__(self) -> None:
        module = ir.Module("chain")
        emit = Emitter.define(module, "chain", [INT_64, WORDS_64], exported=True)
        turns, out = emit.function.args
        total = emit.variable(INT_64, int_64(0))
        one = emit.load(out)
        same = ir.InlineAsm(ir.FunctionType(INT_64, [INT_64]), "", "=r,0", side_effect=True)
        with emit.repeat(turns):
            for _ in range(UNROLLED):
                # Unless it cannot tell what is added to, LLVM makes one addition of ten.
                emit.store(emit.add(emit.call(same, [emit.load(total)]), one), total)
        emit.store(emit.load(total), out)
        emit.ret_void()
        self._compiled = compile_for_host(module, purpose="the chain of additions")
        self._function = self._compiled.function("chain", ctypes.c_uint64, ctypes.c_void_p)
        self._number = ctypes.c_uint64(1)

    def __call__(self) -> None:
        self._function(CHAIN // UNROLLED, ctypes.addressof(self._number))
