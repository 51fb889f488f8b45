"""A database that is away, and one whose connections are all taken."""

import subprocess

from ...waiting import Missed, eventually
from ..registry import MENDED, arrives, scene


@scene("database-gone", "DatabaseConnectionFailure", "PostgreSQL is killed (SIGKILL) while rest-api is asked", fires_within=60, ends_within=60)
def database_gone(lab, stack):
    server = lab.server(lab.postgres)
    with lab.reads(threads=8, pause=0.2):
        server.kill()
        try:
            yield arrives()
        finally:
            lab.adopt(server)
        lab["rest-api"].wait_ready()
    yield MENDED


@scene("table-locked", "MCPConnectionPoolHighUtilization", "another session holds a lock on the tools in PostgreSQL: every connection waits for it",
       fires_within=150, ends_within=90)
def table_locked(lab, stack):
    session = subprocess.Popen(["psql", "-qAt", lab.postgres], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        session.stdin.write("BEGIN; LOCK TABLE tools IN ACCESS EXCLUSIVE MODE; SELECT 'locked';\n")
        session.stdin.flush()
        if session.stdout.readline().strip() != "locked":
            raise Missed("the table could not be locked")
        with lab.reads(threads=16, pause=0.05):
            yield arrives()
            session.kill()
    finally:
        session.kill()
        session.wait()
    eventually(30, "rest-api answers", lambda: lab.api("GET", "/tools?limit=1"))
    yield MENDED
