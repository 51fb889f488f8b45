"""What the code says of itself, for comparing what is shipped with it: settings, health paths, files."""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[4]
SERVICES = {"mcp-server": 8080, "rest-api": 8081, "worker": 8082}
# The user of the images (deploy/Dockerfile).
USER = 65532
failures = 0
checks = 0


def check(well, what, seen=""):
    """One check; it is said only when it fails, and counted in any case."""
    global failures, checks
    checks += 1
    if not well:
        failures += 1
        print(f"FAILED: {what}{f': {seen}' if seen else ''}", flush=True)
    return well


def finish():
    print(f"{checks - failures} passed, {failures} failed")
    sys.exit(1 if failures else 0)


def text(path):
    return (ROOT / path).read_text()


def tracked():
    """Files that are, or are about to be, in the repository."""
    command = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"]
    found = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return [file for file in found if (ROOT / file).exists()]


def documented():
    """The settings of each service and its variables without prefix, from the generated docs/configuration.md."""
    settings, aliases, section = {}, {}, None
    for line in text("docs/configuration.md").splitlines():
        if line.startswith("## "):
            section = line[3:]
            settings[section], aliases[section] = set(), set()
        found = re.match(r"\| `([a-z0-9_.]+)` \|", line)
        if section and found:
            settings[section].add(found[1])
            for names in re.findall(r"(?:Environment:|Also) ([^|.]*)", line):
                aliases[section] |= set(re.findall(r"`([A-Z_]+)`", names))
    return settings, aliases


def unknown_variables(service, names):
    """Those of the variables that the service would not take."""
    settings, aliases = documented()

    def key(name):
        return name.removeprefix("DEVMESH_").lower().replace("__", ".")

    def known(name):
        if name in aliases[service]:
            return True
        candidates = {key(name), key(name.removesuffix("_FILE"))}
        return name.startswith("DEVMESH_") and bool(candidates & settings[service])

    return [name for name in names if not known(name)]


def health_paths():
    return set(re.findall(r'\.route\("(/[^"]*)"', text("crates/telemetry/src/endpoints.rs")))


def environment_file(path):
    lines = [line for line in text(path).splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def made_secrets(folder):
    """What scripts/secrets makes, in `folder`: name and path, without what is offline."""
    subprocess.run([str(ROOT / "scripts/secrets"), str(folder)], check=True, capture_output=True)
    return {path.name: path for path in pathlib.Path(folder).iterdir() if path.is_file()}
