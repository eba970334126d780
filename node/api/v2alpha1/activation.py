"""ActivationService of version 2: ATXs by publish epoch and identifier."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from node.api.backend import ApiBackend
from node.api.convert.v2alpha1 import ToV2
from node.api.queries import check_limit, in_turns, page, parse_plain_address
from node.api.registration import Service
from node.pb.spacemesh.v2alpha1 import activation_pb2
from node.store.atxs import (
    atx_ids_in_epoch,
    atx_ids_of_smesher,
    atx_ids_with_coinbase,
    atxs_between,
    find_atx,
    find_highest_atx,
    find_latest_epoch,
)
from node.types.address import Address
from node.types.atx import Atx
from node.types.ids import AtxID, SmesherID
from node.types.layer import MAX_LAYER, EpochID


@dataclass(frozen=True, slots=True, kw_only=True)
class AtxFilter:
    """What a request asks for; empty and None ask for any."""

    ids: frozenset[bytes]
    smeshers: frozenset[bytes]
    coinbase: Address | None
    first: EpochID
    last: EpochID

    def fits(self, atx: Atx) -> bool:
        """Tell whether an ATX is asked for."""
        return (
            self.first <= atx.publish_epoch <= self.last
            and (not self.ids or atx.id in self.ids)
            and (not self.smeshers or atx.smesher in self.smeshers)
            and self.coinbase in {None, atx.coinbase}
        )


@dataclass(frozen=True, slots=True)
class ActivationService:
    """Activation transactions."""

    backend: ApiBackend

    def service(self) -> Service:
        """Return the methods by their names."""
        return Service(
            activation_pb2.DESCRIPTOR.services_by_name["ActivationService"],
            {
                "List": self.list,
                "ActivationsCount": self.activations_count,
                "Highest": self.highest,
            },
        )

    async def list(
        self, request: activation_pb2.ActivationRequest
    ) -> activation_pb2.ActivationList:
        """Return ATXs of identifiers, smeshers, a coinbase, from epoch to epoch."""
        check_limit(request.limit)
        wanted = self._filter(request)
        candidates = self._candidates(wanted)
        if candidates is None:
            rows: Iterable[Atx] = atxs_between(self.backend.db, wanted.first, wanted.last)
        else:
            found = [atx async for atx in in_turns(candidates) if wanted.fits(atx)]
            rows = sorted(found, key=lambda atx: (atx.publish_epoch, atx.id))
        convert = ToV2(self.backend.prefix)
        atxs = await page(rows, request.offset, request.limit)
        return activation_pb2.ActivationList(activations=map(convert.activation, atxs))

    async def activations_count(
        self, request: activation_pb2.ActivationsCountRequest
    ) -> activation_pb2.ActivationsCountResponse:
        """Count the ATXs of one publish epoch, or all."""
        db = self.backend.db
        epochs = range((find_latest_epoch(db) or 0) + 1)
        if request.HasField("epoch"):
            epochs = range(request.epoch, request.epoch + 1)
        ids = chain.from_iterable(atx_ids_in_epoch(db, EpochID(epoch)) for epoch in epochs)
        count = 0
        async for _ in in_turns(ids):
            count += 1
        return activation_pb2.ActivationsCountResponse(count=count)

    async def highest(
        self, request: activation_pb2.HighestRequest
    ) -> activation_pb2.HighestResponse:
        """Return the ATX with the most ticks; before there is one, the golden identifier."""
        atx = find_highest_atx(self.backend.db)
        if atx is None:
            golden = activation_pb2.Activation(id=self.backend.golden_atx)
            return activation_pb2.HighestResponse(activation=golden)
        converted = ToV2(self.backend.prefix).activation(atx)
        return activation_pb2.HighestResponse(activation=converted)

    def _filter(self, request: activation_pb2.ActivationRequest) -> AtxFilter:
        coinbase = None
        if request.coinbase:
            coinbase = parse_plain_address(self.backend, request.coinbase)
        return AtxFilter(
            ids=frozenset(request.id),
            smeshers=frozenset(request.smesher_id),
            coinbase=coinbase,
            first=EpochID(request.start_epoch),
            last=EpochID(request.end_epoch or MAX_LAYER),
        )

    def _candidates(self, wanted: AtxFilter) -> Iterator[Atx] | None:
        """Return few ATXs that hold all that are wanted; None where only epochs limit them."""
        db = self.backend.db
        ids: Iterable[AtxID]
        if wanted.ids:
            ids = (AtxID(one) for one in sorted(wanted.ids) if len(one) == AtxID.SIZE)
        elif wanted.smeshers:
            known = sorted(one for one in wanted.smeshers if len(one) == SmesherID.SIZE)
            ids = chain.from_iterable(atx_ids_of_smesher(db, SmesherID(one)) for one in known)
        elif wanted.coinbase is not None:
            ids = atx_ids_with_coinbase(db, wanted.coinbase)
        else:
            return None
        return (atx for one in ids if (atx := find_atx(db, one)) is not None)
