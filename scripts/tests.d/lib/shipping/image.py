"""What an image would hold, made of the Dockerfile: its last stages are followed line by line, with programs that are built
already in place of the stage `build`, and the C library of this Debian in place of the base image's."""

import json
import os
import pathlib
import re
import shutil
import subprocess

from repository import text

DOCKERFILE = "deploy/Dockerfile"
# What gcr.io/distroless/cc-debian12 has of libraries that a program may need.
BASE_LIBRARIES = {"ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1", "libc.so.6", "libm.so.6", "libgcc_s.so.1", "libdl.so.2",
                  "libpthread.so.0", "librt.so.1", "libstdc++.so.6"}


class Stage:
    """A stage of the Dockerfile, with what it takes over from the one that it is built on."""

    def __init__(self, base=None):
        self.copies = list(base.copies) if base else []
        self.environment = dict(base.environment) if base else {}
        self.labels = dict(base.labels) if base else {}
        self.user = base.user if base else "0"
        self.workdir = base.workdir if base else "/"
        self.runs = list(base.runs) if base else []
        self.ports, self.entrypoint, self.command, self.health = [], [], [], []


def instructions():
    joined = re.sub(r"^\s*#.*\n", "", text(DOCKERFILE), flags=re.M)
    joined = re.sub(r"\\\n\s*", "", joined)
    return [line.split(None, 1) for line in joined.splitlines() if line.strip()]


def stages():
    found, stage = {}, None
    for word, rest in instructions():
        if word == "FROM":
            words = [part for part in rest.split() if not part.startswith("--")]
            stage = Stage(found.get(words[0]))
            found[words[2]] = stage
        elif word == "COPY":
            options = dict(part[2:].split("=", 1) for part in rest.split() if part.startswith("--"))
            source, target = [part for part in rest.split() if not part.startswith("--")]
            stage.copies.append((options.get("from"), source, target, options.get("chown", "0:0")))
        elif word == "ENV" and stage:
            stage.environment |= dict(part.split("=", 1) for part in rest.split())
        elif word == "LABEL":
            stage.labels |= {key: value for key, value in re.findall(r'(\S+?)="([^"]*)"', rest)}
        elif word == "USER":
            stage.user = rest
        elif word == "WORKDIR":
            stage.workdir = rest
        elif word == "RUN":
            stage.runs.append(rest)
        elif word == "EXPOSE":
            stage.ports = [int(port) for port in rest.split()]
        elif word == "ENTRYPOINT":
            stage.entrypoint = json.loads(rest)
        elif word == "CMD":
            stage.command = json.loads(rest)
        elif word == "HEALTHCHECK":
            stage.health = json.loads(rest[rest.index("["):])
    return found


def libraries(program):
    """Name and path of each library that the program is linked with."""
    said = subprocess.run(["ldd", str(program)], check=True, capture_output=True, text=True).stdout
    paths = re.findall(r"(/\S+) \(0x", said)
    return {os.path.basename(path): path for path in paths}


def assemble(stage, programs, root):
    """Puts the root file system of a stage into the folder `root`; gives back the libraries of its programs."""
    root = pathlib.Path(root)
    needed = {}
    base(root)
    for origin, source, target, owner in stage.copies:
        assert origin == "build", f"a final stage copies from {origin}"
        place = root / target.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        if source == "/out/data":
            place.mkdir(parents=True)
        else:
            assert source.startswith("/out/bin/"), source
            program = pathlib.Path(programs) / pathlib.Path(source).name
            # The same file where that can be: it is large.
            try:
                os.link(program, place)
            except OSError:
                shutil.copyfile(program, place)
                place.chmod(0o755)
            needed |= libraries(program)
        os.chown(place, *map(int, owner.split(":")))
    for path in needed.values():
        place = root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
        place.chmod(0o755)
    return needed


def base(root):
    """The rest of the base image, as far as a program could look at it."""
    for folder in ["etc", "tmp", "proc", "dev", "run/secrets", "var/lib"]:
        (root / folder).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n")
    (root / "etc/group").write_text("root:x:0:\nnonroot:x:65532:\n")
    (root / "etc/nsswitch.conf").write_text("hosts: files dns\n")
    (root / "etc/ssl/certs").mkdir(parents=True)
    shutil.copyfile("/etc/ssl/certs/ca-certificates.crt", root / "etc/ssl/certs/ca-certificates.crt")
    for name in ["hosts", "resolv.conf"]:
        (root / "etc" / name).write_text("")
    for name in ["null", "urandom"]:
        (root / "dev" / name).write_text("")
