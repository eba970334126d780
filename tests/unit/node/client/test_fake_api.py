"""The fake that tests of front ends use behaves like a node."""

import pytest

from node.base.errors import NotFoundError, PreconditionError, UnavailableError, UsageError
from node.client.events import BeaconComputed, ProposalMade
from node.client.ports import NodeApi
from node.client.records import (
    Activation,
    MultisigSpawnContents,
    OutcomeStatus,
    Reward,
    SendContents,
    SetupProvider,
    SetupState,
    TransactionState,
    VaultSpawnContents,
    WalletSpawnContents,
)
from node.crypto.ed25519 import private_key_of, public_key_of
from node.types.address import Address
from node.types.ids import AtxID, Beacon, ProposalID, PublicKey, SmesherID, TransactionID
from node.types.layer import EpochID, LayerID
from node.vm import sdk
from node.vm.registry import make_instance
from node.vm.templates import multisig, vault, vesting, wallet
from node.vm.templates.base import Instance
from node.vm.wire import SignaturePart, VaultSpawnArguments, WalletSpawnArguments
from tests.support.fake_api import FakeApi, make_layer, make_network, make_smeshing, make_status

KEY = private_key_of(bytes(range(32)))
ARGUMENTS = WalletSpawnArguments(public_key=PublicKey(public_key_of(KEY)))
PRINCIPAL = sdk.wallet_address(ARGUMENTS.public_key)
OTHER = Address(bytes(4) + b"\x09" * 20)


def wallet_owner() -> Instance:
    return make_instance(wallet.ADDRESS, ARGUMENTS)


def signed(api: FakeApi, body: bytes) -> bytes:
    return sdk.sign(body, api.network_info.genesis_id, KEY)


def spend(api: FakeApi, amount: int = 10, nonce: int = 1) -> bytes:
    return signed(api, sdk.spend(PRINCIPAL, OTHER, amount, nonce=nonce, gas_price=1))


def test_a_fake_is_an_api() -> None:
    api: NodeApi = FakeApi()
    assert api.endpoint == "127.0.0.1:9092"
    assert api.status().synced
    assert api.version().version == "v1.7.0"
    assert api.network().time.effective_genesis == 19
    assert api.state_hash().layer == 24
    assert api.post_config().bits_per_label == 128
    assert api.post_workers() == ()
    api.close()


def test_a_recovered_network_has_an_effective_genesis_of_its_own() -> None:
    network = make_network(effective_genesis=LayerID(39))
    assert network.time.effective_genesis == 39
    assert network.time.first_effective_genesis == 19


def test_a_payment_goes_through_the_mempool_into_the_state() -> None:
    api = FakeApi()
    sender = api.spawn(wallet_owner(), balance=1_000_000)
    raw = spend(api)
    tx_id = api.submit(raw)

    assert api.submitted == [raw]
    account = api.account(sender)
    assert account.is_spawned
    assert (account.next_nonce, account.projected_nonce) == (1, 2)
    assert account.projected_balance < account.balance
    assert list(api.transactions()) == []
    [pending] = api.transactions(ids=[tx_id])
    assert pending.state is TransactionState.MEMPOOL

    done = api.apply(tx_id)
    assert api.transaction(tx_id) == done
    assert done.outcome is not None
    assert done.outcome.touched == (sender, api.address(OTHER))
    assert list(api.transactions(address=sender, first=LayerID(24))) == [done]
    assert list(api.transactions(last=LayerID(23))) == []
    assert api.account(api.address(OTHER)).balance == 10
    left = 1_000_000 - 10 - done.transaction.max_fee
    assert api.account(sender).balance == left
    assert done.transaction.contents == SendContents(destination=api.address(OTHER), amount=10)


def test_a_failed_payment_costs_the_fee() -> None:
    api = FakeApi()
    sender = api.spawn(wallet_owner(), balance=1_000_000)
    tx_id = api.submit(spend(api))
    done = api.apply(tx_id, status=OutcomeStatus.FAILURE, message="no luck")
    assert api.account(sender).balance == 1_000_000 - done.transaction.max_fee


def test_a_spawn_makes_an_account_able_to_pay() -> None:
    api = FakeApi()
    sender = api.address(PRINCIPAL)
    api.fund(sender, 1_000_000)
    raw = signed(api, sdk.self_spawn(wallet.ADDRESS, ARGUMENTS, nonce=0, gas_price=1))
    parsed = api.parse(raw, verify=True)
    assert parsed.contents == WalletSpawnContents(public_key=ARGUMENTS.public_key.hex())
    api.apply(api.submit(raw))
    assert api.account(sender).is_spawned
    assert api.account(sender).next_nonce == 1
    assert api.estimate_gas(spend(api)) > 0


def test_wrong_transactions_are_refused() -> None:
    api = FakeApi()
    with pytest.raises(NotFoundError):
        api.parse(spend(api))
    with pytest.raises(PreconditionError, match="not spawned"):
        api.submit(spend(api))
    api.spawn(wallet_owner(), balance=100_000)
    with pytest.raises(UsageError, match="signature"):
        api.submit(spend(api)[:-1] + b"\x00")
    with pytest.raises(PreconditionError, match="bad nonce"):
        api.submit(spend(api, nonce=0))
    with pytest.raises(PreconditionError, match="insufficient"):
        api.submit(spend(api, amount=1_000_000))
    with pytest.raises(UsageError):
        api.parse(b"\x00")
    raw = spend(api)
    api.submit(raw)
    with pytest.raises(PreconditionError, match="already exists"):
        api.submit(raw)
    api.node_status = make_status(synced=False)
    with pytest.raises(PreconditionError):
        api.submit(spend(api))


def test_contents_of_other_templates_are_read() -> None:
    api = FakeApi()
    keys = [ARGUMENTS.public_key, PublicKey(b"\x01" * 32)]
    arguments = sdk.multisig_arguments(1, keys)
    body = sdk.self_spawn(multisig.ADDRESS, arguments, nonce=0, gas_price=1)
    part: SignaturePart = sdk.sign_part(body, api.network_info.genesis_id, KEY, arguments)
    raw = sdk.combine(body, api.network_info.genesis_id, arguments, [part])
    assert isinstance(api.parse(raw, verify=True).contents, MultisigSpawnContents)

    owner = make_instance(vesting.ADDRESS, arguments)
    api.spawn(owner, balance=1_000_000)
    principal = sdk.vesting_address(1, keys)
    terms = VaultSpawnArguments(
        owner=principal,
        total_amount=100,
        initial_unlock_amount=10,
        vesting_start=1,
        vesting_end=9,
    )
    body = sdk.spawn(principal, vault.ADDRESS, terms, nonce=1, gas_price=1)
    assert isinstance(api.parse(body).contents, VaultSpawnContents)
    source = sdk.vault_address(terms)
    body = sdk.drain_vault(principal, source, OTHER, 5, nonce=1, gas_price=1)
    parsed = api.parse(body)
    assert parsed.kind is sdk.TransactionKind.DRAIN_VAULT


def test_following_a_transaction_ends_with_its_outcome() -> None:
    api = FakeApi()
    api.spawn(wallet_owner(), balance=1_000_000)
    tx_id = api.submit(spend(api))
    api.on_wait = lambda fake: fake.apply(tx_id)
    states = [known.state for known in api.follow_transaction(tx_id)]
    assert states == [TransactionState.MEMPOOL, TransactionState.PROCESSED]
    with pytest.raises(NotFoundError):
        list(api.follow_transaction(TransactionID.zero()))
    api.submit(spend(api, nonce=5))
    api.on_wait = None
    last = api.submit(spend(api, nonce=6))
    with pytest.raises(AssertionError, match="for ever"):
        list(api.follow_transaction(last))


def test_lists_filter_and_sort() -> None:
    api = FakeApi()
    mine, other = SmesherID(b"\x01" * 32), SmesherID(b"\x02" * 32)
    coinbase = api.address(OTHER)
    for layer, smesher in ((22, mine), (21, mine), (23, other)):
        reward = Reward(
            layer=LayerID(layer), total=5, layer_reward=4, coinbase=coinbase, smesher=smesher
        )
        api.known_rewards.append(reward)
    assert [one.layer for one in api.rewards(smesher=mine)] == [21, 22]
    assert [one.layer for one in api.rewards(coinbase=coinbase, newest_first=True)] == [23, 22, 21]

    api.known_layers = [make_layer(21), make_layer(20)]
    assert [one.number for one in api.layers(first=LayerID(20))] == [20, 21]
    assert api.layer(LayerID(21)) == make_layer(21)
    assert api.layer(LayerID(9)) is None

    assert api.highest_activation() is None
    atx = Activation(
        id=AtxID(b"\x03" * 32),
        smesher=mine,
        publish_epoch=EpochID(1),
        coinbase=coinbase,
        weight=100,
        height=50,
        num_units=4,
    )
    api.known_activations = [atx]
    assert atx.target_epoch == 2
    assert list(api.activations(smeshers=[mine], ids=[atx.id], last_epoch=EpochID(1))) == [atx]
    assert list(api.activations(first_epoch=EpochID(2))) == []
    assert api.activations_count() == 1
    assert api.activations_count(EpochID(2)) == 0
    assert api.highest_activation() == atx
    assert [one.balance for one in api.accounts([coinbase])] == [0]


def test_smeshing_starts_and_stops() -> None:
    api = FakeApi(smeshing_status=make_smeshing(is_smeshing=False))
    options = api.smeshing().setup.options
    assert options is not None
    api.start_smeshing("standalone1x", options)
    assert api.smeshing().is_smeshing
    assert api.smeshing().setup.state is SetupState.IN_PROGRESS
    with pytest.raises(PreconditionError, match="already"):
        api.start_smeshing("standalone1x", options)
    api.stop_smeshing(delete_files=True)
    assert api.smeshing().setup.state is SetupState.NOT_STARTED
    api.set_coinbase(api.address(OTHER))
    assert api.smeshing().coinbase == api.address(OTHER)
    api.smeshing_status = make_smeshing(is_supervised=False)
    with pytest.raises(PreconditionError, match="supervised"):
        api.start_smeshing("standalone1x", options)
    gpu = SetupProvider(number=0, model="one", is_gpu=True, labels_per_second=0)
    api.providers = (gpu,)
    assert api.setup_providers(benchmark=True)[0].labels_per_second > 0


def test_events_are_told_and_failures_are_raised() -> None:
    api = FakeApi()
    api.happen(BeaconComputed(epoch=EpochID(2), beacon=Beacon(b"abcd")), "beacon")
    made = ProposalMade(
        smesher=SmesherID(bytes(32)), layer=LayerID(21), proposal=ProposalID(bytes(20))
    )
    api.happen(made, is_failure=True)
    first, second = api.events()
    assert first.time_ns < second.time_ns
    assert second.is_failure
    api.failing = UnavailableError("gone")
    with pytest.raises(UnavailableError):
        api.status()
    assert api.calls[-1] == "status"
