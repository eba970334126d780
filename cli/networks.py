"""What networks are called, and which genesis has which name.

A name is for people; what counts is the genesis id.  So a well-known name stands for one
genesis only, also in files that come from others.
"""

from collections.abc import Iterator
from typing import Final

from node.base.errors import DecodeError
from node.config.durations import Instant
from node.config.genesis import genesis_id as compute_genesis_id
from node.config.load import preset_values
from node.config.model.root import NodeConfig
from node.types.ids import GenesisID
from node.wallet.draft import FILE_CODE, Network

FIXED_NETWORKS: Final = ("mainnet", "testnet")
"""Networks whose genesis everybody knows."""


def configured_genesis(config: NodeConfig) -> GenesisID | None:
    """Return the genesis id that a configuration leads to, None if its time is not set."""
    genesis = config.genesis
    if genesis.genesis_time is None:
        return None
    return compute_genesis_id(genesis.genesis_time, genesis.extra_data)


def network_name(genesis_id: GenesisID, otherwise: str) -> str:
    """Return the name of a network; one with a well-known name has no other."""
    known = {network: name for name, network in _fixed_networks()}
    if genesis_id in known:
        return known[genesis_id]
    return "private" if otherwise in known.values() else otherwise


def check_network(network: Network) -> None:
    """Refuse a file that names a network it is not for.

    Raises:
        DecodeError: code ``smesh.transaction.file``.
    """
    for name, genesis_id in _fixed_networks():
        if (network.name == name) != (network.genesis_id == genesis_id):
            raise DecodeError(
                f"transaction file: it names network {network.name}, but is for "
                f"{network_name(network.genesis_id, network.genesis_id.hex())}",
                code=FILE_CODE,
                hint="somebody changed the file: do not sign it",
            )


def _fixed_networks() -> Iterator[tuple[str, GenesisID]]:
    for name in FIXED_NETWORKS:
        values = preset_values(name)
        time = Instant.parse(str(values["genesis.genesis-time"]))
        yield name, compute_genesis_id(time, str(values["genesis.genesis-extra-data"]))
