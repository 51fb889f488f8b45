"""What the agents' edge lives on: keys, the control plane, the cache, its audit records."""

from ...waiting import eventually
from ..registry import MENDED, arrives, scene


@scene("wrong-keys", "AuthenticationFailures", "a flood of calls with keys that do not exist", fires_within=60, ends_within=90)
def wrong_keys(lab, stack):
    with lab.calls("shop_answer", threads=4, pause=0.1, key="dm_live_" + "0" * 40):
        yield arrives()
    yield MENDED


@scene("cache-gone", "RateLimitsLocal", "Redis is frozen (SIGSTOP) while calls are limited", quick=True, fires_within=60, ends_within=60)
def cache_gone(lab, stack):
    lab.api("PUT", "/limits/tenant", {"rate": "100000/s", "burst": 100000})
    redis = lab.server(lab.redis)
    redis.freeze()
    try:
        yield arrives()
    finally:
        redis.thaw()
    yield MENDED
    lab.api("DELETE", "/limits/tenant")


@scene("control-plane-gone", "CatalogueStale AuditSpoolFilling AuditCallsRefused AuditRecordsLost",
       "rest-api is frozen (SIGSTOP); calls fill the 1 MiB that the edge has for audit records here", fires_within=150, ends_within=120)
def control_plane_gone(lab, stack):
    lab["rest-api"].freeze()
    try:
        with lab.calls("shop_answer", threads=2, pause=0.2, timeout=15):
            yield arrives("CatalogueStale AuditSpoolFilling")
        with lab.calls("shop_answer", threads=12, pause=0.01, timeout=15):
            yield arrives("AuditCallsRefused AuditRecordsLost")
    finally:
        lab["rest-api"].thaw()
    lab["rest-api"].wait_ready()
    eventually(60, "calls go through again", lambda: lab.call("shop_answer", replica=1)[0] == 200)
    yield MENDED
