"""Reads Compose files as Compose does, as far as ours go: variables, `extends`, files of variables."""

import re

import yaml

from repository import environment_file, text

PRODUCTION = "docker-compose.production.yml"
MONITORING = "docker-compose.monitoring.yml"
VARIABLE = re.compile(r"\$\{([A-Z_]+)(?::-([^{}]*))?\}")


def interpolated(value, given):
    if isinstance(value, dict):
        return {key: interpolated(one, given) for key, one in value.items()}
    if isinstance(value, list):
        return [interpolated(one, given) for one in value]
    if isinstance(value, str):
        return VARIABLE.sub(lambda found: given.get(found[1]) or found[2] or "", value)
    return value


def load(path, given=None):
    return interpolated(yaml.safe_load(text(path)), given or {})


def target_of(mount):
    """Where in the container a volume is."""
    if isinstance(mount, dict):
        return mount["target"]
    parts = mount.split(":")
    return parts[1] if len(parts) > 1 else parts[0]


def resolved(path=PRODUCTION, given=None):
    """The file with what its services extend, and their variables in one place."""
    document = load(path, given)
    for name, service in document["services"].items():
        if "extends" in service:
            base = load(service["extends"]["file"], given)["services"][service["extends"]["service"]]
            document["services"][name] = extended(base, service)
    for service in document["services"].values():
        variables = {}
        for file in service.get("env_file", []):
            variables |= environment_file(file)
        service["environment"] = variables | {key: str(value) for key, value in service.get("environment", {}).items()}
    return document


def extended(base, service):
    result = base | {key: value for key, value in service.items() if key != "extends"}
    mounts = {target_of(mount): mount for mount in base.get("volumes", [])}
    mounts |= {target_of(mount): mount for mount in service.get("volumes", [])}
    if mounts:
        result["volumes"] = list(mounts.values())
    return result


def secret_mounts(service):
    """The name of each secret of a service, and the path at which it is."""
    mounts = {}
    for secret in service.get("secrets", []):
        secret = {"source": secret} if isinstance(secret, str) else secret
        target = secret.get("target", secret["source"])
        mounts[secret["source"]] = target if target.startswith("/") else f"/run/secrets/{target}"
    return mounts
