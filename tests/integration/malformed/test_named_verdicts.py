"""One broken rule, one verdict: what the digests name, asked of the handlers of a whole node.

Every row changes one field of a valid message of a recorded network, signs it again where
the rule is not about the signature, and tells what must become of it.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from node.base import scale
from node.consensus.hare.exchange import PROTOCOL
from node.consensus.hare.messages import decode_answer
from node.consensus.hare.wire import CompactIDRequest, MessageV4, Round
from node.net.verdict import Verdict
from node.sim.virtual_time import simulate
from node.store.identities import malicious_smeshers
from node.types.ids import NO_ATX, AtxID, BallotID, Beacon, Hash32, TransactionID
from node.types.layer import LayerID
from scripts.fuzzing.fields import Path, put
from scripts.fuzzing.handling import Case, prepare, try_case
from scripts.fuzzing.scene import HONEST, SECOND, Stage, Theatre
from scripts.fuzzing.signing import sign_again
from scripts.fuzzing.targets import HARE4_TOPIC, Target, find_target

UNKNOWN = b"\x07" * 32
REJECT, IGNORE, ACCEPT = Verdict.REJECT, Verdict.IGNORE, Verdict.ACCEPT


@dataclass(frozen=True, kw_only=True)
class Row:
    """A change and its verdict."""

    target: str
    rule: str
    path: Path
    change: Callable[[Any], Any]
    verdict: Verdict
    signed: bool = True
    which: int = 0
    """Of the valid messages."""

    @property
    def name(self) -> str:
        """What the row is about."""
        return f"{self.target}: {self.rule}"


def _to(value: Any) -> Callable[[Any], Any]:
    return lambda _: value


def _more(number: int) -> Callable[[Any], Any]:
    return lambda old: type(old)(old + number)


def _flipped(old: bytes) -> bytes:
    return type(old)(bytes([old[0] ^ 1]) + old[1:])


def _backwards(old: tuple[Any, ...]) -> tuple[Any, ...]:
    return old[::-1]


def _twice(old: tuple[Any, ...]) -> tuple[Any, ...]:
    return (*old, *old)


def _atx(
    rule: str, path: str, change: Callable[[Any], Any], verdict: Verdict, *, signed: bool = True
) -> Row:
    return Row(
        target="atx",
        rule=rule,
        path=tuple(path.split(".")),
        change=change,
        verdict=verdict,
        signed=signed,
        which=-1,
    )


POST = "inner.nipost"
CHALLENGE = "inner.challenge"
ATX_ROWS = (
    _atx("wrong signature", "signature", _flipped, REJECT, signed=False),
    _atx("no proof of space", POST, _to(None), REJECT),
    _atx("no PoST", f"{POST}.post", _to(None), REJECT),
    _atx("no metadata", f"{POST}.post_metadata", _to(None), REJECT),
    _atx("too far ahead", f"{CHALLENGE}.publish_epoch", _to(9), REJECT),
    _atx("no positioning ATX", f"{CHALLENGE}.positioning_atx", _to(NO_ATX), REJECT),
    _atx("no previous ATX", f"{CHALLENGE}.previous_atx", _to(NO_ATX), REJECT),
    _atx("later, with a commitment", f"{CHALLENGE}.commitment_atx", _to(AtxID(UNKNOWN)), REJECT),
    _atx("previous ATX unknown", f"{CHALLENGE}.previous_atx", _to(AtxID(UNKNOWN)), IGNORE),
    _atx("positioning ATX unknown", f"{CHALLENGE}.positioning_atx", _to(AtxID(UNKNOWN)), IGNORE),
    _atx("PoET proof unknown", f"{POST}.post_metadata.challenge", _to(UNKNOWN), IGNORE),
    _atx("PoET reference short", f"{POST}.post_metadata.challenge", _to(UNKNOWN[1:]), REJECT),
    _atx("sequence", f"{CHALLENGE}.sequence", _more(1), REJECT),
    _atx("too many units", "inner.num_units", _more(1 << 20), REJECT),
    _atx("no units", "inner.num_units", _to(0), REJECT),
    _atx("units too small", f"{POST}.post_metadata.labels_per_unit", _more(-1), REJECT),
    _atx("another member", f"{POST}.membership.leaf_index", _more(1), REJECT),
    _atx("wrong VRF nonce", "inner.vrf_nonce", _to(77), REJECT),
    _atx("labels of another proof of work", f"{POST}.post.pow", _more(1), IGNORE),
)


def _proposal(
    rule: str, path: Path, change: Callable[[Any], Any], verdict: Verdict, *, signed: bool = True
) -> Row:
    return Row(
        target="proposal",
        rule=rule,
        path=("inner", "ballot", *path) if path and path[0] != "" else path[1:],
        change=change,
        verdict=verdict,
        signed=signed,
    )


PROPOSAL_ROWS = (
    _proposal("wrong signature", ("", "signature"), _flipped, IGNORE, signed=False),
    _proposal("wrong ballot", ("signature",), _flipped, IGNORE, signed=False),
    _proposal("from the future", ("inner", "layer"), _more(1), IGNORE),
    _proposal("too late", ("inner", "layer"), _more(-1), IGNORE),
    _proposal("no ATX", ("inner", "atx_id"), _to(NO_ATX), REJECT),
    _proposal("ATX unknown", ("inner", "atx_id"), _to(AtxID(UNKNOWN)), IGNORE),
    _proposal("no epoch data", ("inner", "epoch_data"), _to(None), REJECT),
    _proposal("no beacon", ("inner", "epoch_data", "beacon"), _to(Beacon.zero()), REJECT),
    _proposal(
        "data beside a reference", ("inner", "ref_ballot"), _to(BallotID(UNKNOWN[:20])), REJECT
    ),
    _proposal(
        "active set unknown",
        ("inner", "epoch_data", "active_set_hash"),
        _to(Hash32(UNKNOWN)),
        IGNORE,
    ),
    _proposal("no slots", ("inner", "epoch_data", "eligibility_count"), _to(0), REJECT),
    _proposal("too many slots", ("inner", "epoch_data", "eligibility_count"), _more(1), REJECT),
    _proposal("another opinion", ("inner", "opinion_hash"), _flipped, IGNORE),
    _proposal("base unknown", ("votes", "base"), _to(BallotID(UNKNOWN[:20])), IGNORE),
    _proposal("no proofs", ("eligibilities",), _to(()), REJECT),
    _proposal("slots descend", ("eligibilities",), _backwards, REJECT),
    _proposal("a slot twice", ("eligibilities",), _twice, REJECT),
    _proposal("slot too high", ("eligibilities", 0, "j"), _to(1 << 20), REJECT),
    _proposal("wrong proof", ("eligibilities", 0, "sig"), _flipped, IGNORE),
    _proposal(
        "transaction unknown", ("", "inner", "tx_ids"), _to((TransactionID(UNKNOWN),)), IGNORE
    ),
    _proposal("transaction twice", ("", "inner", "tx_ids"), _twice, REJECT),
)


def _row(
    target: str,
    rule: str,
    path: str,
    change: Callable[[Any], Any],
    verdict: Verdict,
    *,
    signed: bool = True,
    which: int = 0,
) -> Row:
    steps = tuple(int(step) if step.isdigit() else step for step in path.split("."))
    return Row(
        target=target,
        rule=rule,
        path=steps,
        change=change,
        verdict=verdict,
        signed=signed,
        which=which,
    )


OTHER_ROWS = (
    _row("certify", "wrong signature", "signature", _flipped, REJECT, signed=False),
    _row("certify", "too many seats", "content.eligibility_count", _more(1), IGNORE),
    _row("certify", "far layer", "content.layer", _to(LayerID(29)), IGNORE),
    _row("certify", "no beacon", "content.layer", _to(LayerID(900)), IGNORE),
    _row("hare3", "wrong signature", "signature", _flipped, REJECT, signed=False),
    _row("hare3", "reference in preround", "body.value.reference", _to(Hash32(UNKNOWN)), REJECT),
    _row("hare3", "commit without one", "body.iter_round.round", _to(Round.COMMIT), REJECT),
    _row("hare3", "no such round", "body.iter_round.round", _to(8), IGNORE),
    _row("hare3", "no session", "body.layer", _more(3), IGNORE),
    _row("hare3", "no seats", "body.eligibility.count", _to(0), IGNORE),
    _row("hare3", "too many seats", "body.eligibility.count", _more(1), IGNORE),
    _row("hare3", "wrong proof", "body.eligibility.proof", _flipped, IGNORE),
    _row("hare4", "preround that cannot be completed", "signature", _flipped, IGNORE, signed=False),
    _row("hare4", "wrong signature", "signature", _flipped, REJECT, signed=False, which=2),
    _row("beacon-proposal", "another epoch", "epoch", _more(1), IGNORE),
    _row("beacon-proposal", "wrong proof", "vrf_signature", _flipped, IGNORE),
    _row("first-votes", "wrong signature", "signature", _flipped, IGNORE, signed=False),
    _row("first-votes", "another epoch", "body.epoch", _more(1), IGNORE),
    _row("following-votes", "wrong signature", "signature", _flipped, IGNORE, signed=False),
    _row("following-votes", "far round", "body.round", _to(3), IGNORE),
    _row("weak-coin", "unit not allowed", "unit", _to(9999), IGNORE),
    _row("weak-coin", "wrong proof", "vrf_signature", _flipped, IGNORE),
    _row("transaction", "wrong signature", "raw", lambda old: old[:-1] + b"\0", IGNORE),
    _row("transaction", "malformed", "raw", lambda old: old[:40], IGNORE),
    _row(
        "malfeasance", "one message twice", "proof.data.messages", lambda old: old[:1] * 2, REJECT
    ),
    _row(
        "malfeasance",
        "other epoch",
        "proof.data.messages.0.metadata.publish_epoch",
        _more(1),
        REJECT,
    ),
    _row(
        "malfeasance",
        "wrong signature",
        "proof.data.messages.1.signature",
        _flipped,
        REJECT,
        signed=False,
    ),
    _row("fetched-block", "no rewards", "inner.rewards", _to(()), REJECT),
    _row("fetched-block", "a reward twice", "inner.rewards", _twice, REJECT),
    _row("fetched-block", "a transaction twice", "inner.tx_ids", _twice, IGNORE),
    _row("fetched-block", "of genesis", "inner.layer", _to(LayerID(0)), REJECT),
    _row("fetched-active-set", "not sorted", "atx_ids", _backwards, REJECT),
    _row("fetched-ballot", "wrong signature", "signature", _flipped, REJECT, signed=False),
    _row("fetched-ballot", "of genesis", "inner.layer", _to(LayerID(0)), REJECT),
    _row("fetched-poet", "other work", "proof.leaf_count", _more(1), REJECT),
)
ROWS = (*ATX_ROWS, *PROPOSAL_ROWS, *OTHER_ROWS)


def _at(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step] if isinstance(step, int) else getattr(value, step)
    return value


async def _send(stage: Stage, target: Target, row: Row | None) -> Verdict:
    async with asyncio.TaskGroup() as tasks:
        for end in stage.end.network.ends.values():
            end.start(tasks)
        running = tasks.create_task(stage.node.fetcher.run())
        await prepare(stage, target)
        data = target.valid(stage)[0 if row is None else row.which]
        if row is not None:
            message = target.read(data)
            message = put(message, row.path, row.change(_at(message, row.path)))
            if row.signed:
                message = sign_again(message, stage.recording.signers)
            data = target.write(message)
        case = Case(told=target.name, data=data, identifier=target.expected(data))
        verdict = await try_case(stage, target, case)
        running.cancel()
    return verdict


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_broken_rule_has_the_verdict_of_its_digest(theatre: Theatre, row: Row) -> None:
    target = find_target(row.target)
    with theatre.stage(target.layer) as stage:
        assert simulate(_send(stage, target, row)) is row.verdict
        convicted = list(malicious_smeshers(stage.db))
    assert len(convicted) == (row.rule == "labels of another proof of work")


@pytest.mark.parametrize("name", sorted({row.target for row in ROWS} - {"atx"}))
def test_what_the_rows_change_was_valid(theatre: Theatre, name: str) -> None:
    target = find_target(name)
    with theatre.stage(target.layer) as stage:
        assert simulate(_send(stage, target, None)) is ACCEPT


def test_a_node_tells_peers_the_proposals_in_compact_messages(theatre: Theatre) -> None:
    target = find_target("asked-full-exchange")

    async def ask(stage: Stage) -> list[tuple[bytes, ...]]:
        async with asyncio.TaskGroup() as tasks:
            for end in stage.end.network.ends.values():
                end.start(tasks)
            running = tasks.create_task(stage.node.fetcher.run())
            await prepare(stage, target)
            heard = (scale.decode(MessageV4, m) for m in stage.recording.messages[HARE4_TOPIC])
            answers = []
            for message in heard:
                is_preround = message.body.iter_round.round == Round.PREROUND
                if is_preround and message.body.layer == SECOND:
                    request = scale.encode(CompactIDRequest(message_id=message.hash))
                    answers.append(await stage.end.served[PROTOCOL](HONEST, request))
            running.cancel()
        return [decode_answer(answer) for answer in answers]

    with theatre.stage(target.layer) as stage:
        answers = simulate(ask(stage))
        known = tuple(sorted(entry.proposal.id for entry in stage.node.proposals.for_hare(SECOND)))
    assert known
    assert answers == [known, known]
