"""Proofs that an identity broke the protocol."""
