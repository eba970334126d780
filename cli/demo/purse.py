"""The wallet of the demo: two accounts, and the two transactions that it makes.

Both transactions follow from the keys and the genesis alone, so that after any interruption
their identifiers tell whether they were sent, and nothing is ever paid twice.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, Self

from cli.records import SMIDGE_PER_SMH
from node.base.bech32 import encode_address
from node.client.records import AccountState, KnownTransaction, TransactionState
from node.types.ids import GenesisID, PublicKey, TransactionID
from node.types.transaction import RawTransaction
from node.vm.registry import make_instance
from node.vm.sdk import estimate_gas, self_spawn, spend
from node.vm.templates import wallet as wallet_template
from node.vm.wire import WalletSpawnArguments
from node.wallet.accounts import accounts_of
from node.wallet.contents import Wallet
from node.wallet.signer import SoftwareSigner

AMOUNT: Final = 100 * SMIDGE_PER_SMH
"""What the second account is given; the first layer with a reward pays several times that."""

GAS_PRICE: Final = 1
ACCOUNTS: Final = 2

GONE: Final = frozenset({TransactionState.UNKNOWN, TransactionState.REJECTED})
"""States of a transaction that has to be sent (again)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A transaction of the demo."""

    title: str
    raw: bytes
    cost: int
    """Smidge that the account needs for it at most."""

    @property
    def id(self) -> TransactionID:
        """Its identifier."""
        return RawTransaction.of(self.raw).id


class Move(Enum):
    """What the wallet has to do now."""

    WAIT = auto()
    SPAWN = auto()
    SEND = auto()
    NOTHING = auto()
    """Everything is applied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    """The accounts of one network, and what they do."""

    addresses: tuple[str, str]
    """Who smeshes and pays, and who is paid."""

    spawn: Step
    send: Step

    @classmethod
    def open(cls, wallet: Wallet, genesis_id: GenesisID, prefix: str) -> Self:
        """Prepare the transactions of a wallet with two accounts for a network."""
        payer, payee, *_ = accounts_of(wallet)
        signer = SoftwareSigner(payer.key)
        arguments = WalletSpawnArguments(public_key=PublicKey(payer.key.public_key))
        template = wallet_template.ADDRESS
        spawn_body = self_spawn(template, arguments, nonce=0, gas_price=GAS_PRICE)
        send_body = spend(payer.address, payee.address, AMOUNT, nonce=1, gas_price=GAS_PRICE)
        owner = make_instance(template, arguments)

        def sign(body: bytes) -> bytes:
            return body + signer.sign_transaction(genesis_id, body)

        return cls(
            addresses=(
                encode_address(prefix, payer.address),
                encode_address(prefix, payee.address),
            ),
            spawn=Step(
                title="spawn",
                raw=sign(spawn_body),
                cost=estimate_gas(spawn_body, None).total * GAS_PRICE,
            ),
            send=Step(
                title="send",
                raw=sign(send_body),
                cost=AMOUNT + estimate_gas(send_body, owner).total * GAS_PRICE,
            ),
        )

    @property
    def ids(self) -> tuple[TransactionID, TransactionID]:
        """The transactions in the order they are made."""
        return self.spawn.id, self.send.id

    def next_move(
        self,
        account: AccountState,
        spawned: KnownTransaction | None,
        sent: KnownTransaction | None,
    ) -> Move:
        """Return what is to be done.

        Args:
            account: the payer.
            spawned: what the node knows of the first transaction.
            sent: and of the second.
        """
        if _is_applied(sent):
            return Move.NOTHING
        if not _is_applied(spawned):
            return _when(Move.SPAWN, self.spawn, account, spawned)
        return _when(Move.SEND, self.send, account, sent)


def _is_applied(known: KnownTransaction | None) -> bool:
    return known is not None and known.outcome is not None


def _when(move: Move, step: Step, account: AccountState, known: KnownTransaction | None) -> Move:
    """Return the move if its transaction is missing and the account can pay for it."""
    missing = known is None or known.state in GONE
    return move if missing and account.balance >= step.cost else Move.WAIT
