"""Recorded dialogues about proofs: a k2pow worker, a certifier, a PoST service."""

import asyncio
import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, assert_never

from node.base import scale
from node.crypto.ed25519 import private_key_of
from node.poet.registration import NS_PER_S, CertificateData
from node.poet.registration_cert import CertificateIssuer, CertifierDialogue
from node.post.k2pow import RandomX
from node.post.k2pow_jobs import Found, JobTable
from node.post.machine import Answer as ServiceAnswer
from node.post.machine import (
    CheckProof,
    InProgress,
    MetadataAnswer,
    ProofAnswer,
    ProofMachine,
    Refusal,
    Running,
    StartProof,
)
from node.post.metadata import SpaceMetadata
from node.post.proving import ProofOptions, ProvingSpace, open_space, prove
from node.post.recomputing import RecomputedLabels
from node.post.scan import PlainScan
from node.post.verifying import All, Fault, PostClaim, ProofParameters, find_fault
from node.types.post import Post
from scripts.vectors.family import Case, Family, compare, read_json
from scripts.vectors.post_proofs import read_parameters, recorded_directories

FORTNIGHT_NS = 14 * 86400 * NS_PER_S
"""The validity of the second recorded session."""

PROOF_REQUEST = "1222"
"""How a request for a proof with a whole challenge begins."""

IN_PROGRESS = "12020801"
"""The encoded answer that there is no proof yet."""

REFUSED = "12020802"
"""The encoded answer that there will be none."""


def check_k2pow_http(folder: Path) -> Iterator[Case]:
    """Replay the dialogue with a k2pow worker; a search ends when its result was recorded."""
    table, randomx = JobTable(), RandomX()
    for number, entry in enumerate(read_json(folder / "post/k2pow_http.json.xz")["log"], start=1):
        job = table.current
        if job is not None and entry["status"] == HTTPStatus.OK and entry["path"] == job.path:
            found = randomx.search(
                job.nonce_group,
                job.challenge,
                job.smesher,
                job.difficulty,
                stopped=lambda: False,
            )
            table.on_result(Found(found))
        response = table.on_request(entry["method"], entry["path"])
        ours = (response.status.value, response.content_type, response.body)
        name = f"{number}, {entry['method']} {entry['path'][:20]}"
        yield compare(name, ours, (entry["status"], entry["content_type"], entry["body"]))


def check_certifier_http(folder: Path) -> Iterator[Case]:
    """Replay the dialogue with a certifier, byte for byte."""
    recorded = read_json(folder / "post/certifier_http.json.xz")
    parameters = read_parameters(recorded["cfg"])
    randomx, labels = RandomX(), RecomputedLabels()

    async def find(post: Post, claim: PostClaim) -> Fault | None:
        return find_fault(post, claim, parameters, All(), labels=labels, pow_hash=randomx.hash)

    private_key = private_key_of(bytes.fromhex(recorded["signing_key_hex"]))
    for session in recorded["sessions"]:
        validity_ns = FORTNIGHT_NS if session["certificate_expiration"] else None
        issuer = CertificateIssuer(private_key=private_key, validity_ns=validity_ns)
        dialogue = CertifierDialogue(issuer, find)
        for number, entry in enumerate(session["log"], start=1):
            body = (entry["body"] or "").encode()
            answer = asyncio.run(
                dialogue.answer(
                    entry["method"],
                    entry["path"],
                    entry["content_type"] or "",
                    body,
                    _issued_at(entry, validity_ns),
                )
            )
            yield compare(
                f"{session['session']}, {number}, {entry['what']}",
                (answer.status.value, answer.content_type, answer.body),
                (entry["status"], entry["response_type"], entry["response"]),
            )


def _issued_at(entry: Mapping[str, Any], validity_ns: int | None) -> int:
    """Return when a certificate was issued: within two seconds after the request was sent."""
    sent_ns: int = entry["sent_at"] * NS_PER_S
    if validity_ns is None or entry["status"] != HTTPStatus.OK:
        return sent_ns
    data = base64.b64decode(json.loads(entry["response"])["certificate"])
    expiration = scale.decode(CertificateData, data).expiration
    for delay_ns in range(0, 3 * NS_PER_S, NS_PER_S):
        if sent_ns + delay_ns + validity_ns == (expiration or 0) * NS_PER_S:
            return sent_ns + delay_ns
    return sent_ns


def check_post_service(folder: Path) -> Iterator[Case]:
    """Replay the messages between a node and a service, making the proofs anew.

    How often the node was told that the proof is in progress is a matter of speed; here a
    proof is finished when the recorded answers show that it was.
    """
    recorded = read_json(folder / "post/post_service.json.xz")
    with recorded_directories(folder) as directories:
        for run in recorded["runs"]:
            yield from _replay_service(run, directories)


def _replay_service(run: Mapping[str, Any], directories: Path) -> Iterator[Case]:
    arguments = dict(zip(run["args"][::2], run["args"][1::2], strict=True))
    space = open_space(directories / Path(arguments["--dir"]).name)
    prover = _ServiceProver(arguments, space)
    machine = ProofMachine(space.metadata)
    log = run["log"]
    for position in range(0, len(log), 2):
        request = bytes.fromhex(log[position]["node_request"])
        recorded = bytes.fromhex(log[position + 1]["service_response"])
        state = machine.state
        if isinstance(state, Running) and _was_finished(log, position):
            machine.on_proof(prover.prove(state.challenge))
        answer = answer_request(machine, request, prover.find_problem)
        name = f"{run['version']}, {position // 2}, {log[position]['what']}"
        yield compare(name, encode_answer(answer).hex(), recorded.hex())


def _was_finished(log: Sequence[Mapping[str, Any]], position: int) -> bool:
    """Tell whether the service had its proof ready when a request came.

    Either it handed it out, or it refused another challenge and then began to work on it:
    while it still works it goes on refusing.
    """
    request, response = log[position]["node_request"], log[position + 1]["service_response"]
    if not request.startswith(PROOF_REQUEST):
        return False
    if response not in (IN_PROGRESS, REFUSED):
        return True
    later = [
        entry["service_response"]
        for before, entry in zip(log[position + 2 :: 2], log[position + 3 :: 2], strict=True)
        if before["node_request"] == request
    ]
    return response == REFUSED and later[:1] == [IN_PROGRESS]


@dataclass(frozen=True, slots=True)
class _ServiceProver:
    """Proves and verifies as a service with these arguments does."""

    arguments: Mapping[str, str]
    space: ProvingSpace
    randomx: RandomX = field(default_factory=RandomX)
    labels: RecomputedLabels = field(default_factory=RecomputedLabels)
    made: dict[bytes, Post] = field(default_factory=dict)

    def prove(self, challenge: bytes) -> Post:
        """Make a proof; a second one for the same challenge would be the same."""
        if challenge not in self.made:
            self.made[challenge] = self._make(challenge)
        return self.made[challenge]

    def _make(self, challenge: bytes) -> Post:
        options = ProofOptions(
            challenge=challenge,
            k1=int(self.arguments["--k1"]),
            k2=int(self.arguments["--k2"]),
            pow_difficulty=bytes.fromhex(self.arguments["--pow-difficulty"]),
            nonces=int(self.arguments["--nonces"]),
        )
        return prove(
            self.space,
            options,
            pow_search=self.randomx.search,
            scan_factory=PlainScan,
            progress=lambda _: None,
            stopped=lambda: False,
        )

    def find_problem(self, post: Post, challenge: bytes) -> str:
        """Return what is wrong with a proof, or no text."""
        metadata = self.space.metadata
        claim = PostClaim(
            smesher=metadata.smesher,
            commitment_atx=metadata.commitment_atx,
            challenge=challenge,
            num_units=metadata.num_units,
        )
        parameters = ProofParameters(
            k1=int(self.arguments["--k1"]),
            k2=int(self.arguments["--k2"]),
            pow_difficulty=bytes.fromhex(self.arguments["--pow-difficulty"]),
            min_num_units=metadata.num_units,
            max_num_units=metadata.num_units,
            labels_per_unit=metadata.labels_per_unit,
            scrypt_n=int(self.arguments["-n"]),
        )
        fault = find_fault(
            post, claim, parameters, All(), labels=self.labels, pow_hash=self.randomx.hash
        )
        return "" if fault is None else str(fault)


def answer_request(
    machine: ProofMachine, request: bytes, find_problem: Callable[[Post, bytes], str]
) -> ServiceAnswer:
    """Pass an encoded NodeRequest to a machine; return what it answers."""
    fields = dict(_read_fields(request))
    if 1 in fields:
        return machine.on_metadata_request()
    if 2 not in fields:  # noqa: PLR2004
        return machine.on_unknown_request()
    challenge = dict(_read_fields(bytes(fields[2]))).get(1, b"")
    match machine.on_proof_request(bytes(challenge)):
        case StartProof():
            return InProgress()
        case CheckProof(post, checked):
            return machine.on_checked(find_problem(post, checked))
        case answer:
            return answer


def encode_answer(answer: ServiceAnswer) -> bytes:
    """Return the ServiceResponse for an answer."""
    match answer:
        case MetadataAnswer(metadata):
            meta = _write_bytes(1, _encode_metadata(metadata))
            return _write_bytes(1, meta)
        case InProgress():
            return bytes.fromhex(IN_PROGRESS)
        case Refusal():
            return bytes.fromhex(REFUSED)
        case ProofAnswer(post, challenge, metadata):
            proof = (
                _write_number(1, post.nonce)
                + _write_bytes(2, post.indices)
                + _write_number(3, post.pow)
            )
            meta = _write_bytes(1, challenge)
            meta += _write_bytes(2, _encode_metadata(metadata))
            response = _write_number(1, 1)
            response += _write_bytes(2, proof) + _write_bytes(3, meta)
            return _write_bytes(2, response)
        case _:
            assert_never(answer)


def _encode_metadata(metadata: SpaceMetadata) -> bytes:
    encoded = _write_bytes(1, metadata.smesher)
    encoded += _write_bytes(2, metadata.commitment_atx)
    if metadata.nonce is not None:
        encoded += _write_number(3, metadata.nonce, is_optional=True)
    encoded += _write_number(4, metadata.num_units)
    return encoded + _write_number(5, metadata.labels_per_unit)


def _read_fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield number and content of the fields of a message that has only nested ones."""
    at = 0
    while at < len(data):
        key, size = data[at], data[at + 1]
        yield key >> 3, data[at + 2 : at + 2 + size]
        at += 2 + size


def _write_varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:  # noqa: PLR2004
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _write_bytes(number: int, value: bytes) -> bytes:
    return _write_varint(number << 3 | 2) + _write_varint(len(value)) + value if value else b""


def _write_number(number: int, value: int, *, is_optional: bool = False) -> bytes:
    if not value and not is_optional:
        return b""
    return _write_varint(number << 3) + _write_varint(value)


def _family(name: str, check: Callable[[Path], Iterator[Case]]) -> Family:
    return Family(name=f"post/{name}", files=(f"post/{name}.json.xz",), check=check)


FAMILIES = (
    _family("certifier_http", check_certifier_http),
    _family("k2pow_http", check_k2pow_http),
    _family("post_service", check_post_service),
)
