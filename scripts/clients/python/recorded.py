"""What the originals answered, for every client that walks the catalogue."""

import json
import re
from pathlib import Path
from typing import Any

_RECORDED = json.loads((Path(__file__).parent.parent / "recorded.json").read_text())
CALLS = _RECORDED["calls"]
"""The calls, with what must be in their answers."""
TASKS = _RECORDED["tasks"]
"""Those that go on as tasks: of the server, or, where there is a question, of the client."""


def differs(answer: Any, expected: Any, path: str = "") -> str:
    """Where an answer is not what was expected, and how; nothing if it is."""
    wrong = f"{path}: {expected!r} was expected, not {str(answer)[:300]!r}"
    match expected:
        case str() if expected.startswith("~"):
            # What JavaScript writes as [^] is any character.
            return "" if re.search(expected[1:].replace("[^]", r"[\s\S]"), answer) else wrong
        case {"$json": value}:
            return "" if json.loads(answer) == value else wrong
        case dict():
            inner = (differs(answer.get(name), value, f"{path}.{name}") for name, value in expected.items())
            return next(filter(None, inner), "")
        case list():
            if len(answer) != len(expected):
                return wrong
            inner = (differs(*pair, f"{path}[{n}]") for n, pair in enumerate(zip(answer, expected)))
            return next(filter(None, inner), "")
    return "" if answer == expected else wrong
