"""What a node stands on: databases, network, clock, workers, PoETs.

The daemon, the standalone network and the simulations differ in nothing else.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from node.checkpoint.bootstrap import BootstrapFiles
from node.config.model.root import NodeConfig
from node.consensus.activation.ports import NonceVerifier
from node.consensus.malfeasance.ports import PostVerifier
from node.crypto.ed25519 import Verifier
from node.layer_ticker import Clock
from node.net.ports import Network
from node.poet.client import PoetClient
from node.poet.work import Engine
from node.post.service import Prover
from node.runtime.workers import Workers
from node.smesher.certificates import CertifierServer
from node.smesher.identities import Identities
from node.store.db import Database
from node.types.account import Account
from node.types.address import Address
from node.types.ids import GenesisID


@dataclass(kw_only=True)
class Environment:
    """What a node stands on, opened and closed by whoever builds it."""

    config: NodeConfig
    db: Database
    local: Database
    network: Network
    clock: Clock
    entropy: Callable[[int], bytes]

    workers: Workers
    """Runs computations off the event loop."""

    post_verifier: PostVerifier
    """Checks PoSTs of others."""

    prover: Prover
    """Checks our own PoSTs in full."""

    nonces: NonceVerifier

    poet_engine: Engine
    """Checks PoET proofs."""

    poets: Sequence[PoetClient]

    identities: Identities
    genesis_accounts: Sequence[Account]

    coinbase: Callable[[], Address]
    """Where the rewards of our own ATXs go."""

    bootstrap: BootstrapFiles | None = None
    """Fallback beacons and active sets; None: there are none."""

    certifiers: CertifierServer | None = None
    """Where PoETs' certificates come from; None: registrations take work."""

    verifier: Callable[[GenesisID], Verifier] = Verifier
    """Makes what checks the signatures of a network."""
