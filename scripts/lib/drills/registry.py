"""What drills there are: a scene is one fault and the alerts that it raises."""

import dataclasses
from collections.abc import Callable, Iterator

SCENES = {}

# Alerts without a drill, each with its reason; three at most.
EXEMPT = {}


@dataclasses.dataclass
class Phase:
    """The fault is there: these alerts arrive (all of the scene where none is named), and those are held back."""

    alerts: tuple[str, ...] = ()
    held_back: tuple[str, ...] = ()


class Mended:
    """The fault is gone: every alert ends."""


def arrives(alerts="", held_back=""):
    return Phase(tuple(alerts.split()), tuple(held_back.split()))


MENDED = Mended()


@dataclasses.dataclass
class Scene:
    """`run` makes the fault and yields a Phase, makes it worse and yields another, mends it and yields MENDED."""

    name: str
    alerts: tuple[str, ...]
    fault: str
    run: Callable[..., Iterator[Phase | Mended]]
    # How many times faster time runs.
    scale: float = 30
    # Seconds in which the alerts of a phase have to arrive, and all have to end.
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
