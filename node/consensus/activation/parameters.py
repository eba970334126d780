"""What a network demands of ATXs, out of a node's configuration."""

from node.base.errors import ConfigError
from node.config.genesis import golden_atx
from node.config.model.root import NodeConfig
from node.consensus.activation.rules import FIRST_VERSION, AtxParameters
from node.post.verifying import ProofParameters
from node.types.layer import EpochID


def proof_parameters(config: NodeConfig) -> ProofParameters:
    """Return what a network demands of PoSTs."""
    post = config.post
    return ProofParameters(
        k1=post.k1,
        k2=post.k2,
        pow_difficulty=post.pow_difficulty,
        min_num_units=post.min_num_units,
        max_num_units=post.max_num_units,
        labels_per_unit=post.labels_per_unit,
        scrypt_n=config.smeshing.opts.scrypt.n,
    )


def atx_parameters(config: NodeConfig) -> AtxParameters:
    """Return what a network demands of ATXs.

    Raises:
        ConfigError: it uses ATXs of version 2, which this node decodes but does not judge,
            or has no genesis time.
    """
    for epoch, version in sorted(config.main.atx_versions.items()):
        if version != FIRST_VERSION:
            raise ConfigError(
                f"main.atx-versions: ATXs of version {version} from epoch {epoch} on; "
                "this node judges version 1 only",
                path="main.atx-versions",
                code="smesh.config.value",
                hint="such a chain can be audited with `smcli db audit`, not followed",
            )
    if config.genesis.genesis_time is None:
        raise ConfigError(
            "genesis.genesis-time is not set",
            path="genesis.genesis-time",
            code="smesh.config.value",
        )
    return AtxParameters(
        golden_atx=golden_atx(config.genesis.genesis_time, config.genesis.extra_data),
        tick_size=config.main.tick_size,
        proof=proof_parameters(config),
        k3=config.post.k3,
        versions={EpochID(epoch): version for epoch, version in config.main.atx_versions.items()},
    )
