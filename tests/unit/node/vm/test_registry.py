"""Templates by address."""

import pytest

from node.base import scale
from node.types.address import Address
from node.vm.registry import TEMPLATES, get_template, load_instance, make_instance
from node.vm.templates import multisig, vault, vesting, wallet
from node.vm.templates.multisig import Multisig
from tests.support.vm_network import DESTINATION, SEVERAL, TERMS, WALLET


def test_there_are_four_templates_with_the_addresses_1_to_4() -> None:
    assert [address[-1] for address in sorted(TEMPLATES)] == [1, 2, 3, 4]
    assert {address[:-1] for address in TEMPLATES} == {bytes(23)}


def test_an_unknown_template_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        get_template(DESTINATION)


@pytest.mark.parametrize(
    ("address", "arguments"),
    [
        (wallet.ADDRESS, WALLET),
        (multisig.ADDRESS, SEVERAL),
        (vesting.ADDRESS, SEVERAL),
        (vault.ADDRESS, TERMS),
    ],
)
def test_what_is_stored_is_loaded(address: Address, arguments: object) -> None:
    instance = load_instance(address, scale.encode(arguments))
    assert (instance.template, instance.arguments) == (address, arguments)


def test_a_vesting_account_is_a_multisig_of_another_template() -> None:
    assert make_instance(vesting.ADDRESS, SEVERAL) == Multisig(SEVERAL, vesting.ADDRESS)


def test_arguments_of_another_template_are_refused() -> None:
    with pytest.raises(TypeError, match="takes WalletSpawnArguments"):
        make_instance(wallet.ADDRESS, SEVERAL)
