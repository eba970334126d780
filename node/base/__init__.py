"""Codec, hashes, exact numbers, errors: what everything else stands on."""
