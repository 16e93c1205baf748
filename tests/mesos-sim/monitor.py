#!/usr/bin/env python3
"""monitor.py DIR [OPTION...]: watches a simulated cluster while something is done to it, and says what should not
have been.

Every 100 ms it asks every master and every agent. It ends when its standard input does, prints what it saw as one
JSON object, and exits 1 if there are violations:

- fewer masters than the quorum were healthy: /health answers 200 and the replica of the log may vote
- more leader changes than --leader-changes N (1)
- a task that ran at the start died (--tasks-may-die: not looked at)
- more agents than --batch N (1) were not active at the same time, as the leader sees it or because they did not answer

Whether a replica may vote is asked over the simulator's own link: /metrics/snapshot answers only twice a second, and
what is being tested needs these answers itself."""

import argparse
import http.client
import json
import socket
import sys
import threading
import time

from summary import Access, addresses

INTERVAL = 0.1
# A machine that is busy is not a master that is down: only who refuses, or is silent for so long, does not answer.
PATIENCE = 5
DEAD = (
    "TASK_FAILED",
    "TASK_KILLED",
    "TASK_LOST",
    "TASK_DROPPED",
    "TASK_GONE",
    "TASK_ERROR",
    "TASK_FINISHED",
    "TASK_UNREACHABLE",
)


class Watched:
    """What is known of one process, by a thread that asks it again and again."""

    def __init__(self, name, address, port, access, look):
        self.name, self.address, self.port, self.access = name, address, port, access
        self.connection = None
        threading.Thread(target=self._run, args=(look,), daemon=True).start()

    def _run(self, look):
        while True:
            begun = time.monotonic()
            look(self)
            time.sleep(max(0.01, INTERVAL - (time.monotonic() - begun)))

    def ask(self, method, path, body=None):
        """(status, body); (0, None) where nothing answers."""
        headers = {**self.access.headers, **({"Content-Type": "application/json"} if body else {})}
        try:
            if self.connection is None:
                self.connection = self._connection()
            self.connection.request(method, path, body, headers)
            answer = self.connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            if self.connection:
                self.connection.close()
            self.connection = None
            return 0, None

    def _connection(self):
        if self.access.scheme == "http":
            return http.client.HTTPConnection(self.address, self.port, timeout=PATIENCE)
        return http.client.HTTPSConnection(self.address, self.port, timeout=PATIENCE, context=self.access.context)

    def may_vote(self):
        try:
            with socket.create_connection((self.address, self.port), PATIENCE) as link:
                link.sendall(b'SIM log\n{"kind": "status"}\n')
                return json.loads(link.makefile().readline() or "{}").get("status") == "VOTING"
        except (OSError, ValueError):
            return False


class Monitor:
    def __init__(self, directory, options):
        self.options = options
        self.lock = threading.Lock()
        self.begun = time.monotonic()
        self.events, self.violations = [], []
        self.healthy, self.leaders = {}, []
        self.silent, self.inactive = set(), set()
        self.tasks, self.running, self.dead = None, set(), {}
        self.most_down, self.samples = 0, 0
        access = Access(directory)
        masters, agents = addresses(directory, "master"), addresses(directory, "agent")
        self.masters, self.quorum = len(masters), len(masters) // 2 + 1
        for name, address in masters.items():
            Watched(name, address, 5050, access, self.look_at_master)
        for name, address in agents.items():
            Watched(name, address, 5051, access, self.look_at_agent)

    def event(self, what):
        self.events.append(f"{time.monotonic() - self.begun:7.2f} {what}")

    def violation(self, what):
        if what not in self.violations:
            self.violations.append(what)
            self.event(f"VIOLATION {what}")

    # --- masters --------------------------------------------------------------------------------------------------

    def look_at_master(self, master):
        healthy = master.ask("GET", "/health")[0] == 200 and master.may_vote()
        state = None
        if healthy and master.ask("POST", "/api/v1", '{"type":"GET_MASTER"}')[0] == 200:
            status, body = master.ask("GET", "/state")
            try:
                state = json.loads(body) if status == 200 else None
            except ValueError:
                pass  # garbage on command
        with self.lock:
            self.samples += 1
            if self.healthy.get(master.name) != healthy:
                self.healthy[master.name] = healthy
                self.event(f"{master.name} is {'' if healthy else 'not '}healthy")
                count = sum(self.healthy.values())
                if len(self.healthy) == self.masters and count < self.quorum and self.leaders:
                    self.violation(f"only {count} masters were healthy, the quorum is {self.quorum}")
            if state:
                self.leads(master, state)

    def leads(self, master, state):
        if not self.leaders or self.leaders[-1][1] != state["id"]:
            self.leaders.append((master.name, state["id"]))
            self.event(f"{master.name} leads")
            changes = len(self.leaders) - 1
            if changes > self.options.leader_changes:
                order = ", ".join(name for name, _ in self.leaders)
                self.violation(f"{changes} leader changes ({order}), where {self.options.leader_changes} are enough")
        if state["recovered_slaves"]:
            return  # Not all have come back to a new leader; who is not there is not down.
        # The hostnames are the inventory's names with a domain.
        now = {each["hostname"].split(".")[0] for each in state["slaves"] if not each["active"]}
        if now != self.inactive:
            self.event(f"agents not active: {', '.join(sorted(now)) or 'none'}")
            self.inactive = now
            self.count_down()
        running, dead = {}, {}
        for framework in state["frameworks"] + state["completed_frameworks"]:
            for task in framework["tasks"] + framework["completed_tasks"] + framework["unreachable_tasks"]:
                (dead if task["state"] in DEAD else running)[task["id"]] = task["state"]
        if self.tasks is None:
            self.tasks = {task for task, state in running.items() if state == "TASK_RUNNING"}
            self.event(f"{len(self.tasks)} tasks run")
        for task in self.tasks & set(dead):
            if task not in self.dead:
                self.dead[task] = dead[task]
                self.event(f"task {task} is {dead[task]}")
                if not self.options.tasks_may_die:
                    self.violation(f"task {task} died: {dead[task]}")
        self.running = set(running)

    # --- agents ---------------------------------------------------------------------------------------------------

    def look_at_agent(self, agent):
        answers = agent.ask("GET", "/health")[0] != 0
        with self.lock:
            if answers == (agent.name in self.silent):
                self.event(f"{agent.name} {'answers' if answers else 'does not answer'}")
                (self.silent.discard if answers else self.silent.add)(agent.name)
                self.count_down()

    def count_down(self):
        down = self.silent | self.inactive
        self.most_down = max(self.most_down, len(down))
        if len(down) > self.options.batch:
            self.violation(f"{len(down)} agents were down at the same time: {', '.join(sorted(down))}")

    # --- the end --------------------------------------------------------------------------------------------------

    def report(self):
        with self.lock:
            lost = (self.tasks or set()) - self.running - set(self.dead)
            if lost and not self.options.tasks_may_die:
                self.violation(f"tasks that the leader knows no more: {', '.join(sorted(lost))}")
            return {
                "violations": self.violations,
                "leaders": [name for name, _ in self.leaders],
                "most_agents_down": self.most_down,
                "dead_tasks": self.dead,
                "samples": self.samples,
                "seconds": round(time.monotonic() - self.begun, 1),
                "events": self.events,
            }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("directory")
    parser.add_argument("--leader-changes", type=int, default=1)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--tasks-may-die", action="store_true")
    options = parser.parse_args()
    monitor = Monitor(options.directory, options)
    sys.stdin.read()
    found = monitor.report()
    print(json.dumps(found, indent=1))
    sys.stdout.flush()
    sys.exit(1 if found["violations"] else 0)


if __name__ == "__main__":
    main()
