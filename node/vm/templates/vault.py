"""The vault: coins that become available layer by layer, to its owner alone.

Source: go-spacemesh, genvm/templates/vault; economics digest section 4, vm digest section 5.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from node.types.address import Address
from node.types.layer import LayerID
from node.vm.errors import ExecutionError, TransactionError
from node.vm.templates.base import Call, SignatureCheck, Template
from node.vm.wire import Method, SpendArguments, VaultSpawnArguments

ADDRESS: Final = Address(bytes(Address.SIZE - 1) + b"\x04")


@dataclass(frozen=True, slots=True)
class Vault:
    """An account that cannot send transactions: its owner drains it."""

    arguments: VaultSpawnArguments

    @property
    def template(self) -> Address:
        """Address of the template."""
        return ADDRESS

    @property
    def signature_size(self) -> int:
        """Nothing can sign for a vault."""
        return 0

    def check(self) -> None:
        """Refuse a first part above the whole, and an end before the start."""
        terms = self.arguments
        if terms.initial_unlock_amount > terms.total_amount:
            raise TransactionError(
                f"initial {terms.initial_unlock_amount} should be less or equal to total "
                f"{terms.total_amount}"
            )
        if terms.vesting_end < terms.vesting_start:
            raise TransactionError(
                f"vesting end {terms.vesting_end} should be atleast equal to start "
                f"{terms.vesting_start}"
            )

    def base_gas(self, method: int) -> int:
        """Return 0: a vault pays for nothing."""
        return 0

    def load_gas(self) -> int:
        """Return 0: whoever drains it pays a fixed price."""
        return 0

    def max_spend(self, call: Call) -> int:
        """Return 0: what is drained is not bounded by the vault."""
        return 0

    def execution_gas(self, method: int) -> int:
        """Return 0: the spawn of a vault is paid by its base price alone."""
        return 0

    def signature_checks(
        self, genesis_id: bytes, raw: bytes, at: int
    ) -> tuple[SignatureCheck, ...] | None:
        """Return None: no signature is accepted."""
        return None

    def check_withdrawal(
        self, layer: LayerID, principal: Address, balance: int, amount: int
    ) -> None:
        """Judge a withdrawal of ``amount`` smidge from a vault that holds ``balance``.

        Coins that came on top of the endowment are available at any time.

        Raises:
            ExecutionError: another account owns the vault, it was never funded in full, or
                so much is not available yet.
        """
        terms = self.arguments
        if terms.owner != principal:
            raise ExecutionError("vault: not an owner")
        locked = terms.total_amount - compute_vested(terms, layer)
        if balance < locked:
            raise ExecutionError("vault: account is misconfigured")
        if amount > balance - locked:
            raise ExecutionError("vault: amount not available")


def compute_vested(terms: VaultSpawnArguments, layer: LayerID) -> int:
    """Return the smidge of the endowment that are no longer locked in a layer."""
    if layer < terms.vesting_start:
        return 0
    if layer >= terms.vesting_end:
        return terms.total_amount
    passed = layer - terms.vesting_start
    return terms.total_amount * passed // (terms.vesting_end - terms.vesting_start)


TEMPLATE: Final = Template(
    address=ADDRESS,
    has_payload=False,
    calls=MappingProxyType({Method.SPEND: SpendArguments}),
    arguments=VaultSpawnArguments,
    instantiate=Vault,
)
"""A vault's transactions can be parsed but never verified, as in the reference."""
