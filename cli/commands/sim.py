"""``smcli sim``: networks of simulated nodes, in virtual time and from a seed."""

from cli.command import make_group

app = make_group("Simulate networks of nodes in one process; a seed determines everything.")
