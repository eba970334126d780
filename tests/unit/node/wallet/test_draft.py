"""Drafts: transactions that are built, signed and sent by different people."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from node.base.errors import DecodeError, PreconditionError, UsageError
from node.types.ids import EdSignature, PublicKey
from node.vm import sdk
from node.vm.errors import TransactionError
from node.vm.templates import multisig, vesting, wallet
from node.vm.wire import SignaturePart
from node.wallet.contents import KeyPair
from node.wallet.draft import (
    Draft,
    Network,
    Owner,
    check_part,
    decode_draft,
    draft_to_json,
    encode_draft,
    finish_draft,
    make_draft,
    merge_drafts,
    shared_owner,
    sign_draft,
    wallet_owner,
)
from node.wallet.signer import SoftwareSigner
from tests.support.vm_network import (
    DESTINATION,
    GENESIS_ID,
    KEY,
    KEYS,
    LAYER,
    MULTISIG_ACCOUNT,
    MULTISIG_SPAWN,
    PUBLIC_KEY,
    PUBLIC_KEYS,
    VAULT_ACCOUNT,
    VAULT_SPAWN,
    VESTING_ACCOUNT,
    VESTING_SPAWN,
    WALLET_ACCOUNT,
    WALLET_SPAWN,
    genesis_state,
    run,
    spawned_state,
    unverified,
)

NETWORK = Network(name="mainnet", prefix="sm", genesis_id=GENESIS_ID)
SINGLE = wallet_owner(PUBLIC_KEY)
SHARED = shared_owner(multisig.ADDRESS, 2, PUBLIC_KEYS)
VESTING = shared_owner(vesting.ADDRESS, 2, PUBLIC_KEYS)

SPEND = sdk.spend(WALLET_ACCOUNT, DESTINATION, 10**9, nonce=1, gas_price=2)
SHARED_SPEND = sdk.spend(MULTISIG_ACCOUNT, DESTINATION, 5, nonce=1, gas_price=2)
DRAIN = sdk.drain_vault(VESTING_ACCOUNT, VAULT_ACCOUNT, DESTINATION, 1, nonce=2, gas_price=2)


def signer(secret_key: bytes) -> SoftwareSigner:
    return SoftwareSigner(
        KeyPair(
            display_name="",
            created="",
            path="",
            public_key=PublicKey(secret_key[32:]),
            secret_key=secret_key,
        )
    )


class WrongDevice:
    """A device that signs something else."""

    public_key = PublicKey(PUBLIC_KEY)

    def sign_transaction(self, genesis_id: bytes, body: bytes) -> EdSignature:
        return EdSignature(bytes(64))


def test_owners_have_the_addresses_of_their_keys() -> None:
    assert SINGLE.address == WALLET_ACCOUNT
    assert (SHARED.address, VESTING.address) == (MULTISIG_ACCOUNT, VESTING_ACCOUNT)
    assert (SINGLE.required, SHARED.required) == (1, 2)
    assert (SINGLE.public_keys, SHARED.public_keys) == ((PUBLIC_KEY,), PUBLIC_KEYS)


def test_a_wallet_signs_alone() -> None:
    draft = make_draft(NETWORK, SINGLE, SPEND)
    with pytest.raises(PreconditionError, match="0 of 1 signatures"):
        finish_draft(draft)

    signed = sign_draft(draft, [signer(KEYS[0]), signer(KEY)])

    assert finish_draft(signed) == sdk.sign(SPEND, GENESIS_ID, KEY)
    assert sign_draft(signed, [signer(KEY)]) == signed
    assert signed.gas == sdk.estimate_gas(SPEND, SINGLE.instance)


def test_a_multisig_is_signed_in_parts_by_two_wallets_and_applied() -> None:
    draft = make_draft(NETWORK, SHARED, SHARED_SPEND)
    first = sign_draft(decode_draft(encode_draft(draft)), [signer(KEYS[2])])
    second = sign_draft(decode_draft(encode_draft(draft)), [signer(KEYS[0])])
    assert not first.is_complete

    merged = merge_drafts([decode_draft(encode_draft(first)), second, first])

    raw = finish_draft(merged)
    assert raw == finish_draft(sign_draft(first, [signer(KEYS[0])]))
    applied = run(spawned_state(), unverified(raw))
    assert [done.result.message for done in applied.results] == [""]


@pytest.mark.parametrize(
    ("owner", "body"),
    [
        (SINGLE, WALLET_SPAWN),
        (SHARED, MULTISIG_SPAWN),
        (VESTING, VESTING_SPAWN),
        (VESTING, VAULT_SPAWN),
        (VESTING, DRAIN),
    ],
)
def test_every_kind_survives_its_file(owner: Owner, body: bytes) -> None:
    keys = [KEY, *KEYS]
    draft = sign_draft(make_draft(NETWORK, owner, body), map(signer, keys))
    assert draft.is_complete
    assert decode_draft(encode_draft(draft)) == draft


def test_spawns_of_drafts_are_applied() -> None:
    state = genesis_state()
    for owner, body in ((SINGLE, WALLET_SPAWN), (VESTING, VESTING_SPAWN), (VESTING, VAULT_SPAWN)):
        draft = sign_draft(make_draft(NETWORK, owner, body), map(signer, (KEY, *KEYS)))
        applied = run(state, unverified(finish_draft(draft)), layer=LAYER)
        assert [done.result.message for done in applied.results] == [""]


def test_a_key_that_is_listed_twice_signs_twice() -> None:
    owner = shared_owner(multisig.ADDRESS, 2, [PUBLIC_KEYS[0], PUBLIC_KEYS[0], PUBLIC_KEYS[1]])
    body = sdk.spend(owner.address, DESTINATION, 1, nonce=1, gas_price=1)
    signed = sign_draft(make_draft(NETWORK, owner, body), [signer(KEYS[0])])
    assert [part.index for part in signed.parts] == [0, 1]


def test_who_has_no_key_cannot_sign() -> None:
    with pytest.raises(UsageError, match="none of the 3 keys"):
        sign_draft(make_draft(NETWORK, SHARED, SHARED_SPEND), [signer(KEY)])


def test_what_a_device_signs_is_verified() -> None:
    with pytest.raises(UsageError, match="signature of key 0 does not verify"):
        sign_draft(make_draft(NETWORK, SINGLE, SPEND), [WrongDevice()])


def test_other_keys_and_superfluous_bytes_are_refused() -> None:
    with pytest.raises(
        UsageError, match="but sm1qqqqqqyhp05fkgauzudx0wclwcckr5vye2dexfs2gaams pays"
    ):
        make_draft(NETWORK, SHARED, SPEND)
    with pytest.raises(UsageError, match="120 bytes, want 56 without"):
        make_draft(NETWORK, SINGLE, sdk.sign(SPEND, GENESIS_ID, KEY))
    with pytest.raises(UsageError, match="36 bytes, want 53"):
        make_draft(NETWORK, SINGLE, SPEND[:-20])
    with pytest.raises(TransactionError):
        make_draft(NETWORK, SINGLE, SPEND[:20])


def test_different_transactions_are_not_merged() -> None:
    draft = make_draft(NETWORK, SHARED, SHARED_SPEND)
    for other in (
        replace(draft, network=replace(NETWORK, genesis_id=type(GENESIS_ID)(bytes(20)))),
        make_draft(NETWORK, SHARED, MULTISIG_SPAWN),
    ):
        with pytest.raises(UsageError, match="different transactions"):
            merge_drafts([draft, other])


def test_parts_of_unknown_keys_do_not_count() -> None:
    draft = make_draft(NETWORK, SHARED, SHARED_SPEND)
    with pytest.raises(UsageError, match="key 7"):
        check_part(draft, SignaturePart(index=7, signature=EdSignature(bytes(64))))


def spoil(change: Callable[[dict[str, Any]], object]) -> bytes:
    draft: Draft = sign_draft(make_draft(NETWORK, SHARED, SHARED_SPEND), [signer(KEYS[1])])
    document = draft_to_json(draft)
    change(document)
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda d: d["arguments"].update(amount="4"), "arguments is"),
        (lambda d: d["arguments"].update(destination=d["principal"]), "arguments is"),
        (lambda d: d.update(max_fee="1"), "max_fee is '1', but the transaction says '"),
        (lambda d: d.update(nonce="2"), "nonce is"),
        (lambda d: d.update(principal="sm1x"), "principal is"),
        (lambda d: d.update(hrp="stest"), "principal is"),
        (lambda d: d.update(note="trust me"), "note is 'trust me'"),
        (lambda d: d.update(template="vesting"), "but sm1"),
        (lambda d: d.update(template="vault"), "template is 'vault'"),
        (lambda d: d.update(template="wallet"), "but sm1"),
        (lambda d: d.update(template="wallet", public_keys=[]), "want 32"),
        (lambda d: d.update(required=4), "atleast 4"),
        (lambda d: d.update(required="2"), "missing or malformed"),
        (lambda d: d.update(public_keys=["xyz"]), "fromhex"),
        (lambda d: d.update(raw=d["raw"][:-40]), "bytes, want"),
        (lambda d: d.update(raw=d["raw"][:40]), "malformed tx"),
        (lambda d: d.update(genesis_id="00"), "want 20"),
        (lambda d: d.update(hrp=5), "missing or malformed"),
        (lambda d: d.update(signatures={"0": "00"}), "want 64"),
        (lambda d: d.update(signatures=[]), "missing or malformed"),
        (lambda d: d.pop("raw"), "missing or malformed"),
        (lambda d: d.pop("signatures"), "missing or malformed"),
        (lambda d: d.update(version=2), "version 2, want 1"),
    ],
)
def test_a_file_that_does_not_say_what_it_does_is_refused(
    change: Callable[[dict[str, Any]], object], problem: str
) -> None:
    with pytest.raises(DecodeError, match=problem) as caught:
        decode_draft(spoil(change))
    assert caught.value.code == "smesh.transaction.file"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"{", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"{}", "version None"),
        (b" " * 70_000, "at most 65536"),
    ],
)
def test_what_is_no_file_of_ours_is_refused(data: bytes, problem: str) -> None:
    with pytest.raises(DecodeError, match=problem):
        decode_draft(data)


def test_signatures_of_a_file_are_verified() -> None:
    with pytest.raises(UsageError, match="key 1 does not verify"):
        decode_draft(spoil(lambda d: d["signatures"].update({"1": "00" * 64})))


def test_one_signature_under_two_names_counts_once() -> None:
    data = spoil(lambda d: d["signatures"].update({"01": d["signatures"]["1"]}))
    assert len(decode_draft(data).parts) == 1


def test_wallet_drafts_name_their_template() -> None:
    assert wallet_owner(PUBLIC_KEY).template == wallet.ADDRESS
