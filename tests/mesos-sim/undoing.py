"""The scenarios of the playbooks that an operator uses beside the upgrade: drains and their undoing, and the way back."""

import json
import os

from cluster import FIRST, TARGET, Cluster, Watch, check
from registry import scenario
from upgrades import boot, foreign_window

NOTE = "/var/lib/mesos-drained.json"


def agents(cluster):
    return {name.split(".")[0]: each for name, each in cluster.summary()["agents"].items()}


def out_of_service(cluster):
    return [name for name, each in agents(cluster).items() if each["deactivated"] or not each["active"]]


def machine(cluster, name):
    return {"hostname": f"{name}.lab", "ip": cluster.ssh(name, "cat /etc/mesos-slave/ip")}


@scenario("refit", "ansible")
def drain_and_undrain(place, engine, options):
    """mesos-drain.yml and mesos-undrain.yml, each twice, by both ways; notes of runs that were killed at the last moment; an agent
    that somebody else has deactivated is named and left."""
    cluster = boot(os.path.join(place, engine), options)

    def run(playbook, *words, **variables):
        done = cluster.run(engine, playbook, *words, **variables)
        check(done.code == 0, f"{playbook} {' '.join(words)} {variables} ends with {done.code}")
        return done.output

    try:
        before = {name: each["id"] for name, each in agents(cluster).items()}
        # Killed when all was undone but the notes; of the second agent the machine was never taken down, but is scheduled.
        others = foreign_window(cluster)
        window = {"machine_ids": [machine(cluster, "agent2")], "unavailability": {"start": {"nanoseconds": 1}}}
        schedule = cluster.tell("GET_MAINTENANCE_SCHEDULE")["get_maintenance_schedule"]["schedule"]["windows"]
        cluster.tell("UPDATE_MAINTENANCE_SCHEDULE", update_maintenance_schedule={"schedule": {"windows": [*schedule, window]}})
        notes = {
            "agent1": {"agent": before["agent1"], "how": "drain"},
            "agent2": {"agent": before["agent2"], "how": "maintenance", "window": window},
        }
        for name, note in notes.items():
            cluster.ssh(name, f"echo '{json.dumps(note)}' >{NOTE}")
        run("mesos-undrain.yml")
        check(out_of_service(cluster) == [], f"out of service: {out_of_service(cluster)}")
        check(cluster.summary()["maintenance"] == others, f"in maintenance: {cluster.summary()['maintenance']}")
        for name in notes:
            check(cluster.ssh(name, f"ls {NOTE} 2>/dev/null") == "", f"the note on {name} is left")

        for name, way in (("agent1", "drain"), ("agent2", "maintenance")):
            variables = {"mesos_drain": way, "mesos_slave_allow_task_loss": True}
            for _ in range(2):
                run("mesos-drain.yml", "-l", name, **variables)
                gone = [each for each in before if each not in agents(cluster)] or out_of_service(cluster)
                check(gone == [name], f"drained {name} by {way}, and out of service are {gone}")
                check(json.loads(cluster.ssh(name, f"cat {NOTE}"))["how"] == way, f"no note of {way} on {name}")
            if way == "drain":
                log = cluster.ssh(name, "journalctl -u mesos-slave -o cat | grep 'Initiating drain'")
                check("5000000000" in log, f"the grace of 5 s did not arrive: {log!r}")
            for _ in range(2):
                run("mesos-undrain.yml", "-l", name)
                cluster.wait()
                check(out_of_service(cluster) == [], f"out of service after undoing {way}: {out_of_service(cluster)}")
                check(cluster.ssh(name, f"ls {NOTE} 2>/dev/null") == "", f"the note on {name} is left")
            check(cluster.summary()["maintenance"] == others, f"in maintenance: {cluster.summary()['maintenance']}")
        check(before == {name: each["id"] for name, each in agents(cluster).items()}, "an agent has another id")

        mine = {"agent_id": {"value": before["agent1"]}}
        cluster.tell("DEACTIVATE_AGENT", deactivate_agent=mine)
        said = run("mesos-undrain.yml")
        check("agent1 is deactivated, but not by these playbooks" in said.replace("\n", " "), "agent1 is not named")
        check(out_of_service(cluster) == ["agent1"], f"out of service: {out_of_service(cluster)}")
        cluster.tell("REACTIVATE_AGENT", reactivate_agent=mine)
        return cluster.compare_end(place, engine)
    finally:
        cluster.down()


@scenario("refit", "ansible")
def rollback(place, engine, options):
    """mesos-rollback.yml: refused where masters could not read the registry, then all of the cluster from 1.11.0 to 1.9.0, tasks
    and ids kept."""
    size = ("--session", "4secs") if options.full else ("--agents", "2", "--schedulers", "1", "--session", "4secs")
    cluster = Cluster(os.path.join(place, engine), "--version", TARGET, *size, size="up")
    try:
        before = {name: each["id"] for name, each in agents(cluster).items()}
        mine = {"agent_id": {"value": before["agent1"]}}
        cluster.tell("DEACTIVATE_AGENT", deactivate_agent=mine)
        refused = cluster.run(engine, "mesos-rollback.yml", mesos_version="1.8.0")
        check(refused.code not in (0, 1, 250), f"the way to 1.8.0 ends with {refused.code}")
        for words in ("A master of 1.8.0 would not start", "agent1", "Nothing was changed"):
            check(words in refused.output, f"the run does not say {words!r}")
        for kind in ("master", "agent"):
            check(set(cluster.versions(kind).values()) == {TARGET}, f"a {kind} was put back")
        cluster.tell("REACTIVATE_AGENT", reactivate_agent=mine)
        cluster.wait()
        with Watch(cluster):
            done = cluster.run(engine, "mesos-rollback.yml", mesos_version=FIRST)
            check(done.code == 0, f"{engine} ends with {done.code}")
            cluster.check_upgraded(FIRST)
        check(before == {name: each["id"] for name, each in agents(cluster).items()}, "an agent has another id")
        return f"refused in {refused.seconds:.0f} s, back in {done.seconds:.0f} s, {cluster.compare_end(place, engine)}"
    finally:
        cluster.down()
