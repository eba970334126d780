"""Generate node/pb from scripts/proto.

    .venv/bin/python scripts/gen_api.py

protoc writes imports that start at ``spacemesh``, which is no package of ours; they are
turned to ``node.pb.spacemesh``.  Services need no generated code: the API and the client
read them from the descriptors.
"""

import re
import sys
import tempfile
from importlib.metadata import distribution
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).parent.parent
PROTO = ROOT / "scripts" / "proto"
TARGET = ROOT / "node" / "pb"

PACKAGES = {
    "": "Generated protobuf types of the API; scripts/gen_api.py makes them from scripts/proto.",
    "spacemesh": "The packages of the API.",
    "spacemesh/v1": "Package spacemesh.v1.",
    "spacemesh/v2alpha1": "Package spacemesh.v2alpha1.",
}

IMPORT = re.compile(r"^from spacemesh\.", re.MULTILINE)


def google_folder() -> Path:
    """Return the folder under which the common types of Google lie.

    Raises:
        RuntimeError: they are not installed.
    """
    found = find_spec("google.rpc.status_pb2")
    if found is None or found.origin is None:
        raise RuntimeError("googleapis-common-protos is not installed")
    return Path(found.origin).parents[2]


def generate(target: Path) -> None:
    """Write every generated file under ``target``.

    Raises:
        RuntimeError: protoc found a mistake, and printed it.
    """
    sources = sorted(str(path.relative_to(PROTO)) for path in PROTO.rglob("*.proto"))
    with tempfile.TemporaryDirectory() as folder:
        status = protoc.main(
            [
                "protoc",
                f"--proto_path={PROTO}",
                f"--proto_path={files('grpc_tools') / '_proto'}",
                f"--proto_path={distribution('googleapis-common-protos').locate_file('')}",
                f"--python_out={folder}",
                f"--pyi_out={folder}",
                *sources,
            ]
        )
        if status != 0:
            raise RuntimeError(f"protoc ended with status {status}")
        for written in sorted(Path(folder).rglob("*.py*")):
            place = target / written.relative_to(folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            text = written.read_text(encoding="utf-8")
            place.write_text(IMPORT.sub("from node.pb.spacemesh.", text), encoding="utf-8")
    for package, docstring in PACKAGES.items():
        (target / package / "__init__.py").write_text(f'"""{docstring}"""\n', encoding="utf-8")


if __name__ == "__main__":
    generate(TARGET)
    sys.exit(0)
