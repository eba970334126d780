"""Every component of a node and what it is made with.

Source: go-spacemesh, node/node.go; node digest section 8.
"""

import asyncio
from functools import cached_property
from typing import Final

from node.base import scale
from node.base.errors import ConfigError
from node.config.genesis import genesis_id
from node.config.model.consensus import HareConfig
from node.config.model.root import NodeConfig
from node.consensus.activation.handler import ActivationHandler
from node.consensus.activation.parameters import atx_parameters, proof_parameters
from node.consensus.activation.poet_handler import PoetHandler
from node.consensus.activation.positioning import ChainVerifier, HighTickSearch, Positioning
from node.consensus.activation.rules import AtxParameters
from node.consensus.activesets import ActiveSets, EligibilityOracle
from node.consensus.atxdata import AtxData
from node.consensus.beacon.handler import (
    BeaconHandler,
)
from node.consensus.beacon.service import BeaconService
from node.consensus.blocks.handler import BlockHandler
from node.consensus.blocks.service import BlockService
from node.consensus.certifier.handler import CertifierHandler
from node.consensus.hare.exchange import FullExchange
from node.consensus.hare.handler import HareHandler
from node.consensus.hare.messages import Version
from node.consensus.hare.ports import HareOutput
from node.consensus.hare.service import HareService
from node.consensus.hare.turbo import TurboHareService
from node.consensus.malfeasance.convictions import Convictions
from node.consensus.malfeasance.guard import EquivocationGuard
from node.consensus.malfeasance.handler import MalfeasanceHandler
from node.consensus.mesh.executor import Executor
from node.consensus.mesh.service import Mesh
from node.consensus.proposals.handler import ProposalHandler
from node.consensus.proposals.pool import ProposalPool
from node.consensus.tortoise.machine import Tortoise
from node.consensus.tortoise.parameters import tortoise_parameters
from node.consensus.transactions.handler import TransactionHandler
from node.consensus.transactions.pool import TransactionPool
from node.environment import Environment
from node.events import Bus
from node.net.fetch.choice import PeerChoice
from node.net.fetch.client import Fetcher
from node.net.fetch.planner import FetchPlanner
from node.net.fetch.wire import Hint
from node.store.blobs import find_blob, has_blob
from node.store.layers import find_restore_layer
from node.sync.downloads import Downloads
from node.sync.patrol import LayerPatrol
from node.sync.service import SyncParameters, SyncService
from node.sync.state import SyncMachine
from node.types.ids import GenesisID, Hash32, ProposalID
from node.vm.apply import VmParameters
from node.wiring import (
    CoinListener,
    EquivocationStore,
    TortoiseListener,
)

MAX_HARE_OUTPUTS: Final = 1000
"""Hare outputs that may wait for block generation."""
NS_PER_S: Final = 10**9


class Components:
    """A node's components, each built when it is first asked for."""

    def __init__(self, environment: Environment) -> None:
        """Take what the components stand on.

        Raises:
            ConfigError: the configuration does not describe a network that can be run.
        """
        self.environment = environment
        self.config = environment.config
        self.db = environment.db
        self.clock = environment.clock
        self.bus = Bus()
        self.time = self.config.layer_time(find_restore_layer(self.db))
        self.outputs: asyncio.Queue[HareOutput] = asyncio.Queue(MAX_HARE_OUTPUTS)
        self.patrol = LayerPatrol()
        self.atxdata = AtxData()
        self.verifier = environment.verifier(self.genesis_id)

    # The network's identity

    @property
    def genesis_id(self) -> GenesisID:
        """What tells this network from others."""
        return self.genesis_id_of(self.config)

    @staticmethod
    def genesis_id_of(config: NodeConfig) -> GenesisID:
        """Return what tells a configured network from others.

        Raises:
            ConfigError: it has no genesis time.
        """
        if config.genesis.genesis_time is None:
            raise ConfigError("genesis-time is not set", path="genesis.genesis-time")
        return genesis_id(config.genesis.genesis_time, config.genesis.extra_data)

    # Peers

    @cached_property
    def peers(self) -> PeerChoice:
        """Chooses whom to ask."""
        return PeerChoice(
            network=self.environment.network,
            entropy=self.environment.entropy,
            timeout_s=self.config.fetch.request_hard_timeout / NS_PER_S,
        )

    @cached_property
    def fetcher(self) -> Fetcher:
        """Fetches objects by hash."""
        config = self.config.fetch
        return Fetcher(
            network=self.peers,
            planner=FetchPlanner(
                entropy=self.environment.entropy,
                batch_size=config.batch_size,
                max_retries=config.max_retries_for_request,
            ),
            has=self._has,
            batch_timeout_s=config.batch_timeout / NS_PER_S,
            queue_size=config.queue_size,
            atxs_at_once=config.get_atxs_concurrency,
        )

    def _has(self, hint: Hint, key: Hash32) -> bool:
        if hint is Hint.PROPOSAL:
            return self.proposals.find(ProposalID(key[: ProposalID.SIZE])) is not None
        return has_blob(self.db, hint, key)

    def find_object(self, hint: Hint, key: Hash32) -> bytes | None:
        """Return the bytes of an object that a peer asks for, or None."""
        if hint is not Hint.PROPOSAL:
            return find_blob(self.db, hint, key)
        proposal = self.proposals.find(ProposalID(key[: ProposalID.SIZE]))
        return None if proposal is None else scale.encode(proposal)

    # Opinion and state

    @cached_property
    def tortoise(self) -> Tortoise:
        """Forms an opinion of every layer."""
        return Tortoise(tortoise_parameters(self.config, self.time), self.atxdata)

    @cached_property
    def transactions(self) -> TransactionPool:
        """What is pending."""
        return TransactionPool(
            db=self.db,
            gas_limit=self.config.main.block_gas_limit,
            entropy=self.environment.entropy,
        )

    @cached_property
    def mesh(self) -> Mesh:
        """Makes the state follow the opinion."""
        parameters = VmParameters(
            genesis_id=self.genesis_id,
            block_gas_limit=self.config.main.block_gas_limit,
            first_effective_genesis=self.time.first_effective_genesis,
            address_prefix=self.config.main.network_hrp,
        )
        return Mesh(
            db=self.db,
            time=self.time,
            bus=self.bus,
            tortoise=self.tortoise,
            executor=Executor(
                db=self.db, atxdata=self.atxdata, time=self.time, parameters=parameters
            ),
            transactions=self.transactions,
            fetcher=self.fetcher,
        )

    @cached_property
    def sync(self) -> SyncMachine:
        """Whether this node knows what the network knows."""
        return SyncMachine(
            time=self.time,
            out_of_sync_layers=self.config.syncer.out_of_sync_threshold,
            gossip_duration_ns=self.config.syncer.gossip_duration,
        )

    @cached_property
    def downloads(self) -> Downloads:
        """Brings in what the node missed."""
        return Downloads(
            db=self.db,
            local=self.environment.local,
            time=self.time,
            clock=self.clock,
            atxdata=self.atxdata,
            peers=self.peers,
            fetcher=self.fetcher,
            certifier=self.certifier,
            on_hare_output=self.tortoise.on_hare_output,
            config=self.config.syncer,
            min_peers=self.config.p2p.min_peers,
            entropy=self.environment.entropy,
        )

    @cached_property
    def sync_service(self) -> SyncService:
        """Keeps the node in step with the network."""
        config = self.config.syncer
        return SyncService(
            machine=self.sync,
            mesh=self.mesh,
            patrol=self.patrol,
            peers=self.peers,
            fetcher=self.fetcher,
            downloads=self.downloads,
            time=self.time,
            clock=self.clock,
            bus=self.bus,
            parameters=SyncParameters(
                interval_ns=config.interval,
                epoch_end_fraction=config.epoch_end_fraction,
                hdist=self.config.tortoise.hdist,
                zdist=self.config.tortoise.zdist,
                tally_layers=max(1, int(self.time.layers_per_epoch * config.tally_votes_frequency)),
                standalone=self.config.main.standalone,
                disable_mesh_agreement=config.disable_mesh_agreement,
            ),
            on_synced=self.active_sets.clear,
        )

    def is_synced(self) -> bool:
        """Tell whether the node proposes and takes part in hare and beacon."""
        return self.sync.is_synced

    # ATXs

    @cached_property
    def convictions(self) -> Convictions:
        """Keeps proofs of misbehaviour."""
        return Convictions(
            db=self.db,
            atxdata=self.atxdata,
            clock=self.clock,
            bus=self.bus,
            network=self.environment.network,
            signers=self.environment.identities.signers,
            listeners=(self.tortoise,),
        )

    @cached_property
    def guard(self) -> EquivocationGuard:
        """Keeps our own identities from condemning themselves."""
        return EquivocationGuard(db=self.db, local=self.environment.local, bus=self.bus)

    @cached_property
    def malfeasance(self) -> MalfeasanceHandler:
        """Topic of proofs of misbehaviour."""
        return MalfeasanceHandler(
            db=self.db,
            network=self.environment.network,
            verifier=self.verifier,
            post_verifier=self.environment.post_verifier,
            proof_parameters=proof_parameters(self.config),
            convictions=self.convictions,
        )

    @cached_property
    def poet_proofs(self) -> PoetHandler:
        """Checks and keeps PoET proofs."""
        return PoetHandler(
            db=self.db,
            workers=self.environment.workers,
            engine=self.environment.poet_engine,
            cache_size=self.config.poet.poet_proofs_cache,
        )

    @cached_property
    def atx_parameters(self) -> AtxParameters:
        """What the network demands of ATXs."""
        return atx_parameters(self.config)

    @cached_property
    def activation(self) -> ActivationHandler:
        """Topic of ATXs."""
        return ActivationHandler(
            db=self.db,
            atxdata=self.atxdata,
            clock=self.clock,
            time=self.time,
            bus=self.bus,
            network=self.environment.network,
            fetcher=self.fetcher,
            verifier=self.verifier,
            post_verifier=self.environment.post_verifier,
            nonces=self.environment.nonces,
            poets=self.poet_proofs,
            convictions=self.convictions,
            parameters=self.atx_parameters,
            signers=self.environment.identities.signers,
            listeners=(self.beacon,),
            weight_listeners=(TortoiseListener(self.tortoise),),
        )

    @cached_property
    def positioning(self) -> Positioning:
        """Chooses what our own ATXs stand on."""
        chains = ChainVerifier(
            db=self.db,
            post_verifier=self.environment.post_verifier,
            parameters=self.atx_parameters,
        )
        return Positioning(
            db=self.db,
            clock=self.clock,
            search=HighTickSearch(atxdata=self.atxdata, chains=chains),
            golden_atx=self.atx_parameters.golden_atx,
            post_valid_delay_ns=self.config.main.post_valid_delay,
        )

    # Randomness and committees

    @cached_property
    def beacon(self) -> BeaconHandler:
        """Topics of the beacon protocol."""
        return BeaconHandler(
            db=self.db,
            time=self.time,
            clock=self.clock,
            bus=self.bus,
            config=self.config.beacon,
            verifier=self.verifier,
            listeners=(self.tortoise,),
        )

    @cached_property
    def active_sets(self) -> ActiveSets:
        """Who committees are drawn from."""
        return ActiveSets(
            db=self.db,
            atxdata=self.atxdata,
            time=self.time,
            confidence_param=self.config.hare_eligibility.confidence_param,
        )

    @cached_property
    def oracle(self) -> EligibilityOracle:
        """How many seats a proof wins."""
        return EligibilityOracle(
            db=self.db,
            active_sets=self.active_sets,
            time=self.time,
            check_vrf=self.verifier.verify_vrf,
        )

    @cached_property
    def beacon_service(self) -> BeaconService:
        """Runs the beacon protocol."""
        return BeaconService(
            handler=self.beacon,
            network=self.environment.network,
            signers=self.environment.identities.signers,
            guard=self.guard,
            is_synced=self.is_synced,
        )

    # Layers

    @cached_property
    def proposals(self) -> ProposalPool:
        """Proposals of the layers hare works on."""
        current = self.time.layer_at(self.clock.now_ns())
        return ProposalPool(capacity=self.config.tortoise.zdist + 1, evicted=current)

    @cached_property
    def proposal_handler(self) -> ProposalHandler:
        """Topic of proposals; ballots and active sets too."""
        return ProposalHandler(
            db=self.db,
            time=self.time,
            clock=self.clock,
            bus=self.bus,
            config=self.config.tortoise,
            verifier=self.verifier,
            fetcher=self.fetcher,
            atxdata=self.atxdata,
            tortoise=self.tortoise,
            pool=self.proposals,
            mesh=self.mesh,
            beacons=self.beacon,
            convictions=self.convictions,
            transactions=self.transactions,
            transaction_validator=self.transaction_handler.on_proposal_transaction,
            golden_atx=self.atx_parameters.golden_atx,
            layer_size=self.config.main.layer_average_size,
        )

    @cached_property
    def certifier(self) -> CertifierHandler:
        """Topic of certify messages."""
        size = self.config.certificate.committee_size or self.config.hare3.committee
        return CertifierHandler(
            db=self.db,
            time=self.time,
            clock=self.clock,
            bus=self.bus,
            network=self.environment.network,
            verifier=self.verifier,
            oracle=self.oracle,
            signers=self.environment.identities.signers,
            guard=self.guard,
            listener=self.tortoise,
            committee_size=size,
            buffer_layers=self.config.tortoise.zdist,
        )

    @cached_property
    def hares(self) -> tuple[HareService, ...]:
        """Agreement on proposals, in the versions that are enabled; none in turbo mode."""
        if self.config.hare.mode == "turbo":
            return ()
        hare3 = self._hare(self.config.hare3, None)
        exchange = FullExchange(
            network=self.environment.network,
            proposals=self.proposals,
            verifier=self.verifier,
        )
        hare4 = self._hare(self.config.hare4, exchange)
        return tuple(hare for hare in (hare3, hare4) if hare.config.enable)

    @cached_property
    def turbo_hares(self) -> tuple[TurboHareService, ...]:
        """What stands in for the enabled versions of hare in turbo mode; else none."""
        if self.config.hare.mode != "turbo":
            return ()
        versions = ((Version.HARE3, self.config.hare3), (Version.HARE4, self.config.hare4))
        return tuple(
            self._turbo_hare(version, config) for version, config in versions if config.enable
        )

    def _turbo_hare(self, version: Version, config: HareConfig) -> TurboHareService:
        return TurboHareService(
            db=self.db,
            clock=self.clock,
            time=self.time,
            version=version,
            config=config,
            proposals=self.proposals,
            patrol=self.patrol,
            coin=CoinListener(self.tortoise),
            is_synced=self.is_synced,
            outputs=self.outputs,
            zdist=self.config.tortoise.zdist,
        )

    def _hare(self, config: HareConfig, exchange: FullExchange | None) -> HareService:
        environment = self.environment
        handler = HareHandler(
            config=config,
            verifier=self.verifier,
            oracle=self.oracle,
            atxdata=self.atxdata,
            equivocations=EquivocationStore(self.convictions),
            exchange=exchange,
        )
        return HareService(
            db=self.db,
            clock=self.clock,
            time=self.time,
            handler=handler,
            network=environment.network,
            proposals=self.proposals,
            patrol=self.patrol,
            coin=CoinListener(self.tortoise),
            signers=environment.identities.signers,
            guard=self.guard,
            is_synced=self.is_synced,
            outputs=self.outputs,
            zdist=self.config.tortoise.zdist,
        )

    @cached_property
    def block_handler(self) -> BlockHandler:
        """Blocks of peers."""
        return BlockHandler(
            db=self.db,
            time=self.time,
            atxdata=self.atxdata,
            fetcher=self.fetcher,
            add_block=self.mesh.add_block,
        )

    @cached_property
    def block_service(self) -> BlockService:
        """Makes blocks of what hare agreed on."""
        return BlockService(
            db=self.db,
            time=self.time,
            atxdata=self.atxdata,
            fetcher=self.fetcher,
            mesh=self.mesh,
            proposals=self.proposals,
            certifier=self.certifier,
            patrol=self.patrol,
            gas_limit=self.config.main.block_gas_limit,
            threshold_percent=self.config.main.optimistic_filtering_threshold,
            outputs=self.outputs,
        )

    @cached_property
    def transaction_handler(self) -> TransactionHandler:
        """Topic of transactions."""
        return TransactionHandler(
            db=self.db,
            clock=self.clock,
            bus=self.bus,
            pool=self.transactions,
            genesis_id=self.genesis_id,
        )
