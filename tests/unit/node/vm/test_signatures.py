"""Signatures of a block, verified before it is applied."""

from node.vm import sdk
from node.vm.apply import apply
from node.vm.signatures import Verdicts, collect_checks, verify_checks
from node.vm.templates.base import SignatureCheck
from tests.support.vm_network import (
    DESTINATION,
    GENESIS_ID,
    LAYER,
    PARAMETERS,
    VESTING_SPAWN,
    WALLET_ACCOUNT,
    WALLET_SPAWN,
    count_checks,
    genesis_state,
    joint,
    run,
    single,
    spawned_state,
    unverified,
)

SPEND = sdk.spend(WALLET_ACCOUNT, DESTINATION, 1, nonce=1, gas_price=1)


def refuse(*_: bytes) -> bool:
    raise AssertionError("this signature was not foreseen")


def test_a_block_is_foreseen_with_the_accounts_it_spawns_itself() -> None:
    state = genesis_state()
    block = (single(WALLET_SPAWN), single(SPEND), joint(VESTING_SPAWN))
    checks = collect_checks(block, state, GENESIS_ID)
    assert len(checks) == 4

    verdicts = Verdicts(checks, verify_checks(checks), otherwise=refuse)
    applied = apply(LAYER, block, (), state, PARAMETERS, verify=verdicts)

    assert applied == apply(LAYER, block, (), state, PARAMETERS)
    assert len(applied.results) == 3


def test_nothing_is_asked_about_what_is_verified_unparsable_or_cut_off() -> None:
    state = spawned_state()
    verified = run(spawned_state(), single(SPEND)).results[0].transaction
    assert verified.header is not None
    assert count_checks(state, verified, unverified(b""), unverified(SPEND)) == 0


def test_verdicts_follow_the_checks() -> None:
    good = collect_checks((single(SPEND),), spawned_state(), GENESIS_ID)
    bad = SignatureCheck(good[0].public_key, b"another", good[0].signature)
    assert verify_checks((*good, bad)) == (True, False)


def test_an_unforeseen_check_is_made_when_it_is_asked_for() -> None:
    (check,) = collect_checks((single(SPEND),), spawned_state(), GENESIS_ID)
    assert Verdicts((), ())(*check)
    assert not Verdicts([check], [False])(*check)
