"""The wallet: one key, one signature.

Source: go-spacemesh, genvm/templates/wallet; vm digest sections 1 to 3.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from node.types.address import Address
from node.types.ids import EdSignature
from node.vm.gas import SPAWN, SPEND_GAS, base_gas, load_gas, spawn_gas
from node.vm.templates.base import Call, SignatureCheck, Template
from node.vm.wire import SPAWN_METHOD, Method, SpendArguments, WalletSpawnArguments

ADDRESS: Final = Address(bytes(Address.SIZE - 1) + b"\x01")

KEYS: Final = 1
SIGNATURE_SIZE: Final = EdSignature.SIZE
BASE_GAS: Final = base_gas(KEYS)
LOAD_GAS: Final = load_gas(KEYS)
SPAWN_GAS: Final = spawn_gas(KEYS)


@dataclass(frozen=True, slots=True)
class Wallet:
    """An account that one key signs for."""

    arguments: WalletSpawnArguments

    @property
    def template(self) -> Address:
        """Address of the template."""
        return ADDRESS

    @property
    def signature_size(self) -> int:
        """Bytes of the signature at the end of a transaction."""
        return SIGNATURE_SIZE

    def check(self) -> None:
        """Accept any key: one that is no point can never sign."""

    def base_gas(self, method: int) -> int:
        """Return the gas of a transaction that this account pays for."""
        return BASE_GAS + SPAWN if method == SPAWN_METHOD else BASE_GAS

    def load_gas(self) -> int:
        """Return the gas of reading this account."""
        return LOAD_GAS

    def max_spend(self, call: Call) -> int:
        """Return the most smidge that a call moves out of this account."""
        return call.amount if isinstance(call, SpendArguments) else 0

    def execution_gas(self, method: int) -> int:
        """Return the gas of what the method reads and writes."""
        return SPAWN_GAS if method == SPAWN_METHOD else SPEND_GAS

    def signature_checks(
        self, genesis_id: bytes, raw: bytes, at: int
    ) -> tuple[SignatureCheck, ...] | None:
        """Return the one check, or None if the signature is cut off."""
        signature = raw[at : at + SIGNATURE_SIZE]
        if len(signature) != SIGNATURE_SIZE:
            return None
        message = genesis_id + raw[:-SIGNATURE_SIZE]
        return (SignatureCheck(self.arguments.public_key, message, signature),)


TEMPLATE: Final = Template(
    address=ADDRESS,
    has_payload=True,
    calls=MappingProxyType({Method.SPEND: SpendArguments}),
    arguments=WalletSpawnArguments,
    instantiate=Wallet,
)
