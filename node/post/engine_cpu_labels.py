"""The label function as LLVM IR: many labels side by side in wide vectors.

A row of the ChaCha state has four words.  A vector holds the same row of several labels;
turning a row is a shuffle inside each label's four words, so that a stored chunk of 128
bytes stays contiguous and is read and written without transposition.  Several vectors are
mixed in turn to hide the latency of the additions, and several groups of vectors one
after the other while the next chunk of each group is fetched ahead.

``labels`` holds the same function to be read; a test compares the two.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from llvmlite import ir

from node.post.labels import (
    CHUNK_SIZE,
    FULL_LABEL_SIZE,
    KECCAK_LANE_ORDER,
    KECCAK_ROUND_CONSTANTS,
)
from node.post.llvm import BYTES, INT_32, INT_64, WORDS_64, Emitter, int_32, int_64

FUNCTION_NAME: Final = "labels"
"""``labels(indices, commitments, count, scrypt_n, out, memory)``; see ``build_module``."""

_ROWS: Final = 8
"""Rows of four words in a chunk: two ChaCha blocks."""

_ROW_SIZE: Final = 16
_STATE_WORDS: Final = 25
_RATE_WORDS: Final = 9
_DIGEST_WORDS: Final = 8
_LABEL_WORDS: Final = 4
_CHUNK_WORDS: Final = 16
_COMMITMENT_WORDS: Final = 4
_INNER_PAD: Final = 0x3636363636363636
_OUTER_PAD: Final = 0x5C5C5C5C5C5C5C5C
_FIRST_PADDING: Final = 0x01
_LAST_PADDING: Final = 0x80 << 56
_BYTE: Final = 8

Row: TypeAlias = ir.Value
Chunk: TypeAlias = list[Row]


@dataclass(frozen=True, slots=True)
class VectorShape:
    """How labels are laid over the registers; which shape is fastest depends on the processor."""

    labels_per_vector: int
    """1, 2 or 4: vectors of 128, 256 or 512 bits."""

    vectors: int
    """Vectors mixed in turn."""

    groups: int
    """Groups of ``vectors`` mixed one after the other, with the next chunk fetched ahead."""

    @property
    def lanes(self) -> int:
        """Labels computed side by side."""
        return self.labels_per_vector * self.vectors * self.groups

    @property
    def width(self) -> int:
        """32-bit words in a vector."""
        return 4 * self.labels_per_vector


class _KeyStates(NamedTuple):
    """The two halves of an HMAC key after its first block: addresses of 25 words."""

    inner: ir.Value
    outer: ir.Value


class _Keccak:
    """Emits the functions around HMAC-Keccak-512 into a module."""

    def __init__(self, module: ir.Module) -> None:
        self.module = module
        kind = ir.ArrayType(INT_64, len(KECCAK_ROUND_CONSTANTS))
        self.constants = ir.GlobalVariable(module, kind, "round_constants")
        self.constants.initializer = ir.Constant(kind, list(KECCAK_ROUND_CONSTANTS))
        self.constants.global_constant = True
        self.permute = self._define_permute()
        self.derive_chunk = self._define_derive_chunk()
        self.derive_label = self._define_derive_label()

    def _define_permute(self) -> ir.Function:
        """``permute(state)``: 24 rounds over 25 words in memory."""
        emit = Emitter.define(self.module, "permute", [WORDS_64])
        (state,) = emit.function.args
        lanes = [emit.variable(INT_64, emit.load(emit.at(state, k))) for k in range(_STATE_WORDS)]
        with emit.repeat(int_64(len(KECCAK_ROUND_CONSTANTS))) as number:
            words: list[ir.Value] = _keccak_round(emit, [emit.load(lane) for lane in lanes])
            constant = emit.load(emit.gep(self.constants, [int_32(0), number]))
            words[0] = emit.xor(words[0], constant)
            for word, lane in zip(words, lanes, strict=True):
                emit.store(word, lane)
        for k, lane in enumerate(lanes):
            emit.store(emit.load(lane), emit.at(state, k))
        emit.ret_void()
        return emit.function

    def _define_derive_chunk(self) -> ir.Function:
        """``derive_chunk(commitment, index, chunk)``: 16 words out of the password."""
        emit = Emitter.define(self.module, "derive_chunk", [WORDS_64, INT_64, WORDS_64])
        commitment, index, chunk = emit.function.args
        key = self._key_states(emit, commitment, index)
        for block in (1, 2):
            # The message is the block counter alone: 4 bytes, big-endian, then the padding.
            words = {0: int_64(block << 24 | _FIRST_PADDING << 32), 8: int_64(_LAST_PADDING)}
            state = self._copy(emit, key.inner, words.get)
            emit.call(self.permute, [state])
            self._finish(emit, key, state, emit.at(chunk, _DIGEST_WORDS * (block - 1)), 8)
        emit.ret_void()
        return emit.function

    def _define_derive_label(self) -> ir.Function:
        """``derive_label(commitment, index, chunk)``: the label over the chunk's first words."""
        emit = Emitter.define(self.module, "derive_label", [WORDS_64, INT_64, WORDS_64])
        commitment, index, chunk = emit.function.args
        key = self._key_states(emit, commitment, index)

        def chunk_word(k: int) -> ir.Value:
            return emit.load(emit.at(chunk, k))

        state = self._copy(emit, key.inner, lambda k: chunk_word(k) if k < _RATE_WORDS else None)
        emit.call(self.permute, [state])
        rest = _CHUNK_WORDS - _RATE_WORDS

        def second_block(k: int) -> ir.Value | None:
            if k < rest:
                return chunk_word(_RATE_WORDS + k)
            # Block counter 1, big-endian, and the padding.
            return {7: int_64(1 << 24 | _FIRST_PADDING << 32), 8: int_64(_LAST_PADDING)}.get(k)

        state = self._copy(emit, state, second_block)
        emit.call(self.permute, [state])
        self._finish(emit, key, state, chunk, _LABEL_WORDS)
        emit.ret_void()
        return emit.function

    def _key_states(self, emit: Emitter, commitment: ir.Value, index: ir.Value) -> _KeyStates:
        """Absorb the password, which is one block, with both pads."""
        words: list[ir.Value] = [
            emit.load(emit.at(commitment, k)) for k in range(_COMMITMENT_WORDS)
        ]
        words += [index, *(int_64(0) for _ in range(_RATE_WORDS - len(words) - 1))]
        states = []
        for pad in (_INNER_PAD, _OUTER_PAD):
            state = self._new_state(emit)
            for k in range(_STATE_WORDS):
                word = emit.xor(words[k], int_64(pad)) if k < _RATE_WORDS else int_64(0)
                emit.store(word, emit.at(state, k))
            emit.call(self.permute, [state])
            states.append(state)
        return _KeyStates(inner=states[0], outer=states[1])

    def _finish(
        self, emit: Emitter, key: _KeyStates, inner: ir.Value, out: ir.Value, words: int
    ) -> None:
        """Hash the inner digest with the outer key and store the first words."""

        def message(k: int) -> ir.Value | None:
            if k < _DIGEST_WORDS:
                return emit.load(emit.at(inner, k))
            return int_64(_FIRST_PADDING | _LAST_PADDING) if k == _DIGEST_WORDS else None

        state = self._copy(emit, key.outer, message)
        emit.call(self.permute, [state])
        for k in range(words):
            emit.store(emit.load(emit.at(state, k)), emit.at(out, k))

    def _new_state(self, emit: Emitter) -> ir.Value:
        return emit.bitcast(emit.scratch(_BYTE * _STATE_WORDS), WORDS_64)

    def _copy(
        self, emit: Emitter, source: ir.Value, absorb: Callable[[int], ir.Value | None]
    ) -> ir.Value:
        """Return a copy of a state with a block absorbed."""
        state = self._new_state(emit)
        for k in range(_STATE_WORDS):
            word: ir.Value = emit.load(emit.at(source, k))
            extra = absorb(k)
            emit.store(word if extra is None else emit.xor(word, extra), emit.at(state, k))
        return state


def _keccak_round(emit: Emitter, words: Sequence[ir.Value]) -> list[ir.Value]:
    parity = []
    for x in range(5):
        column = words[x]
        for y in range(5, _STATE_WORDS, 5):
            column = emit.xor(column, words[x + y])
        parity.append(column)
    effect = [emit.xor(parity[x - 1], emit.rotate(parity[(x + 1) % 5], 1)) for x in range(5)]
    state: list[ir.Value] = [emit.xor(word, effect[k % 5]) for k, word in enumerate(words)]
    moving = state[1]
    for position, bits in KECCAK_LANE_ORDER:
        state[position], moving = emit.rotate(moving, bits), state[position]
    return [
        emit.xor(state[y + x], emit.and_(emit.not_(state[y + (x + 1) % 5]), state[y + (x + 2) % 5]))
        for y in range(0, _STATE_WORDS, 5)
        for x in range(5)
    ]


class _Mixer:
    """Emits the ChaCha mix of several chunks at once."""

    def __init__(self, emit: Emitter, shape: VectorShape) -> None:
        self.emit = emit
        self.shape = shape

    def mix(self, chunks: Sequence[Chunk]) -> list[Chunk]:
        """Return every chunk mixed: its halves through the ChaCha core, one into the other."""
        emit = self.emit
        first = self._core(
            [[emit.xor(chunk[k], chunk[k + 4]) for k in range(4)] for chunk in chunks]
        )
        second = self._core(
            [
                [emit.xor(chunk[k + 4], half[k]) for k in range(4)]
                for chunk, half in zip(chunks, first, strict=True)
            ]
        )
        return [low + high for low, high in zip(first, second, strict=True)]

    def _core(self, blocks: Sequence[Chunk]) -> list[Chunk]:
        emit = self.emit
        work = [list(block) for block in blocks]
        for _ in range(4):
            self._quarter_rounds(work)
            self._turn_rows(work, (1, 2, 3))
            self._quarter_rounds(work)
            self._turn_rows(work, (3, 2, 1))
        return [
            [emit.add(row, original) for row, original in zip(mixed, block, strict=True)]
            for mixed, block in zip(work, blocks, strict=True)
        ]

    def _quarter_rounds(self, blocks: list[Chunk]) -> None:
        """Four quarter rounds a block, of all columns; the blocks take turns."""
        emit = self.emit
        for target, other, turned, bits in (
            (0, 1, 3, 16),
            (2, 3, 1, 12),
            (0, 1, 3, 8),
            (2, 3, 1, 7),
        ):
            for rows in blocks:
                rows[target] = emit.add(rows[target], rows[other])
                rows[turned] = emit.rotate(emit.xor(rows[turned], rows[target]), bits)

    def _turn_rows(self, blocks: list[Chunk], places: tuple[int, int, int]) -> None:
        """Move the diagonals under each other, or back."""
        for rows in blocks:
            for row, by in enumerate(places, start=1):
                order = [
                    4 * label + (word + by) % 4
                    for label in range(self.shape.labels_per_vector)
                    for word in range(4)
                ]
                rows[row] = self.emit.permute(rows[row], order)


class _Main:
    """Emits the exported function; see ``build_module`` for its arguments."""

    def __init__(self, module: ir.Module, shape: VectorShape) -> None:
        keccak = _Keccak(module)
        self.shape = shape
        emit = self.emit = Emitter.define(
            module,
            FUNCTION_NAME,
            [WORDS_64, BYTES, INT_64, INT_64, BYTES, BYTES],
            exported=True,
        )
        indices, commitments, count, self.scrypt_n, out, self.memory = emit.function.args
        self.mixer = _Mixer(emit, shape)
        self.vector = ir.VectorType(INT_32, shape.width)
        self.quarter = ir.VectorType(INT_32, 4)
        self.last_chunk = emit.sub(self.scrypt_n, int_64(1))
        self.chunks = emit.scratch(CHUNK_SIZE * shape.lanes)
        self.rows = [
            [[emit.variable(self.vector) for _ in range(_ROWS)] for _ in range(shape.vectors)]
            for _ in range(shape.groups)
        ]
        with emit.repeat(count, shape.lanes) as first:
            with emit.repeat(int_64(shape.lanes)) as lane:
                self._derive(keccak.derive_chunk, indices, commitments, first, lane)
            self._load_rows()
            self._fill_memory()
            self._read_memory()
            self._store_rows()
            with emit.repeat(int_64(shape.lanes)) as lane:
                chunk = self._derive(keccak.derive_label, indices, commitments, first, lane)
                place = emit.mul(emit.add(first, lane), int_64(FULL_LABEL_SIZE))
                for k in range(_LABEL_WORDS):
                    word = emit.load(emit.at(chunk, k))
                    target = emit.at(emit.at(out, place), _BYTE * k, INT_64)
                    emit.store(word, target, align=1)
        emit.ret_void()

    def _derive(
        self,
        function: ir.Function,
        indices: ir.Value,
        commitments: ir.Value,
        first: ir.Value,
        lane: ir.Value,
    ) -> ir.Value:
        emit = self.emit
        number = emit.add(first, lane)
        commitment = emit.at(commitments, emit.mul(number, int_64(32)), INT_64)
        chunk = emit.at(self.chunks, emit.mul(lane, int_64(CHUNK_SIZE)), INT_64)
        emit.call(function, [commitment, emit.load(emit.at(indices, number)), chunk])
        return chunk

    def _lane(self, group: int, vector: int, label: int) -> int:
        return (group * self.shape.vectors + vector) * self.shape.labels_per_vector + label

    def _row_in_chunks(self, lane: int, row: int) -> ir.Value:
        return self.emit.at(self.chunks, CHUNK_SIZE * lane + _ROW_SIZE * row, self.quarter)

    def _load_rows(self) -> None:
        for group, vectors in enumerate(self.rows):
            for vector, rows in enumerate(vectors):
                for row, variable in enumerate(rows):
                    parts = [
                        self.emit.load(self._row_in_chunks(self._lane(group, vector, label), row))
                        for label in range(self.shape.labels_per_vector)
                    ]
                    self.emit.store(self.emit.join(parts, 4), variable)

    def _store_rows(self) -> None:
        for group, vectors in enumerate(self.rows):
            for vector, rows in enumerate(vectors):
                for row, variable in enumerate(rows):
                    value = self.emit.load(variable)
                    for label in range(self.shape.labels_per_vector):
                        target = self._row_in_chunks(self._lane(group, vector, label), row)
                        self.emit.store(self._part(value, label), target)

    def _part(self, row: Row, label: int) -> ir.Value:
        """Return the four words of one label of a vector."""
        if self.shape.labels_per_vector == 1:
            return row
        return self.emit.permute(row, range(4 * label, 4 * label + 4))

    def _stored_chunk(self, lane: int, number: ir.Value) -> ir.Value:
        """Return the address of a chunk in a lane's memory."""
        emit = self.emit
        chunks_before = emit.add(emit.mul(self.scrypt_n, int_64(lane)), number)
        return emit.at(self.memory, emit.mul(chunks_before, int_64(CHUNK_SIZE)))

    def _load_chunks(self, group: int) -> list[Chunk]:
        return [[self.emit.load(row) for row in rows] for rows in self.rows[group]]

    def _keep_chunks(self, group: int, chunks: Sequence[Chunk]) -> None:
        for rows, chunk in zip(self.rows[group], chunks, strict=True):
            for variable, row in zip(rows, chunk, strict=True):
                self.emit.store(row, variable)

    def _fill_memory(self) -> None:
        emit = self.emit
        for group in range(self.shape.groups):
            with emit.repeat(self.scrypt_n) as number:
                chunks = self._load_chunks(group)
                for vector, chunk in enumerate(chunks):
                    for label in range(self.shape.labels_per_vector):
                        base = self._stored_chunk(self._lane(group, vector, label), number)
                        for row, value in enumerate(chunk):
                            target = emit.at(base, _ROW_SIZE * row, self.quarter)
                            emit.store(self._part(value, label), target)
                self._keep_chunks(group, self.mixer.mix(chunks))

    def _read_memory(self) -> None:
        emit = self.emit
        with emit.repeat(self.scrypt_n):
            for group in range(self.shape.groups):
                chunks: list[Chunk] = []
                for vector, chunk in enumerate(self._load_chunks(group)):
                    sources = self._addressed(group, vector, chunk)
                    chunks.append(
                        [emit.xor(row, self._gather(sources, k)) for k, row in enumerate(chunk)]
                    )
                mixed = self.mixer.mix(chunks)
                self._keep_chunks(group, mixed)
                if self.shape.groups > 1:
                    self._fetch_ahead(group, mixed)

    def _addressed(self, group: int, vector: int, chunk: Chunk) -> list[ir.Value]:
        """Return, for each label of a vector, the address its state tells to read next."""
        emit = self.emit
        addresses = []
        for label in range(self.shape.labels_per_vector):
            word = emit.zext(emit.extract_element(chunk[4], int_32(4 * label)), INT_64)
            number = emit.and_(word, self.last_chunk)
            addresses.append(self._stored_chunk(self._lane(group, vector, label), number))
        return addresses

    def _gather(self, sources: Sequence[ir.Value], row: int) -> Row:
        emit = self.emit
        parts = [emit.load(emit.at(source, _ROW_SIZE * row, self.quarter)) for source in sources]
        return emit.join(parts, 4)

    def _fetch_ahead(self, group: int, chunks: Sequence[Chunk]) -> None:
        emit = self.emit
        kind = ir.FunctionType(ir.VoidType(), [BYTES, INT_32, INT_32, INT_32])
        name = "llvm.prefetch.p0"
        prefetch = emit.module.globals.get(name) or ir.Function(emit.module, kind, name)
        for vector, chunk in enumerate(chunks):
            for source in self._addressed(group, vector, chunk):
                for line in (0, CHUNK_SIZE // 2):
                    # To be read, kept in every cache, data and not code.
                    emit.call(prefetch, [emit.at(source, line), int_32(0), int_32(3), int_32(1)])


def build_module(shape: VectorShape) -> ir.Module:
    """Return a module that exports ``labels`` for one layout.

    The function takes the addresses and numbers: ``indices`` u64 (count), ``commitments``
    uint8 (count, 32) aligned to 8, ``count`` a multiple of ``shape.lanes``, ``scrypt_n``,
    ``out`` uint8 (count, 32), ``memory`` of ``128 * scrypt_n * shape.lanes`` bytes aligned
    to 128.
    """
    module = ir.Module("post_labels")
    _Main(module, shape)
    return module
