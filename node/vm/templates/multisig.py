"""The multisig: some of up to ten keys sign.

Source: go-spacemesh, genvm/templates/multisig; vm digest sections 1 to 3.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from node.base import scale
from node.base.errors import DecodeError
from node.types.address import Address
from node.types.ids import EdSignature
from node.vm.errors import TransactionError
from node.vm.gas import DRAIN_GAS, SPAWN, SPEND_GAS, base_gas, load_gas, spawn_gas
from node.vm.templates.base import Call, SignatureCheck, Template
from node.vm.wire import SPAWN_METHOD, Method, MultisigSpawnArguments, SignaturePart, SpendArguments

ADDRESS: Final = Address(bytes(Address.SIZE - 1) + b"\x02")

PART_SIZE: Final = 1 + EdSignature.SIZE
"""Bytes of a part: no key has an index that takes two."""


@dataclass(frozen=True, slots=True)
class Multisig:
    """An account that ``required`` of its keys sign for; also a vesting account."""

    arguments: MultisigSpawnArguments
    template: Address = ADDRESS

    @property
    def signature_size(self) -> int:
        """Bytes of the signature parts at the end of a transaction."""
        return PART_SIZE * self.arguments.required

    def check(self) -> None:
        """Refuse accounts that need no signature, or more of them than there are keys."""
        required = self.arguments.required
        if required == 0:
            raise TransactionError("number of required signatures must be larger than zero")
        if len(self.arguments.public_keys) < required:
            raise TransactionError(f"multisig requires atleast {required} keys")

    def base_gas(self, method: int) -> int:
        """Return the gas of a transaction that this account pays for."""
        gas = base_gas(self.arguments.required)
        return gas + SPAWN if method == SPAWN_METHOD else gas

    def load_gas(self) -> int:
        """Return the gas of reading this account."""
        return load_gas(len(self.arguments.public_keys))

    def max_spend(self, call: Call) -> int:
        """Return the most smidge that a call moves out of this account."""
        return call.amount if isinstance(call, SpendArguments) else 0

    def execution_gas(self, method: int) -> int:
        """Return the gas of what the method reads and writes."""
        match method:
            case Method.SPAWN:
                return spawn_gas(len(self.arguments.public_keys))
            case Method.DRAIN_VAULT:
                return DRAIN_GAS
            case _:
                return SPEND_GAS

    def signature_checks(
        self, genesis_id: bytes, raw: bytes, at: int
    ) -> tuple[SignatureCheck, ...] | None:
        """Return a check for each part, or None if the parts are cut off or not ascending."""
        keys = self.arguments.public_keys
        parts: list[SignaturePart] = []
        start, last = at, -1
        for _ in range(self.arguments.required):
            try:
                part, at = scale.decode_prefix(SignaturePart, raw, at)
            except DecodeError:
                return None
            if not last < part.index < len(keys):
                return None
            last = part.index
            parts.append(part)
        message = genesis_id + raw[: len(raw) - (at - start)]
        return tuple(SignatureCheck(keys[part.index], message, part.signature) for part in parts)


TEMPLATE: Final = Template(
    address=ADDRESS,
    has_payload=True,
    calls=MappingProxyType({Method.SPEND: SpendArguments}),
    arguments=MultisigSpawnArguments,
    instantiate=Multisig,
)
