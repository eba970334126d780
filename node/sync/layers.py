"""Downloads the ballots of a layer, and what peers say of it: opinions and certificates.

Source: go-spacemesh, syncer/data_fetch.go and state_syncer.go; sync digest section 3.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from node.base.errors import (
    IgnoreError,
    NotFoundError,
    RejectError,
    SpacemeshError,
    UnavailableError,
)
from node.net.fetch.choice import PeerChoice
from node.net.fetch.client import Fetcher, FetchError, GivenUpError
from node.net.fetch.mesh_client import MeshClient
from node.net.fetch.wire import Hint, LayerOpinion
from node.net.ports import PeerID
from node.store.certificates import find_certified_block
from node.store.db import Reader
from node.types.certificate import Certificate
from node.types.ids import NO_BLOCK, BallotID, BlockID, Hash32
from node.types.layer import LayerID

ASKED_PEERS: Final = 5
"""Peers that are asked about a layer."""

log = structlog.get_logger("sync")


@dataclass(kw_only=True)
class LayerDownload:
    """Brings in the ballots of a layer, and with each what it rests on."""

    peers: PeerChoice
    client: MeshClient
    fetcher: Fetcher

    async def download(self, layer: LayerID, peers: Sequence[PeerID] = ()) -> None:
        """Return when every ballot that peers list is stored; ``peers``: only these are asked.

        Raises:
            UnavailableError: no peer told its list.
            FetchError: see ``complete``.
        """
        asked = peers or self.peers.best_shuffled(ASKED_PEERS)
        if not asked:
            raise UnavailableError(f"no peers to ask for layer {layer}")
        lists, reasons = await self.ask(layer, asked)
        if reasons and not any(lists.values()):
            raise UnavailableError(f"layer {layer} could not be listed: {reasons[0]}")
        await self.complete(layer, lists)

    async def ask(
        self, layer: LayerID, peers: Sequence[PeerID]
    ) -> tuple[dict[PeerID, tuple[BallotID, ...]], list[str]]:
        """Return the ballots that each peer lists, and why others list none."""
        lists: dict[PeerID, tuple[BallotID, ...]] = {}
        reasons: list[str] = []
        async with asyncio.TaskGroup() as tasks:
            for peer in peers:
                tasks.create_task(self._ask(peer, layer, lists, reasons))
        return lists, reasons

    async def complete(self, layer: LayerID, lists: Mapping[PeerID, tuple[BallotID, ...]]) -> None:
        """Return when every ballot that peers list is stored.

        Raises:
            FetchError: a ballot could not be had, or is not good; ballots that do not exist
                do not count, who lists such is disconnected.
        """
        ballots: dict[BallotID, None] = {}
        for peer, listed in sorted(lists.items()):
            self.fetcher.register_holder(peer, listed)
            ballots.update(dict.fromkeys(listed))
        try:
            await self.fetcher.fetch(Hint.BALLOT, ballots, from_holders=True)
        except FetchError as error:
            # What only liars listed does not exist: the layer is complete without it.
            others = self._drop_liars(layer, lists, error)
            if others:
                raise FetchError(others) from error

    async def _ask(
        self,
        peer: PeerID,
        layer: LayerID,
        lists: dict[PeerID, tuple[BallotID, ...]],
        reasons: list[str],
    ) -> None:
        try:
            lists[peer] = await self.client.layer_ballots(peer, layer)
        except UnavailableError as error:
            reasons.append(str(error))

    def _drop_liars(
        self, layer: LayerID, lists: Mapping[PeerID, tuple[BallotID, ...]], error: FetchError
    ) -> dict[Hash32, SpacemeshError]:
        """Disconnect who lists ballots that it does not have; return the other failures."""
        given_up = {
            BallotID(key[: BallotID.SIZE])
            for key, reason in error.failures.items()
            if isinstance(reason, GivenUpError)
        }
        for peer, listed in sorted(lists.items()):
            if not given_up.isdisjoint(listed):
                self.peers.drop(peer, f"lists ballots of layer {layer} that do not exist")
        return {
            key: reason
            for key, reason in error.failures.items()
            if not isinstance(reason, GivenUpError)
        }


class Certifier(Protocol):
    """Takes certificates."""

    async def on_certificate(self, layer: LayerID, certificate: Certificate) -> None:
        """Check and store a certificate.

        Raises:
            RejectError: too few seats vouch for it.
            IgnoreError: another block of the layer has a valid certificate.
            NotFoundError: what it is checked against is not here.
        """


@dataclass(kw_only=True)
class LayerOpinions:
    """Asks what peers think of a layer, and believes certificates."""

    db: Reader
    peers: PeerChoice
    client: MeshClient
    fetcher: Fetcher
    certifier: Certifier
    on_hare_output: Callable[[LayerID, BlockID], None]
    """Told what a certificate says of a layer: the tortoise."""

    async def poll(self, layer: LayerID) -> dict[PeerID, LayerOpinion]:
        """Return the opinions of some peers; those that do not answer are left out."""
        opinions: dict[PeerID, LayerOpinion] = {}
        async with asyncio.TaskGroup() as tasks:
            for peer in self.peers.best_shuffled(ASKED_PEERS):
                tasks.create_task(self._ask(peer, layer, opinions))
        return dict(sorted(opinions.items()))

    def needs_certificate(self, layer: LayerID) -> bool:
        """Tell whether no certified block of a layer is known."""
        return find_certified_block(self.db, layer) is None

    async def adopt(self, layer: LayerID, opinions: Mapping[PeerID, LayerOpinion]) -> bool:
        """Take over the first valid certificate of what peers say; return whether there is one.

        Its block is fetched first: from the certificate on, nobody would ask for it here again,
        and the tortoise can only believe in a block that it has.
        """
        holders: dict[BlockID, list[PeerID]] = {}
        for peer, opinion in opinions.items():
            if opinion.certified is not None:
                holders.setdefault(opinion.certified, []).append(peer)
        for block, peers in sorted(holders.items(), key=lambda item: (-len(item[1]), item[0])):
            if block != NO_BLOCK:
                for peer in peers:
                    self.fetcher.register_holder(peer, (block,))
            if await self._adopt_from(layer, block, peers):
                return True
        return False

    async def _adopt_from(self, layer: LayerID, block: BlockID, peers: Iterable[PeerID]) -> bool:
        for peer in peers:
            try:
                certificate = await self.client.certificate(peer, layer, block)
                if block != NO_BLOCK:
                    await self.fetcher.fetch(Hint.BLOCK, (block,), from_holders=True)
                await self.certifier.on_certificate(layer, certificate)
            except (
                UnavailableError,
                FetchError,
                RejectError,
                IgnoreError,
                NotFoundError,
            ) as error:
                # It may be valid all the same: our own beacon or active set may be missing.
                log.info("certificate_not_adopted", layer=layer, peer=peer, reason=str(error))
            else:
                self.on_hare_output(layer, block)
                return True
        return False

    async def _ask(
        self, peer: PeerID, layer: LayerID, opinions: dict[PeerID, LayerOpinion]
    ) -> None:
        try:
            opinions[peer] = await self.client.opinion(peer, layer)
        except UnavailableError as error:
            log.info("no_opinion", layer=layer, peer=peer, reason=str(error))
