"""What the compiler says to authors of features about the usual mistakes.

usage: scripts/mistakes.py

Every file of crates/mcp-core/mistakes is compiled as a program of its own, and fails; each line of it
that begins with `// says: ` must be in what the compiler says. It needs nothing but cargo, Python, and
the dependencies that the workspace has anyway.
"""

import json
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MISTAKES = ROOT / "crates/mcp-core/mistakes"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
SAYS = "// says: "
MANIFEST = """[package]
name = "mistakes"
edition = "2024"

[workspace]

[dependencies]
mcp-core = {{ path = "{root}/crates/mcp-core" }}
shared = {{ path = "{root}/shared" }}
schemars = "1"
serde = {{ version = "1", features = ["derive"] }}
"""


def crate():
    """A crate outside the workspace, with each mistake as a program and the workspace's versions."""
    folder = TARGET / "mistakes"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(MISTAKES, folder / "src/bin")
    shutil.copy(ROOT / "Cargo.lock", folder)
    shutil.copy(ROOT / "rust-toolchain.toml", folder)
    (folder / "Cargo.toml").write_text(MANIFEST.format(root=ROOT), encoding="utf-8")
    return folder


def told():
    """What the compiler says of each program."""
    command = ["cargo", "check", "--bins", "--offline", "--keep-going", "--message-format=json"]
    environment = {**os.environ, "CARGO_TARGET_DIR": str(TARGET)}
    run = subprocess.run(command, cwd=crate(), env=environment, capture_output=True, text=True)
    messages = defaultdict(str)
    for line in run.stdout.splitlines():
        entry = json.loads(line)
        if entry.get("reason") == "compiler-message" and entry["message"]["level"] == "error":
            messages[entry["target"]["name"]] += entry["message"]["rendered"]
    if not messages:
        sys.exit(f"FAILED  the mistakes are not compiled\n{run.stderr}")
    return messages


def main():
    messages, failed = told(), 0
    mistakes = sorted(MISTAKES.glob("*.rs"))
    for path in mistakes:
        lines = path.read_text(encoding="utf-8").splitlines()
        expected = [line.removeprefix(SAYS) for line in lines if line.startswith(SAYS)]
        missing = [each for each in expected if each not in messages[path.stem]]
        failed += bool(missing or not expected)
        if missing or not expected:
            print(f"FAILED  {path.stem}: it does not say {missing}, but\n{messages[path.stem]}")
        else:
            print(f"ok      {path.stem}")
    print(f"{len(mistakes) - failed} passed, {failed} failed")
    sys.exit(failed > 0)


main()
