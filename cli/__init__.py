"""The command line: ``smcli``."""
