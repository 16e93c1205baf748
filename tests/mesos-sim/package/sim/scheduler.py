"""A simulated scheduler in the manner of Marathon: instances that elect a leader through ZooKeeper, of which the leader
subscribes to the Mesos leader under a framework id kept in ZooKeeper, and keeps a number of tasks running.

Nothing of it is recorded; it follows Marathon's documentation for the endpoints that an upgrade asks."""

import asyncio
import json
import os
import signal
import socket
import sys
import time
import uuid

import build
import log
import misbehaviour
from http_server import Response, Server, dumps, not_found, text
from peer import Peer
from zookeeper import Watch

# The endpoints of other schedulers, from their documentation: what tells that an instance is healthy, and who leads.
MANNERS = {
    "marathon": {"health": "/ping", "leader": "/v2/leader"},
    "chronos": {"health": "/ping", "leader": "/v1/scheduler/leader"},
    "aurora": {"health": "/health", "leading": "/leaderhealth"},
    "spark": {"health": "/"},
}
ENDED = {"TASK_FINISHED", "TASK_FAILED", "TASK_KILLED", "TASK_LOST", "TASK_ERROR", "TASK_DROPPED", "TASK_GONE"}
ENDED |= {"TASK_GONE_BY_OPERATOR"}
SECONDS_OF_SESSION = 10
# How long the agents on offer must have stayed the same before anything is launched.
SECONDS_OF_PATIENCE = 1.5


class Scheduler:
    def __init__(self, environment):
        def of(name, default):
            return environment.get(f"MARATHON_{name}", default)

        self.master_url, self.zk = of("MASTER", ""), of("ZK", "")
        self.hostname, self.port = of("HOSTNAME", socket.gethostname()), int(of("HTTP_PORT", "8080"))
        self.name = of("FRAMEWORK_NAME", "marathon")
        self.manner = MANNERS[of("SIM_MANNER", "marathon")]
        self.failover_timeout = float(of("FAILOVER_TIMEOUT", "604800"))
        self.command = of("SIM_COMMAND", "sleep infinity")
        self.instances = int(of("SIM_INSTANCES", "0"))
        self.agents_at_first = int(of("SIM_AGENTS", "1"))
        self.session_seconds = float(of("ZK_SESSION_TIMEOUT", str(SECONDS_OF_SESSION * 1000))) / 1000
        self.library = environment.get("MESOS_NATIVE_JAVA_LIBRARY", "/usr/lib/libmesos.so")
        self.version = build.SCHEDULER_VERSION
        self.leader = None
        self.master = None
        self.peer = None
        self.framework_id = None
        self.tasks = {}  # id: the agent's id
        self.offers, self.waiting = [], 0
        self.running = None
        self.saving = None
        self.filling = None
        self.restarting = []

    @property
    def me(self):
        return f"{self.hostname}:{self.port}"

    @property
    def leads(self):
        return self.leader == self.me

    async def run(self):
        if not os.path.exists(self.library):
            log.exit_1("MesosNativeLibrary", f"Failed to load native Mesos library from {self.library}")
        loop = asyncio.get_running_loop()
        await Server(self.handle).listen(self.port)
        self.election = Watch(
            loop,
            f"{self.zk}/leader-curator",
            self.session_seconds,
            self._elected,
            lost=self._session_lost,
            contender={"host": self.me},
            prefix="latch-",
        )
        self.election.start()
        Watch(loop, self.master_url, self.session_seconds, self._detected).start()
        ended = asyncio.Event()
        loop.add_signal_handler(signal.SIGTERM, ended.set)
        await ended.wait()
        # Unlike a master it resigns.
        await loop.run_in_executor(None, self.election.stop)
        os._exit(0)

    def _session_lost(self):
        if self.running:
            log.exit_1("marathon", "Lost leadership, committing suicide")

    def _elected(self, info):
        self.leader = info["host"] if info else None
        log.info("marathon", f"The leader is {self.leader}")
        if self.leads and not self.running:
            self.running = asyncio.ensure_future(self._lead())

    def _detected(self, info):
        self.master = info
        if self.peer:
            self.peer.close()

    # --- the framework --------------------------------------------------------------------------------------------

    def _state(self, change=None):
        """Reads what is kept in ZooKeeper, or keeps it. Runs in a thread."""
        path = self.zk.split("/", 3)[3]
        path = f"/{path}/state/framework"
        client = self.election.client
        client.ensure_path(path)
        if change is None:
            data = client.get(path)[0]
            return json.loads(data) if data else {"id": None, "tasks": {}}
        client.set(path, json.dumps(change).encode())
        return None

    def _save(self):
        async def save():
            await asyncio.sleep(0.05)
            self.saving = None
            kept = {"id": self.framework_id, "tasks": self.tasks}
            await asyncio.get_running_loop().run_in_executor(None, self._state, kept)

        if self.saving is None:
            self.saving = asyncio.ensure_future(save())

    async def _lead(self):
        kept = await asyncio.get_running_loop().run_in_executor(None, self._state)
        self.framework_id, self.tasks = kept["id"], kept["tasks"]
        if misbehaviour.of("loses_framework_id"):
            self.framework_id, self.tasks = None, {}
        while True:
            if self.master and not misbehaviour.of("never_subscribes"):
                await self._subscription()
            await asyncio.sleep(0.3)

    async def _subscription(self):
        address = self.master["address"]
        try:
            self.peer = await Peer.connect(address["ip"], address["port"], "scheduler")
        except (OSError, asyncio.TimeoutError):
            return
        info = {
            "id": self.framework_id,
            "name": self.name,
            "user": "root",
            "role": "*",
            "failover_timeout": self.failover_timeout,
            "checkpoint": True,
            "hostname": self.hostname,
            "webui_url": f"http://{self.me}",
            "capabilities": ["PARTITION_AWARE", "TASK_KILLING_STATE"],
        }
        self.peer.send("subscribe", framework=info)
        while True:
            message = await self.peer.receive()
            if message is None:
                break
            if message["kind"] == "subscribed":
                self.framework_id = message["id"]
                log.info("marathon", f"Subscribed with framework id {self.framework_id}")
                self._save()
            elif message["kind"] == "offers":
                self.offers, self.waiting = message["agents"], message["waiting"]
            elif message["kind"] == "update":
                self._update(message["task"])
            elif message["kind"] == "error":
                log.exit_1("marathon", f"Error from the master: {message['message']}")
            self._fill_soon()
        self.peer.close()
        self.peer = None

    def _update(self, task):
        if task["state"] in ENDED:
            if self.tasks.pop(task["id"], None):
                self._save()
            if task["id"] in self.restarting:
                self.restarting.remove(task["id"])
                self._restart_next()
        elif task["id"] not in self.tasks:
            self.tasks[task["id"]] = task["slave_id"]
            self._save()

    def _fill_soon(self):
        if self.filling:
            self.filling.cancel()
        self.filling = asyncio.get_running_loop().call_later(SECONDS_OF_PATIENCE, self._fill)

    def _fill(self):
        """Launches what is missing, on the agents with the fewest tasks."""
        if self.waiting or not self.framework_id or not self.peer:
            return
        if not self.tasks and len(self.offers) < self.agents_at_first:
            return  # so that the first tasks spread over all agents
        while self.offers and len(self.tasks) < self.instances:
            held = list(self.tasks.values())
            agent = min(self.offers, key=lambda each: (held.count(each["id"]), each["hostname"]))
            task_id = f"sleeper.{uuid.uuid4()}"
            self.tasks[task_id] = agent["id"]
            task = {"id": task_id, "name": "sleeper", "command": self.command, "resources": {"cpus": 0.1, "mem": 32.0}}
            self.peer.send("launch", agent_id=agent["id"], task=task)
            self._save()

    def _restart_next(self):
        if self.restarting and self.peer:
            self.peer.send("kill", task_id=self.restarting[0])

    # --- HTTP -----------------------------------------------------------------------------------------------------

    def _json(self, value, status=200):
        headers = [("Content-Type", "application/json"), ("Content-Length", None)]
        if self.leader:
            headers.insert(0, ("X-Marathon-Leader", f"http://{self.leader}"))
        return Response(status, headers, dumps(value))

    async def handle(self, request):
        if misbehaviour.of("scheduler_api") == "503":
            return text(503, "Service Unavailable")
        if request.path == self.manner["health"]:
            return text(200, "pong")
        if request.path == self.manner.get("leading"):
            return text(200, "OK") if self.leads else text(503, "Not the leader")
        if request.path == self.manner.get("leader") and request.method == "GET":
            if self.leader is None:
                return self._json({"message": "There is no leader"}, 404)
            return self._json({"leader": self.leader})
        if self.leader is None:
            return text(503, "Could not determine the current leader")
        if not self.leads:
            return await self._proxy(request)
        if request.path == "/v2/leader" and request.method == "DELETE":
            asyncio.get_running_loop().call_later(0.1, lambda: asyncio.ensure_future(self._abdicate()))
            return self._json({"message": "Leadership abdicated"})
        if request.path == "/v2/info":
            return self._json(self._info())
        if request.path == "/v2/deployments":
            return self._json([{"id": "restart", "affectedApps": ["/sleeper"]}] if self.restarting else [])
        if request.path == "/v2/apps":
            app = {"id": "/sleeper", "cmd": self.command, "instances": self.instances, "tasksRunning": len(self.tasks)}
            return self._json({"apps": [app]})
        if request.path == "/v2/tasks":
            shown = [{"id": each, "slaveId": agent, "appId": "/sleeper"} for each, agent in self.tasks.items()]
            return self._json({"tasks": shown})
        if request.path in ("/v2/apps/sleeper/restart", "/v2/apps//sleeper/restart") and request.method == "POST":
            if not self.restarting:
                self.restarting = list(self.tasks)
                self._restart_next()
            return self._json({"version": time.strftime("%Y-%m-%dT%H:%M:%S.000Z"), "deploymentId": "restart"})
        return not_found()

    async def _abdicate(self):
        await asyncio.get_running_loop().run_in_executor(None, self.election.stop)
        os._exit(0)  # The supervisor starts it again, as a follower.

    def _info(self):
        return {
            "name": self.name,
            "version": self.version,
            "buildref": "simulator",
            "elected": self.leads,
            "leader": self.leader,
            "frameworkId": self.framework_id,
            "mesos": {"library": os.path.realpath(self.library)},
            "marathon_config": {
                "master": self.master_url,
                "failover_timeout": int(self.failover_timeout),
                "framework_name": self.name,
                "ha": True,
                "checkpoint": True,
                "hostname": self.hostname,
            },
            "zookeeper_config": {"zk": self.zk},
            "http_config": {"http_port": self.port},
        }

    async def _proxy(self, request):
        host, _, port = self.leader.rpartition(":")
        try:
            reader, writer = await asyncio.wait_for(asyncio.open_connection(host, int(port)), 2)
        except (OSError, asyncio.TimeoutError):
            return text(503, "Could not reach the current leader")
        head = f"{request.method} {request.path} HTTP/1.1\r\nHost: {self.leader}\r\nConnection: close\r\n"
        writer.write(f"{head}Content-Length: {len(request.body)}\r\n\r\n".encode() + request.body)
        answer = await reader.read()
        writer.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = [
            tuple(line.split(": ", 1))
            for line in lines[1:]
            if not line.lower().startswith(("date:", "content-length:"))
        ]
        return Response(int(lines[0].split()[1]), [*headers, ("Content-Length", None)], body)


def main():
    asyncio.run(Scheduler(os.environ).run())


if __name__ == "__main__":
    sys.exit(main())
