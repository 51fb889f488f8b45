"""Rules, alerts and configurations of Prometheus and Alertmanager for a time that runs faster.

    python3 scripts/lib/time_scale.py --time-scale 30 --out DIR

writes deploy/monitoring/prometheus, and deploy/monitoring/alertmanager where it is there, into DIR with every range, offset,
`for`, interval, scrape and waiting time divided by 30. What is compared, and the names and annotations, stay.

Not divided, and why:
- thresholds, also those that are seconds (`mcp_catalogue_age_seconds > 60`): they are what the alert says; the fault has to last so long.
- per-second values (`rate`, `deriv`): a rate over a shorter range is the same rate. Counts over a range (`increase(x[2m]) > 10`) keep
  their number, so a drill's fault has to come S times denser than the one that the alert is meant for.
- the second argument of `predict_linear` is a time, and is divided: the same slope leads S times less far, so a leak has to be S times faster.
- names that end in a range (`…:ratio_rate1h`) and the label `window`: they say which rule it is.
- hours of the day in Alertmanager, and the retention: the calendar does not run faster.
"""

import argparse
import pathlib
import re
import shutil

import yaml

MONITORING = pathlib.Path("deploy/monitoring")
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
DURATION = re.compile(r"(?:\d+(?:ms|[smhdwy]))+")
# Keys of the two programs' files whose value is a duration that passes while one waits.
WAITS = {"scrape_interval", "scrape_timeout", "evaluation_interval", "interval", "for", "keep_firing_for", "refresh_interval",
         "group_wait", "group_interval", "repeat_interval", "resolve_timeout"}
HURRIED = {"scrape_interval", "evaluation_interval", "interval", "for", "group_wait", "group_interval"}
# Prometheus reads a target no more often than this here: more only costs CPU.
LEAST_INTERVAL = 0.2
# What PromQL is made of, as far as durations go: strings, brackets with a range, `offset`, and the rest.
TOKENS = re.compile(r"""
    (?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)
  | (?P<comment>\#[^\n]*)
  | (?P<range>\[[^\]]*\])
  | (?P<offset>\boffset\s+-?)(?P<by>(?:\d+(?:ms|[smhdwy]))+)
  | (?P<predict>\bpredict_linear\s*\()
""", re.X)


def seconds(text):
    return sum(int(number) * UNITS[unit] for number, unit in re.findall(r"(\d+)(ms|[smhdwy])", text))


def written(value):
    """A duration that Prometheus and Alertmanager read, to the millisecond."""
    milliseconds = round(value * 1000)
    return f"{milliseconds // 1000}s" if milliseconds % 1000 == 0 else f"{milliseconds}ms"


def duration(text, scale):
    return written(seconds(text) / scale)


def closing(text, begin):
    """Where the parenthesis that opened before `begin` closes."""
    depth = 1
    at = begin
    while depth:
        string = re.compile(r'"(?:\\.|[^"\\])*"').match(text, at)
        if string:
            at = string.end()
            continue
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        at += 1
    return at - 1


def promql(text, scale):
    """The same query for a time that runs faster."""
    out = []
    at = 0
    while match := TOKENS.search(text, at):
        out.append(text[at:match.start()])
        at = match.end()
        if match["range"]:
            out.append(DURATION.sub(lambda found: duration(found[0], scale), match["range"]))
        elif match["offset"]:
            out.append(match["offset"] + duration(match["by"], scale))
        elif match["predict"]:
            end = closing(text, at)
            series, _, ahead = text[at:end].rpartition(",")
            out.append(f"{match['predict']}{promql(series, scale)}, ({ahead.strip()}) / {scale:g})")
            at = end + 1
        else:
            out.append(match[0])
    return "".join(out) + text[at:]


def scaled(value, scale, key=None):
    if isinstance(value, dict):
        return {name: scaled(inner, scale, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [scaled(inner, scale, key) for inner in value]
    if key == "expr":
        return promql(str(value), scale)
    if key in WAITS and isinstance(value, str) and DURATION.fullmatch(value):
        least = LEAST_INTERVAL if key.endswith("interval") and not key.startswith(("group", "repeat")) else 0
        return written(max(seconds(value) / scale, least))
    return value


def hurried(value, key=None):
    """Scrapes and rules every second, alerts and notices after that; no query is changed: they are meant as they are printed."""
    if isinstance(value, dict):
        return {name: hurried(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [hurried(inner, key) for inner in value]
    return "1s" if key in HURRIED and isinstance(value, str) else value


def write(source, target, scale):
    content = yaml.safe_load(source.read_text())
    changed = scaled(content, scale) if scale else hurried(content)
    target.write_text(yaml.safe_dump(changed, sort_keys=False, width=1000))


def generate(out, scale):
    """The two folders under `out`; with scale 0 only hurried."""
    for name in ("prometheus", "alertmanager"):
        if not (MONITORING / name).is_dir():
            continue
        shutil.copytree(MONITORING / name, out / name, ignore=shutil.ignore_patterns("tests"))
        for file in sorted((out / name).rglob("*.yml")):
            if file.parent.name not in ("targets", "secrets"):
                write(file, file, scale)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--time-scale", type=float, required=True, metavar="S")
    parser.add_argument("--out", type=pathlib.Path, required=True, metavar="DIR")
    arguments = parser.parse_args()
    generate(arguments.out, arguments.time_scale)
