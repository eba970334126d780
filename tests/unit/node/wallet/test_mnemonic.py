"""BIP-39 words: making, checking, and errors that leak none of them."""

import pytest

from node.base.errors import UsageError, WalletError
from node.wallet.mnemonic import check_mnemonic, entropy_size, make_mnemonic, make_seed

ABANDON = " ".join(["abandon"] * 11 + ["about"])


@pytest.mark.parametrize("words", [12, 15, 18, 21, 24])
def test_every_length_goes_to_words_and_passes_the_check(words: int) -> None:
    mnemonic = make_mnemonic(bytes(entropy_size(words)))
    assert len(mnemonic.split()) == words
    assert check_mnemonic(f"  {mnemonic}\n") == mnemonic


def test_other_lengths_do_not_exist() -> None:
    with pytest.raises(UsageError, match="13 words") as caught:
        entropy_size(13)
    assert caught.value.code == "smesh.wallet.mnemonic.length"
    with pytest.raises(ValueError, match="length"):
        make_mnemonic(bytes(17))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param(ABANDON.replace(" ", "  ", 1), "whitespace", id="two blanks"),
        pytest.param(ABANDON.replace(" ", "\t", 1), "whitespace", id="tabulator"),
        pytest.param(ABANDON.removeprefix("abandon "), "length", id="eleven words"),
        pytest.param("", "length", id="nothing"),
        pytest.param(ABANDON.upper(), "word", id="upper case"),
        pytest.param(ABANDON.replace("about", "abouts"), "word", id="unknown word"),
        pytest.param(ABANDON.replace("about", "abandon"), "checksum", id="wrong word"),
    ],
)
def test_what_is_no_mnemonic_is_refused_without_repeating_it(text: str, code: str) -> None:
    with pytest.raises(WalletError) as caught:
        check_mnemonic(text)
    assert caught.value.code == f"smesh.wallet.mnemonic.{code}"
    assert caught.value.hint
    assert "about" not in str(caught.value) + caught.value.hint


def test_the_position_of_an_unknown_word_is_told() -> None:
    with pytest.raises(WalletError, match="word 12 is not in"):
        check_mnemonic(ABANDON.replace("about", "abouts"))


def test_seeds_are_those_of_the_standard() -> None:
    """First vector of the reference implementation of BIP-39."""
    assert make_seed(ABANDON, "TREZOR").hex() == (
        "c55257c360c07c72029aebc1b53c05ed0362ada38ead3e3e9efa3708e53495531"
        "f09a6987599d18264c1e1c92f2cf141630c7a3c4ab7c81b2f001698e7463b04"
    )
    assert make_seed(ABANDON) != make_seed(ABANDON, "TREZOR")
