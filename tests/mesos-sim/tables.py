"""What the table of releases says of a way and of flags, by the tasks that read it: on the controller, without a cluster."""

import json
import os
import subprocess
import sys

from cluster import PROJECT, cache, check, refit_program
from registry import scenario

JUDGE = """
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - name: Judge the way
      ansible.builtin.include_role: {name: mesos_common, tasks_from: path}

    - name: Judge the flags
      ansible.builtin.include_role: {name: mesos_common, tasks_from: flags}

    - name: Keep what was found
      ansible.builtin.copy:
        dest: "{{ playbook_dir }}/found.json"
        content: "{{ {'problems': mesos_path_problems, 'remarks': mesos_path_remarks, 'before': mesos_path_before | length,
          'bad': mesos_flag_problems, 'old': mesos_flag_remarks} | to_json }}"
"""

# From, to, whose flags, the flags, and what must be found: words of it, and how many of each there are.
WAYS = [
    ("1.9.0", "1.11.0", "agents", {"gc_delay": "1weeks"}, {}),
    ("1.8.0", "1.8.1", "masters", {}, {}),
    ("1.8.0", "1.11.0", "masters", {}, {"remarks": ["of 1.8 that is 1.8.1"]}),
    ("1.11.0", "1.9.0", "masters", {}, {"problems": ["that is a rollback"]}),
    ("1.9.0", "1.13.0", "masters", {}, {"problems": ["Mesos 1.13.0 is not in the table"]}),
    ("0.27.3", "1.0.4", "masters", {}, {"problems": ["from 0.27.3 to 0.28 first"]}),
    (
        "1.0.4",
        "1.3.2",
        "masters",
        {"acls": "{}", "authenticate": "true", "registry_max_agent_age": "2weeks"},
        {"old": ["--acls is changed by 1.3: set_quotas, remove_quotas and shutdown_frameworks"]},
    ),
    (
        "0.28.3",
        "1.0.4",
        "masters",
        {"registry_strict": "true", "authenticate": "true", "slave_ping_timeout": "15secs", "acls": ""},
        {
            "bad": ["--registry_strict=true is refused since 1.0"],
            "old": ["--authenticate is called --authenticate_frameworks", "--slave_ping_timeout is called --agent_ping_timeout"],
        },
    ),
    (
        "1.0.4",
        "1.11.0",
        "agents",
        {
            "containerizer_path": "/opt/external",
            "docker_stop_timeout": "0ns",
            "executor_secret_key": "/etc/key",
            "image_provisioner_backend": "copy",
            "agent_features": '{"capabilities": [{"type": "AGENT_DRAINING"}]}',
        },
        {
            "bad": ["--containerizer_path=/opt/external is unknown since 1.1", "--agent_features lacks TASK_RESOURCE_LIMITS"],
            "old": ["--executor_secret_key is called --jwt_secret_key", "--image_provisioner_backend is changed by 1.2"],
        },
    ),
]


@scenario("refit", "ansible")
def ways_judged(place, engine, options):
    """Ways and flags, held against the table of releases: refused, renamed, deprecated and changed ones are named, others not."""
    here = os.path.join(place, engine)
    os.makedirs(here)
    os.symlink(os.path.join(PROJECT, "roles"), os.path.join(here, "roles"))
    playbook = os.path.join(here, "judge.yml")
    with open(playbook, "w") as file:
        file.write(JUDGE)
    for first, target, whose, flags, expected in WAYS:
        variables = {"mesos_path_from": first, "mesos_version": target, "mesos_flags_of": whose, "mesos_flags": flags, "ansible_python_interpreter": sys.executable}
        rest = ["-i", "localhost,", "-e", json.dumps(variables), playbook]
        program = [refit_program(), "run"] if engine == "refit" else [os.path.join(PROJECT, "tests", "oracle", "ansible")]
        environment = {**os.environ, "HOME": here, "XDG_STATE_HOME": here, "NO_COLOR": "1", **cache()}
        done = subprocess.run([*program, *rest], capture_output=True, text=True, env=environment, cwd=here)
        check(done.returncode == 0, f"{first} to {target}: {engine} ends with {done.returncode}: {(done.stdout + done.stderr)[-800:]}")
        with open(os.path.join(here, "found.json")) as file:
            found = json.load(file)
        for kind in ("problems", "remarks", "bad", "old"):
            lines, words = found[kind], expected.get(kind, [])
            missing = [each for each in words if not any(each in line for line in lines)]
            check(not missing and len(lines) == len(words), f"{first} to {target}, {kind}: {lines}, where {words} should be")
        os.remove(os.path.join(here, "found.json"))
    return f"{len(WAYS)} ways"
