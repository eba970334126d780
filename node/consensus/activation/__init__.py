"""Activations: the ATXs by which smeshers prove space and time, and so gain weight.

    rules          what all versions share: which version, ticks, weight, membership
    rules_v1       the rules of version 1, in the order in which the handler applies them
    parameters     what a network demands, out of its configuration
    handler        ATXs that are gossiped or fetched: judged, stored, told
    poet_handler   PoET proofs that are fetched or come from our own PoETs
    positioning    whole chains of ATXs verified; which ATX to build the next one upon
    nonces         VRF nonces, checked by computing a label
    flights        one piece of work for all who ask for the same thing at once
    ports          what is needed of others, and who is told of an ATX

Inputs: bytes of peers and of our own builder.  Outputs: stored ATXs, the ATX cache,
listeners (beacon, tortoise), proofs of misbehaviour.

Source: go-spacemesh, activation; activation digest.
"""
