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


@scene("upstream-spends-the-budget", "AvailabilityBudgetBurnP3 LatencyBudgetBurnP3 AvailabilityBudgetBurnP2 LatencyBudgetBurnP2 AvailabilityBudgetBurnP1 "
       "LatencyBudgetBurnP1 AvailabilityBudgetBurnP0 LatencyBudgetBurnP0",
       "the upstream fails one call in 500 and takes 0.7 seconds for one in 10; then 1 in 182 and 4; then 1 in 110 and 2; then 1 in 5 and every one",
       scale=100, fires_within=240, ends_within=330)
def upstream_spends_the_budget(lab, stack):
    with lab.calls("shop_answer", threads=16, pause=0.3):
        try:
            lab.shop.behave(broken=500, late=10, delay=0.7)
            yield arrives("AvailabilityBudgetBurnP3 LatencyBudgetBurnP3")
            lab.shop.behave(broken=182, late=4, delay=0.7)
            yield arrives("AvailabilityBudgetBurnP2 LatencyBudgetBurnP2")
            lab.shop.behave(broken=110, late=2, delay=0.7)
            yield arrives("AvailabilityBudgetBurnP1 LatencyBudgetBurnP1",
                          held_back="AvailabilityBudgetBurnP2 AvailabilityBudgetBurnP3 LatencyBudgetBurnP2 LatencyBudgetBurnP3")
            lab.shop.behave(broken=5, late=1, delay=0.7)
            yield arrives("AvailabilityBudgetBurnP0 LatencyBudgetBurnP0", held_back="AvailabilityBudgetBurnP1 LatencyBudgetBurnP1")
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
