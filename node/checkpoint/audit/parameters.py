"""What a network demands, as an audit needs it, out of a node's configuration."""

from dataclasses import dataclass, replace
from typing import Self

from node.base.bech32 import decode_address
from node.base.errors import ConfigError
from node.config.genesis import genesis_id, golden_atx
from node.config.model.consensus import EpochWeight
from node.config.model.root import NodeConfig
from node.consensus.activation.parameters import proof_parameters
from node.consensus.activation.rules import AtxParameters
from node.consensus.certifier.rules import threshold_of
from node.consensus.tortoise.parameters import TortoiseParameters, tortoise_parameters
from node.crypto.ed25519 import Verifier
from node.types.account import Account
from node.types.address import Address
from node.types.ids import Beacon, GenesisID
from node.types.layer import EpochID, LayerID
from node.types.layer_time import LayerTime
from node.vm.apply import VmParameters
from node.vm.genesis import genesis_accounts


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditParameters:
    """The rules of one network."""

    genesis_id: GenesisID
    verifier: Verifier
    time: LayerTime
    vm: VmParameters
    atx: AtxParameters
    genesis: tuple[Account, ...]
    """Accounts at layer 0."""

    tortoise: TortoiseParameters

    layer_size: int
    """Slots in a layer."""

    minimum_weights: tuple[EpochWeight, ...]
    """Least weights of active sets."""

    hdist: int
    """Layers in which hare's output is believed."""

    max_exceptions: int
    """Most blocks a ballot supports."""

    committee: int
    """Seats of the committee that certifies."""

    confidence_param: int
    """Layers of an epoch in which committees are still those of the epoch before."""

    standalone_beacon: Beacon | None
    """Beacon of the first epoch with ballots, where a single node is the network."""

    @property
    def threshold(self) -> int:
        """Seats that make a certificate."""
        return threshold_of(self.committee)

    def restored_at(self, layer: LayerID) -> Self:
        """Return the rules for a file that begins with a checkpoint."""
        time = replace(self.time, restored_layer=layer)
        tortoise = replace(self.tortoise, effective_genesis=time.effective_genesis)
        return replace(self, time=time, tortoise=tortoise)

    @classmethod
    def of(cls, config: NodeConfig) -> Self:
        """Return the rules that a configuration stands for.

        Raises:
            ConfigError: it has no genesis time.
            UsageError: an address of the genesis accounts is malformed.
        """
        genesis = config.genesis
        if genesis.genesis_time is None:
            raise ConfigError(
                "genesis.genesis-time is not set: signatures cannot be checked without it",
                path="genesis.genesis-time",
                code="smesh.config.value",
                hint="give the configuration file of the node whose database this is",
            )
        identity = genesis_id(genesis.genesis_time, genesis.extra_data)
        time, prefix = config.layer_time(), config.main.network_hrp
        return cls(
            genesis_id=identity,
            verifier=Verifier(identity),
            time=time,
            vm=VmParameters(
                genesis_id=identity,
                block_gas_limit=config.main.block_gas_limit,
                first_effective_genesis=time.first_effective_genesis,
                address_prefix=prefix,
            ),
            atx=AtxParameters(
                golden_atx=golden_atx(genesis.genesis_time, genesis.extra_data),
                tick_size=config.main.tick_size,
                proof=proof_parameters(config),
                k3=config.post.k3,
                versions={
                    EpochID(epoch): version for epoch, version in config.main.atx_versions.items()
                },
            ),
            genesis=genesis_accounts(
                (Address(decode_address(address, prefix)), balance)
                for address, balance in genesis.accounts.items()
            ),
            tortoise=tortoise_parameters(config, time),
            layer_size=config.main.layer_average_size,
            minimum_weights=config.tortoise.minimal_active_set_weight,
            hdist=config.tortoise.hdist,
            max_exceptions=config.tortoise.max_exceptions,
            committee=config.certificate.committee_size or config.hare3.committee,
            standalone_beacon=Beacon(identity[: Beacon.SIZE]) if config.main.standalone else None,
            confidence_param=config.hare_eligibility.confidence_param,
        )
