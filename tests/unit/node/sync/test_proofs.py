"""Which proofs are wanted, and whose lists are complete."""

from node.sync.proofs import Fetched, ProofDownload
from tests.support.store_records import smesher


def test_a_peer_is_complete_when_all_it_lists_is_dealt_with() -> None:
    proofs = ProofDownload(requests_limit=2)
    proofs.on_list("p", [])
    assert proofs.complete_peers == 1
    proofs.on_list("q", [smesher(1), smesher(2)])
    assert proofs.complete_peers == 1
    assert proofs.next_batch(1) == (smesher(1),)
    proofs.on_fetched({smesher(1): Fetched.STORED})
    assert not proofs.is_idle
    proofs.on_fetched({smesher(2): Fetched.INVALID})
    assert proofs.is_idle
    assert proofs.complete_peers == 2
    proofs.on_list("q", [smesher(2)])
    assert proofs.is_idle
    assert proofs.complete_peers == 2


def test_what_cannot_be_had_is_given_up_until_it_is_listed_again() -> None:
    proofs = ProofDownload(requests_limit=2)
    proofs.on_list("liar", [smesher(1)])
    proofs.on_list("honest", [smesher(2)])
    for _ in range(2):
        proofs.on_fetched({smesher(1): Fetched.FAILED, smesher(2): Fetched.STORED})
    assert proofs.is_idle
    assert proofs.complete_peers == 1
    proofs.on_list("liar", [smesher(1)])
    assert proofs.next_batch(5) == (smesher(1),)
