"""What a vault gives, when, and to whom."""

from dataclasses import replace

import pytest

from node.types.amounts import MAX_U64
from node.types.layer import LayerID
from node.vm.errors import ExecutionError, TransactionError
from node.vm.templates.vault import Vault, compute_vested
from node.vm.wire import Method, SpendArguments, VaultSpawnArguments
from tests.support.vm_network import DESTINATION, VESTING_ACCOUNT

TERMS = VaultSpawnArguments(
    owner=VESTING_ACCOUNT,
    total_amount=100,
    initial_unlock_amount=25,
    vesting_start=2,
    vesting_end=10,
)
MAINNET = VaultSpawnArguments(
    owner=VESTING_ACCOUNT,
    total_amount=150_000_000 * 10**9,
    initial_unlock_amount=0,
    vesting_start=105_120,
    vesting_end=420_480,
)


@pytest.mark.parametrize(
    ("layer", "vested"), [(1, 0), (2, 0), (3, 12), (5, 37), (9, 87), (10, 100), (11, 100)]
)
def test_coins_vest_in_proportion_to_the_layers_passed(layer: int, vested: int) -> None:
    assert compute_vested(TERMS, LayerID(layer)) == vested


@pytest.mark.parametrize(
    ("terms", "layer", "vested"),
    [
        (MAINNET, 420_479, 149_999_524_353_120_243),
        (replace(TERMS, vesting_end=2), 1, 0),
        (replace(TERMS, vesting_end=2), 2, 100),
        (replace(TERMS, vesting_start=10, vesting_end=2), 9, 0),
        (replace(TERMS, vesting_start=10, vesting_end=2), 10, 100),
        (replace(TERMS, total_amount=MAX_U64), 9, MAX_U64 * 7 // 8),
    ],
)
def test_odd_terms_follow_the_same_formula(
    terms: VaultSpawnArguments, layer: int, vested: int
) -> None:
    assert compute_vested(terms, LayerID(layer)) == vested


def withdraw(amount: int, *, balance: int = 112, layer: int = 5) -> None:
    Vault(TERMS).check_withdrawal(LayerID(layer), VESTING_ACCOUNT, balance, amount)


def test_what_came_on_top_of_the_endowment_is_available() -> None:
    withdraw(49)
    with pytest.raises(ExecutionError, match="vault: amount not available"):
        withdraw(50)


def test_a_vault_that_was_not_funded_gives_nothing() -> None:
    with pytest.raises(ExecutionError, match="vault: account is misconfigured"):
        withdraw(0, balance=62)
    withdraw(0, balance=63)


def test_a_vault_gives_to_its_owner_alone() -> None:
    with pytest.raises(ExecutionError, match="vault: not an owner"):
        Vault(TERMS).check_withdrawal(LayerID(11), DESTINATION, 100, 0)


@pytest.mark.parametrize(
    ("terms", "text"),
    [
        (
            replace(TERMS, initial_unlock_amount=101),
            "initial 101 should be less or equal to total 100",
        ),
        (replace(TERMS, vesting_end=1), "vesting end 1 should be atleast equal to start 2"),
    ],
)
def test_impossible_terms_are_refused(terms: VaultSpawnArguments, text: str) -> None:
    with pytest.raises(TransactionError) as refusal:
        Vault(terms).check()
    assert str(refusal.value) == text
    Vault(replace(TERMS, initial_unlock_amount=100, vesting_end=2)).check()


def test_a_vault_pays_for_nothing_and_signs_nothing() -> None:
    account = Vault(TERMS)
    assert account.base_gas(Method.SPAWN) == account.load_gas() == 0
    assert account.execution_gas(Method.SPEND) == 0
    assert account.max_spend(SpendArguments(destination=DESTINATION, amount=1)) == 0
    assert account.signature_size == 0
    assert account.signature_checks(b"", bytes(100), 0) is None
