"""What was seen of a network so far: takes records of the API, tells what is new.

Pure: instants come as arguments.  Whatever is shown or reported is read from here, and all of
it was said by the node.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, assert_never

from cli.demo.diary import Diary, Milestone
from cli.records import Smidge
from node.client.events import (
    AtxPublished,
    BeaconComputed,
    Convicted,
    EligibilitiesKnown,
    EventDetails,
    InitCompleted,
    InitFailed,
    InitStarted,
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
from node.client.records import (
    AccountState,
    Activation,
    KnownTransaction,
    LayerRecord,
    NetworkInfo,
    NodeStatus,
    OutcomeStatus,
    Reward,
    SetupStatus,
)
from node.types.ids import AtxID, BlockID, TransactionID
from node.types.layer import EpochID, LayerID

KEPT_EVENTS: Final = 256
"""Events remembered, to know again those that a node tells after a new connection."""

KEPT_NEWS: Final = 64
KEPT_LAYERS: Final = 32
SHORT: Final = 5
"""Bytes of an identifier that people are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """A line for people."""

    time_ns: int
    text: str
    is_failure: bool = False


@dataclass(slots=True, kw_only=True)
class LayerSeen:
    """What is known of a layer."""

    number: LayerID
    proposals: int = 0
    """Own ones."""

    is_applied: bool = False
    is_verified: bool = False
    block: BlockID | None = None
    reward: int = 0
    """Smidge that the first account got."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoetRound:
    """A round that is waited for."""

    since_ns: int
    until_ns: int
    publish: EpochID


@dataclass(slots=True, kw_only=True)
class Story:
    """The life of a network, as far as it was seen."""

    diary: Diary
    addresses: tuple[str, str]
    """Accounts of the demo: who smeshes and pays, who is paid."""

    steps: tuple[TransactionID, TransactionID]
    """Transactions of the demo in order."""

    network: NetworkInfo | None = None
    status: NodeStatus | None = None
    space: SetupStatus | None = None
    is_proving: bool = False
    window_ns: int | None = None
    """When PoETs take registrations; None while nobody waits for that."""

    round: PoetRound | None = None
    ticks: int | None = None
    """Of the last PoET proof."""

    slots: dict[EpochID, int] = field(default_factory=dict)
    activations: dict[AtxID, Activation] = field(default_factory=dict)
    layers: dict[LayerID, LayerSeen] = field(default_factory=dict)
    accounts: tuple[AccountState, ...] = ()
    transactions: dict[TransactionID, KnownTransaction] = field(default_factory=dict)
    news: deque[News] = field(default_factory=lambda: deque(maxlen=KEPT_NEWS))
    """The last lines, oldest first."""

    _untold: list[News] = field(default_factory=list)
    _events: deque[NodeEvent] = field(default_factory=lambda: deque(maxlen=KEPT_EVENTS))
    _epoch: EpochID | None = None
    _told_layer: LayerID | None = None
    """Highest layer whose application was told."""

    _paid: set[LayerID] = field(default_factory=set)

    @property
    def epoch(self) -> EpochID | None:
        """Epoch that the clock shows."""
        if self.network is None or self.status is None:
            return None
        return self.network.time.epoch_of(self.status.current_layer)

    @property
    def labels_wanted(self) -> int | None:
        """Labels of the whole space, None until the node has told its size."""
        if self.network is None or self.space is None or self.space.options is None:
            return None
        return self.network.labels_per_unit * self.space.options.num_units

    @property
    def spawned(self) -> KnownTransaction | None:
        """What the node knows of the transaction that spawns the first account."""
        return self.transactions.get(self.steps[0])

    @property
    def sent(self) -> KnownTransaction | None:
        """What the node knows of the transaction that pays the second account."""
        return self.transactions.get(self.steps[1])

    @property
    def is_spent(self) -> bool:
        """Whether the second account was paid."""
        sent = self.sent
        return sent is not None and is_success(sent)

    @property
    def is_lost(self) -> bool:
        """Whether nobody proposed for a whole epoch after there had been blocks.

        A network of one cannot come back from that: undecided blocks are voted on by hare's
        coin, hare asks those who have ballots in the epoch, and there are no ballots.
        """
        if self.network is None or self.status is None:
            return False
        latest = max(self.status.latest_layer, self.status.applied_layer)
        silent = self.status.current_layer - latest
        return latest > self.network.effective_genesis and silent > self.network.layers_per_epoch

    @property
    def failed_step(self) -> KnownTransaction | None:
        """A transaction of the demo that was applied and failed, if there is one."""
        found = (self.transactions.get(step) for step in self.steps)
        return next((k for k in found if k is not None and k.outcome and not is_success(k)), None)

    def waits_for(self) -> str:
        """Return what comes next, for people."""
        if self.sent is not None:
            return "the coins to arrive"
        if self.diary.find(Milestone.REWARDED) is not None:
            return "the account to be spawned"
        if self.activations:
            return "the first reward"
        if self.diary.find(Milestone.REGISTERED) is not None:
            return "the PoET round to end, and the first ATX"
        return "the space, its proof and the registration with the PoET"

    def tell(self, text: str, now_ns: int, *, is_failure: bool = False) -> None:
        """Add a line of our own."""
        line = News(time_ns=now_ns, text=text, is_failure=is_failure)
        self.news.append(line)
        self._untold.append(line)

    def take_news(self) -> tuple[News, ...]:
        """Return the lines since the last call."""
        untold, self._untold = self._untold, []
        return tuple(untold)

    def take_network(self, network: NetworkInfo, now_ns: int) -> None:
        """Learn which network it is."""
        self.network = network
        self.tell(
            f"network {network.genesis_id.hex()}, layers of {network.layer_duration_ns / 1e9:g} s, "
            f"{network.layers_per_epoch} in an epoch",
            now_ns,
        )

    def take_status(self, status: NodeStatus, now_ns: int) -> None:
        """Learn how far the node is."""
        self.status = status
        epoch = self.epoch
        if epoch != self._epoch and epoch is not None and now_ns >= self.diary.genesis_ns:
            self._epoch = epoch
            self.tell(f"epoch {epoch} runs, layer {status.current_layer}", now_ns)

    def take_space(self, space: SetupStatus) -> None:
        """Learn how far the space is."""
        self.space = space

    def take_event(self, event: NodeEvent) -> None:
        """Learn what happened; an event that was told before is passed over."""
        if event in self._events:
            return
        self._events.append(event)
        text = self._take_details(event.details, event.time_ns) or event.text
        self.tell(text, event.time_ns, is_failure=event.is_failure)

    def take_layers(self, records: Iterable[LayerRecord], now_ns: int) -> None:
        """Learn how far layers are; only those in the state count as applied."""
        applied = self.status.applied_layer if self.status is not None else LayerID(0)
        for record in records:
            seen = self._layer(record.number)
            seen.is_applied = record.number <= applied
            seen.is_verified = record.status == "verified"
            seen.block = record.block
            if not seen.is_applied or record.number <= (self._told_layer or 0):
                continue
            self._told_layer = record.number
            if self._has_blocks(record.number):
                content = f"block {short(record.block)}" if record.block else "empty"
                self.tell(f"layer {record.number} applied: {content}", now_ns)

    def take_rewards(self, rewards: Iterable[Reward], now_ns: int) -> None:
        """Learn what the first account got."""
        for reward in rewards:
            seen = self._layer(reward.layer)
            seen.reward = reward.total
            if reward.layer in self._paid:
                continue
            self._paid.add(reward.layer)
            self.diary.note(Milestone.REWARDED, now_ns)
            self.tell(f"reward of layer {reward.layer}: {Smidge(reward.total)}", now_ns)

    def take_activations(self, activations: Iterable[Activation]) -> None:
        """Learn which ATXs there are."""
        self.activations.update((activation.id, activation) for activation in activations)

    def take_accounts(self, accounts: Sequence[AccountState]) -> None:
        """Learn balances and nonces."""
        self.accounts = tuple(accounts)

    def take_transactions(self, known: Iterable[KnownTransaction], now_ns: int) -> None:
        """Learn how far the transactions of the demo are."""
        now_known = {one.transaction.id: one for one in known}
        for number, step in enumerate(self.steps):
            before, after = self.transactions.get(step), now_known.get(step)
            if after is None:
                continue
            if after.outcome is not None and (before is None or before.outcome is None):
                self._applied(after, now_ns, pays=number == 1)
        self.transactions = now_known

    def _applied(self, known: KnownTransaction, now_ns: int, *, pays: bool) -> None:
        outcome = known.outcome
        if outcome is None:
            return
        self.tell(
            f"transaction {short(known.transaction.id)} ({kind_text(known)}) applied in "
            f"layer {outcome.layer}: {outcome.status}, fee {outcome.fee} smidge, "
            f"gas {outcome.gas}" + (f", {outcome.message}" if outcome.message else ""),
            now_ns,
            is_failure=not is_success(known),
        )
        if pays and is_success(known):
            self.diary.note(Milestone.SPENT, now_ns)

    def _layer(self, number: LayerID) -> LayerSeen:
        seen = self.layers.setdefault(number, LayerSeen(number=number))
        while len(self.layers) > KEPT_LAYERS:
            del self.layers[min(self.layers)]
        return seen

    def _has_blocks(self, number: LayerID) -> bool:
        return self.network is not None and number > self.network.effective_genesis

    def _take_details(self, details: EventDetails, time_ns: int) -> str:
        """Keep what an event says; return its line, empty for the node's own words."""
        match details:
            case BeaconComputed(epoch=epoch, beacon=beacon):
                self.diary.beacons[epoch] = beacon.hex()
                text = f"beacon of epoch {epoch}: 0x{beacon.hex()}"
            case AtxPublished(atx=atx, target=target):
                self.diary.note(Milestone.ATX_PUBLISHED, time_ns)
                text = f"ATX {short(atx)} published for epoch {target}"
            case EligibilitiesKnown(epoch=epoch, beacon=beacon, layers=layers):
                self.diary.beacons[epoch] = beacon.hex()
                self.slots[epoch] = sum(layer.count for layer in layers)
                first = f", first in layer {layers[0].layer}" if layers else ""
                text = f"{self.slots[epoch]} slots in epoch {epoch}{first}"
            case ProposalMade(layer=layer):
                self._layer(layer).proposals += 1
                text = f"proposal in layer {layer}"
            case Convicted(explanation=explanation):
                text = f"identity convicted of malfeasance: {explanation}"
            case OtherEvent():
                text = ""
            case (
                PoetWindowAwaited()
                | PoetRegistered()
                | PoetRoundAwaited()
                | PoetProofDownloaded()
                | PoetProofChosen()
            ):
                text = self._take_poet(details, time_ns)
            case _:
                text = self._take_space(details, time_ns)
        return text

    def _take_poet(
        self,
        details: PoetWindowAwaited
        | PoetRegistered
        | PoetRoundAwaited
        | PoetProofDownloaded
        | PoetProofChosen,
        time_ns: int,
    ) -> str:
        match details:
            case PoetWindowAwaited(publish=publish, until_ns=until_ns):
                self.window_ns = until_ns
                text = f"waiting until the PoET takes registrations for epoch {publish}"
            case PoetRegistered(url=url, round_id=round_id):
                self.window_ns = None
                self.diary.note(Milestone.REGISTERED, time_ns)
                text = f"registered with {url}, round {round_id}"
            case PoetRoundAwaited(publish=publish, until_ns=until_ns):
                self.round = PoetRound(since_ns=time_ns, until_ns=until_ns, publish=publish)
                left_s = (until_ns - time_ns) / 1e9
                text = f"waiting for the end of the PoET round in {left_s:.0f} s"
            case PoetProofDownloaded(round_id=round_id, ticks=ticks):
                self.diary.note(Milestone.POET_PROVED, time_ns)
                self.round, self.ticks = None, ticks
                text = f"PoET proof of round {round_id}: {ticks} ticks"
            case PoetProofChosen(round_id=round_id, ticks=ticks):
                self.diary.note(Milestone.POET_PROVED, time_ns)
                self.round, self.ticks = None, ticks
                text = f"PoET proof of round {round_id} chosen, {ticks} ticks"
            case _:
                assert_never(details)
        return text

    def _take_space(
        self,
        details: InitStarted
        | InitCompleted
        | InitFailed
        | PostServiceStarted
        | PostServiceStopped
        | PostStarted
        | PostCompleted,
        time_ns: int,
    ) -> str:
        match details:
            case InitStarted():
                self.diary.note(Milestone.SPACE_BEGUN, time_ns)
                text = "making space"
            case InitCompleted():
                text = "space ready"
            case InitFailed(error=error):
                text = f"space failed: {error}"
            case PostServiceStarted():
                text = "PoST worker connected"
            case PostServiceStopped():
                text = "PoST worker left"
            case PostStarted():
                self.is_proving = True
                text = "proving the space"
            case PostCompleted(challenge=None):
                self.is_proving = False
                text = "the proof of the space failed"
            case PostCompleted():
                self.is_proving = False
                self.diary.note(Milestone.PROVED, time_ns)
                text = "proof of the space ready"
            case _:
                assert_never(details)
        return text


def is_success(known: KnownTransaction) -> bool:
    """Return whether a transaction was applied and did what it says."""
    return known.outcome is not None and known.outcome.status is OutcomeStatus.SUCCESS


def kind_text(known: KnownTransaction) -> str:
    """Return what a transaction does, by the name of the API."""
    kind = known.transaction.kind
    return kind.value if kind is not None else "unknown"


def short(identifier: bytes) -> str:
    """Return the beginning of an identifier."""
    return identifier[:SHORT].hex()
