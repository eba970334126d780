"""Families that nothing here can be compared with yet: they print ``not yet``."""

from scripts.vectors.family import Family

FAMILIES = (
    Family("api", ("api/*",), None),
    Family("network", ("network/*",), None),
)
