"""The simulated mesos-master: elects through ZooKeeper, keeps a registry in the replicated log, and holds what agents
and schedulers tell it."""

import asyncio
import ipaddress
import os
import socket
import sys
import time
import uuid

import build
import flags as flag_table
import log
import misbehaviour
import task as tasks
from http_server import Server
from log_replica import Replica
from maintenance import Machines, Refused
from maintenance import name as machine_name
from master_api import Api
from zookeeper import Watch

# From being elected to having read the registry, and from start to a vote, in the recordings (behaviours 5 and 7).
SECONDS_TO_RECOVER_REGISTRY = 0.2


class Agent:
    def __init__(self, info, now):
        self.info = info  # id, hostname, ip, port, attributes, resources
        self.id = info["id"]
        self.pid = f"slave(1)@{info['ip']}:{info['port']}"
        self.version, self.capabilities = build.VERSION, []
        self.registered_time, self.reregistered_time = now, None
        self.connected = True
        self.peer = None
        self.drain_started = None
        self.unanswered_pings = 0
        self.away = None  # the timer that ends in its being unreachable

    def machine(self):
        return {"hostname": self.info["hostname"], "ip": self.info["ip"]}


class Framework:
    def __init__(self, info, now):
        self.info = info  # id, name, user, role, failover_timeout, checkpoint, hostname, webui_url, capabilities
        self.id = info["id"]
        self.registered_time, self.reregistered_time = now, None
        self.peer = None
        self.recovered = False
        self.tasks = {}
        self.unreachable_tasks = {}
        self.completed_tasks = []
        self.failover = None

    @property
    def connected(self):
        return self.peer is not None


class Master:
    def __init__(self, flags):
        self.flags = flags
        self.id = str(uuid.uuid4())
        self.start_time = time.time()
        self.elected_time = None
        self.ip = flags.get("advertise_ip") or flags.get("ip") or socket.gethostbyname(socket.gethostname())
        self.port = int(flags.get("port", "5050"))
        self.hostname = flags.get("hostname") or (
            socket.gethostname() if flags["hostname_lookup"] == "true" else self.ip
        )
        self.flags.setdefault("port", str(self.port))
        self.leader = None  # MasterInfo of the leader that this master knows of
        self.elected = False
        self.recovered = False
        self.registry = {}
        self.agents, self.recovered_agents = {}, {}
        self.frameworks, self.completed_frameworks = {}, {}
        self.seen_machines = set()
        self.counters = {"master/slave_registrations": 0, "master/slave_reregistrations": 0}
        self.next_agent = self.next_framework = 0
        self.writing = asyncio.Lock()
        self.detection = None
        self.replica = Replica(
            os.path.join(flags["work_dir"], "replicated_log"), f"{self.ip}:{self.port}", int(flags.get("quorum", 1))
        )
        self.api = Api(self)

    # --- who leads ------------------------------------------------------------------------------------------------

    def info(self):
        return {
            "address": {"hostname": self.hostname, "ip": self.ip, "port": self.port},
            "capabilities": [{"type": each} for each in build.MASTER_CAPABILITIES],
            "hostname": self.hostname,
            "id": self.id,
            "ip": int.from_bytes(ipaddress.ip_address(self.ip).packed, "little"),
            "pid": f"master@{self.ip}:{self.port}",
            "port": self.port,
            "version": build.VERSION,
        }

    async def run(self):
        loop = asyncio.get_running_loop()
        await Server(self.api.handle, self.link).listen(self.port)
        log.info("main.cpp:545", f"Version: {build.VERSION} (simulator)")
        log.info("master.cpp:446", f"Master {self.id} ({self.hostname}) started on {self.ip}:{self.port}")
        asyncio.ensure_future(self.replica.recover())
        Watch(
            loop,
            self.flags["zk"],
            flag_table.seconds(self.flags["zk_session_timeout"]),
            self.detected,
            self.members,
            self.session_lost,
            self.info(),
            f"{self.ip}:{self.port}",
        ).start()
        await asyncio.Event().wait()

    def members(self, addresses):
        self.replica.members = addresses

    def session_lost(self):
        if self.elected:
            message = "Lost leadership after indecisive election... committing suicide!"
            log.exit_1("master.cpp:2228", message)

    def detected(self, info):
        """ZooKeeper's word on who leads. A test may have told this master to learn it late."""
        if self.detection:
            self.detection.cancel()
        if self.leader and info and misbehaviour.of("election_takes_seconds"):
            self.detection = asyncio.ensure_future(self._detected_late(info))
        else:
            self._detected(info)

    async def _detected_late(self, info):
        loop = asyncio.get_running_loop()
        begun = loop.time()
        while loop.time() - begun < misbehaviour.of("election_takes_seconds", 0):
            await asyncio.sleep(0.3)
        self._detected(info)

    def _detected(self, info):
        if self.leader == info:
            return
        self.leader = info
        if info is None:
            log.info("master.cpp:2203", "The newly elected leader is None")
            if self.elected:
                log.exit_1("master.cpp:2228", "Lost leadership... committing suicide!")
            return
        log.info("master.cpp:2206", f"The newly elected leader is {info['pid']} with id {info['id']}")
        if info["id"] == self.id and not self.elected:
            log.info("master.cpp:2221", "Elected as the leading master!")
            self.elected, self.elected_time = True, time.time()
            asyncio.ensure_future(self._recover_registry())
        elif info["id"] != self.id and self.elected:
            log.exit_1("master.cpp:2228", "Lost leadership... committing suicide!")

    async def _recover_registry(self):
        log.info("master.cpp:1741", "Recovering from registrar")
        timeout = flag_table.seconds(self.flags["registry_fetch_timeout"])
        try:
            value = await asyncio.wait_for(self.replica.read_as_leader(), timeout)
        except asyncio.TimeoutError:
            log.exit_1(
                "master.cpp:1812",
                "Recovery failed: Failed to recover registrar: Failed to perform fetch within "
                + self.flags["registry_fetch_timeout"],
            )
        await asyncio.sleep(misbehaviour.of("recovery_takes_seconds", SECONDS_TO_RECOVER_REGISTRY))
        self.registry = value or {"slaves": {}, "unreachable": {}, "gone": {}}
        self.recovered_agents = dict(self.registry["slaves"])
        await self.store("recover the registrar")
        self.recovered = True
        log.info("registrar.cpp:556", "Successfully recovered registrar")
        timeout = self.flags["agent_reregister_timeout"]
        log.info(
            "master.cpp:1855",
            f"Recovered {len(self.recovered_agents)} agents from the registry (0B);"
            f" allowing {timeout} for agents to reregister",
        )
        loop = asyncio.get_running_loop()
        loop.call_later(flag_table.seconds(timeout), lambda: asyncio.ensure_future(self._give_up_recovered()))

    async def _give_up_recovered(self):
        for agent_id in list(self.recovered_agents):
            self.registry["slaves"].pop(agent_id, None)
            self.registry["unreachable"][agent_id] = time.time()
            del self.recovered_agents[agent_id]
        await self.store("mark agents unreachable after failover")

    async def store(self, what):
        """Writes the registry. Without a quorum that hangs, and then is the end of this master (behaviour 9)."""
        async with self.writing:
            self.registry["leader"] = self.info()
            timeout = self.flags["registry_store_timeout"]
            try:
                await asyncio.wait_for(self.replica.write(self.registry), flag_table.seconds(timeout))
            except asyncio.TimeoutError:
                log.check_failed(
                    "http.cpp:3130",
                    "CHECK_READY(result): is FAILED: Failed to update registry: Failed to perform store within "
                    f"{timeout} Failed to {what} in the registry",
                )

    def machines(self):
        return Machines(self.registry, self.seen_machines)

    # --- links ----------------------------------------------------------------------------------------------------

    async def link(self, kind, peer):
        if kind == "log":
            message = await peer.receive()
            answer = self.replica.answer(message) if message else None
            peer.send("answer" if answer else "refused", **(answer or {}))
            await peer.writer.drain()
        elif not self.recovered:
            peer.close()  # as a message to a master that does not lead is dropped
        elif kind == "agent":
            await self._agent_link(peer)
        elif kind == "scheduler":
            await self._scheduler_link(peer)

    async def _agent_link(self, peer):
        hello = await peer.receive()
        agent = await self._admit(hello, peer) if hello else None
        if agent is None:
            return
        try:
            while True:
                message = await peer.receive()
                if message is None:
                    break
                agent.unanswered_pings = 0
                if message["kind"] == "update":
                    self._task_update(agent, message["task"])
        finally:
            if agent.peer is peer and self.agents.get(agent.id) is agent:
                self._disconnected(agent)

    async def _admit(self, hello, peer):
        """The agent that (re-)registers, or None where it may not."""
        info = hello["info"]
        where = f"slave(1)@{info['ip']}:{info['port']} ({info['hostname']})"
        machine = {"hostname": info["hostname"], "ip": info["ip"]}
        if self.machines().is_down(machine):
            log.warning("master.cpp:7021", f"Refusing re-registration of agent at {where} because the machine")
            await self._refuse(peer, "Machine is `DOWN`")
            return None
        if info["id"] and info["id"] in self.registry["gone"]:
            await self._refuse(peer, "Agent has been marked gone")
            return None
        now = time.time()
        known = self.agents.get(info["id"])
        if known is None:
            for other in list(self.agents.values()):
                if other.pid == f"slave(1)@{info['ip']}:{info['port']}" and not other.connected:
                    log.info("master.cpp:6891", f"Removing old disconnected agent {other.id} because a registration")
                    await self._remove(other)
            if not info["id"]:
                info["id"] = f"{self.id}-S{self.next_agent}"
                self.next_agent += 1
                self.counters["master/slave_registrations"] += 1
                known = Agent(info, now)
            else:
                self.counters["master/slave_reregistrations"] += 1
                known = Agent(info, now)
                known.reregistered_time = now + 0.00005
            self.agents[info["id"]] = known
            self.recovered_agents.pop(info["id"], None)
            was_unreachable = self.registry["unreachable"].pop(info["id"], None)
            if was_unreachable or self.registry["slaves"].get(info["id"], {}).get("info") != info:
                entry = self.registry["slaves"].setdefault(info["id"], {"deactivated": False})
                entry["info"] = info
                await self.store("admit the agent")
        else:
            known.reregistered_time = now
            known.info = info
        self.seen_machines.add(machine_name(machine))
        known.connected, known.peer, known.unanswered_pings = True, peer, 0
        known.version, known.capabilities = hello["version"], hello["capabilities"]
        if known.away:
            known.away.cancel()
            known.away = None
        entry = self.registry["slaves"][known.id]
        self._take_tasks(known, hello)
        draining = entry.get("drain_info", {}).get("state") == "DRAINING"
        peer.send("registered", id=known.id, drain=entry["drain_info"]["config"] if draining else None)
        log.info(
            "master.cpp:7455", f"{'Re-r' if known.reregistered_time else 'R'}egistered agent {known.id} at {where}"
        )
        asyncio.ensure_future(self._ping(known, peer))
        if draining:
            asyncio.ensure_future(self._check_drained(known))
        self._offer()
        return known

    @staticmethod
    async def _refuse(peer, message):
        peer.send("shutdown", message=message)
        await peer.writer.drain()

    def _take_tasks(self, agent, hello):
        for info in hello["frameworks"]:
            if info["id"] not in self.frameworks and info["id"] not in self.completed_frameworks:
                framework = self.frameworks[info["id"]] = Framework(info, time.time())
                framework.recovered = True
        held = set()
        for task in hello["tasks"]:
            framework = self.frameworks.get(task["framework_id"])
            if framework:
                held.add((framework.id, task["id"]))
                framework.unreachable_tasks.pop(task["id"], None)
                if tasks.is_terminal(task):
                    self._task_update(agent, task)
                else:
                    framework.tasks[task["id"]] = task
                    self._tell(framework, "update", task=task)
        for framework in self.frameworks.values():
            for task in list(framework.tasks.values()):
                if task["slave_id"] == agent.id and (framework.id, task["id"]) not in held:
                    self._lose(framework, task, "TASK_DROPPED", "REASON_RECONCILIATION")

    async def _ping(self, agent, peer):
        interval = flag_table.seconds(self.flags["agent_ping_timeout"])
        while agent.peer is peer and agent.connected:
            await asyncio.sleep(interval)
            if agent.peer is not peer or not agent.connected:
                return
            agent.unanswered_pings += 1
            if agent.unanswered_pings > int(self.flags["max_agent_ping_timeouts"]):
                await self._unreachable(agent)
                return
            peer.send("ping")

    def _disconnected(self, agent):
        log.info("master.cpp:1301", f"Agent {agent.id} at {agent.pid} ({agent.info['hostname']}) disconnected")
        agent.connected, agent.peer = False, None
        # The pings go on: the time is up between one and two of them after the last (behaviour 16: 84 s).
        interval = flag_table.seconds(self.flags["agent_ping_timeout"])
        limit = interval * (int(self.flags["max_agent_ping_timeouts"]) + 0.6)
        agent.away = asyncio.get_running_loop().call_later(
            limit, lambda: asyncio.ensure_future(self._unreachable(agent))
        )
        self._offer()

    async def _unreachable(self, agent):
        if self.agents.get(agent.id) is not agent:
            return
        log.info(
            "master.cpp:8412", f"Marked agent {agent.id} ({agent.info['hostname']}) unreachable: health check timed out"
        )
        entry = self.registry["slaves"].pop(agent.id)
        self.registry["unreachable"][agent.id] = time.time()
        self.registry.setdefault("unreachable_entries", {})[agent.id] = entry
        await self.store("mark the agent unreachable")
        del self.agents[agent.id]
        for framework in self.frameworks.values():
            for task in self._tasks_on(framework, agent):
                tasks.status(task, "TASK_UNREACHABLE", time.time(), agent.info["ip"])
                framework.unreachable_tasks[task["id"]] = framework.tasks.pop(task["id"])
                self._tell(framework, "update", task=task)
        if agent.peer:
            agent.peer.close()
        self._offer()

    @staticmethod
    def _tasks_on(framework, agent):
        return [task for task in framework.tasks.values() if task["slave_id"] == agent.id]

    async def _remove(self, agent, state="TASK_LOST", reason="REASON_SLAVE_REMOVED"):
        self.agents.pop(agent.id, None)
        self.registry["slaves"].pop(agent.id, None)
        if agent.away:
            agent.away.cancel()
        await self.store("remove the agent")
        for framework in self.frameworks.values():
            for task in self._tasks_on(framework, agent):
                self._lose(framework, task, state, reason)
        self._offer()

    def _lose(self, framework, task, state, reason):
        tasks.status(task, state, time.time(), self.ip, reason)
        framework.tasks.pop(task["id"], None)
        framework.completed_tasks.append(task)
        self._count(state)
        self._tell(framework, "update", task=task)

    def _count(self, state):
        key = f"master/{state.lower().replace('task_', 'tasks_')}"
        self.counters[key] = self.counters.get(key, 0) + 1

    def _task_update(self, agent, task):
        framework = self.frameworks.get(task["framework_id"])
        if framework is None:
            return
        if not tasks.is_terminal(task):
            framework.tasks[task["id"]] = task
        elif framework.tasks.pop(task["id"], None):
            framework.completed_tasks.append(task)
            self._count(task["state"])
        self._tell(framework, "update", task=task)
        # A drained agent is noticed when the scheduler acknowledges its last task's end. Who removes the framework
        # before that leaves it DRAINING for ever (behaviour 19).
        if framework.connected and not misbehaviour.of("drain_never_ends"):
            asyncio.ensure_future(self._check_drained(agent))

    # --- schedulers -----------------------------------------------------------------------------------------------

    async def _scheduler_link(self, peer):
        hello = await peer.receive()
        if not hello:
            return
        info, now = hello["framework"], time.time()
        if info.get("id") in self.completed_frameworks:
            peer.send("error", message="Framework has been removed")
            return
        framework = self.frameworks.get(info.get("id"))
        if framework is None:
            again = bool(info.get("id"))
            if not again:
                info["id"] = f"{self.id}-{self.next_framework:04d}"
                self.next_framework += 1
            framework = self.frameworks[info["id"]] = Framework(info, now)
            framework.reregistered_time = now if again else None
        else:
            framework.reregistered_time = now
        framework.info, framework.recovered = info, False
        if framework.failover:
            framework.failover.cancel()
            framework.failover = None
        if framework.peer:
            framework.peer.send("error", message="Framework failed over")
            framework.peer.close()
        framework.peer = peer
        peer.send("subscribed", id=framework.id, tasks=list(framework.tasks.values()))
        log.info("master.cpp:2612", f"Subscribed framework {framework.id} ({info['name']})")
        self._offer()
        while True:
            message = await peer.receive()
            if message is None:
                break
            if message["kind"] == "launch":
                self._launch(framework, message)
            elif message["kind"] == "kill":
                self._kill(framework, message["task_id"])
        if framework.peer is peer:
            framework.peer = None
            timeout = framework.info["failover_timeout"]
            framework.failover = asyncio.get_running_loop().call_later(timeout, self.remove_framework, framework)

    def _tell(self, framework, kind, **fields):
        if framework.peer:
            framework.peer.send(kind, **fields)

    def is_active(self, agent):
        return agent.connected and not self.registry["slaves"][agent.id]["deactivated"]

    def _offer(self):
        """Tells the schedulers which agents may be used."""
        if not self.recovered:
            return
        usable = [
            {"id": agent.id, "hostname": agent.info["hostname"]}
            for agent in self.agents.values()
            if self.is_active(agent)
        ]
        for framework in self.frameworks.values():
            self._tell(framework, "offers", agents=usable, waiting=len(self.recovered_agents))

    def _launch(self, framework, message):
        agent = self.agents.get(message["agent_id"])
        wanted = message["task"]
        task = tasks.new(
            wanted["id"], wanted["name"], framework.id, message["agent_id"], wanted["resources"], framework.info["role"]
        )
        task["_command"] = wanted["command"]
        if agent is None or not self.is_active(agent):
            self._lose(framework, task, "TASK_DROPPED", "REASON_SLAVE_DISCONNECTED")
            return
        framework.tasks[task["id"]] = task
        agent.peer.send("run", framework=framework.info, task=task)

    def _kill(self, framework, task_id):
        task = framework.tasks.get(task_id)
        agent = self.agents.get(task["slave_id"]) if task else None
        if agent and agent.peer:
            agent.peer.send("kill", framework_id=framework.id, task_id=task_id)

    def remove_framework(self, framework):
        self.frameworks.pop(framework.id, None)
        self.completed_frameworks[framework.id] = framework
        for agent in self.agents.values():
            if agent.peer:
                agent.peer.send("shutdown_framework", framework_id=framework.id)
        framework.completed_tasks += framework.tasks.values()
        framework.tasks.clear()
        if framework.peer:
            framework.peer.send("error", message="Framework has been removed")
            framework.peer.close()

    # --- the calls that change something --------------------------------------------------------------------------

    def _agent(self, agent_id, complaint="Unknown agent"):
        if agent_id not in self.registry["slaves"]:
            raise Refused(complaint)
        return self.registry["slaves"][agent_id]

    async def drain(self, agent_id, config):
        entry = self._agent(agent_id)
        was = entry.get("drain_info", {}).get("state")
        entry["deactivated"] = True
        entry["drain_info"] = {"state": "DRAINED" if was == "DRAINED" else "DRAINING", "config": config}
        await self.store("drain the agent")
        self._offer()
        agent = self.agents.get(agent_id)
        if agent is None:
            return
        agent.drain_started = time.time()
        if was != "DRAINED":
            log.info("master.cpp:6050", f"Transitioning agent {agent_id} to the DRAINING state")
            if agent.peer:
                agent.peer.send("drain", config=config)
            await self._check_drained(agent)

    async def _check_drained(self, agent):
        entry = self.registry["slaves"].get(agent.id)
        if entry is None or entry.get("drain_info", {}).get("state") != "DRAINING" or not agent.connected:
            return
        if any(self._tasks_on(framework, agent) for framework in self.frameworks.values()):
            return
        log.info("master.cpp:6102", f"Transitioning agent {agent.id} to the DRAINED state")
        entry["drain_info"]["state"] = "DRAINED"
        if entry["drain_info"]["config"]["mark_gone"]:
            await self.mark_gone(agent.id)
            return
        await self.store("mark the agent drained")
        log.info("master.cpp:6133", f"Agent {agent.id} successfully marked as DRAINED")

    async def deactivate(self, agent_id):
        self._agent(agent_id)["deactivated"] = True
        await self.store("deactivate the agent")
        self._offer()

    async def reactivate(self, agent_id):
        entry = self._agent(agent_id, "Agent is not deactivated")
        if not entry["deactivated"]:
            raise Refused("Agent is not deactivated")
        if entry.get("drain_info", {}).get("state") == "DRAINING":
            raise Refused("Agent is still in the DRAINING state")
        entry["deactivated"] = False
        entry.pop("drain_info", None)
        if agent_id in self.agents:
            self.agents[agent_id].drain_started = None
        await self.store("reactivate the agent")
        self._offer()

    async def mark_gone(self, agent_id):
        """False for an agent that nobody knows."""
        if agent_id in self.registry["gone"]:
            return True
        if agent_id not in self.registry["slaves"] and agent_id not in self.registry["unreachable"]:
            return False
        self.registry["gone"][agent_id] = time.time()
        self.registry["unreachable"].pop(agent_id, None)
        agent = self.agents.get(agent_id)
        if agent:
            if agent.peer:
                agent.peer.send("shutdown", message="Agent has been marked gone")
            await self._remove(agent, "TASK_GONE_BY_OPERATOR", "REASON_SLAVE_REMOVED_BY_OPERATOR")
        else:
            self.registry["slaves"].pop(agent_id, None)
            await self.store("mark the agent gone")
        return True

    async def update_schedule(self, windows):
        self.machines().update(windows)
        await self.store("update maintenance schedule")

    async def machines_down(self, ids):
        self.machines().down(ids)
        await self.store("start maintenance")
        for agent in list(self.agents.values()):
            if agent.machine() in ids:
                if agent.peer:
                    agent.peer.send("shutdown", message="Operator initiated 'Machine DOWN'")
                await self._remove(agent)

    async def machines_up(self, ids):
        self.machines().up(ids)
        await self.store("stop maintenance")


def main():
    flags = flag_table.load("master", build.VERSION, sys.argv[1:], os.environ)
    if "zk" not in flags or "quorum" not in flags:
        sys.exit("Expecting --zk and --quorum: the simulator has no master without ZooKeeper")
    asyncio.run(Master(flags).run())


if __name__ == "__main__":
    main()
