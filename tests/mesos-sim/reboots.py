"""Scenarios in which the hosts of a cluster are rebooted by playbooks/kernel-upgrade.yml."""

import os
import re
import subprocess
import threading
import time

from cluster import FLEET, Watch, check
from registry import scenario
from upgrades import boot

# ZooKeeper on each master, as a reboot takes it away, too.
# With each of them a server of ZooKeeper goes down, so that sessions have to outlive their move to another one.
SESSION = "10secs"
SMALL = ("--masters", "3", "--agents", "2", "--schedulers", "1", "--session", "4secs")


def ask_for_reboot(cluster, names):
    for name in names:
        cluster.ssh(name, "touch /run/reboot-required")


def boots(cluster):
    return {name: cluster.ssh(name, "cat /proc/sys/kernel/random/boot_id") for name in cluster.all_names()}


def upgrade(cluster, engine, *words, **variables):
    words = (*words, *(("--output", "ansible") if engine == "refit" else ()))
    # A service that is named without its suffix, as one does.
    patience = {"kernel_reboot_up_timeout": 20, "kernel_reboot_pause": 1, "kernel_reboot_services": ["ssh"]}
    return cluster.run(engine, "kernel-upgrade.yml", *words, **patience, **variables)


def order(output):
    """The hosts in the order in which they were rebooted."""
    between = r"(?:included.*\n|skipping.*\n|\n|TASK \[kernel_reboot : .*\n)*?"
    return re.findall(rf"TASK \[kernel_reboot : Reboot it\] \*+\n{between}changed: \[(\w+)\]", output)


@scenario("refit", "ansible")
def kernel_upgrade(place, engine, options):
    """All hosts ask for a reboot: masters one at a time, the leader last, then agents, drained, then the scheduler."""
    cluster = boot(os.path.join(place, engine), options, SMALL, SESSION)
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
    cluster = boot(os.path.join(place, engine), options, SMALL, SESSION)
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


@scenario("refit", "ansible")
def reboot_drain_fails(place, engine, options):
    """A task of an agent can't be killed, so that its drain does not end: its host is not rebooted, nor any other; it is said what
    is left and which command undoes it; a second run finishes, when the task is gone."""
    cluster = boot(os.path.join(place, engine), options, SMALL, SESSION)
    try:
        agents = cluster.names("agent")
        ask_for_reboot(cluster, agents)
        before = boots(cluster)
        with Watch(cluster, "--tasks-may-die"):
            cluster.misbehave(agents[0], tasks_ignore_kill=True)
            done = upgrade(cluster, engine, "-t", "agents")
            check(done.code == 2, f"{engine} ends with {done.code}")
            check(boots(cluster) == before, "a host was rebooted all the same")
            for words in (f"{agents[0]} was not brought into", "Tasks that have not ended", "IS STILL OUT OF SERVICE"):
                check(words in done.output, f"the run does not say {words!r}")
            left = cluster.check_nothing_drained_in_silence(done.output)
            check(left == [f"{agents[0]}.lab"], f"out of service: {left}")
            cluster.behave(agents[0])
            cluster.ssh(agents[0], "pkill -KILL -f /usr/libexec/mesos/mesos-executor")
            finish(cluster, engine, before)
        return f"stopped after {done.seconds:.0f} s, {cluster.compare_end(place, engine)}"
    finally:
        cluster.down()


@scenario("refit", "ansible")
def reboot_undo_fails(place, engine, options):
    """The masters refuse all calls from when an agent's host reboots, so that its drain can't be undone: it is said that it is
    out of service, and which command undoes it; no other is touched; a second run finishes, when the masters answer."""
    cluster = boot(os.path.join(place, engine), options, SMALL, SESSION)
    try:
        agents = cluster.names("agent")
        ask_for_reboot(cluster, agents)
        before = boots(cluster)

        def refuse():
            await_reboot(cluster, cluster.host(agents[0]))
            for name in cluster.names("master"):
                cluster.misbehave(name, api="503", api_paths=["/api/v1", "/master/api/v1"])

        with Watch(cluster, "--tasks-may-die"):
            refusal = threading.Thread(target=refuse)
            refusal.start()
            done = upgrade(cluster, engine, "-t", "agents")
            refusal.join()
            check(done.code == 2, f"{engine} ends with {done.code}")
            for words in (f"{agents[0]} IS STILL OUT OF SERVICE", "REACTIVATE_AGENT", f"mesos-undrain.yml -l {agents[0]}"):
                check(words in done.output, f"the run does not say {words!r}")
            check("It was put back into service" not in done.output, "the run says that the drain is undone")
            for name in cluster.names("master"):
                cluster.behave(name)
            left = cluster.check_nothing_drained_in_silence(done.output)
            check(left == [f"{agents[0]}.lab"], f"out of service: {left}")
            now = boots(cluster)
            rebooted = [name for name in before if before[name] != now[name]]
            check(rebooted == [agents[0]], f"rebooted: {rebooted}")
            finish(cluster, engine, {**before, agents[0]: None})
            check(boots(cluster)[agents[0]] == now[agents[0]], f"{agents[0]} was rebooted once more")
        return f"stopped after {done.seconds:.0f} s, {cluster.compare_end(place, engine)}"
    finally:
        cluster.down()


def finish(cluster, engine, before):
    """The second run: all agents have booted anew since `before`, none is out of service, no note is left."""
    again = upgrade(cluster, engine, "-t", "agents")
    check(again.code == 0, f"the second run ends with {again.code}")
    after = boots(cluster)
    left = [name for name in cluster.names("agent") if before[name] == after[name]]
    check(not left, f"not rebooted by the second run: {left}")
    cluster.wait()
    left = [name for name, each in cluster.summary()["agents"].items() if each["deactivated"]]
    check(not left, f"still drained: {left}")
    for name in cluster.names("agent"):
        check(cluster.ssh(name, "ls /var/lib/*drained* 2>/dev/null") == "", f"a note of the drain is left on {name}")


def kill_on_its_way(cluster, host):
    """Takes a host's power away when it goes down to boot anew."""
    await_reboot(cluster, host)
    subprocess.run([FLEET, "kill", cluster.directory, host], check=True)


def await_reboot(cluster, host):
    """Returns when a host goes down to boot anew: its supervisor then has no process for it, or another one."""
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
