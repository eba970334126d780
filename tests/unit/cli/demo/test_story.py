"""What was seen of a network, told in lines."""

import pytest

from cli.demo.diary import Milestone
from cli.demo.story import KEPT_LAYERS, Story
from node.client.events import (
    AtxPublished,
    BeaconComputed,
    Convicted,
    EligibilitiesKnown,
    EventDetails,
    InitCompleted,
    InitFailed,
    InitStarted,
    LayerSlots,
    NodeEvent,
    OtherEvent,
    PoetProofChosen,
    PoetProofDownloaded,
    PoetRegistered,
    PoetRoundAwaited,
    PoetWindowAwaited,
    PostCompleted,
    PostServiceStarted,
    PostServiceStopped,
    PostStarted,
    ProposalMade,
)
from node.client.records import OutcomeStatus, Reward
from node.types.ids import AtxID, Beacon, Hash32, ProposalID
from node.types.layer import EpochID, LayerID
from tests.support.demo import (
    GENESIS_NS,
    NETWORK,
    NS,
    SMESHER,
    demo_purse,
    make_activation,
    make_api,
    make_space,
    make_story,
)
from tests.support.fake_api import make_layer, make_status

ATX = AtxID(b"\x0a" * 32)
CHALLENGE = Hash32(b"\x0c" * 32)
BEACON = Beacon(b"\xaa\xbb\xcc\xdd")


def tell(story: Story, details: EventDetails, *, at_s: int = 0, text: str = "") -> str:
    time_ns = GENESIS_NS + at_s * NS
    story.take_event(NodeEvent(time_ns=time_ns, is_failure=False, text=text, details=details))
    return lines(story)[-1]


def lines(story: Story) -> list[str]:
    return [news.text for news in story.take_news()]


EVENTS: list[tuple[EventDetails, str]] = [
    (BeaconComputed(epoch=EpochID(3), beacon=BEACON), "beacon of epoch 3: 0xaabbccdd"),
    (InitStarted(smesher=SMESHER, commitment=ATX), "making space"),
    (InitCompleted(smesher=SMESHER), "space ready"),
    (InitFailed(smesher=SMESHER, commitment=ATX, error="disk full"), "space failed: disk full"),
    (PostServiceStarted(), "PoST worker connected"),
    (PostServiceStopped(), "PoST worker left"),
    (PostStarted(smesher=SMESHER, challenge=CHALLENGE), "proving the space"),
    (PostCompleted(smesher=SMESHER, challenge=CHALLENGE), "proof of the space ready"),
    (PostCompleted(smesher=SMESHER, challenge=None), "the proof of the space failed"),
    (
        PoetWindowAwaited(
            smesher=SMESHER, current=EpochID(0), publish=EpochID(1), until_ns=GENESIS_NS + 18 * NS
        ),
        "waiting until the PoET takes registrations for epoch 1",
    ),
    (
        PoetRegistered(smesher=SMESHER, url="http://p", round_id="0"),
        "registered with http://p, round 0",
    ),
    (
        PoetRoundAwaited(
            smesher=SMESHER, publish=EpochID(1), target=EpochID(2), until_ns=GENESIS_NS + 60 * NS
        ),
        "waiting for the end of the PoET round in 60 s",
    ),
    (PoetProofDownloaded(url="http://p", round_id="0", ticks=7), "PoET proof of round 0: 7 ticks"),
    (
        PoetProofChosen(smesher=SMESHER, url="http://p", round_id="0", ticks=7),
        "PoET proof of round 0 chosen, 7 ticks",
    ),
    (
        AtxPublished(
            smesher=SMESHER, atx=ATX, current=EpochID(1), target=EpochID(2), until_ns=GENESIS_NS
        ),
        "ATX 0a0a0a0a0a published for epoch 2",
    ),
    (
        EligibilitiesKnown(
            smesher=SMESHER,
            epoch=EpochID(2),
            beacon=BEACON,
            atx=ATX,
            active_set_size=1,
            layers=(
                LayerSlots(layer=LayerID(20), count=50),
                LayerSlots(layer=LayerID(21), count=50),
            ),
        ),
        "100 slots in epoch 2, first in layer 20",
    ),
    (
        ProposalMade(smesher=SMESHER, layer=LayerID(21), proposal=ProposalID(bytes(20))),
        "proposal in layer 21",
    ),
    (
        Convicted(smesher=SMESHER, layer=LayerID(5), explanation="two ballots"),
        "identity convicted of malfeasance: two ballots",
    ),
    (OtherEvent(), "what the node says"),
]


@pytest.mark.parametrize(("details", "line"), EVENTS)
def test_every_event_has_its_line(details: EventDetails, line: str) -> None:
    assert tell(make_story(), details, text="what the node says") == line


def test_an_event_told_twice_is_news_once() -> None:
    story = make_story()
    event = NodeEvent(
        time_ns=1,
        is_failure=True,
        text="",
        details=InitFailed(smesher=SMESHER, commitment=ATX, error="disk full"),
    )
    story.take_event(event)
    (news,) = story.take_news()
    assert news.is_failure
    story.take_event(event)
    assert story.take_news() == ()
    assert list(story.news) == [news]


def test_events_move_the_picture() -> None:
    story = make_story()
    for number, (details, _) in enumerate(EVENTS):
        tell(story, details, at_s=number)
    assert story.diary.beacons == {3: "aabbccdd", 2: "aabbccdd"}
    assert story.slots == {2: 100}
    assert story.ticks == 7
    assert story.round is None
    assert story.window_ns is None
    assert not story.is_proving
    assert story.layers[LayerID(21)].proposals == 1
    seconds = story.diary.seconds
    assert seconds(Milestone.SPACE_BEGUN, Milestone.PROVED) == 6.0
    assert seconds(Milestone.REGISTERED, Milestone.POET_PROVED) == 2.0
    assert seconds(None, Milestone.ATX_PUBLISHED) == 34.0


def test_a_round_is_waited_for_until_its_proof_is_there() -> None:
    story = make_story()
    wait = PoetRoundAwaited(
        smesher=SMESHER, publish=EpochID(1), target=EpochID(2), until_ns=GENESIS_NS + 60 * NS
    )
    tell(story, wait, at_s=30)
    assert story.round is not None
    assert (story.round.since_ns, story.round.until_ns) == (
        GENESIS_NS + 30 * NS,
        GENESIS_NS + 60 * NS,
    )
    chosen = PoetProofChosen(smesher=SMESHER, url="", round_id="0", ticks=9)
    tell(story, chosen, at_s=60)
    assert story.round is None


def started() -> Story:
    story = make_story()
    story.take_network(NETWORK, GENESIS_NS)
    return story


def test_the_network_and_its_epochs_are_told() -> None:
    story = started()
    assert story.epoch is None
    assert lines(story)[0].startswith("network 000102")
    story.take_status(make_status(current_layer=LayerID(0)), GENESIS_NS - NS)
    assert lines(story) == []
    story.take_status(make_status(current_layer=LayerID(0)), GENESIS_NS)
    story.take_status(make_status(current_layer=LayerID(1)), GENESIS_NS + 6 * NS)
    story.take_status(make_status(current_layer=LayerID(10)), GENESIS_NS + 60 * NS)
    assert lines(story) == ["epoch 0 runs, layer 0", "epoch 1 runs, layer 10"]
    assert story.epoch == 1


def test_the_size_of_the_space_is_known_once_the_node_told_it() -> None:
    story = make_story()
    assert story.labels_wanted is None
    story.take_network(NETWORK, GENESIS_NS)
    story.take_space(make_space(16))
    assert story.labels_wanted == 64


def test_layers_are_told_when_they_are_applied() -> None:
    story = started()
    story.take_status(make_status(current_layer=LayerID(22), applied_layer=LayerID(21)), GENESIS_NS)
    lines(story)
    records = [make_layer(19), make_layer(20, block=None), make_layer(21), make_layer(22)]
    story.take_layers(records, GENESIS_NS)
    story.take_layers(records, GENESIS_NS)
    assert lines(story) == [
        "layer 20 applied: empty",
        f"layer 21 applied: block {(21).to_bytes(20, 'big')[:5].hex()}",
    ]
    assert not story.layers[LayerID(22)].is_applied
    assert story.layers[LayerID(21)].is_verified


def test_old_layers_are_forgotten() -> None:
    story = started()
    story.take_status(make_status(current_layer=LayerID(99), applied_layer=LayerID(98)), GENESIS_NS)
    records = [make_layer(number) for number in range(100)]
    story.take_layers(records, GENESIS_NS)
    assert sorted(story.layers) == list(range(100 - KEPT_LAYERS, 100))
    lines(story)
    story.take_layers(records, GENESIS_NS)
    assert lines(story) == []


def test_a_reward_is_told_once() -> None:
    story = started()
    lines(story)
    reward = Reward(
        layer=LayerID(21),
        total=477_618_397_593,
        layer_reward=477_618_397_593,
        coinbase=story.addresses[0],
        smesher=SMESHER,
    )
    story.take_rewards([reward], GENESIS_NS + NS)
    story.take_rewards([reward], GENESIS_NS + 2 * NS)
    assert lines(story) == ["reward of layer 21: 477.618397593 SMH"]
    assert story.diary.find(Milestone.REWARDED) == GENESIS_NS + NS


def test_the_steps_of_the_wallet_are_told_when_they_are_applied() -> None:
    story = started()
    lines(story)
    purse = demo_purse()
    api = make_api()
    api.fund(purse.addresses[0], 500 * 10**9)
    api.submit(purse.spawn.raw)
    story.take_transactions(api.transactions(ids=purse.ids), GENESIS_NS)
    assert lines(story) == []
    assert story.spawned is not None
    api.apply(purse.spawn.id, layer=22)
    story.take_transactions(api.transactions(ids=purse.ids), GENESIS_NS)
    (line,) = lines(story)
    assert line.startswith(f"transaction {purse.spawn.id.hex()[:10]} (single_sig_spawn) applied")
    assert "in layer 22: success, fee " in line
    assert not story.is_spent

    api.submit(purse.send.raw)
    api.apply(purse.send.id, layer=23)
    story.take_transactions(api.transactions(ids=purse.ids), GENESIS_NS + NS)
    story.take_transactions(api.transactions(ids=purse.ids), GENESIS_NS + 2 * NS)
    assert len(lines(story)) == 1
    assert story.is_spent
    assert story.failed_step is None
    assert story.diary.find(Milestone.SPENT) == GENESIS_NS + NS


def test_a_failed_step_is_told_with_its_reason() -> None:
    story = started()
    purse = demo_purse()
    api = make_api()
    api.fund(purse.addresses[0], 500 * 10**9)
    api.submit(purse.spawn.raw)
    api.apply(purse.spawn.id)
    api.submit(purse.send.raw)
    api.apply(purse.send.id, status=OutcomeStatus.FAILURE, message="no balance")
    story.take_transactions(api.transactions(ids=purse.ids), GENESIS_NS)
    news = story.take_news()[-1]
    assert news.is_failure
    assert news.text.endswith(", no balance")
    assert not story.is_spent
    assert story.failed_step == api.transaction(purse.send.id)
    assert story.diary.find(Milestone.SPENT) is None


def test_what_is_waited_for_follows_the_milestones() -> None:
    story = make_story()
    assert story.waits_for() == "the space, its proof and the registration with the PoET"
    story.diary.note(Milestone.REGISTERED, 1)
    assert story.waits_for() == "the PoET round to end, and the first ATX"
    story.take_activations([make_activation(1)])
    assert story.waits_for() == "the first reward"
    story.diary.note(Milestone.REWARDED, 2)
    assert story.waits_for() == "the account to be spawned"
    api = make_api()
    purse = demo_purse()
    api.fund(purse.addresses[0], 500 * 10**9)
    api.submit(purse.spawn.raw)
    api.apply(purse.spawn.id)
    api.submit(purse.send.raw)
    story.take_transactions(api.transactions(ids=purse.ids), GENESIS_NS)
    assert story.waits_for() == "the coins to arrive"


def test_a_network_that_slept_for_an_epoch_is_lost() -> None:
    story = make_story()
    assert not story.is_lost
    story.take_network(NETWORK, GENESIS_NS)
    for latest, current, lost in (
        (0, 45, False),
        (19, 45, False),
        (25, 35, False),
        (25, 36, True),
        (40, 41, False),
    ):
        story.take_status(
            make_status(
                current_layer=LayerID(current),
                latest_layer=LayerID(latest),
                applied_layer=LayerID(min(latest, 19)),
            ),
            GENESIS_NS,
        )
        assert story.is_lost is lost
