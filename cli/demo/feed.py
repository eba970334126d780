"""Reads a node and tells its story: events as they come, the rest once a tick.

A thread waits for events, because that call blocks; everything else happens in the thread
that calls ``poll``.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Thread
from types import TracebackType
from typing import Final, Self

from cli.demo.story import Story
from node.base.errors import PreconditionError, SpacemeshError
from node.client.events import NodeEvent
from node.client.ports import NodeApi
from node.client.records import NodeStatus, SetupState
from node.types.layer import EpochID, LayerID

LAYERS_BACK: Final = 12
"""Layers below the last applied one that are read again, in case the tortoise changed its mind."""

LAYERS_AHEAD: Final = 3
"""Layers above it that may have a block already; after a pause there are many without."""

EPOCHS_BACK: Final = 2
JOIN_S: Final = 5.0
"""How long the thread may take to notice the end."""


@dataclass(slots=True, kw_only=True)
class Feed:
    """One connection to a node; a context manager that closes it."""

    api: NodeApi
    story: Story
    now_ns: Callable[[], int]
    _heard: SimpleQueue[NodeEvent | SpacemeshError] = field(default_factory=SimpleQueue)
    _seen: tuple[LayerID, LayerID] | None = None
    """Current and applied layer when layers and accounts were read last."""

    _thread: Thread | None = None

    def __enter__(self) -> Self:
        self._thread = Thread(target=self._listen, name="demo-events", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.api.close()
        if self._thread is not None:
            self._thread.join(JOIN_S)

    def poll(self) -> None:
        """Bring the story up to date.

        Raises:
            UnavailableError: the node does not answer.
            PreconditionError: it is of another network than the story.
        """
        now_ns = self.now_ns()
        if self.story.network is None:
            self._introduce(now_ns)
        self._take_events()
        status = self.api.status()
        self.story.take_status(status, now_ns)
        space = self.story.space
        if space is None or space.state is not SetupState.COMPLETE:
            self.story.take_space(self.api.smeshing().setup)
        now_seen = status.current_layer, status.applied_layer
        if now_seen != self._seen:
            self._read_state(status, now_ns)
            self._seen = now_seen
        if self.story.status is not None and self.story.accounts:
            steps = self.story.steps
            self.story.take_transactions(self.api.transactions(ids=steps), now_ns)

    def read_again(self) -> None:
        """Read accounts and layers at the next tick, though no layer has passed."""
        self._seen = None

    def _introduce(self, now_ns: int) -> None:
        network = self.api.network()
        if network.genesis_ns != self.story.diary.genesis_ns:
            raise PreconditionError(
                f"the node runs another network: {network.genesis_id.hex()}",
                hint="choose another folder with --data-folder",
            )
        self.story.take_network(network, now_ns)

    def _take_events(self) -> None:
        while True:
            try:
                heard = self._heard.get_nowait()
            except Empty:
                return
            if isinstance(heard, SpacemeshError):
                raise heard
            self.story.take_event(heard)

    def _read_state(self, status: NodeStatus, now_ns: int) -> None:
        first = LayerID(max(0, status.applied_layer - LAYERS_BACK))
        payer = self.story.addresses[0]
        last = LayerID(status.applied_layer + LAYERS_AHEAD)
        self.story.take_layers(self.api.layers(first=first, last=last), now_ns)
        self.story.take_rewards(self.api.rewards(coinbase=payer, first=first), now_ns)
        self.story.take_accounts(self.api.accounts(self.story.addresses))
        epoch = self.story.epoch or EpochID(0)
        since = EpochID(max(0, epoch - EPOCHS_BACK))
        self.story.take_activations(self.api.activations(first_epoch=since))

    def _listen(self) -> None:
        try:
            for event in self.api.events():
                self._heard.put(event)
        except SpacemeshError as error:
            self._heard.put(error)
