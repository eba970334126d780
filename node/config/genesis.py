"""Identity of a network: golden ATX and genesis id, computed from time and extra data.

Source: go-spacemesh, config/genesis; keys digest section 5, node-config digest section 4.
"""

import json
from typing import Any, Final

from node.base.errors import ConfigError
from node.base.hashing import hash32
from node.config.durations import Instant, format_instant
from node.config.model.genesis import GenesisConfig
from node.types.ids import AtxID, GenesisID

GENESIS_FILE: Final = "genesis.json"
"""Name of the file in the data folder that keeps the genesis of the first start."""

MAX_EXTRA_DATA: Final = 255
"""Most bytes of extra data."""


def golden_atx(genesis_time: Instant, extra_data: str) -> AtxID:
    """Return the ATX every chain of ATXs begins with; nobody published it.

    The extra data enters as its characters, also when they look like hexadecimal digits;
    parts of a second of the genesis time do not count.
    """
    return AtxID(hash32(str(genesis_time.unix_seconds).encode(), extra_data.encode()))


def genesis_id(genesis_time: Instant, extra_data: str) -> GenesisID:
    """Return what tells this network from others; it prefixes everything that is signed."""
    return GenesisID(golden_atx(genesis_time, extra_data)[: GenesisID.SIZE])


def encode_genesis(genesis: GenesisConfig) -> bytes:
    """Return the content of ``genesis.json``, which a Go node reads as well.

    Raises:
        ValueError: the genesis time is not set.
    """
    if genesis.genesis_time is None:
        raise ValueError("genesis-time is not set")
    content = {
        "GenesisTime": format_instant(genesis.genesis_time),
        "ExtraData": genesis.extra_data,
        "Accounts": {address: genesis.accounts[address] for address in sorted(genesis.accounts)},
    }
    return json.dumps(content).encode()


def check_genesis(stored: bytes, genesis: GenesisConfig) -> None:
    """Refuse to run a node on another genesis than the one of its data folder.

    Raises:
        ConfigError: ``stored`` is no genesis file, or another genesis.
    """
    try:
        content: dict[str, Any] = json.loads(stored)
        time = Instant.parse(content["GenesisTime"])
        extra_data, accounts = content["ExtraData"], content.get("Accounts") or {}
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigError(
            f"{GENESIS_FILE} is damaged: {error}",
            path="genesis",
            hint="restore it, or begin with an empty data folder",
            code="smesh.config.genesis",
        ) from error
    stored_genesis = GenesisConfig(genesis_time=time, extra_data=extra_data, accounts=accounts)
    if stored_genesis != genesis:
        different = [
            key
            for key in ("genesis_time", "extra_data", "accounts")
            if getattr(stored_genesis, key) != getattr(genesis, key)
        ]
        raise ConfigError(
            f"genesis config updated after node initialization: {', '.join(different)}",
            path="genesis",
            hint="give the genesis of the first start, or another data folder",
            code="smesh.config.genesis",
        )
