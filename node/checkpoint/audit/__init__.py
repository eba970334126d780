"""The audit of a recorded chain: what a node stored, computed again.

    run            opens the file, runs the checkers in their order, makes the report
    findings       differences, counts, the report
    rows           rows of a file that may be damaged
    parameters     what a network demands, out of its configuration
    context        what checkers share: the file, the ledger, facts of earlier checkers
    poets          PoET proofs
    atxs           ATXs: their bytes, version 1, and the space they declare
    atxs_v2        what follows from an ATX of version 2
    derived        what follows from an ATX of any version
    identities     marriages and proofs of misbehaviour
    active_sets    active sets
    ballots        ballots, and the beacons they carry
    blocks         blocks
    certificates   certificates, and the committees that sign them
    layers         the state: every block applied from genesis; the digest of all layers
    results        what became of a layer's transactions
    transactions   transactions, and the tables that link them

A checker takes the context, reads the rows of one kind of object, and writes to the ledger
what differs.  It never stops at a bad row: what cannot be read is a difference, what does
not follow from the file is counted as unchecked, with the reason.  Objects that others rest
on enter the facts as we compute them, so that one wrong column is one difference.

Inputs: a ``state.sql`` of go-spacemesh and the network's configuration.  Output: a report.

Source: this project; the rules are those of the component digests.
"""
