"""Hypothesis profiles and Ctrl-C; everything else is chosen in pyproject.toml."""

import os
import signal

from hypothesis import HealthCheck, settings

settings.register_profile("dev", max_examples=50, deadline=None)
for name, examples in (("gate", 50), ("ci", 200)):
    # The same examples every time: a change is judged, not the luck of a run.
    settings.register_profile(
        name,
        max_examples=examples,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow],
    )
settings.register_profile("nightly", max_examples=5000, deadline=None)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE", "gate" if os.environ.get("CI") else "dev")
)

# A shell lets its background jobs ignore SIGINT, and they their children; tests send it.
signal.signal(signal.SIGINT, signal.default_int_handler)
