"""What a starting node loads into its ATX cache."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.consensus.activation.warm_up import load_recent
from node.consensus.atxdata import AtxData
from node.store.identities import Malfeasance, put_malfeasance
from node.types.ids import AtxID
from node.types.layer import EpochID, LayerID
from tests.support.chain import TIME, Chain, atx, signer


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    chain = Chain(tmp_path)
    yield chain
    chain.db.close()


def loaded(chain: Chain, *, applied: int, window: int) -> AtxData:
    atxdata = AtxData()
    load_recent(
        atxdata,
        chain.db,
        applied=LayerID(applied),
        window_layers=window,
        layers_per_epoch=TIME.layers_per_epoch,
    )
    return atxdata


def add_epochs(chain: Chain, *published: int) -> None:
    for number, epoch in enumerate(published, 1):
        chain.add_atx(atx(number, id=AtxID(bytes([number]) * 32), publish_epoch=EpochID(epoch)))


def test_an_empty_store_gives_an_empty_cache(chain: Chain) -> None:
    assert loaded(chain, applied=7, window=100).epochs() == ()


def test_a_young_chain_is_loaded_whole(chain: Chain) -> None:
    add_epochs(chain, 0, 1, 2)
    assert loaded(chain, applied=9, window=100).epochs() == (1, 2, 3)


def test_epochs_below_the_window_are_left_out(chain: Chain) -> None:
    add_epochs(chain, 4, 5, 6, 7, 8)
    # Layer 36 is in epoch 9; two epochs of window and one more are kept.
    atxdata = loaded(chain, applied=36, window=8)
    assert atxdata.evicted_epoch == 6
    assert atxdata.epochs() == (7, 8, 9)


def test_the_convicted_are_known_as_such(chain: Chain) -> None:
    add_epochs(chain, 1)
    convicted = Malfeasance(smesher=signer(1).smesher_id, proof=b"proof", received_ns=1)
    with chain.db.batch(sync=False) as batch:
        put_malfeasance(batch, convicted)
    atxdata = loaded(chain, applied=7, window=100)
    assert atxdata.is_malicious(signer(1).smesher_id)
    assert not atxdata.is_malicious(signer(2).smesher_id)
