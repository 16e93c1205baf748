"""What master and agent have in common at their HTTP side: misbehaviour, the rate limit of metrics, the checks of
/api/v1."""

import asyncio
import base64
import json

import build
import http_server
import misbehaviour

# /metrics/snapshot answers twice a second; who asks more often waits.
METRICS_INTERVAL = 0.5
GARBAGE = '<html><body><h1>It works!</h1></body></html>{"slaves": [{"id'


class Metrics:
    """The recorded keys, with values where the simulation has one."""

    def __init__(self, keys):
        self.keys = keys
        self.next = 0.0

    async def snapshot(self, values):
        now = asyncio.get_running_loop().time()
        turn = max(self.next, now)
        self.next = turn + METRICS_INTERVAL
        if turn > now:
            await asyncio.sleep(turn - now)
        return {key: float(values.get(key, 0.0)) for key in sorted({*self.keys, *values})}


async def misbehave(request):
    """The answer of an API that is to do wrong, or None. `api_paths` limits it to paths that begin so."""
    kind = misbehaviour.of("api")
    paths = misbehaviour.of("api_paths", [""])
    if kind is None or not any(request.path.startswith(path) for path in paths):
        return None
    if kind == "garbage":
        return http_server.Response(200, [("Content-Length", None), ("Content-Type", "application/json")], GARBAGE)
    if kind == "hang":
        await asyncio.sleep(3600)
    if kind == "close":
        raise http_server.Closed
    return http_server.text(503, misbehaviour.of("api_text", "Service Unavailable"))


def unauthorized(request, component, flags, file):
    """The 401 of a request without a name and password that are in the file of that flag, or None. /health, /version and
    /redirect need none. From Mesos' documentation, not recorded."""
    wanted = "true" in (flags.get("authenticate_http_readonly"), flags.get("authenticate_http_readwrite"))
    if not wanted or request.path.endswith(("/health", "/version", "/redirect")):
        return None
    with open(flags[file]) as opened:
        known = json.load(opened)["credentials"]
    given = request.headers.get("authorization", "")
    for each in known:
        pair = f"{each['principal']}:{each['secret']}".encode()
        if given == f"Basic {base64.b64encode(pair).decode()}":
            return None
    realm = f"mesos-{component}-{'readonly' if request.method == 'GET' else 'readwrite'}"
    headers = [("WWW-Authenticate", f'Basic realm="{realm}"'), ("Content-Length", None)]
    return http_server.Response(401, headers)


def parse_call(request, component, accepts, types):
    """A call to /api/v1 as a dict, or the Response that refuses it (behaviour 26)."""
    if request.method != "POST":
        return http_server.not_allowed(request.method)
    content = request.headers.get("content-type")
    if content is None:
        return http_server.text(400, "Expecting 'Content-Type' to be present")
    if content != "application/json":
        return http_server.text(415, f"Expecting 'Content-Type' of {accepts[1]}")
    call = parse_json(request.body)
    if isinstance(call, str):
        return http_server.text(400, f"Failed to parse body into JSON: {call}")
    kind = call.get("type") if isinstance(call, dict) else None
    if kind not in types:
        return http_server.text(400, f"Failed to validate {component}::Call: Expecting 'type' to be present")
    accept = request.headers.get("accept", "*/*")
    if not any(
        part.split(";")[0].strip() in ("*/*", "application/*", "application/json") for part in accept.split(",")
    ):
        return http_server.text(406, f"Expecting 'Accept' to allow {accepts[0]}")
    return call


def parse_json(body):
    """The value, or the text of picojson's complaint."""
    text = body.decode("utf-8", "replace")
    try:
        return json.loads(text)
    except ValueError as error:
        position = getattr(error, "pos", 0)
        line = text.count("\n", 0, position) + 1
        near = text[position:].split("\n")[0]
        # picojson has taken the first letter when it finds that it begins no word that it knows.
        near = near[1:] if near[:1] in ("n", "t", "f") else near
        return f"syntax error at line {line} near: {near}"


def version_v1():
    return {"type": "GET_VERSION", "get_version": {"version_info": build.ordered(build.V1_ORDER)}}


def health_v1():
    return {"type": "GET_HEALTH", "get_health": {"healthy": True}}


def flags_v1(flags):
    shown = [{"name": name, "value": value} for name, value in flags.items()]
    return {"type": "GET_FLAGS", "get_flags": {"flags": shown}}


def metrics_v1(snapshot):
    shown = [{"name": name, "value": value} for name, value in snapshot.items()]
    return {"type": "GET_METRICS", "get_metrics": {"metrics": shown}}


def logging_level_v1():
    return {"type": "GET_LOGGING_LEVEL", "get_logging_level": {"level": 0}}


def nanoseconds(seconds):
    return {"nanoseconds": int(seconds * 1e9)}
