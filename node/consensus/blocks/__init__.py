"""From hare's output to a block: the same proposals make the same block everywhere.

In: agreed proposals, blocks of peers.  Out: blocks, handed to the mesh and the certifier.
Source: go-spacemesh, blocks; blocks digest.
"""
