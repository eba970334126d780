"""Proof of space-time: labels on disk, and proofs that they are there.

In: a smesher id, a commitment ATX, the size of the space.  Out: label files with their
metadata, proofs for challenges, verdicts over other smeshers' proofs.

Source: post-rs 0.8 (crates ``post``, ``scrypt-ocl``, ``service``), post for Go.
"""
