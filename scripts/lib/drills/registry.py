"""What drills there are: a scene is one fault and the alerts that it raises."""

import dataclasses
from collections.abc import Callable, Iterator

SCENES = {}

# Alerts without a drill, each with its reason; three at most.
EXEMPT = {}


@dataclasses.dataclass
class Scene:
    """`run` makes the fault and yields, mends it and yields again, and then cleans up."""

    name: str
    alerts: tuple[str, ...]
    fault: str
    run: Callable[..., Iterator[None]]
    scale: float = 30
    # Alerts that fire because of it and that Alertmanager has to keep back.
    held_back: tuple[str, ...] = ()
    # Seconds in which every alert has to arrive, and to end.
    fires_within: float = 90
    ends_within: float = 120
    quick: bool = False


def scene(name, alerts, fault, **more):
    def register(run):
        SCENES[name] = Scene(name, tuple(alerts.split()), fault, run, **more)
        return run

    return register


def chosen(names):
    """The scenes that have these names or raise these alerts."""
    found = []
    for name in names:
        fitting = [one for one in SCENES.values() if name == one.name or name in one.alerts]
        if not fitting:
            raise SystemExit(f"no drill {name}; scripts/drill --list shows them")
        found += [one for one in fitting if one not in found]
    return found
