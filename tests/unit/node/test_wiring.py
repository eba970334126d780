import pytest

from node.base.errors import IgnoreError
from node.net.ports import PeerID
from node.sync.state import SyncMachine, SyncState
from node.types.layer_time import LayerTime
from node.wiring import Gate, Route, gated, is_open

TIME = LayerTime(genesis_ns=0, layer_duration_ns=10, layers_per_epoch=4)


def _machine(state: SyncState = SyncState.NOT_SYNCED, *, atxs_synced: bool = False) -> SyncMachine:
    return SyncMachine(
        time=TIME,
        out_of_sync_layers=3,
        gossip_duration_ns=0,
        state=state,
        atxs_synced=atxs_synced,
    )


@pytest.mark.parametrize(
    ("gate", "machine", "expected"),
    [
        (Gate.ALWAYS, _machine(), True),
        (Gate.GOSSIP, _machine(), False),
        (Gate.GOSSIP, _machine(SyncState.GOSSIP), True),
        (Gate.GOSSIP, _machine(SyncState.SYNCED), True),
        (Gate.ATX, _machine(SyncState.SYNCED), False),
        (Gate.ATX, _machine(atxs_synced=True), True),
    ],
)
def test_gates_open_with_the_sync_state(gate: Gate, machine: SyncMachine, expected: bool) -> None:
    assert is_open(gate, machine) is expected


async def test_messages_before_a_closed_gate_are_ignored() -> None:
    seen: list[bytes] = []

    async def take(_peer: PeerID, data: bytes) -> None:
        seen.append(data)

    machine = _machine()
    handle = gated(Route("pp1", take, Gate.GOSSIP), machine)
    with pytest.raises(IgnoreError, match="not listening to pp1 yet"):
        await handle(PeerID("peer"), b"early")
    machine.state = SyncState.GOSSIP
    await handle(PeerID("peer"), b"late")
    assert seen == [b"late"]
