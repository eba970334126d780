"""Certificates: one for a layer, of members of its committee, about its block."""

from dataclasses import replace

from node.base import scale
from node.checkpoint.audit.findings import ObjectKind
from node.crypto.domains import Domain
from node.types.certificate import Certificate
from node.types.ids import (
    NO_BLOCK,
)
from node.types.layer import LayerID
from tests.support.audits import Recorded, chain_signer, unchecked

K = ObjectKind


def test_two_valid_certificates_in_a_layer_are_found(chain: Recorded) -> None:
    chain.run("INSERT INTO certificates VALUES (22, zeroblob(20), NULL, 1)")
    found = chain.differences()
    assert (K.CERTIFICATE, "one valid in a layer") in found
    chain.run("UPDATE certificates SET valid = 0 WHERE layer = 22 AND block = zeroblob(20)")
    report = chain.audit()
    assert report.findings == ()
    assert unchecked(report, K.CERTIFICATE) == {"no certificate stands beside hare's output": 1}


def test_seats_and_subjects_of_messages_are_checked(chain: Recorded) -> None:
    blob = chain.value("SELECT cert FROM certificates WHERE layer = 22")
    certificate = scale.decode(Certificate, blob)
    (message,) = certificate.signatures
    for changes, rules in (
        ({"eligibility_count": 1}, {"seats"}),
        ({"block_id": NO_BLOCK}, {"subject of a message"}),
        ({"layer": LayerID(21)}, {"subject of a message", "VRF proof"}),
    ):
        content = replace(message.content, **changes)
        changed = replace(message, content=content)
        signature = chain_signer().sign(Domain.HARE, changed.signed_bytes())
        wrong = replace(certificate, signatures=(replace(changed, signature=signature),))
        chain.run("UPDATE certificates SET cert = ? WHERE layer = 22", scale.encode(wrong))
        assert {rule for _, rule in chain.differences()} == rules
    twice = replace(certificate, signatures=(message, message))
    chain.run("UPDATE certificates SET cert = ? WHERE layer = 22", scale.encode(twice))
    assert chain.differences() == [(K.CERTIFICATE, "distinct certifiers")]


def test_certificates_of_layers_that_are_not_reached_are_found(chain: Recorded) -> None:
    chain.run("UPDATE certificates SET layer = 60 WHERE layer = 20")
    assert (K.CERTIFICATE, "layer") in chain.differences()


def test_certificates_of_epochs_without_a_beacon_are_counted(chain: Recorded) -> None:
    chain.run("DELETE FROM beacons")
    chain.run("DELETE FROM ballots")
    report = chain.audit()
    assert unchecked(report, K.CERTIFICATE) == {"the beacon of its epoch is not in the file": 3}
