"""The HTTP side of the simulated agent."""

import json
import os
import time

import api
import build
import executors
import resources
import task as tasks
from http_server import Response, empty, not_found, ok_v0, ok_v1, text
from master_api import framework_info

ACCEPTS = (
    "application/json or application/x-protobuf or application/recordio",
    "application/json or application/x-protobuf or application/recordio",
)
TYPES = {
    "GET_HEALTH", "GET_FLAGS", "GET_VERSION", "GET_METRICS", "GET_LOGGING_LEVEL", "GET_STATE", "GET_AGENT",
    "GET_CONTAINERS", "GET_FRAMEWORKS", "GET_EXECUTORS", "GET_OPERATIONS", "GET_TASKS",
}  # fmt: skip


def command_name(task):
    command = task["_command"]
    shown = command if len(command) <= 15 else f"{command[:15]}..."
    return f"Command Executor (Task: {task['id']}) (Command: sh -c '{shown}')"


class Api:
    def __init__(self, agent):
        self.agent = agent
        with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "metrics.json")) as file:
            self.metrics = api.Metrics(json.load(file)["agent"])

    async def handle(self, request):
        path = request.path
        wrong = await api.misbehave(request)
        wrong = wrong or api.unauthorized(request, "agent", self.agent.flags, "http_credentials")
        if wrong:
            return wrong
        if path.startswith("/slave(1)/"):
            path = path[len("/slave(1)") :]
        # Answered while the agent recovers, too (behaviour 11).
        if path == "/health":
            return empty()
        if path == "/version":
            return ok_v0(build.INFO, request)
        if path == "/flags":
            return ok_v0({"flags": self.agent.flags}, request)
        if path == "/metrics/snapshot":
            return ok_v0(await self.metrics.snapshot(self.metric_values()), request)
        if path == "/containers":
            return ok_v0([self.container(task, ids=True) for task in self.agent.tasks.values()], request)
        if path in ("/monitor/statistics", "/monitor/statistics.json"):
            return ok_v0([self.container(task, ids=False) for task in self.agent.tasks.values()], request)
        if path not in ("/state", "/api/v1"):
            return not_found()
        if path == "/api/v1" and request.method != "POST":
            return api.parse_call(request, "agent", ACCEPTS, TYPES)
        if not self.agent.recovered:
            return text(503, "Agent has not finished recovery")
        if path == "/state":
            return ok_v0(self.state(), request)
        return await self.v1(request)

    # --- v0 -------------------------------------------------------------------------------------------------------

    @staticmethod
    def executor_resources(task):
        return resources.total([task["resources"], tasks.EXECUTOR_OVERHEAD])

    def statistics(self, task):
        held = self.executor_resources(task)
        memory = int(held["mem"]) << 20
        return {
            "cpus_soft_limit": held["cpus"],
            "cpus_system_time_secs": 0.02,
            "cpus_user_time_secs": 0.14,
            "mem_limit_bytes": memory,
            "mem_rss_bytes": 1 << 20,
            "mem_soft_limit_bytes": memory,
            "timestamp": time.time(),
        }

    def container(self, task, ids):
        shown = {"container_id": task["_container"]} if ids else {}
        shown.update(
            {
                "executor_id": task["id"],
                "executor_name": command_name(task),
                "framework_id": task["framework_id"],
                "source": task["id"],
                "statistics": self.statistics(task),
            }
        )
        if ids:
            shown["status"] = {"container_id": {"value": task["_container"]}, "executor_pid": task["_pid"]}
        return shown

    def executor_v0(self, task):
        return {
            "id": task["id"],
            "name": command_name(task),
            "source": task["id"],
            "container": task["_container"],
            "directory": self.agent.sandbox(task),
            "resources": resources.v0(self.executor_resources(task)),
            "role": task["role"],
            "tasks": [tasks.v0(task)],
            "queued_tasks": [],
            "completed_tasks": [],
        }

    def framework_v0(self, info):
        mine = [task for task in self.agent.tasks.values() if task["framework_id"] == info["id"]]
        return {
            "id": info["id"],
            "name": info["name"],
            "user": info["user"],
            "failover_timeout": float(info["failover_timeout"]),
            "checkpoint": info["checkpoint"],
            "hostname": info["hostname"],
            "role": info["role"],
            "executors": [self.executor_v0(task) for task in mine],
            "completed_executors": [],
        }

    def state(self):
        agent = self.agent
        whole = resources.v0(agent.info["resources"])
        used = resources.total(self.executor_resources(task) for task in agent.tasks.values())
        busy = {task["framework_id"] for task in agent.tasks.values()}
        shown = {
            **build.ordered(build.STATE_ORDER),
            "start_time": agent.start_time,
            "id": agent.info["id"],
            "pid": f"slave(1)@{agent.ip}:{agent.port}",
            "hostname": agent.hostname,
            "capabilities": build.AGENT_CAPABILITIES,
        }
        if agent.drain_config:
            shown["drain_config"] = agent.drain_config
            shown["estimated_drain_start_time_seconds"] = agent.drain_started
        shown.update(
            {
                "resources": whole,
                "reserved_resources": {},
                "unreserved_resources": whole,
                "reserved_resources_full": {},
                "unreserved_resources_full": resources.full(agent.info["resources"], role="*"),
                "reserved_resources_allocated": {},
                "unreserved_resources_allocated": resources.v0(used),
                "resource_providers": [],
                "attributes": agent.info["attributes"],
            }
        )
        if agent.leader:
            shown["master_hostname"] = agent.leader["hostname"]
        if "log_dir" in agent.flags:
            shown["log_dir"] = agent.flags["log_dir"]
        shown["flags"] = agent.flags
        shown["frameworks"] = [self.framework_v0(each) for each in agent.frameworks.values() if each["id"] in busy]
        shown["completed_frameworks"] = []
        return shown

    def metric_values(self):
        agent = self.agent
        running = list(agent.tasks.values())
        values = {
            **agent.counters,
            "slave/registered": agent.registered,
            "slave/uptime_secs": time.time() - agent.start_time,
            "slave/recovery_time_secs": agent.recovery_seconds,
            "slave/executors_running": len(running),
            "slave/executors_terminated": agent.terminated_executors,
            "slave/frameworks_active": len({task["framework_id"] for task in running}),
        }
        for state in ("staging", "starting", "running", "killing"):
            values[f"slave/tasks_{state}"] = sum(task["state"] == f"TASK_{state.upper()}" for task in running)
        return values

    # --- v1 -------------------------------------------------------------------------------------------------------

    async def v1(self, request):
        call = api.parse_call(request, "agent", ACCEPTS, TYPES)
        if isinstance(call, Response):
            return call
        kind = call["type"]
        if kind == "GET_METRICS":
            return ok_v1(api.metrics_v1(await self.metrics.snapshot(self.metric_values())))
        views = {
            "GET_HEALTH": api.health_v1,
            "GET_VERSION": api.version_v1,
            "GET_FLAGS": lambda: api.flags_v1(self.agent.flags),
            "GET_LOGGING_LEVEL": api.logging_level_v1,
            "GET_OPERATIONS": lambda: {"type": kind, "get_operations": {}},
            "GET_AGENT": lambda: {"type": kind, "get_agent": self.get_agent()},
            "GET_CONTAINERS": self.get_containers,
            "GET_TASKS": lambda: {"type": kind, "get_tasks": self.get_tasks()},
            "GET_EXECUTORS": lambda: {"type": kind, "get_executors": self.get_executors()},
            "GET_FRAMEWORKS": lambda: {"type": kind, "get_frameworks": self.get_frameworks()},
            "GET_STATE": lambda: {
                "type": kind,
                "get_state": {
                    "get_tasks": self.get_tasks(),
                    "get_executors": self.get_executors(),
                    "get_frameworks": self.get_frameworks(),
                },
            },
        }
        return ok_v1(views[kind]())

    def get_agent(self):
        info, agent = self.agent.info, self.agent
        shown = {
            "hostname": info["hostname"],
            "port": info["port"],
            "resources": resources.full(info["resources"]),
            "attributes": resources.attributes_full(info["attributes"]),
            "id": {"value": info["id"]},
        }
        found = {"agent_info": shown}
        if agent.drain_config:
            found["drain_config"] = agent.drain_config
            found["estimated_drain_start_time"] = api.nanoseconds(agent.drain_started)
        return found

    def get_containers(self):
        shown = []
        for task in self.agent.tasks.values():
            each = self.container(task, ids=True)
            order = ("timestamp", "cpus_user_time_secs", "cpus_system_time_secs", "cpus_soft_limit")
            order += ("mem_limit_bytes", "mem_soft_limit_bytes", "mem_rss_bytes")
            shown.append(
                {
                    "framework_id": {"value": task["framework_id"]},
                    "executor_id": {"value": task["id"]},
                    "executor_name": each["executor_name"],
                    "container_id": {"value": task["_container"]},
                    "container_status": each["status"],
                    "resource_statistics": {key: each["statistics"][key] for key in order},
                }
            )
        return {"type": "GET_CONTAINERS", **({"get_containers": {"containers": shown}} if shown else {})}

    def get_tasks(self):
        return {
            "pending_tasks": [],
            "queued_tasks": [],
            "launched_tasks": [tasks.v1(task) for task in self.agent.tasks.values()],
            "terminated_tasks": [],
            "completed_tasks": [tasks.v1(task) for task in self.agent.completed],
        }

    def get_executors(self):
        shown = []
        for task in self.agent.tasks.values():
            launcher = os.path.dirname(executors.EXECUTOR)
            arguments = ["mesos-executor", f"--launcher_dir={launcher}"]
            info = {
                "executor_id": {"value": task["id"]},
                "framework_id": {"value": task["framework_id"]},
                "command": {"shell": False, "value": executors.EXECUTOR, "arguments": arguments},
                "resources": resources.full(task["resources"], allocation_info={"role": task["role"]}),
                "name": command_name(task),
                "source": task["id"],
            }
            shown.append({"executor_info": info})
        return {"executors": shown, "completed_executors": []}

    def get_frameworks(self):
        busy = {task["framework_id"] for task in self.agent.tasks.values()}
        shown = [
            {"framework_info": framework_info(each)} for each in self.agent.frameworks.values() if each["id"] in busy
        ]
        return {"frameworks": shown, "completed_frameworks": []}
