"""All that catching up asks of peers, made of one set of things.

Source: go-spacemesh, syncer and node/node.go; sync digest.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from node.config.model.sync import SyncerConfig
from node.consensus.atxdata import AtxData
from node.layer_ticker import Clock
from node.net.fetch.choice import PeerChoice
from node.net.fetch.client import Fetcher
from node.net.fetch.mesh_client import MeshClient
from node.store.db import Database
from node.sync.agreement import MeshAgreement
from node.sync.atxs import AtxDownload
from node.sync.forks import ForkFinder
from node.sync.layers import Certifier, LayerDownload, LayerOpinions
from node.sync.malfeasance import MalfeasanceDownload
from node.sync.revisits import LayerRevisits
from node.types.ids import BlockID
from node.types.layer import LayerID
from node.types.layer_time import LayerTime


@dataclass(kw_only=True)
class Downloads:
    """What asks peers."""

    db: Database
    local: Database
    time: LayerTime
    clock: Clock
    atxdata: AtxData
    peers: PeerChoice
    fetcher: Fetcher
    certifier: Certifier

    on_hare_output: Callable[[LayerID, BlockID], None]
    """Told what a certificate says of a layer: the tortoise."""

    config: SyncerConfig

    min_peers: int
    """Peers that the node needs at all; ``p2p.min-peers``."""

    entropy: Callable[[int], bytes]

    atxs: AtxDownload = field(init=False)
    proofs: MalfeasanceDownload = field(init=False)
    layers: LayerDownload = field(init=False)
    revisits: LayerRevisits = field(init=False)
    opinions: LayerOpinions = field(init=False)
    agreement: MeshAgreement = field(init=False)

    def __post_init__(self) -> None:
        """Make the parts."""
        client = MeshClient(self.peers)
        self.atxs = AtxDownload(
            db=self.db,
            local=self.local,
            clock=self.clock,
            peers=self.peers,
            client=client,
            fetcher=self.fetcher,
            config=self.config.atx_sync,
            entropy=self.entropy,
        )
        self.proofs = MalfeasanceDownload(
            db=self.db,
            local=self.local,
            clock=self.clock,
            peers=self.peers,
            client=client,
            fetcher=self.fetcher,
            config=self.config.malfeasance_sync,
            min_peers=self.min_peers,
        )
        self.layers = LayerDownload(peers=self.peers, client=client, fetcher=self.fetcher)
        self.revisits = LayerRevisits(
            clock=self.clock,
            peers=self.peers,
            layers=self.layers,
            max_stale_ns=self.config.max_stale_duration,
        )
        self.opinions = LayerOpinions(
            db=self.db,
            peers=self.peers,
            client=client,
            fetcher=self.fetcher,
            certifier=self.certifier,
            on_hare_output=self.on_hare_output,
        )
        self.agreement = MeshAgreement(
            db=self.db,
            time=self.time,
            clock=self.clock,
            atxdata=self.atxdata,
            peers=self.peers,
            client=client,
            fetcher=self.fetcher,
            layers=self.layers,
            finder=ForkFinder(self.time),
            max_stale_ns=self.config.max_stale_duration,
        )
