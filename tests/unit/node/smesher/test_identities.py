"""Which identities are ours, and what each is doing."""

import pytest

from node.base.errors import NotFoundError
from node.smesher.identities import Identities, Identity, PostState
from tests.support.chain import signer

FIRST, SECOND = Identity("a.key", signer(1)), Identity("b.key", signer(2))


def test_identities_stand_in_the_order_of_their_registration() -> None:
    identities = Identities()
    identities.register(SECOND)
    identities.register(FIRST)
    assert identities.all() == (SECOND, FIRST)
    assert [one.smesher_id for one in identities.signers()] == [
        signer(2).smesher_id,
        signer(1).smesher_id,
    ]


def test_an_identity_is_ours_once_it_is_registered() -> None:
    identities = Identities()
    smesher = signer(1).smesher_id
    assert not identities.is_own(smesher)
    with pytest.raises(NotFoundError, match="own smesher"):
        identities.get(smesher)
    identities.register(FIRST)
    assert identities.is_own(smesher)
    assert identities.get(smesher) is FIRST


def test_a_worker_is_idle_until_something_else_is_noted() -> None:
    identities = Identities()
    smesher = signer(1).smesher_id
    assert identities.state(smesher) is PostState.IDLE
    identities.register(FIRST)
    identities.set_state(smesher, PostState.PROVING)
    identities.register(FIRST)
    assert identities.state(smesher) is PostState.PROVING
