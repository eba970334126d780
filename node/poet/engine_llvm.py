"""The fast engine: leaf loop, opening and labels as machine code for this processor.

Compiled at start in some 0.2 s with llvmlite alone; needs the SHA extensions of x86-64.
Calls go through ctypes, which lets other threads run meanwhile.  A label is a chain of
400 dependent hashes, so the leaf loop runs at the latency of the SHA instructions;
labels of an opening are independent and take turns in pairs.

Source: PoET digest section 12.1.
"""

import ctypes
from collections.abc import Callable, Sequence
from typing import Any, Final

from llvmlite import binding, ir

from node.base.errors import DeviceError
from node.poet.sha256_ir import (
    BYTES,
    NUMBER,
    NUMBERS,
    UNDEFINED,
    FunctionWriter,
    Sha256,
    Words,
    number,
    vector,
)
from node.poet.tree import NODE_SIZE, check_indices
from node.poet.work import LABEL_HASHES, MAX_HEIGHT, ClearEngine, Frontier

NEEDED_FEATURES: Final = ("sha", "ssse3", "sse4.1")
"""What the processor must have, by LLVM's names."""
HEADER_SIZE: Final = NODE_SIZE + 8
"""Statement and leaf number, which every label message starts with."""
MESSAGE_STRIDE: Final = 2176
"""Room for one label message: the header, 64 parked nodes and padding, in whole blocks."""
STACK_DEPTH: Final = MAX_HEIGHT + 2
"""Subtrees an opening can be inside of at once."""
OPTIMISATION: Final = 2
"""LLVM's level; a third brings nothing here."""
VOID: Final = ir.VoidType()


class _InnerHash:
    """Writes inner nodes: one padded message whose two nodes are replaced each time."""

    def __init__(self, code: FunctionWriter, sha: Sha256, statement: ir.Value) -> None:
        self._code = code
        self._sha = sha
        self._message = code.scratch(128)
        zero = vector(0, 0, 0, 0)
        for offset in (64, 96):
            code.store_node((zero, zero), code.at(self._message, offset))
        code.store_node(code.load_node(statement), self._message)
        code.store_number(number(0x80), code.at(self._message, 3 * NODE_SIZE))
        code.store_big_endian(number(8 * 3 * NODE_SIZE), code.at(self._message, 120))

    def __call__(self, left: Words, right: Words) -> Words:
        self._code.store_node(left, self._code.at(self._message, NODE_SIZE))
        self._code.store_node(right, self._code.at(self._message, 2 * NODE_SIZE))
        words = self._sha.hash_blocks(self._code, self._message, number(2))
        return self._code.swap_words(words)


def _write_extend(module: ir.Module, sha: Sha256) -> None:
    """Write ``extend(statement, parked, first, count, outputs)``.

    ``outputs[k]`` is where the next node of layer k goes, or 0 where none is wanted.
    """
    code = FunctionWriter(module, "extend", VOID, [BYTES, BYTES, NUMBER, NUMBER, NUMBERS])
    build = code.build
    statement, parked, first, count, outputs = code.function.args
    inner = _InnerHash(code, sha, statement)
    message = code.scratch(MESSAGE_STRIDE)
    code.store_node(code.load_node(statement), message)
    done, size, bits, height = (code.variable(number(0)) for _ in range(4))
    low, high = code.variable(UNDEFINED), code.variable(UNDEFINED)

    def set_node(node: Words) -> None:
        build.store(node[0], low)
        build.store(node[1], high)

    def node() -> Words:
        return build.load(low), build.load(high)

    def emit() -> None:
        slot = code.at(outputs, build.load(height))
        address = build.load(slot)
        with build.if_then(build.icmp_unsigned("!=", address, number(0))):
            code.store_node(node(), build.inttoptr(address, BYTES))
            build.store(build.add(address, number(NODE_SIZE)), slot)

    with code.loop_below(done, count):
        index = build.add(first, build.load(done))
        code.store_big_endian(index, code.at(message, NODE_SIZE))
        build.store(number(HEADER_SIZE), size)
        build.store(index, bits)
        with code.loop_over_bits(bits) as position:
            waiting = code.load_node(code.node_at(parked, position))
            code.store_node(waiting, code.at(message, build.load(size)))
            code.increment(size, by=NODE_SIZE)
        digest = sha.hash_message(code, message, build.load(size))
        (label,) = sha.nest(code, [digest], number(LABEL_HASHES - 1))
        set_node(code.swap_words(label))
        build.store(index, bits)
        build.store(number(0), height)
        emit()
        with code.loop_while_odd(bits):
            waiting = code.load_node(code.node_at(parked, build.load(height)))
            set_node(inner(waiting, node()))
            build.store(build.lshr(build.load(bits), number(1)), bits)
            code.increment(height)
            emit()
        code.store_node(node(), code.node_at(parked, build.load(height)))
        code.increment(done)
    build.ret_void()


def _write_labels(module: ir.Module, sha: Sha256) -> None:
    """Write ``labels(messages, sizes, count, output)``; an odd last one is done twice."""
    code = FunctionWriter(module, "labels", VOID, [BYTES, NUMBERS, NUMBER, BYTES])
    build = code.build
    messages, sizes, count, output = code.function.args
    done = code.variable(number(0))
    with code.loop_below(done, count):
        first = build.load(done)
        following = build.add(first, number(1))
        pair = (first, build.select(code.is_below(following, count), following, first))
        digests = []
        for position in pair:
            message = code.at(messages, build.mul(position, number(MESSAGE_STRIDE)))
            size = build.load(code.at(sizes, position))
            digests.append(sha.hash_message(code, message, size))
        labels = sha.nest(code, digests, number(LABEL_HASHES - 1))
        for position, label in zip(pair, labels, strict=True):
            code.store_node(code.swap_words(label), code.node_at(output, position))
        code.increment(done, by=2)
    build.ret_void()


class _ClimbWriter:
    """Writes ``climb(statement, indices, leaves, count, nodes, node_count, messages, sizes, root)``.

    It returns how many leaves it came by, and leaves their label messages behind.  What
    :func:`node.poet.tree.climb` does by calling itself is done with a stack here: on it lie
    the subtrees that wait for the root of the subtree to their right.
    """  # noqa: E501

    def __init__(self, module: ir.Module, sha: Sha256) -> None:
        arguments = [BYTES, NUMBERS, BYTES, NUMBER, BYTES, NUMBER, BYTES, NUMBERS, BYTES]
        self.code = FunctionWriter(module, "climb", NUMBER, arguments)
        (
            self.statement,
            self.indices,
            self.leaves,
            self.count,
            self.nodes,
            self.node_count,
            self.messages,
            self.sizes,
            self.root,
        ) = self.code.function.args
        self.inner = _InnerHash(self.code, sha, self.statement)
        variables = [self.code.variable(number(0)) for _ in range(6)]
        self.next_leaf, self.next_node, self.depth, *self.subtree = variables
        self.index, self.height, self.first_leaf = self.subtree
        self.node = self.code.scratch(NODE_SIZE)
        self.stack = [self.code.number_scratch(STACK_DEPTH) for _ in self.subtree]
        self.node_stack = self.code.scratch(NODE_SIZE * STACK_DEPTH)
        names = ("leaf", "step", "look", "push", "sibling", "take", "exhausted", "pop", "finish")
        self.blocks = {name: self.code.function.append_basic_block(name) for name in names}

    def write(self) -> None:
        """Write every block."""
        self.code.build.branch(self.blocks["leaf"])
        for name, block in self.blocks.items():
            self.code.build.position_at_end(block)
            getattr(self, f"_{name}")()

    def _leaf(self) -> None:
        """Begin at the next leaf: a subtree of height 0, with the head of its message."""
        code, build = self.code, self.code.build
        position = build.load(self.next_leaf)
        index = build.load(code.at(self.indices, position))
        build.store(position, self.first_leaf)
        build.store(index, self.index)
        build.store(number(0), self.height)
        code.store_node(code.load_node(code.node_at(self.leaves, position)), self.node)
        message = code.at(self.messages, build.mul(position, number(MESSAGE_STRIDE)))
        code.store_node(code.load_node(self.statement), message)
        code.store_big_endian(index, code.at(message, NODE_SIZE))
        build.store(number(HEADER_SIZE), code.at(self.sizes, position))
        code.increment(self.next_leaf)
        build.branch(self.blocks["step"])

    def _step(self) -> None:
        """Is this the right subtree that the one on top of the stack waits for?"""
        code, build = self.code, self.code.build
        depth = build.load(self.depth)
        is_inside = code.is_below(number(0), depth)
        top = build.select(is_inside, build.sub(depth, number(1)), number(0))
        waited_height = build.load(code.at(self.stack[1], top))
        is_complete = build.icmp_unsigned("==", build.load(self.height), waited_height)
        build.cbranch(build.and_(is_inside, is_complete), self.blocks["pop"], self.blocks["look"])

    def _look(self) -> None:
        """Is the next leaf below the sibling?"""
        code, build = self.code, self.code.build
        height = build.load(self.height)
        is_possible = build.and_(
            code.is_below(build.load(self.next_leaf), self.count),
            code.is_below(height, number(MAX_HEIGHT)),
        )
        position = build.select(is_possible, build.load(self.next_leaf), number(0))
        shift = build.select(is_possible, height, number(0))
        above = build.lshr(build.load(code.at(self.indices, position)), shift)
        sibling = build.xor(build.load(self.index), number(1))
        is_below = build.and_(is_possible, build.icmp_unsigned("==", above, sibling))
        build.cbranch(is_below, self.blocks["push"], self.blocks["sibling"])

    def _push(self) -> None:
        """Let this subtree wait and begin with the leaf to its right."""
        code, build = self.code, self.code.build
        depth = build.load(self.depth)
        for variable, stack in zip(self.subtree, self.stack, strict=True):
            build.store(build.load(variable), code.at(stack, depth))
        code.store_node(code.load_node(self.node), code.node_at(self.node_stack, depth))
        code.increment(self.depth)
        build.branch(self.blocks["leaf"])

    def _sibling(self) -> None:
        """Is there a sibling left in the proof?"""
        code, build = self.code, self.code.build
        is_left = code.is_below(build.load(self.next_node), self.node_count)
        build.cbranch(is_left, self.blocks["take"], self.blocks["exhausted"])

    def _take(self) -> None:
        """Join the next sibling of the proof, on whichever side it stands."""
        code, build = self.code, self.code.build
        sibling = code.load_node(code.node_at(self.nodes, build.load(self.next_node)))
        code.increment(self.next_node)
        left, right = (build.append_basic_block(f"{side}_sibling") for side in ("left", "right"))
        build.cbranch(build.trunc(build.load(self.index), ir.IntType(1)), left, right)
        build.position_at_end(left)
        self._append_parked(sibling)
        self._rise(self.inner(sibling, code.load_node(self.node)))
        build.position_at_end(right)
        self._rise(self.inner(code.load_node(self.node), sibling))

    def _exhausted(self) -> None:
        """Without siblings a subtree goes to the one that waits for it as it is."""
        build = self.code.build
        is_inside = self.code.is_below(number(0), build.load(self.depth))
        build.cbranch(is_inside, self.blocks["pop"], self.blocks["finish"])

    def _pop(self) -> None:
        """Join the subtree that waited to this one, its right sibling."""
        code, build = self.code, self.code.build
        top = build.sub(build.load(self.depth), number(1))
        build.store(top, self.depth)
        left = code.load_node(code.node_at(self.node_stack, top))
        self._append_parked(left)
        for variable, stack in zip(self.subtree, self.stack, strict=True):
            build.store(build.load(code.at(stack, top)), variable)
        self._rise(self.inner(left, code.load_node(self.node)))

    def _finish(self) -> None:
        self.code.store_node(self.code.load_node(self.node), self.root)
        self.code.build.ret(self.code.build.load(self.next_leaf))

    def _append_parked(self, node: Words) -> None:
        """Add a left sibling to the messages of all leaves of this subtree."""
        code, build = self.code, self.code.build
        position = code.variable(build.load(self.first_leaf))
        with code.loop_below(position, build.load(self.next_leaf)):
            leaf = build.load(position)
            size_at = code.at(self.sizes, leaf)
            size = build.load(size_at)
            message = code.at(self.messages, build.mul(leaf, number(MESSAGE_STRIDE)))
            code.store_node(node, code.at(message, size))
            build.store(build.add(size, number(NODE_SIZE)), size_at)
            code.increment(position)

    def _rise(self, parent: Words) -> None:
        build = self.code.build
        self.code.store_node(parent, self.node)
        build.store(build.lshr(build.load(self.index), number(1)), self.index)
        self.code.increment(self.height)
        build.branch(self.blocks["step"])


def _write_module() -> ir.Module:
    module = ir.Module("poet")
    module.triple = binding.get_process_triple()
    sha = Sha256(module)
    _write_extend(module, sha)
    _write_labels(module, sha)
    _ClimbWriter(module, sha).write()
    return module


def _compile(module: ir.Module) -> binding.ExecutionEngine:
    """Compile for the processor at hand.

    Raises:
        DeviceError: it lacks the instructions.
    """
    features = binding.get_host_cpu_features()
    missing = [name for name in NEEDED_FEATURES if not features.get(name)]
    if missing:
        raise DeviceError(f"the processor has no {', '.join(missing)} instructions")
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    machine = binding.Target.from_default_triple().create_target_machine(
        cpu=binding.get_host_cpu_name(), features=features.flatten(), opt=OPTIMISATION
    )
    compiled = binding.parse_assembly(str(module))
    compiled.verify()
    tuning = binding.create_pipeline_tuning_options(speed_level=OPTIMISATION)
    passes = binding.create_pass_builder(machine, tuning)
    passes.getModulePassManager().run(compiled, passes)
    execution = binding.create_mcjit_compiler(compiled, machine)
    execution.finalize_object()
    return execution


class LlvmEngine:
    """The engine on SHA instructions; statements and nodes of odd sizes go the clear way.

    Raises:
        DeviceError: the processor lacks the instructions.
    """

    name = "llvm-sha"
    deepest_layer = 10

    def __init__(self) -> None:
        self._clear = ClearEngine()
        self._execution = _compile(_write_module())
        address, count = ctypes.c_void_p, ctypes.c_uint64
        self._extend = self._function("extend", None, address, address, count, count, address)
        self._labels = self._function("labels", None, address, address, count, address)
        self._climb = self._function(
            "climb",
            count,
            *(address, address, address, count, address, count),
            *(address, address, address),
        )

    def _function(self, name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
        form = ctypes.CFUNCTYPE(result, *arguments)
        return form(self._execution.get_function_address(name))

    def extend(self, frontier: Frontier, count: int, keep_from: int) -> dict[int, bytes]:
        """See Engine."""
        if len(frontier.statement) != NODE_SIZE:
            return self._clear.extend(frontier, count, keep_from)
        first, end = frontier.next_leaf, frontier.next_leaf + count
        outputs = (ctypes.c_uint64 * (MAX_HEIGHT + 1))()
        buffers = {}
        for height in range(keep_from, end.bit_length()):
            gained = (end >> height) - (first >> height)
            if gained:
                buffers[height] = ctypes.create_string_buffer(gained * NODE_SIZE)
                outputs[height] = ctypes.addressof(buffers[height])
        parked = (ctypes.c_char * len(frontier.parked)).from_buffer(frontier.parked)
        self._extend(frontier.statement, parked, first, count, outputs)
        frontier.next_leaf = end
        return {height: buffer.raw for height, buffer in buffers.items()}

    def opened_labels(
        self,
        statement: bytes,
        root: bytes,
        indices: Sequence[int],
        leaves: Sequence[bytes],
        nodes: Sequence[bytes],
    ) -> tuple[bytes, ...] | None:
        """See Engine."""
        if {len(statement), *map(len, leaves), *map(len, nodes)} != {NODE_SIZE}:
            return self._clear.opened_labels(statement, root, indices, leaves, nodes)
        check_indices(indices, leaves)
        count = len(leaves)
        messages = ctypes.create_string_buffer(count * MESSAGE_STRIDE)
        sizes = (ctypes.c_uint64 * count)()
        reached_root = ctypes.create_string_buffer(NODE_SIZE)
        reached = self._climb(
            statement,
            (ctypes.c_uint64 * count)(*indices),
            b"".join(leaves),
            count,
            b"".join(nodes),
            len(nodes),
            messages,
            sizes,
            reached_root,
        )
        if reached_root.raw != root:
            return None
        labels = ctypes.create_string_buffer(reached * NODE_SIZE)
        self._labels(messages, sizes, reached, labels)
        joined = labels.raw
        return tuple(joined[k : k + NODE_SIZE] for k in range(0, len(joined), NODE_SIZE))
