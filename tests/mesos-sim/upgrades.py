"""The scenarios in which nothing is wrong with the cluster: the clean upgrade, and a controller that is killed."""

import json
import os
import random
import re
import time

from cluster import FIRST, Cluster, Watch, check
from registry import scenario


def boot(place, options, small=(), session="4secs"):
    """A cluster of the size that was asked for, with that timeout of ZooKeeper's sessions unless it is small. `small` are
    other options of `cluster up` for that."""
    few = ("--agents", "2", "--schedulers", "1")
    if options.full or options.few:
        return Cluster(place, "--session", session, *(few if options.few else ()), size="up")
    return Cluster(place, *small, size="up" if small else "small")


def results(output):
    """Of a run with `--output json`: {(task, host): results}."""
    found = {}
    for play in json.loads(output[output.index("{") :])["plays"]:
        for task in play["tasks"]:
            for host, result in task["hosts"].items():
                found.setdefault((task["task"]["name"], host), []).append(result)
    return found


def compare_plan(plan, run):
    """Each change of the run was foreseen, or said to be unforeseeable, and each foreseen change came about."""
    changed = {key for key, each in run.items() if any(result.get("changed") for result in each)}
    foreseen = {key for key, each in plan.items() if any(result.get("prediction") == "change" for result in each)}
    unknown = {key for key, each in plan.items() if any(result.get("prediction") == "unknown" for result in each)}
    surprises = sorted(changed - foreseen - unknown)
    check(not surprises, f"changed without having been foreseen: {surprises[:5]}")
    missing = sorted(foreseen - changed)
    check(not missing, f"foreseen changes that did not come about: {missing[:5]}")
    return f"{len(foreseen)} changes foreseen, {len(changed)} made"


@scenario("refit", "ansible")
def clean_upgrade(place, engine, options):
    """1.9.0 to 1.11.0: plan, run, a second run that changes nothing; both engines' end states are the same."""
    figures = []
    cluster = boot(os.path.join(place, engine), options)
    try:
        before = cluster.end_state()
        plan = None
        if engine == "refit":
            planned = cluster.run(engine, "mesos-upgrade.yml", "-C", "-D", "--output", "json")
            check(planned.code == 0, f"the plan ends with {planned.code}")
            check(cluster.end_state() == before, "the plan changed something")
            check(set(cluster.versions("master").values()) == {FIRST}, "the plan restarted a master")
            plan = results(planned.output)
        with Watch(cluster) as watch:
            words = ("--output", "json") if engine == "refit" else ()
            done = cluster.run(engine, "mesos-upgrade.yml", *words)
            check(done.code == 0, f"{engine} ends with {done.code}")
            cluster.check_upgraded()
        figures.append(f"{done.seconds:.0f} s")
        if plan:
            figures.append(compare_plan(plan, results(done.output)))
        changes = len(watch.seen["leaders"]) - 1
        check(changes == 1, f"{changes} leader changes, where one is needed")
        figures.append(cluster.compare_end(place, engine))
        # A small run under Ansible would take minutes to find that nothing is to do.
        if engine == "refit" or options.all or options.full:
            again = cluster.run(engine, "mesos-upgrade.yml", *(("--output", "ansible") if engine == "refit" else ()))
            check(again.code == 0, f"a second run ends with {again.code}")
            changed = re.findall(r"changed=(\d+)", again.output)
            check(changed and set(changed) == {"0"}, "a second run changes something")
            figures.append(f"nothing to do in {again.seconds:.0f} s")
    finally:
        cluster.down()
    return ", ".join(figures)


# The ways in which an agent may lose its tasks at an upgrade. The simulated scheduler moves no task for a maintenance
# window, as many do not.
MAINTENANCE = {"mesos_slave_drain": "maintenance", "mesos_slave_allow_task_loss": True}
WAYS = {
    "drain": {"mesos_slave_drain": "drain"},
    # Two at a time: one of them writes the schedule for both.
    "maintenance": {**MAINTENANCE, "mesos_agent_batches": [2]},
    "cleanup": {"mesos_slave_cleanup": True, "mesos_slave_allow_task_loss": True},
}


def foreign_window(cluster):
    """Announces a maintenance window of a machine that is no business of the upgrade; what /maintenance/status has by that."""
    machine = {"hostname": "elsewhere.lab", "ip": "192.0.2.7"}
    window = {"machine_ids": [machine], "unavailability": {"start": {"nanoseconds": 4102444800 * 10**9}}}
    cluster.tell("UPDATE_MAINTENANCE_SCHEDULE", update_maintenance_schedule={"schedule": {"windows": [window]}})
    return {"draining_machines": [{"id": machine}]}


@scenario("refit", "ansible")
def maintenance_interrupted(place, engine, options):
    """The controller is killed when the first agent's machine is down: the next run brings it up, and somebody else's window
    stays."""
    cluster = boot(os.path.join(place, engine), options)
    try:
        before = {name: agent["id"] for name, agent in cluster.summary()["agents"].items()}
        others = foreign_window(cluster)
        words = ("--output", "ansible") if engine == "refit" else ()
        with Watch(cluster, "--tasks-may-die"):
            first = cluster.run(engine, "mesos-upgrade.yml", *words, kill_at=after_change("Take the machine down"), **MAINTENANCE)
            down = [each["hostname"] for each in cluster.summary()["maintenance"].get("down_machines", [])]
            check(down == ["agent1.lab"], f"down when the controller was killed: {down}")
            second = cluster.run(engine, "mesos-upgrade.yml", *words, **MAINTENANCE)
            check(second.code == 0, f"the second run ends with {second.code}")
            cluster.check_upgraded(maintenance=others)
        after = {name: agent["id"] for name, agent in cluster.summary()["agents"].items()}
        check(before == after, f"agents have other ids: {before}, {after}")
        end = cluster.compare_end(place, engine)
        return f"killed after {first.seconds:.0f} s, finished by a second run of {second.seconds:.0f} s, {end}"
    finally:
        cluster.down()


def after_change(title):
    """Says when to kill: as soon as a host has been changed by a task whose name begins so."""
    here = False

    def kill(line):
        nonlocal here
        if line.startswith("TASK ["):
            here = f" : {title}" in line
        return here and line.startswith("changed: [")

    return kill


@scenario("refit", "ansible")
def drained_upgrade(place, engine, options):
    """Agents drained by DRAIN_AGENT, by a maintenance window, or started once with --recover=cleanup keep their ids."""
    figures = []
    for way, variables in WAYS.items():
        cluster = boot(os.path.join(place, f"{engine}-{way}"), options)
        try:
            before = {name: agent["id"] for name, agent in cluster.summary()["agents"].items()}
            others = foreign_window(cluster) if way == "maintenance" else {}
            with Watch(cluster, "--tasks-may-die", "--batch", "2" if way == "maintenance" else "1") as watch:
                done = cluster.run(engine, "mesos-upgrade.yml", **variables)
                check(done.code == 0, f"{engine} ends with {done.code} when agents lose their tasks by {way}")
                cluster.check_upgraded(maintenance=others)
            check(watch.seen["dead_tasks"], f"no task ended by {way}")
            after = {name: agent["id"] for name, agent in cluster.summary()["agents"].items()}
            check(before == after, f"agents have other ids after {way}: {before}, {after}")
            figures.append(f"by {way} {done.seconds:.0f} s, {cluster.compare_end(place, engine, way)}")
        finally:
            cluster.down()
    return "; ".join(figures)


@scenario("refit", "ansible")
def controller_killed(place, engine, options):
    """The controller is killed with -9 again and again, before and after changes; the next run goes on from there."""
    points = []
    cluster = boot(os.path.join(place, engine), options)
    try:
        # An installation and a restart on each host.
        changes = 2 * len(cluster.all_names())
        step = max(1, changes // (options.kills + 1))
        dice = random.Random(4)
        words = ("--output", "ansible") if engine == "refit" else ()
        begun = time.monotonic()
        with Watch(cluster):
            while True:
                killer = Killer(step, after=len(points) % 2 == 0, dice=dice) if len(points) < options.kills else None
                done = cluster.run(engine, "mesos-upgrade.yml", *words, kill_at=killer)
                if not (killer and killer.killed):
                    break
                points.append(killer.point)
            check(done.code == 0, f"after {len(points)} kills {engine} ends with {done.code}")
            cluster.check_upgraded()
        check(len(points) == options.kills, f"only {len(points)} kills came before the end")
        end = cluster.compare_end(place, engine)
    finally:
        cluster.down()
    return f"killed {len(points)} times ({'; '.join(points)}) and done after {time.monotonic() - begun:.0f} s, {end}"


class Killer:
    """Says when to kill: after the Nth changed result, or a few lines later, while the next task runs."""

    def __init__(self, changes, after, dice):
        self.changes, self.lines = changes, 0 if after else dice.randint(2, 12)
        self.seen, self.task, self.killed, self.point = 0, "", False, ""

    def __call__(self, line):
        if line.startswith(("TASK [", "RUNNING HANDLER [")):
            self.task = line.split("[", 1)[1].rsplit("]", 1)[0]
        if line.startswith("changed: ["):
            self.seen += 1
        if self.seen < self.changes:
            return False
        if self.lines > 0:
            self.lines -= 1
            return False
        self.killed, self.point = True, f"killed at “{self.task}”"
        return True
