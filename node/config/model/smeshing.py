"""Sections ``post`` and ``smeshing``: the rules of space, and our own space."""

from typing import Final, Literal

from msgspec import field

from node.config.model.section import (
    MAX_UINT32,
    Count,
    FilePath,
    Section,
    UInt32,
)
from node.types.ids import FixedBytes

CPU_PROVIDER: Final = MAX_UINT32
"""Number under which the CPU is chosen to write labels."""

LARGEST_FILE: Final = 4 << 30
"""Default size of a label file in bytes."""


class PowDifficulty(FixedBytes):
    """Highest RandomX digest that solves the proof of work of one unit; big-endian."""

    __slots__ = ()
    SIZE = 32


class PostConfig(Section, frozen=True, kw_only=True):
    """What the network demands of a PoST."""

    min_num_units: UInt32 = field(name="post-min-numunits", default=1)
    """Least space units of a smesher."""

    max_num_units: UInt32 = field(name="post-max-numunits", default=100)
    """Most space units of a smesher."""

    labels_per_unit: Count = field(name="post-labels-per-unit", default=512)
    """Labels (16 bytes each) in a space unit."""

    k1: Count = field(name="post-k1", default=26)
    """Expected labels that satisfy a nonce; higher is easier."""

    k2: Count = field(name="post-k2", default=37)
    """Labels a proof names."""

    k3: Count = field(name="post-k3", default=37)
    """Labels a verifier checks."""

    pow_difficulty: PowDifficulty = field(
        name="post-pow-difficulty", default=PowDifficulty(b"\xff" * PowDifficulty.SIZE)
    )
    """Proof of work before each pass; 64 hex digits in files."""


class ScryptConfig(Section, frozen=True, kw_only=True):
    """Cost of a label."""

    n: UInt32 = field(name="N", default=8192)
    """Iterations, a power of two."""

    r: UInt32 = field(name="R", default=1)
    """Block size."""

    p: UInt32 = field(name="P", default=1)
    """Parallelism."""


class SmeshingOpts(Section, frozen=True, kw_only=True):
    """Initialising the space of the supervised identity."""

    data_dir: FilePath = field(name="smeshing-opts-datadir", default=FilePath("~/post/data"))
    """Folder of the label files."""

    num_units: UInt32 = field(name="smeshing-opts-numunits", default=2)
    """Space units."""

    max_file_size: Count = field(name="smeshing-opts-maxfilesize", default=LARGEST_FILE)
    """Bytes in a label file."""

    provider: UInt32 | None = field(name="smeshing-opts-provider", default=None)
    """Number of the compute device; 4294967295 is the CPU, unset the best one found."""

    throttle: bool = field(name="smeshing-opts-throttle", default=False)
    """Leave the device to others for half of the time."""

    scrypt: ScryptConfig = field(name="smeshing-opts-scrypt", default=ScryptConfig())
    """Cost of a label; the network must agree on it."""

    compute_batch_size: Count = field(name="smeshing-opts-compute-batch-size", default=1 << 20)
    """Labels computed in one go."""


class ProvingOpts(Section, frozen=True, kw_only=True):
    """Making proofs of the supervised identity."""

    threads: Count = field(name="smeshing-opts-proving-threads", default=1)
    """Threads; 0: three quarters of the CPUs. (0 is ours; a Go preset computes the number.)"""

    nonces: Count = field(name="smeshing-opts-proving-nonces", default=16)
    """Nonces tried in one pass over the data; a multiple of 16."""

    randomx_mode: Literal["fast", "light"] = field(
        name="smeshing-opts-proving-randomx-mode", default="fast"
    )
    """RandomX with its data set of 2 GiB (fast) or its cache of 256 MiB (light)."""

    def threads_on(self, cpus: int) -> int:
        """Return the number of threads to use on a machine with so many CPUs."""
        return self.threads or max(1, cpus * 3 // 4)


class VerifyingOpts(Section, frozen=True, kw_only=True):
    """Verifying the PoSTs of others."""

    disable: bool = field(name="smeshing-opts-verifying-disable", default=False)
    """Believe every PoST; for tests."""

    workers: Count = field(name="smeshing-opts-verifying-workers", default=0)
    """Workers; 0: half of the CPUs. (0 is ours; a Go node computes the number.)"""

    min_workers: Count = field(name="smeshing-opts-verifying-min-workers", default=1)
    """Workers that are left while own proofs are made."""

    pow_flags: UInt32 | None = field(name="smeshing-opts-verifying-powflags", default=None)
    """RandomX flags; unset: as the processor allows."""

    def workers_on(self, cpus: int) -> int:
        """Return the number of workers to use on a machine with so many CPUs."""
        return self.workers or max(1, cpus // 2)


class SmeshingConfig(Section, frozen=True, kw_only=True):
    """Our own smesher."""

    start: bool = field(name="smeshing-start", default=False)
    """Start a supervised PoST worker with the node."""

    coinbase: str = field(name="smeshing-coinbase", default="")
    """Address that gets the rewards; empty: PoST workers may not connect."""

    opts: SmeshingOpts = field(name="smeshing-opts", default=SmeshingOpts())
    """Space."""

    proving: ProvingOpts = field(name="smeshing-proving-opts", default=ProvingOpts())
    """Own proofs."""

    verifying: VerifyingOpts = field(name="smeshing-verifying-opts", default=VerifyingOpts())
    """Proofs of others."""
