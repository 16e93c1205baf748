"""The maintenance schedule and the modes of machines, with the texts of every refusal (behaviours 23 to 25).

A machine is its hostname and ip together, as its agent announces them."""

import json
import re

DRAINING, DOWN = "DRAINING", "DOWN"


class Refused(Exception):
    """A call that the master answers with 400."""


def name(machine):
    return json.dumps({key: machine[key] for key in ("hostname", "ip") if key in machine}, separators=(",", ":"))


def _check_ids(machines, what):
    if not machines:
        raise Refused(what)
    for machine in machines:
        ip = machine.get("ip", "")
        if not machine.get("hostname") and not ip:
            raise Refused("Both 'hostname' and 'ip' for a machine are empty")
        if ip and not (re.fullmatch(r"\d+(\.\d+){3}", ip) and all(int(part) < 256 for part in ip.split("."))):
            raise Refused(f"Failed to parse IPv4: {ip}")


def parse_schedule(value):
    if not isinstance(value, dict):
        raise Refused("Unexpected JSON type parsed")
    windows = value.get("windows", [])
    for index, window in enumerate(windows):
        if "unavailability" not in window:
            raise Refused(f"Missing required fields: windows[{index}].unavailability")
    return windows


def machines_of(value):
    if not isinstance(value, list):
        raise Refused("Unexpected JSON type parsed")
    _check_ids(value, "List of machines is empty")
    return value


class Machines:
    """`registry["machines"]` has each machine's name, with its id, mode and unavailability; `registry["windows"]` the
    schedule, None when the last machine has left it. Neither is there before the first schedule.

    `seen` are the names of machines that this master has met, by an agent or a schedule: the others are refused in
    other words."""

    def __init__(self, registry, seen):
        self.modes = registry.get("machines", {})
        self.registry, self.seen = registry, seen
        seen.update(self.modes)

    @property
    def windows(self):
        return self.registry.get("windows") or []

    def update(self, windows):
        """Replaces the schedule."""
        new = {}
        for window in windows:
            _check_ids(window.get("machine_ids", []), "List of machines in the maintenance window is empty")
            for machine in window["machine_ids"]:
                if name(machine) in new:
                    raise Refused(f"Machine '{name(machine)}' appears more than once in the schedule")
                new[name(machine)] = {"id": machine, "mode": DRAINING, "unavailability": window["unavailability"]}
        for key, machine in self.modes.items():
            if machine["mode"] == DOWN:
                if key not in new:
                    raise Refused(f"Machine '{key}' is deactivated and cannot be removed from the schedule")
                new[key]["mode"] = DOWN
        self.registry["windows"] = windows
        self.registry["machines"] = self.modes = new
        self.seen.update(new)

    def _checked(self, machines, mode, complaint):
        for machine in machines:
            known = self.modes.get(name(machine))
            if name(machine) not in self.seen:
                raise Refused(f"Machine '{name(machine)}' is not part of a maintenance schedule")
            if known is None or known["mode"] != mode:
                raise Refused(f"Machine '{name(machine)}' is not in {mode} mode and cannot be brought {complaint}")
        return machines

    def down(self, machines):
        for machine in self._checked(machines, DRAINING, "down"):
            self.modes[name(machine)]["mode"] = DOWN

    def up(self, machines):
        for machine in self._checked(machines, DOWN, "up"):
            del self.modes[name(machine)]
            for window in self.windows:
                window["machine_ids"] = [each for each in window["machine_ids"] if each != machine]
        self.registry["windows"] = [window for window in self.windows if window["machine_ids"]] or None

    def is_down(self, machine):
        return self.modes.get(name(machine), {}).get("mode") == DOWN

    def schedule(self, order=("start", "duration")):
        """The v0 endpoint has a window's duration first, v1 its start."""
        if not self.windows:
            return {}
        shown = [
            {
                "machine_ids": window["machine_ids"],
                "unavailability": {
                    key: window["unavailability"][key] for key in order if key in window["unavailability"]
                },
            }
            for window in self.windows
        ]
        return {"windows": shown}

    def status(self):
        shown = {}
        draining = [{"id": each["id"]} for each in self.modes.values() if each["mode"] == DRAINING]
        down = [each["id"] for each in self.modes.values() if each["mode"] == DOWN]
        if draining:
            shown["draining_machines"] = draining
        if down:
            shown["down_machines"] = down
        return shown
