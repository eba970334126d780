"""SHA-256 on the processor's SHA instructions, written as LLVM code.

A digest is kept as eight 32-bit numbers in host order, in two vectors of four
(:data:`Words`).  The instructions want the running state as two other vectors
(:data:`State`), whose lanes are, lowest first, F E B A and H G D C.  Where one hash feeds
the next, the words go from the last round of one to the first of the other by a shuffle
and an addition alone: no byte is swapped, nothing is stored.

Source: FIPS 180-4; PoET digest section 12.1.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, TypeAlias

from llvmlite import ir

BYTE: Final = ir.IntType(8)
BIT: Final = ir.IntType(1)
LANE: Final = ir.IntType(32)
NUMBER: Final = ir.IntType(64)
VECTOR: Final = ir.VectorType(LANE, 4)
BYTE_VECTOR: Final = ir.VectorType(BYTE, 16)
BYTES: Final = BYTE.as_pointer()
NUMBERS: Final = NUMBER.as_pointer()
PAIR: Final = ir.LiteralStructType([VECTOR, VECTOR])

BLOCK_SIZE: Final = 64
"""Bytes that one compression takes in."""
HALF: Final = 16
"""Bytes of one vector."""
GROUPS: Final = 16
"""The 64 rounds come in groups of four."""
MESSAGE_GROUPS: Final = 4
"""The first groups take the words of the message itself."""
SUMMED_GROUPS: Final = 2
"""Groups whose words and constants a nested hash has summed before it begins."""

INITIAL: Final = (
    0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19,
)  # fmt: skip
"""State before the first block."""

ROUND: Final = (
    0x428A2F98, 0x71374491, 0xB5C0FBCF, 0xE9B5DBA5, 0x3956C25B, 0x59F111F1, 0x923F82A4, 0xAB1C5ED5,
    0xD807AA98, 0x12835B01, 0x243185BE, 0x550C7DC3, 0x72BE5D74, 0x80DEB1FE, 0x9BDC06A7, 0xC19BF174,
    0xE49B69C1, 0xEFBE4786, 0x0FC19DC6, 0x240CA1CC, 0x2DE92C6F, 0x4A7484AA, 0x5CB0A9DC, 0x76F988DA,
    0x983E5152, 0xA831C66D, 0xB00327C8, 0xBF597FC7, 0xC6E00BF3, 0xD5A79147, 0x06CA6351, 0x14292967,
    0x27B70A85, 0x2E1B2138, 0x4D2C6DFC, 0x53380D13, 0x650A7354, 0x766A0ABB, 0x81C2C92E, 0x92722C85,
    0xA2BFE8A1, 0xA81A664B, 0xC24B8B70, 0xC76C51A3, 0xD192E819, 0xD6990624, 0xF40E3585, 0x106AA070,
    0x19A4C116, 0x1E376C08, 0x2748774C, 0x34B0BCB5, 0x391C0CB3, 0x4ED8AA4A, 0x5B9CCA4F, 0x682E6FF3,
    0x748F82EE, 0x78A5636F, 0x84C87814, 0x8CC70208, 0x90BEFFFA, 0xA4506CEB, 0xBEF9A3F7, 0xC67178F2,
)  # fmt: skip
"""Constants of the 64 rounds."""

Words: TypeAlias = tuple[ir.Value, ir.Value]
"""A digest: its words 0 to 3 and 4 to 7."""

State: TypeAlias = tuple[ir.Value, ir.Value]
"""The running state in the instructions' order: ABEF and CDGH."""

Sums: TypeAlias = list[ir.Value]
"""Message words with round constants added, two rounds to a vector."""


def number(value: int) -> ir.Constant:
    """Return a 64-bit constant."""
    return ir.Constant(NUMBER, value)


def vector(*lanes: int) -> ir.Constant:
    """Return a constant of four 32-bit lanes; sums wrap."""
    return ir.Constant(VECTOR, [ir.Constant(LANE, lane & 0xFFFFFFFF) for lane in lanes])


UNDEFINED: Final = ir.Constant(VECTOR, ir.Undefined)
START: Final[State] = (
    vector(INITIAL[5], INITIAL[4], INITIAL[1], INITIAL[0]),
    vector(INITIAL[7], INITIAL[6], INITIAL[3], INITIAL[2]),
)
"""State before the first block, in the instructions' order."""
PADDING: Final = (vector(0x80000000, 0, 0, 0), vector(0, 0, 0, 256))
"""Second half of the block that holds a 32-byte message."""


class FunctionWriter:
    """Writes the body of one function: structured control flow over an IRBuilder."""

    def __init__(
        self, module: ir.Module, name: str, result: ir.Type, arguments: Sequence[ir.Type]
    ) -> None:
        self.function = ir.Function(module, ir.FunctionType(result, arguments), name)
        self.build = ir.IRBuilder(self.function.append_basic_block("entry"))
        body = self.function.append_basic_block("body")
        self.build.branch(body)
        self.build.position_at_end(body)
        self._swap = module.declare_intrinsic("llvm.bswap", [NUMBER])
        self._trailing_zeros = module.declare_intrinsic(
            "llvm.cttz", [NUMBER], ir.FunctionType(NUMBER, [NUMBER, BIT])
        )

    def variable(self, start: ir.Value) -> ir.Value:
        """Return the address of a variable set to ``start`` here."""
        with self.build.goto_entry_block():
            address = self.build.alloca(start.type)
        self.build.store(start, address)
        return address

    def scratch(self, size: int) -> ir.Value:
        """Return the address of ``size`` bytes on the stack."""
        with self.build.goto_entry_block():
            address = self.build.alloca(BYTE, number(size))
        address.align = HALF
        return address

    def number_scratch(self, count: int) -> ir.Value:
        """Return the address of ``count`` numbers on the stack."""
        return self.build.bitcast(self.scratch(8 * count), NUMBERS)

    @contextmanager
    def loop_below(self, variable: ir.Value, limit: ir.Value) -> Iterator[ir.Value]:
        """Repeat the block while the variable is below ``limit``; the block moves it on."""
        with self._loop(lambda: self.is_below(self.build.load(variable), limit)):
            yield variable

    @contextmanager
    def loop_over_bits(self, variable: ir.Value) -> Iterator[ir.Value]:
        """Repeat the block for each set bit of the variable, lowest first, clearing it.

        Yields:
            The position of the bit.
        """
        zero = number(0)
        with self._loop(lambda: self.build.icmp_unsigned("!=", self.build.load(variable), zero)):
            bits = self.build.load(variable)
            yield self.build.call(self._trailing_zeros, [bits, ir.Constant(BIT, 1)])
            cleared = self.build.and_(bits, self.build.sub(bits, number(1)))
            self.build.store(cleared, variable)

    @contextmanager
    def loop_while_odd(self, variable: ir.Value) -> Iterator[None]:
        """Repeat the block while the variable is odd; the block changes it."""
        with self._loop(lambda: self.build.trunc(self.build.load(variable), BIT)):
            yield

    @contextmanager
    def _loop(self, condition: Callable[[], ir.Value]) -> Iterator[None]:
        head, body, end = (self.build.append_basic_block(part) for part in ("head", "do", "end"))
        self.build.branch(head)
        self.build.position_at_end(head)
        self.build.cbranch(condition(), body, end)
        self.build.position_at_end(body)
        yield
        self.build.branch(head)
        self.build.position_at_end(end)

    def is_below(self, left: ir.Value, right: ir.Value) -> ir.Value:
        """Compare two unsigned numbers."""
        return self.build.icmp_unsigned("<", left, right)

    def increment(self, variable: ir.Value, by: int = 1) -> None:
        """Add to a variable."""
        self.build.store(self.build.add(self.build.load(variable), number(by)), variable)

    def at(self, base: ir.Value, offset: ir.Value | int) -> ir.Value:
        """Return the address ``offset`` elements after ``base``."""
        return self.build.gep(base, [number(offset) if isinstance(offset, int) else offset])

    def node_at(self, base: ir.Value, position: ir.Value) -> ir.Value:
        """Return the address of the node number ``position`` in an array of nodes."""
        return self.at(base, self.build.shl(position, number(5)))

    def load_node(self, address: ir.Value) -> Words:
        """Load 32 bytes as they lie."""
        vectors = self.build.bitcast(address, VECTOR.as_pointer())
        return (
            self.build.load(vectors, align=1),
            self.build.load(self.at(vectors, 1), align=1),
        )

    def store_node(self, node: Words, address: ir.Value) -> None:
        """Store 32 bytes as they lie."""
        vectors = self.build.bitcast(address, VECTOR.as_pointer())
        self.build.store(node[0], vectors, align=1)
        self.build.store(node[1], self.at(vectors, 1), align=1)

    def store_number(self, value: ir.Value, address: ir.Value) -> None:
        """Store a number little-endian at an address of bytes."""
        self.build.store(value, self.build.bitcast(address, NUMBERS), align=1)

    def store_big_endian(self, value: ir.Value, address: ir.Value) -> None:
        """Store a number big-endian at an address of bytes."""
        self.store_number(self.build.call(self._swap, [value]), address)

    def swap_words(self, node: Words) -> Words:
        """Turn 32 bytes into words in host order, or back."""
        order = [(k // 4) * 4 + 3 - k % 4 for k in range(16)]
        mask = ir.Constant(ir.VectorType(LANE, 16), [ir.Constant(LANE, k) for k in order])
        none = ir.Constant(BYTE_VECTOR, ir.Undefined)
        first, second = (
            self.build.bitcast(
                self.build.shuffle_vector(self.build.bitcast(half, BYTE_VECTOR), none, mask), VECTOR
            )
            for half in node
        )
        return first, second

    def shuffle(self, first: ir.Value, second: ir.Value, *lanes: int) -> ir.Value:
        """Pick four of the eight lanes of two vectors."""
        mask = ir.Constant(VECTOR, [ir.Constant(LANE, lane) for lane in lanes])
        return self.build.shuffle_vector(first, second, mask)


class Sha256:
    """Writes SHA-256 computations into functions of one module."""

    def __init__(self, module: ir.Module) -> None:
        def instruction(name: str, operands: int) -> ir.Function:
            form = ir.FunctionType(VECTOR, [VECTOR] * operands)
            return ir.Function(module, form, f"llvm.x86.{name}")

        self._two_rounds = instruction("sha256rnds2", 3)
        self._schedule_first = instruction("sha256msg1", 2)
        self._schedule_second = instruction("sha256msg2", 2)
        self._hash_blocks = self._write_hash_blocks(module)
        self._pad = self._write_pad(module)

    def hash_blocks(self, code: FunctionWriter, address: ir.Value, count: ir.Value) -> Words:
        """Hash ``count`` whole blocks that are padded already."""
        pair = code.build.call(self._hash_blocks, [address, count])
        return code.build.extract_value(pair, 0), code.build.extract_value(pair, 1)

    def hash_message(self, code: FunctionWriter, address: ir.Value, size: ir.Value) -> Words:
        """Pad a message of ``size`` bytes, a multiple of 8, in place and hash it."""
        return self.hash_blocks(code, address, code.build.call(self._pad, [address, size]))

    def nest(self, code: FunctionWriter, digests: Sequence[Words], times: ir.Value) -> list[Words]:
        """Replace each digest ``times`` times, at least once, by its own hash.

        Independent digests take turns instruction by instruction.  The state is carried
        from hash to hash before the initial state is added to it; that addition is folded
        into the round constants, which shortens the way from hash to hash.
        """
        build = code.build
        starts = [
            (
                build.sub(code.shuffle(low, high, 5, 4, 1, 0), START[0]),
                build.sub(code.shuffle(low, high, 7, 6, 3, 2), START[1]),
            )
            for low, high in digests
        ]
        before = build.block
        again, done = (build.append_basic_block(name) for name in ("again", "done"))
        build.branch(again)
        build.position_at_end(again)
        turn = build.phi(NUMBER)
        turn.add_incoming(number(0), before)
        carried = [(build.phi(VECTOR), build.phi(VECTOR)) for _ in digests]
        for state, start in zip(carried, starts, strict=True):
            state[0].add_incoming(start[0], before)
            state[1].add_incoming(start[1], before)
        messages = [self._carried_message(code, state) for state in carried]
        sums = [self._carried_sums(code, state) for state in carried]
        results = self._rounds(code, [START] * len(messages), messages, sums)
        next_turn = build.add(turn, number(1))
        turn.add_incoming(next_turn, again)
        for state, result in zip(carried, results, strict=True):
            state[0].add_incoming(result[0], again)
            state[1].add_incoming(result[1], again)
        build.cbranch(code.is_below(next_turn, times), again, done)
        build.position_at_end(done)
        return [
            _to_words(code, (build.add(first, START[0]), build.add(second, START[1])))
            for first, second in results
        ]

    def _carried_message(self, code: FunctionWriter, state: State) -> Sums:
        low, high = _to_words(code, state)
        return [
            code.build.add(low, vector(*INITIAL[:4])),
            code.build.add(high, vector(*INITIAL[4:])),
            *PADDING,
        ]

    def _carried_sums(self, code: FunctionWriter, state: State) -> Sums:
        """Return words and constants of the first eight rounds, two to a vector."""

        def constants(first: int) -> ir.Constant:
            return vector(
                INITIAL[first] + ROUND[first], INITIAL[first + 1] + ROUND[first + 1], 0, 0
            )

        picks = ((state[0], 3, 2), (state[1], 3, 2), (state[0], 1, 0), (state[1], 1, 0))
        return [
            code.build.add(code.shuffle(half, UNDEFINED, a, b, a, b), constants(2 * position))
            for position, (half, a, b) in enumerate(picks)
        ]

    def _rounds(
        self,
        code: FunctionWriter,
        states: Sequence[State],
        messages: Sequence[Sums],
        first_sums: Sequence[Sums] = (),
    ) -> list[State]:
        """Run the 64 rounds over each state with its message of four vectors."""
        build = code.build
        running = [list(state) for state in states]
        schedules = [list(message) for message in messages]
        for group in range(GROUPS):
            constants = vector(*ROUND[4 * group : 4 * group + 4])
            if group >= MESSAGE_GROUPS:
                for schedule in schedules:
                    self._extend_schedule(code, schedule, group)
            low, high = [], []
            for chain, schedule in enumerate(schedules):
                if first_sums and group < SUMMED_GROUPS:
                    low.append(first_sums[chain][2 * group])
                    high.append(first_sums[chain][2 * group + 1])
                else:
                    low.append(build.add(schedule[group % 4], constants))
                    high.append(code.shuffle(low[-1], UNDEFINED, 2, 3, 0, 0))
            for state, summed in zip(running, low, strict=True):
                state[1] = build.call(self._two_rounds, [state[1], state[0], summed])
            for state, summed in zip(running, high, strict=True):
                state[0] = build.call(self._two_rounds, [state[0], state[1], summed])
        return [(first, second) for first, second in running]

    def _extend_schedule(self, code: FunctionWriter, schedule: Sums, group: int) -> None:
        oldest, second, third, newest = (schedule[(group + k) % 4] for k in range(4))
        mixed = code.build.call(self._schedule_first, [oldest, second])
        mixed = code.build.add(mixed, code.shuffle(third, newest, 1, 2, 3, 4))
        schedule[group % 4] = code.build.call(self._schedule_second, [mixed, newest])

    def _write_hash_blocks(self, module: ir.Module) -> ir.Function:
        """Write ``hash_blocks(address, count) -> (words, words)``."""
        code = FunctionWriter(module, "hash_blocks", PAIR, [BYTES, NUMBER])
        code.function.linkage = "internal"
        build = code.build
        address, count = code.function.args
        position = code.variable(number(0))
        halves = [code.variable(START[0]), code.variable(START[1])]
        with code.loop_below(position, count):
            block = code.at(address, build.mul(build.load(position), number(BLOCK_SIZE)))
            message = [
                *code.swap_words(code.load_node(block)),
                *code.swap_words(code.load_node(code.at(block, BLOCK_SIZE // 2))),
            ]
            before = (build.load(halves[0]), build.load(halves[1]))
            (after,) = self._rounds(code, [before], [message])
            for half, old, new in zip(halves, before, after, strict=True):
                build.store(build.add(new, old), half)
            code.increment(position)
        low, high = _to_words(code, (build.load(halves[0]), build.load(halves[1])))
        empty = ir.Constant(PAIR, ir.Undefined)
        build.ret(build.insert_value(build.insert_value(empty, low, 0), high, 1))
        return code.function

    def _write_pad(self, module: ir.Module) -> ir.Function:
        """Write ``pad(address, size) -> blocks``."""
        code = FunctionWriter(module, "pad", NUMBER, [BYTES, NUMBER])
        code.function.linkage = "internal"
        build = code.build
        address, size = code.function.args
        blocks = build.add(build.lshr(build.add(size, number(8)), number(6)), number(1))
        length_at = build.sub(build.shl(blocks, number(6)), number(8))
        code.store_number(number(0x80), code.at(address, size))
        position = code.variable(build.add(size, number(8)))
        with code.loop_below(position, length_at):
            code.store_number(number(0), code.at(address, build.load(position)))
            code.increment(position, by=8)
        code.store_big_endian(build.shl(size, number(3)), code.at(address, length_at))
        build.ret(blocks)
        return code.function


def _to_words(code: FunctionWriter, state: State) -> Words:
    """Bring a state from the instructions' order into that of a digest."""
    return code.shuffle(*state, 3, 2, 7, 6), code.shuffle(*state, 1, 0, 5, 4)
