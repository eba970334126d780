"""The final opinion of every layer, from the votes in the ballots.

Inputs: ATXs (weight), beacons, ballots, blocks, hare outputs, weak coins, malfeasance.
Outputs: the votes a ballot of ours should cast, and for every layer which blocks are valid,
which the mesh then applies or reverts.

``machine`` is the facade.  It counts votes in two ways: ``verifying`` trusts hare and asks
whether enough weight agrees with us; ``full`` adds the votes up block by block, and heals
when hare failed or the network was split.  Ballots that share a layer and an opinion are kept
as one group, so that the cost of counting does not grow with the number of ballots.

Nothing here knows time, disk or network; ``recover`` reads the store through a protocol.

Source: go-spacemesh, tortoise; tortoise digest.
"""
