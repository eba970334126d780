"""A program: two nodes for half an epoch of blocks; prints what they came to, as JSON.

PYTHONHASHSEED=1 python -m tests.support.simulated_network FOLDER
"""

import json
import sys
from pathlib import Path

from node.sim.links import Randomness, SeededLinks
from node.sim.virtual_time import simulate
from node.sim.world import World, world_config
from node.store.atxs import atx_ids_in_epoch
from node.store.ballots import ballots_in_layer
from node.store.layers import find_applied_block, find_mesh_hash, find_state_hash
from node.types.layer import EpochID, LayerID

FIRST_LAYER, LAST_LAYER = 20, 24


async def run(world: World) -> None:
    for number in range(2):
        world.add_node(number)
    async with world.running():
        await world.until_layer(LAST_LAYER)


def main(folder: Path) -> None:
    world = World(
        folder=folder,
        seed=3,
        config=world_config(folder),
        links=SeededLinks(Randomness(b"links")),
    )
    simulate(run(world))
    outcome: dict[str, object] = {}
    for name, simulated in world.nodes.items():
        db = simulated.node.db
        outcome[name] = {
            "atxs": [identifier.hex() for identifier in atx_ids_in_epoch(db, EpochID(1))],
            "layers": [
                {
                    "ballots": [ballot.id.hex() for ballot in ballots_in_layer(db, layer)],
                    "block": str(find_applied_block(db, layer)),
                    "state": str(find_state_hash(db, layer)),
                    "mesh": str(find_mesh_hash(db, layer)),
                }
                for layer in map(LayerID, range(FIRST_LAYER, LAST_LAYER))
            ],
        }
    world.close()
    sys.stdout.write(json.dumps(outcome) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
