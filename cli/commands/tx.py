"""``smcli tx``: build, sign, send and watch transactions."""

from cli.commands.tx_offline import app

__all__ = ["app"]
