"""One transaction's view of the state while it is executed: gas, nonce and accounts.

Operations check first and change last, so a transaction that fails has no effect beside
its fee and its nonce, and nothing has to be rolled back.

The reference also guards the gas and the spending that a transaction announced while it
runs.  What the four templates do is exactly what is announced, so those two errors
(``max gas``, ``max spend``) cannot arise.

Source: go-spacemesh, genvm/core/context; vm digest section 5.
"""

from node.base.bech32 import encode_address
from node.types.address import Address
from node.types.amounts import MAX_U64
from node.types.layer import LayerID
from node.vm.errors import ExecutionError
from node.vm.parsing import ParsedTransaction
from node.vm.state import Changes, StagedAccount
from node.vm.templates.base import HostAccount, Spawn


class Context:
    """What a transaction may do, and what it did."""

    __slots__ = ("_changes", "_parsed", "_prefix", "_touched", "fee", "layer", "principal")

    def __init__(
        self,
        changes: Changes,
        parsed: ParsedTransaction,
        principal: StagedAccount,
        layer: LayerID,
        address_prefix: str,
    ) -> None:
        self._changes = changes
        self._parsed = parsed
        self._prefix = address_prefix
        self._touched: list[Address] = []
        self.layer = layer
        self.principal = principal
        self.fee = 0

    def charge(self) -> None:
        """Take the fee for all of the transaction's gas.

        Raises:
            ExecutionError: the balance is short; then all of it was taken.
        """
        header, principal = self._parsed.header, self.principal
        fee = header.max_gas * header.gas_price & MAX_U64
        if fee > principal.balance:
            self.fee, principal.balance = principal.balance, 0
            raise ExecutionError("out of gas")
        self.fee = fee
        principal.balance -= fee

    def load(self, address: Address) -> StagedAccount:
        """Return an account; one that is not known is empty."""
        return self._changes.load(address)

    def spawn(self, call: Spawn) -> None:
        """Give an account its template.

        Raises:
            ExecutionError: it has one.
        """
        account = self.load(call.address)
        if account.template is not None:
            raise ExecutionError("account already spawned")
        account.spawn(call.target)
        self.touch(account)

    def transfer(self, source: HostAccount, destination: Address, amount: int) -> None:
        """Move coins; to the same account, nothing happens.

        Raises:
            ExecutionError: the source does not have that much.
        """
        if amount > source.balance:
            raise ExecutionError("no balance")
        if destination == source.address:
            return
        account = self.load(destination)
        source.balance -= amount
        account.balance = account.balance + amount & MAX_U64
        self.touch(account)

    def touch(self, account: HostAccount) -> None:
        """Record that the transaction changed an account; the principal counts anyway."""
        address = account.address
        if address != self.principal.address and address not in self._touched:
            self._touched.append(address)

    def address_text(self, address: Address) -> str:
        """Return the text of an address on this network."""
        return encode_address(self._prefix, address)

    def finish(self) -> tuple[Address, ...]:
        """Use the nonce up, record the changes, return who was touched: principal first."""
        self.principal.next_nonce = self._parsed.header.nonce + 1 & MAX_U64
        touched = (self.principal.address, *self._touched)
        for address in touched:
            self._changes.touch(address)
        return touched
