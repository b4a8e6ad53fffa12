"""What the files for containers say, compared with the programs.

Every image command, port, probe, setting and mounted file that docker-compose.yml, the Dockerfile and
the Kubernetes manifests name has to exist. Prints one line per finding; the exit status says whether
there was one. `--settings SERVER` prints the settings of a server in docker-compose.yml instead.
"""

import json
import pathlib
import re
import subprocess
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVERS = ("auth-server", "mcp-server")
PORTS = {"auth-server": "AUTH_SERVER_PORT", "mcp-server": "PORT"}
findings = []


def expect(condition, finding):
    if not condition:
        findings.append(finding)


def text(name):
    return (ROOT / name).read_text()


def known_settings():
    """The settings of both servers with their defaults, as the programs themselves list them."""
    lines = re.findall(r"^#([A-Z][A-Z0-9_<>]*)=(.*)$", text(".env.example"), re.M)
    return dict(lines)


def is_known(name, settings):
    """A setting, or one of those that are there once for each name, as AUTH_UPSTREAM_<NAME>_ISSUER is."""
    patterns = (setting.replace("<NAME>", "[A-Z0-9_]+") for setting in settings)
    return any(re.fullmatch(pattern, name) for pattern in patterns)


def grace(settings):
    """How many seconds a server takes to stop, at most."""
    return int(settings["SHUTDOWN_TIMEOUT_MS"]) / 1000


def expand(value):
    """`${NAME:-default}` without NAME."""
    return re.sub(r"\$\{[A-Z_]+:-([^}]*)\}", r"\1", str(value))


def check_dockerfile(settings):
    lines = text("scripts/docker/Dockerfile")
    version = re.search(r'channel = "([^"]+)"', text("rust-toolchain.toml"))[1]
    expect(f"FROM rust:{version}-" in lines, "Dockerfile: another Rust than rust-toolchain.toml")
    expect(f"RUSTUP_TOOLCHAIN={version}" in lines, "Dockerfile: RUSTUP_TOOLCHAIN is another one")
    metadata = subprocess.run(
        ["cargo", "metadata", "--no-deps", "--format-version=1", "--locked"],
        cwd=ROOT, capture_output=True, check=True,
    )
    packages = {package["name"] for package in json.loads(metadata.stdout)["packages"]}
    build = re.search(r"cargo build .*", lines)[0]
    for package in re.findall(r"-p ([\w-]+)", build):
        expect(package in packages, f"Dockerfile: no package {package}")
    stages = dict(re.findall(r"^FROM \S+ AS (\S+)\n(.*?)(?=^FROM |\Z)", lines, re.M | re.S))
    expect(re.search(r"^USER [1-9]", stages["runtime"], re.M), "Dockerfile: runs as root")
    for name in (*SERVERS, "standalone"):
        stage = stages[name]
        health = re.search(r"HEALTHCHECK .*CMD (\[.*\])", stage)
        expect(health, f"Dockerfile: {name} has no HEALTHCHECK")
        check_command(json.loads(health[1]), f"Dockerfile: {name}")
        check_command(json.loads(re.findall(r"^CMD (\[.*\])", stage, re.M)[0]), f"Dockerfile: {name}")
        exposed = set(re.search(r"^EXPOSE (.*)$", stage, re.M)[1].split())
        for server in SERVERS:
            if name in (server, "standalone"):
                expect(settings[PORTS[server]] in exposed, f"Dockerfile: {name} hides {PORTS[server]}")
        metrics = re.search(r"METRICS_ADDR=\S+:(\d+)", stage)
        expect(metrics and metrics[1] in exposed, f"Dockerfile: {name} hides its metrics")
    for setting in re.findall(r"(?:^ENV | )([A-Z_]+)=", "\n".join(re.findall(r"^ENV .*$", lines, re.M))):
        expect(setting in settings or setting == "RUSTUP_TOOLCHAIN", f"Dockerfile: no setting {setting}")
    return set(stages)


def check_command(words, where):
    """The programs are asked whether they know the command."""
    program, *arguments = words
    if program == "standalone":
        return
    if program not in SERVERS:
        findings.append(f"{where}: {program} is none of the programs")
        return
    asked = subprocess.run([BIN / program, *arguments, "--help"], capture_output=True)
    expect(asked.returncode == 0, f"{where}: {' '.join(words)} is no command")


def check_compose(settings, stages):
    compose = yaml.safe_load(text("docker-compose.yml"))
    services = compose["services"]
    for name, service in services.items():
        where = f"docker-compose.yml: {name}"
        for volume in service.get("volumes", []):
            path = ROOT / volume.split(":")[0]
            expect(path.exists(), f"{where}: {path} is not there")
        for other in service.get("depends_on", {}):
            expect(other in services, f"{where}: depends on {other}, which is not there")
            expect("healthcheck" in services.get(other, {}), f"{where}: {other} has no health check")
        image = service["image"]
        if not image.startswith("mcp-example"):
            continue
        server = image.split("/")[1]
        target = service["build"]["target"]
        expect(target in stages and target == server, f"{where}: no stage {target}")
        for setting in service["environment"]:
            expect(setting in settings, f"{where}: no setting {setting}")
        check_command(service["healthcheck"]["test"][1:], where)
        expect(int(service["stop_grace_period"].rstrip("s")) > grace(settings), f"{where}: stops too soon")
        expect(service["read_only"] and service["cap_drop"] == ["ALL"], f"{where}: may do too much")
        port = str(service["environment"][PORTS[server]])
        reached = [p.split(":")[-1] for p in services["auth-server"]["ports"]]
        balanced = f"127.0.0.1:{port} " in text("scripts/docker/balancer.conf")
        expect(port in reached or balanced, f"{where}: nobody reaches its port {port}")
    scraped = yaml.safe_load(text("scripts/docker/observability/prometheus.yml"))
    offered = {
        (service["image"].split("/")[1], service["environment"]["METRICS_ADDR"].split(":")[1])
        for service in services.values() if service["image"].startswith("mcp-example")
    }
    looked_at = {
        (job["job_name"], target.split(":")[1])
        for job in scraped["scrape_configs"]
        for targets in job["static_configs"] for target in targets["targets"]
    }
    expect(looked_at == offered, f"Prometheus: looks at {looked_at}, and there are {offered}")
    optional = {
        target.split(":")[1]
        for job in scraped["scrape_configs"] for targets in job["static_configs"]
        for target in targets["targets"] if targets.get("labels", {}).get("optional") == "true"
    }
    in_profiles = {
        service["environment"]["METRICS_ADDR"].split(":")[1]
        for service in services.values()
        if service["image"].startswith("mcp-example") and "profiles" in service
    }
    expect(optional == in_profiles, f"Prometheus: misses {in_profiles ^ optional} of other profiles")
    profiles = {profile for service in services.values() for profile in service.get("profiles", [])}
    expect(profiles == {"scaled", "sentinel", "observability"}, f"docker-compose.yml: {profiles}")
    return services


def check_kubernetes(settings):
    folder = ROOT / "scripts/kubernetes"
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    documents = []
    for name in kustomization["resources"]:
        documents += yaml.safe_load_all((folder / name).read_text())
    configured = sorted(path for path in folder.glob("*.env") if not path.name.endswith(".secrets.env"))
    for path in configured:
        for setting in re.findall(r"^#?([A-Z_]+)=", path.read_text(), re.M):
            expect(is_known(setting, settings), f"{path.name}: no setting {setting}")
    named = {(document["kind"], document["metadata"]["name"]) for document in documents}
    deployments = {d["metadata"]["name"]: d for d in documents if d["kind"] == "Deployment"}
    for server in SERVERS:
        where = f"scripts/kubernetes/{server}.yaml"
        expect(("PodDisruptionBudget", server) in named, f"{where}: may be disrupted")
        deployment = deployments[server]["spec"]
        pod = deployment["template"]["spec"]
        (container,) = pod["containers"]
        values = {each["name"]: each["value"] for each in container["env"]}
        ports = {each["name"]: str(each["containerPort"]) for each in container["ports"]}
        for setting in values:
            expect(setting in settings, f"{where}: no setting {setting}")
        expect(values[PORTS[server]] == ports["http"] == settings[PORTS[server]], f"{where}: port")
        expect(values["METRICS_ADDR"].endswith(f":{ports['metrics']}"), f"{where}: port of metrics")
        for probe, path in (("startup", "/livez"), ("readiness", "/readyz"), ("liveness", "/livez")):
            expect(container[f"{probe}Probe"]["httpGet"] == {"path": path, "port": "http"}, f"{where}: {probe}")
        waits = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        enough = pod["terminationGracePeriodSeconds"] > waits + grace(settings)
        expect(enough, f"{where}: is ended before the grace of the server")
        expect(deployment["strategy"]["rollingUpdate"]["maxUnavailable"] == 0, f"{where}: maxUnavailable")
        expect(container["securityContext"]["readOnlyRootFilesystem"], f"{where}: writable")
        expect(pod["securityContext"]["runAsNonRoot"], f"{where}: runs as root")
        images = {image["name"] for image in kustomization["images"]}
        expect(container["image"] in images, f"{where}: kustomization does not know its image")


def check_others(services):
    container = json.loads(text(".devcontainer/devcontainer.json"))
    published = {int(p.split(":")[-1]) for p in services["auth-server"]["ports"]}
    forwarded = set(container["forwardPorts"])
    expect({3001, 3232} <= forwarded & published, "devcontainer.json: ports")
    launch = json.loads(text(".vscode/launch.json"))
    started = {each["name"]: each["cargo"] for each in launch["configurations"]}
    for name, cargo in started.items():
        named = cargo["filter"]["name"]
        expect(cargo["args"][-1] == named and named in (*SERVERS, "standalone"), f"launch.json: {name}: no program {named}")
    for each in launch["compounds"]:
        expect(set(each["configurations"]) <= started.keys(), f"launch.json: {each['name']}: starts what is not there")
    for path in (ROOT / ".github/workflows").glob("*.yml"):
        workflow = yaml.safe_load(path.read_text())
        steps = [step for job in workflow["jobs"].values() for step in job.get("steps", [])]
        for line in re.findall(r"uses: *(.+)", path.read_text()):
            # A tag can be moved to another commit by whoever gets at the action's repository.
            pinned = re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line) or line.startswith("./")
            expect(pinned, f"{path.name}: {line}: name a commit, and its version behind it")
        for script in re.findall(r"^(\.ci/\S+|scripts/\S+)", "\n".join(s.get("run", "") for s in steps), re.M):
            expect((ROOT / script).exists(), f"{path.name}: {script} is not there")
    runs = [step.get("run", "") for step in steps_of("ci.yml")]
    expect(any(run.startswith(".ci/run") for run in runs), "ci.yml: does not call .ci/run")


def steps_of(name):
    workflow = yaml.safe_load(text(f".github/workflows/{name}"))
    return [step for job in workflow["jobs"].values() for step in job.get("steps", [])]


def main():
    settings = known_settings()
    stages = check_dockerfile(settings)
    services = check_compose(settings, stages)
    check_kubernetes(settings)
    check_others(services)
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if sys.argv[1:2] == ["--settings"]:
    service = yaml.safe_load(text("docker-compose.yml"))["services"][sys.argv[2]]
    for name, value in service["environment"].items():
        print(f"{name}={expand(value)}")
else:
    BIN = pathlib.Path(sys.argv[1])
    sys.exit(main())
