"""The protocol: one package for each component."""
