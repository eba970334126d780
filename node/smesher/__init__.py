"""The node's own smeshers: space, ATXs, proposals.

In: identities, PoST workers, PoETs, the clock.  Out: ATXs and proposals on the network.
Source: go-spacemesh, activation, miner; activation digest section 8, proposals digest.
"""
