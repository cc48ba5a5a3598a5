"""The figures that were measured, as JSON."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
ELSEWHERE = {"mutants": FOLDER.parent / "tests" / "mutants" / "scores.json"}


def load(name: str) -> Any:
    """The figures of one command; None if there are none."""
    path = ELSEWHERE.get(name, FOLDER / f"{name}.json")
    return json.loads(path.read_text("utf-8")) if path.exists() else None


def save(name: str, figures: Any, path: Path | None = None) -> Path:
    """Write the figures of one command, there or beside this file; returns where."""
    path = path or FOLDER / f"{name}.json"
    path.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    return path
