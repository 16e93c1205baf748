"""A task as master and agent show it. It is kept as the v0 endpoints have it, and turned into v1's form."""

import base64
import hashlib

import resources

TERMINAL = {"TASK_FINISHED", "TASK_FAILED", "TASK_KILLED", "TASK_LOST", "TASK_ERROR", "TASK_DROPPED", "TASK_GONE"}
STATES = ("STAGING", "STARTING", "RUNNING", "KILLING", "FINISHED", "KILLED", "FAILED", "LOST", "ERROR", "UNREACHABLE")
# A command executor's own share of its agent.
EXECUTOR_OVERHEAD = {"cpus": 0.1, "mem": 32.0}


def is_terminal(task):
    return task["state"] in TERMINAL


def new(task_id, name, framework_id, agent_id, wanted, role):
    return {
        "id": task_id,
        "name": name,
        "framework_id": framework_id,
        "executor_id": "",
        "slave_id": agent_id,
        "state": "TASK_STAGING",
        "resources": wanted,
        "role": role,
        "statuses": [],
        "_container": "",
        "_pid": 0,
        "_command": "",
    }


def status(task, state, timestamp, ip, reason=None):
    """Adds a status, as the executor's update does."""
    network = [{"ip_addresses": [{"protocol": "IPv4", "ip_address": ip}]}]
    container = {"container_id": {"value": task["_container"]}, "network_infos": network}
    task["state"] = state
    task["statuses"].append({"state": state, "timestamp": timestamp, "container_status": container, "_reason": reason})


def v0(task):
    shown = {key: value for key, value in task.items() if not key.startswith("_")}
    shown["resources"] = resources.v0(task["resources"])
    shown["statuses"] = [
        {key: value for key, value in each.items() if not key.startswith("_")} for each in task["statuses"]
    ]
    return shown


def _uuid(*parts):
    return base64.b64encode(hashlib.md5(repr(parts).encode()).digest()).decode()


def v1(task):
    agent, this = {"value": task["slave_id"]}, {"value": task["id"]}
    statuses = []
    for each in task["statuses"]:
        shown = {"task_id": this, "state": each["state"]}
        if each.get("_reason"):
            shown["reason"] = each["_reason"]
        container = {**each["container_status"], "executor_pid": task["_pid"]}
        statuses.append(
            {
                **shown,
                "source": "SOURCE_EXECUTOR",
                "agent_id": agent,
                "executor_id": this,
                "timestamp": each["timestamp"],
                "uuid": _uuid(task["id"], each["state"], each["timestamp"]),
                "container_status": container,
            }
        )
    shown = {
        "name": task["name"],
        "task_id": this,
        "framework_id": {"value": task["framework_id"]},
        "agent_id": agent,
        "state": task["state"],
        "resources": resources.full(task["resources"], allocation_info={"role": task["role"]}),
        "statuses": statuses,
    }
    if statuses:
        shown["status_update_state"] = statuses[-1]["state"]
        shown["status_update_uuid"] = statuses[-1]["uuid"]
    return shown
