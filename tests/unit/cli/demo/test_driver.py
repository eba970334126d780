"""Playing a demo against a node that never was, without time passing."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field

import pytest

from cli.demo.diary import Diary, Milestone
from cli.demo.driver import LOST, PATIENCE, Demo
from cli.demo.report import DemoReport
from cli.demo.stages import QuietStage
from cli.demo.story import Story
from cli.errors import CheckFailedError
from node.base.errors import PreconditionError, UnavailableError, UsageError
from node.client.records import OutcomeStatus
from node.operator.node_record import NodeState
from node.types.ids import TransactionID
from node.types.layer import LayerID
from tests.support.demo import (
    GENESIS_NS,
    NS,
    FakeProcess,
    LiveApi,
    demo_purse,
    make_activation,
    make_api,
    make_reward,
    make_space,
    make_story,
)
from tests.support.fake_api import make_layer, make_smeshing, make_status

PURSE = demo_purse()


@dataclass(slots=True, kw_only=True)
class Play:
    """A demo whose seconds are ticks; a script changes the node as they pass."""

    api: LiveApi = field(default_factory=make_api)
    process: FakeProcess = field(default_factory=FakeProcess)
    story: Story = field(default_factory=make_story)
    script: dict[int, Callable[["Play"], object]] = field(default_factory=dict)
    seconds: int = 0
    limit: int = 60
    opened: int = 0
    saved: list[Diary] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def run(self, *, until_spent: bool = True) -> DemoReport:
        demo = Demo(
            process=self.process,
            open_api=lambda _: nullcontext(self.open()),
            story=self.story,
            purse=PURSE,
            stage=QuietStage(),
            save=self.saved.append,
            warn=self.warnings.append,
            now_ns=lambda: GENESIS_NS + self.seconds * NS,
            sleep=self.sleep,
            setup_s=12.0,
            until_spent=until_spent,
        )
        return demo.run()

    def open(self) -> LiveApi:
        self.opened += 1
        return self.api

    def sleep(self, seconds: float) -> None:
        assert seconds == 1.0
        self.seconds += 1
        if self.seconds > self.limit:
            raise KeyboardInterrupt
        if self.seconds in self.script:
            self.script[self.seconds](self)
        self.live()

    def live(self) -> None:
        """Let a layer pass every six seconds, with a reward from layer 21 on."""
        layer = self.seconds // 6 + 20
        self.api.node_status = make_status(
            current_layer=LayerID(layer), applied_layer=LayerID(layer - 1)
        )
        self.api.known_layers = [make_layer(number) for number in range(layer + 1)]
        self.api.known_rewards = [make_reward(number) for number in range(21, layer)]
        if self.api.known_rewards and not self.api.known_accounts:
            self.api.fund(PURSE.addresses[0], make_reward(21).total)
        if self.seconds % 6 == 0:
            for tx_id, known in list(self.api.known_transactions.items()):
                if known.outcome is None:
                    self.api.apply(tx_id, layer=layer - 1)


def test_a_demo_runs_until_its_coins_are_spent() -> None:
    play = Play()
    play.api.known_activations = [make_activation(1), make_activation(2)]
    play.api.smeshing_status = make_smeshing(setup=make_space(64))
    report = play.run()

    assert play.api.submitted == [PURSE.spawn.raw, PURSE.send.raw]
    assert [one.kind for one in report.transactions] == ["single_sig_spawn", "single_sig_send"]
    assert {one.status for one in report.transactions} == {"success"}
    assert [one.layer for one in report.transactions] == [22, 23]
    assert report.accounts[1].balance == 100 * 10**9
    assert report.accounts[0].nonce == 2
    assert report.network.genesis_id == bytes(range(20)).hex()
    assert (report.network.layer_duration_s, report.network.layers_per_epoch) == (6.0, 10)
    assert (report.layers, report.epochs) == (23, 2)
    assert [atx.publish_epoch for atx in report.atxs] == [1, 2]
    assert report.state_root == "05" * 32
    assert report.seconds.setup == 12.0
    assert report.seconds.post is None
    assert report.seconds.first_reward == 20 + 12
    assert report.seconds.spent == 20 + 24
    assert play.saved[-1].find(Milestone.SPENT) is not None
    assert play.api.closed
    assert play.warnings == []


def test_without_an_end_it_goes_on_until_it_is_interrupted() -> None:
    play = Play()
    with pytest.raises(KeyboardInterrupt):
        play.run(until_spent=False)
    assert play.story.is_spent
    assert play.api.closed
    assert len(play.api.submitted) == 2


def test_a_demo_that_is_done_ends_at_once() -> None:
    first = Play()
    first.run()
    again = Play(api=first.api, story=make_story())
    report = again.run()
    assert again.seconds == 0
    assert len(report.transactions) == 2
    assert len(again.api.submitted) == 2


def test_a_node_that_is_started_again_is_followed_and_told() -> None:
    def die(play: Play) -> None:
        play.process.state = NodeState.RESTARTING
        play.process.pid = 101

    play = Play(script={3: die})
    play.run()
    assert play.process.waited == 1
    assert play.opened == 2
    assert play.warnings == ["the node ended and was started again\n  | fatal: out of luck"]


def test_a_node_that_has_ended_for_good_ends_the_demo() -> None:
    def die(play: Play) -> None:
        play.process.failing = UnavailableError("the node has ended, exit code 1")

    with pytest.raises(UnavailableError, match="exit code 1"):
        Play(script={3: die}).run()


def test_a_node_that_pauses_is_waited_for() -> None:
    def fail(play: Play) -> None:
        play.api.failing = UnavailableError("deadline exceeded")

    def mend(play: Play) -> None:
        play.api.failing = None

    play = Play(script={3: fail, 6: mend})
    play.run()
    assert play.warnings == []
    assert "no answer: deadline exceeded" in {news.text for news in play.story.news}


def test_a_node_that_never_answers_again_is_given_up() -> None:
    def fail(play: Play) -> None:
        play.api.failing = UnavailableError("deadline exceeded")

    play = Play(script={3: fail})
    with pytest.raises(UnavailableError, match="deadline exceeded"):
        play.run()
    assert play.seconds == 3 + PATIENCE


def test_a_refusal_because_of_syncing_is_tried_again() -> None:
    class Hesitant(LiveApi):
        __slots__ = ("refusals",)

        def submit(self, raw: bytes) -> TransactionID:
            self.refusals = getattr(self, "refusals", 0) + 1
            if self.refusals < 3:
                raise PreconditionError("node is not in sync yet")
            return super().submit(raw)

    model = make_api()
    api = Hesitant(
        network_info=model.network_info,
        node_status=model.node_status,
        smeshing_status=model.smeshing_status,
    )
    play = Play(api=api)
    play.run()
    assert "cannot spawn yet: node is not in sync yet" in {news.text for news in play.story.news}


def test_a_refused_transaction_ends_the_demo() -> None:
    class Refusing(LiveApi):
        __slots__ = ()

        def submit(self, raw: bytes) -> TransactionID:
            raise UsageError("Failed to verify transaction")

    model = make_api()
    api = Refusing(
        network_info=model.network_info,
        node_status=model.node_status,
        smeshing_status=model.smeshing_status,
    )
    with pytest.raises(UsageError, match="Failed to verify"):
        Play(api=api).run()


def test_a_transaction_that_fails_ends_the_demo_with_its_report() -> None:
    def fail(play: Play) -> None:
        play.api.apply(PURSE.send.id, status=OutcomeStatus.FAILURE, message="no luck")

    with pytest.raises(CheckFailedError, match="failed in layer 24: no luck") as caught:
        Play(script={19: fail}).run()
    report = caught.value.report
    assert isinstance(report, DemoReport)
    assert report.transactions[-1].status == "failure"


def test_a_network_that_is_lost_ends_the_demo() -> None:
    play = Play()
    play.api.node_status = make_status(
        current_layer=LayerID(70), latest_layer=LayerID(30), applied_layer=LayerID(29)
    )
    with pytest.raises(PreconditionError, match="whole epoch") as caught:
        play.run()
    assert caught.value.code == LOST
    assert play.api.closed
