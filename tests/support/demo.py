"""Parts of a demo for tests: its wallet, its story, a process that is none."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from queue import SimpleQueue

from cli.demo.diary import Diary
from cli.demo.process import RunningNode
from cli.demo.purse import Purse
from cli.demo.story import Story
from node.client.events import NodeEvent
from node.client.records import (
    Activation,
    NetworkInfo,
    Reward,
    SetupOptions,
    SetupState,
    SetupStatus,
)
from node.operator.node_record import NodeRecord, NodeState, ProcessMark
from node.types.ids import AtxID, SmesherID
from node.types.layer import EpochID, LayerID
from node.wallet.accounts import make_wallet
from node.wallet.contents import Wallet
from node.wallet.mnemonic import make_mnemonic
from tests.support.fake_api import FakeApi, make_network, make_smeshing, make_status

NS = 1_000_000_000
SMESHER = SmesherID(b"\x07" * 32)
NETWORK: NetworkInfo = make_network(layer_duration_ns=6 * NS, labels_per_unit=64)
GENESIS_NS = NETWORK.genesis_ns
STARTED_NS = GENESIS_NS - 20 * NS


@cache
def demo_wallet() -> Wallet:
    """Return a wallet with two accounts."""
    return make_wallet(make_mnemonic(bytes(32)), now_ns=STARTED_NS, count=2)


@cache
def demo_purse() -> Purse:
    """Return what the wallet does on the network."""
    return Purse.open(demo_wallet(), NETWORK.genesis_id, NETWORK.address_prefix)


def make_diary() -> Diary:
    """Return the diary of a network that was just made."""
    return Diary(genesis_ns=GENESIS_NS, started_ns=STARTED_NS)


def make_story() -> Story:
    """Return the story of a network that was just made."""
    purse = demo_purse()
    return Story(diary=make_diary(), addresses=purse.addresses, steps=purse.ids)


def make_space(written: int = 0) -> SetupStatus:
    """Return space of one unit."""
    options = SetupOptions(data_folder="/post", num_units=1, max_file_size=1 << 20)
    state = SetupState.COMPLETE if written == 64 else SetupState.IN_PROGRESS
    return SetupStatus(state=state, labels_written=written, options=options)


@dataclass(slots=True, kw_only=True)
class LiveApi(FakeApi):
    """A FakeApi whose stream of events stays open until it is closed."""

    live: SimpleQueue[NodeEvent | None] = field(default_factory=SimpleQueue)

    def events(self) -> Iterator[NodeEvent]:
        self._called("events")
        while (event := self.live.get()) is not None:
            yield event

    def close(self) -> None:
        self.closed = True
        self.live.put(None)


def make_api() -> LiveApi:
    """Return a node of the network before its first layer."""
    return LiveApi(
        network_info=NETWORK,
        node_status=make_status(
            current_layer=LayerID(0),
            latest_layer=LayerID(0),
            applied_layer=LayerID(0),
            processed_layer=LayerID(0),
        ),
        smeshing_status=make_smeshing(setup=make_space()),
    )


@dataclass(slots=True)
class FakeProcess:
    """A node that never was; what ``check`` says can be changed."""

    pid: int = 100
    state: NodeState = NodeState.READY
    failing: Exception | None = None
    waited: int = 0

    def start(self, on_status: Callable[[str], None]) -> RunningNode:
        on_status("opening the databases")
        return self.running()

    def wait(self, on_status: Callable[[str], None]) -> RunningNode:
        self.waited += 1
        self.check()
        return self.running()

    def running(self) -> RunningNode:
        return RunningNode(pid=self.pid, public="127.0.0.1:1", private="127.0.0.1:2")

    def check(self) -> NodeRecord:
        if self.failing is not None:
            raise self.failing
        mark = ProcessMark(pid=self.pid, created_s=0.0)
        record = NodeRecord(name="demo", command=(), started_ns=0, supervisor=mark, node=mark)
        return replace(record, state=self.state)

    def last_words(self) -> str:
        return "\n  | fatal: out of luck"


def make_activation(publish_epoch: int) -> Activation:
    """Return the demo's ATX of an epoch."""
    return Activation(
        id=AtxID(bytes([0xA0 + publish_epoch]) * 32),
        smesher=SMESHER,
        publish_epoch=EpochID(publish_epoch),
        coinbase=demo_purse().addresses[0],
        weight=64,
        height=publish_epoch,
        num_units=1,
    )


def make_reward(layer: int) -> Reward:
    """Return what the demo earns in a layer."""
    return Reward(
        layer=LayerID(layer),
        total=477_618_397_593,
        layer_reward=477_618_397_593,
        coinbase=demo_purse().addresses[0],
        smesher=SMESHER,
    )
