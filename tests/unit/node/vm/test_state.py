"""Accounts in memory and on the stage, and the root of what changed."""

from node.base import scale
from node.base.hashing import EMPTY_HASH, hash32
from node.types.account import Account
from node.types.layer import LayerID
from node.vm.genesis import genesis_accounts
from node.vm.registry import make_instance
from node.vm.state import Changes, MemoryAccounts, compute_state_root
from node.vm.templates import wallet
from tests.support.vm_network import (
    DESTINATION,
    LAYER,
    MULTISIG_ACCOUNT,
    VAULT_ACCOUNT,
    WALLET,
    WALLET_ACCOUNT,
    genesis_state,
)


def test_memory_keeps_the_newest_version_of_each_account() -> None:
    state = genesis_state()
    (newer,) = genesis_accounts([(WALLET_ACCOUNT, 1)])
    state.put_accounts([newer])

    assert state.find_account(WALLET_ACCOUNT) == newer
    assert state.find_account(DESTINATION) is None
    listed = [account.address for account in state.all_accounts()]
    assert listed == sorted(listed)
    assert len(listed) == 4


def test_an_unknown_account_is_empty() -> None:
    account = Changes(MemoryAccounts()).load(DESTINATION)
    assert account.freeze(LAYER) == Account(
        layer=LAYER, address=DESTINATION, next_nonce=0, balance=0, template=None, state=b""
    )
    assert account.instance is None


def test_an_account_is_loaded_once_and_changed_in_place() -> None:
    changes = Changes(genesis_state())
    changes.load(WALLET_ACCOUNT).balance = 7
    assert changes.load(WALLET_ACCOUNT).balance == 7
    assert changes.accounts(LAYER) == ()


def test_the_order_of_first_changes_is_kept() -> None:
    changes = Changes(genesis_state())
    order = (VAULT_ACCOUNT, MULTISIG_ACCOUNT, VAULT_ACCOUNT, WALLET_ACCOUNT)
    for address in order:
        changes.load(address)
        changes.touch(address)
    found = [account.address for account in changes.accounts(LAYER)]
    assert found == [VAULT_ACCOUNT, MULTISIG_ACCOUNT, WALLET_ACCOUNT]


def test_a_spawned_account_is_read_back_as_what_it_is() -> None:
    changes = Changes(genesis_state())
    instance = make_instance(wallet.ADDRESS, WALLET)
    account = changes.load(WALLET_ACCOUNT)
    account.spawn(instance)
    assert changes.find_instance(WALLET_ACCOUNT) is instance

    again = Changes(MemoryAccounts([account.freeze(LAYER)]))
    assert again.find_instance(WALLET_ACCOUNT) == instance


def test_the_root_covers_the_changed_accounts_in_their_order() -> None:
    first, second = genesis_accounts([(WALLET_ACCOUNT, 1), (DESTINATION, 2)])
    assert compute_state_root(()) == EMPTY_HASH
    assert compute_state_root((first, second)) == hash32(scale.encode(first), scale.encode(second))
    assert compute_state_root((second, first)) != compute_state_root((first, second))
    assert first.layer == LayerID(0)
