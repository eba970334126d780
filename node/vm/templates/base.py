"""What every template has: how its accounts are read, priced, guarded and moved.

A *template* is one of four; an *instance* is a template with the arguments it was, or
would be, spawned with.  An account's address is the digest of both, so an instance never
changes: what changes, balance and nonce, is the account's.

Source: go-spacemesh, genvm/core/types; vm digest sections 1 to 4.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeAlias, TypeVar

from node.types.address import Address
from node.types.layer import LayerID
from node.vm.wire import Arguments, DrainVaultArguments, SpawnArguments, SpendArguments

SpawnArgumentsT = TypeVar("SpawnArgumentsT", bound=SpawnArguments)


class SignatureCheck(NamedTuple):
    """One signature that has to be verified."""

    public_key: bytes
    message: bytes
    signature: bytes


Verify: TypeAlias = Callable[[bytes, bytes, bytes], bool]
"""Tells whether (public key, message, signature) is accepted."""


class Instance(Protocol):
    """A template together with the arguments of its spawn."""

    @property
    def template(self) -> Address:
        """Address of the template."""

    @property
    def arguments(self) -> SpawnArguments:
        """What it was, or would be, spawned with."""

    @property
    def signature_size(self) -> int:
        """Bytes of signatures at the end of a transaction."""

    def check(self) -> None:
        """Raise TransactionError if no account may be spawned with these arguments."""

    def base_gas(self, method: int) -> int:
        """Return the gas of a transaction that this account pays for."""

    def load_gas(self) -> int:
        """Return the gas of reading this account."""

    def max_spend(self, call: "Call") -> int:
        """Return the most smidge that a call moves out of this account."""

    def execution_gas(self, method: int) -> int:
        """Return the gas of what the method reads and writes."""

    def signature_checks(
        self, genesis_id: bytes, raw: bytes, at: int
    ) -> tuple[SignatureCheck, ...] | None:
        """Return what must verify for this account to have sent ``raw``; None: nothing can.

        The signatures are read at ``at``, behind the arguments, and as many bytes are cut
        from the *end*: the two agree but for transactions with superfluous bytes.
        """


@dataclass(frozen=True, slots=True)
class Template(Generic[SpawnArgumentsT]):
    """A kind of account."""

    address: Address

    has_payload: bool
    """Transactions of its accounts have a nonce and a gas price."""

    calls: Mapping[int, type[SpendArguments] | type[DrainVaultArguments]]
    """The arguments of every method but the spawn."""

    arguments: type[SpawnArgumentsT]
    """The arguments of the spawn, which are also what an account stores."""

    instantiate: Callable[[SpawnArgumentsT], Instance]
    """Makes an instance of arguments of that type."""


@dataclass(frozen=True, slots=True)
class Spawn:
    """The call that gives an account its template."""

    address: Address
    """The account, as computed from the arguments."""

    target: Instance
    """What it becomes."""


Call: TypeAlias = Spawn | SpendArguments | DrainVaultArguments
"""What a transaction asks for."""


def call_arguments(call: Call) -> Arguments:
    """Return the arguments of a call as they are on the wire."""
    return call.target.arguments if isinstance(call, Spawn) else call


class HostAccount(Protocol):
    """An account, as templates see it while a transaction is executed."""

    address: Address
    balance: int
    """Smidge."""

    @property
    def instance(self) -> Instance | None:
        """What it was spawned as, if it was."""


class Host(Protocol):
    """What templates may do while a transaction is executed.

    Every operation checks first and changes last, so a failure leaves nothing behind.
    """

    layer: LayerID

    @property
    def principal(self) -> HostAccount:
        """Who sent the transaction."""

    def load(self, address: Address) -> HostAccount:
        """Return an account; one that is not known is empty."""

    def transfer(self, source: HostAccount, destination: Address, amount: int) -> None:
        """Move coins, or raise ExecutionError; to the same account, nothing happens."""

    def touch(self, account: HostAccount) -> None:
        """Record that the transaction changed an account."""

    def address_text(self, address: Address) -> str:
        """Return the text of an address on this network."""
