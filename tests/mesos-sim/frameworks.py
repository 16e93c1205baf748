"""The scenarios of what comes after masters and agents: executors, and schedulers other than Marathon."""

import json
import os
import time

from cluster import FIRST, PROJECT, TARGET, Watch, check
from registry import scenario
from upgrades import boot

PRESETS = os.path.join(PROJECT, "roles", "mesos_scheduler", "presets")


def executors(cluster):
    """The library that each executor has mapped, by host."""
    script = """
        for pid in $(pgrep -f mesos-executor); do
            grep -ho '/libmesos[^ ]*.*' /proc/$pid/maps | sort -u
        done
    """
    return {name: sorted(cluster.ssh(name, script).splitlines()) for name in cluster.names("agent")}


def check_executors(cluster, version):
    cluster.wait()
    mapped = executors(cluster)
    wrong = [each for libraries in mapped.values() for each in libraries if each != f"/libmesos-{version}.so"]
    check(any(mapped.values()) and not wrong, f"executors do not all run with {version}: {mapped}")


@scenario("refit", "ansible")
def executors_rolled(place, engine, options):
    """A new library for executors: those that run with the old one are named and left, rolled by drains, and by their scheduler;
    a plan of an upgrade foresees it."""
    cluster = boot(os.path.join(place, engine), options)

    def look_after(version, **variables):
        spec = f"mesos={version}*"
        patience = {"mesos_executor_timeout": 60, "mesos_executor_package_spec": spec}
        done = cluster.run(engine, "mesos-upgrade.yml", "-t", "executors", **patience, **variables)
        check(done.code == 0, f"{engine} ends with {done.code} with {variables or 'no roll'}")
        return done

    try:
        if engine == "refit":
            for roll, words in (("drain", "Drain the agent"), ("scheduler", "Have the scheduler restart")):
                urls = ["http://192.0.2.1/restart"]
                planned = cluster.run(
                    engine, "mesos-upgrade.yml", "-C", mesos_executor_roll=roll, mesos_executor_restart_urls=urls
                )
                check(planned.code == 0, f"a plan of rolling them by {roll} ends with {planned.code}")
                for each in (words, "will be older than"):
                    check(each in planned.output, f"a plan of rolling them by {roll} does not say {each!r}")
        busy = [name for name, mapped in executors(cluster).items() if mapped]
        with Watch(cluster):
            done = look_after("1.10.0")
            for name in busy:
                check(f"executors on {name} are older than" in done.output, f"the run does not say what is old on {name}")
            left = executors(cluster)
            check(all(FIRST in each for name in busy for each in left[name]), f"executors were rolled: {left}")
        with Watch(cluster, "--tasks-may-die"):
            drained = look_after("1.10.0", mesos_executor_roll="drain")
            check_executors(cluster, "1.10.0")
            check(cluster.check_nothing_drained_in_silence(drained.output) == [], "an agent is left drained")
            address = cluster.ssh(cluster.names("scheduler")[0], "sed -n 's/^MARATHON_HOSTNAME=//p' /etc/default/marathon")
            url = f"http://{address}:8080/v2/apps//sleeper/restart"
            rolled = look_after("1.11.0", mesos_executor_roll="scheduler", mesos_executor_restart_urls=[url])
            check_executors(cluster, "1.11.0")
        end = cluster.compare_end(place, engine)
    finally:
        cluster.down()
    return f"named in {done.seconds:.0f} s, drained in {drained.seconds:.0f} s, by the scheduler in {rolled.seconds:.0f} s, {end}"


# What stands in for each scheduler: the framework, the port (Spark's own is Aurora's, too), and what the run is told besides the
# preset.
STAND_INS = {
    "chronos": ("chronos", "chronos", 4400, {"mesos_version": "1.10.0"}),
    "aurora": ("aurora-scheduler", "Aurora", 8081, {}),
    "spark": (
        "spark-mesos-dispatcher",
        "Spark Cluster",
        8091,
        {
            "mesos_scheduler_url": "http://{{ ansible_host }}:8091",
            "mesos_scheduler_package_spec": "marathon=1.10.19*",
            "mesos_scheduler_files": ["/usr/bin/marathon"],
        },
    ),
}


@scenario("refit", "ansible")
def scheduler_presets(place, engine, options):
    """Chronos, Aurora and Spark's dispatcher by their presets: the stand-in answers at their endpoints, under their names."""
    cluster = boot(os.path.join(place, engine), options)
    try:
        hosts = cluster.names("scheduler")
        for manner, (service, framework, port, _) in STAND_INS.items():
            for host in hosts:
                cluster.ssh(host, stand_in(manner, service, framework, port))
        figures = []
        for manner, (service, framework, _, variables) in STAND_INS.items():
            wait_for(cluster, framework)
            before = {host: process(cluster, host, service) for host in hosts}
            # The last one counts where both say something.
            words = ("-t", "schedulers", "-e", "@" + os.path.join(PRESETS, f"{manner}.yml"), "-e", json.dumps(variables))
            with Watch(cluster):
                done = cluster.run(engine, "mesos-upgrade.yml", *words)
                check(done.code == 0, f"{engine} ends with {done.code} for {manner}")
            wait_for(cluster, framework)
            # Spark's brings its own library: that of the host is the one that Aurora's turn has installed.
            version = variables.get("mesos_version", TARGET)
            restarted = {}
            for host in hosts:
                restarted[host], library = process(cluster, host, service)
                check(restarted[host] != before[host][0], f"{service} on {host} was not restarted")
                check(library == f"/libmesos-{version}.so", f"{service} on {host} has mapped {library}")
            again = cluster.run(engine, "mesos-upgrade.yml", *words)
            check(again.code == 0, f"a second run ends with {again.code} for {manner}")
            check(restarted == {host: process(cluster, host, service)[0] for host in hosts}, f"a second run restarts {service}")
            figures.append(f"{manner} {done.seconds:.0f} s")
        return f"{', '.join(figures)}, {cluster.compare_end(place, engine)}"
    finally:
        cluster.down()


def stand_in(manner, service, framework, port):
    """The script that starts a scheduler of that manner on a host, beside Marathon."""
    return f"""
        sed 's,/marathon$,/{manner},' /etc/default/marathon >/etc/default/{service}
        cat >>/etc/default/{service} <<END
MARATHON_SIM_MANNER={manner}
MARATHON_FRAMEWORK_NAME={framework}
MARATHON_HTTP_PORT={port}
MARATHON_SIM_INSTANCES=1
END
        sed 's,/etc/default/marathon,/etc/default/{service},' /lib/systemd/system/marathon.service \\
            >/etc/systemd/system/{service}.service
        systemctl daemon-reload && systemctl -q enable --now {service}
    """


def wait_for(cluster, framework):
    """Until that framework is registered, with its task."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        found = cluster.summary()
        active = [each for each in found["frameworks"].values() if each["name"] == framework and each["active"]]
        if active and len(found["tasks"]) > len(cluster.names("agent")):
            return
        time.sleep(0.2)
    check(False, f"no active framework {framework} in 60 s")


def process(cluster, host, service):
    """(pid, library) of a scheduler's process."""
    script = f"""
        pid=$(systemctl show -p MainPID --value {service})
        echo $pid $(grep -ho '/libmesos[^ ]*.*' /proc/$pid/maps | sort -u)
    """
    pid, _, library = cluster.ssh(host, script).partition(" ")
    return pid, library
