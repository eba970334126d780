"""BIP-39: the words that a wallet is made from.

English only, 12 to 24 words.  Error messages never contain a word: they may be logged.

Source: BIP-39; smcli, wallet; keys digest section 7.
"""

from functools import cache
from typing import Final

from mnemonic import Mnemonic

from node.base.errors import UsageError, WalletError

ENTROPY_SIZES: Final = {12: 16, 15: 20, 18: 24, 21: 28, 24: 32}
"""Bytes of entropy behind each number of words."""

WORD_COUNTS_TEXT: Final = "12, 15, 18, 21 or 24"


def entropy_size(words: int) -> int:
    """Return how many random bytes a mnemonic of this many words takes.

    Raises:
        UsageError: no mnemonic has this many words.
    """
    if words not in ENTROPY_SIZES:
        raise UsageError(
            f"a mnemonic of {words} words, want {WORD_COUNTS_TEXT}",
            code="smesh.wallet.mnemonic.length",
            hint="24 words are the default of smcli, 12 that of the desktop wallet",
        )
    return ENTROPY_SIZES[words]


def make_mnemonic(entropy: bytes) -> str:
    """Return the words that stand for 16, 20, 24, 28 or 32 random bytes.

    Raises:
        ValueError: another number of bytes.
    """
    return _language().to_mnemonic(entropy)


def check_mnemonic(text: str) -> str:
    """Return the words, without surrounding blanks.

    Raises:
        WalletError: with the code ``smesh.wallet.mnemonic.whitespace`` (not exactly one
            blank between words), ``.length``, ``.word`` (not in the list) or ``.checksum``.
    """
    mnemonic = text.strip()
    words = mnemonic.split()
    if mnemonic != " ".join(words):
        raise WalletError(
            "whitespace violation in mnemonic phrase",
            code="smesh.wallet.mnemonic.whitespace",
            hint="put exactly one blank between two words",
        )
    if len(words) not in ENTROPY_SIZES:
        raise WalletError(
            f"a mnemonic of {len(words)} words, want {WORD_COUNTS_TEXT}",
            code="smesh.wallet.mnemonic.length",
            hint="words are missing or were typed twice: count them again",
        )
    known = frozenset(_language().wordlist)
    for position, word in enumerate(words, start=1):
        if word not in known:
            raise WalletError(
                f"word {position} is not in the English BIP-39 list",
                code="smesh.wallet.mnemonic.word",
                hint=f"check the spelling of word {position}; all words are lower case",
            )
    if not _language().check(mnemonic):
        raise WalletError(
            "the words are all known, but their checksum is wrong",
            code="smesh.wallet.mnemonic.checksum",
            hint="one word is not the right one, or two have changed places",
        )
    return mnemonic


def make_seed(mnemonic: str, passphrase: str = "") -> bytes:
    """Return the 64-byte seed that all keys derive from.

    The passphrase is BIP-39's optional one; smcli and the desktop wallet leave it empty.
    """
    return Mnemonic.to_seed(mnemonic, passphrase)


@cache
def _language() -> Mnemonic:
    return Mnemonic("english")
