"""Certificates: the block that hare agreed on, and the committee that vouches for it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from node.base.errors import RejectError
from node.checkpoint.audit.active_sets import Weighed, weigh
from node.checkpoint.audit.context import AuditContext
from node.checkpoint.audit.findings import NOTHING, ObjectKind
from node.checkpoint.audit.work import SignatureWork, VrfWork, Work
from node.consensus.certifier.rules import MAX_SEATS
from node.consensus.eligibility import (
    CERTIFY_ROUND,
    Distributions,
    Lottery,
    check_seats,
    committee_vrf_input,
)
from node.crypto.domains import Domain
from node.store.certificates import CertificateRow
from node.store.statesql import state_rows
from node.types.certificate import Certificate, CertifyMessage
from node.types.ids import NO_BLOCK, AtxID, Beacon, BlockID
from node.types.layer import EpochID, LayerID


@dataclass(slots=True)
class CertificateChecker:
    """Checks all certificates; blocks and ballots have been checked."""

    context: AuditContext
    _committees: dict[EpochID, tuple[Weighed, ...]] = field(default_factory=dict)
    """Weights that the committees of an epoch may have been drawn from."""

    _distributions: Distributions = field(default_factory=Distributions)

    def check(self) -> None:
        """Check every certificate."""
        ledger, kind = self.context.ledger, ObjectKind.CERTIFICATE
        certified, span = self.context.facts.certified, self.context.layer_span()
        for row in self.context.scan(
            kind, state_rows.CERTIFICATES, "1 ORDER BY layer", foresee=self._foresee
        ):
            in_layer = certified.setdefault(row.layer, {})
            self._check_layer(row, span)
            self._check_block(row)
            if row.is_valid:
                others = sum(in_layer.values())
                ledger.compare(kind, _name(row), "one valid in a layer", 1, 1 + others)
            in_layer[row.block] = row.is_valid
            if row.certificate is None:
                ledger.count(kind, "outputs of our own hare")
                ledger.skip(kind, "no certificate stands beside hare's output")
            else:
                self._check_certificate(row, row.certificate)
        self._check_unused()

    def _check_layer(self, row: CertificateRow, span: tuple[LayerID, LayerID] | None) -> None:
        """Check that a row is of a layer that the chain has reached."""
        if span is not None:
            reached = min(max(row.layer, span[0]), span[1])
            self.context.ledger.compare(
                ObjectKind.CERTIFICATE, _name(row), "layer", reached, row.layer
            )

    def _check_block(self, row: CertificateRow) -> None:
        if row.block == NO_BLOCK:
            return
        known = {block.id for block in self.context.facts.blocks.get(row.layer, ())}
        if row.block in known:
            self.context.ledger.tallies[ObjectKind.CERTIFICATE].checks["block"] += 1
        elif self.context.is_damaged(row.block):
            self.context.ledger.skip(ObjectKind.CERTIFICATE, "its block is damaged")
        elif self._is_applied(row) or _is_certified(row):
            self.context.ledger.miss(ObjectKind.BLOCK, row.block, f"layer {row.layer}")
            self.context.facts.damage(row.block)
        else:
            self.context.ledger.fail(
                ObjectKind.CERTIFICATE, _name(row), "block", "one of the layer", NOTHING
            )

    def _is_applied(self, row: CertificateRow) -> bool:
        layer = self.context.find(state_rows.LAYERS, "id = ?", row.layer)
        return layer is not None and layer.applied_block == row.block

    def _check_unused(self) -> None:
        """Look for layers whose only certificate row does not count."""
        ledger, kind = self.context.ledger, ObjectKind.CERTIFICATE
        for layer, rows in self.context.facts.certified.items():
            if len(rows) == 1:
                (valid,) = rows.values()
                told = "valid" if valid else "not valid"
                ledger.compare(kind, f"layer {layer}", "validity", "valid", told)

    def _check_certificate(self, row: CertificateRow, certificate: Certificate) -> None:
        ledger, kind, name = self.context.ledger, ObjectKind.CERTIFICATE, _name(row)
        ledger.count(kind, "certify messages", len(certificate.signatures))
        ledger.compare(kind, name, "block of the certificate", certificate.block_id, row.block)
        smeshers = {message.smesher for message in certificate.signatures}
        ledger.compare(
            kind, name, "distinct certifiers", len(smeshers), len(certificate.signatures)
        )
        seats = 0
        for message in certificate.signatures:
            content = message.content
            ledger.compare(
                kind,
                name,
                "subject of a message",
                (row.layer, certificate.block_id),
                (content.layer, content.block_id),
            )
            self.context.judge_work(
                kind, name, "signature", certify_signature(self.context, message)
            )
            self._check_seats(name, message)
            seats += content.eligibility_count
        threshold = self.context.parameters.threshold
        ledger.compare(kind, name, "seats", max(seats % MAX_SEATS, threshold), seats % MAX_SEATS)

    def _foresee(self, row: CertificateRow) -> Iterator[Work]:
        """Yield the work that the messages of a certificate will need."""
        for message in () if row.certificate is None else row.certificate.signatures:
            yield certify_signature(self.context, message)
            beacon = self._beacon_of(message)
            if beacon is not None:
                yield _vrf_work(beacon, message)

    def _beacon_of(self, message: CertifyMessage) -> Beacon | None:
        epoch = self.context.parameters.time.epoch_of(message.content.layer)
        return self.context.find_beacon(epoch)

    def _check_seats(self, name: str, message: CertifyMessage) -> None:
        ledger, kind, layer = self.context.ledger, ObjectKind.CERTIFICATE, message.content.layer
        beacon = self._beacon_of(message)
        if beacon is None:
            ledger.skip(kind, "the beacon of its epoch is not in the file")
            return
        if not self.context.judge_work(kind, name, "VRF proof", _vrf_work(beacon, message)):
            return
        committees = self._committees_of(layer)
        if not committees:
            ledger.skip(kind, "the committee of its layer does not follow from the file")
            return
        ledger.judge(kind, name, "seats", partial(self._check_lottery, committees, message))

    def _check_lottery(self, committees: tuple[Weighed, ...], message: CertifyMessage) -> None:
        content = message.content
        for weighed in committees:
            weight = weighed.by_smesher.get(message.smesher)
            if weight is None or not weighed.total:
                continue
            lottery = Lottery.of(weight, weighed.total, self.context.parameters.committee)
            if lottery.is_supported and check_seats(
                content.proof, lottery, content.eligibility_count, self._distributions
            ):
                return
        raise RejectError(f"{message.smesher.hex()} does not win {content.eligibility_count} seats")

    # --- committees ---

    def _committees_of(self, layer: LayerID) -> tuple[Weighed, ...]:
        """Return the weights that the seats of a layer may have been drawn by.

        The set of the epoch's first block, and the sets that ballots name: which of them a
        node knew at the time is not recorded.
        """
        epoch = self._epoch_for(layer)
        if epoch not in self._committees:
            found = (weigh(self.context, epoch, sorted(ids)) for ids in self._sets(epoch) if ids)
            self._committees[epoch] = tuple(one for one in found if one is not None)
        return self._committees[epoch]

    def _epoch_for(self, layer: LayerID) -> EpochID:
        parameters = self.context.parameters
        time = parameters.time
        epoch = time.epoch_of(layer)
        early = layer - time.first_layer(epoch) < parameters.confidence_param
        first = time.epoch_of(LayerID(time.effective_genesis + 1))
        return EpochID(epoch - 1) if early and epoch > first else epoch

    def _sets(self, epoch: EpochID) -> Iterator[set[AtxID]]:
        yield self._first_block_set(epoch)
        time, members = self.context.parameters.time, set[AtxID]()
        beacon = self.context.find_beacon(epoch)
        for row in self._ballots(time.first_layer(epoch), time.last_layer(epoch)):
            data = row.ballot.inner.epoch_data
            if data is not None and data.beacon == beacon:
                members |= self._members(row)
        yield members

    def _first_block_set(self, epoch: EpochID) -> set[AtxID]:
        """Return the ATXs that the epoch's first applied block stands for; none: unknown."""
        context, time = self.context, self.context.parameters.time
        first, last = time.first_layer(epoch), time.last_layer(epoch)
        applied = context.find(
            state_rows.LAYERS,
            "id BETWEEN ? AND ? AND applied_block != ? ORDER BY id LIMIT 1",
            first,
            last,
            NO_BLOCK,
        )
        if applied is None or applied.applied_block is None:
            return set()
        block = context.find_block(applied.applied_block)
        if block is None:
            return set()
        members: set[AtxID] = set()
        for reward in block.block.rewards:
            ballot = context.find(
                state_rows.BALLOTS,
                "atx = ? AND layer BETWEEN ? AND ? ORDER BY layer LIMIT 1",
                reward.atx_id,
                first,
                last,
            )
            named = set[AtxID]() if ballot is None else self._members(ballot)
            if not named:
                return set()
            members |= {reward.atx_id} | named
        return members

    def _ballots(self, first: LayerID, last: LayerID) -> Iterable[state_rows.BallotRow]:
        return self.context.look(state_rows.BALLOTS, "layer BETWEEN ? AND ?", first, last)

    def _members(self, row: state_rows.BallotRow) -> set[AtxID]:
        data = row.ballot.inner.epoch_data
        found = None if data is None else self.context.find_active_set(data.active_set_hash)
        return set() if found is None else set(found.active_set.atx_ids)


def certify_signature(context: AuditContext, message: CertifyMessage) -> SignatureWork:
    """Return the work of verifying the signature of a message to certify."""
    return context.signature(
        Domain.HARE, message.smesher, message.signed_bytes(), message.signature
    )


def hare_output(rows: Mapping[BlockID, bool]) -> BlockID | None:
    """Return what hare agreed on; no block if several certificates contradict each other."""
    valid = [block for block, is_valid in rows.items() if is_valid]
    if len(valid) > 1:
        return NO_BLOCK
    return valid[0] if valid else None


def _vrf_work(beacon: Beacon, message: CertifyMessage) -> VrfWork:
    content = message.content
    signed = committee_vrf_input(beacon, content.layer, CERTIFY_ROUND)
    return VrfWork(message.smesher, signed, content.proof)


def _is_certified(row: CertificateRow) -> bool:
    """Tell whether the messages of a row's certificate are for its layer and block."""
    content = [] if row.certificate is None else [m.content for m in row.certificate.signatures]
    return any((one.layer, one.block_id) == (row.layer, row.block) for one in content)


def _name(row: CertificateRow) -> str:
    return f"layer {row.layer}, block {row.block.hex()}"
