"""The audit of a recorded chain: what a node stored, computed again.

    run            opens the file, runs the checkers, makes the report
    findings       differences, counts, the report
    rows           rows of a file that may be damaged
    parameters     what a network demands, out of its configuration
    work           costly checks as values: proofs of space, work and eligibility, signatures
    crews          who does the work: this thread, or processes and threads beside it
    verdicts       work done ahead of the checkers, a window of rows at a time
    progress_file  verdicts that outlive an interrupted audit
    context        what checkers share: the file, the ledger, facts of earlier checkers
    poets          PoET proofs
    atxs           ATXs: their bytes, version 1, and the space they declare
    atxs_v2        what follows from an ATX of version 2
    derived        what follows from an ATX of any version
    identities     proofs of misbehaviour, marriages, ATXs that contradict each other
    active_sets    active sets
    ballots        ballots, and the beacons they carry
    blocks         blocks
    certificates   certificates, and the committees that sign them
    votes          what the tortoise makes of all votes
    layers         the state: every block applied from genesis; the digest of all layers
    results        what became of a layer's transactions
    transactions   transactions, and the tables that link them

A checker takes the context, reads the rows of one kind of object, and writes to the ledger
what differs.  It never stops at a bad row: what cannot be read is a difference, what does
not follow from the file is counted as unchecked, with the reason.  Objects that others rest
on enter the facts as we compute them, so that one wrong column is one difference.

The report depends on the file and the configuration alone: not on how many processors
worked, nor on how often the audit was interrupted.

Inputs: a ``state.sql`` of go-spacemesh and the network's configuration.  Output: a report.

What a file cannot show, and why:

*   When something was received, and whether this node has verified the PoSTs behind an ATX:
    a matter of its clock and its choices.  So the grades of ATXs in active sets are not
    judged either; their members, order, digest and weight are.
*   The beacon protocol and hare: their messages are not stored.  A beacon is compared with
    that of the reference ballots (and, for a single node, with the genesis), and every
    eligibility with the beacon its ballot carries; hare's output with the certificate, where
    one is stored, with the applied block, and with what the ballots vote.  The weak coin
    rests on hare's messages alone.
*   Which committee of several signed a certificate: a node's active set is its own.  All
    sets that the file makes possible are tried.
*   Active sets, certificates and ballots that nothing stored names: nodes forget the first,
    and need not have the others.  The number of slots of a ballot whose set is forgotten is
    taken from the ballot itself, as a node does that syncs it.
*   Proposals: only the transactions they offered are stored, and those of the node itself
    and of gossip; the order of a block is computed again where all its proposals are there.
*   ATXs out of a checkpoint: they have no bytes, so nothing proves their columns.
*   The layer in a proof of misbehaviour, which nobody verifies; a malfeasance proof of the
    second format, which these versions neither make nor read, is told as a difference.
*   Transactions that wait: header and signature are judged in the newest state, if they can
    be.
*   Service, round and signature of a PoET message: no proof binds them; the columns are
    compared with the message, and the signature is zero everywhere.

Source: this project; the rules are those of the component digests: activation 2 to 6 and 9,
post 10, poet 3.5 and 5, proposals 1, 2, 6 to 8, blocks 1 to 4, hare 8, beacon 7, tortoise 3 to
8 and 12, vm and economics in full.
"""
