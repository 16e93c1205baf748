"""What a test told this host's processes to do wrong, read from one file when it matters.

/etc/mesos-sim/misbehave.json is an object; what is not in it is as it should be. README.md lists the names."""

import json

FILE = "/etc/mesos-sim/misbehave.json"


def of(name, default=None):
    try:
        with open(FILE) as file:
            return json.load(file).get(name, default)
    except (FileNotFoundError, ValueError):
        return default
