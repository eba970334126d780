"""Rewards that were paid, by layer, smesher and coinbase.

Source: go-spacemesh, sql/rewards; vm digest section 7.
"""

from collections.abc import Iterable, Iterator

from node.base import scale
from node.store import schema
from node.store.db import Batch, Reader
from node.store.schema import after_u32, key_u32, number_of, read_record
from node.types.address import Address
from node.types.amounts import MAX_U64
from node.types.ids import SmesherID
from node.types.layer import LayerID
from node.types.reward import Reward


def put_rewards(batch: Batch, rewards: Iterable[Reward]) -> None:
    """Store all rewards of a layer; those of one smesher are added up, to 64 bits."""
    merged: dict[tuple[LayerID, SmesherID], Reward] = {}
    for reward in rewards:
        place = reward.layer, reward.smesher
        earlier = merged.get(place)
        merged[place] = reward if earlier is None else _sum(earlier, reward)
    for reward in merged.values():
        layer = key_u32(reward.layer)
        batch.put(schema.REWARD + layer + reward.smesher, scale.encode(reward))
        batch.put(schema.REWARD_BY_SMESHER + reward.smesher + layer, b"")
        batch.put(schema.REWARD_BY_COINBASE + reward.coinbase + layer + reward.smesher, b"")


def revert_rewards(batch: Batch, reader: Reader, layer: LayerID) -> None:
    """Delete the rewards of all layers above ``layer``."""
    for key, value in reader.scan(schema.REWARD, start=key_u32(layer + 1)):
        reward = read_record(Reward, value)
        paid = key_u32(reward.layer)
        batch.delete(schema.REWARD + key)
        batch.delete(schema.REWARD_BY_SMESHER + reward.smesher + paid)
        batch.delete(schema.REWARD_BY_COINBASE + reward.coinbase + paid + reward.smesher)


def rewards_in_layer(reader: Reader, layer: LayerID) -> Iterator[Reward]:
    """Yield the rewards of a layer, by smesher."""
    return rewards_between(reader, layer, layer)


def rewards_between(
    reader: Reader, first: LayerID, last: LayerID, *, newest_first: bool = False
) -> Iterator[Reward]:
    """Yield the rewards from layer ``first`` to ``last``."""
    rows = reader.scan(
        schema.REWARD, start=key_u32(first), stop=after_u32(last), reverse=newest_first
    )
    return (read_record(Reward, value) for _, value in rows)


def find_reward(reader: Reader, smesher: SmesherID, layer: LayerID) -> Reward | None:
    """Return what a smesher was paid for a layer, or None."""
    value = reader.get(schema.REWARD + key_u32(layer) + smesher)
    return None if value is None else read_record(Reward, value)


def rewards_of_smesher(
    reader: Reader,
    smesher: SmesherID,
    first: LayerID,
    last: LayerID,
    *,
    newest_first: bool = False,
) -> Iterator[Reward]:
    """Yield a smesher's rewards from layer ``first`` to ``last``."""
    prefix = schema.REWARD_BY_SMESHER + smesher
    found = reader.keys(prefix, start=key_u32(first), stop=after_u32(last), reverse=newest_first)
    return _follow(reader, (key + smesher for key in found))


def rewards_of_coinbase(
    reader: Reader,
    coinbase: Address,
    first: LayerID,
    last: LayerID,
    *,
    newest_first: bool = False,
) -> Iterator[Reward]:
    """Yield the rewards that an account received from layer ``first`` to ``last``."""
    prefix = schema.REWARD_BY_COINBASE + coinbase
    found = reader.keys(prefix, start=key_u32(first), stop=after_u32(last), reverse=newest_first)
    return _follow(reader, found)


def find_latest_reward_layer(reader: Reader) -> LayerID | None:
    """Return the highest layer with a reward, or None."""
    for key in reader.keys(schema.REWARD, reverse=True):
        return LayerID(number_of(key[: schema.U32_SIZE]))
    return None


def _follow(reader: Reader, places: Iterable[bytes]) -> Iterator[Reward]:
    for place in places:
        value = reader.get(schema.REWARD + place)
        if value is not None:
            yield read_record(Reward, value)


def _sum(first: Reward, second: Reward) -> Reward:
    return Reward(
        layer=first.layer,
        total_reward=(first.total_reward + second.total_reward) & MAX_U64,
        layer_reward=(first.layer_reward + second.layer_reward) & MAX_U64,
        coinbase=first.coinbase,
        smesher=first.smesher,
    )
