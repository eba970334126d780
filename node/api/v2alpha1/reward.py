"""RewardService of version 2: rewards by layer."""

from collections.abc import Iterable
from dataclasses import dataclass

from node.api.backend import ApiBackend
from node.api.convert.v2alpha1 import ToV2
from node.api.queries import check_limit, page, parse_plain_address
from node.api.registration import Service
from node.pb.spacemesh.v2alpha1 import reward_pb2, v2alpha1_pb2
from node.store.rewards import rewards_between, rewards_of_coinbase, rewards_of_smesher
from node.types.ids import SmesherID
from node.types.layer import MAX_LAYER, LayerID
from node.types.reward import Reward


@dataclass(frozen=True, slots=True)
class RewardService:
    """Rewards that were paid."""

    backend: ApiBackend

    def service(self) -> Service:
        """Return the methods by their names."""
        return Service(reward_pb2.DESCRIPTOR.services_by_name["RewardService"], {"List": self.list})

    async def list(self, request: reward_pb2.RewardRequest) -> reward_pb2.RewardList:
        """Return rewards of a coinbase, of a smesher, or of all."""
        rows = self._rows(request)
        check_limit(request.limit)
        rewards = await page(rows, request.offset, request.limit)
        return reward_pb2.RewardList(rewards=map(ToV2(self.backend.prefix).reward, rewards))

    def _rows(self, request: reward_pb2.RewardRequest) -> Iterable[Reward]:
        db = self.backend.db
        first = LayerID(request.start_layer)
        last = LayerID(request.end_layer or MAX_LAYER)
        newest_first = request.sort_order == v2alpha1_pb2.DESC
        match request.WhichOneof("filter_by"):
            case "coinbase":
                coinbase = parse_plain_address(self.backend, request.coinbase)
                return rewards_of_coinbase(db, coinbase, first, last, newest_first=newest_first)
            case "smesher":
                if len(request.smesher) != SmesherID.SIZE:
                    return ()
                smesher = SmesherID(request.smesher)
                return rewards_of_smesher(db, smesher, first, last, newest_first=newest_first)
            case _:
                return rewards_between(db, first, last, newest_first=newest_first)
