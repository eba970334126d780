"""What postcli has of this process: its streams, clock, engines and proofs."""

import asyncio
import os
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from node.post.engine_host import find_providers
from node.post.init_engines import open_engines
from node.post.k2pow import RandomX
from node.post.postcli import Surroundings
from node.post.postcli_flags import K1, K2, POW_DIFFICULTY
from node.post.proving import ProofOptions, open_space, prove
from node.post.recomputing import RecomputedLabels
from node.post.scan_cpu import choose_scan
from node.post.verifying import All, PostClaim, ProofParameters, check_post

ZERO_CHALLENGE: Final = bytes(32)
"""Challenge of the sanity test."""


def make_surroundings(now_ns: int, cache_directory: Path | None = None) -> Surroundings:
    """Return the real world.

    Args:
        now_ns: nanoseconds since 1970 at the start; the time stamps count on from there.
        cache_directory: where tuned kernel shapes are kept; None to keep none.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()

    def now() -> datetime:
        seconds = now_ns / 1e9 + loop.time() - began
        return datetime.fromtimestamp(seconds, UTC).astimezone()

    return Surroundings(
        write_output=sys.stdout.write,
        write_error=sys.stderr.write,
        read_line=sys.stdin.readline,
        now=now,
        entropy=os.urandom,
        data_directory=str(Path.home() / "post" / "data"),
        open_engines=partial(open_engines, cache_directory=cache_directory),
        find_providers=find_providers,
        prove_once=partial(prove_once, RandomX(fast=True, threads=os.cpu_count() or 1)),
    )


async def prove_once(randomx: RandomX, directory: Path, scrypt_n: int) -> None:
    """Make a proof over a space for the zero challenge and verify all of it.

    Raises:
        PreconditionError: the space is not complete.
        RejectError: the proof does not hold: the labels are wrong.
    """
    await asyncio.to_thread(_prove_once, randomx, directory, scrypt_n)


def _prove_once(randomx: RandomX, directory: Path, scrypt_n: int) -> None:
    space = open_space(directory)
    post = prove(
        space,
        ProofOptions(challenge=ZERO_CHALLENGE, k1=K1, k2=K2, pow_difficulty=POW_DIFFICULTY),
        pow_search=randomx.search,
        scan_factory=choose_scan(),
        progress=lambda _: None,
        stopped=lambda: False,
    )
    metadata = space.metadata
    check_post(
        post,
        PostClaim(
            smesher=metadata.smesher,
            commitment_atx=metadata.commitment_atx,
            challenge=ZERO_CHALLENGE,
            num_units=metadata.num_units,
        ),
        ProofParameters(
            k1=K1,
            k2=K2,
            pow_difficulty=POW_DIFFICULTY,
            min_num_units=metadata.num_units,
            max_num_units=metadata.num_units,
            labels_per_unit=metadata.labels_per_unit,
            scrypt_n=scrypt_n,
        ),
        All(),
        labels=RecomputedLabels(),
        pow_hash=randomx.hash,
    )
