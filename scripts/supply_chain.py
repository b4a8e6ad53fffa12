"""What is linked, under which licence and from where, held against .cargo/deny.toml.

usage: scripts/supply_chain.py

It needs nothing but cargo and Python 3.11. `cargo deny`, which scripts/supply-chain.sh runs beside it,
looks closer at targets and the texts of licences. Checked here are the licences, the crates that must not
be there, the sources, the names of duplicates, and that every crate of ours states the same oldest Rust.
"""

import json
import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DUPLICATES = ROOT / "docs/decisions/0010-dependencies.md"
REASONS = "Several versions of one library"
REGISTRY = "registry+https://github.com/rust-lang/crates.io-index"


def satisfied(expression, allowed):
    """Whether an SPDX expression can be met with licences that are allowed."""
    words = re.findall(r"\(|\)|[^\s()]+", expression.replace("/", " OR "))
    at = 0

    def peek():
        return words[at] if at < len(words) else None

    def take():
        nonlocal at
        at += 1
        return words[at - 1]

    def one():
        if peek() == "(":
            take()
            met = either()
            take()
            return met
        licence = take()
        if peek() == "WITH":
            take()
            licence = f"{licence} WITH {take()}"
        return licence in allowed

    def both():
        met = one()
        while peek() == "AND":
            take()
            met = one() and met
        return met

    def either():
        met = both()
        while peek() == "OR":
            take()
            met = both() or met
        return met

    return either()


def linked(target):
    """Every package that is built for a target, or for the tests on it."""
    metadata = subprocess.run(
        ["cargo", "metadata", "--format-version=1", "--locked", "--all-features", "--filter-platform", target],
        cwd=ROOT, capture_output=True, check=True,
    )
    return json.loads(metadata.stdout)["packages"]


def main():
    rules = tomllib.loads((ROOT / ".cargo/deny.toml").read_text())
    found = {package["id"]: package for target in rules["graph"]["targets"] for package in linked(target)}
    packages = list(found.values())
    allowed = set(rules["licenses"]["allow"])
    exceptions = {each["crate"]: set(each["allow"]) for each in rules["licenses"]["exceptions"]}
    banned = {each["crate"] for each in rules["bans"]["deny"]}
    stated = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["rust-version"]
    toolchain = tomllib.loads((ROOT / "rust-toolchain.toml").read_text())["toolchain"]["channel"]
    findings, versions, used = [], defaultdict(set), set()
    for package in packages:
        name, version, source = package["name"], package["version"], package["source"]
        where = f"{name} {version}"
        if source is None:
            if package["rust_version"] != stated:
                findings.append(f"{where}: states another oldest Rust than the workspace, {stated}")
            continue
        versions[name].add(version)
        if source != REGISTRY:
            findings.append(f"{where}: comes from {source}")
        if name in banned:
            findings.append(f"{where}: must not be linked")
        licence = package["license"] or ""
        if not satisfied(licence, allowed | exceptions.get(name, set())):
            findings.append(f"{where}: its licence is {licence or 'not stated'}")
        used |= {name} & exceptions.keys()
        newest = package["rust_version"]
        if newest and [int(n) for n in newest.split(".")[:2]] > [int(n) for n in stated.split(".")[:2]]:
            findings.append(f"{where}: needs Rust {newest}, and {stated} is stated")
    if not toolchain.startswith(f"{stated}."):
        findings.append(f"rust-toolchain.toml has {toolchain}: the stated {stated} is never tried")
    findings += [f"{name}: the exception for it is not needed" for name in exceptions.keys() - used]
    explained = section(DUPLICATES.read_text(), REASONS)
    doubled = {name: found for name, found in versions.items() if len(majors(found)) > 1}
    for name, found in sorted(doubled.items()):
        if f"`{name}`" not in explained:
            place = f'"{REASONS}" of {DUPLICATES.relative_to(ROOT)}'
            findings.append(f"{name}: {', '.join(sorted(found))}, and no reason in {place}")
    for finding in findings:
        print(f"FAILED  {finding}")
    print(f"{len(packages)} packages, {len(doubled)} of them in several versions with a reason each")
    return 1 if findings else 0


def section(text, heading):
    """What stands below a heading: a library may be named elsewhere for another reason."""
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


def majors(versions):
    """`1.2` and `1.3` are one, `0.2` and `0.3` are two."""
    def major(version):
        first, second = version.split(".")[:2]
        return first if first != "0" else f"0.{second}"
    return {major(version) for version in versions}


if __name__ == "__main__":
    if sys.argv[1:] == ["--help"]:
        print(__doc__)
        sys.exit()
    sys.exit(main())
