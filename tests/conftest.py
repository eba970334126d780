"""Hypothesis profiles and Ctrl-C; everything else is chosen in pyproject.toml."""

import os
import signal

from hypothesis import HealthCheck, settings

settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile(
    "ci",
    max_examples=200,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("nightly", max_examples=5000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))

# A shell lets its background jobs ignore SIGINT, and they their children; tests send it.
signal.signal(signal.SIGINT, signal.default_int_handler)
