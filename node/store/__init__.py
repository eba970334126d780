"""What the node keeps on disk: two LevelDB databases behind functions that speak of the protocol.

Inputs: objects of ``node.types``, already judged.  Outputs: the same objects, or None, or
NotFoundError.  ``state`` can be rebuilt from peers; ``local`` holds what only this node knows.

A commit opens one batch, lets several repositories write into it and leaves it: all of it
becomes visible, or none.  Writers take a Batch first, readers a Reader first; ``get_``
raises where ``find_`` returns None.  Reads do not see what a batch still holds.

Source: style digest section 4.9; go-spacemesh, sql, for what is kept and asked.
"""
