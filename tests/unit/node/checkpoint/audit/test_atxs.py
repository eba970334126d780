"""ATXs of version 1 that are signed and break a rule, and bytes that no row names."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from node.base import scale
from node.checkpoint.audit.findings import ObjectKind
from node.crypto.domains import Domain
from node.types.atx_v1 import ActivationTxV1
from node.types.ids import AtxID
from tests.support.audits import Recorded, chain_signer

K = ObjectKind
Change = Callable[[ActivationTxV1], ActivationTxV1]


def wire_of(chain: Recorded) -> ActivationTxV1:
    """Return the recorded initial ATX."""
    return scale.decode(ActivationTxV1, chain.value("SELECT atx FROM atx_blobs"))


def signed(wire: ActivationTxV1, **changes: Any) -> ActivationTxV1:
    """Return an ATX with other signed fields, signed anew."""
    changed = replace(wire, inner=replace(wire.inner, **changes))
    return replace(changed, signature=chain_signer().sign(Domain.ATX, changed.signed_bytes()))


def put(chain: Recorded, wire: ActivationTxV1) -> None:
    """Put an ATX in the place of the recorded one."""
    chain.run("UPDATE atx_blobs SET id = ?, atx = ?", wire.id, scale.encode(wire))
    chain.run("UPDATE atxs SET id = ?", wire.id)
    chain.run("UPDATE posts SET atxid = ?", wire.id)


def _challenge(**changes: Any) -> Change:
    return lambda wire: signed(wire, challenge=replace(wire.inner.challenge, **changes))


def _metadata(**changes: Any) -> Change:
    def change(wire: ActivationTxV1) -> ActivationTxV1:
        nipost = wire.inner.nipost
        assert nipost is not None
        assert nipost.post_metadata is not None
        metadata = replace(nipost.post_metadata, **changes)
        return signed(wire, nipost=replace(nipost, post_metadata=metadata))

    return change


@pytest.mark.parametrize(
    ("change", "kind", "rule"),
    [
        (_challenge(sequence=1), K.ATX, "shape"),
        (_challenge(positioning_atx=AtxID(b"u" * 32)), K.ATX, "in the file"),
        (_challenge(initial_post=None), K.ATX, "shape"),
        (_metadata(labels_per_unit=1), K.ATX, "references"),
        (_metadata(challenge=b"p" * 32), K.POET, "in the file"),
        (lambda wire: signed(wire, vrf_nonce=1), K.ATX, "VRF nonce"),
        (lambda wire: signed(wire, num_units=2), K.ATX, "space units"),
        (lambda wire: signed(wire, coinbase=wire.inner.coinbase[::-1]), K.ATX, "coinbase"),
    ],
)
def test_a_signed_atx_that_breaks_a_rule_is_found(
    chain: Recorded, change: Change, kind: ObjectKind, rule: str
) -> None:
    put(chain, change(wire_of(chain)))
    assert (kind, rule) in chain.differences()


def test_a_challenge_that_was_no_member_is_found(chain: Recorded) -> None:
    wire = wire_of(chain)
    post = wire.inner.challenge.initial_post
    assert post is not None
    put(chain, _challenge(initial_post=replace(post, nonce=post.nonce + 1))(wire))
    assert (K.ATX, "PoET membership") in chain.differences()


def test_a_weight_that_does_not_fit_is_found(chain: Recorded) -> None:
    # Without its PoET proof the ticks are taken as they are recorded.
    put(chain, signed(wire_of(chain), num_units=2))
    chain.run("DELETE FROM poets")
    chain.run("UPDATE atxs SET tick_count = -1")
    assert (K.ATX, "weight") in chain.differences()


def test_bytes_that_no_row_names_are_found(chain: Recorded) -> None:
    wire = signed(wire_of(chain), num_units=2)
    chain.run("INSERT INTO atx_blobs VALUES (?, ?, 1)", wire.id, scale.encode(wire))
    chain.run("INSERT INTO atx_blobs VALUES (zeroblob(32), NULL, NULL)")
    assert chain.differences() == [(K.ATX_BLOB, "row of the ATX"), (K.ATX, "in the file")]


def test_columns_of_damaged_bytes_are_not_judged(chain: Recorded) -> None:
    chain.rewrite("atx_blobs", "atx", "1", lambda blob: blob[:-1])
    assert chain.differences() == [(K.ATX_BLOB, "encoding")]
    chain.run("UPDATE atx_blobs SET version = 'x'")
    assert chain.differences() == [(K.ATX_BLOB, "form of the row")]


@pytest.mark.parametrize("value", [2, 3, 1 << 40])
def test_an_atx_that_is_not_sound_is_found(chain: Recorded, value: int) -> None:
    chain.run("UPDATE atxs SET validity = ?", value)
    assert chain.differences() == [(K.ATX, "validity")]


def test_only_atxs_out_of_a_checkpoint_have_no_bytes(chain: Recorded) -> None:
    chain.run("UPDATE atx_blobs SET atx = NULL, version = NULL")
    assert (K.ATX_BLOB, "bytes") in chain.differences()
