"""Half of the calls name things that are really there; nothing takes away the key that schemathesis itself uses.

The variable REAL_THINGS holds JSON: by the path's noun (`tools`, `providers`, …) the name or id of one that stays
(`kept`) and of one that may be removed or revoked (`doomed`); and the id of `own_key`.
"""

import json
import os
import uuid
import zlib

import schemathesis

THINGS = json.loads(os.environ["REAL_THINGS"])


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    if not path_parameters or zlib.crc32(repr(path_parameters).encode()) % 2 or is_wrong(path_parameters):
        return path_parameters
    operation = context.operation
    ends = operation.method.upper() == "DELETE" or operation.path.endswith("/revoke")
    real = THINGS["doomed" if ends else "kept"].get(operation.path.split("/")[3])
    return {name: real or value for name, value in path_parameters.items()}


def is_wrong(path_parameters):
    """Whether the id is meant to be refused: then it must stay as it is."""
    try:
        uuid.UUID(str(path_parameters.get("id", uuid.UUID(int=0))))
    except ValueError:
        return True
    return False


@schemathesis.hook
def filter_path_parameters(_context, path_parameters):
    return not path_parameters or path_parameters.get("id") != THINGS["own_key"]


@schemathesis.hook
def before_call(_context, case, **_kwargs):
    """A wait that is allowed is made short: what it waits for never comes here."""
    wait = str((case.query or {}).get("wait_seconds", ""))
    if wait.isdecimal() and 1 < int(wait) <= 60:
        case.query["wait_seconds"] = 1
