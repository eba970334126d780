"""Composition root: builds a node's components, connects them, runs them.

Source: go-spacemesh, node/node.go; node digest section 8.
"""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from node.activities import Activities
from node.consensus.activation.handler import TOPIC as ATX_TOPIC
from node.consensus.activation.warm_up import load_recent
from node.consensus.beacon.handler import (
    FIRST_VOTES,
    FOLLOWING_VOTES,
    PROPOSALS,
    WEAK_COIN,
)
from node.consensus.certifier.handler import TOPIC as CERTIFY_TOPIC
from node.consensus.hare.exchange import PROTOCOL as FULL_EXCHANGE
from node.consensus.malfeasance.convictions import TOPIC as MALFEASANCE_TOPIC
from node.consensus.mesh.history import StoredHistory
from node.consensus.proposals.handler import TOPIC as PROPOSAL_TOPIC
from node.consensus.tortoise.recover import recover
from node.consensus.transactions.handler import TOPIC as TRANSACTION_TOPIC
from node.environment import Environment
from node.events import LayerStarted
from node.layer_ticker import LayerTicker
from node.net.fetch.mesh_server import MeshServer
from node.net.fetch.wire import Hint
from node.net.peersync import PeerSync
from node.smesher.watch import (
    OwnKeyWatch,
    Reader,
    read_atx,
    read_ballot,
    read_certify,
    read_first_votes,
    read_following_votes,
    read_hare,
)
from node.store.layers import find_applied_layer
from node.wiring import (
    FetchRoute,
    Gate,
    Route,
    connect_fetch,
    connect_gossip,
)


class Node(Activities):
    """Components that are connected and run."""

    def __init__(self, environment: Environment) -> None:
        """Build and connect everything; nothing runs yet.

        Raises:
            ConfigError: the configuration does not describe a network that can be run.
        """
        super().__init__(environment)
        self.peersync = PeerSync(
            network=environment.network,
            clock=self.clock,
            bus=self.bus,
            config=self.config.time.peersync,
        )
        self.mesh.initialise(environment.genesis_accounts)
        self._warm_up()
        self._connect()

    async def submit(self, raw: bytes) -> None:
        """Publish a raw transaction; our own handler judges it first.

        Raises:
            IgnoreError: it is not acceptable.
        """
        await self.environment.network.publish(TRANSACTION_TOPIC, raw)

    async def run(self) -> None:
        """Run every service until cancelled; a failing one stops all."""
        services: list[Callable[[], Coroutine[Any, Any, None]]] = [
            self.fetcher.run,
            self.peersync.run,
            self.sync_service.run,
            self.mesh.run,
            self.beacon_service.run,
            self.block_service.run,
            *(hare.run for hare in self.hares),
            *(hare.run for hare in self.turbo_hares),
            self.proposal_builder.run,
            *(builder.run for builder in self.atx_builders),
            self._follow_layers,
        ]
        if self.bootstrap is not None:
            services.append(self.bootstrap.run)
        if self.pruner is not None:
            services.append(self.pruner.run)
        async with asyncio.TaskGroup() as tasks:
            for service in services:
                tasks.create_task(service())

    async def _follow_layers(self) -> None:
        async for layer in LayerTicker(self.clock, self.time).ticks():
            self.proposals.on_layer(layer)
            self.certifier.on_layer(layer)
            self.bus.publish(LayerStarted(layer=layer))

    def _warm_up(self) -> None:
        """Load the ATXs of the tortoise's window, and the tortoise itself."""
        load_recent(
            self.atxdata,
            self.db,
            applied=find_applied_layer(self.db) or self.time.effective_genesis,
            window_layers=self.config.tortoise.window_size,
            layers_per_epoch=self.time.layers_per_epoch,
        )
        recover(
            self.tortoise,
            self.atxdata,
            StoredHistory(self.db),
            clock_layer=self.time.layer_at(self.clock.now_ns()),
        )

    def _connect(self) -> None:
        network = self.environment.network
        routes = [
            Route(ATX_TOPIC, self.activation.on_gossip, Gate.ATX),
            Route(MALFEASANCE_TOPIC, self.malfeasance.on_gossip, Gate.ATX),
            Route(PROPOSAL_TOPIC, self.proposal_handler.on_gossip, Gate.GOSSIP),
            Route(TRANSACTION_TOPIC, self.transaction_handler.on_gossip, Gate.GOSSIP),
            Route(CERTIFY_TOPIC, self.certifier.on_gossip, Gate.GOSSIP),
        ]
        if self.config.beacon.rounds_number > 0:
            routes += [
                Route(PROPOSALS, self.beacon.on_proposal, Gate.GOSSIP),
                Route(FIRST_VOTES, self.beacon.on_first_votes, Gate.GOSSIP),
                Route(FOLLOWING_VOTES, self.beacon.on_following_votes, Gate.GOSSIP),
                Route(WEAK_COIN, self.beacon.on_weak_coin, Gate.GOSSIP),
            ]
        routes += [
            Route(hare.handler.topic, hare.handler.on_gossip, Gate.ALWAYS) for hare in self.hares
        ]
        connect_gossip(network, routes, self.sync, self._watch().over(self._readers()))
        for hare in self.hares:
            if hare.handler.exchange is not None:
                network.serve(FULL_EXCHANGE, hare.handler.exchange.on_request)
        validators = {
            Hint.ATX: self.activation.on_synced,
            Hint.POET: self.poet_proofs.on_synced,
            Hint.MALFEASANCE: self.malfeasance.on_synced,
            Hint.BLOCK: self.block_handler.on_synced,
            Hint.TX: self.transaction_handler.on_synced,
            Hint.PROPOSAL: self.proposal_handler.on_synced,
            Hint.BALLOT: self.proposal_handler.on_synced_ballot,
            Hint.ACTIVE_SET: self.proposal_handler.on_synced_active_set,
        }
        MeshServer(self.db).register(network)
        connect_fetch(
            network,
            self.fetcher,
            [
                FetchRoute(hint, validator, partial(self.find_object, hint))
                for hint, validator in validators.items()
            ],
        )

    def _watch(self) -> OwnKeyWatch:
        return OwnKeyWatch(
            guard=self.guard,
            verifier=self.verifier,
            clock=self.clock,
            time=self.time,
            signers=self.environment.identities.signers,
            local=self.environment.network.local,
        )

    def _readers(self) -> dict[str, Reader]:
        """Return what tells who says what on the topics our identities speak on."""
        return {
            ATX_TOPIC: read_atx,
            PROPOSAL_TOPIC: read_ballot,
            CERTIFY_TOPIC: read_certify,
            FIRST_VOTES: read_first_votes,
            FOLLOWING_VOTES: read_following_votes,
            **{hare.handler.topic: read_hare(hare.handler.version) for hare in self.hares},
        }
