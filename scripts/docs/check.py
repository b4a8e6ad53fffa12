"""Checks the Markdown of the repository: every relative link and anchor leads somewhere, and every
shell snippet that is marked as checked runs.

usage: check.py links | settings | tests | errors | sources | commands | snippets | started

Every test that a document names as `file::name` exists.
Every setting of the servers that a document or a file of examples/auth names exists: every name that
begins as one of ours does.
`commands` asks our programs whether they know every call of them in a shell snippet, and whether every
page of a provider says how the server is started.
`errors` compares docs/error-catalogue.md with the source: every code and every sentence that a server
answers with has its line there.
`sources` compares Rust snippets with the source that they are from. ```rust of FILE is the file without
its tests, ```rust of FILE ITEM what begins with a line of it that begins with ITEM; a line of nothing but
… leaves lines out. Everything else in Rust is marked ```rust sketch.

A snippet is marked by the word after its language: ```sh checked. It runs with `bash -euo pipefail`
in a folder of its own; what it needs of the servers it finds in the environment (MCP_URL, PATH).

`started` runs snippets that start servers, marked ```sh started, each in a world of its own, and ```sh
then in the world of the one before. The words after the mark are what must come of it: an address must
answer within a while, another word must be in what is printed. Ports are others than in the text, so
that nothing is in the way, a Redis is there if one is named, and instead of cargo, which has built the
programs already, something of the same name starts what it would start.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unicodedata
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^(```+|~~~+)(.*)$")
LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*<?([^\s)>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*\s*$")
OUTSIDE = re.compile(r"^[a-z][a-z0-9+.-]*:", re.IGNORECASE)
DOCUMENTED = re.compile(r"^\| `([A-Z][A-Z0-9_<>]*)`", re.MULTILINE)
# Names that begin like settings of ours and are somebody else's.
NO_SETTINGS = {
    "MCP_URL": "scripts/docs.sh", "MCP_BASE": "scripts/docs.sh", "REDIS_URL_TEST": "the tests",
    "MCP_AUTO_OPEN_ENABLED": "MCP Inspector", "SESSION_TIMEOUT": "a server that this one replaces", "LOG_LEVEL": "the same",
    "MCP_SERVER_PORT": "Kubernetes", "MCP_TIMEOUT": "clients",
}
CALL = re.compile(
    r"(?:^|[|;&(!]|\bexec )\s*(?:[A-Z_]+=\S+ +)*"
    r"(?:(?P<program>mcp-server|auth-server|standalone)\b(?P<words>[^|;&()<>#]*)"
    r"|cargo run(?P<package> -p [\w-]+)?(?P<rest>(?: --[^|;&()<>#]*)?))"
)
SCRIPT = re.compile(r"(?:^|[|;&(\s])((?:scripts|examples)/[\w/.-]+\.sh)")
TEST = re.compile(r"`([a-z][\w/.-]*\.rs)::([a-z_0-9]+)`")
LIMIT_SECONDS = 60
# Settings of ours, which a world of its own does not inherit.
DOCUMENTED_NAME = re.compile(r"(MCP|AUTH|OTEL|REDIS|METRICS)_\w+|PORT|HOST|BASE_URI|RUST_LOG|LOG_FORMAT")


def documents():
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )
    return [ROOT / name for name in listed.stdout.split("\n") if name]


def parts(path):
    """The lines outside of fences with their numbers, and the fences with their info and text."""
    prose, fences, fence = [], [], None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        found = FENCE.match(line.strip())
        if fence is None and found:
            fence = {"mark": found[1], "info": found[2].split(), "line": number, "text": []}
        elif fence is not None and found and found[1].startswith(fence["mark"]) and not found[2]:
            fences.append(fence)
            fence = None
        elif fence is not None:
            fence["text"].append(line)
        else:
            prose.append((number, line))
    if fence is not None:
        raise SystemExit(f"{path.relative_to(ROOT)}:{fence['line']}: a fence without an end")
    return prose, fences


def slug(heading):
    """The anchor that GitHub makes of a heading."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
    text = re.sub(r"(?<!\w)[*_]+|[*_]+(?!\w)", "", text).lower().strip()
    keep = lambda c: c in " -_" or unicodedata.category(c)[0] in "LN"
    return "".join(c for c in text if keep(c)).replace(" ", "-")


def anchors(path):
    seen, found = {}, set()
    for _, line in parts(path)[0]:
        heading = HEADING.match(line)
        if heading:
            name = slug(heading[1])
            count = seen.get(name, 0)
            seen[name] = count + 1
            found.add(f"{name}-{count}" if count else name)
        found.update(re.findall(r"<a (?:id|name)=\"([^\"]+)\"", line))
    return found


def problem(path, target):
    """What is wrong with a link; nothing if it leads somewhere."""
    file, _, anchor = target.partition("#")
    where = (path.parent / unquote(file)).resolve() if file else path
    if not where.is_relative_to(ROOT):
        return "leads out of the repository"
    if not where.exists():
        return "leads nowhere"
    if anchor and where.suffix == ".md" and unquote(anchor) not in anchors(where):
        return "leads to a heading that is not there"
    return None


def links():
    passed, failed = 0, 0
    for path in documents():
        for number, line in parts(path)[0]:
            for target in LINK.findall(re.sub(r"`[^`]*`", "``", line)):
                if OUTSIDE.match(target):
                    continue
                wrong = problem(path, target)
                passed, failed = passed + (not wrong), failed + bool(wrong)
                if wrong:
                    print(f"FAILED  {path.relative_to(ROOT)}:{number}: {target} {wrong}")
    return passed, failed


def settings():
    """Names that begin like a setting of ours, against the list that the servers write."""
    documented = DOCUMENTED.findall((ROOT / "docs/configuration.md").read_text(encoding="utf-8"))
    begins = sorted({name.split("_")[0] for name in documented if "_" in name})
    names = re.compile(rf"(?<![\w<])(?:{'|'.join(begins)})_[A-Z0-9_]*[A-Z0-9]\b(?!_|…|\*|<)")
    known = [re.escape(name).replace("<NAME>", "[A-Z0-9_]+") for name in documented]
    known = re.compile("|".join(f"(?:{name})" for name in known))
    passed, failed = 0, 0
    for path in documents() + sorted((ROOT / "examples/auth").glob("*.env")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            for name in names.findall(line):
                there = known.fullmatch(name) or name in NO_SETTINGS
                passed, failed = passed + bool(there), failed + (not there)
                if not there:
                    print(f"FAILED  {path.relative_to(ROOT)}:{number}: there is no setting {name}")
    return passed, failed


def tests():
    """Tests that are named as `file::name`."""
    passed, failed = 0, 0
    for path in documents():
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            for file, name in TEST.findall(line):
                where = ROOT / file
                there = where.exists() and re.search(rf"\bfn {name}\b", where.read_text(encoding="utf-8"))
                passed, failed = passed + bool(there), failed + (not there)
                if not there:
                    print(f"FAILED  {path.relative_to(ROOT)}:{number}: there is no {file}::{name}")
    return passed, failed


def source_of(file, item):
    """The lines of a file without its tests, or of one item with what is written above it."""
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    tests = next((at for at, line in enumerate(lines) if line == "#[cfg(test)]"), len(lines))
    if not item:
        return "\n".join(lines[:tests]).rstrip().split("\n")
    begins = [at for at, line in enumerate(lines) if line.strip().startswith(item)]
    if len(begins) != 1:
        return []
    first = last = begins[0]
    indent = lines[first][: len(lines[first]) - len(lines[first].lstrip())]
    while first > 0 and lines[first - 1].startswith((indent + "///", indent + "#[")) and item != "mod tests":
        first -= 1
    while last + 1 < len(lines) and lines[last] not in (indent + "}", indent + "};"):
        last += 1
    return lines[first:last + 1]


def is_part(snippet, source):
    """Whether the snippet is the source, but for lines that it leaves out by …"""
    at, may_skip = 0, False
    for line in snippet:
        if line.strip() == "…":
            may_skip = True
            continue
        if may_skip:
            at = next((later for later in range(at, len(source)) if source[later] == line), len(source))
        if at >= len(source) or source[at] != line:
            return False
        at, may_skip = at + 1, False
    return at == len(source) or may_skip


def sources():
    """Rust snippets against the files that they are from."""
    passed, failed = 0, 0
    for path in documents():
        for fence in parts(path)[1]:
            if fence["info"][:1] != ["rust"] or fence["info"][1:2] == ["sketch"]:
                continue
            name, wrong = f"{path.relative_to(ROOT)}:{fence['line']}", None
            if fence["info"][1:2] != ["of"] or len(fence["info"]) < 3:
                wrong = "says neither where it is from nor that it is a sketch"
            elif not (ROOT / fence["info"][2]).exists():
                wrong = f"there is no {fence['info'][2]}"
            elif not is_part(fence["text"], source_of(fence["info"][2], " ".join(fence["info"][3:]))):
                wrong = f"is not what {' '.join(fence['info'][2:])} says"
            passed, failed = passed + (not wrong), failed + bool(wrong)
            if wrong:
                print(f"FAILED  {name}: {wrong}")
    return passed, failed


def run(snippet):
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", snippet], cwd=folder, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=LIMIT_SECONDS, env={**os.environ, "ROOT": str(ROOT)},
        )
    return done.returncode, done.stdout


def calls(line):
    """The calls of our programs in a line of a shell: program or package, and words."""
    for found in CALL.finditer(line):
        if found["program"]:
            yield found["program"], found["words"].split()
        else:
            package = (found["package"] or " -p standalone").split()[1]
            yield package, (found["rest"] or "").split()[1:]


def wrong_call(program, words, packages):
    """What is wrong with a call, asked of the program itself."""
    if program not in packages:
        return f"there is no package {program}"
    if program not in ("mcp-server", "auth-server", "standalone"):
        return None
    try:
        asked = subprocess.run(
            [program, *words, "--help"], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=LIMIT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return f"{program} {' '.join(words)} starts instead of explaining itself"
    return None if asked.returncode == 0 else f"{program} {' '.join(words)}: {asked.stderr.splitlines()[:1]}"


def commands():
    """What is to be typed, asked of the programs that are to obey."""
    members = [*ROOT.glob("*/Cargo.toml"), *ROOT.glob("*/*/Cargo.toml")]
    packages = {re.search(r'^name = "([^"]+)"', path.read_text(), re.MULTILINE)[1] for path in members}
    passed, failed = 0, 0
    for path in documents():
        typed = set()
        for fence in parts(path)[1]:
            if fence["info"][:1] != ["sh"]:
                continue
            for number, line in enumerate(fence["text"], fence["line"] + 1):
                problems = [wrong_call(*call, packages) for call in calls(line)]
                problems += [None if os.access(ROOT / script, os.X_OK) else f"{script} cannot be run" for script in SCRIPT.findall(line)]
                typed |= {" ".join([program, *words]) for program, words in calls(line)}
                for problem in problems:
                    passed, failed = passed + (not problem), failed + bool(problem)
                    if problem:
                        print(f"FAILED  {path.relative_to(ROOT)}:{number}: {problem}")
        is_provider = path.parent.name == "providers" and "## To see that it works" in path.read_text(encoding="utf-8")
        if (is_provider or path.name.startswith("swapping-")) and "mcp-server" not in typed:
            failed += 1
            print(f"FAILED  {path.relative_to(ROOT)}: does not say how the server is started")
    return passed, failed


def snippets():
    passed, failed = 0, 0
    for path in documents():
        for fence in parts(path)[1]:
            if fence["info"][:2] != ["sh", "checked"]:
                continue
            name = f"{path.relative_to(ROOT)}:{fence['line']}"
            try:
                status, output = run("\n".join(fence["text"]))
            except subprocess.TimeoutExpired:
                status, output = -1, f"it takes longer than {LIMIT_SECONDS} s"
            passed, failed = passed + (status == 0), failed + (status != 0)
            print(f"{'ok     ' if status == 0 else 'FAILED '} {name}")
            if status != 0:
                print("        " + output.replace("\n", "\n        "))
    return passed, failed


# The ports that documents name: of our servers, of a second instance, of metrics, and of Redis.
PORTS = re.compile(r"\b(3232|3233|3001|9464|6379)\b")
# What stands for cargo: a server goes on beside the snippet, as it does in a terminal of its own.
CARGO = """
cargo() {
    local verb=$1 program=$DEFAULT
    shift
    [[ ${1:-} != -p ]] || { program=$2 && shift 2; }
    [[ ${1:-} != -- ]] || shift
    [[ -x $BIN_DIR/$program ]] || { echo "there is no program $program" && exit 1; }
    case $verb in
        build) ;;
        run) "$BIN_DIR/$program" "$@" & ;;
        *) echo "cargo $verb is not known here" && exit 1 ;;
    esac
}
answers() {
    for _ in {1..300}; do
        curl --silent --fail --max-time 5 --output /dev/null "$1" && return
        sleep 0.1
    done
    echo "$1 does not answer"
    exit 1
}
"""


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


def default_program():
    """What `cargo run` starts."""
    told = subprocess.run(
        ["cargo", "metadata", "--no-deps", "--offline", "--format-version", "1"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )
    told = json.loads(told.stdout)
    members = [package for package in told["packages"] if package["id"] in told["workspace_default_members"]]
    (program,) = [target["name"] for member in members for target in member["targets"] if "bin" in target["kind"]]
    return program


def worlds(path):
    """The snippets that start servers, those together that go on in one world."""
    found = []
    for fence in parts(path)[1]:
        if fence["info"][:2] == ["sh", "started"]:
            found.append([fence])
        elif fence["info"][:2] == ["sh", "then"]:
            found[-1].append(fence)
    return found


def played(fences, bin_dir):
    """What a world prints, and how it ends."""
    ports = {}
    moved = lambda text: PORTS.sub(lambda port: ports.setdefault(port[0], free_port()), text)
    script = [CARGO]
    for fence in fences:
        wanted = [moved(word) for word in fence["info"][2:]]
        script.append(moved("\n".join(fence["text"])).replace("target/debug/", f"{bin_dir}/"))
        script += [f"answers {word}" for word in wanted if word.startswith("http")]
    script = "\n".join(script)
    env = {name: value for name, value in os.environ.items() if not DOCUMENTED_NAME.fullmatch(name)}
    env |= {"PORT": moved("3232"), "AUTH_SERVER_PORT": moved("3001"),
            "BASE_URI": moved("http://localhost:3232"), "AUTH_SERVER_URL": moved("http://localhost:3001"),
            "BIN_DIR": str(bin_dir), "DEFAULT": default_program(), "LOG_FORMAT": "json", "HOST": "127.0.0.1"}
    with tempfile.TemporaryDirectory() as folder:
        redis = "6379" in ports and subprocess.Popen(
            ["redis-server", "--port", ports["6379"], "--save", "", "--dir", folder], stdout=subprocess.DEVNULL)
        world = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", script], cwd=folder, text=True, env=env, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            # The servers hold the pipe: it is read when they have gone with the script.
            status = world.wait(timeout=LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            status = -1
        finally:
            os.killpg(world.pid, signal.SIGKILL)
            output = world.communicate()[0]
            if redis:
                redis.kill()
                redis.wait()
    return status, output


def started():
    passed, failed = 0, 0
    bin_dir = Path(shutil.which("mcp-server")).parent
    for path in documents():
        for fences in worlds(path):
            name = f"{path.relative_to(ROOT)}:{fences[0]['line']}"
            status, output = played(fences, bin_dir)
            words = [word for fence in fences for word in fence["info"][2:] if not word.startswith("http")]
            missing = [word for word in words if word not in output]
            good = status == 0 and not missing
            passed, failed = passed + good, failed + (not good)
            print(f"{'ok     ' if good else 'FAILED '} {name}")
            if not good:
                print(f"        not printed: {missing}; it ends with {status}")
                print("        " + output[-4000:].replace("\n", "\n        "))
    return passed, failed


CATALOGUE = ROOT / "docs" / "error-catalogue.md"
# Where sentences are written, and how: as the argument of what refuses, or as a variable of this name.
SENTENCES = ["mcp-server/src/*.rs", "mcp-server/src/auth/*.rs", "mcp-server/src/auth/token/mod.rs"]
# Where every text is part of an answer that begins like a sentence or with a name: what goes into the
# log or into a panic begins otherwise, or is told apart by how it is said.
ANSWERS = ["mcp-server/src/http/*.rs", "mcp-server/src/era/*.rs", "mcp-server/src/tasks/*.rs", "mcp-server/src/session/*.rs",
           "crates/mcp-core/src/dispatch/*.rs", "crates/mcp-core/src/flow/*.rs", "crates/mcp-core/src/catalog/tools.rs",
           "crates/mcp-core/src/catalog/prompts.rs", "crates/mcp-core/src/arguments.rs", "crates/mcp-core/src/constraints.rs",
           "crates/mcp-core/src/ctx.rs", "crates/mcp-core/src/listing.rs", "shared/src/mcp/request.rs", "shared/src/mcp/meta.rs",
           "shared/src/mcp/object.rs", "shared/src/mcp/jsonrpc.rs", "shared/src/mcp/misfit.rs"]
# A text, whether it is told elsewhere, and whether it is said of something whatever it begins with.
TEXT = re.compile(r'(panic!\(\s*|starts_with\()?' r'(#\[error\(\s*|because\(|wrong\()?' r'"((?:[^"\\]|\\.|\\\n)*)"')
NO_ANSWERS = {"POST, GET, DELETE", "its schema cannot be checked: {0}", "the request state is not valid"}
REFUSES = re.compile(
    r"(?:invalid_request\(|invalid_params\(|header_mismatch\(|forbidden\(|unavailable\(\s*StatusCode::\w+,|too_many\(format!\(|"
    r"Malformed\(|let message = |let message = format!\(|let description = |let missing = |format!\(|NO_BATCHES: &str = |"
    r"StatusCode::\w+,\s*ErrorCode::\w+,|#\[error\()"
    r'\s*"((?:[^"\\]|\\.|\\\n)*)"'
)
# What is told at the start, in the log, on the command line or in a page, and not as an answer.
TOLD_ELSEWHERE = {"breaker.rs", "check.rs", "cli.rs", "config.rs", "connect.rs", "discovery.rs", "downgrade.rs", "glance.rs",
                  "introspect.rs", "jwks.rs", "lib.rs", "monitor.rs", "outbound.rs", "run.rs", "main.rs", "metrics.rs", "validator.rs",
                  "operation.rs", "cards.rs", "splash.rs", "web.rs", "vitals.rs", "well_known.rs", "feature_state.rs"}


def sentences():
    """Every sentence of an answer, with the file that has it."""
    for pattern in SENTENCES:
        for path in sorted(ROOT.glob(pattern)):
            if path.name in TOLD_ELSEWHERE:
                continue
            source = path.read_text(encoding="utf-8").split("#[cfg(test)]")[0]
            for found in REFUSES.findall(source):
                text = joined(found)
                if is_sentence(text):
                    yield path, text
    for pattern in ANSWERS:
        for path in sorted(ROOT.glob(pattern)):
            if path.name in TOLD_ELSEWHERE or path.name in ("faults.rs", "tests.rs"):
                continue
            source = path.read_text(encoding="utf-8").split("#[cfg(test)]")[0]
            source = re.sub(r"^\s*//.*$", "", source, flags=re.MULTILINE)
            for elsewhere, says, found in TEXT.findall(source):
                text = joined(found).replace('\\"', '"')
                is_said = is_sentence(text) or text.startswith("must ") or (says and " " in text)
                if is_said and not elsewhere and text not in NO_ANSWERS:
                    yield path, text


def joined(literal):
    return re.sub(r"\\\n\s*", "", literal)


def is_sentence(text):
    return " " in text and text[0] in "`ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def codes():
    """Every code, as it stands on the wire."""
    path = ROOT / "shared/src/mcp/jsonrpc.rs"
    for code in re.findall(r"Self\((-32\d{3})\);", path.read_text(encoding="utf-8")):
        yield path, f"| {code} |"
    path = ROOT / "shared/src/oauth/error.rs"
    for code in re.findall(r'Self::\w+ => "(\w+)"', path.read_text(encoding="utf-8")):
        yield path, f"| `{code}` |"


def errors():
    passed, failed = 0, 0
    catalogue = CATALOGUE.read_text(encoding="utf-8")
    for path, text in sorted(set(sentences()) | set(codes())):
        found = text in catalogue
        passed, failed = passed + found, failed + (not found)
        if not found:
            print(f"FAILED  {path.relative_to(ROOT)}: not in {CATALOGUE.relative_to(ROOT)}: {text}")
    if passed < 100:
        print(f"FAILED  only {passed} codes and sentences were found in the source")
        failed += 1
    return passed, failed


def main():
    work = {"links": links, "settings": settings, "tests": tests, "errors": errors,
            "sources": sources, "commands": commands, "snippets": snippets, "started": started}.get(sys.argv[1] if len(sys.argv) == 2 else "")
    if work is None:
        raise SystemExit(__doc__)
    passed, failed = work()
    print(f"{passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
