"""Recorded PoST proofs: keys, packing, proofs of work, scans, proofs, verdicts, dialogues."""

import hashlib
import struct
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from blake3 import blake3

from node.base.errors import InvalidPostError, RejectError
from node.post.engine_cpu import CpuLabelEngine
from node.post.files import data_file_name, list_data_files, read_metadata
from node.post.k2pow import RandomX
from node.post.labels import FULL_LABEL_SIZE, LABEL_SIZE, make_commitment
from node.post.metadata import SpaceMetadata
from node.post.proving import NoProofError, ProofOptions, ProvingSpace, prove
from node.post.recomputing import RecomputedLabels
from node.post.rules import (
    NONCES_PER_GROUP,
    derive_group_key,
    derive_lazy_key,
    lazy_value,
    make_block_cipher,
    make_pow_input,
    pack_indices,
    scale_pow_difficulty,
    shuffle_ordinals,
    subset_seed,
    unpack_indices,
)
from node.post.scan import PlainScan, ScanFactory, make_scan_keys
from node.post.scan_cpu import compile_scan, usable_widths
from node.post.verifying import (
    All,
    InvalidIndicesLength,
    InvalidLsb,
    InvalidMsb,
    InvalidNumLabels,
    InvalidPow,
    Mode,
    NonceGroupOutOfBounds,
    One,
    PostClaim,
    ProofParameters,
    Subset,
    UnitsTooLarge,
    UnitsTooSmall,
    check_lengths,
    fault_error,
    find_fault,
    is_pow_valid,
)
from node.types.post import Post
from scripts.vectors.family import Case, Family, compare, read_json, read_json_lines

VERDICTS = {
    UnitsTooSmall: "InvalidMetadata",
    UnitsTooLarge: "InvalidMetadata",
    NonceGroupOutOfBounds: "NonceGroupOutOfBounds",
    InvalidPow: "InvalidPoW",
    InvalidIndicesLength: "InvalidIndicesLen",
    InvalidNumLabels: "InvalidNumLabels",
    InvalidMsb: "InvalidMsb",
    InvalidLsb: "InvalidLsb",
}
"""The reference's name of each fault."""

THREADS = 2
"""Verifications done at once."""


def check_ciphers(folder: Path) -> Iterator[Case]:
    """Compare the AES keys."""
    for number, line in enumerate(read_json_lines(folder / "post/ciphers.jsonl.xz"), start=1):
        challenge, label = bytes.fromhex(line["challenge"]), bytes.fromhex(line["label"])
        nonce, pow_nonce = line["nonce"], int(line["pow"])
        group = nonce // NONCES_PER_GROUP
        block = make_block_cipher(derive_group_key(challenge, group, pow_nonce)).update(label)
        lazily = make_block_cipher(derive_lazy_key(challenge, nonce, pow_nonce)).update(label)
        ours = {
            "nonce_group": group,
            "group_block": block.hex(),
            "lazy_block": lazily.hex(),
            "msb": block[nonce % NONCES_PER_GROUP],
            "lsb": lazy_value(lazily),
        }
        yield compare(str(number), ours, {key: line[key] for key in ours})


def check_indices(folder: Path) -> Iterator[Case]:
    """Compare packing and unpacking."""
    for number, line in enumerate(read_json_lines(folder / "post/indices.jsonl.xz"), start=1):
        packed = pack_indices(map(int, line["indices"]), line["bits"])
        unpacked = unpack_indices(packed, line["bits"])
        yield compare(
            str(number),
            (packed.hex(), [str(index) for index in unpacked]),
            (line["packed"], line["unpacked_all"]),
        )


def check_k3(folder: Path) -> Iterator[Case]:
    """Compare the order in which indices are picked."""
    for number, line in enumerate(read_json_lines(folder / "post/k3.jsonl.xz"), start=1):
        parts = (bytes.fromhex(line[key]) for key in ("seed", "node_id", "challenge"))
        order = shuffle_ordinals(line["count"], subset_seed(*parts), line["count"])
        yield compare(str(number), list(order), line["order"])


def check_pow_scale(folder: Path) -> Iterator[Case]:
    """Compare the difficulty of a number of units."""
    for number, line in enumerate(read_json_lines(folder / "post/pow_scale.jsonl.xz"), start=1):
        scaled = scale_pow_difficulty(bytes.fromhex(line["pow_difficulty"]), line["num_units"])
        yield compare(str(number), scaled.hex(), line["scaled"])


def check_k2pow(folder: Path) -> Iterator[Case]:
    """Compare RandomX inputs, hashes and verdicts."""
    randomx = RandomX()
    for number, line in enumerate(read_json_lines(folder / "post/k2pow.jsonl.xz"), start=1):
        challenge, smesher = bytes.fromhex(line["challenge8"]), bytes.fromhex(line["miner_id"])
        pow_nonce, group = int(line["pow"]), line["nonce_group"]
        data = make_pow_input(pow_nonce, group, challenge, smesher)
        hashed = randomx.hash(data)
        valid = [
            is_pow_valid(
                pow_nonce,
                group,
                challenge,
                smesher,
                bytes.fromhex(verdict["threshold"]),
                pow_hash=lambda _, known=hashed: known,
            )
            for verdict in line["verdicts"]
        ]
        yield compare(
            str(number),
            (data.hex(), hashed.hex(), valid),
            (line["input"], line["hash"], [verdict["valid"] for verdict in line["verdicts"]]),
        )


def check_k2pow_search(folder: Path) -> Iterator[Case]:
    """Compare found proofs of work, with one thread and with two."""
    lines = list(read_json_lines(folder / "post/k2pow_search.jsonl.xz"))
    randomx = RandomX()
    found = [
        [
            randomx.search(
                line["nonce_group"],
                bytes.fromhex(line["challenge8"]),
                bytes.fromhex(line["miner_id"]),
                bytes.fromhex(line["threshold"]),
                stopped=lambda: False,
                threads=threads,
            )
            for line in lines
        ]
        for threads in (1, THREADS)
    ]
    for number, (line, one, two) in enumerate(zip(lines, *found, strict=True), start=1):
        yield compare(str(number), (one, two), (line["pow_single_thread"], line["smallest_pow"]))


def check_scan(folder: Path) -> Iterator[Case]:
    """Compare the hits of every implementation of the scan that works here."""
    factories: dict[str, ScanFactory] = {"plain": PlainScan}
    for width in usable_widths():
        factories[f"{width} bits"] = compile_scan(width).open
    for number, line in enumerate(read_json_lines(folder / "post/scan.jsonl.xz"), start=1):
        key = bytes.fromhex(line["data_seed"])
        data = blake3(b"", key=key).digest(length=LABEL_SIZE * line["labels"])
        first = line["nonce_start"]
        keys = make_scan_keys(
            bytes.fromhex(line["challenge"]),
            range(first, line["nonce_end"]),
            dict(enumerate(map(int, line["pows"]), start=first // NONCES_PER_GROUP)),
            int(line["difficulty"]),
        )
        for name, factory in factories.items():
            hits = factory(keys).scan(data, line["first_index"])
            digest = blake3(b"".join(struct.pack("<IQ", *hit) for hit in hits)).hexdigest()
            yield compare(
                f"{number}, {name}",
                (len(hits), [list(hit) for hit in hits[:200]], digest),
                (line["num_hits"], line["hits_head"], line["hits_blake3"]),
            )


def check_proofs(folder: Path) -> Iterator[Case]:
    """Make every recorded proof over the recorded data, byte for byte."""
    randomx = RandomX()
    factory = compile_scan().open if usable_widths() else PlainScan
    with recorded_directories(folder) as directories:
        for line in read_json_lines(folder / "post/proofs.jsonl.xz"):
            yield _compare_proof(line, directories / line["dir"], randomx, factory)


def _compare_proof(
    line: Mapping[str, Any], directory: Path, randomx: RandomX, factory: ScanFactory
) -> Case:
    pows = dict(line["group_pows"])
    searched: dict[int, int] = {}

    def search(
        nonce_group: int,
        challenge: bytes,
        smesher: bytes,
        difficulty: bytes,
        *,
        stopped: Callable[[], bool],
    ) -> int:
        if "error" in line:
            # Sixteen times as many groups as in all others; their pows are taken as given.
            searched[nonce_group] = pows[nonce_group]
        else:
            searched[nonce_group] = randomx.search(
                nonce_group, challenge, smesher, difficulty, stopped=stopped
            )
        return searched[nonce_group]

    space = ProvingSpace(
        metadata=read_metadata(directory),
        files=tuple(file.path for file in list_data_files(directory)),
    )
    options = ProofOptions(
        challenge=bytes.fromhex(line["challenge"]),
        k1=line["k1"],
        k2=line["k2"],
        pow_difficulty=bytes.fromhex(line["pow_difficulty"]),
        nonces=line["nonces"],
        threads=THREADS,
    )
    try:
        post = prove(
            space,
            options,
            pow_search=search,
            scan_factory=factory,
            progress=lambda _: None,
            stopped=lambda: False,
        )
    except NoProofError:
        return compare(line["id"], (None, searched), (line.get("proof"), pows))
    ours = {"nonce": post.nonce, "indices": post.indices.hex(), "pow": post.pow}
    return compare(line["id"], (ours, searched), (line.get("proof"), pows))


def check_verify(folder: Path) -> Iterator[Case]:
    """Compare verdicts: the library's, its text, and what a node makes of it."""
    randomx, labels = RandomX(), RecomputedLabels()
    lines = list(read_json_lines(folder / "post/verify.jsonl.xz"))

    def check_one(numbered: tuple[int, Mapping[str, Any]]) -> Case:
        number, line = numbered
        return _compare_verdict(f"{number}, {line['what']}", line, randomx, labels)

    with ThreadPoolExecutor(THREADS) as pool:
        yield from pool.map(check_one, enumerate(lines, start=1))


def _compare_verdict(
    name: str, line: Mapping[str, Any], randomx: RandomX, labels: RecomputedLabels
) -> Case:
    post = Post(nonce=line["nonce"], indices=bytes.fromhex(line["indices"]), pow=line["pow"])
    claim = PostClaim(
        smesher=bytes.fromhex(line["node_id"]),
        commitment_atx=bytes.fromhex(line["commitment_atx_id"]),
        challenge=bytes.fromhex(line["challenge"]),
        num_units=line["num_units"],
    )
    fault = find_fault(
        post,
        claim,
        read_parameters(line["cfg"]),
        _read_mode(line["mode"]),
        labels=labels,
        pow_hash=randomx.hash,
    )
    go_error, ordinal = "", None
    try:
        check_lengths(post, claim)
        if fault is not None:
            raise fault_error(fault)
    except InvalidPostError as error:
        go_error, ordinal = f"invalid index: {error.index}", error.index
    except RejectError as error:
        go_error = "unknown error" if str(error) == str(fault) else str(error)
    ours = {
        "verdict": VERDICTS[type(fault)] if fault is not None else "ok",
        "error": str(fault) if fault is not None else "",
        "invalid_index_id": ordinal,
        "go_error": go_error,
    }
    return compare(name, ours, {key: line[key] for key in ours})


def read_parameters(config: Mapping[str, Any]) -> ProofParameters:
    """Return a recorded ``cfg``."""
    return ProofParameters(
        k1=config["k1"],
        k2=config["k2"],
        pow_difficulty=bytes.fromhex(config["pow_difficulty"]),
        min_num_units=config["min_num_units"],
        max_num_units=config["max_num_units"],
        labels_per_unit=config["labels_per_unit"],
        scrypt_n=config["scrypt_n"],
    )


def _read_mode(mode: Mapping[str, Any]) -> Mode:
    match mode["kind"]:
        case "all":
            return All()
        case "one":
            return One(mode["index"])
        case "subset":
            return Subset(mode["k3"], bytes.fromhex(mode["seed"]))
        case kind:
            raise ValueError(f"recorded mode {kind}")


@contextmanager
def recorded_directories(folder: Path) -> Iterator[Path]:
    """Unpack the recorded data directories; compute the label files that were left out."""
    recorded = read_json(folder / "post/dirs.json.xz")
    scrypt_n = {job["name"]: job["scrypt_n"] for job in recorded["jobs"]}
    with tempfile.TemporaryDirectory() as temporary:
        with tarfile.open(folder / "post/dirs.tar.xz") as archive:
            archive.extractall(temporary, filter="data")
        (root,) = {path.parent.parent for path in Path(temporary).rglob("postdata_metadata.json")}
        for name, files in recorded["directories"].items():
            missing = [file for file in files if not (root / name / file).exists()]
            if missing:
                _compute_files(root / name, scrypt_n[name])
            for file in missing:
                digest = hashlib.sha256((root / name / file).read_bytes()).hexdigest()
                if digest != files[file]["sha256"]:
                    raise ValueError(f"computed {name}/{file} has digest {digest}")
        yield root


def _compute_files(directory: Path, scrypt_n: int) -> None:
    metadata: SpaceMetadata = read_metadata(directory)
    commitment = make_commitment(metadata.smesher, metadata.commitment_atx)
    labels = CpuLabelEngine(scrypt_n).labels(commitment, 0, metadata.num_labels)
    stored = b"".join(
        labels[start : start + LABEL_SIZE] for start in range(0, len(labels), FULL_LABEL_SIZE)
    )
    layout = metadata.layout
    for number in range(layout.num_files):
        first = layout.first_label(number) * LABEL_SIZE
        size = layout.labels_in(number) * LABEL_SIZE
        (directory / data_file_name(number)).write_bytes(stored[first : first + size])


def _family(name: str, check: Callable[[Path], Iterator[Case]], *others: str) -> Family:
    return Family(name=f"post/{name}", files=(f"post/{name}.jsonl.xz", *others), check=check)


FAMILIES = (
    _family("ciphers", check_ciphers),
    _family("indices", check_indices),
    _family("k2pow", check_k2pow),
    _family("k2pow_search", check_k2pow_search),
    _family("k3", check_k3),
    _family("pow_scale", check_pow_scale),
    _family("proofs", check_proofs),
    _family("scan", check_scan),
    _family("verify", check_verify),
)
