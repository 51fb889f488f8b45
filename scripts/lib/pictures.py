"""The dashboard of the documents: traffic over a real mesh, drawn from a real Prometheus."""

import pathlib
import subprocess
import sys
import tempfile
import time

from .drills.lab import Lab
from .drills.stack import Stack

# Minutes of traffic, and how much faster than in life the rules and scrapes go.
MINUTES, SCALE = 10, 5
DASHBOARDS = pathlib.Path("deploy/monitoring/grafana/dashboards")


def main():
    with tempfile.TemporaryDirectory() as work:
        lab = Lab(sys.argv[1], work).start()
        folder = pathlib.Path(work) / "stack"
        folder.mkdir()
        stack = Stack(lab, folder, SCALE)
        try:
            stack.start()
            traffic(lab)
            draw(stack, "overview", rows=2)
        finally:
            stack.stop()
            lab.stop()


def traffic(lab):
    """Callers and readers all the time; for two minutes in the middle the upstream fails and is slow."""
    with lab.everyday(), lab.calls("shop_answer", threads=6, pause=0.1), lab.calls("shop_write", threads=1, pause=0.5):
        for minute in range(MINUTES):
            trouble = 4 <= minute < 6
            lab.shop.behave(late=1, delay=0.15 if trouble else 0.01, broken=3 if trouble else 500)
            until = time.monotonic() + 60
            while time.monotonic() < until:
                lab.later("shop_answer")
                time.sleep(1)  # The pace of the traffic: there is nothing to wait for.


def draw(stack, name, rows):
    picture = subprocess.run(
        [sys.executable, "scripts/lib/draw_dashboard.py", DASHBOARDS / f"grafana-mcp-{name}.json", "--prometheus",
         stack.prometheus_url, "--minutes", str(MINUTES), "--rows", str(rows)], check=True, capture_output=True, text=True)
    pathlib.Path(f"docs/dashboard-{name}.svg").write_text(picture.stdout)


if __name__ == "__main__":
    sys.exit(main())
