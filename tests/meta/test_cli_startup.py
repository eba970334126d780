"""``smcli --help`` is quick because it imports little."""

import subprocess
import sys

HEAVY = (
    "asyncio",
    "cryptography",
    "grpc",
    "llvmlite",
    "msgspec",
    "nacl",
    "node.config",
    "node.vm",
    "node.wallet",
    "numpy",
    "plyvel",
    "psutil",
    "pyopencl",
    "rich",
    "structlog",
    "textual",
)

PROGRAM = """
import sys
from cli.main import main
code = main([sys.argv[1]])
print("LOADED", *sorted(sys.modules))
sys.exit(code)
"""

LIMIT_S = 0.3
"""Processor time, which a busy machine does not change much."""

TIMED = """
import resource, sys
from cli.main import main
code = main([sys.argv[1]])
used = resource.getrusage(resource.RUSAGE_SELF)
print("SECONDS", used.ru_utime + used.ru_stime)
sys.exit(code)
"""


def run(program: str, option: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", program, option], capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()[-1].split()[1:]


def test_help_and_version_load_nothing_heavy() -> None:
    for option in ("--help", "--version"):
        loaded = run(PROGRAM, option)
        assert [name for name in HEAVY if name in loaded] == []


def test_help_takes_less_than_a_third_of_a_second() -> None:
    assert min(float(run(TIMED, "--help")[0]) for _ in range(3)) < LIMIT_S
