"""What a node does over consensus: own smeshers, fallback data from outside, old data.

Source: go-spacemesh, node/node.go; node digest section 8.
"""

from functools import cached_property

from node.checkpoint.bootstrap import BootstrapUpdater
from node.checkpoint.prune import Pruner
from node.components import Components
from node.consensus.activation.parameters import proof_parameters
from node.crypto.ed25519 import Signer
from node.smesher.active_set import ActiveSetBuilder
from node.smesher.atx_builder import AtxBuilder
from node.smesher.certificates import Certificates
from node.smesher.poets import PoetService
from node.smesher.post_registry import PostRegistry
from node.smesher.proposals import ProposalBuilder
from node.types.layer import EpochID


class Activities(Components):
    """The components, and those over them; each built when it is first asked for."""

    @cached_property
    def post_registry(self) -> PostRegistry:
        """PoST workers that are connected."""
        return PostRegistry()

    @cached_property
    def own_active_sets(self) -> ActiveSetBuilder:
        """Prepares the active sets of our own ballots."""
        main = self.config.main
        return ActiveSetBuilder(
            db=self.db,
            local=self.environment.local,
            time=self.time,
            atxdata=self.atxdata,
            grade_delay_ns=main.atx_grade_delay,
            good_percent=main.miner_good_atxs_percent,
        )

    @cached_property
    def bootstrap(self) -> BootstrapUpdater | None:
        """Fetches fallback beacons and active sets, if there are any."""
        environment = self.environment
        if environment.bootstrap is None:
            return None
        return BootstrapUpdater(
            files=environment.bootstrap,
            config=self.config.bootstrap,
            db=self.db,
            time=self.time,
            clock=self.clock,
            workers=environment.workers,
            fetcher=self.fetcher,
            beacons=self.beacon,
            active_sets=(self.active_sets, self.own_active_sets),
            atxs_synced=lambda: self.sync.atxs_synced,
            entropy=environment.entropy,
        )

    @cached_property
    def pruner(self) -> Pruner | None:
        """Removes data that nobody asks for any more, unless that is switched off."""
        main = self.config.main
        if main.db_prune_interval <= 0:
            return None
        return Pruner(
            db=self.db,
            clock=self.clock,
            time=self.time,
            interval_ns=main.db_prune_interval,
            safe_distance=self.config.tortoise.hdist,
            active_sets_from=EpochID(main.prune_activesets_from),
            committee_epoch=self.active_sets.epoch_for,
        )

    @cached_property
    def proposal_builder(self) -> ProposalBuilder:
        """Proposes in the layers our smeshers are eligible in."""
        environment = self.environment
        main = self.config.main
        return ProposalBuilder(
            db=self.db,
            clock=self.clock,
            time=self.time,
            bus=self.bus,
            network=environment.network,
            config=self.config.tortoise,
            preparation=self.config.active_set_preparation,
            signers=environment.identities.signers,
            guard=self.guard,
            is_synced=self.is_synced,
            atxdata=self.atxdata,
            tortoise=self.tortoise,
            transactions=self.transactions,
            active_sets=self.own_active_sets,
            layer_size=main.layer_average_size,
            transactions_per_slot=main.txs_per_proposal,
        )

    @cached_property
    def poet_services(self) -> tuple[PoetService, ...]:
        """The PoETs that our smeshers register with."""
        environment = self.environment
        certificates = None
        if environment.certifiers is not None:
            certificates = Certificates(
                db=self.db,
                local=environment.local,
                clock=self.clock,
                server=environment.certifiers,
            )
        return tuple(
            PoetService(
                client=client,
                proofs=self.poet_proofs,
                clock=self.clock,
                bus=self.bus,
                config=self.config.poet,
                tick_size=self.config.main.tick_size,
                workers=environment.workers,
                certificates=certificates,
            )
            for client in environment.poets
        )

    @cached_property
    def atx_builders(self) -> tuple[AtxBuilder, ...]:
        """Build the ATXs of our smeshers."""
        return tuple(self._atx_builder(signer) for signer in self.environment.identities.signers())

    def _atx_builder(self, signer: Signer) -> AtxBuilder:
        environment = self.environment
        return AtxBuilder(
            signer=signer,
            db=self.db,
            local=environment.local,
            time=self.time,
            clock=self.clock,
            bus=self.bus,
            network=environment.network,
            config=self.config.poet,
            parameters=proof_parameters(self.config),
            golden_atx=self.atx_parameters.golden_atx,
            identities=environment.identities,
            guard=self.guard,
            post_registry=self.post_registry,
            verifier=environment.prover,
            poets=self.poet_services,
            positioning=self.positioning,
            coinbase=environment.coinbase,
            atxs_synced=lambda: self.sync.atxs_synced,
            entropy=environment.entropy,
            retry_interval_ns=self.config.hare3.preround_delay,
        )
