"""``smcli sim``: networks of simulated nodes, in virtual time and from a seed."""

from cli.command import command, make_group
from cli.commands.sim_beacon import beacon
from cli.commands.sim_clock import clock
from cli.commands.sim_hare import hare
from cli.commands.sim_mesh import mesh, replay
from cli.commands.sim_tortoise import tortoise

app = make_group("Simulate networks of nodes in one process; a seed determines everything.")

command(app)(beacon)
command(app)(clock)
command(app)(hare)
command(app)(mesh)
command(app)(replay)
command(app)(tortoise)
