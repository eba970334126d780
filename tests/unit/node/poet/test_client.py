"""Registering with a server in this process."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from node.base import scale
from node.base.errors import NotFoundError, UnavailableError
from node.config.durations import Nanoseconds
from node.config.model.consensus import PoetConfig as Network
from node.crypto.ed25519 import Signer, private_key_of, public_key_of, sign_bytes
from node.poet.client import LocalPoetClient, make_proof_message, poet_backoff, register
from node.poet.engines import make_engine
from node.poet.prover import InlineProver
from node.poet.registration import (
    Certificate,
    CertificateData,
    Certifier,
    Refusal,
    RegistrationError,
)
from node.poet.round import RoundSchedule
from node.poet.round_store import RoundStore
from node.poet.server import PoetConfig, PoetServer, RoundProof
from node.types.ids import GenesisID, PublicKey
from node.types.poet import PoetMerkleProof, PoetProof
from tests.support.virtual_clock import run_virtually

S = 10**9
CERTIFIER_KEY = private_key_of(b"c" * 32)
CONFIG = PoetConfig(
    schedule=RoundSchedule(
        genesis_ns=0, epoch_ns=60 * S, phase_shift_ns=30 * S, cycle_gap_ns=30 * S
    ),
    pow_difficulty=3,
    certifier=Certifier(url="http://certifier", pubkey=public_key_of(CERTIFIER_KEY)),
    round_leaves=150,
)
SIGNER = Signer(private_key_of(b"s" * 32), GenesisID(b"g" * 20))


def certify(smesher: bytes) -> Certificate:
    data = scale.encode(CertificateData(pubkey=smesher, expiration=None))
    return Certificate(data=data, signature=sign_bytes(CERTIFIER_KEY, data))


@pytest.mark.parametrize(
    "certificate", [None, certify(SIGNER.smesher_id)], ids=["by proof of work", "by certificate"]
)
def test_a_smesher_registers_and_gets_a_proof_it_is_in(
    tmp_path: Path, certificate: Certificate | None
) -> None:
    async def main(now_ns: Callable[[], int]) -> None:
        with RoundStore(tmp_path) as store:
            server = PoetServer(
                CONFIG,
                store,
                tmp_path / "work",
                InlineProver(make_engine()),
                now_ns=now_ns,
                entropy=lambda size: b"e" * size,
            )
            client = LocalPoetClient(server)
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(server.run())
                await asyncio.sleep(0)
                receipt = await register(
                    client, SIGNER, b"h" * 32, deadline_ns=60 * S, certificate=certificate
                )
                await asyncio.sleep(61)
                assert (await client.proof(receipt.round_id)).members == (b"h" * 32,)
                with pytest.raises(RegistrationError) as error:
                    await register(client, SIGNER, b"h" * 32, certificate=certify(b"other" * 6))
                assert error.value.refusal is Refusal.UNAUTHENTICATED
                running.cancel()

    run_virtually(main)


def test_the_statement_of_a_foreign_round_is_rebuilt_as_nodes_do() -> None:
    tree = PoetMerkleProof(root=b"", proven_leaves=(), proof_nodes=())
    answer = RoundProof(
        proof=PoetProof(merkle_proof=tree, leaf_count=0),
        members=(b"short",),
        service_pubkey=PublicKey(b"k" * 32),
    )
    message = make_proof_message(answer, "12")

    assert message.statement == b"short" + bytes(27)
    assert message.round_id == "12"
    assert make_proof_message(
        RoundProof(proof=answer.proof, members=(), service_pubkey=answer.service_pubkey), "12"
    ).statement == bytes(32)


def test_a_proof_that_is_not_ready_is_asked_for_again(tmp_path: Path) -> None:
    async def main(now_ns: Callable[[], int]) -> tuple[int, int]:
        with RoundStore(tmp_path / "db") as store:
            server = PoetServer(
                CONFIG,
                store,
                tmp_path / "rounds",
                InlineProver(make_engine()),
                now_ns=now_ns,
                entropy=bytes,
            )
            backoff = poet_backoff(Network(retry_delay=Nanoseconds(S), retry_max=2))
            client = LocalPoetClient(server, backoff=backoff, random_below=lambda bound: bound - 1)
            with pytest.raises(NotFoundError):
                await client.proof("0")
            return now_ns(), (backoff.attempts or 0)

    assert run_virtually(main) == ((2 + 4) * S, 3)


def test_a_server_that_does_not_run_is_asked_until_it_does(tmp_path: Path) -> None:
    async def main(now_ns: Callable[[], int]) -> None:
        with RoundStore(tmp_path) as store:
            server = PoetServer(
                CONFIG,
                store,
                tmp_path / "work",
                InlineProver(make_engine()),
                now_ns=now_ns,
                entropy=bytes,
            )
            with pytest.raises(UnavailableError, match=r"PoET in-process: .* not running"):
                await register(LocalPoetClient(server), SIGNER, b"\x01" * 32)
            patient = LocalPoetClient(server, backoff=poet_backoff(Network(retry_max=1)))
            async with asyncio.TaskGroup() as tasks:
                asking = tasks.create_task(register(patient, SIGNER, b"\x01" * 32))
                await asyncio.sleep(5)
                assert not asking.done()
                running = tasks.create_task(server.run())
                assert (await asking).round_id == "0"
                running.cancel()

    run_virtually(main)


def test_waits_grow_to_the_last_one_as_on_the_mainnet() -> None:
    config = Network(retry_delay=Nanoseconds(10 * S), retry_max=10)
    longest = poet_backoff(config).delays_ns(lambda bound: bound - 1)
    # The request timeout of that network is their sum.
    assert list(longest) == [20 * S * number for number in range(1, 11)]
