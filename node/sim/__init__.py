"""Many nodes in one process, in virtual time.

Inputs: a seed and a description of the network.  Outputs: what every node concluded, the
same for the same seed.

Source: style digest section 6.6; hare digest section 9.
"""
