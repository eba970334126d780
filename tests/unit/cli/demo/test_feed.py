"""Reading a node."""

import time
from collections.abc import Callable

import pytest

from cli.demo.diary import Diary
from cli.demo.feed import Feed
from cli.demo.story import Story
from node.base.errors import PreconditionError, UnavailableError
from node.client.events import BeaconComputed, NodeEvent
from node.types.ids import Beacon
from node.types.layer import EpochID, LayerID
from tests.support.demo import (
    GENESIS_NS,
    LiveApi,
    demo_purse,
    make_activation,
    make_api,
    make_reward,
    make_space,
    make_story,
)
from tests.support.fake_api import FakeApi, make_layer, make_smeshing, make_status

EVENT = NodeEvent(
    time_ns=GENESIS_NS,
    is_failure=False,
    text="",
    details=BeaconComputed(epoch=EpochID(2), beacon=Beacon(b"\x01\x02\x03\x04")),
)


def make_feed(api: FakeApi, story: Story) -> Feed:
    return Feed(api=api, story=story, now_ns=lambda: GENESIS_NS)


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_a_poll_reads_all_there_is() -> None:
    api, story = make_api(), make_story()
    payer = demo_purse().addresses[0]
    api.node_status = make_status(current_layer=LayerID(22), applied_layer=LayerID(21))
    api.smeshing_status = make_smeshing(setup=make_space(64))
    api.known_layers = [make_layer(number) for number in range(23)]
    api.known_rewards = [make_reward(21)]
    api.known_activations = [make_activation(1)]
    api.fund(payer, 500)
    with make_feed(api, story) as feed:
        feed.poll()
    assert api.closed
    assert story.network == api.network_info
    assert story.status == api.node_status
    assert story.space == make_space(64)
    assert min(story.layers) == 21 - 12
    assert story.layers[LayerID(21)].reward == make_reward(21).total
    assert [account.balance for account in story.accounts] == [500, 0]
    assert list(story.activations.values()) == [make_activation(1)]


def test_the_state_is_read_when_a_layer_passes_or_something_was_sent() -> None:
    api, story = make_api(), make_story()
    with make_feed(api, story) as feed:
        feed.poll()
        feed.poll()
        assert api.calls.count("accounts") == 1
        feed.read_again()
        feed.poll()
        assert api.calls.count("accounts") == 2
        api.node_status = make_status()
        feed.poll()
        assert api.calls.count("accounts") == 3
        assert api.calls.count("network") == 1


def test_the_space_is_read_until_it_is_complete() -> None:
    api, story = make_api(), make_story()
    with make_feed(api, story) as feed:
        feed.poll()
        api.smeshing_status = make_smeshing(setup=make_space(64))
        feed.poll()
        feed.poll()
    assert api.calls.count("smeshing") == 2


def test_events_arrive_while_nobody_polls() -> None:
    api, story = make_api(), make_story()

    def polled() -> bool:
        feed.poll()
        return bool(story.diary.beacons)

    with make_feed(api, story) as feed:
        api.live.put(EVENT)
        eventually(polled)
    assert story.diary.beacons == {2: "01020304"}


class MuteApi(LiveApi):
    """A node whose stream of events cannot be opened."""

    def events(self) -> None:  # type: ignore[override]
        raise UnavailableError("no private API")


def test_a_stream_that_breaks_is_told_by_the_next_poll() -> None:
    api = MuteApi()
    api.network_info = make_api().network_info

    def polled() -> bool:
        feed.poll()
        return False

    with make_feed(api, make_story()) as feed, pytest.raises(UnavailableError, match="private"):
        eventually(polled)


def test_a_node_of_another_network_is_refused() -> None:
    story = Story(
        diary=Diary(genesis_ns=1, started_ns=0),
        addresses=demo_purse().addresses,
        steps=demo_purse().ids,
    )
    with (
        make_feed(make_api(), story) as feed,
        pytest.raises(PreconditionError, match="another network"),
    ):
        feed.poll()


def test_a_feed_that_was_never_opened_only_closes() -> None:
    api = make_api()
    feed = make_feed(api, make_story())
    feed.__exit__(None, None, None)
    assert api.closed
