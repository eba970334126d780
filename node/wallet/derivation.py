"""SLIP-10: Ed25519 keys from a seed along a path.

The path of account i is m/44'/540'/0'/0'/i'; a quote marks a hardened step, and only those
exist for this curve.

Source: SLIP-10; smkeys; keys digest section 7.
"""

import hmac
import re
from collections.abc import Sequence
from typing import Final

from node.base.errors import WalletError
from node.crypto.ed25519 import private_key_of

PURPOSE: Final = 44
COIN_TYPE: Final = 540

MASTER_PATH: Final = f"m/{PURPOSE}'/{COIN_TYPE}'/0'/0'"
"""Path of what smcli calls the master key; accounts are one step below."""

HARDENED: Final = 1 << 31
SEED_SIZE: Final = 64
KEY_SIZE: Final = 32
MIN_STEPS: Final = 2
MAX_STEPS: Final = 5

STRICT_PATH: Final = re.compile(r"m(/[0-9]+')+", re.ASCII)
ACCOUNT_PATH: Final = re.compile(r"(?:m/)?44'/540'/0'/0'/([0-9]+)'", re.ASCII)
"""The desktop wallet once left out the leading ``m/``."""


def account_path(index: int) -> str:
    """Return the path of an account."""
    return f"{MASTER_PATH}/{index}'"


def account_index(path: str) -> int | None:
    """Return the number of the account at a path, or None if the path is of another kind."""
    match = ACCOUNT_PATH.fullmatch(path)
    return int(match[1]) if match else None


def parse_path(path: str) -> tuple[int, ...]:
    """Return the steps of a path, without their hardening bits.

    Raises:
        WalletError: the path does not have the form m/44'/540'/..., two to five steps, all
            hardened; code ``smesh.wallet.path``.
    """
    steps = (
        tuple(int(step[:-1]) for step in path.split("/")[1:]) if STRICT_PATH.fullmatch(path) else ()
    )
    if (
        not MIN_STEPS <= len(steps) <= MAX_STEPS
        or steps[:2] != (PURPOSE, COIN_TYPE)
        or max(steps) >= HARDENED
    ):
        raise WalletError(
            f"{path!r} is not a derivation path of this network",
            code="smesh.wallet.path",
            hint=f"a path looks like {account_path(0)}",
        )
    return steps


def derive_key(seed: bytes, path: str) -> bytes:
    """Return the 64-byte private key at a path.

    Raises:
        WalletError: the path is not of this network, or the seed does not have 64 bytes.
    """
    if len(seed) != SEED_SIZE:
        raise WalletError(f"seed of {len(seed)} bytes, want {SEED_SIZE}", code="smesh.wallet.seed")
    return private_key_of(derive_along(seed, parse_path(path)))


def derive_along(seed: bytes, steps: Sequence[int]) -> bytes:
    """Return the 32-byte Ed25519 seed at the end of hardened steps, of any coin."""
    node = hmac.digest(b"ed25519 seed", seed, "sha512")
    for step in steps:
        key, chain_code = node[:KEY_SIZE], node[KEY_SIZE:]
        child = b"\x00" + key + (step | HARDENED).to_bytes(4, "big")
        node = hmac.digest(chain_code, child, "sha512")
    return node[:KEY_SIZE]
