"""What holds for pods whatever they are for: the rules of the pod security standard "restricted", and ours."""

import re

PINNED = re.compile(r".+:v?\d+\.\d+(\.\d+)?(-[a-z]+)?(@sha256:[0-9a-f]{64})?")
VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
TEMPLATES = {"Deployment": ["spec", "template"], "StatefulSet": ["spec", "template"], "DaemonSet": ["spec", "template"],
             "Job": ["spec", "template"], "CronJob": ["spec", "jobTemplate", "spec", "template"]}


def template(one):
    for part in TEMPLATES.get(one["kind"], [None]):
        one = one.get(part) if part else None
        if one is None:
            return None
    return one


def breaches(one):
    """What is wrong with the pods of an object."""
    pod = template(one)["spec"]
    context = pod.get("securityContext", {})
    found = [f"pod: {name}" for name in ("hostNetwork", "hostPID", "hostIPC") if pod.get(name)]
    if not context.get("runAsNonRoot"):
        found.append("pod: may be root")
    if context.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"):
        found.append("pod: no seccomp profile")
    if context.get("runAsUser") == 0:
        found.append("pod: is root")
    if pod.get("automountServiceAccountToken") is not False:
        found.append("pod: has a token")
    if one["spec"].get("volumeClaimTemplates") and context.get("fsGroup") and context.get("fsGroupChangePolicy") != "OnRootMismatch":
        found.append("pod: each start opens the files of its volume to the group")
    for volume in pod.get("volumes", []):
        if not VOLUMES & set(volume):
            found.append(f"volume {volume['name']}: of a kind that is not allowed")
    for container in [*pod.get("initContainers", []), *pod["containers"]]:
        found += [f"{container['name']}: {wrong}" for wrong in container_breaches(container, one["kind"])]
    return found


def container_breaches(container, kind):
    context = container.get("securityContext", {})
    if context.get("allowPrivilegeEscalation") is not False:
        yield "may get more rights"
    if context.get("capabilities", {}).get("drop") != ["ALL"] or set(context["capabilities"].get("add", [])) - {"NET_BIND_SERVICE"}:
        yield "has capabilities"
    if context.get("privileged") or context.get("runAsUser") == 0:
        yield "is privileged"
    if any(port.get("hostPort") for port in container.get("ports", [])):
        yield "takes a port of the node"
    if not PINNED.fullmatch(container["image"]):
        yield f"the image {container['image']} has no version"
    resources = container.get("resources", {})
    if "memory" not in resources.get("limits", {}) or {"cpu", "memory"} - set(resources.get("requests", {})):
        yield "has no limits or requests"
    if kind in ("Deployment", "StatefulSet", "DaemonSet"):
        missing = [probe for probe in ("startupProbe", "readinessProbe", "livenessProbe") if probe not in container]
        if missing:
            yield f"has no {', '.join(missing)}"


def fits(selector, labels):
    """Whether a label selector takes these labels."""
    for key, value in (selector.get("matchLabels") or {}).items():
        if labels.get(key) != value:
            return False
    for rule in selector.get("matchExpressions") or []:
        there = labels.get(rule["key"]) in rule.get("values", [])
        if there != (rule["operator"] == "In"):
            return False
    return True


def may_talk(policies, source, target, port):
    """Whether the policies of one namespace let pods with the labels `source` reach `target` at `port`."""
    return _lets(policies, "Egress", source, target, port) and _lets(policies, "Ingress", target, source, port)


def _lets(policies, direction, pod, peer, port):
    word, side = direction.lower(), "to" if direction == "Egress" else "from"
    binding = [policy["spec"] for policy in policies if direction in policy["spec"]["policyTypes"] and fits(policy["spec"]["podSelector"], pod)]
    rules = [rule for spec in binding for rule in spec.get(word) or []]

    def takes(rule):
        ports = [one["port"] for one in rule.get("ports", [])]
        peers = rule.get(side)
        near = peers is None or any("podSelector" in one and "namespaceSelector" not in one and fits(one["podSelector"], peer) for one in peers)
        return near and (not ports or port in ports)

    return not binding or any(takes(rule) for rule in rules)
