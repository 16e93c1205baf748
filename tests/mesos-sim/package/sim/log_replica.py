"""The replicated log in which masters keep their registry: a replica on each master's disk, and writes that a quorum
must have on disk before they count.

It keeps the real one's behaviour at the edges that an upgrade meets: an empty cluster starts only when all 2 * quorum
- 1 replicas are there (behaviour 8), a replica with a file is recovered at once, one without catches up from a
quorum, and without a quorum a write hangs until its timeout (behaviour 9). In place of Paxos, the one that writes
counts epochs."""

import asyncio
import json
import os

import log
import misbehaviour
from peer import Peer


class Replica:
    def __init__(self, directory, address, quorum):
        self.file = os.path.join(directory, "replica.json")
        self.address, self.quorum = address, quorum
        self.members = ()
        self.status, self.promised, self.position, self.value = "EMPTY", 0, 0, None
        os.makedirs(directory, exist_ok=True)
        if os.path.exists(self.file):
            with open(self.file) as file:
                saved = json.load(file)
            self.promised, self.position, self.value = saved["promised"], saved["position"], saved["value"]
            self.status = "VOTING"

    def _save(self):
        with open(self.file + ".new", "w") as file:
            json.dump({"promised": self.promised, "position": self.position, "value": self.value}, file)
        os.rename(self.file + ".new", self.file)

    @property
    def recovered(self):
        return self.status == "VOTING"

    def answer(self, message):
        """The answer to another replica's message, or None for none."""
        kind = message["kind"]
        if kind == "status":
            return {"status": self.status, "position": self.position, "promised": self.promised, "value": self.value}
        if not self.recovered or message["epoch"] < self.promised:
            return None
        self.promised = message["epoch"]
        if kind == "write":
            self.position, self.value = message["position"], message["value"]
        self._save()
        return {"position": self.position, "value": self.value}

    async def _ask_one(self, address, message):
        if address == self.address:
            return self.answer(message)
        host, _, port = address.rpartition(":")
        try:
            peer = await Peer.connect(host, int(port), "log", timeout=1)
        except (OSError, asyncio.TimeoutError):
            return None
        try:
            return await peer.ask(timeout=1, **message)
        except asyncio.TimeoutError:
            return None
        finally:
            peer.close()

    async def _ask(self, message):
        """What the replicas answer that ZooKeeper knows of, and this one."""
        members = dict.fromkeys((self.address, *self.members))
        answers = await asyncio.gather(*(self._ask_one(address, message) for address in members))
        return [answer for answer in answers if answer and answer.get("kind") != "refused"]

    async def recover(self):
        """Returns when this replica may vote."""
        log.info("recover.cpp:437", "Starting replica recovery")
        if misbehaviour.of("log_never_recovers") and self.recovered:
            self.status = "RECOVERING"
        pause = 0.1
        while not self.recovered:
            await asyncio.sleep(pause)
            pause = min(pause * 2, 1)
            if misbehaviour.of("log_never_recovers"):
                continue
            if self.status == "RECOVERING":
                self.status = "VOTING"
                break
            answers = await self._ask({"kind": "status"})
            voting = [each for each in answers if each["status"] == "VOTING"]
            fresh = [each for each in answers if each["status"] == "EMPTY" or each["position"] == 0]
            if len(voting) >= self.quorum:
                newest = max(voting, key=lambda each: each["position"])
                self.promised, self.position = newest["promised"], newest["position"]
                self.value = newest["value"]
                self.status = "VOTING"
            elif len(fresh) >= 2 * self.quorum - 1:
                self.status = "VOTING"
        self._save()
        log.info(
            "replica.cpp:315", f"Replica recovered with log positions 0 -> {self.position} with 0 holes and 0 unlearned"
        )
        log.info("recover.cpp:571", "Replica is in VOTING status")

    async def read_as_leader(self):
        """The newest value, once a quorum has promised to take this replica's writes. Tries until it can."""
        pause = 0.1
        while True:
            if self.recovered:
                epoch = self.promised + 1
                answers = await self._ask({"kind": "promise", "epoch": epoch})
                if len(answers) >= self.quorum:
                    newest = max(answers, key=lambda each: each["position"])
                    self.position, self.value = newest["position"], newest["value"]
                    return self.value
            await asyncio.sleep(pause)
            pause = min(pause * 2, 1)

    async def write(self, value):
        """Returns when a quorum has the value. Tries until it has."""
        position, epoch = self.position + 1, self.promised
        while True:
            answers = await self._ask({"kind": "write", "epoch": epoch, "position": position, "value": value})
            if len(answers) >= self.quorum:
                return
            await asyncio.sleep(0.2)
