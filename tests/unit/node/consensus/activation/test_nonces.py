"""VRF nonces against the labels they name."""

import pytest

from node.base.errors import RejectError
from node.consensus.activation.nonces import RecomputedNonces
from node.post.labels import MAX_INDEX
from node.runtime.workers import InlineWorkers
from tests.support.activation import GOLDEN, LABELS_PER_UNIT, labels, vrf_nonce
from tests.support.chain import signer

NONCES = RecomputedNonces(workers=InlineWorkers(), labels=labels(), scrypt_n=2)
SMESHER = signer(1).smesher_id


async def check(num_labels: int, nonce: int) -> None:
    await NONCES.check_nonce(SMESHER, GOLDEN, num_labels=num_labels, nonce=nonce)


async def test_a_label_below_the_limit_is_a_nonce() -> None:
    good = vrf_nonce(1, 1)
    await check(LABELS_PER_UNIT, good)
    with pytest.raises(RejectError, match=f"nonce {good} is not valid"):
        await check(LABELS_PER_UNIT << 40, good)


async def test_some_numbers_are_never_good() -> None:
    with pytest.raises(RejectError, match="no VRF difficulty for 8 labels"):
        await check(8, 0)
    with pytest.raises(RejectError, match="invalid labels range"):
        await check(LABELS_PER_UNIT, MAX_INDEX)
