"""What must hold of a node's folder after its process was killed.

Databases are looked at in a copy: opening them repairs what the kill has left, and that is
the work of the node.
"""

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from node.base.hashing import hash32
from node.config.model.root import NodeConfig
from node.consensus.atxdata import AtxData
from node.consensus.mesh.executor import Executor, put_applied
from node.crypto.ed25519 import Signer
from node.post.files import find_metadata
from node.smesher.keyfile import read_identities
from node.store.accounts import revert_accounts
from node.store.atxs import atxs_between
from node.store.ballots import ballots_between
from node.store.blocks import get_block
from node.store.db import LevelDB
from node.store.identities import malicious_smeshers
from node.store.layers import (
    applied_blocks,
    clear_applied,
    find_applied_layer,
    find_state_hash,
)
from node.store.local import Duty, claims_of
from node.store.migrate import open_local, open_state
from node.store.rewards import revert_rewards
from node.store.transactions import find_transaction, revert_transactions
from node.types.ids import NO_BLOCK, GenesisID, SmesherID, TransactionID
from node.types.layer import EpochID, LayerID
from node.types.layer_time import LayerTime
from node.vm.apply import VmParameters

LAST: Final = (1 << 32) - 1
DATABASES: Final = ("state", "local")
LABELS: Final = "postdata_*.bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a look at the folder has found."""

    problems: tuple[str, ...]
    applied: int
    """Last layer in the state."""

    atxs: int
    ballots: int


@contextmanager
def copied(data: Path) -> Iterator[tuple[LevelDB, LevelDB]]:
    """Open copies of the databases of a node that does not run."""
    with tempfile.TemporaryDirectory(prefix="kill-") as name:
        for database in DATABASES:
            shutil.copytree(data / database, Path(name) / database)
        with open_state(Path(name)) as state, open_local(Path(name)) as local:
            yield state, local


def inspect(data: Path, accepted: Sequence[TransactionID]) -> Seen:
    """Look at the databases of a node that was killed; see the module."""
    if not all((data / database / "CURRENT").exists() for database in DATABASES):
        # Killed before its databases were made: nothing can be lost yet.
        lost = ("accepted transactions, and no database",) if accepted else ()
        return Seen(problems=lost, applied=0, atxs=0, ballots=0)
    with copied(data) as (state, local):
        problems = [*_unreadable(state, local), *_votes(data, state, local)]
        for identifier in accepted:
            stored = find_transaction(state, identifier)
            if stored is None or stored.transaction.header is None:
                problems.append(f"transaction {identifier} was accepted and is lost")
        return Seen(
            problems=tuple(problems),
            applied=find_applied_layer(state) or 0,
            atxs=sum(1 for _ in atxs_between(state, EpochID(0), EpochID(LAST))),
            ballots=sum(1 for _ in ballots_between(state, LayerID(0), LayerID(LAST))),
        )


def digest_of_space(directory: Path) -> bytes | None:
    """Return a digest of PoST metadata and labels, None while they are being made."""
    found = find_metadata(directory) if directory.exists() else None
    if found is None or found.nonce is None:
        return None
    labels = sorted(directory.glob(LABELS))
    return hash32(repr(found).encode(), *(file.read_bytes() for file in labels))


def replay(data: Path, config: NodeConfig, genesis_id: GenesisID) -> list[str]:
    """Apply all blocks again, from genesis on, in a copy; return how the states differ."""
    time = LayerTime(
        genesis_ns=int(config.genesis.genesis_time or 0),
        layer_duration_ns=config.main.layer_duration,
        layers_per_epoch=config.main.layers_per_epoch,
    )
    problems = []
    with copied(data) as (state, _):
        genesis = time.effective_genesis
        blocks = list(applied_blocks(state, LayerID(genesis + 1), LayerID(LAST)))
        wanted = {layer: find_state_hash(state, layer) for layer, _ in blocks}
        with state.batch() as batch:
            revert_accounts(batch, state, genesis)
            revert_rewards(batch, state, genesis)
            revert_transactions(batch, state, genesis)
            clear_applied(batch, state, LayerID(genesis + 1))
        executor = Executor(
            db=state,
            atxdata=_atxs(state),
            time=time,
            parameters=VmParameters(
                genesis_id=genesis_id,
                block_gas_limit=config.main.block_gas_limit,
                first_effective_genesis=time.first_effective_genesis,
                address_prefix=config.main.network_hrp,
            ),
        )
        for layer, block in blocks:
            applied = executor.execute(
                layer, None if block == NO_BLOCK else get_block(state, block)
            )
            if applied.state_root != wanted[layer]:
                problems.append(f"the state of layer {layer} does not follow from its block")
            with state.batch(sync=False) as batch:
                put_applied(batch, applied, block)
    return problems


def _atxs(state: LevelDB) -> AtxData:
    data = AtxData()
    for atx in atxs_between(state, EpochID(0), EpochID(LAST)):
        data.add_atx(atx)
    return data


def _unreadable(*databases: LevelDB) -> Iterator[str]:
    for database in databases:
        if database.verify() == 0:
            yield f"database {database.path.name} is empty"


def _votes(data: Path, state: LevelDB, local: LevelDB) -> Iterator[str]:
    """Find what was said twice, and what was said without being claimed before."""
    for smesher in malicious_smeshers(state):
        yield f"smesher {smesher} is malicious"
    own = {Signer(key.private_key, bytes(20)).smesher_id for key in read_identities(data)}
    atxs = [
        (atx.smesher, int(atx.publish_epoch), bytes(atx.id))
        for atx in atxs_between(state, EpochID(0), EpochID(LAST))
    ]
    ballots = [
        (ballot.smesher, int(ballot.layer), bytes(ballot.id))
        for ballot in ballots_between(state, LayerID(0), LayerID(LAST))
    ]
    yield from _said("ATX", Duty.ATX, atxs, own, local)
    yield from _said("ballot", Duty.BALLOT, ballots, own, local)


def _said(
    kind: str,
    duty: Duty,
    found: Sequence[tuple[SmesherID, int, bytes]],
    own: set[SmesherID],
    local: LevelDB,
) -> Iterator[str]:
    for (smesher, slot), count in Counter((who, slot) for who, slot, _ in found).items():
        if count > 1:
            yield f"smesher {smesher} has {count} {kind}s in {slot}"
    for smesher in sorted(own):
        claims = dict(claims_of(local, duty, smesher))
        for who, slot, identifier in found:
            if who == smesher and claims.get(slot) != identifier:
                yield f"{kind} {identifier.hex()[:10]} of {slot} was published unclaimed"
