"""The simulated mesos-agent: finds the leader through ZooKeeper, runs tasks in executors that survive it, recovers
them from what it wrote to its work_dir, and refuses to where the real one does."""

import asyncio
import json
import os
import random
import re
import signal
import socket
import sys
import time
import uuid

import build
import executors
import flags as flag_table
import log
import misbehaviour
import resources
import task as tasks
from agent_api import Api
from http_server import Server
from peer import Peer
from zookeeper import Watch

# Recorded: without executors recovery is over at once; with live ones it takes their re-registration timeout and more.
SECONDS_TO_RECOVER = 0.06
SECONDS_AFTER_EXECUTORS = 0.1
# The kill policy of the default command executor, where max_grace_period has no effect (behaviour 21).
SECONDS_OF_GRACE = 3

WHAT_TO_DO = """
To restart this agent with a new agent id instead, do as follows:
rm -f {work_dir}/meta/slaves/latest
This ensures that the agent does not recover old live executors.

If you use the Docker containerizer and think that the Docker
daemon state is broken, you can try to clear it. But be careful:
these commands will erase all containers and images from this host,
not just those started by Mesos!
docker kill $(docker ps -q)
docker rm $(docker ps -a -q)
docker rmi $(docker images -q)

Finally, restart the agent."""
POLICY_HINT = """
If recovery failed due to a change in configuration and you want to
keep the current agent id, you might want to change the
`--reconfiguration_policy` flag to a more permissive value.
"""


def as_text(info):
    """An agent's info as protobuf's text, which fills a screen or two of the log, after the reason."""
    lines = [f'hostname: "{info["hostname"]}"']
    for name, value in info["resources"].items():
        lines += ["resources {", f'  name: "{name}"']
        if name == "ports":
            for begin, end in re.findall(r"(\d+)-(\d+)", value):
                lines += [
                    "  type: RANGES",
                    "  ranges {",
                    "    range {",
                    f"      begin: {begin}",
                    f"      end: {end}",
                    "    }",
                    "  }",
                ]
        else:
            lines += ["  type: SCALAR", "  scalar {", f"    value: {value:g}", "  }"]
        lines.append("}")
    for name, value in info["attributes"].items():
        lines += ["attributes {", f'  name: "{name}"', "  type: TEXT", "  text {", f'    value: "{value}"', "  }", "}"]
    lines += ["id {", f'  value: "{info["id"]}"', "}", "checkpoint: true", f"port: {info['port']}", ""]
    return "\n".join(lines)


class Agent:
    def __init__(self, flags):
        self.flags = flags
        self.start_time = time.time()
        self.ip = flags.get("advertise_ip") or flags.get("ip") or socket.gethostbyname(socket.gethostname())
        self.port = int(flags.get("port", "5051"))
        self.flags.setdefault("port", str(self.port))
        self.hostname = flags.get("hostname") or (
            socket.gethostname() if flags["hostname_lookup"] == "true" else self.ip
        )
        attributes = dict(part.split(":", 1) for part in flags.get("attributes", "").split(";") if part)
        self.info = {
            "id": "",
            "hostname": self.hostname,
            "ip": self.ip,
            "port": self.port,
            "attributes": attributes,
            "resources": resources.parse(flags.get("resources", "cpus:2;mem:1024;disk:2048;ports:[31000-32000]")),
        }
        self.tasks, self.frameworks, self.completed = {}, {}, []
        self.kills = {}  # (framework, task): the reason of a kill that is under way
        self.unsent = []  # ends of tasks that no master has been told
        self.drain_config = self.drain_started = None
        self.recovered = False
        self.recovery_seconds = 0.0
        self.leader = None
        self.peer = None
        self.registered = False
        self.terminated_executors = 0
        self.counters = {}
        self.registering = None
        self.api = Api(self)

    # --- what is on disk ------------------------------------------------------------------------------------------

    @property
    def slaves_dir(self):
        return os.path.join(self.flags["work_dir"], "meta", "slaves")

    def _write(self, name, value):
        path = os.path.join(self.slaves_dir, self.info["id"], name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path + ".new", "w") as file:
            json.dump(value, file)
        os.rename(path + ".new", path)

    def _read(self, name):
        try:
            with open(os.path.join(self.slaves_dir, "latest", name)) as file:
                return json.load(file)
        except FileNotFoundError:
            return None

    def checkpoint(self):
        if self.info["id"]:
            kept = {"frameworks": list(self.frameworks.values()), "tasks": list(self.tasks.values())}
            self._write("tasks.json", {**kept, "completed": self.completed, "unsent": self.unsent})

    # --- start and recovery ---------------------------------------------------------------------------------------

    async def run(self):
        loop = asyncio.get_running_loop()
        await Server(self.api.handle).listen(self.port)
        log.info("main.cpp:546", f"Version: {build.VERSION} (simulator)")
        log.info("slave.cpp:283", f"Mesos agent started on (1)@{self.ip}:{self.port}")
        if not self.flags["master"].startswith("zk://"):
            sys.exit("Expecting --master=zk://...: the simulator finds its master through ZooKeeper only")
        timeout = flag_table.seconds(self.flags["zk_session_timeout"])
        Watch(loop, self.flags["master"], timeout, self.detected).start()
        await self._recover()
        self._register_soon()
        await asyncio.Event().wait()

    def _fail_recovery(self, message):
        if "policy" not in message:
            old = self._read("slave.info")
            new = {**self.info, "id": old["id"]}
            line = "-" * 60
            message += (
                f"\n\n{line}\nOld agent info:\n{as_text(old)}\n\n{line}\nNew agent info:\n{as_text(new)}\n\n{line}"
            )
        hint = WHAT_TO_DO.format(work_dir=self.flags["work_dir"])
        log.exit_1("slave.cpp:8366", f"Failed to perform recovery: {message}{POLICY_HINT}{hint}")

    def _compatible(self, old):
        """Ends the process where the recovered info may not become the new one (behaviour 13)."""
        new = {**self.info, "id": old["id"]}
        if misbehaviour.of("refuses_recovery"):
            self._fail_recovery("Incompatible agent info detected. ")
        if new == old:
            return
        if self.flags["reconfiguration_policy"] == "equal":
            self._fail_recovery("Incompatible agent info detected. ")
        refused = "Configuration change not permitted under 'additive' policy: "
        for name in ("hostname", "port", "ip"):
            if new[name] != old[name]:
                self._fail_recovery(f"{refused}{name.capitalize()} changed from {old[name]} to {new[name]}")
        for name, value in old["attributes"].items():
            now = new["attributes"].get(name)
            if now != value:
                self._fail_recovery(f"{refused}Value of text attribute '{name}' changed from {value} to {now}")
        for name, value in old["resources"].items():
            now = new["resources"].get(name, 0.0)
            if name != "ports" and now < value:
                self._fail_recovery(f"{refused}Value of scalar resource '{name}' decreased from {value} to {now}")

    async def _recover(self):
        loop = asyncio.get_running_loop()
        begun = loop.time()
        log.info("state.cpp:68", f"Recovering state from '{os.path.join(self.flags['work_dir'], 'meta')}'")
        old = self._read("slave.info")
        if old:
            self._compatible(old)
            self.info["id"] = old["id"]
        kept = self._read("tasks.json") or {"frameworks": [], "tasks": [], "completed": [], "unsent": []}
        self.frameworks = {each["id"]: each for each in kept["frameworks"]}
        self.completed, self.unsent = kept["completed"], kept["unsent"]
        alive = [each for each in kept["tasks"] if executors.is_alive(each["_pid"], each["_container"])]
        if self.flags["recover"] == "cleanup":
            await self._clean_up(alive)
        if misbehaviour.of("tasks_die_at_restart") and alive:
            executors.kill(alive[0]["_pid"], alive[0]["_container"], signal.SIGKILL)
            await asyncio.sleep(0.1)
        for each in kept["tasks"]:
            self.tasks[each["framework_id"], each["id"]] = each
            if executors.is_alive(each["_pid"], each["_container"]):
                log.info("slave.cpp:7630", f"Sending reconnect request to executor '{each['id']}'")
                self._watch(each)
            else:
                self._end(each, "TASK_FAILED", "REASON_EXECUTOR_TERMINATED")
        wait = SECONDS_TO_RECOVER
        if alive:
            wait = flag_table.seconds(self.flags["executor_reregistration_timeout"]) + SECONDS_AFTER_EXECUTORS
        await asyncio.sleep(wait)
        self.recovered = True
        self.recovery_seconds = loop.time() - begun
        log.info("slave.cpp:7942", "Finished recovery")

    async def _clean_up(self, alive):
        """--recover=cleanup ends the executors and then the agent, which keeps its id (behaviour 15)."""
        for each in alive:
            executors.kill(each["_pid"], each["_container"], signal.SIGKILL)
        path = os.path.join(self.slaves_dir, "latest", "tasks.json")
        if os.path.exists(path):
            os.remove(path)
        await asyncio.sleep(0.1)
        log.info("slave.cpp:1004", "Agent terminating")
        os._exit(0)

    # --- the master -----------------------------------------------------------------------------------------------

    def detected(self, info):
        if info != self.leader:
            self.leader = info
            if info:
                log.info("slave.cpp:1131", f"New master detected at {info['pid']}")
            else:
                log.warning("slave.cpp:1110", "Lost leading master")
            if self.peer:
                self.peer.close()
            self._register_soon()

    def _register_soon(self):
        if self.registering:
            self.registering.cancel()
        self.registering = asyncio.ensure_future(self._stay_registered())

    async def _stay_registered(self):
        backoff = flag_table.seconds(self.flags["registration_backoff_factor"])
        while self.recovered and self.leader:
            await asyncio.sleep(random.uniform(0.1, 0.3) * backoff)
            if not misbehaviour.of("never_registers"):
                await self._session()
            await asyncio.sleep(random.uniform(0, backoff))

    async def _session(self):
        """One registration with the leader, until it ends."""
        address = self.leader["address"]
        try:
            peer = await Peer.connect(address["ip"], address["port"], "agent")
        except (OSError, asyncio.TimeoutError):
            return
        self.peer = peer
        peer.send(
            "register",
            info=self.info,
            version=build.VERSION,
            capabilities=build.AGENT_CAPABILITIES,
            frameworks=list(self.frameworks.values()),
            tasks=[*self.tasks.values(), *self.unsent],
        )
        try:
            while True:
                message = await peer.receive()
                if message is None:
                    break
                getattr(self, f"_on_{message['kind']}")(message)
        finally:
            if self.registered and self.peer is peer:
                log.warning("slave.cpp:4801", "Master disconnected! Waiting for a new master to be elected")
            self.registered = False
            self.peer = None
            peer.close()

    def _on_registered(self, message):
        again = bool(self.info["id"])
        self.info["id"] = message["id"]
        self.registered, self.unsent = True, []
        if self._read("slave.info") is None:
            self._write("slave.info", self.info)
            latest = os.path.join(self.slaves_dir, "latest")
            if os.path.islink(latest):
                os.remove(latest)
            os.symlink(message["id"], latest)
        self.checkpoint()
        log.info("slave.cpp:1600", f"{'Re-r' if again else 'R'}egistered with master {self.leader['pid']}")
        if message["drain"]:
            self._on_drain({"config": message["drain"]})

    def _on_ping(self, _message):
        self.peer.send("pong")

    def _on_shutdown(self, message):
        log.info("slave.cpp:1041", f"Agent asked to shut down by {self.leader['pid']} because '{message['message']}'")
        for each in self.tasks.values():
            executors.kill(each["_pid"], each["_container"], signal.SIGKILL)
        had_tasks = bool(self.tasks)
        self.tasks.clear()
        self.checkpoint()
        log.info("slave.cpp:1004", "Agent terminating")
        # With a task the executors' shutdown takes a second (behaviour 24); it exits 0 either way.
        asyncio.get_running_loop().call_later(1.0 if had_tasks else 0.1, os._exit, 0)

    # --- tasks ----------------------------------------------------------------------------------------------------

    def sandbox(self, each):
        parts = ("slaves", self.info["id"], "frameworks", each["framework_id"], "executors", each["id"], "runs")
        return os.path.join(self.flags["work_dir"], *parts, each["_container"])

    def _on_run(self, message):
        each, framework = message["task"], message["framework"]
        self.frameworks[framework["id"]] = framework
        each["_container"] = str(uuid.uuid4())
        each["_pid"] = executors.start(each["_container"], each["_command"], self.sandbox(each))
        each["_library"] = build.VERSION
        self.tasks[each["framework_id"], each["id"]] = each
        self._watch(each)
        for state in ("TASK_STARTING", "TASK_RUNNING"):
            tasks.status(each, state, time.time(), self.ip)
            self._send(each)
        self.checkpoint()

    def _watch(self, each):
        def ended():
            reason = self.kills.pop((each["framework_id"], each["id"]), None)
            if reason is None:
                self._end(each, "TASK_FAILED", "REASON_COMMAND_EXECUTOR_FAILED")
            else:
                self._end(each, "TASK_KILLED", reason)

        executors.watch(asyncio.get_running_loop(), each["_pid"], ended)

    def _send(self, each):
        if self.registered:
            self.peer.send("update", task=each)
        elif tasks.is_terminal(each):
            self.unsent.append(each)

    def _end(self, each, state, reason):
        if self.tasks.pop((each["framework_id"], each["id"]), None) is None:
            return
        log.info("slave.cpp:5512", f"Executor '{each['id']}' of framework {each['framework_id']} terminated: {state}")
        tasks.status(each, state, time.time(), self.ip, reason)
        self.completed.append(each)
        self.terminated_executors += 1
        key = f"slave/{state.lower().replace('task_', 'tasks_')}"
        self.counters[key] = self.counters.get(key, 0) + 1
        self._send(each)
        self.checkpoint()
        if self.drain_config and not self.tasks:
            self.drain_config = self.drain_started = None
            log.info("slave.cpp:1078", "Agent finished draining")

    def _kill(self, each, reason):
        self.kills[each["framework_id"], each["id"]] = reason
        if misbehaviour.of("tasks_ignore_kill"):
            return
        executors.kill(each["_pid"], each["_container"])
        asyncio.get_running_loop().call_later(
            SECONDS_OF_GRACE, executors.kill, each["_pid"], each["_container"], signal.SIGKILL
        )

    def _on_kill(self, message):
        each = self.tasks.get((message["framework_id"], message["task_id"]))
        if each:
            self._kill(each, "REASON_COMMAND_EXECUTOR_KILLED")

    def _on_drain(self, message):
        log.info("slave.cpp:1020", f"Initiating drain with DrainConfig {json.dumps(message['config'])}")
        if self.tasks:
            self.drain_config, self.drain_started = message["config"], int(time.time())
        for each in list(self.tasks.values()):
            self._kill(each, "REASON_AGENT_DRAINING")

    def _on_shutdown_framework(self, message):
        for each in list(self.tasks.values()):
            if each["framework_id"] == message["framework_id"]:
                self._kill(each, "REASON_FRAMEWORK_REMOVED")
        self.frameworks.pop(message["framework_id"], None)


def main():
    flags = flag_table.load("agent", build.VERSION, sys.argv[1:], os.environ)
    if flags.get("runtime_dir") is None:
        flags["runtime_dir"] = "/var/run/mesos"
    asyncio.run(Agent(dict(sorted(flags.items()))).run())


if __name__ == "__main__":
    main()
