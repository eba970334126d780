"""Addresses from templates, and genesis vaults."""

from node.base.bech32 import encode_address
from node.types.account import Account
from node.types.layer import LayerID
from node.vm.genesis import genesis_accounts, genesis_vault, principal_address
from node.vm.templates import wallet
from tests.support.vm_network import DESTINATION, WALLET, WALLET_ACCOUNT

KEY = bytes.fromhex("33f8d3b3a9fd558ccef98e9693b6b264e5a593ea096c8984012e94c6e7f72692")


def test_an_address_is_the_end_of_a_digest_behind_reserved_bytes() -> None:
    address = principal_address(wallet.ADDRESS, WALLET)
    assert address == WALLET_ACCOUNT
    assert encode_address("sm", address) == "sm1qqqqqqyhp05fkgauzudx0wclwcckr5vye2dexfs2gaams"


def test_a_grant_has_the_published_addresses() -> None:
    grant = genesis_vault(1, [KEY], 100_000_000 * 10**9)
    assert encode_address("sm", grant.vesting) == "sm1qqqqqqphles02lr3um5t8fqxqspfvg525j4y50qvcrfwm"
    assert encode_address("sm", grant.vault) == "sm1qqqqqq8wk2nfvmsn4qy7g3pmuqh74ylm73we4jcs6k9vu"


def test_genesis_accounts_are_plain_balances_of_layer_0() -> None:
    assert genesis_accounts([(DESTINATION, 5)]) == (
        Account(
            layer=LayerID(0),
            address=DESTINATION,
            next_nonce=0,
            balance=5,
            template=None,
            state=b"",
        ),
    )
