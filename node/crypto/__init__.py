"""Signing domains, Ed25519 by the reference's acceptance rule, ECVRF."""
