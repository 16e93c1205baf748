"""The HTTP side of the simulated master: which endpoint is answered in which state, and with what."""

import json
import os
import time

import api
import build
import maintenance
import resources
import task as tasks
from http_server import Response, empty, not_allowed, not_found, ok_v0, ok_v1, redirect, text
from maintenance import Refused

ACCEPTS = (
    "'application/x-protobuf' or 'application/json'",
    "application/json or application/x-protobuf",
)
READS = {
    "GET_HEALTH", "GET_FLAGS", "GET_VERSION", "GET_METRICS", "GET_LOGGING_LEVEL", "GET_STATE", "GET_AGENTS",
    "GET_FRAMEWORKS", "GET_EXECUTORS", "GET_OPERATIONS", "GET_TASKS", "GET_ROLES", "GET_WEIGHTS", "GET_QUOTA",
    "GET_MASTER", "GET_MAINTENANCE_STATUS", "GET_MAINTENANCE_SCHEDULE",
}  # fmt: skip
AGENT_CALLS = {"DRAIN_AGENT", "DEACTIVATE_AGENT", "REACTIVATE_AGENT"} if build.HAS_DRAIN else set()
AGENT_CALLS |= {"MARK_AGENT_GONE"}
MAINTENANCE_CALLS = {"UPDATE_MAINTENANCE_SCHEDULE", "START_MAINTENANCE", "STOP_MAINTENANCE"}
TYPES = READS | AGENT_CALLS | MAINTENANCE_CALLS | {"TEARDOWN"}
LEADER_ONLY = {
    "/state", "/slaves", "/frameworks", "/tasks", "/state-summary", "/maintenance/schedule", "/maintenance/status",
    "/machine/down", "/machine/up", "/roles", "/quota", "/weights", "/api/v1", "/teardown",
}  # fmt: skip


def json_type(value):
    return {bool: "boolean", int: "number", float: "number", str: "string", list: "array"}.get(type(value), "null")


def duration(value):
    """A DurationInfo, sent as google.protobuf.Duration: only `seconds` and `nanos` count. That the answers' own form,
    `nanoseconds`, is an unknown field and so is read as 0 is a trap of the real one (behaviour 20)."""
    if not isinstance(value, dict):
        kind = json_type(value)
        raise Refused(
            f"Failed to convert JSON into Call protobuf: Not expecting a JSON {kind} for field 'max_grace_period'"
        )
    return {"nanoseconds": int(value.get("seconds", 0)) * 10**9 + int(value.get("nanos", 0))}


class Api:
    def __init__(self, master):
        self.master = master
        with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "metrics.json")) as file:
            keys = json.load(file)
        self.metrics, self.leader_metrics = api.Metrics(keys["master"]), keys["leader"]

    async def handle(self, request):
        path = request.path
        wrong = await api.misbehave(request)
        wrong = wrong or api.unauthorized(request, "master", self.master.flags, "credentials")
        if wrong:
            return wrong
        if path.startswith("/master/"):
            path = path[len("/master") :]
        # Answered by every master for itself (behaviours 1 and 4).
        if path == "/health":
            return empty()
        if path == "/version":
            return ok_v0(build.INFO, request)
        if path == "/flags":
            return ok_v0({"flags": self.master.flags}, request)
        if path == "/metrics/snapshot":
            return ok_v0(await self.metrics.snapshot(self.metric_values()), request)
        if path == "/registrar(1)/registry":
            return ok_v0(self.registry(), request)
        if path == "/redirect":
            return redirect(self.leader_location()) if self.master.leader else text(503, "No leader elected")
        if path not in LEADER_ONLY:
            return not_found()
        # The rest is the leader's.
        if self.master.leader is None:
            return text(503, "No leader elected")
        if not self.master.elected:
            return redirect(f"{self.leader_location()}/master{path}")
        try:
            return await self.leaders(path, request)
        except Refused as refused:
            return text(400, str(refused))

    def leader_location(self):
        """Without a scheme (behaviour 3)."""
        leader = self.master.leader
        return f"//{leader['hostname']}:{leader['port']}"

    async def leaders(self, path, request):
        if path == "/api/v1":
            if not self.master.recovered:
                return text(503, "Master has not finished recovery")
            return await self.v1(request)
        if path in ("/machine/down", "/machine/up"):
            if request.method != "POST":
                return not_allowed(request.method)
            return await self.machine(path, request)
        if path == "/maintenance/schedule" and request.method == "POST":
            value = api.parse_json(request.body)
            if isinstance(value, str):
                return text(400, value)
            await self.master.update_schedule(maintenance.parse_schedule(value))
            return empty()
        if path == "/teardown":
            framework = self.master.frameworks.get(request.body.decode().partition("frameworkId=")[2])
            if framework is None:
                return text(400, "No framework found with specified ID")
            self.master.remove_framework(framework)
            return empty()
        views = {
            "/state": self.state,
            "/slaves": self.slaves,
            "/frameworks": self.frameworks,
            "/tasks": lambda: {
                "tasks": [tasks.v0(task) for each in self.all_frameworks() for task in each.tasks.values()]
            },
            "/state-summary": self.state_summary,
            "/maintenance/schedule": lambda: self.master.machines().schedule(("duration", "start")),
            "/maintenance/status": lambda: self.master.machines().status(),
            "/roles": self.roles,
            "/quota": dict,
            "/weights": list,
        }
        return ok_v0(views[path](), request)

    async def machine(self, path, request):
        value = api.parse_json(request.body)
        if isinstance(value, str):
            return text(400, value)
        machines = maintenance.machines_of(value)
        await (self.master.machines_down if path == "/machine/down" else self.master.machines_up)(machines)
        return empty()

    # --- v0 -------------------------------------------------------------------------------------------------------

    def all_frameworks(self):
        return self.master.frameworks.values()

    def agent_entry(self, agent):
        return self.master.registry["slaves"].get(agent.id, {"deactivated": False})

    def used(self, agent):
        return resources.total(
            task["resources"]
            for each in self.all_frameworks()
            for task in each.tasks.values()
            if task["slave_id"] == agent.id
        )

    def agent_v0(self, agent):
        entry, info = self.agent_entry(agent), agent.info
        shown = {
            "id": agent.id,
            "hostname": info["hostname"],
            "port": info["port"],
            "attributes": info["attributes"],
            "pid": agent.pid,
            "registered_time": agent.registered_time,
        }
        if agent.reregistered_time:
            shown["reregistered_time"] = agent.reregistered_time
        whole = resources.v0(info["resources"])
        shown.update(
            {
                "resources": whole,
                "used_resources": resources.v0(self.used(agent)),
                "offered_resources": resources.v0({}),
                "reserved_resources": {},
                "unreserved_resources": whole,
                "active": agent.connected and not entry["deactivated"],
                "deactivated": entry["deactivated"],
                "version": agent.version,
                "capabilities": agent.capabilities,
            }
        )
        if not build.HAS_DRAIN:
            del shown["deactivated"]
        if "drain_info" in entry:
            shown["drain_info"] = entry["drain_info"]
            if agent.drain_started:
                shown["estimated_drain_start_time_seconds"] = agent.drain_started
        return shown

    def agent_full_v0(self, agent):
        used = resources.full(self.used(agent), role="*", allocation_info={"role": "*"})
        return {
            **self.agent_v0(agent),
            "reserved_resources_full": {},
            "unreserved_resources_full": resources.full(agent.info["resources"], role="*"),
            "used_resources_full": used,
            "offered_resources_full": [],
        }

    def recovered_v0(self):
        return [
            {key: each["info"][key] for key in ("id", "hostname", "port", "attributes")}
            for each in self.master.recovered_agents.values()
        ]

    def framework_head(self, framework):
        info = framework.info
        used = resources.v0(resources.total(task["resources"] for task in framework.tasks.values()))
        return {
            "id": framework.id,
            "name": info["name"],
            "used_resources": used,
            "offered_resources": resources.v0({}),
            "capabilities": info["capabilities"],
            "hostname": info["hostname"],
            "webui_url": info["webui_url"],
            "active": framework.connected,
            "connected": framework.connected,
            "recovered": framework.recovered,
        }

    def framework_v0(self, framework):
        info, head = framework.info, self.framework_head(framework)
        shown = {
            **head,
            "user": info["user"],
            "failover_timeout": float(info["failover_timeout"]),
            "checkpoint": info["checkpoint"],
            "registered_time": framework.registered_time,
            "unregistered_time": 0.0,
            "resources": head["used_resources"],
        }
        if framework.reregistered_time:
            shown["reregistered_time"] = framework.reregistered_time
        shown.update(
            {
                "role": info["role"],
                "tasks": [tasks.v0(task) for task in framework.tasks.values()],
                "unreachable_tasks": [tasks.v0(task) for task in framework.unreachable_tasks.values()],
                "completed_tasks": [tasks.v0(task) for task in framework.completed_tasks],
                "offers": [],
                "executors": [],
            }
        )
        if build.at_least("1.11.0"):
            shown["offer_constraints"] = {}
        return shown

    def slaves(self):
        agents = [self.agent_full_v0(agent) for agent in self.master.agents.values()]
        return {"slaves": agents, "recovered_slaves": self.recovered_v0()}

    def frameworks(self):
        return {
            "frameworks": [self.framework_v0(each) for each in self.all_frameworks()],
            "completed_frameworks": [self.framework_v0(each) for each in self.master.completed_frameworks.values()],
            "unregistered_frameworks": [],
        }

    def state(self):
        master = self.master
        active = sum(agent["active"] for agent in map(self.agent_v0, master.agents.values()))
        leader = master.leader
        shown = {
            **build.ordered(build.STATE_ORDER),
            "start_time": master.start_time,
            "elected_time": master.elected_time,
            "id": master.id,
            "pid": f"master@{master.ip}:{master.port}",
            "hostname": master.hostname,
            "capabilities": build.MASTER_CAPABILITIES,
            "activated_slaves": float(active),
            "deactivated_slaves": float(len(master.agents) - active),
            "unreachable_slaves": float(len(master.registry.get("unreachable", {}))),
            "leader": leader["pid"],
            "leader_info": {key: leader[key] for key in ("id", "pid", "port", "hostname")},
        }
        for name in ("cluster", "log_dir"):
            if name in master.flags:
                shown[name] = master.flags[name]
        return {
            **shown,
            "flags": master.flags,
            "slaves": [self.agent_v0(agent) for agent in master.agents.values()],
            "recovered_slaves": self.recovered_v0(),
            "frameworks": [self.framework_v0(each) for each in self.all_frameworks()],
            "completed_frameworks": [self.framework_v0(each) for each in master.completed_frameworks.values()],
            "orphan_tasks": [],
            "unregistered_frameworks": [],
        }

    def state_summary(self):
        def counts(found):
            states = [task["state"] for task in found]
            return {f"TASK_{state}": states.count(f"TASK_{state}") for state in tasks.STATES}

        agents, frameworks = [], []
        for agent in self.master.agents.values():
            here = [
                (each, task)
                for each in self.all_frameworks()
                for task in each.tasks.values()
                if task["slave_id"] == agent.id
            ]
            ids = list(dict.fromkeys(each.id for each, _ in here))
            agents.append({**self.agent_v0(agent), **counts(task for _, task in here), "framework_ids": ids})
        for framework in self.all_frameworks():
            found = [*framework.tasks.values(), *framework.completed_tasks, *framework.unreachable_tasks.values()]
            ids = list(dict.fromkeys(task["slave_id"] for task in framework.tasks.values()))
            frameworks.append({**self.framework_head(framework), **counts(found), "slave_ids": ids})
        shown = {"hostname": self.master.hostname}
        if "cluster" in self.master.flags:
            shown["cluster"] = self.master.flags["cluster"]
        return {**shown, "slaves": agents, "frameworks": frameworks}

    def roles(self):
        frameworks = [each for each in self.all_frameworks()]
        if not frameworks:
            return {"roles": []}
        used = resources.total(task["resources"] for each in frameworks for task in each.tasks.values())
        quota = {"role": "*", "guarantee": {}, "limit": {}, "consumed": used}
        ids = [each.id for each in frameworks]
        role = {
            "name": "*",
            "weight": 1.0,
            "quota": quota,
            "resources": used,
            "allocated": used,
            "offered": {},
            "reserved": {},
        }
        return {"roles": [{**role, "frameworks": ids}]}

    def registry(self):
        """`{}` on anything but a recovered leader."""
        master = self.master
        if not master.recovered:
            return {}
        shown = {"master": {"info": master.info()}}
        if master.registry["slaves"]:
            entries = []
            for each in master.registry["slaves"].values():
                entry = {"deactivated": each["deactivated"], "info": self.agent_info(each["info"], role="*")}
                if "drain_info" in each:
                    entry["drain_info"] = each["drain_info"]
                entries.append(entry)
            shown["slaves"] = {"slaves": entries}
        for kind in ("gone", "unreachable"):
            found = [
                {"id": {"value": agent_id}, "timestamp": api.nanoseconds(when)}
                for agent_id, when in master.registry.get(kind, {}).items()
            ]
            if found:
                shown[kind] = {"slaves": found}
        if "machines" in master.registry:
            machines = [{"info": each} for each in master.registry["machines"].values()]
            shown["machines"] = {"machines": machines} if machines else {}
            if master.registry["windows"] is not None:
                shown["schedules"] = [master.machines().schedule()]
        return resources.sorted_keys(shown)

    def metric_values(self):
        master = self.master
        connected = [agent for agent in master.agents.values() if agent.connected]
        active = [agent for agent in connected if not self.agent_entry(agent)["deactivated"]]
        frameworks = list(self.all_frameworks())
        online = [each for each in frameworks if each.connected]
        running = [task for each in frameworks for task in each.tasks.values()]
        values = {
            **master.counters,
            "master/elected": master.elected,
            "master/uptime_secs": time.time() - master.start_time,
            "master/slaves_connected": len(connected),
            "master/slaves_disconnected": len(master.agents) - len(connected),
            "master/slaves_active": len(active),
            "master/slaves_inactive": len(master.agents) - len(active),
            "master/slaves_unreachable": len(master.registry.get("unreachable", {})),
            "master/frameworks_active": len(online),
            "master/frameworks_connected": len(online),
            "master/frameworks_inactive": len(frameworks) - len(online),
            "master/frameworks_disconnected": len(frameworks) - len(online),
            "master/recovery_slave_removals": 0,
            "registrar/log/recovered": master.replica.recovered,
            "registrar/log/ensemble_size": max(1, len(master.replica.members)),
        }
        for state in ("staging", "starting", "running", "killing"):
            values[f"master/tasks_{state}"] = sum(task["state"] == f"TASK_{state.upper()}" for task in running)
        if master.recovered:
            values.update(dict.fromkeys(self.leader_metrics, 0.0))
        return values

    # --- v1 -------------------------------------------------------------------------------------------------------

    async def v1(self, request):
        call = api.parse_call(request, "master", ACCEPTS, TYPES)
        if isinstance(call, Response):
            return call
        kind = call["type"]
        if kind in AGENT_CALLS:
            return await self.agent_call(kind, call)
        if kind in MAINTENANCE_CALLS:
            return await self.maintenance_call(kind, call)
        if kind == "TEARDOWN":
            framework = self.master.frameworks.get(call.get("teardown", {}).get("framework_id", {}).get("value"))
            if framework is None:
                return text(400, "No framework found with specified ID")
            self.master.remove_framework(framework)
            return empty()
        if kind == "GET_METRICS":
            return ok_v1(api.metrics_v1(await self.metrics.snapshot(self.metric_values())))
        views = {
            "GET_HEALTH": api.health_v1,
            "GET_VERSION": api.version_v1,
            "GET_FLAGS": lambda: api.flags_v1(self.master.flags),
            "GET_LOGGING_LEVEL": api.logging_level_v1,
            "GET_MASTER": self.get_master,
            "GET_WEIGHTS": lambda: {"type": kind},
            "GET_QUOTA": lambda: {"type": kind, "get_quota": {"status": {}}},
            "GET_OPERATIONS": lambda: {"type": kind, "get_operations": {}},
            "GET_MAINTENANCE_STATUS": lambda: self.wrapped(kind, {"status": self.master.machines().status()}),
            "GET_MAINTENANCE_SCHEDULE": lambda: self.wrapped(kind, {"schedule": self.master.machines().schedule()}),
            "GET_AGENTS": lambda: self.wrapped(kind, self.get_agents()),
            "GET_TASKS": lambda: self.wrapped(kind, self.get_tasks()),
            "GET_EXECUTORS": lambda: self.wrapped(kind, {"executors": []}),
            "GET_FRAMEWORKS": lambda: self.wrapped(kind, self.get_frameworks()),
            "GET_ROLES": lambda: self.wrapped(kind, self.get_roles()),
            "GET_STATE": lambda: self.wrapped(
                kind,
                {
                    "get_tasks": self.get_tasks(),
                    "get_executors": {"executors": []},
                    "get_frameworks": self.get_frameworks(),
                    "get_agents": self.get_agents(),
                },
            ),
        }
        return ok_v1(views[kind]())

    @staticmethod
    def wrapped(kind, value):
        return {"type": kind, kind.lower(): value}

    async def agent_call(self, kind, call):
        field = kind.lower()
        if field not in call:
            return text(400, f"Failed to validate master::Call: Expecting '{field}' to be present")
        body = call[field]
        agent = body.get("agent_id")
        if not isinstance(agent, dict):
            complaint = f"Not expecting a JSON {json_type(agent)} for field 'agent_id'"
            return text(400, f"Failed to convert JSON into Call protobuf: {complaint}")
        agent_id = agent.get("value")
        if kind == "DRAIN_AGENT":
            config = {}
            if "max_grace_period" in body:
                config["max_grace_period"] = duration(body["max_grace_period"])
            config["mark_gone"] = bool(body.get("mark_gone", False))
            await self.master.drain(agent_id, config)
        elif kind == "DEACTIVATE_AGENT":
            await self.master.deactivate(agent_id)
        elif kind == "REACTIVATE_AGENT":
            await self.master.reactivate(agent_id)
        elif not await self.master.mark_gone(agent_id):
            return text(404, f"Agent '{agent_id}' not found")
        return empty()

    async def maintenance_call(self, kind, call):
        field = kind.lower()
        if field not in call:
            return text(400, f"Failed to validate master::Call: Expecting '{field}' to be present")
        body = call[field]
        if kind == "UPDATE_MAINTENANCE_SCHEDULE":
            await self.master.update_schedule(maintenance.parse_schedule(body.get("schedule", {})))
        else:
            machines = maintenance.machines_of(body.get("machines"))
            await (self.master.machines_down if kind == "START_MAINTENANCE" else self.master.machines_up)(machines)
        return empty()

    def get_master(self):
        info = self.master.info()
        order = ("id", "ip", "port", "pid", "hostname", "version", "address", "capabilities")
        shown = {"master_info": {key: info[key] for key in order}, "start_time": self.master.start_time}
        return self.wrapped("GET_MASTER", {**shown, "elected_time": self.master.elected_time})

    @staticmethod
    def agent_info(info, **more):
        return {
            "hostname": info["hostname"],
            "port": info["port"],
            "resources": resources.full(info["resources"], **more),
            "attributes": resources.attributes_full(info["attributes"]),
            "id": {"value": info["id"]},
            "checkpoint": True,
        }

    def get_agents(self):
        shown = []
        for agent in self.master.agents.values():
            entry = self.agent_entry(agent)
            each = {
                "agent_info": self.agent_info(agent.info),
                "active": agent.connected and not entry["deactivated"],
                "deactivated": entry["deactivated"],
                "version": agent.version,
                "pid": agent.pid,
                "registered_time": api.nanoseconds(agent.registered_time),
            }
            if not build.HAS_DRAIN:
                del each["deactivated"]
            if agent.reregistered_time:
                each["reregistered_time"] = api.nanoseconds(agent.reregistered_time)
            each["total_resources"] = resources.full(agent.info["resources"], role="*")
            used = resources.full(self.used(agent), role="*", allocation_info={"role": "*"})
            if used:
                each["allocated_resources"] = used
            each["capabilities"] = [{"type": name} for name in agent.capabilities]
            if "drain_info" in entry:
                each["drain_info"] = entry["drain_info"]
                if agent.drain_started:
                    each["estimated_drain_start_time"] = api.nanoseconds(int(agent.drain_started))
            shown.append(each)
        recovered = [self.agent_info(each["info"]) for each in self.master.recovered_agents.values()]
        return {"agents": shown, "recovered_agents": recovered}

    def get_tasks(self):
        def of(select):
            return [tasks.v1(task) for each in self.all_frameworks() for task in select(each)]

        return {
            "tasks": of(lambda each: each.tasks.values()),
            "unreachable_tasks": of(lambda each: each.unreachable_tasks.values()),
            "completed_tasks": of(lambda each: each.completed_tasks),
        }

    def get_frameworks(self):
        shown = []
        for framework in self.all_frameworks():
            used = resources.total(task["resources"] for task in framework.tasks.values())
            each = {
                "framework_info": framework_info(framework.info),
                "active": framework.connected,
                "connected": framework.connected,
                "recovered": framework.recovered,
                "registered_time": api.nanoseconds(framework.registered_time),
                "reregistered_time": api.nanoseconds(framework.reregistered_time or framework.registered_time),
            }
            if any(used.values()):
                each["allocated_resources"] = resources.full(used, role="*", allocation_info={"role": "*"})
            if build.at_least("1.11.0"):
                each["offer_constraints"] = {}
            shown.append(each)
        return {"frameworks": shown, "completed_frameworks": []}

    def get_roles(self):
        frameworks = list(self.all_frameworks())
        if not frameworks:
            return {"roles": []}
        used = resources.total(task["resources"] for each in frameworks for task in each.tasks.values())
        ids = [{"value": each.id} for each in frameworks]
        return {"roles": [{"name": "*", "weight": 1.0, "frameworks": ids, "resources": resources.full(used)}]}


def framework_info(info):
    shown = {
        "user": info["user"],
        "name": info["name"],
        "id": {"value": info["id"]},
        "failover_timeout": float(info["failover_timeout"]),
        "checkpoint": info["checkpoint"],
        "role": info["role"],
        "capabilities": [{"type": each} for each in info["capabilities"]],
    }
    if info["hostname"]:
        shown["hostname"] = info["hostname"]
    if info["webui_url"]:
        shown["webui_url"] = info["webui_url"]
    return shown
