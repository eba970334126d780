"""Whole chains at once: verified again from genesis.

    audit/    reads the database of a node and recomputes everything that is in it

Inputs: databases, the network's configuration.  Outputs: reports.  Nothing here takes part
in the protocol.

Source: this project; product digest, ``db audit``.
"""
