"""What a call should look like on the wire, from the description alone, and how a recorded request differs from it.

Written from the OpenAPI specification; shares nothing with the mesh.
"""

import base64
import json
import re
from collections import defaultdict
from urllib.parse import parse_qsl, unquote, urlsplit

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
# What a client may send on its own account; anything else that nobody asked for is a difference.
OURS = {"host", "accept", "accept-encoding", "user-agent", "content-length", "content-type", "traceparent", "tracestate"}


class Operation:
    """One operation: its parameters by place, and its body."""

    def __init__(self, method, path, item, operation):
        self.method, self.path = method.upper(), path
        own = {(p["in"], p["name"]): p for p in operation.get("parameters", [])}
        shared = {(p["in"], p["name"]): p for p in item.get("parameters", [])}
        self.parameters = list((shared | own).values())
        content = operation.get("requestBody", {}).get("content", {})
        self.media_type = next((m for m in content if "json" in m), next(iter(content), None))
        self.body_required = operation.get("requestBody", {}).get("required", False)

    def split(self, arguments):
        """The arguments by where they go: `{"path": {…}, "query": {…}, "header": {…}}` and the rest, the body's."""
        places, taken, rest = defaultdict(dict), set(), dict(arguments)
        for parameter in sorted(self.parameters, key=lambda p: p["in"] != "path"):
            name, place = parameter["name"], parameter["in"]
            argument = name if name not in taken else f"{name}_{place}"
            taken.add(argument)
            if argument in rest:
                places[place][name] = (parameter, rest.pop(argument))
        body = {k.removesuffix("_body") if k.removesuffix("_body") in taken else k: v for k, v in rest.items()}
        return places, body


def operations(description):
    """Every operation of a description without references, by operation id."""
    found = {}
    for path, item in description["paths"].items():
        for method in METHODS:
            if method in item:
                found[item[method]["operationId"]] = Operation(method, path, item, item[method])
    return found


def scalar(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def query_pairs(values):
    """Style `form`, exploded: a name for each item of a list; nothing for an empty one."""
    pairs = []
    for name, (parameter, value) in values.items():
        assert parameter.get("style", "form") == "form", parameter
        if isinstance(value, list) and parameter.get("explode", True):
            pairs += [(name, scalar(item)) for item in value]
        elif isinstance(value, list):
            pairs.append((name, ",".join(map(scalar, value))))
        elif value is not None:
            pairs.append((name, scalar(value)))
    return sorted(pairs)


def differences(operation, arguments, seen):
    """How the request differs from what was asked, field by field; nothing when it does not."""
    places, body = operation.split(arguments)
    url, found = urlsplit(seen["target"]), []
    if seen["method"] != operation.method:
        found.append(f"method: {seen['method']}, not {operation.method}")
    found += path_differences(operation.path, places["path"], url.path)
    asked = query_pairs(places["query"])
    sent = sorted(parse_qsl(url.query, keep_blank_values=True, strict_parsing=bool(url.query), errors="strict"))
    if asked != sent:
        found.append(f"query: {sent}, not {asked}")
    found += header_differences(places["header"], operation, body, seen)
    found += body_differences(operation, body, seen["body"])
    return found


def path_differences(template, values, path):
    names = re.findall(r"\{([^}]*)\}", template)
    pattern = "".join(
        "([^/]*)" if part.startswith("{") else re.escape(part) for part in re.split(r"(\{[^}]*\})", template)
    )
    matched = re.fullmatch(pattern, path)
    if not matched:
        return [f"path: {path} is not {template}"]
    found = []
    for name, raw in zip(names, matched.groups()):
        asked = scalar(values[name][1]) if name in values else None
        if unquote(raw, errors="strict") != asked:
            found.append(f"path, {name}: {unquote(raw)!r}, not {asked!r}")
    return found


def header_differences(asked, operation, body, seen):
    names = [name for name, _ in seen["headers"]]
    sent, found = dict(seen["headers"]), []
    if len(names) != len(set(names)):
        found.append(f"headers: one is there twice: {names}")
    for name, (_, value) in asked.items():
        if sent.pop(name.lower(), None) != scalar(value):
            found.append(f"header {name}: not {value!r}")
    for name in set(sent) - OURS:
        found.append(f"header {name}: nobody asked for it")
    given = bool(body) or operation.body_required
    media_type = operation.media_type if given else None
    if sent.get("content-type") != media_type:
        found.append(f"content-type: {sent.get('content-type')}, not {media_type}")
    if int(sent.get("content-length", 0)) != len(seen["body"]):
        found.append(f"content-length: {sent.get('content-length')}, not {len(seen['body'])}")
    return found


def body_differences(operation, asked, sent):
    if not asked and not operation.body_required:
        return [] if not sent else [f"body: {sent[:200]!r}, where none was asked for"]
    if operation.media_type != "application/json":
        text = asked["body"]
        raw = base64.b64decode(text) if operation.media_type == "application/octet-stream" else text.encode()
        return [] if sent == raw else [f"body: {sent[:200]!r}, not {raw[:200]!r}"]
    whole = asked["body"] if set(asked) == {"body"} else asked
    value = json.loads(sent)
    # A property may be called `body`; then the two readings differ, and one of them has to be what was sent.
    if same(value, whole) or same(value, asked):
        return []
    return [f"body: {sent[:400]!r}, not {json.dumps(asked)[:400]}"]


def same(one, other):
    """Equal as JSON: true is not 1, and the order of members does not count."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
