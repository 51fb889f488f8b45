"""Draws a shipped Grafana dashboard as SVG from a live Prometheus, for pages where no Grafana runs.

    python3 scripts/lib/draw_dashboard.py DASHBOARD.json --prometheus URL --minutes 15 --rows 2 > picture.svg

Panels stand where the dashboard puts them; `--rows` keeps the first rows of it. A panel without data says so;
texts, logs and heat maps are left out.
"""

import argparse
import html
import json
import math
import re
import sys
import time
import urllib.parse
import urllib.request

UNIT_X, UNIT_Y, GAP = 50, 30, 8
COLOURS = ["#7eb26d", "#eab839", "#6ed0e0", "#ef843c", "#e24d42", "#1f78c1", "#ba43a9", "#705da0", "#508642", "#cca300"]
SCALES = {
    "percentunit": lambda v: f"{100 * v:.4g} %", "percent": lambda v: f"{v:.3g} %",
    "reqps": lambda v: f"{v:.3g}/s", "ops": lambda v: f"{v:.3g}/s",
    "s": lambda v: f"{v:.3g} s" if v >= 1 else f"{1000 * v:.3g} ms", "short": lambda v: f"{v:.4g}",
    "bytes": lambda v: f"{v / 1e6:.4g} MB", "decbytes": lambda v: f"{v / 1e6:.4g} MB",
}


class Prometheus:
    def __init__(self, url, minutes):
        self.url, self.end, self.minutes = url.rstrip("/"), time.time(), minutes
        self.step = max(1, minutes * 60 // 120)

    def resolved(self, expr):
        """The expression with the dashboard's variables at `All`."""
        window = f"{max(15, 4 * self.step)}s"
        for name, value in (("$__rate_interval", window), ("$__interval", window), ("$__range", f"{self.minutes}m")):
            expr = expr.replace(name, value)
        return re.sub(r"\$\{?\w+\}?", ".*", expr)

    def ask(self, path, **parameters):
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{query}", timeout=20) as answer:
            return json.load(answer)["data"]["result"]

    def now(self, target):
        found = self.ask("query", query=self.resolved(target["expr"]), time=self.end)
        return [(legend(target, one["metric"]), one["metric"], float(one["value"][1])) for one in found]

    def over_time(self, target):
        found = self.ask("query_range", query=self.resolved(target["expr"]), start=self.end - 60 * self.minutes,
                         end=self.end, step=self.step)
        return [(legend(target, one["metric"]), [(float(at), float(value)) for at, value in one["values"]]) for one in found]


def legend(target, labels):
    pattern = target.get("legendFormat") or ""
    if not pattern:
        return " ".join(value for name, value in labels.items() if name != "__name__")
    return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda m: labels.get(m[1], ""), pattern)


def text(x, y, words, size=11, colour="#c7d0d9", anchor="start", weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" text-anchor="{anchor}" '
            f'font-weight="{weight}">{html.escape(str(words))}</text>')


def shown(panel, value):
    unit = panel.get("fieldConfig", {}).get("defaults", {}).get("unit", "short")
    return SCALES.get(unit, SCALES["short"])(value)


def colour_of(panel, value):
    """By the panel's thresholds; Grafana's names of colours are CSS names too."""
    steps = panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", [])
    found = "green"
    for step in steps:
        if step["value"] is None or value >= step["value"]:
            found = step["color"]
    return {"green": "#73bf69", "yellow": "#f2cc0c", "orange": "#ff9830", "red": "#f2495c"}.get(found.split("-")[-1], found)


def finite(values):
    return [value for value in values if math.isfinite(value[-1])]


def draw_values(panel, prometheus, x, y, w, h):
    values = finite([one for target in panel["targets"] for one in prometheus.now(target)])
    if not values:
        return None
    if len(values) == 1 or panel["type"] in ("stat", "gauge"):
        width = w / len(values)
        out = []
        for at, (name, _, value) in enumerate(values):
            middle = x + width * (at + 0.5)
            out.append(text(middle, y + h * 0.62, shown(panel, value), 24, colour_of(panel, value), "middle", "600"))
            if len(values) > 1:
                out.append(text(middle, y + h * 0.62 + 18, name, 10, "#8e98a3", "middle"))
        return out
    return draw_bars(panel, sorted(values, key=lambda one: -one[2])[: int((h - 12) // 20)], x, y, w)


def draw_bars(panel, values, x, y, w):
    top, out = max(value for *_, value in values) or 1, []
    for at, (name, _, value) in enumerate(values):
        line = y + 14 + 20 * at
        out.append(f'<rect x="{x + w * 0.42:.1f}" y="{line - 10:.1f}" width="{max(1, w * 0.38 * value / top):.1f}" height="13" '
                   f'rx="2" fill="{COLOURS[0]}"/>')
        out.append(text(x + w * 0.4, line, name[:40], 10, anchor="end"))
        out.append(text(x + w - 8, line, shown(panel, value), 10, "#ffffff", "end"))
    return out


def draw_lines(panel, prometheus, x, y, w, h):
    series = []
    for target in panel["targets"]:
        for name, points in prometheus.over_time(target):
            points = finite(points)
            if points:
                series.append((name, points))
    if not series:
        return None
    series = sorted(series, key=lambda one: -max(v for _, v in one[1]))[:8]
    top = max(v for _, points in series for _, v in points) or 1
    left, width, bottom = x + 62, w - 74, y + h - 34
    out = []
    for part in range(4):
        line = bottom - part * (h - 48) / 3
        out.append(f'<line x1="{left}" x2="{left + width}" y1="{line:.1f}" y2="{line:.1f}" stroke="#2c3235"/>')
        out.append(text(left - 6, line + 4, shown(panel, top * part / 3), 10, "#8e98a3", "end"))
    begin, span = prometheus.end - 60 * prometheus.minutes, 60 * prometheus.minutes
    along = left
    for at, (name, points) in enumerate(series):
        colour = COLOURS[at % len(COLOURS)]
        path = " ".join(f"{left + width * (t - begin) / span:.1f},{bottom - (h - 48) * max(0, v) / top:.1f}" for t, v in points)
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
        name = name.strip()[:28] or "value"
        if along + 7 * len(name) < x + w:
            out.append(text(along, y + h - 8, "■ " + name, 10, colour))
            along += 6.2 * len(name) + 26
    for part, words in ((0, f"−{prometheus.minutes} min"), (1, "now")):
        out.append(text(left + width * part, bottom + 13, words, 9, "#6c757d", "end" if part else "start"))
    return out


def draw_table(panel, prometheus, x, y, w, h):
    rows = [(" · ".join(v for k, v in labels.items() if k != "__name__"), value)
            for target in panel["targets"] for _, labels, value in prometheus.now(target)]
    rows = [row for row in rows if math.isfinite(row[1])][: int((h - 10) // 18)]
    if not rows:
        return None
    return [part for at, (words, value) in enumerate(rows) for part in
            (text(x + 10, y + 14 + 18 * at, words[:70], 10), text(x + w - 8, y + 14 + 18 * at, shown(panel, value), 10, anchor="end"))]


DRAWN = {"timeseries": draw_lines, "table": draw_table}


def draw_panel(panel, prometheus):
    at = panel["gridPos"]
    x, y = at["x"] * UNIT_X + GAP, at["y"] * UNIT_Y + GAP
    w, h = at["w"] * UNIT_X - GAP, at["h"] * UNIT_Y - GAP
    if panel["type"] == "row":
        return [text(x, y + 16, panel["title"], 13, "#ffffff", weight="600")]
    out = [f'<rect x="{x}" y="{y}" width="{w}" height="{h}" rx="3" fill="#181b1f" stroke="#2c3235"/>',
           text(x + 10, y + 18, panel["title"], 12, "#ffffff", weight="500")]
    body = DRAWN.get(panel["type"], draw_values)(panel, prometheus, x, y + 24, w, h - 24)
    empty = panel["fieldConfig"]["defaults"].get("noValue") or "no data"
    return out + (body or [text(x + w / 2, y + h / 2 + 8, empty, 12, "#8e98a3", "middle")])


def kept(panels, rows):
    """The panels of the first so many rows."""
    out, seen = [], 0
    for panel in panels:
        seen += panel["type"] == "row"
        if seen > rows:
            break
        if panel["type"] not in ("text", "logs", "heatmap"):
            out.append(panel)
    return out


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("dashboard")
    parser.add_argument("--prometheus", default="http://127.0.0.1:9090")
    parser.add_argument("--minutes", type=int, default=15)
    parser.add_argument("--rows", type=int, default=99)
    arguments = parser.parse_args()
    with open(arguments.dashboard, encoding="utf-8") as file:
        dashboard = json.load(file)
    panels = kept(dashboard["panels"], arguments.rows)
    prometheus = Prometheus(arguments.prometheus, arguments.minutes)
    height = max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in panels) * UNIT_Y + 2 * GAP
    width = 24 * UNIT_X + GAP
    print(f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
          f'font-family="Inter, Helvetica, Arial, sans-serif">\n<title>{html.escape(dashboard["title"])}</title>\n'
          f'<rect width="{width}" height="{height}" fill="#111217"/>')
    for panel in panels:
        print("\n".join(draw_panel(panel, prometheus)))
    print("</svg>")


if __name__ == "__main__":
    sys.exit(main())
