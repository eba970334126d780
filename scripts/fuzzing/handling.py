"""Handlers of a whole node against malformed messages.

Cases come in blocks.  Each block has a node of its own, which hears all cases of the block
one after the other; so a case is run again by running its block up to it.
"""

import asyncio
import signal
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from types import FrameType
from typing import Final

from node.base.errors import SpacemeshError, StoreError
from node.base.scale import decode
from node.consensus.malfeasance.rules import check_proof
from node.consensus.malfeasance.wire import MalfeasanceProof
from node.net.verdict import Verdict, verdict_of
from node.sim.virtual_time import simulate
from node.store import schema
from node.store.atxs import has_atx
from node.store.identities import get_malfeasance
from node.store.poets import get_poet, poet_refs, put_poet
from node.store.transactions import has_transaction
from node.types.ids import AtxID, SmesherID, TransactionID
from node.types.transaction import RawTransaction
from scripts.fuzzing.draws import Draws
from scripts.fuzzing.fields import FieldChanger
from scripts.fuzzing.findings import CaseError, Finding
from scripts.fuzzing.laws import REJECT
from scripts.fuzzing.mutations import spoil
from scripts.fuzzing.scene import HONEST, Stage, Theatre
from scripts.fuzzing.signing import sign_again
from scripts.fuzzing.targets import Target, spoil_signed

BLOCK: Final = 200
"""Cases that one node hears."""
LIMIT_S: Final = 10.0
"""Processor time that a case may take; a valid PoET proof takes one second."""
PLAYED_BACK: Final = 16
"""One message of so many is one that was sent before."""


class Way(Enum):
    """How a message comes about."""

    AS_IT_IS = auto()
    BYTES = auto()
    FIELD = auto()
    SIGNED = auto()
    """A field was changed, and the result signed."""


WAYS: Final = (Way.AS_IT_IS, *3 * (Way.BYTES,), Way.FIELD, *3 * (Way.SIGNED,))


class HangError(BaseException):
    """A case takes too long; not caught by what catches errors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One message."""

    told: str
    data: bytes
    identifier: bytes
    """What it is the answer to; empty for gossip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a message."""

    number: int
    told: str
    verdict: Verdict | None
    """None: something that must not be."""

    finding: Finding | None = None


class Cases:
    """Makes the cases of a target; needs a stage, for the valid messages."""

    def __init__(self, target: Target, stage: Stage) -> None:
        """Read the valid messages."""
        self._target = target
        self._stage = stage
        self._valid = target.valid(stage)
        self._objects = [target.read(data) for data in self._valid]
        self._changer = FieldChanger(self._objects)
        self._others = [data for messages in stage.recording.messages.values() for data in messages]
        self._sent: list[Case] = []

    def make(self, seed: int, number: int) -> Case:
        """Return case ``number``; to be called for all cases of a block in their order."""
        draws = Draws(seed, self._target.name, number)
        if self._sent and draws.below(PLAYED_BACK) == 0:
            earlier = draws.choose(self._sent)
            return Case(told="again", data=earlier.data, identifier=earlier.identifier)
        at = draws.below(len(self._valid))
        told, data = self._change(draws, at)
        # The sender may answer with something that has the identifier asked for, or not.
        asked_for = data if draws.below(2) else self._valid[at]
        made = Case(told=told, data=data, identifier=self._target.expected(asked_for))
        self._sent.append(made)
        return made

    def _change(self, draws: Draws, at: int) -> tuple[str, bytes]:
        valid = self._valid[at]
        way = draws.choose(WAYS)
        if way is Way.AS_IT_IS:
            return "as it is", valid
        if way is Way.BYTES:
            return spoil(draws, valid, self._others)
        if self._target.cls is RawTransaction:
            recording = self._stage.recording
            genesis_id = self._stage.node.genesis_id
            return "signed", spoil_signed(draws, valid, recording.wallets, genesis_id)
        told, changed = self._changer.change(draws, self._objects[at])
        if draws.below(3) == 0:
            second, changed = self._changer.change(draws, changed)
            told = f"{told}+{second}"
        if way is Way.SIGNED:
            told, changed = f"{told} signed", sign_again(changed, self._stage.recording.signers)
        return told, self._target.write(changed)


def run_block(theatre: Theatre, target: Target, seed: int, first: int, count: int) -> list[Outcome]:
    """Run cases ``first`` to ``first + count - 1``, which are of one block."""
    with theatre.stage(target.layer) as stage, _alarm():
        return simulate(_run(stage, target, seed, range(first, first + count)))


async def _run(stage: Stage, target: Target, seed: int, numbers: range) -> list[Outcome]:
    outcomes = []
    async with asyncio.TaskGroup() as tasks:
        for end in stage.end.network.ends.values():
            end.start(tasks)
        running = tasks.create_task(stage.node.fetcher.run())
        await prepare(stage, target)
        cases = Cases(target, stage)
        for number in numbers:
            case = cases.make(seed, number)
            outcomes.append(await _judge(stage, target, seed, number, case))
        running.cancel()
    return outcomes


async def prepare(stage: Stage, target: Target) -> None:
    """Let a node hear what comes before the messages of a target."""
    # To check them takes a second, and is what another target is for.
    if target.name != "fetched-poet":
        with stage.db.batch() as batch:
            for ref in poet_refs(stage.honest.db):
                put_poet(batch, get_poet(stage.honest.db, ref))
    for topic in target.before:
        for data in stage.recording.messages[topic]:
            try:
                await stage.end.handlers[topic](HONEST, data)
            except SpacemeshError:
                # Of another layer than the node is in.
                continue
    stage.db.written.clear()


async def _judge(stage: Stage, target: Target, seed: int, number: int, case: Case) -> Outcome:
    try:
        verdict = await try_case(stage, target, case)
    except CaseError as error:
        finding = Finding(
            target=target.name,
            seed=seed,
            case=number,
            told=error.told,
            reason=error.reason,
            data=error.data,
        )
        return Outcome(number=number, told=case.told, verdict=None, finding=finding)
    return Outcome(number=number, told=case.told, verdict=verdict)


async def try_case(stage: Stage, target: Target, case: Case) -> Verdict:
    """Hand a message to a node and check what it does.

    Raises:
        CaseError: another verdict than the digests say, an unexpected error, no end, or a
            store that changed though the message was refused.
    """
    allowed = target.law(stage, case.data)
    if target.identify is not None and target.expected(case.data) != case.identifier:
        allowed = allowed - {Verdict.ACCEPT} or REJECT
    stage.db.written.clear()
    error: SpacemeshError | None = None
    try:
        with _limited():
            await target.handler(stage)(case.identifier, case.data)
    except StoreError as failure:
        raise CaseError(
            case.told, f"the store is said to be damaged: {failure}", case.data
        ) from failure
    except SpacemeshError as failure:
        error = failure
    except (Exception, HangError) as failure:
        raise CaseError(case.told, f"{type(failure).__name__}: {failure}", case.data) from failure
    verdict = Verdict.ACCEPT if error is None else verdict_of(error)
    if verdict not in allowed:
        wanted = " or ".join(sorted(one.name for one in allowed))
        reason = f"{verdict.name}, not {wanted}: {error}"
        raise CaseError(case.told, reason, case.data)
    _check_convictions(stage, case)
    if verdict is not Verdict.ACCEPT:
        _check_store(stage, case, error)
    return verdict


def _check_store(stage: Stage, case: Case, error: SpacemeshError | None) -> None:
    """Check that a refused message left nothing behind but what the network has anyway."""
    convicted = any(key.startswith(schema.MALICIOUS) for key in stage.db.written)
    if convicted:
        return
    foreign = [key for key in stage.db.written if not _is_of_network(stage, key)]
    if foreign:
        keys = ", ".join(key.hex() for key in foreign[:3])
        raise CaseError(case.told, f"refused ({error}), and written: {keys}", case.data)


def _is_of_network(stage: Stage, key: bytes) -> bool:
    """Tell whether an honest peer has what a key names; the instants in keys may differ."""
    if stage.honest.db.get(key) is not None:
        return True
    named = key[-AtxID.SIZE :]
    full = stage.honest.db
    return has_atx(full, AtxID(named)) or has_transaction(full, TransactionID(named))


def _check_convictions(stage: Stage, case: Case) -> None:
    """Check that every proof that was stored convicts."""
    for key in stage.db.written:
        if not key.startswith(schema.MALICIOUS):
            continue
        smesher = SmesherID(key[len(schema.MALICIOUS) :])
        proof = decode(MalfeasanceProof, get_malfeasance(stage.db, smesher).proof)
        try:
            culprit = check_proof(proof.data, stage.node.verifier, is_known=True)
        except SpacemeshError as error:
            raise CaseError(
                case.told, f"a proof is stored that fails: {error}", case.data
            ) from error
        if culprit != smesher:
            raise CaseError(case.told, f"a proof against {culprit} convicts {smesher}", case.data)


def _on_alarm(_number: int, _frame: FrameType | None) -> None:
    raise HangError(f"more than {LIMIT_S:.0f} s of processor time")


@contextmanager
def _alarm() -> Generator[None, None, None]:
    """Turn the alarm of ``_limited`` into an exception."""
    before = signal.signal(signal.SIGPROF, _on_alarm)
    try:
        yield
    finally:
        signal.signal(signal.SIGPROF, before)


@contextmanager
def _limited() -> Generator[None, None, None]:
    signal.setitimer(signal.ITIMER_PROF, LIMIT_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
