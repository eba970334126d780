"""Wallet files: what opening one costs the owner, and whoever tries passwords."""

from collections.abc import Iterator
from typing import Final

from node.wallet.accounts import make_wallet
from node.wallet.derivation import account_path, derive_key
from node.wallet.file import open_wallet, parse_file, seal_wallet
from node.wallet.mnemonic import make_seed
from scripts.benchmarks.measurement import Measurement, duration

SECONDS: Final = 1.0
"""Time for each figure."""

WORDS: Final = " ".join(["abandon"] * 11 + ["about"])
PASSWORD: Final = "correct horse battery staple"  # noqa: S105 - of a wallet that holds nothing


def measure() -> Iterator[Measurement]:
    """Yield the times; here more is safer, and the bar is the owner's patience."""
    wallet = make_wallet(WORDS, now_ns=0)
    sealed = seal_wallet(wallet, PASSWORD, salt=bytes(16))
    yield duration(
        "keystore: open a wallet file",
        lambda: open_wallet(parse_file(sealed), PASSWORD),
        "ms",
        SECONDS,
    )
    yield duration("keystore: seed of twelve words", lambda: make_seed(WORDS), "ms", SECONDS)
    seed = make_seed(WORDS)
    yield duration(
        "keystore: derive an account's key",
        lambda: derive_key(seed, account_path(0)),
        "us",
        SECONDS,
    )
