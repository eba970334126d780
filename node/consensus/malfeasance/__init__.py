"""Proofs that an identity broke the protocol.

    wire         the five kinds of proof
    rules        does a proof convict, and whom?
    convictions  what happens once somebody is convicted: stored, told, announced, gossiped
    handler      proofs that peers gossip and send
    guard        keeps our own identities from saying what would convict them
    ports        what is needed of others, and who is told

Whoever finds misbehaviour writes the proof in the batch of the message that completed it
(``Convictions.convict``), tells after the commit (``tell``), and publishes (``publish``).

Source: go-spacemesh, malfeasance; tortoise digest section 12.
"""
