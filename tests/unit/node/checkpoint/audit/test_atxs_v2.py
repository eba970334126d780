"""ATXs of version 2: their rules, merged ones, and marriages."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from node.base import scale
from node.base.errors import RejectError
from node.checkpoint.audit.atxs_v2 import check_shape
from node.checkpoint.audit.findings import ObjectKind
from node.crypto.domains import Domain
from node.crypto.ed25519 import Signer, private_key_of
from node.types.atx_v2 import ActivationTxV2, InitialAtxPartsV2, MarriageCertificate
from node.types.ids import NO_ATX, AtxID, EdSignature, Hash32
from node.types.layer import EpochID
from tests.support.audits import CHAIN_CONFIG, Recorded, auditor, chain_signer

GOLDEN = auditor(CHAIN_CONFIG).parameters.atx.golden_atx
OTHER = Signer(private_key_of(b"\x22" * 32), chain_signer().genesis_id)
UNKNOWN = AtxID(b"u" * 32)
BEFORE = "SELECT id FROM atxs WHERE epoch = 4"
RECORDED = "SELECT id FROM atxs WHERE epoch = 5"


def wire_of(second: Recorded) -> ActivationTxV2:
    """Return the recorded ATX of version 2."""
    blob = second.value("SELECT atx FROM atx_blobs WHERE atx NOT NULL")
    return scale.decode(ActivationTxV2, blob)


def signed(wire: ActivationTxV2, **changes: Any) -> ActivationTxV2:
    """Return a changed ATX, signed anew."""
    changed = replace(wire, **changes)
    signature = chain_signer().sign(Domain.ATX, changed.signed_bytes())
    return replace(changed, signature=signature)


def put(second: Recorded, wire: ActivationTxV2) -> None:
    """Put an ATX in the place of the recorded one."""
    recorded = second.value(RECORDED)
    second.run(
        "UPDATE atx_blobs SET id = ?, atx = ? WHERE id = ?", wire.id, scale.encode(wire), recorded
    )
    second.run("UPDATE atxs SET id = ?, nonce = ? WHERE id = ?", wire.id, wire.vrf_nonce, recorded)
    second.run("UPDATE posts SET atxid = ? WHERE atxid = ?", wire.id, recorded)


def add(second: Recorded, wire: ActivationTxV2) -> None:
    """Add an ATX with plausible columns."""
    second.run("INSERT INTO atx_blobs VALUES (?, ?, 2)", wire.id, scale.encode(wire))
    second.run(
        "INSERT INTO atxs SELECT ?, ?, effective_num_units, NULL, nonce, base_tick_height, "
        "tick_count, sequence, pubkey, coinbase, received, validity, NULL, weight "
        "FROM atxs WHERE epoch = 4",
        wire.id,
        wire.publish_epoch,
    )


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"positioning_atx": NO_ATX}, "no positioning ATX"),
        ({"niposts": ()}, "no PoST"),
        ({"previous_atxs": ()}, "0 previous ATXs, and no marriage ATX"),
        ({"previous_atxs": (NO_ATX,)}, "an empty previous ATX"),
        ({"previous_atxs": (GOLDEN,)}, "an empty previous ATX"),
        (
            {
                "marriages": (
                    MarriageCertificate(reference_atx=UNKNOWN, signature=EdSignature.zero()),
                )
            },
            "does not marry itself",
        ),
    ],
)
def test_a_shape_that_is_wrong_is_told(
    second: Recorded, changes: dict[str, Any], problem: str
) -> None:
    with pytest.raises(RejectError, match=problem):
        check_shape(replace(wire_of(second), **changes), GOLDEN)


def test_shapes_of_initial_and_merged_atxs(second: Recorded) -> None:
    wire = wire_of(second)
    post = wire.niposts[0].posts[0]
    initial = InitialAtxPartsV2(commitment_atx=GOLDEN, post=post.post)
    check_shape(replace(wire, initial=initial, previous_atxs=()), GOLDEN)
    twice = (replace(wire.niposts[0], posts=(post, post)),)
    apart = (replace(wire.niposts[0], posts=(post, replace(post, marriage_index=1))),)
    beyond = (replace(wire.niposts[0], posts=(replace(post, previous_atx_index=1),)),)
    check_shape(replace(wire, niposts=apart, marriage_atx=UNKNOWN), GOLDEN)
    own = MarriageCertificate(reference_atx=NO_ATX, signature=EdSignature.zero())
    for wrong, problem in (
        (replace(wire, initial=initial), "an initial PoST, and a previous ATX"),
        (
            replace(wire, initial=replace(initial, commitment_atx=NO_ATX), previous_atxs=()),
            "no commitment ATX",
        ),
        (replace(wire, niposts=twice), "more than one PoST"),
        (replace(wire, niposts=twice, marriage_atx=UNKNOWN), "two PoSTs of one identity"),
        (replace(wire, marriage_atx=UNKNOWN, marriages=(own,)), "marriages, and a marriage ATX"),
        (replace(wire, marriage_atx=UNKNOWN, initial=initial), "an initial PoST, and a marriage"),
        (replace(wire, niposts=beyond, marriage_atx=UNKNOWN), "a PoST without a previous ATX"),
    ):
        with pytest.raises(RejectError, match=problem):
            check_shape(wrong, GOLDEN)


def _nipost(**changes: Any) -> Callable[[ActivationTxV2], ActivationTxV2]:
    return lambda wire: signed(wire, niposts=(replace(wire.niposts[0], **changes),))


def _post(**changes: Any) -> Callable[[ActivationTxV2], ActivationTxV2]:
    def change(wire: ActivationTxV2) -> ActivationTxV2:
        (nipost,) = wire.niposts
        return signed(
            wire, niposts=(replace(nipost, posts=(replace(nipost.posts[0], **changes),)),)
        )

    return change


@pytest.mark.parametrize(
    ("change", "kind", "rule"),
    [
        (lambda wire: signed(wire, positioning_atx=NO_ATX), ObjectKind.ATX, "shape"),
        (lambda wire: signed(wire, positioning_atx=UNKNOWN), ObjectKind.ATX, "in the file"),
        (lambda wire: signed(wire, positioning_atx=GOLDEN), ObjectKind.ATX, "base tick height"),
        (lambda wire: signed(wire, positioning_atx=GOLDEN), ObjectKind.ATX, "PoET membership"),
        (lambda wire: signed(wire, vrf_nonce=1), ObjectKind.ATX, "VRF nonce"),
        (lambda wire: signed(wire, publish_epoch=EpochID(4)), ObjectKind.ATX, "references"),
        (lambda wire: signed(wire, marriage_atx=UNKNOWN), ObjectKind.ATX, "marriage"),
        (_nipost(challenge=Hash32(b"p" * 32)), ObjectKind.POET, "in the file"),
        (_post(num_units=9), ObjectKind.POST, "space units"),
        (_post(marriage_index=1), ObjectKind.ATX, "marriage index"),
    ],
)
def test_a_signed_atx_that_breaks_a_rule_is_found(
    second: Recorded,
    change: Callable[[ActivationTxV2], ActivationTxV2],
    kind: ObjectKind,
    rule: str,
) -> None:
    put(second, change(wire_of(second)))
    assert (kind, rule) in second.differences()


def test_an_atx_without_space_or_commitment_before_it_is_found(second: Recorded) -> None:
    second.run("DELETE FROM posts WHERE publish_epoch = 4")
    second.run("UPDATE atxs SET commitment_atx = NULL")
    findings = second.audit().findings
    smesher = second.value("SELECT pubkey FROM atxs WHERE epoch = 5").hex()
    told = [(f.rule, f.ours) for f in findings]
    assert ("references", "space in the previous ATX") in told
    assert ("references", f"commitment of smesher {smesher} is not known") in told


def test_a_weight_that_does_not_fit_is_found(second: Recorded) -> None:
    # Without its PoET proof the ticks are taken as they are recorded.
    put(second, _post(num_units=(1 << 32) - 1)(wire_of(second)))
    second.run("UPDATE posts SET units = 4294967295")
    second.run("DELETE FROM poets")
    second.run("UPDATE atxs SET tick_count = 9223372036854775807 WHERE epoch = 5")
    assert (ObjectKind.ATX, "weight") in second.differences()


# --- marriages ---


def marry(second: Recorded, **changes: Any) -> ActivationTxV2:
    """Add an ATX that marries the smesher and another one; return it."""
    reference = AtxID(b"r" * 32)
    before = second.value(BEFORE)
    second.run(
        "INSERT INTO atxs SELECT ?, 1, effective_num_units, commitment_atx, nonce, 0, 9, 0, ?, "
        "coinbase, 0, validity, NULL, NULL FROM atxs WHERE id = ?",
        reference,
        OTHER.smesher_id,
        before,
    )
    second.run("INSERT INTO atx_blobs VALUES (?, NULL, NULL)", reference)
    second.run("INSERT INTO posts VALUES (?, ?, NULL, 0, 1, 4)", before, OTHER.smesher_id)
    publisher = chain_signer().smesher_id
    certificates = (
        MarriageCertificate(
            reference_atx=NO_ATX, signature=chain_signer().sign(Domain.MARRIAGE, publisher)
        ),
        MarriageCertificate(
            reference_atx=reference, signature=OTHER.sign(Domain.MARRIAGE, publisher)
        ),
    )
    wire = signed(wire_of(second), marriages=certificates, publish_epoch=EpochID(3), **changes)
    add(second, wire)
    for index, signer in enumerate((chain_signer(), OTHER)):
        second.run(
            "INSERT INTO marriages VALUES (?, 1, ?, ?, ?, ?)",
            signer.smesher_id,
            wire.id,
            index,
            publisher,
            certificates[index].signature,
        )
    second.run("UPDATE atxs SET marriage_atx = ? WHERE id = ?", wire.id, before)
    return wire


def kinds_of(second: Recorded, kind: ObjectKind) -> list[str]:
    """Audit; return the rules by which objects of a kind differ."""
    return [rule for found, rule in second.differences() if found is kind]


def test_a_marriage_and_a_merged_atx_come_out_equal(second: Recorded) -> None:
    ceremony = marry(second)
    wire = wire_of(second)
    (nipost,) = wire.niposts
    posts = (nipost.posts[0], replace(nipost.posts[0], marriage_index=1))
    merged = signed(wire, niposts=(replace(nipost, posts=posts),), marriage_atx=ceremony.id)
    put(second, merged)
    second.run(
        "UPDATE atxs SET effective_num_units = 2, weight = 2 * tick_count, marriage_atx = ? "
        "WHERE id = ?",
        ceremony.id,
        merged.id,
    )
    second.run(
        "INSERT INTO posts VALUES (?, ?, ?, 0, 1, 5)",
        merged.id,
        OTHER.smesher_id,
        second.value(BEFORE),
    )
    report = second.audit()
    # Twice the space has another difficulty: the recorded nonce need not do.
    told = [f.rule for f in report.findings if f.id == merged.id.hex() and f.rule != "VRF nonce"]
    # The labels of the other identity are not those that its PoST was made of.
    assert told == ["PoST"]
    assert not any(f.kind is ObjectKind.MARRIAGE for f in report.findings)
    second.run("UPDATE atxs SET epoch = 4 WHERE id = ?", ceremony.id)
    second.run("UPDATE atx_blobs SET atx = NULL, version = NULL WHERE id = ?", ceremony.id)
    assert (ObjectKind.ATX, "age of the marriage") in second.differences()


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("UPDATE marriages SET marriage_idx = 7 WHERE marriage_idx = 1", "index"),
        ("UPDATE marriages SET marriage_sig = zeroblob(64) WHERE marriage_idx = 1", "signature"),
        ("UPDATE marriages SET marriage_sig = zeroblob(64) WHERE marriage_idx = 1", "certificate"),
        ("UPDATE marriages SET marriage_target = zeroblob(32)", "target"),
        ("UPDATE marriages SET pubkey = zeroblob(32) WHERE marriage_idx = 1", "identity"),
        ("UPDATE marriages SET id = 2 WHERE marriage_idx = 1", "set"),
        ("UPDATE marriages SET marriage_atx = zeroblob(32) WHERE marriage_idx = 1", "marriage ATX"),
    ],
)
def test_a_changed_marriage_is_found(second: Recorded, statement: str, rule: str) -> None:
    marry(second)
    assert kinds_of(second, ObjectKind.MARRIAGE) == []
    second.run(statement)
    assert rule in kinds_of(second, ObjectKind.MARRIAGE)


def test_a_marriage_in_damaged_bytes_is_not_judged(second: Recorded) -> None:
    ceremony = marry(second)
    second.run("UPDATE atx_blobs SET atx = x'00' WHERE id = ?", ceremony.id)
    report = second.audit()
    (marriages,) = (one for one in report.kinds if one.kind is ObjectKind.MARRIAGE)
    assert (marriages.findings, marriages.unchecked) == ({}, {"its ATX is damaged": 2})


def test_verdicts_of_the_second_format_are_told_because_nothing_makes_them(
    second: Recorded,
) -> None:
    marry(second)
    second.run("DROP TRIGGER IF EXISTS malfeasance_check_marriage_id_exists")
    second.run("INSERT INTO malfeasance VALUES (?, 1, 5, NULL, NULL)", OTHER.smesher_id)
    assert kinds_of(second, ObjectKind.SECOND_MALFEASANCE) == ["format"]


def test_who_marries_twice_or_without_a_row_or_consent_is_found(second: Recorded) -> None:
    ceremony = marry(second)
    second.run("DELETE FROM marriages WHERE pubkey = ?", OTHER.smesher_id)
    assert kinds_of(second, ObjectKind.MARRIAGE) == ["in the file"]
    own, other = ceremony.marriages
    for marriages, rule in (
        ((own, replace(other, signature=own.signature)), "consent"),
        ((own, other, other), "married once"),
        ((own, replace(other, reference_atx=AtxID(b"u" * 32))), "in the file"),
    ):
        changed = signed(ceremony, marriages=marriages)
        blob = scale.encode(changed)
        second.run(
            "UPDATE atx_blobs SET id = ?, atx = ? WHERE id = ?", changed.id, blob, ceremony.id
        )
        second.run("UPDATE atxs SET id = ? WHERE id = ?", changed.id, ceremony.id)
        assert rule in [f.rule for f in second.audit().findings], rule
        ceremony = changed


def test_the_configuration_names_the_epoch_of_version_2() -> None:
    config = json.loads(CHAIN_CONFIG.read_text(encoding="utf-8"))
    assert config["main"]["atx-versions"] == {"5": 2}
