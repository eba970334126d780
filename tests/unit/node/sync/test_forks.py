"""Where two meshes part."""

import pytest

from node.base.errors import PreconditionError
from node.net.fetch.rules import asked_layers
from node.sync.forks import (
    ForkFinder,
    ForkSearch,
    LayerHash,
    OwnMeshChangedError,
    PeerMeshChangedError,
)
from node.types.ids import Hash32
from node.types.layer import LayerID
from tests.support.sync import GENESIS, TIME, mesh_hash


def at(layer: int, branch: int = 0) -> LayerHash:
    return LayerHash(layer=LayerID(layer), hash=mesh_hash(layer, branch))


def own(layer: LayerID) -> Hash32:
    return mesh_hash(layer)


def test_a_search_begins_at_genesis_or_at_the_last_agreement() -> None:
    finder = ForkFinder(TIME)
    assert finder.start("p", at(20, 1), own).same == at(GENESIS)
    finder.agree("p", at(15), 100)
    assert finder.start("p", at(20, 1), own).same == at(15)
    assert finder.start("q", at(20, 1), own).same == at(GENESIS)
    assert finder.start("p", at(15, 1), own).same == at(GENESIS)
    finder.agree("p", at(16, 1), 100)
    assert finder.start("p", at(20, 1), own).same == at(GENESIS)
    finder.agree("p", at(15), 100)
    finder.forget("p")
    finder.forget("p")
    assert finder.start("p", at(20, 1), own).same == at(GENESIS)


def test_an_agreement_keeps_its_time() -> None:
    finder = ForkFinder(TIME)
    finder.agree("p", at(15), 100)
    finder.agree("p", at(15), 200)
    known = finder.agreement("p")
    assert known is not None
    assert known.made_ns == 100


def test_below_genesis_there_is_no_fork() -> None:
    finder = ForkFinder(TIME)
    with pytest.raises(PreconditionError, match="layer 7"):
        finder.start("p", at(GENESIS, 1), own)
    with pytest.raises(PreconditionError, match="layer 20"):
        finder.start("p", at(20, 1), lambda _: None)


def test_neighbours_need_no_question() -> None:
    search = ForkSearch(same=at(8), different=at(9, 1))
    assert search.fork == 8


def test_a_peer_that_changes_its_mind_is_found_out() -> None:
    search = ForkSearch(same=at(8), different=at(20, 1))
    layers = asked_layers(search.request())
    mine = [mesh_hash(layer) for layer in layers]
    theirs = [mesh_hash(layer, layer > 12) for layer in layers]
    with pytest.raises(PeerMeshChangedError, match="changed"):
        search.on_hashes([mesh_hash(1), *theirs[1:]], mine)
    with pytest.raises(PeerMeshChangedError, match="changed"):
        search.on_hashes([*theirs[:-1], mesh_hash(20, 2)], mine)
    with pytest.raises(PeerMeshChangedError, match="12 hashes of 13 layers"):
        search.on_hashes(theirs[:-1], mine)
    search.on_hashes(theirs, mine)
    assert search.fork == 12


def test_our_own_mesh_may_change_meanwhile() -> None:
    search = ForkSearch(same=at(8), different=at(20, 1))
    layers = asked_layers(search.request())
    theirs = [mesh_hash(layer, layer > 12) for layer in layers]
    with pytest.raises(OwnMeshChangedError):
        search.on_hashes(theirs, theirs)
    with pytest.raises(OwnMeshChangedError):
        search.on_hashes(theirs, [mesh_hash(layer, 2) for layer in layers])


def test_what_was_dealt_with_is_remembered_for_a_while() -> None:
    finder = ForkFinder(TIME)
    finder.agree("p", at(15), 100)
    assert not finder.is_resynced(at(20, 1))
    finder.on_resynced(at(20, 1), 200)
    assert finder.is_resynced(at(20, 1))
    assert finder.agreement("p") is None
    finder.agree("p", at(15), 100)
    finder.agree("q", at(15), 100)
    finder.purge_stale(150, kept=("q",))
    assert finder.agreement("p") is None
    assert finder.agreement("q") is not None
    assert finder.is_resynced(at(20, 1))
    finder.purge_stale(201, kept=())
    assert not finder.is_resynced(at(20, 1))
    finder.agree("q", at(15), 100)
    finder.on_resynced(at(21, 1), 200)
    finder.purge_all()
    assert finder.agreement("q") is None
    assert not finder.is_resynced(at(21, 1))
