"""PoET: proof of sequential work, as library, round server and client.

Smeshers register 32-byte challenges for a round; the root of the tree over them, the
statement, salts as many sequentially computed labels as one core makes until the round
ends; an opening of 150 labels proves the work.

    work        the hashes, and the clear engine: the specification
    tree        padded Merkle trees, openings, membership
    engines     the fast engine beside the clear one
    verifying   is a proof, or a membership, good?
    proving     the work of one round, with checkpoints on disk
    prover      where the work runs: inline, or in a process of its own
    round       what happens to a round when
    registration   who may join
    round_store    what a server remembers
    server      a server in this process
    client      what a smesher calls

Source: spacemeshos/poet 0.10; PoET digest.
"""
