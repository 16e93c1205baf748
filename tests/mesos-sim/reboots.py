"""Scenarios in which the hosts of a cluster are rebooted by playbooks/kernel-upgrade.yml."""

import os
import re
import subprocess
import threading
import time

from cluster import FLEET, Watch, check
from upgrades import boot

SCENARIOS = {}


def scenario(*engines):
    """Registers a function (place, engine, options) -> figures, under its name."""

    def register(function):
        function.engines = engines
        SCENARIOS[function.__name__] = function
        return function

    return register


# ZooKeeper on each master, as a reboot takes it away, too.
SMALL = ("--masters", "3", "--agents", "2", "--schedulers", "1", "--session", "4secs")


def ask_for_reboot(cluster, names):
    for name in names:
        cluster.ssh(name, "touch /run/reboot-required")


def boots(cluster):
    return {name: cluster.ssh(name, "cat /proc/sys/kernel/random/boot_id") for name in cluster.all_names()}


def upgrade(cluster, engine, *words, **variables):
    words = (*words, *(("--output", "ansible") if engine == "refit" else ()))
    return cluster.run(engine, "kernel-upgrade.yml", *words, kernel_reboot_up_timeout=20, kernel_reboot_pause=1, **variables)


def order(output):
    """The hosts in the order in which they were rebooted."""
    between = r"(?:included.*\n|skipping.*\n|\n|TASK \[kernel_reboot : .*\n)*?"
    return re.findall(rf"TASK \[kernel_reboot : Reboot it\] \*+\n{between}changed: \[(\w+)\]", output)


@scenario("refit", "ansible")
def kernel_upgrade(place, engine, options):
    """All hosts ask for a reboot: masters one at a time, the leader last, then agents, drained, then the scheduler."""
    cluster = boot(os.path.join(place, engine), options, SMALL)
    try:
        ask_for_reboot(cluster, cluster.all_names())
        before, leader, agents = boots(cluster), cluster.leader(), cluster.summary()["agents"]
        with Watch(cluster, "--tasks-may-die") as watch:
            done = upgrade(cluster, engine)
            check(done.code == 0, f"{engine} ends with {done.code}")
            after = boots(cluster)
        left = [name for name in before if before[name] == after[name]]
        check(not left, f"not rebooted: {left}")
        rebooted = order(done.output)
        followers = [name for name in cluster.names("master") if name != leader]
        expected = [*followers, leader, *cluster.names("agent"), *cluster.names("scheduler")]
        check(rebooted == expected, f"rebooted in the order {rebooted}, not {expected}")
        changes = len(watch.seen["leaders"]) - 1
        check(changes == 1, f"{changes} leader changes, where one is needed")
        cluster.wait()
        now = cluster.summary()["agents"]
        ids = [{name: each["id"] for name, each in some.items()} for some in (agents, now)]
        check(ids[0] == ids[1], f"an agent has another id: {ids}")
        check(not [name for name, each in now.items() if each["deactivated"]], f"still drained: {now}")
        again = upgrade(cluster, engine)
        changed = set(re.findall(r"changed=(\d+)", again.output))
        check(again.code == 0 and changed == {"0"}, "a second run changes something")
        return f"{done.seconds:.0f} s, {cluster.compare_end(place, engine)}"
    finally:
        cluster.down()


@scenario("refit", "ansible")
def reboot_without_return(place, engine, options):
    """An agent's host does not come back: the run stops with its drain undone; a second run finishes, when it is up again."""
    cluster = boot(os.path.join(place, engine), options, SMALL)
    try:
        agents = cluster.names("agent")
        lost, other = agents[0], agents[1]
        ask_for_reboot(cluster, agents)
        before = boots(cluster)
        host = cluster.host(lost)
        power = threading.Thread(target=kill_on_its_way, args=(cluster, host))
        power.start()
        done = upgrade(cluster, engine, "-t", "agents")
        power.join()
        check(done.code == 2, f"{engine} ends with {done.code}")
        check(f"{lost} was not brought into" in done.output, "the run does not say that the agent's host is not back")
        check("It was put back into service" in done.output, "the run does not say that the drain is undone")
        check(boots(cluster)[other] == before[other], f"{other} was rebooted all the same")
        left = [name for name, each in cluster.summary()["agents"].items() if each["deactivated"]]
        check(not left, f"still drained: {left}")
        subprocess.run([FLEET, "start", cluster.directory, host], check=True)
        cluster.wait()
        again = upgrade(cluster, engine, "-t", "agents")
        check(again.code == 0, f"the second run ends with {again.code}")
        after = boots(cluster)
        check(after[other] != before[other], f"{other} was not rebooted by the second run")
        check(cluster.ssh(lost, "ls /var/lib/*drained* 2>/dev/null") == "", "a note of the drain is left")
        cluster.wait()
        return f"{done.seconds + again.seconds:.0f} s, {cluster.compare_end(place, engine)}"
    finally:
        cluster.down()


def kill_on_its_way(cluster, host):
    """Takes a host's power away when it goes down to boot anew: its supervisor then has no process for it, or another one."""
    path = os.path.join(cluster.directory, "hosts", host, "nspawn.pid")

    def pid():
        try:
            with open(path) as file:
                return file.read()
        except OSError:
            return ""

    first, end = pid(), time.monotonic() + 300
    while pid() == first and time.monotonic() < end:
        time.sleep(0.02)
    subprocess.run([FLEET, "kill", cluster.directory, host], check=True)
