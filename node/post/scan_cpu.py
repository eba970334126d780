"""The inner loop of a proof in machine code: AES over 128, 256 or 512 bits at a time.

Theory of operation.  Blocks of 1024 labels stay in the first-level cache while all nonce
groups pass over them.

1. For one group and block, eight vectors of labels at a time are encrypted with the group
   key.  Each byte of the result belongs to one label and one nonce, so comparing vectors
   with the difficulty's top byte judges all of them at once.  The comparison leaves a
   *mark* for every four labels: 64 bits, and where they belong.  A mark is always written,
   but the write position moves on only if a bit is set: no branch can be mispredicted.
2. Every set bit of the marks becomes a *candidate*: a nonce and a label.  Most marks have
   one bit, so one is taken from each, and those that have more wait for the next round.
3. Candidates are judged, nearly all by encrypting the label with the nonce's lazy key.
   Nothing depends on the one before, so the processor works on several at once.

Source: post digest 9.1 and 17.4; ``scan.PlainScan`` is what this must agree with.
"""

import ctypes
import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from node.base.errors import DeviceError
from node.post.difficulty import split_difficulty
from node.post.engine import Hit
from node.post.labels import LABEL_SIZE
from node.post.llvm import (
    BYTES,
    INT_8,
    INT_32,
    INT_64,
    WORDS_64,
    Emitter,
    compile_for_host,
    host_features,
    int_64,
)
from node.post.rules import LOW_BITS, NONCES_PER_GROUP
from node.post.scan import CHUNK_SIZE, PlainScan, ScanFactory, ScanKeys, order_hits

BLOCK_LABELS: Final = 1024
"""Labels that all groups pass over before the next ones: 16 KiB."""

BLOCK_SIZE: Final = BLOCK_LABELS * LABEL_SIZE
"""Bytes of a block."""

WIDTHS: Final = (512, 256, 128)
"""Bits of a vector register, widest first."""

_IN_FLIGHT: Final = 8  # encrypted side by side; hides the latency of an AES round
_MARK_LABELS: Final = 4
_MARK_SIZE: Final = _MARK_LABELS * LABEL_SIZE
_ROUNDS: Final = 10
_GROUP_SHIFT: Final = 4  # sixteen bytes of a label, sixteen nonces of a group
_SCHEDULE_SIZE: Final = LABEL_SIZE * (_ROUNDS + 1)
_POSITION_BITS: Final = 40  # of a hit: label position below, nonce above
_POSITION_MASK: Final = (1 << _POSITION_BITS) - 1
_FIRST_CAPACITY: Final = 1 << 12
_ONE_LABEL: Final = ir.VectorType(INT_64, 2)
_MASK_32: Final = (1 << 32) - 1
_AES_POLYNOMIAL: Final = 0x11B


@dataclass(frozen=True, slots=True)
class CompiledScan:
    """The compiled loop; any number of threads may open engines on it."""

    width: int
    """Bits of the vector registers used."""

    function: Any
    """Its address as a ``ctypes`` callable."""

    def open(self, keys: ScanKeys) -> "CpuScan":
        """Return an engine for one thread and one pass."""
        return CpuScan(self, keys)


class CpuScan:
    """A scan in machine code for fixed keys."""

    def __init__(self, compiled: CompiledScan, keys: ScanKeys) -> None:
        self._compiled = compiled
        self._first_nonce = keys.first_nonce
        self._groups = len(keys.group_keys)
        self._difficulty = split_difficulty(keys.difficulty)
        self._group_keys = b"".join(map(expand_key, keys.group_keys))
        self._lazy_keys = b"".join(map(expand_key, keys.lazy_keys))
        # Room for a block that is good everywhere; memory that is not touched costs nothing.
        pairs = self._groups * BLOCK_LABELS
        self._marks = np.empty(2 * (pairs // _MARK_LABELS + _IN_FLIGHT), np.uint64)
        self._candidates = np.empty(pairs * NONCES_PER_GROUP, np.uint64)
        self._hits = np.empty(_FIRST_CAPACITY, np.uint64)
        self._found = np.zeros(1, np.uint64)

    @property
    def description(self) -> str:
        """What does the work, for people."""
        return f"AES instructions over {self._compiled.width} bits"

    def scan(self, data: bytes | bytearray | memoryview, first_index: int) -> Sequence[Hit]:
        """Return the good labels of ``data`` in the order the reference finds them."""
        size = len(data) // CHUNK_SIZE * CHUNK_SIZE
        whole = size // BLOCK_SIZE
        examined = np.frombuffer(data, np.uint8, count=size)
        hits = [self._scan_blocks(examined, whole)]
        if size % BLOCK_SIZE:
            padded = np.zeros(BLOCK_SIZE, np.uint8)
            padded[: size % BLOCK_SIZE] = examined[whole * BLOCK_SIZE :]
            tail = self._scan_blocks(padded, 1)
            real = (tail & np.uint64(_POSITION_MASK)) < size % BLOCK_SIZE // LABEL_SIZE
            hits.append(tail[real] + np.uint64(whole * BLOCK_LABELS))
        found = np.concatenate(hits)
        nonces = (found >> np.uint64(_POSITION_BITS)).astype(np.int64) + self._first_nonce
        positions = (found & np.uint64(_POSITION_MASK)).astype(np.int64)
        return order_hits(nonces, positions, first_index)

    def _scan_blocks(self, data: NDArray[np.uint8], blocks: int) -> NDArray[np.uint64]:
        """Return the hits of whole blocks, each as nonce << 40 | position, unordered."""
        while True:
            self._compiled.function(
                data.ctypes.data,
                blocks,
                self._group_keys,
                self._lazy_keys,
                self._groups,
                self._difficulty.msb,
                self._difficulty.lsb,
                self._marks.ctypes.data,
                self._candidates.ctypes.data,
                self._hits.ctypes.data,
                len(self._hits),
                self._found.ctypes.data,
            )
            found = int(self._found[0])
            if found <= len(self._hits):
                return self._hits[:found].copy()
            self._hits = np.empty(1 << found.bit_length(), np.uint64)


def compile_scan(width: int | None = None) -> CompiledScan:
    """Compile the scan for this machine and try it on known data.

    Args:
        width: bits of a vector, 128, 256 or 512; the widest the processor has by default.

    Raises:
        DeviceError: the processor has no AES instructions of that width, or they do not
            compute what they should.
    """
    usable = usable_widths()
    if not usable or (width is not None and width not in usable):
        raise DeviceError(
            f"no AES instructions over {width or 128} bits on this processor",
            code="smesh.device.instructions",
        )
    chosen = width or usable[0]
    # LLVM would split wide vectors on processors where it expects them to lower the clock.
    extra = "-prefer-256-bit" if chosen == WIDTHS[0] else ""
    compiled = compile_for_host(_build_module(chosen), purpose="the scan", extra_features=extra)
    word, address = ctypes.c_uint64, ctypes.c_void_p
    function = compiled.function(
        "scan",
        *(address, word, address, address, word, word, word),
        *(address, address, address, word, address),
    )
    scan = CompiledScan(chosen, _KeepingAlive(compiled, function))
    _self_test(scan)
    return scan


class _KeepingAlive:
    """A function together with the code it stands in."""

    def __init__(self, code: object, function: Any) -> None:
        self._code = code
        self._function = function

    def __call__(self, *arguments: object) -> None:
        self._function(*arguments)


def choose_scan() -> ScanFactory:
    """Return the fastest scan that works here; the plain one works everywhere."""
    for width in usable_widths():
        try:
            return compile_scan(width).open
        except DeviceError:
            continue
    return PlainScan


def usable_widths() -> tuple[int, ...]:
    """Return the vector widths this processor has AES instructions for, widest first."""
    features = host_features() if platform.machine().lower() in ("x86_64", "amd64") else {}
    if not features.get("aes"):
        return ()
    if not features.get("vaes"):
        return (128,)
    return WIDTHS if features.get("avx512bw") else WIDTHS[1:]


def expand_key(key: bytes) -> bytes:
    """Return the eleven round keys of AES-128 (FIPS 197, 5.2), 176 bytes."""
    words = [key[start : start + 4] for start in range(0, len(key), 4)]
    constant = 1
    while len(words) < 4 * (_ROUNDS + 1):
        word = words[-1]
        if len(words) % 4 == 0:
            word = bytes(
                (
                    _SUBSTITUTION[word[1]] ^ constant,
                    _SUBSTITUTION[word[2]],
                    _SUBSTITUTION[word[3]],
                    _SUBSTITUTION[word[0]],
                )
            )
            constant = _double(constant)
        words.append(bytes(a ^ b for a, b in zip(words[-4], word, strict=True)))
    return b"".join(words)


def _double(value: int) -> int:
    """Multiply by x in the field of AES."""
    return value << 1 ^ (_AES_POLYNOMIAL if value & 0x80 else 0)


def _make_substitution() -> bytes:
    """Return the S-box of AES: inverse in the field, then an affine map (FIPS 197, 5.1.1)."""
    powers = [1]
    while (power := _double(powers[-1]) ^ powers[-1]) != 1:
        powers.append(power)
    box = bytearray(256)
    for exponent, value in enumerate(powers):
        inverse = powers[-exponent % len(powers)]
        twice = inverse << 8 | inverse
        turned = twice >> 4 ^ twice >> 5 ^ twice >> 6 ^ twice >> 7
        box[value] = (inverse ^ turned ^ 0x63) & 0xFF
    box[0] = 0x63
    return bytes(box)


_SUBSTITUTION: Final = _make_substitution()


def _self_test(compiled: CompiledScan) -> None:
    """Compare with the plain scan: two blocks and a tail, every way a label can be judged.

    Raises:
        DeviceError: they differ.
    """
    pattern = np.arange((2 * BLOCK_LABELS + 9) * LABEL_SIZE, dtype=np.uint32)
    data = (pattern * np.uint32(2654435761) >> np.uint32(13)).astype(np.uint8).tobytes()
    for difficulty in (0x0080 << 48, 0x0180 << 48):
        keys = ScanKeys(
            first_nonce=0,
            group_keys=(bytes(range(16)),),
            lazy_keys=tuple(bytes((nonce,)) * 16 for nonce in range(16)),
            difficulty=difficulty,
        )
        if compiled.open(keys).scan(data, 7) != PlainScan(keys).scan(data, 7):
            raise DeviceError(
                f"the AES instructions over {compiled.width} bits find wrong labels",
                code="smesh.device.wrong_scan",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loop:
    """What the emitted code refers to: the arguments, and the vector shapes."""

    emitter: Emitter
    width: int
    labels: ir.Value
    group_keys: ir.Value
    lazy_keys: ir.Value
    groups: ir.Value
    msb: ir.Value
    lsb: ir.Value
    marks: ir.Value
    candidates: ir.Value
    hits: ir.Value
    capacity: ir.Value
    found: ir.Value

    @property
    def lanes(self) -> int:
        """Labels in a vector."""
        return self.width // (8 * LABEL_SIZE)

    @property
    def vector(self) -> ir.VectorType:
        """The vector as LLVM's AES intrinsics take it."""
        return ir.VectorType(INT_64, 2 * self.lanes)

    def load(self, base: ir.Value, offset: ir.Value | int, kind: ir.Type) -> ir.Value:
        """Load something at a byte offset that is not aligned."""
        return self.emitter.load(self.emitter.at(base, offset, kind), align=1)

    def aes(self, name: str, kind: ir.VectorType, state: ir.Value, key: ir.Value) -> ir.Value:
        """Emit one AES round on every label of a vector."""
        suffix = {2: "", 4: ".256", 8: ".512"}[kind.count]
        full_name = f"llvm.x86.aesni.{name}{suffix}"
        module = self.emitter.module
        function = module.globals.get(full_name) or ir.Function(
            module, ir.FunctionType(kind, [kind, kind]), full_name
        )
        return self.emitter.call(function, [state, key])

    def encrypt(
        self, kind: ir.VectorType, states: Sequence[ir.Value], keys: Sequence[ir.Value]
    ) -> list[ir.Value]:
        """Emit AES-128 on several vectors side by side."""
        running: list[ir.Value] = [self.emitter.xor(state, keys[0]) for state in states]
        for key in keys[1:_ROUNDS]:
            running = [self.aes("aesenc", kind, state, key) for state in running]
        return [self.aes("aesenclast", kind, state, keys[_ROUNDS]) for state in running]


def _build_module(width: int) -> ir.Module:
    """Write the loop for vectors of ``width`` bits.

    ``scan(labels, blocks, group keys, lazy keys, groups, msb, lsb, marks, candidates, hits,
    capacity, found)``: ``found`` is set to the number of hits, of which no more than
    ``capacity`` are kept.  Keys are expanded.  A mark takes two words, a candidate one;
    there is room for all of a block, and for the marks written in one go.
    """
    module = ir.Module("scan")
    arguments = (BYTES, INT_64, BYTES, BYTES, INT_64, INT_64, INT_64)
    results = (WORDS_64, WORDS_64, WORDS_64, INT_64, WORDS_64)
    emitter = Emitter.define(module, "scan", [*arguments, *results], exported=True)
    labels, blocks, *others, found = emitter.function.args
    inputs = ("group_keys", "lazy_keys", "groups", "msb", "lsb")
    outputs = ("marks", "candidates", "hits", "capacity")
    loop = _Loop(
        emitter=emitter,
        width=width,
        labels=labels,
        found=emitter.variable(INT_64, int_64(0)),
        **dict(zip((*inputs, *outputs), others, strict=True)),
    )
    with emitter.repeat(blocks) as block:
        base = emitter.at(labels, emitter.mul(block, int_64(BLOCK_SIZE)))
        first = emitter.mul(block, int_64(BLOCK_LABELS))
        _emit_judgements(loop, base, first, _emit_candidates(loop, _emit_marks(loop, base)))
    emitter.store(emitter.load(loop.found), found)
    emitter.ret_void()
    return module


def _emit_marks(loop: _Loop, base: ir.Value) -> ir.Value:
    """Encrypt a block with every group key; keep the marks that are not empty.

    A mark is two words: a bit for each of 64 encrypted bytes, and the number of the
    group's first nonce << 32 | the first of the four labels.

    Returns:
        Their number.
    """
    emitter = loop.emitter
    size = loop.width // 8
    count = emitter.variable(INT_64, int_64(0))
    schedule_room = emitter.scratch(size * (_ROUNDS + 1))
    with emitter.repeat(loop.groups) as group:
        schedule = emitter.at(loop.group_keys, emitter.mul(group, int_64(_SCHEDULE_SIZE)))
        for number in range(_ROUNDS + 1):
            key = loop.load(schedule, LABEL_SIZE * number, _ONE_LABEL)
            wide = emitter.permute(key, (0, 1) * loop.lanes)
            emitter.store(wide, emitter.at(schedule_room, size * number, loop.vector))
        nonce = emitter.shl(group, int_64(32 + _GROUP_SHIFT))
        with emitter.repeat(int_64(BLOCK_LABELS), _IN_FLIGHT * loop.lanes) as first:
            data = emitter.at(base, emitter.mul(first, int_64(LABEL_SIZE)))
            hidden = _hide(emitter, schedule_room)
            keys = [loop.load(hidden, size * number, loop.vector) for number in range(_ROUNDS + 1)]
            vectors = [loop.load(data, size * number, loop.vector) for number in range(_IN_FLIGHT)]
            masks = [_compare(loop, state) for state in loop.encrypt(loop.vector, vectors, keys)]
            position = emitter.load(count)
            place = emitter.or_(nonce, first)
            per_mark = _MARK_SIZE // size
            for start in range(0, _IN_FLIGHT, per_mark):
                mask = masks[start]
                for number in range(1, per_mark):
                    higher = emitter.shl(masks[start + number], int_64(size * number))
                    mask = emitter.or_(mask, higher)
                mark = emitter.at(loop.marks, emitter.shl(position, int_64(1)))
                emitter.store(mask, mark)
                emitter.store(emitter.add(place, int_64(start * loop.lanes)), emitter.at(mark, 1))
                filled = emitter.icmp_unsigned("!=", mask, int_64(0))
                position = emitter.add(position, emitter.zext(filled, INT_64))
            emitter.store(position, count)
    return emitter.load(count)


def _hide(emitter: Emitter, address: ir.Value) -> ir.Value:
    """Return an address that LLVM cannot tell from a new one.

    It would else keep all eleven keys in registers, find too few left for eight vectors,
    and encrypt these one after the other, waiting for each round.
    """
    same = ir.InlineAsm(ir.FunctionType(BYTES, [BYTES]), "", "=r,0", side_effect=True)
    return emitter.call(same, [address])


def _compare(loop: _Loop, encrypted: ir.Value) -> ir.Value:
    """Return a word with a bit for every byte that is not above the difficulty's top byte."""
    emitter = loop.emitter
    kind = ir.VectorType(INT_8, loop.width // 8)
    empty = ir.Constant(kind, ir.Undefined)
    top = emitter.trunc(loop.msb, INT_8)
    single = emitter.insert_element(empty, top, ir.Constant(INT_32, 0))
    limit = emitter.permute(single, (0,) * kind.count)
    below = emitter.icmp_unsigned("<=", emitter.bitcast(encrypted, kind), limit)
    bits = emitter.bitcast(below, ir.IntType(kind.count))
    return bits if kind.count == INT_64.width else emitter.zext(bits, INT_64)


def _emit_candidates(loop: _Loop, marks: ir.Value) -> ir.Value:
    """Write out every set bit of the marks as nonce << 32 | label.

    Each round takes one bit from every mark and keeps, in front, the marks that have more.

    Returns:
        The number of candidates.
    """
    emitter = loop.emitter
    count = emitter.variable(INT_64, int_64(0))
    left = emitter.variable(INT_64, marks)
    with _while_nonzero(emitter, left):
        now = emitter.load(left)
        written = emitter.load(count)
        emitter.store(int_64(0), left)
        with emitter.repeat(now) as number:
            mark = emitter.at(loop.marks, emitter.shl(number, int_64(1)))
            mask, place = emitter.load(mark), emitter.load(emitter.at(mark, 1))
            bit = emitter.cttz(mask, ir.Constant(ir.IntType(1), 1))
            column = emitter.and_(bit, int_64(NONCES_PER_GROUP - 1))
            label = emitter.add(place, emitter.lshr(bit, int_64(_GROUP_SHIFT)))
            candidate = emitter.add(label, emitter.shl(column, int_64(32)))
            emitter.store(candidate, emitter.at(loop.candidates, emitter.add(written, number)))
            rest = emitter.and_(mask, emitter.sub(mask, int_64(1)))
            position = emitter.load(left)
            kept = emitter.at(loop.marks, emitter.shl(position, int_64(1)))
            emitter.store(rest, kept)
            emitter.store(place, emitter.at(kept, 1))
            more = emitter.zext(emitter.icmp_unsigned("!=", rest, int_64(0)), INT_64)
            emitter.store(emitter.add(position, more), left)
        emitter.store(emitter.add(written, now), count)
    return emitter.load(count)


@contextmanager
def _while_nonzero(emitter: Emitter, variable: ir.Value) -> Iterator[None]:
    """Repeat what is emitted inside as long as a variable is not zero."""
    head, body, end = (emitter.append_basic_block(name) for name in ("bits", "bit", "done"))
    emitter.branch(head)
    emitter.position_at_end(head)
    emitter.cbranch(emitter.icmp_unsigned("!=", emitter.load(variable), int_64(0)), body, end)
    emitter.position_at_end(body)
    yield
    emitter.branch(head)
    emitter.position_at_end(end)


def _emit_judgements(loop: _Loop, base: ir.Value, first: ir.Value, count: ir.Value) -> None:
    """Judge the candidates of a block and record the good ones.

    Args:
        loop: what is being emitted.
        base: address of the block.
        first: position of its first label in the data.
        count: number of candidates.
    """
    emitter = loop.emitter
    good = emitter.variable(ir.IntType(1))
    room = emitter.scratch(LABEL_SIZE)
    with emitter.repeat(count) as number:
        candidate = emitter.load(emitter.at(loop.candidates, number))
        nonce = emitter.lshr(candidate, int_64(32))
        label = emitter.and_(candidate, int_64(_MASK_32))
        data = loop.load(base, emitter.shl(label, int_64(_GROUP_SHIFT)), _ONE_LABEL)
        encrypted = _encrypt_one(loop, data, loop.lazy_keys, nonce)
        word = emitter.extract_element(encrypted, ir.Constant(INT_32, 0))
        value = emitter.and_(word, int_64(LOW_BITS))
        emitter.store(emitter.icmp_unsigned("<", value, loop.lsb), good)
        with emitter.if_then(emitter.icmp_unsigned("!=", loop.msb, int_64(0)), likely=False):
            # Below the top byte rather than equal to it: good whatever the lazy value.
            group = emitter.lshr(nonce, int_64(_GROUP_SHIFT))
            encrypted = _encrypt_one(loop, data, loop.group_keys, group)
            emitter.store(encrypted, emitter.at(room, 0, _ONE_LABEL))
            column = emitter.and_(nonce, int_64(NONCES_PER_GROUP - 1))
            byte = emitter.zext(emitter.load(emitter.at(room, column)), INT_64)
            below = emitter.icmp_unsigned("<", byte, loop.msb)
            emitter.store(emitter.or_(emitter.load(good), below), good)
        with emitter.if_then(emitter.load(good), likely=False):
            found = emitter.load(loop.found)
            with emitter.if_then(emitter.icmp_unsigned("<", found, loop.capacity)):
                position = emitter.add(first, label)
                hit = emitter.or_(emitter.shl(nonce, int_64(_POSITION_BITS)), position)
                emitter.store(hit, emitter.at(loop.hits, found))
            emitter.store(emitter.add(found, int_64(1)), loop.found)


def _encrypt_one(loop: _Loop, data: ir.Value, schedules: ir.Value, number: ir.Value) -> ir.Value:
    """Encrypt one label with the key of that number."""
    schedule = loop.emitter.at(schedules, loop.emitter.mul(number, int_64(_SCHEDULE_SIZE)))
    keys = [loop.load(schedule, LABEL_SIZE * place, _ONE_LABEL) for place in range(_ROUNDS + 1)]
    return loop.encrypt(_ONE_LABEL, [data], keys)[0]
