"""What transactions are made of, and what spawned accounts store.

Wire of a transaction, without length prefixes around its parts:

    version        compact u8, always 0
    principal      24 bytes
    method         compact u8, see ``Method``
    template       24 bytes; only where the method is ``SPAWN``
    payload        ``Payload``; left out where the principal is a vault
    arguments      one of the records below, by template and method
    signatures     64 bytes, or as many ``SignaturePart`` as the multisig requires

Source: go-spacemesh, genvm/core/types and genvm/templates/*/types; vm digest section 2.
"""

from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Annotated, Final, TypeAlias

from node.base.scale import U8, U32, U64, Limit
from node.types.address import Address
from node.types.ids import EdSignature, PublicKey

VERSION: Final = 0
"""The only version of transactions."""

MAX_TRANSACTION_SIZE: Final = 1024
"""Most bytes of a transaction that can be parsed; transport allows more."""

MAX_KEYS: Final = 10
"""Most public keys of a multisig or vesting account."""


@unique
class Method(IntEnum):
    """Selectors of the methods that templates have."""

    SPAWN = 0
    """Give an account its template and arguments: the principal itself, or another one."""

    SPEND = 16
    """Move coins from the principal."""

    DRAIN_VAULT = 17
    """Move coins from a vault that the principal, a vesting account, owns."""


SPAWN_METHOD: Final = Method.SPAWN
"""For comparisons that are made for every transaction: an enumeration's names are slow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """What every transaction carries beside its arguments."""

    nonce: U64
    """Not below the account's next nonce; gaps are allowed."""

    gas_price: U64
    """Smidge for a unit of gas."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletSpawnArguments:
    """Arguments, and stored state, of a single-signature wallet."""

    public_key: PublicKey


@dataclass(frozen=True, slots=True, kw_only=True)
class MultisigSpawnArguments:
    """Arguments, and stored state, of a multisig and of a vesting account."""

    required: U8
    """Signatures a transaction needs."""

    public_keys: Annotated[tuple[PublicKey, ...], Limit(MAX_KEYS)]
    """Keys that may sign, in the order that signature parts refer to; repetition is allowed."""


MultisigState: TypeAlias = MultisigSpawnArguments
"""The state of a multisig is the arguments of its spawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultSpawnArguments:
    """Arguments, and stored state, of a vault."""

    owner: Address
    """The vesting account that may drain it."""

    total_amount: U64
    """Smidge that are locked at first."""

    initial_unlock_amount: U64
    """Smidge; part of the address, and without effect since SMIP-0002."""

    vesting_start: U32
    """First layer at which something may be unlocked."""

    vesting_end: U32
    """Layer from which nothing is locked."""


VaultState: TypeAlias = VaultSpawnArguments
"""The state of a vault is the arguments of its spawn: what was drained is not recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendArguments:
    """Arguments of ``Method.SPEND``."""

    destination: Address
    amount: U64
    """Smidge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainVaultArguments:
    """Arguments of ``Method.DRAIN_VAULT``."""

    vault: Address
    spend: SpendArguments


@dataclass(frozen=True, slots=True, kw_only=True)
class SignaturePart:
    """One of the signatures of a multisig transaction."""

    index: U8
    """Which of the account's keys signed."""

    signature: EdSignature


SpawnArguments: TypeAlias = WalletSpawnArguments | MultisigSpawnArguments | VaultSpawnArguments
Arguments: TypeAlias = SpawnArguments | SpendArguments | DrainVaultArguments
