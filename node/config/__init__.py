"""Configuration: every knob of the node, where its value came from, and what it must satisfy.

Inputs: preset files, a user's file (TOML, or the JSON of a Go node), environment, flags.
Output: one frozen ``NodeConfig`` in which durations and instants are integer nanoseconds.

Source: go-spacemesh, config, config/presets, node; node-config digest.
"""
