"""Cut small databases out of recorded ones, for the tests of the audit.

``python -m scripts.vectors.cut_chain VECTORS TARGET`` writes three files:

``chain``        the chain up to a layer of its first epoch with blocks, complete
``second``       an ATX of version 2 over one that is left without bytes, as after a recovery
``malfeasance``  a smesher that published two ATXs, both without bytes, and the proof
"""

import argparse
import json
import lzma
import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from scripts.vectors.chain_state import read_dump, write_sqlite
from scripts.vectors.family import read_json

LAST_LAYER = 22
SECOND_EPOCH = 5
LATER = (
    "DELETE FROM ballots WHERE layer > ?",
    "DELETE FROM blocks WHERE layer > ?",
    "DELETE FROM certificates WHERE layer > ?",
    "DELETE FROM rewards WHERE layer > ?",
    "DELETE FROM block_transactions WHERE layer > ?",
    "DELETE FROM proposal_transactions WHERE layer > ?",
    "DELETE FROM layers WHERE id > ?",
    "DELETE FROM accounts WHERE layer_updated > ?",
    "DELETE FROM transactions WHERE layer > ?",
)
EMPTIED = (
    "activesets",
    "ballots",
    "beacons",
    "block_transactions",
    "blocks",
    "certificates",
    "layers",
    "proposal_transactions",
    "rewards",
    "transactions",
    "transactions_results_addresses",
)
"""Tables that the small files about single objects have no rows in."""


def cut_chain(connection: sqlite3.Connection) -> None:
    """Leave the chain up to LAST_LAYER."""
    for query in LATER:
        connection.execute(query, (LAST_LAYER,))
    for query in (
        "DELETE FROM transactions WHERE layer IS NULL",
        "DELETE FROM transactions_results_addresses WHERE tid NOT IN (SELECT id FROM transactions)",
        "DELETE FROM atxs WHERE epoch > 1",
        "DELETE FROM activesets WHERE epoch > 2",
        "DELETE FROM beacons WHERE epoch > 2",
    ):
        connection.execute(query)
    _cut_orphans(connection)


def cut_second(connection: sqlite3.Connection) -> None:
    """Leave an ATX of version 2, and the one before it without its bytes."""
    _cut_chain_away(connection)
    connection.execute(
        "UPDATE atxs SET commitment_atx = "
        "(SELECT commitment_atx FROM atxs WHERE commitment_atx IS NOT NULL) WHERE epoch = ?",
        (SECOND_EPOCH - 1,),
    )
    connection.execute(
        "DELETE FROM atxs WHERE epoch NOT BETWEEN ? AND ?", (SECOND_EPOCH - 1, SECOND_EPOCH)
    )
    _forget_bytes(connection, SECOND_EPOCH - 1)
    _cut_orphans(connection)


def cut_malfeasance(connection: sqlite3.Connection) -> None:
    """Leave the convicted smesher's two ATXs, without their bytes."""
    _cut_chain_away(connection)
    connection.execute(
        "DELETE FROM atxs WHERE epoch > 1 OR pubkey NOT IN (SELECT pubkey FROM identities)"
    )
    _forget_bytes(connection, 1)
    _cut_orphans(connection)


def _cut_chain_away(connection: sqlite3.Connection) -> None:
    for table in EMPTIED:
        connection.execute(f"DELETE FROM {table}")  # noqa: S608 - declared above
    connection.execute("DELETE FROM accounts WHERE layer_updated > 0")


def _forget_bytes(connection: sqlite3.Connection, epoch: int) -> None:
    """Make the ATXs of an epoch look as if they came out of a checkpoint."""
    for query in (
        (
            "UPDATE atx_blobs SET atx = NULL, version = NULL "
            "WHERE id IN (SELECT id FROM atxs WHERE epoch = ?)"
        ),
        "UPDATE posts SET prev_atxid = NULL WHERE publish_epoch = ?",
        "UPDATE atxs SET weight = NULL, received = 0 WHERE epoch = ?",
    ):
        connection.execute(query, (epoch,))


def _cut_orphans(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM atx_blobs WHERE id NOT IN (SELECT id FROM atxs)")
    connection.execute("DELETE FROM posts WHERE atxid NOT IN (SELECT id FROM atxs)")
    blobs = [row[0] for row in connection.execute("SELECT atx FROM atx_blobs WHERE atx NOT NULL")]
    for (reference,) in connection.execute("SELECT ref FROM poets").fetchall():
        if not any(reference in blob for blob in blobs):
            connection.execute("DELETE FROM poets WHERE ref = ?", (reference,))


def write_cut(source: Path, target: Path, cut: Callable[[sqlite3.Connection], None]) -> int:
    """Write what is left of a database, compressed; return the size."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cut.sql"
        if ".sql" in source.suffixes:
            path.write_bytes(lzma.decompress(source.read_bytes()))
        else:
            write_sqlite(read_dump(source), path)
        with closing(sqlite3.connect(path)) as connection:
            with connection:
                cut(connection)
            connection.execute("VACUUM")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(lzma.compress(path.read_bytes(), preset=9))
    return target.stat().st_size


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the arguments and cut."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("vectors", type=Path)
    parser.add_argument("target", type=Path)
    options = parser.parse_args(arguments)
    vectors, target = options.vectors, options.target
    for source, name, cut in (
        ("chain/state.sql.xz", "chain", cut_chain),
        ("chain/state.sql.xz", "second", cut_second),
        ("network/state-node0.jsonl.xz", "malfeasance", cut_malfeasance),
    ):
        print(name, write_cut(vectors / source, target / f"{name}.sql.xz", cut), "bytes")
    network = read_json(vectors / "network" / "meta.json")["configs"][0]
    (target / "network-config.json").write_text(json.dumps(network, indent=1) + "\n")
    (target / "chain-config.json").write_bytes((vectors / "chain" / "config.json").read_bytes())


if __name__ == "__main__":
    main()
