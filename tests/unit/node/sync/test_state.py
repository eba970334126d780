"""When a node listens, and when it takes part."""

import pytest

from node.sync.state import SyncMachine, SyncState
from node.types.layer import LayerID
from node.types.layer_time import LayerTime

TIME = LayerTime(genesis_ns=0, layer_duration_ns=10, layers_per_epoch=4)


def machine(state: SyncState = SyncState.NOT_SYNCED) -> SyncMachine:
    return SyncMachine(time=TIME, out_of_sync_layers=3, gossip_duration_ns=100, state=state)


def end(
    sync: SyncMachine, current: int, last: int, now: int = 0, *, ok: bool = True, state: bool = True
) -> SyncState:
    sync.on_run_end(LayerID(current), LayerID(last), now, succeeded=ok, state_synced=state)
    return sync.state


def test_in_genesis_everyone_is_synced() -> None:
    sync = machine()
    sync.on_start(LayerID(8))
    assert not sync.is_synced
    sync.on_start(LayerID(7))
    assert sync.is_synced
    assert sync.listens_to_gossip
    assert not sync.atxs_synced


@pytest.mark.parametrize(("layer", "atxs"), [(3, True), (4, False)])
def test_atxs_are_synced_at_once_in_the_first_epoch(layer: int, atxs: bool) -> None:
    sync = machine()
    sync.on_run_start(LayerID(layer), LayerID(0))
    assert sync.is_synced
    assert sync.atxs_synced is atxs
    sync.on_atxs_synced()
    assert sync.atxs_synced


def test_a_lagging_node_is_not_synced() -> None:
    sync = machine(SyncState.SYNCED)
    sync.on_run_start(LayerID(12), LayerID(10))
    assert sync.is_synced
    sync.on_run_start(LayerID(13), LayerID(10))
    assert sync.state is SyncState.NOT_SYNCED


def test_catching_up_leads_through_gossip() -> None:
    sync = machine()
    assert end(sync, 20, 15) is SyncState.NOT_SYNCED
    assert end(sync, 20, 19, state=False) is SyncState.NOT_SYNCED
    assert end(sync, 20, 19, now=5) is SyncState.GOSSIP
    assert sync.listens_to_gossip
    assert end(sync, 20, 19, now=104) is SyncState.GOSSIP
    assert end(sync, 21, 19, now=104, ok=False) is SyncState.GOSSIP
    assert end(sync, 21, 20, now=203) is SyncState.GOSSIP
    assert end(sync, 21, 20, now=204) is SyncState.SYNCED


def test_a_synced_node_bears_failures_for_a_while() -> None:
    sync = machine(SyncState.SYNCED)
    assert end(sync, 20, 18, ok=False) is SyncState.SYNCED
    assert end(sync, 20, 17) is SyncState.SYNCED
    assert end(sync, 20, 17, ok=False) is SyncState.NOT_SYNCED
    assert end(machine(), 1, 0) is SyncState.GOSSIP
