"""Wallet files, keys and addresses recorded from smcli (a part of them)."""

from pathlib import Path

from scripts.vectors import wallet

DATA = Path(__file__).parent.parent / "data" / "vectors"


def test_every_recorded_wallet_is_ours() -> None:
    cases = list(wallet.check(DATA))
    assert len(cases) == 80
    assert [case for case in cases if case.problem] == []
