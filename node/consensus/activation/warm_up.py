"""Fills the ATX cache of a starting node from its store.

Source: go-spacemesh, atxsdata/warmup.go; activation digest section 10.
"""

from node.consensus.atxdata import AtxData, evicted_at_start
from node.store.atxs import atxs_between, find_latest_epoch
from node.store.db import Database
from node.store.identities import malicious_smeshers
from node.types.layer import EpochID, LayerID


def load_recent(
    atxdata: AtxData,
    db: Database,
    *,
    applied: LayerID,
    window_layers: int,
    layers_per_epoch: int,
) -> None:
    """Cache the ATXs that the tortoise's window needs, and who is malicious.

    Args:
        atxdata: the empty cache.
        db: state database.
        applied: last layer in the state.
        window_layers: layers the tortoise keeps below that.
        layers_per_epoch: the network's.
    """
    evicted = evicted_at_start(applied, window_layers, layers_per_epoch)
    if evicted is not None:
        atxdata.evict(evicted)
    for smesher in malicious_smeshers(db):
        atxdata.mark_malicious(smesher)
    latest = find_latest_epoch(db)
    if latest is None:
        return
    for atx in atxs_between(db, EpochID(0 if evicted is None else evicted), latest):
        atxdata.add_atx(atx)
