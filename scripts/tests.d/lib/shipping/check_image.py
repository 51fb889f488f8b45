"""deploy/Dockerfile without an engine: hadolint; the build's context; and each final stage put together as a root file system, in
which its program runs read-only, as a user without rights, with nothing but what the Dockerfile copies.

    check_image.py PROGRAMS      the folder with the built programs
"""

import fnmatch
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import image
from container import Container
from repository import ROOT, SERVICES, USER, check, finish, health_paths, text, tracked, unknown_variables


def lint():
    hadolint = str(pathlib.Path(sys.executable).parent / "hadolint")
    said = subprocess.run([hadolint, str(ROOT / image.DOCKERFILE)], capture_output=True, text=True)
    check(said.returncode == 0, "hadolint has nothing to say", said.stdout)
    spoilt = "FROM debian:latest\nRUN cd /tmp && apt-get install curl\n"
    check(subprocess.run([hadolint, "-"], input=spoilt, capture_output=True, text=True).returncode != 0, "hadolint finds faults")


def in_context(files):
    """The files that .dockerignore lets through: the last line that fits decides."""
    lines = [line for line in text(".dockerignore").splitlines() if line and not line.startswith("#")]

    def taken(file):
        parts = file.split("/")
        above = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
        result = True
        for line in lines:
            pattern = line.removeprefix("!")
            if any(fnmatch.fnmatchcase(one, pattern) for one in above):
                result = line.startswith("!")
        return result

    return [file for file in files if taken(file)]


def context(work):
    files = set(in_context(tracked()))
    sent = {file.split("/")[0] for file in files}
    check(sent == {"Cargo.toml", "Cargo.lock", ".cargo", "crates", "proto", "deploy"}, "only what the build reads is sent", sent)
    for file in sorted(file for file in files if file.endswith(".rs")):
        for included in re.findall(r'include_(?:str|bytes)!\(\s*"([^"]+)"', text(file)):
            path = os.path.normpath(os.path.join(os.path.dirname(file), included))
            check(path in files or "/tests/" in file or "/e2e/" in file, f"{file} is sent with what it includes", path)
    for file in files:
        place = work / "context" / file
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / file, place)
    said = subprocess.run(["cargo", "metadata", "--format-version=1", "--locked", "--offline", "--no-deps"], cwd=work / "context",
                          capture_output=True, text=True)
    check(said.returncode == 0 and '"name":"mcp-server"' in said.stdout, "cargo finds its packages in the context", said.stderr)


def declared(stages):
    for name, port in SERVICES.items():
        stage = stages[name]
        check(stage.entrypoint == [f"/usr/local/bin/{name}"] and port in stage.ports, f"{name} is started, and its port told")
    for name in [*SERVICES, "devmesh"]:
        stage = stages[name]
        program, verb, address = stage.health
        path = re.fullmatch(r"http://127\.0\.0\.1:(\d+)(/.*)", address)
        check(program == stage.entrypoint[0] and verb == "probe" and int(path[1]) in stage.ports and path[2] in health_paths(),
              f"{name} is asked for its health", address)
        check(stage.user == f"{USER}:{USER}" and not stage.runs, f"{name} runs as user {USER}, and is made without commands")
        wanted = {f"org.opencontainers.image.{one}" for one in ["title", "description", "version", "revision", "licenses", "vendor"]}
        check(wanted <= set(stage.labels), f"{name} has labels", wanted - set(stage.labels))
    version = re.search(r'^version = "(.*)"', text("Cargo.toml"), re.M)[1]
    check(f"ARG VERSION={version}\n" in text(image.DOCKERFILE), "the version is that of the workspace")
    rust = re.search(r'^rust-version = "(.*)"', text("Cargo.toml"), re.M)[1]
    check(f"ARG RUST_VERSION={rust}" in text(image.DOCKERFILE), "the compiler is that of the workspace")
    unknown = unknown_variables("devmesh up", [])
    listening = {key.split("__")[0]: value for key, value in stages["devmesh"].environment.items()}
    check(set(listening) == {"DEVMESH_MCP_SERVER", "DEVMESH_REST_API", "DEVMESH_WORKER"} and not unknown, "devmesh listens for all three", listening)
    built = next(run for run in stages["build"].runs if "cargo build" in run)
    for name in [*SERVICES, "devmesh"]:
        check(f"-p {name}" in built and re.search(rf"for name in .*\b{name}\b", built), f"{name} is built and taken over")


def assembled(stages, programs, work):
    if os.geteuid() != 0:
        print("not root: the root file systems were not tried")
        return
    for name in [*SERVICES, "devmesh"]:
        root = work / "roots" / name
        needed = image.assemble(stages[name], programs, root)
        foreign = set(needed) - image.BASE_LIBRARIES
        check(not foreign, f"{name} needs no library that the base image has not", foreign)
        box = Container(name, root, [*stages[name].entrypoint, "--version"], stages[name].environment, log=work / f"{name}.version")
        check(box.process.wait(30) == 0 and name in box.said(), f"{name} starts in its root file system", box.said())
    whole_mesh(stages["devmesh"], work)


def whole_mesh(stage, work):
    """`devmesh up`, as the image runs it, on a volume: well, read-only, without rights, ends with 0."""
    volume = work / "volume"
    shutil.copytree(work / "roots/devmesh/var/lib/devmesh", volume)
    os.chown(volume, USER, USER)
    box = Container("devmesh", work / "roots/devmesh", [*stage.entrypoint, *stage.command], stage.environment,
                    mounts=[(volume, "/var/lib/devmesh", True)], log=work / "mesh.log")
    try:
        if not check(box.well_within(60, stage.health), "the image's own health check says that devmesh is well", box.said()):
            return
        check(set(box.status("Uid")) == {str(USER)} and box.status("CapEff") == ["0" * 16] and box.status("NoNewPrivs") == ["1"],
              "it has no rights")
        check((volume / "bootstrap.key").stat().st_uid == USER, "its data are on the volume")
        wrong = box.run([stage.entrypoint[0], "probe", stage.health[2].replace("8080", "8079")])
        check(wrong.returncode != 0, "the health check says so when nothing answers")
        outside = box.run([*stage.entrypoint, "init", "--data", "/somewhere"])
        check(outside.returncode != 0 and not (work / "roots/devmesh/somewhere").exists(), "nothing else can be written", outside.stdout)
    finally:
        check(box.stop() == 0, "SIGTERM ends it, with 0", box.said())


scratch = pathlib.Path(sys.argv[1]).resolve().parent / "tmp"
scratch.mkdir(exist_ok=True)
with tempfile.TemporaryDirectory(dir=scratch) as folder:
    found = image.stages()
    lint()
    context(pathlib.Path(folder))
    declared(found)
    assembled(found, sys.argv[1], pathlib.Path(folder))
finish()
