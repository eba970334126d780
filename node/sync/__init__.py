"""Whether this node knows what the network knows.

In: the clock, how far data and state reach.  Out: what the node may listen to and do.
Source: go-spacemesh, syncer; sync digest section 3.
"""
