"""Peers: what the node needs of a network, and the networks that give it."""
