"""The search for a fork finds it, wherever it is, and soon."""

from hypothesis import given
from hypothesis import strategies as st

from node.net.fetch.rules import MAX_HASHES, asked_layers, count_hashes
from node.sync.forks import ForkFinder, LayerHash
from node.types.ids import Hash32
from node.types.layer import LayerID
from tests.support.sync import GENESIS, TIME, mesh_hash

DISTANCES = st.integers(1, 200_000)


@given(st.data(), DISTANCES)
def test_the_fork_is_found_wherever_it_is(data: st.DataObject, distance: int) -> None:
    fork = GENESIS + data.draw(st.integers(0, distance - 1))
    different = LayerID(GENESIS + distance)
    finder = ForkFinder(TIME)
    if data.draw(st.booleans()):
        agreed = LayerID(data.draw(st.integers(GENESIS, different)))
        finder.agree("peer", LayerHash(layer=agreed, hash=mesh_hash(agreed, agreed > fork)), 1)

    def own(layer: LayerID) -> Hash32:
        return mesh_hash(layer)

    def theirs(layer: LayerID) -> Hash32:
        return mesh_hash(layer, layer > fork)

    search = finder.start("peer", LayerHash(layer=different, hash=theirs(different)), own)
    requests = 0
    while search.fork is None:
        request = search.request()
        layers = asked_layers(request)
        assert count_hashes(request) == len(layers) <= MAX_HASHES
        search.on_hashes([theirs(layer) for layer in layers], [own(layer) for layer in layers])
        requests += 1
    assert search.fork == fork
    assert (MAX_HASHES - 1) ** (requests - 1) <= distance
