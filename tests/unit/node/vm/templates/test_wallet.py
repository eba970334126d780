"""The single signature."""

from node.vm.templates.base import SignatureCheck
from node.vm.templates.wallet import Wallet
from node.vm.wire import Method, SpendArguments
from tests.support.vm_network import DESTINATION, PUBLIC_KEY, WALLET

ACCOUNT = Wallet(WALLET)


def test_the_signature_is_behind_the_arguments_and_the_message_is_the_rest() -> None:
    raw = b"body" + bytes(64)
    assert ACCOUNT.signature_checks(b"network", raw, 4) == (
        SignatureCheck(PUBLIC_KEY, b"networkbody", bytes(64)),
    )
    assert ACCOUNT.signature_checks(b"network", raw, 5) is None
    assert ACCOUNT.signature_size == 64


def test_any_key_can_be_spawned() -> None:
    ACCOUNT.check()


def test_gas_is_that_of_one_key() -> None:
    assert (ACCOUNT.base_gas(Method.SPAWN), ACCOUNT.base_gas(Method.SPEND)) == (53_000, 23_000)
    assert ACCOUNT.load_gas() == 2500 + 9 * 182
    assert (ACCOUNT.execution_gas(Method.SPAWN), ACCOUNT.execution_gas(Method.SPEND)) == (
        45_000,
        7_032,
    )


def test_a_spend_moves_its_amount() -> None:
    assert ACCOUNT.max_spend(SpendArguments(destination=DESTINATION, amount=5)) == 5
