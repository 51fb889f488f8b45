"""The objects of an overlay: by kubectl where there is one, else by what is needed of Kustomize for looking at them.

The small builder reads resources, components, generators, JSON and merge patches, and sets the namespace. It gives no hashes to
names, and merges lists of named things by name, which is all that our patches do.
"""

import pathlib
import shutil
import subprocess

import yaml


def build(folder):
    """(objects, who built them)."""
    if shutil.which("kubectl"):
        done = subprocess.run(["kubectl", "kustomize", str(folder)], capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"kubectl kustomize {folder}: {done.stderr}")
        return [one for one in yaml.safe_load_all(done.stdout) if one], "kubectl"
    return objects_of(pathlib.Path(folder)), "the small builder"


def objects_of(folder, into=None):
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    objects = into if into is not None else []
    for resource in kustomization.get("resources", []):
        path = folder / resource
        objects += objects_of(path) if path.is_dir() else [one for one in yaml.safe_load_all(path.read_text()) if one]
    generate(folder, kustomization, objects)
    for component in kustomization.get("components", []):
        objects_of(folder / component, objects)
    for patch in kustomization.get("patches", []):
        apply(patch, folder, objects)
    if namespace := kustomization.get("namespace"):
        for one in objects:
            if one["kind"] not in ("Namespace", "ClusterRole", "ClusterRoleBinding"):
                one["metadata"]["namespace"] = namespace
    return objects


def generate(folder, kustomization, objects):
    for kind, key in [("ConfigMap", "configMapGenerator"), ("Secret", "secretGenerator")]:
        for made in kustomization.get(key, []):
            data = dict(line.split("=", 1) for line in made.get("literals", []))
            for file in made.get("envs", []):
                lines = [line for line in (folder / file).read_text().splitlines() if line and not line.startswith("#")]
                data |= dict(line.split("=", 1) for line in lines)
            for file in made.get("files", []):
                name, _, path = file.rpartition("=")
                data[name or pathlib.Path(path).name] = (folder / path).read_text()
            there = next((one for one in objects if one["kind"] == kind and one["metadata"]["name"] == made["name"]), None)
            if made.get("behavior") == "merge":
                there["data"] |= data
            else:
                objects.append({"apiVersion": "v1", "kind": kind, "metadata": {"name": made["name"]}, "data" if kind == "ConfigMap" else "stringData": data})


def apply(patch, folder, objects):
    text = patch.get("patch") or (folder / patch["path"]).read_text()
    change = yaml.safe_load(text)
    target = patch["target"]
    fitting = [one for one in objects if one["kind"] == target["kind"] and target.get("name", one["metadata"]["name"]) == one["metadata"]["name"]]
    assert fitting, f"nothing to patch: {target}"
    for one in fitting:
        if isinstance(change, list):
            for step in change:
                *path, last = step["path"].strip("/").split("/")
                place = one
                for part in path:
                    place = place[int(part) if isinstance(place, list) else part]
                if step["op"] == "remove":
                    del place[last]
                elif last == "-":
                    place.append(step["value"])
                else:
                    place[last] = step["value"]
        else:
            merge(one, {key: value for key, value in change.items() if key not in ("apiVersion", "kind", "metadata")})


def merge(place, change):
    for key, value in change.items():
        if isinstance(value, dict) and isinstance(place.get(key), dict):
            merge(place[key], value)
        else:
            place[key] = value
