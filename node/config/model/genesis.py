"""Section ``genesis``: what makes a network this network."""

from collections.abc import Mapping

from msgspec import field

from node.config.durations import Instant
from node.config.model.section import Count, Section


class GenesisConfig(Section, frozen=True, kw_only=True):
    """Time, extra data and first balances."""

    genesis_time: Instant | None = field(name="genesis-time", default=None)
    """Instant at which layer 0 starts; unset: must be given before a node can run."""

    extra_data: str = field(name="genesis-extra-data", default="mainnet")
    """Text hashed with the time into the golden ATX, as its characters; 1..255 of them."""

    accounts: Mapping[str, Count] = field(default_factory=dict)
    """Address to smidge at genesis; a table in a file replaces that of the preset."""
