"""Which signature parts count."""

import pytest

from node.base import scale
from node.types.ids import EdSignature
from node.vm.templates.base import SignatureCheck
from node.vm.templates.multisig import PART_SIZE, Multisig
from node.vm.wire import Method, MultisigSpawnArguments, SignaturePart
from tests.support.vm_network import PUBLIC_KEYS, SEVERAL

BODY = b"body"
NETWORK = b"network"


def part(index: int) -> bytes:
    return scale.encode(
        SignaturePart(index=index, signature=EdSignature(bytes([index]) * EdSignature.SIZE))
    )


def checks(*indices: int, account: MultisigSpawnArguments = SEVERAL) -> object:
    raw = BODY + b"".join(part(index) for index in indices)
    return Multisig(account).signature_checks(NETWORK, raw, len(BODY))


def test_each_part_signs_the_body_with_the_key_it_names() -> None:
    assert checks(0, 2) == tuple(
        SignatureCheck(PUBLIC_KEYS[index], NETWORK + BODY, bytes([index]) * 64) for index in (0, 2)
    )
    assert len(part(0)) == PART_SIZE
    assert Multisig(SEVERAL).signature_size == 2 * PART_SIZE


@pytest.mark.parametrize(
    "indices",
    [
        pytest.param((0,), id="too few"),
        pytest.param((2, 0), id="descending"),
        pytest.param((1, 1), id="twice the same"),
        pytest.param((0, 3), id="no such key"),
    ],
)
def test_other_parts_are_refused(indices: tuple[int, ...]) -> None:
    assert checks(*indices) is None


def test_a_part_that_is_cut_off_is_refused() -> None:
    raw = BODY + part(0) + part(1)[:-1]
    assert Multisig(SEVERAL).signature_checks(NETWORK, raw, len(BODY)) is None


def test_superfluous_parts_belong_to_the_message() -> None:
    found = checks(0, 1, 2)
    assert isinstance(found, tuple)
    assert {check.message for check in found} == {NETWORK + BODY + part(0)}


def test_a_key_that_is_listed_twice_may_sign_twice() -> None:
    account = MultisigSpawnArguments(required=2, public_keys=PUBLIC_KEYS[:1] * 2)
    found = checks(0, 1, account=account)
    assert isinstance(found, tuple)
    assert [check.public_key for check in found] == list(PUBLIC_KEYS[:1] * 2)


def test_gas_grows_with_keys_and_signatures() -> None:
    account = Multisig(SEVERAL)
    assert account.base_gas(Method.SPEND) == account.base_gas(Method.DRAIN_VAULT) == 26_000
    assert account.base_gas(Method.SPAWN) == 56_000
    assert account.load_gas() == 2500 + 17 * 182
    assert account.execution_gas(Method.SPAWN) == 17 * 5000
