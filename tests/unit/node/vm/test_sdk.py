"""Transactions built offline: their bytes, gas, signatures and contents."""

import pytest

from node.base import scale
from node.base.bech32 import encode_address
from node.base.errors import UsageError
from node.vm import sdk
from node.vm.errors import MalformedTransactionError, TransactionError
from node.vm.parsing import is_signed, parse_transaction
from node.vm.registry import make_instance
from node.vm.sdk import TransactionKind
from node.vm.templates import multisig, vault, vesting, wallet
from node.vm.templates.base import Spawn
from node.vm.wire import (
    DrainVaultArguments,
    Method,
    Payload,
    SignaturePart,
    SpendArguments,
    VaultSpawnArguments,
)
from tests.support.vm_network import (
    DESTINATION,
    GENESIS_ID,
    KEY,
    KEYS,
    MULTISIG_ACCOUNT,
    MULTISIG_SPAWN,
    PUBLIC_KEY,
    PUBLIC_KEYS,
    SEVERAL,
    TERMS,
    VAULT_ACCOUNT,
    VAULT_SPAWN,
    VESTING_ACCOUNT,
    VESTING_SPAWN,
    WALLET,
    WALLET_ACCOUNT,
    WALLET_SPAWN,
    joint,
    single,
    spawned_state,
)

SPEND = sdk.spend(WALLET_ACCOUNT, DESTINATION, 10**9, nonce=1, gas_price=2)
JOINT_SPEND = sdk.spend(MULTISIG_ACCOUNT, DESTINATION, 123_456_789, nonce=1, gas_price=2)
DRAIN = sdk.drain_vault(VESTING_ACCOUNT, VAULT_ACCOUNT, DESTINATION, 5000, nonce=2, gas_price=2)


@pytest.mark.parametrize(
    ("address", "text"),
    [
        (WALLET_ACCOUNT, "sm1qqqqqqyhp05fkgauzudx0wclwcckr5vye2dexfs2gaams"),
        (MULTISIG_ACCOUNT, "sm1qqqqqqy3h2ef62vv30pplv3zlax034z2ewd6kjcr62guk"),
        (VESTING_ACCOUNT, "sm1qqqqqq92dwr326sg6xu3wpnut76a7lhf639yq6q8fjk5h"),
        (VAULT_ACCOUNT, "sm1qqqqqqxr9pfctmlvxtqlzvu343uwl42q5gw8azqtwap49"),
    ],
)
def test_addresses_are_those_of_the_digest(address: bytes, text: str) -> None:
    assert encode_address("sm", address) == text


def test_a_spend_has_the_bytes_and_the_id_of_the_digest() -> None:
    transaction = single(SPEND)
    assert SPEND.hex() == (
        "0000000000970be89b23bc171a67bb1f763161d184ca9b932640040800000000"
        "303132333435363738393031323334353637383902286bee"
    )
    assert (
        transaction.raw.id.hex()
        == "5b2f2198f84d1ea4b68267927a803fe06ec1a4c97033174e20631dbecf9b9051"
    )


@pytest.mark.parametrize(
    ("transaction", "identifier"),
    [
        (single(WALLET_SPAWN), "e50b455f3502391fbf1c6d906fb40c5ea7bad059b863c88bf50893173752b871"),
        (joint(MULTISIG_SPAWN), "a2eab264dca496bab23ab50db9234c3e4d2208432a9e9d19cb3ebff2a26f9952"),
        (joint(JOINT_SPEND), "4d3f83773e3e66d664e5bd908c8ff5bf52645eafef4db561c4bb93cf26ea447e"),
        (joint(VESTING_SPAWN), "e163aae4fc9ce804024aa7f62123e58b9a3fd060cd1bf0e20a48b2489f0bd3fc"),
        (joint(VAULT_SPAWN), "fa00fa7ee20e2e6d1b88c23cb80502de0172a541e1d639252c4c039b67b09a92"),
        (joint(DRAIN), "49561c390c49b1cf976294b22750cf210dc1b622f421634574f14afa02dc7954"),
    ],
)
def test_every_kind_has_the_recorded_id(transaction: object, identifier: str) -> None:
    assert transaction.raw.id.hex() == identifier  # type: ignore[attr-defined]


def test_gas_is_estimated_for_the_signed_transaction() -> None:
    several = make_instance(multisig.ADDRESS, SEVERAL)
    owner = make_instance(vesting.ADDRESS, SEVERAL)
    assert sdk.estimate_gas(WALLET_SPAWN, None).total == 100_432
    assert sdk.estimate_gas(SPEND, make_instance(wallet.ADDRESS, WALLET)).total == 36_090
    assert sdk.estimate_gas(MULTISIG_SPAWN, None).total == 145_480
    assert sdk.estimate_gas(JOINT_SPEND, several).total == 41_698
    assert sdk.estimate_gas(VAULT_SPAWN, owner).total == 65_306
    assert sdk.estimate_gas(DRAIN, owner).total == 44_681
    with pytest.raises(TransactionError):
        sdk.estimate_gas(DRAIN, several)


def test_parts_are_combined_in_the_order_of_the_keys_and_no_more_than_needed() -> None:
    parts = [sdk.sign_part(JOINT_SPEND, GENESIS_ID, key, SEVERAL) for key in KEYS]
    raw = sdk.combine(JOINT_SPEND, GENESIS_ID, SEVERAL, reversed(parts))

    assert raw == JOINT_SPEND + scale.encode(parts[0]) + scale.encode(parts[1])
    assert is_signed(parse_transaction(raw, spawned_state()), GENESIS_ID)


def test_too_few_parts_are_not_combined() -> None:
    part = sdk.sign_part(JOINT_SPEND, GENESIS_ID, KEYS[1], SEVERAL)
    with pytest.raises(UsageError, match="1 of 2 signatures") as refusal:
        sdk.combine(JOINT_SPEND, GENESIS_ID, SEVERAL, [part, part])
    assert refusal.value.code == "smesh.usage.signatures"


@pytest.mark.parametrize(
    ("genesis_id", "index", "text"),
    [
        (bytes(20), 1, "signature of key 1 does not verify"),
        (GENESIS_ID, 0, "signature of key 0 does not verify"),
        (GENESIS_ID, 3, "signature of key 3, the account has 3"),
    ],
)
def test_a_part_from_elsewhere_is_named(genesis_id: bytes, index: int, text: str) -> None:
    signature = sdk.sign_part(JOINT_SPEND, genesis_id, KEYS[1], SEVERAL).signature
    with pytest.raises(UsageError, match=text) as refusal:
        sdk.combine(
            JOINT_SPEND,
            GENESIS_ID,
            SEVERAL,
            [SignaturePart(index=index, signature=signature)],
        )
    assert refusal.value.code == "smesh.usage.signature"


def test_a_stranger_cannot_sign_a_part() -> None:
    with pytest.raises(UsageError, match=f"key {PUBLIC_KEY.hex()} is none of the 3") as refusal:
        sdk.sign_part(JOINT_SPEND, GENESIS_ID, KEY, SEVERAL)
    assert refusal.value.code == "smesh.usage.signer"


def test_accounts_that_cannot_be_spawned_have_no_address() -> None:
    with pytest.raises(TransactionError):
        sdk.multisig_address(4, PUBLIC_KEYS)
    with pytest.raises(TransactionError):
        sdk.vesting_address(0, PUBLIC_KEYS)
    terms = VaultSpawnArguments(
        owner=VESTING_ACCOUNT,
        total_amount=1,
        initial_unlock_amount=2,
        vesting_start=0,
        vesting_end=0,
    )
    with pytest.raises(TransactionError):
        sdk.vault_address(terms)


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (single(WALLET_SPAWN).raw.raw, TransactionKind.SINGLE_SIG_SPAWN),
        (single(SPEND).raw.raw, TransactionKind.SINGLE_SIG_SEND),
        (joint(MULTISIG_SPAWN).raw.raw, TransactionKind.MULTI_SIG_SPAWN),
        (joint(JOINT_SPEND).raw.raw, TransactionKind.MULTI_SIG_SEND),
        (joint(VESTING_SPAWN).raw.raw, TransactionKind.VESTING_SPAWN),
        (joint(VAULT_SPAWN).raw.raw, TransactionKind.VAULT_SPAWN),
        (joint(DRAIN).raw.raw, TransactionKind.DRAIN_VAULT),
    ],
)
def test_contents_are_read_without_the_state(raw: bytes, kind: TransactionKind) -> None:
    assert sdk.read_contents(raw).kind == kind


def test_contents_have_every_field() -> None:
    spend = sdk.read_contents(SPEND)
    assert spend.principal == WALLET_ACCOUNT
    assert spend.method == Method.SPEND
    assert spend.payload == Payload(nonce=1, gas_price=2)
    assert spend.call == SpendArguments(destination=DESTINATION, amount=10**9)
    assert spend.signature_bytes == 0
    assert sdk.read_contents(DRAIN).call == DrainVaultArguments(
        vault=VAULT_ACCOUNT, spend=SpendArguments(destination=DESTINATION, amount=5000)
    )
    assert sdk.read_contents(VAULT_SPAWN).call == Spawn(VAULT_ACCOUNT, vault.Vault(TERMS))


def test_contents_of_an_unknown_method_cannot_be_read() -> None:
    with pytest.raises(MalformedTransactionError, match="unknown method"):
        sdk.read_contents(SPEND.replace(b"\x40", b"\x48", 1))
