"""Election and membership through ZooKeeper, as Mesos does them: ephemeral, sequential nodes below the path of --zk.

`json.info_NNNNNNNNNN` holds a contending master's MasterInfo; the one with the lowest number leads.
`log_replicas/NNNNNNNNNN` is a replica of the replicated log. One thread talks to ZooKeeper and sleeps until something
happens; everything it finds is told to the event loop."""

import json
import logging
import queue
import re
import threading

from kazoo.client import KazooClient, KazooState
from kazoo.exceptions import KazooException

# It reports each try to connect, on stderr.
logging.getLogger("kazoo").setLevel(logging.CRITICAL)


class Watch:
    """Tells `leader(info or None)`, `members(addresses)` and `lost()` in the event loop.

    A process that contends gives what the others learn of it as `contender`; one with a replica of the log gives its
    `log_address`. `lost()` is called when this session can't be alive any more: a session timeout after the connection
    broke, or when ZooKeeper says so."""

    def __init__(
        self, loop, url, timeout, leader, members=None, lost=None, contender=None, log_address=None, prefix="json.info_"
    ):
        hosts, _, path = re.fullmatch(r"zk://(?:[^@/]*@)?([^/]+)(/.*)?", url).group(1, 1, 2)
        self.path = (path or "").rstrip("/")
        self.loop, self.timeout = loop, timeout
        self.on_leader, self.on_members, self.on_lost = leader, members, lost
        self.contender, self.log_address, self.prefix = contender, log_address, prefix
        self.events = queue.Queue()
        self.joined = {}  # path: the session in which this process has a node there
        self.expiry = None
        self.told = {}
        self.hosts = hosts
        self.client = self._new_client()

    def _new_client(self):
        client = KazooClient(
            hosts=self.hosts,
            timeout=self.timeout,
            connection_retry={"max_tries": -1, "delay": 0.2, "backoff": 2, "max_delay": 1.0},
            command_retry={"max_tries": 0},
        )
        # What an abandoned client still finds out is of no interest.
        client.add_listener(lambda state: self._state(state) if client is self.client else None)
        return client

    def start(self):
        self.client.start_async()
        threading.Thread(target=self._run, daemon=True).start()

    def _state(self, state):
        # Called in kazoo's thread, which must not wait for ZooKeeper.
        self.loop.call_soon_threadsafe(self._connection, state)
        if state == KazooState.CONNECTED:
            self.events.put("connected")

    def _connection(self, state):
        if self.expiry:
            self.expiry.cancel()
            self.expiry = None
        if state == KazooState.SUSPENDED:
            self.expiry = self.loop.call_later(self.timeout, self._give_up_session)
        elif state == KazooState.LOST:
            self._expired()

    def _give_up_session(self):
        """As Mesos does, a session that may be over is not taken up again. Its nodes last until it expires."""
        old, self.client = self.client, self._new_client()
        threading.Thread(target=old.stop, daemon=True).start()
        self.client.start_async()
        self._expired()

    def _expired(self):
        self._tell("leader", self.on_leader, None)
        if self.on_members:
            self._tell("members", self.on_members, ())
        if self.on_lost:
            self.on_lost()

    def _tell(self, what, told, value):
        if self.told.get(what, self) != value:
            self.told[what] = value
            told(value)

    def _run(self):
        while True:
            self.events.get()
            while not self.events.empty():
                self.events.get()
            try:
                self._look()
            except (KazooException, ConnectionError, TimeoutError):
                pass  # The connection is gone; that it is back is an event.

    def _look(self):
        session = self.client.client_id
        if session is None:
            return  # That it is there is an event.
        self.client.ensure_path(self.path or "/")
        if self.log_address:
            self.client.ensure_path(f"{self.path}/log_replicas")
            self._member(session[0], f"{self.path}/log_replicas/", f"log-replica(1)@{self.log_address}")
        if self.contender:
            self._member(session[0], f"{self.path}/{self.prefix}", json.dumps(self.contender, separators=(",", ":")))
        if self.on_members:
            names = self.client.get_children(f"{self.path}/log_replicas", watch=self._changed)
            data = [self._get(f"{self.path}/log_replicas/{name}") for name in sorted(names)]
            found = tuple(each.decode().split("@")[1] for each in data if each)
            self.loop.call_soon_threadsafe(self._tell, "members", self.on_members, found)
        names = self.client.get_children(self.path or "/", watch=self._changed)
        contenders = sorted(name for name in names if name.startswith(self.prefix))
        info = self._get(f"{self.path}/{contenders[0]}") if contenders else None
        self.loop.call_soon_threadsafe(self._tell, "leader", self.on_leader, json.loads(info) if info else None)

    def stop(self):
        """Ends the session, so that the others need not wait for its timeout."""
        self.client.stop()

    def _member(self, session, path, data):
        """Makes the session's node, once."""
        if self.joined.get(path) != session:
            self.client.create(path, data.encode(), ephemeral=True, sequence=True)
            self.joined[path] = session

    def _get(self, path):
        try:
            return self.client.get(path)[0]
        except KazooException:
            return None

    def _changed(self, _event):
        self.events.put("changed")
