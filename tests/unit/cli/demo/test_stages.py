"""How a story is shown."""

import io
from datetime import UTC, timedelta, timezone

from rich.console import Console
from rich.live import Live

from cli.demo.screen import draw
from cli.demo.stages import EventStage, LineStage, QuietStage, ScreenStage, clock_time
from cli.demo.story import News, PoetRound, Story
from node.client.records import LayerStatus
from node.types.layer import EpochID, LayerID
from tests.support.demo import (
    GENESIS_NS,
    NETWORK,
    NS,
    demo_purse,
    make_activation,
    make_api,
    make_reward,
    make_space,
    make_story,
)
from tests.support.fake_api import make_layer, make_status

# 2023-11-14T22:13:20Z, the genesis of the network.
EAST = timezone(timedelta(hours=5, minutes=30))


def test_times_have_the_offset_of_their_zone() -> None:
    assert clock_time(GENESIS_NS, UTC) == "22:13:20 +00:00"
    assert clock_time(GENESIS_NS, EAST) == "03:43:20 +05:30"


def told_story() -> Story:
    story = make_story()
    story.tell("a network", GENESIS_NS)
    story.tell("it failed", GENESIS_NS + NS, is_failure=True)
    return story


def test_lines_are_written_once() -> None:
    stream = io.StringIO()
    stage = LineStage(stream=stream, zone=UTC)
    story = told_story()
    stage.show(story, 0)
    stage.show(story, 0)
    assert stream.getvalue() == "22:13:20 +00:00  a network\n22:13:21 +00:00  ! it failed\n"


def test_scripts_get_records() -> None:
    seen: list[tuple[str, object]] = []
    stage = EventStage(emit=lambda text, record: seen.append((text, record)))
    stage.show(told_story(), 0)
    assert seen == [
        (
            "a network",
            {"time": "2023-11-14T22:13:20Z", "text": "a network", "is_failure": False},
        ),
        (
            "it failed",
            {"time": "2023-11-14T22:13:21Z", "text": "it failed", "is_failure": True},
        ),
    ]


def test_quiet_is_quiet() -> None:
    story = told_story()
    QuietStage().show(story, 0)
    assert story.take_news() == ()


def picture(story: Story, now_ns: int) -> list[str]:
    stream = io.StringIO()
    console = Console(file=stream, width=80, height=24, force_terminal=False, no_color=True)
    console.print(draw(story, now_ns, UTC))
    return [line.rstrip() for line in stream.getvalue().splitlines()]


def has(lines: list[str], *parts: str) -> bool:
    return any(all(part in line for part in parts) for line in lines)


def test_the_picture_begins_with_the_time_to_genesis() -> None:
    lines = picture(make_story(), GENESIS_NS - 7 * NS)
    assert lines[0] == "Spacemesh, a network of one: starting"
    assert has(lines, "layer", "genesis at 22:13:20 +00:00, in 7 s")
    assert has(lines, "space", "waiting for the node")
    assert has(lines, "PoET", "no round yet")
    assert has(lines, "ATX", "0 seen", "none yet")
    assert has(lines, "beacon", "none yet")


def lived() -> Story:
    """Return the story of a network in layer 23 that has spent."""
    story = make_story()
    purse = demo_purse()
    api = make_api()
    now_ns = GENESIS_NS + 140 * NS
    story.take_network(NETWORK, now_ns)
    status = make_status(current_layer=LayerID(23), applied_layer=LayerID(22))
    story.take_status(status, now_ns)
    story.take_space(make_space(64))
    story.take_layers(
        [
            make_layer(20, block=None),
            make_layer(21),
            make_layer(22, status=LayerStatus.APPLIED),
            make_layer(23, status=LayerStatus.UNSPECIFIED, block=None),
        ],
        now_ns,
    )
    story.take_rewards([make_reward(21)], now_ns)
    story.take_activations([make_activation(1)])
    story.diary.beacons[2] = "aabbccdd"
    story.slots[EpochID(2)] = 500
    api.fund(purse.addresses[0], make_reward(21).total)
    api.submit(purse.spawn.raw)
    api.apply(purse.spawn.id, layer=22)
    api.submit(purse.send.raw)
    story.take_accounts(api.accounts(purse.addresses))
    story.take_transactions(api.transactions(ids=purse.ids), now_ns)
    return story


def test_the_picture_shows_the_life_of_the_network() -> None:
    story = lived()
    lines = picture(story, GENESIS_NS + 140 * NS)
    assert lines[0] == "Spacemesh, a network of one: 0001020304, synced"
    assert has(lines, "layer", "23, since 22:15:38 +00:00, next in 4 s")
    assert has(lines, "epoch", "2, next at 22:16:20 +00:00")
    assert has(lines, "space", "64 of 64 labels, complete")
    assert has(lines, "ATX", "1 seen", "a1a1a1a1a1 for epoch 2")
    assert has(lines, "beacon", "500 slots", "aabbccdd in epoch 2")
    assert has(lines, "20", "verified", "-")
    assert has(lines, "21", "verified", "477.618397593 SMH")
    assert has(lines, "22", "applied")
    assert has(lines, "23", "open")
    assert has(lines, "smesher", "yes")
    assert has(lines, "second", "no")
    assert has(lines, "single_sig_spawn", "success", "22", "smidge")
    assert has(lines, "single_sig_send", "mempool")
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80


def test_the_picture_shows_proofs_and_rounds() -> None:
    story = lived()
    now_ns = GENESIS_NS + 40 * NS
    story.window_ns = GENESIS_NS + 30 * NS
    assert has(picture(story, now_ns), "PoET", "registrations until 22:13:50 +00:00")
    story.ticks = 9
    story.window_ns = None
    assert has(picture(story, now_ns), "PoET", "last proof has 9 ticks")
    story.round = PoetRound(
        since_ns=GENESIS_NS + 30 * NS, until_ns=GENESIS_NS + 60 * NS, publish=EpochID(1)
    )
    assert has(picture(story, now_ns), "PoET", "round for epoch 1 ends 22:14:20 +00:00")
    story.is_proving = True
    assert has(picture(story, now_ns), "space", "64 of 64 labels, proving")
    story.is_proving = False
    story.diary.instants |= {"space_begun": GENESIS_NS, "proved": GENESIS_NS + 3 * NS}
    assert has(picture(story, now_ns), "space", "made and proved in 3.0 s")
    story.space = make_space(16)
    story.diary.instants.clear()
    assert has(picture(story, now_ns), "space", "16 of 64 labels")


def test_only_the_last_news_are_in_the_picture() -> None:
    story = make_story()
    for number in range(10):
        story.news.append(News(time_ns=GENESIS_NS, text=f"news {number}", is_failure=number == 9))
    lines = picture(story, GENESIS_NS)
    assert [line for line in lines if "news" in line] == [
        "22:13:20 +00:00  news 5",
        "22:13:20 +00:00  news 6",
        "22:13:20 +00:00  news 7",
        "22:13:20 +00:00  news 8",
        "22:13:20 +00:00  ! news 9",
    ]


def test_a_screen_draws_the_picture() -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=80, force_terminal=True)
    story = told_story()
    with Live(console=console, auto_refresh=False) as live:
        ScreenStage(live=live, zone=UTC).show(story, GENESIS_NS)
    assert "a network" in stream.getvalue()
    assert story.take_news() == ()
