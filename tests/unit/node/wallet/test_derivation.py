"""SLIP-10 keys along paths."""

import pytest

from node.base.bech32 import encode_address
from node.base.errors import WalletError
from node.crypto.ed25519 import private_key_of, public_key_of
from node.vm.sdk import wallet_address
from node.wallet.derivation import (
    MASTER_PATH,
    account_index,
    account_path,
    derive_along,
    derive_key,
    parse_path,
)
from node.wallet.mnemonic import make_seed

FILM = "film theme cheese broken kingdom destroy inch ready wear inspire shove pudding"
EQUIP = "equip will roof matter pink blind book anxiety banner elbow sun young"


@pytest.mark.parametrize(
    ("seed", "path", "key"),
    [
        (
            b"abandon " * 8,
            account_path(0),
            (
                "05fe9affa5562ca833faf3803ce5f6f7615d3c37c4a27903492027f6853e486d"
                "feae6977b42bf3441d04314d09c72c5d6f2d1cb4bf94834680785b819f8738dd"
            ),
        ),
        (
            b"q9ONfCHWlAwY5Ea4AIkePeA0dUSYnyqcNVElvREhYJ0OU7kvwg9MroDKTcmSxTKt",
            "m/44'/540'/2'/0'/0'",
            (
                "02c6197bee36ee341f1bad9bbb26b71b9b51c78f4a6aebd722d6ccda9dbfc7a6"
                "cabdd9afe0274ba6eb6b4ea6b04f5110e13321ae3c1316482aace2a8bff26c89"
            ),
        ),
        (
            b"gk3YIKmq0j5rqjLBrJVaQfC6k7rIHLp96G2ZGEg1vl0cwv7LNsjOaPOTAJEzmWVi",
            "m/44'/540'/1'",
            (
                "1831d61e76a8706f20614b96b74b50b2214a2bbf398735dd10c720d214b78c0c"
                "2e318aefd286a646ec9c6313bb036132e4893f4985c1ed99d54a555f1a7b72b0"
            ),
        ),
    ],
)
def test_keys_are_those_of_the_reference(seed: bytes, path: str, key: str) -> None:
    assert derive_key(seed, path).hex() == key


def test_accounts_of_a_mnemonic_have_known_addresses() -> None:
    key = public_key_of(derive_key(make_seed(FILM), account_path(0)))
    address = wallet_address(key)
    assert encode_address("sm", address) == "sm1qqqqqqz9rf583slhn38g6q6a562ctltv9fv5w8q2gdz9k"
    assert encode_address("stest", address) == (
        "stest1qqqqqqz9rf583slhn38g6q6a562ctltv9fv5w8qha56t0"
    )


def test_a_device_for_test_networks_uses_another_coin() -> None:
    seed = derive_along(make_seed(EQUIP), (44, 1, 0, 0, 0))
    key = public_key_of(private_key_of(seed))
    assert key.hex() == "9cfbee82a799b8497430e8665f23e7b8e5b9345e6bbc6ee3895daa2ab8c00e16"


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("m/44'/540'", (44, 540)),
        (MASTER_PATH, (44, 540, 0, 0)),
        ("m/044'/0540'/2147483647'", (44, 540, 2147483647)),
    ],
)
def test_paths_of_this_network_are_read(path: str, steps: tuple[int, ...]) -> None:
    assert parse_path(path) == steps


@pytest.mark.parametrize(
    "path",
    [
        "",
        "m",
        "m/44'",
        "m/44'/541'/0'",
        "m/45'/540'/0'",
        "m/44'/540'/0/0'/0'",
        "44'/540'/0'/0'/0'",
        "m/44'/540'/0'/0'/0'/0'",
        "m/44'/540'/2147483648'",
        "m/44h/540h/0h",
        "M/44'/540'/0'",
        "m/44'/540'/0'/",
        " m/44'/540'/0'",
        "m/44'/540'/-1'",
        "m/44'/540'/٣'",
    ],
)
def test_other_paths_are_refused(path: str) -> None:
    with pytest.raises(WalletError, match="derivation path") as caught:
        derive_key(bytes(64), path)
    assert caught.value.code == "smesh.wallet.path"


@pytest.mark.parametrize("size", [0, 16, 63, 65])
def test_a_seed_has_64_bytes(size: int) -> None:
    with pytest.raises(WalletError, match=f"seed of {size} bytes"):
        derive_key(bytes(size), MASTER_PATH)


@pytest.mark.parametrize(
    ("path", "index"),
    [
        (account_path(7), 7),
        ("44'/540'/0'/0'/3'", 3),
        (MASTER_PATH, None),
        ("0/0/1", None),
    ],
)
def test_the_number_of_an_account_follows_from_its_path(path: str, index: int | None) -> None:
    assert account_index(path) == index
