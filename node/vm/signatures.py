"""Verifying a block's signatures before the block is applied.

Signatures are most of the work of applying a layer, and they do not depend on each other.
So the checks that a block will ask for are collected first, verified wherever there are
cores to spare, and the verdicts handed to ``apply`` as its ``verify``.  A check that was
not foreseen is made when it is asked for: a wrong guess costs time, never correctness.

Source: vm digest, top and section 11; pitfall 14.
"""

from collections.abc import Iterable, Sequence

from node.crypto.ed25519 import verify_signature
from node.types.address import Address
from node.types.transaction import Transaction
from node.vm.errors import TransactionError
from node.vm.parsing import parse, signature_checks
from node.vm.state import AccountReader, Changes
from node.vm.templates.base import Instance, SignatureCheck, Spawn, Verify


def collect_checks(
    transactions: Iterable[Transaction], accounts: AccountReader, genesis_id: bytes
) -> tuple[SignatureCheck, ...]:
    """Return the checks that applying these transactions may ask for, in their order.

    Transactions with a header were verified when it was made.
    """
    changes = Changes(accounts)
    spawned: dict[Address, Instance] = {}

    def find_instance(address: Address) -> Instance | None:
        return spawned.get(address) or changes.find_instance(address)

    checks: list[SignatureCheck] = []
    for transaction in transactions:
        if transaction.header is not None:
            continue
        try:
            parsed = parse(transaction.raw.raw, find_instance)
        except TransactionError:
            continue
        if isinstance(parsed.call, Spawn):
            spawned[parsed.call.address] = parsed.call.target
        checks += signature_checks(parsed, genesis_id) or ()
    return tuple(checks)


def verify_checks(checks: Sequence[SignatureCheck]) -> tuple[bool, ...]:
    """Return the verdict of every check; for worker processes, some dozens at a time."""
    return tuple(verify_signature(*check) for check in checks)


class Verdicts:
    """A ``Verify`` that knows some answers already."""

    def __init__(
        self,
        checks: Iterable[SignatureCheck],
        verdicts: Iterable[bool],
        otherwise: Verify = verify_signature,
    ) -> None:
        """Take checks and what ``verify_checks`` said of them.

        Args:
            checks: what was asked.
            verdicts: the answers, in the same order.
            otherwise: answers what was not asked.
        """
        self._known = dict(zip(checks, verdicts, strict=True))
        self._otherwise = otherwise

    def __call__(self, public_key: bytes, message: bytes, signature: bytes) -> bool:
        """Tell whether the signature is accepted."""
        known = self._known.get(SignatureCheck(public_key, message, signature))
        return self._otherwise(public_key, message, signature) if known is None else known
