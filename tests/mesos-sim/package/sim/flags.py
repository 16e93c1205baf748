"""The flags of a master or an agent of one version: their names, what they are when not given, and how they are
refused.

flags.json has the names of 1.8.0 and what later releases added (none of them took one away), read from the sources of
those releases, and the defaults as the recorded /flags show them."""

import json
import os
import re
import sys

import misbehaviour

HERE = os.path.dirname(os.path.abspath(__file__))
BOOLEAN = {"true", "false"}
# Old names that load the flag of the new name.
ALIASES = {
    "master": {
        "authenticate": "authenticate_frameworks",
        "authenticate_slaves": "authenticate_agents",
        "max_executors_per_slave": "max_executors_per_agent",
        "max_slave_ping_timeouts": "max_agent_ping_timeouts",
        "recovery_slave_removal_limit": "recovery_agent_removal_limit",
        "slave_ping_timeout": "agent_ping_timeout",
        "slave_removal_rate_limit": "agent_removal_rate_limit",
        "slave_reregister_timeout": "agent_reregister_timeout",
        "user_sorter": "role_sorter",
    },
    "agent": {
        "allowed_capabilities": "effective_capabilities",
        "executor_secret_key": "jwt_secret_key",
        "slave_subsystems": "agent_subsystems",
    },
}
UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "secs": 1, "mins": 60, "hrs": 3600, "days": 86400, "weeks": 604800}


def version_key(version):
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def seconds(duration):
    number, unit = re.fullmatch(r"([\d.]+)([a-z]+)", duration).groups()
    return float(number) * UNITS[unit]


def _refuse(program, message):
    """A mistake in the flags ends the process before it does anything (behaviour 14)."""
    print(f"{message}\n\nSee `{program} --help` for a list of supported flags.", file=sys.stderr)
    sys.exit(1)


def known(kind, version):
    with open(os.path.join(HERE, "flags.json")) as file:
        table = json.load(file)[kind]
    names = set(table["names"])
    for release, added in table["added"].items():
        if version_key(release) <= version_key(version):
            names |= set(added)
    for release, refused in misbehaviour.of("refused_flags", {}).items():
        if version_key(version) >= version_key(release):
            names -= set(refused)
    defaults = {name: value for name, value in table["defaults"].items() if name in names}
    return names, defaults


def load(kind, version, arguments, environment):
    """All flags that have a value, by name. `kind` is "master" or "agent"."""
    program = f"mesos-{kind}"
    names, defaults = known(kind, version)
    aliases = ALIASES[kind]
    given = {}
    for name, value in environment.items():
        flag = name[len("MESOS_") :].lower()
        if name.startswith("MESOS_") and flag in names:
            given[aliases.get(flag, flag)] = (flag, value)
    seen = {}
    for argument in arguments:
        if not argument.startswith("--"):
            continue
        written, has_value, value = argument[2:].partition("=")
        flag = written
        if not has_value:
            flag, value = (written[3:], "false") if written.startswith("no-") else (written, "true")
        if flag not in names:
            _refuse(program, f"Failed to load unknown flag '{flag}'" + (f" via '{written}'" if flag != written else ""))
        name = aliases.get(flag, flag)
        if not has_value and defaults.get(name, "true") not in BOOLEAN:
            _refuse(program, f"Failed to load non-boolean flag '{flag}': Missing value")
        if name in seen:
            _refuse(program, f"Flag '{flag}' is already loaded via name '{seen[name]}'")
        seen[name] = flag
        given[name] = (flag, value)
    if given.get("version", ("", "false"))[1] == "true":
        print(f"mesos {version}")
        sys.exit(0)
    if given.get("help", ("", "false"))[1] == "true":
        print(f"Usage: {program} [options]\n\n" + "\n".join(f"  --{name}=VALUE" for name in sorted(names)))
        sys.exit(0)
    values = dict(defaults)
    for name, (_, value) in given.items():
        if value.startswith("file://"):
            with open(value[len("file://") :]) as file:
                value = file.read().strip()
        values[name] = value
    for required in ("work_dir", "master") if kind == "agent" else ("work_dir",):
        if required not in values:
            _refuse(program, f"Flag '{required}' is required, but it was not provided")
    return dict(sorted(values.items()))
