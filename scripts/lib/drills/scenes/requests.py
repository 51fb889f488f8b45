"""Upstreams that fail or take long: what agents feel, and what it costs the objectives."""

from ..registry import MENDED, arrives, scene


@scene("upstream-worse-and-worse", "HighErrorRate HighLatency MCPEndpointSlow MCPHighLatency MCPServiceDegraded VeryHighErrorRate VeryHighLatency MCPHighErrorRate",
       "the upstream takes 2.3 seconds for a call and fails one in 40, later it takes 6 seconds and fails every third", fires_within=120, ends_within=180)
def upstream_worse_and_worse(lab, stack):
    with lab.calls("shop_answer", threads=40, pause=0.2):
        lab.shop.behave(broken=40, late=1, delay=2.3)
        try:
            yield arrives("HighErrorRate HighLatency MCPEndpointSlow MCPHighLatency MCPServiceDegraded",
                          held_back="MCPEndpointSlow MCPHighLatency")
            lab.shop.behave(broken=3, late=1, delay=6)
            yield arrives("VeryHighErrorRate VeryHighLatency MCPHighErrorRate", held_back="HighErrorRate HighLatency")
        finally:
            lab.shop.behave()
        yield MENDED


# One objective after the other: three warnings at once would be MCPServiceDegraded, which holds them back.
@scene("budget-of-errors", "AvailabilityBudgetBurnP3 AvailabilityBudgetBurnP2 AvailabilityBudgetBurnP1 AvailabilityBudgetBurnP0",
       "the upstream fails one call in 500, then in 182, then in 110, then in 5", scale=100, fires_within=240, ends_within=330)
def budget_of_errors(lab, stack):
    yield from spend(lab, "Availability", [{"broken": 500}, {"broken": 182}, {"broken": 110}, {"broken": 5}])


@scene("budget-of-seconds", "LatencyBudgetBurnP3 LatencyBudgetBurnP2 LatencyBudgetBurnP1 LatencyBudgetBurnP0",
       "the upstream takes 0.7 seconds for one call in 10, then in 4, then in 2, then for every one", scale=100, fires_within=240, ends_within=330)
def budget_of_seconds(lab, stack):
    yield from spend(lab, "Latency", [{"late": late, "delay": 0.7} for late in (10, 4, 2, 1)])


def spend(lab, budget, faults):
    """Faster and faster: from all of it within the month (P3) to 2 % of it within an hour (P0)."""
    name = f"{budget}BudgetBurnP"
    with lab.calls("shop_answer", threads=16, pause=0.3):
        try:
            for priority, fault in zip((3, 2, 1, 0), faults):
                lab.shop.behave(**fault)
                # Who hears of a fast burn need not hear of the slower ones.
                below = {1: (2, 3), 0: (1, 2, 3)}.get(priority, ())
                yield arrives(f"{name}{priority}", held_back=" ".join(f"{name}{one}" for one in below))
        finally:
            lab.shop.behave()
        yield MENDED


@scene("upstream-down", "CircuitBreakerOpen", "the upstream answers every call of a provider with a circuit breaker with 500", fires_within=90, ends_within=90)
def upstream_down(lab, stack):
    with lab.calls("fragile_answer", threads=8, pause=0.2):
        lab.shop.behave(broken=1)
        try:
            yield arrives()
        finally:
            lab.shop.behave()
        yield MENDED
