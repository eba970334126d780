"""ActivationService: ATXs by their identifier."""

from dataclasses import dataclass

from google.protobuf.empty_pb2 import Empty

from node.api.backend import ApiBackend
from node.api.convert.malfeasance import malfeasance_message
from node.api.convert.v1 import ToV1, golden_activation
from node.api.errors import invalid, not_found
from node.api.registration import Service
from node.pb.spacemesh.v1 import activation_pb2, activation_types_pb2
from node.store.atxs import find_atx, find_highest_atx
from node.store.identities import find_malfeasance
from node.types.ids import AtxID


@dataclass(frozen=True, slots=True)
class ActivationService:
    """One ATX, or the highest."""

    backend: ApiBackend

    def service(self) -> Service:
        """Return the methods by their names."""
        return Service(
            activation_pb2.DESCRIPTOR.services_by_name["ActivationService"],
            {"Get": self.get, "Highest": self.highest},
        )

    async def get(
        self, request: activation_types_pb2.GetRequest
    ) -> activation_types_pb2.GetResponse:
        """Return an ATX, and what is known against its smesher.

        Raises:
            ApiError: it is not known, or the identifier does not have 32 bytes.
        """
        size = len(request.id)
        if size != AtxID.SIZE:
            raise invalid(f"invalid ATX ID length ({size}), expected ({AtxID.SIZE})")
        atx = find_atx(self.backend.db, AtxID(request.id))
        if atx is None:
            raise not_found("id was not found")
        answer = activation_types_pb2.GetResponse(atx=ToV1(self.backend.prefix).activation(atx))
        known = find_malfeasance(self.backend.db, atx.smesher)
        if known is not None:
            proof = malfeasance_message(known.smesher, known.proof, include_proof=False)
            answer.malfeasance_proof.CopyFrom(proof)
        return answer

    async def highest(self, request: Empty) -> activation_types_pb2.HighestResponse:
        """Return the ATX with the most ticks behind it; the golden one while there is none."""
        atx = find_highest_atx(self.backend.db)
        if atx is None:
            found = golden_activation(self.backend.golden_atx)
        else:
            found = ToV1(self.backend.prefix).activation(atx)
        return activation_types_pb2.HighestResponse(atx=found)
