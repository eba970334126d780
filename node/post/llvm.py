"""Code for the host's processor, compiled when an engine starts.

llvmlite carries LLVM: an engine writes its inner loop as LLVM IR, this module compiles it
for the instructions the host has, and ``ctypes`` calls it without holding the GIL.
Compiling takes about a second; keep the result for the life of the process.
"""

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from llvmlite import binding, ir

from node.base.errors import DeviceError

INT_8: Final = ir.IntType(8)
INT_32: Final = ir.IntType(32)
INT_64: Final = ir.IntType(64)
BYTES: Final = INT_8.as_pointer()
"""Pointer to bytes."""
WORDS_64: Final = INT_64.as_pointer()
"""Pointer to 64-bit words."""

_OPTIMISATION: Final = 2


def int_64(value: int) -> ir.Constant:
    """Return a 64-bit constant."""
    return ir.Constant(INT_64, value)


def int_32(value: int) -> ir.Constant:
    """Return a 32-bit constant."""
    return ir.Constant(INT_32, value)


class Emitter(ir.IRBuilder):
    """An IR builder with stack variables and counted loops.

    It stands in the body of a function; variables go into the function's entry block, so
    that LLVM turns them into registers.
    """

    @classmethod
    def define(
        cls, module: ir.Module, name: str, arguments: Sequence[ir.Type], *, exported: bool = False
    ) -> "Emitter":
        """Open a function that returns nothing; close it with ``ret_void``."""
        function = ir.Function(module, ir.FunctionType(ir.VoidType(), arguments), name)
        if not exported:
            function.linkage = "internal"
        emitter = cls(function.append_basic_block("entry"))
        body = function.append_basic_block("body")
        emitter.branch(body)
        emitter.position_at_end(body)
        return emitter

    def variable(self, kind: ir.Type, value: ir.Value | None = None) -> ir.Value:
        """Return the address of a new variable, set to ``value`` here if one is given."""
        with self.goto_entry_block():
            address = self.alloca(kind)
        if value is not None:
            self.store(value, address)
        return address

    def scratch(self, size_bytes: int) -> ir.Value:
        """Return the address of bytes on the stack, aligned to 64."""
        with self.goto_entry_block():
            address = self.alloca(ir.ArrayType(INT_8, size_bytes))
            address.align = 64
        return self.bitcast(address, BYTES)

    @contextmanager
    def repeat(self, count: ir.Value, step: int = 1) -> Iterator[ir.Value]:
        """Repeat what is emitted inside for 0, ``step``, ... below ``count``; yield that number."""
        counter = self.variable(INT_64, int_64(0))
        head, body, end = (self.append_basic_block(name) for name in ("repeat", "repeated", "done"))
        self.branch(head)
        self.position_at_end(head)
        index = self.load(counter)
        self.cbranch(self.icmp_unsigned("<", index, count), body, end)
        self.position_at_end(body)
        yield index
        self.store(self.add(index, int_64(step)), counter)
        self.branch(head)
        self.position_at_end(end)

    def at(self, base: ir.Value, offset: ir.Value | int, kind: ir.Type | None = None) -> ir.Value:
        """Return the address ``offset`` elements after ``base``, cast to point to ``kind``."""
        index = int_64(offset) if isinstance(offset, int) else offset
        address = self.gep(base, [index])
        return address if kind is None else self.bitcast(address, kind.as_pointer())

    def permute(self, vector: ir.Value, order: Sequence[int]) -> ir.Value:
        """Return the elements of a vector in another order."""
        mask = ir.Constant(ir.VectorType(INT_32, len(order)), list(order))
        return self.shuffle_vector(vector, ir.Constant(vector.type, ir.Undefined), mask)

    def join(self, vectors: Sequence[ir.Value], width: int) -> ir.Value:
        """Return 1, 2, 4, ... vectors of ``width`` elements as a single long one."""
        parts = list(vectors)
        while len(parts) > 1:
            width *= 2
            mask = ir.Constant(ir.VectorType(INT_32, width), list(range(width)))
            parts = [
                self.shuffle_vector(low, high, mask)
                for low, high in zip(parts[::2], parts[1::2], strict=True)
            ]
        return parts[0]

    def rotate(self, value: ir.Value, bits: int) -> ir.Value:
        """Return a word, or every word of a vector, turned left by a number of bits."""
        kind = value.type
        if isinstance(kind, ir.VectorType):
            amount = ir.Constant(kind, [ir.Constant(kind.element, bits)] * kind.count)
            name = f"llvm.fshl.v{kind.count}{kind.element}"
        else:
            amount, name = ir.Constant(kind, bits), f"llvm.fshl.{kind}"
        funnel = self.module.globals.get(name) or ir.Function(
            self.module, ir.FunctionType(kind, [kind, kind, kind]), name
        )
        return self.call(funnel, [value, value, amount])


class CompiledModule:
    """Machine code of a module; its functions live as long as this object."""

    def __init__(self, engine: binding.ExecutionEngine) -> None:
        self._engine = engine

    def function(self, name: str, *arguments: Any) -> Any:
        """Return a function without result as a ``ctypes`` callable that frees the GIL.

        Args:
            name: as it was defined, exported.
            arguments: its ``ctypes`` types.
        """
        return ctypes.CFUNCTYPE(None, *arguments)(self._engine.get_function_address(name))


def host_features() -> dict[str, bool]:
    """Return the instruction sets of the host by LLVM's names."""
    return dict(binding.get_host_cpu_features())


def compile_for_host(
    module: ir.Module, *, purpose: str = "a kernel", extra_features: str = ""
) -> CompiledModule:
    """Compile a module for the processor of this machine.

    Args:
        module: what to compile.
        purpose: what it does, for the message.
        extra_features: further switches in LLVM's notation, such as ``-prefer-256-bit``.

    Raises:
        DeviceError: LLVM does not take the module.
    """
    try:
        binding.initialize_native_target()
        binding.initialize_native_asmprinter()
        features = binding.get_host_cpu_features().flatten()
        machine = binding.Target.from_default_triple().create_target_machine(
            cpu=binding.get_host_cpu_name(),
            features=",".join(part for part in (features, extra_features) if part),
            opt=_OPTIMISATION,
        )
        module.triple = binding.get_process_triple()
        parsed = binding.parse_assembly(str(module))
        parsed.verify()
        options = binding.create_pipeline_tuning_options(speed_level=_OPTIMISATION)
        passes = binding.create_pass_builder(machine, options)
        passes.getModulePassManager().run(parsed, passes)
        engine = binding.create_mcjit_compiler(parsed, machine)
        engine.finalize_object()
    except (RuntimeError, OSError) as error:
        raise DeviceError(
            f"LLVM cannot compile {purpose} for this processor: {error}",
            code="smesh.device.compiler",
        ) from error
    return CompiledModule(engine)
