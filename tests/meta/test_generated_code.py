"""``node/pb`` is what the generator makes of ``scripts/proto``."""

from pathlib import Path

from scripts.gen_api import TARGET, generate


def texts(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*.py*"))
        if "__pycache__" not in path.parts
    }


def test_the_generated_code_is_current(tmp_path: Path) -> None:
    generate(tmp_path)
    assert texts(tmp_path) == texts(TARGET)
