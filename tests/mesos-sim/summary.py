#!/usr/bin/env python3
"""summary.py DIR [--wait SECONDS]: what the leader of a simulated cluster has, as one JSON object.

With --wait it tries until the cluster is whole: a leader that has recovered, and every agent, scheduler and task that
DIR/sizes says there should be. Exits 1 with the last summary on stderr when the time is over."""

import base64
import json
import os
import ssl
import sys
import time
import urllib.request


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer, not something to follow."""

    def redirect_request(self, *_):
        return None


class Access:
    """How a cluster's masters and agents are asked: plainly, or as DIR/access.json says, by TLS (of which nothing is checked
    here) and with a name and a password."""

    def __init__(self, directory=None):
        path = os.path.join(directory or "", "access.json")
        self.scheme, self.headers = "http", {}
        self.context = ssl._create_unverified_context()
        if directory and os.path.exists(path):
            with open(path) as file:
                said = json.load(file)
            self.scheme = "https"
            self.context.load_cert_chain(said["certificate"], said["key"])
            pair = base64.b64encode(f"{said['principal']}:{said['secret']}".encode()).decode()
            self.headers = {"Authorization": f"Basic {pair}"}
        secure = urllib.request.HTTPSHandler(context=self.context)
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), NoRedirect, secure)


def addresses(directory, kind):
    hosts = [line.split() for line in open(f"{directory}/names")]
    return {
        name: open(f"{directory}/hosts/{host}/address").read().strip() for name, host in hosts if name.startswith(kind)
    }


def get(access, address, port, path, body=None, timeout=3):
    """(status, JSON or text or None); status 0 where nothing answers."""
    headers = {**access.headers, **({"Content-Type": "application/json"} if body else {})}
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(f"{access.scheme}://{address}:{port}{path}", data, headers)
    try:
        with access.opener.open(request, timeout=timeout) as answer:
            status, text = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read()
    except (OSError, ValueError):
        return 0, None
    try:
        return status, json.loads(text)
    except ValueError:
        return status, text.decode("utf-8", "replace")


def summary(directory):
    found = {"leader": None, "masters": {}, "agents": {}, "tasks": {}, "frameworks": {}, "recovered_slaves": 0}
    access = Access(directory)
    for name, address in addresses(directory, "master").items():
        status, version = get(access, address, 5050, "/version")
        found["masters"][name] = version["version"] if status == 200 and isinstance(version, dict) else None
        if get(access, address, 5050, "/api/v1", {"type": "GET_MASTER"})[0] != 200:
            continue
        status, state = get(access, address, 5050, "/state")
        if status != 200 or not isinstance(state, dict):
            continue
        found["leader"] = name
        found["recovered_slaves"] = len(state["recovered_slaves"])
        for agent in state["slaves"]:
            kept = ("id", "active", "deactivated", "version", "drain_info")
            found["agents"][agent["hostname"]] = {key: agent[key] for key in kept if key in agent}
        for framework in state["frameworks"]:
            found["frameworks"][framework["id"]] = {"name": framework["name"], "active": framework["active"]}
            for task in framework["tasks"]:
                found["tasks"][task["id"]] = {"state": task["state"], "agent": task["slave_id"]}
        found["maintenance"] = get(access, address, 5050, "/maintenance/status")[1]
    return found


def lacks(found, directory):
    """What is not as it should be, or None."""
    masters, agents, _, tasks = map(int, open(f"{directory}/sizes").read().split())
    active = [agent for agent in found["agents"].values() if agent["active"]]
    running = [task for task in found["tasks"].values() if task["state"] == "TASK_RUNNING"]
    if not found["leader"]:
        return "no leader"
    if sum(version is not None for version in found["masters"].values()) < masters:
        return "a master does not answer"
    if len(active) < agents:
        return f"{len(active)} of {agents} agents are active"
    if not any(framework["active"] for framework in found["frameworks"].values()) and tasks:
        return "no framework"
    if len(running) < tasks:
        return f"{len(running)} of {tasks} tasks run"
    return None


def main():
    directory = sys.argv[1]
    end = time.monotonic() + (float(sys.argv[3]) if sys.argv[2:3] == ["--wait"] else 0)
    while True:
        found = summary(directory)
        lacking = lacks(found, directory)
        if lacking is None or time.monotonic() >= end:
            break
        time.sleep(0.2)
    print(json.dumps(found, indent=1))
    if lacking and len(sys.argv) > 2:
        sys.exit(f"cluster: {lacking}: {json.dumps(found)}")


if __name__ == "__main__":
    main()
