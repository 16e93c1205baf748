"""The scenarios in which something is wrong: the run must stop in the right place with the quorum intact, leave
nothing drained without saying so, and a second run after the repair must finish the job."""

import os
import subprocess
import time

from cluster import FIRST, FLEET, TARGET, Watch, check
from registry import SCENARIOS
from upgrades import boot


class Fault:
    """One thing that goes wrong. A subclass says what, where the run has to stop, and how it is repaired."""

    engines = ("refit", "ansible")
    variables = {}
    monitor = ()
    stops = True
    # Words that must be in what the run printed, for who has to act on it.
    says = ()

    def __init_subclass__(cls):
        SCENARIOS[cls.name] = cls()

    def __call__(self, place, engine, options):
        cluster = boot(os.path.join(place, engine), options)
        try:
            return f"{self.on(cluster, engine)}, {cluster.compare_end(place, engine)}"
        finally:
            cluster.down()

    def on(self, cluster, engine):
        with Watch(cluster, *self.monitor):
            self.inject(cluster)
            first = cluster.run(engine, "mesos-upgrade.yml", kill_at=self.meanwhile(cluster), **self.variables)
            left = cluster.check_nothing_drained_in_silence(first.output)
            if self.stops:
                check(
                    first.code not in (0, 1, 250),
                    f"the run ends with {first.code}, and should have stopped with a failed host",
                )
                self.stopped(cluster, first.output)
                for words in (*self.says, *self.names(cluster)):
                    check(words in first.output, f"the run does not say {words!r}")
            else:
                check(first.code == 0, f"the run ends with {first.code}, and should have managed")
            self.repair(cluster)
            second = cluster.run(engine, "mesos-upgrade.yml", **self.variables)
            check(second.code == 0, f"the run after the repair ends with {second.code}")
            cluster.check_upgraded()
        stopped = "stopped after" if self.stops else "managed in"
        reported = f" with {', '.join(left)} left drained and named" if left else ""
        return f"{stopped} {first.seconds:.0f} s{reported}, finished by a second run of {second.seconds:.0f} s"

    def inject(self, cluster):
        raise NotImplementedError

    def meanwhile(self, _cluster):
        """What may happen while the run goes on: called with each line, as `kill_at`."""

    def stopped(self, cluster, output):
        """Checks where the run has stopped."""

    def names(self, _cluster):
        """Hosts that the run must name."""
        return ()

    def repair(self, cluster):
        for name in cluster.all_names():
            cluster.behave(name)
        cluster.wait()

    # --- what several have to check -------------------------------------------------------------------------------

    @staticmethod
    def untouched(cluster, kind, *but):
        versions = {name: version for name, version in cluster.versions(kind).items() if name not in but}
        check(set(versions.values()) == {FIRST}, f"the {kind}s should be as they were: {versions}")

    @staticmethod
    def upgraded(cluster, kind):
        versions = cluster.versions(kind)
        check(set(versions.values()) == {TARGET}, f"the {kind}s should have been upgraded: {versions}")

    def only_first_agent(self, cluster):
        self.upgraded(cluster, "master")
        self.untouched(cluster, "agent", "agent1")


class LogNeverRecovers(Fault):
    """The second master to be upgraded never recovers its log: the leader and the agents stay as they are."""

    name = "log_never_recovers"

    def inject(self, cluster):
        self.leader, self.victim = cluster.leader(), cluster.followers()[1]
        cluster.misbehave(self.victim, log_never_recovers=True)

    def stopped(self, cluster, output):
        check(cluster.leader() == self.leader, "the leader has changed")
        check(cluster.versions("master")[self.leader] == FIRST, "the leader was upgraded")
        self.untouched(cluster, "agent")

    def names(self, cluster):
        return (self.victim,)


class SlowElection(Fault):
    """An election takes 15 seconds longer than ZooKeeper's session, which is within what is waited for: the run goes
    on."""

    name = "slow_election"
    stops = False

    def inject(self, cluster):
        for name in cluster.names("master"):
            cluster.misbehave(name, election_takes_seconds=15)


class NoElection(Fault):
    """After the leader's turn nobody is elected for longer than is waited for: the agents stay as they are."""

    name = "no_election"
    variables = {"mesos_leader_timeout": 15}

    def inject(self, cluster):
        self.leader = cluster.leader()
        for name in cluster.names("master"):
            cluster.misbehave(name, election_takes_seconds=600)

    def stopped(self, cluster, output):
        self.untouched(cluster, "agent")
        check(cluster.versions("master")[self.leader] == TARGET, "the leader's turn should have come")


class SlowRegistry(Fault):
    """The new leader reads its registry for 10 seconds, in which /state is 200 and has no agents: nothing is lost by
    that."""

    name = "slow_registry"
    stops = False

    def inject(self, cluster):
        for name in cluster.names("master"):
            cluster.misbehave(name, recovery_takes_seconds=10)


class AgentRefusesRecovery(Fault):
    """The first agent refuses to recover after its restart: the others stay as they are, and its tasks run on."""

    name = "agent_refuses_recovery"
    says = ("agent1",)

    def inject(self, cluster):
        cluster.misbehave("agent1", refuses_recovery=True)

    def stopped(self, cluster, output):
        self.only_first_agent(cluster)
        check("Incompatible agent info" in output, "the run does not show why the agent does not start")

    def repair(self, cluster):
        cluster.behave("agent1")
        cluster.ssh("agent1", "systemctl restart mesos-slave")
        cluster.wait()


class ChangedAttributes(Fault):
    """The first agent has got other attributes since it was started, which it refuses at its restart. With one that was only
    added, and the policy that allows that, it recovers with its tasks."""

    name = "changed_attributes"
    says = ("agent1", "Incompatible agent info", "reconfiguration_policy=additive")

    def inject(self, cluster):
        self.id = cluster.summary()["agents"]["agent1.lab"]["id"]
        cluster.ssh("agent1", "echo rack:elsewhere >/etc/mesos-slave/attributes")

    def stopped(self, cluster, output):
        self.only_first_agent(cluster)

    def repair(self, cluster):
        # Its old ones (see `cluster`), and one more.
        cluster.ssh("agent1", "echo 'rack:r2;zone:a' >/etc/mesos-slave/attributes")
        cluster.ssh("agent1", "echo additive >/etc/mesos-slave/reconfiguration_policy; systemctl restart mesos-slave")
        cluster.wait()
        agent = cluster.summary()["agents"]["agent1.lab"]
        check(agent["id"] == self.id, f"agent1 has the new id {agent['id']}")


class AgentMissing(Fault):
    """An agent does not register with the new leader: the run stops before the agents, and names it."""

    name = "agent_missing"
    says = ("Its own turn is done", "agent1.lab", "journalctl -u mesos-slave")

    def inject(self, cluster):
        cluster.misbehave("agent1", never_registers=True)

    def stopped(self, cluster, output):
        self.upgraded(cluster, "master")
        self.untouched(cluster, "agent")


class AgentUnreachable(Fault):
    """The first agent does not register after its restart, for so long that masters call it unreachable: its tasks run on, and are
    the same when it is back."""

    name = "agent_unreachable"
    # Which they are for the masters, until it is back.
    monitor = ("--tasks-may-die",)
    says = ("agent1", "runs but is not registered", "unreachable")

    def inject(self, cluster):
        self.tasks = self.running(cluster)

    def meanwhile(self, cluster):
        def misbehave(line):
            # Not before: it has to register with the new leader.
            if "Upgrade the agents" in line:
                cluster.misbehave("agent1", never_registers=True)
            return False

        return misbehave

    @staticmethod
    def running(cluster):
        return sorted(name for name, task in cluster.summary()["tasks"].items() if task["state"] == "TASK_RUNNING")

    def stopped(self, cluster, output):
        self.only_first_agent(cluster)
        end = time.monotonic() + 120
        while "agent1.lab" in cluster.summary()["agents"] and time.monotonic() < end:
            time.sleep(0.5)
        check("agent1.lab" not in cluster.summary()["agents"], "the masters have not called agent1 unreachable in 120 s")

    def repair(self, cluster):
        super().repair(cluster)
        check(self.running(cluster) == self.tasks, f"tasks were {self.tasks}, and are {self.running(cluster)}")


class TaskDiesAtRestart(Fault):
    """A task of the first agent dies while the agent restarts: that is a failure, and the others stay as they are."""

    name = "task_dies_at_restart"
    monitor = ("--tasks-may-die",)
    says = ("agent1",)

    def inject(self, cluster):
        cluster.misbehave("agent1", tasks_die_at_restart=True)

    def stopped(self, cluster, output):
        self.only_first_agent(cluster)


class AgentHostLost(Fault):
    """The first agent's host loses its power when the new version has been installed: the others stay as they are."""

    name = "agent_host_lost"
    monitor = ("--tasks-may-die",)
    says = ("agent1",)

    def inject(self, cluster):
        self.installing = self.off = False

    def meanwhile(self, cluster):
        self.host = host = cluster.host("agent1")

        def power_off(line):
            # A line of its own under Ansible, the same line under Refit.
            self.installing = "Install mesos" in line or self.installing and not line.startswith("TASK")
            if self.installing and not self.off and "changed" in line and "agent1" in line:
                self.off = True
                subprocess.run([FLEET, "kill", cluster.directory, host], check=True)
            return False

        return power_off

    def stopped(self, cluster, output):
        check(self.off, "the run stopped before the host was lost")
        self.upgraded(cluster, "master")
        self.untouched(cluster, "agent", "agent1")

    def repair(self, cluster):
        subprocess.run([FLEET, "start", cluster.directory, self.host], check=True)
        cluster.wait(90)


class DrainNeverEnds(Fault):
    """A drain stays DRAINING with no task left: a second DRAIN_AGENT frees it, and the run goes on."""

    name = "drain_never_ends"
    variables = {"mesos_slave_drain": "drain"}
    monitor = ("--tasks-may-die",)
    stops = False

    def inject(self, cluster):
        for name in cluster.names("master"):
            cluster.misbehave(name, drain_never_ends=True)


class TasksIgnoreKill(Fault):
    """A task of the first agent can't be killed, so that its drain does not end: it is put back or reported, the
    others stay."""

    name = "tasks_ignore_kill"
    variables = {"mesos_slave_drain": "drain"}
    monitor = ("--tasks-may-die",)
    says = ("agent1", "mesos-undrain.yml -l agent1", "REACTIVATE_AGENT", "Nothing was installed on it")

    def inject(self, cluster):
        cluster.misbehave("agent1", tasks_ignore_kill=True)

    def stopped(self, cluster, output):
        self.upgraded(cluster, "master")
        self.untouched(cluster, "agent")

    def repair(self, cluster):
        cluster.behave("agent1")
        # What ignored the first kill must go, before the agent can leave DRAINING.
        cluster.ssh("agent1", "pkill -KILL -f /usr/libexec/mesos/mesos-executor")


class RefusedFlagOfAgent(Fault):
    """The new release knows a flag of the agents no more, which no table says: the first agent stops the run."""

    name = "refused_flag_of_agent"
    says = ("agent1", "gc_delay", "configured for mesos-slave on agent1 in /etc/mesos-slave/gc_delay")

    def inject(self, cluster):
        for name in cluster.names("agent"):
            cluster.ssh(name, "echo 2weeks >/etc/mesos-slave/gc_delay && systemctl restart mesos-slave")
            cluster.wait()
            cluster.misbehave(name, refused_flags={TARGET: ["gc_delay"]})

    def stopped(self, cluster, output):
        self.only_first_agent(cluster)

    def repair(self, cluster):
        for name in cluster.names("agent"):
            cluster.ssh(name, "rm /etc/mesos-slave/gc_delay; systemctl restart mesos-slave")
            cluster.wait()


class RefusedFlagOfMaster(Fault):
    """The same of the masters: the first to be upgraded stays down, the quorum holds, the leader stays as it is."""

    name = "refused_flag_of_master"
    says = ("registry_max_agent_age",)

    def inject(self, cluster):
        self.leader, self.victim = cluster.leader(), cluster.followers()[0]
        cluster.ssh(self.victim, "echo 3weeks >/etc/mesos-master/registry_max_agent_age")
        cluster.misbehave(self.victim, refused_flags={TARGET: ["registry_max_agent_age"]})

    def stopped(self, cluster, output):
        check(cluster.leader() == self.leader, "the leader has changed")
        self.untouched(cluster, "master", self.victim)
        self.untouched(cluster, "agent")

    def names(self, cluster):
        return (self.victim,)

    def repair(self, cluster):
        cluster.ssh(self.victim, "rm /etc/mesos-master/registry_max_agent_age; systemctl restart mesos-master")
        cluster.wait()


class ZookeeperLost(Fault):
    """ZooKeeper has no quorum when the run begins: nothing is touched."""

    name = "zookeeper_lost"
    # The leader leaves when its session is over, as it has to.
    monitor = ("--leader-changes", "2")

    def inject(self, cluster):
        for name in self.servers(cluster):
            cluster.ssh(name, "systemctl stop zookeeper")

    @staticmethod
    def servers(cluster):
        """As many as make its quorum."""
        running = [
            name for name in cluster.names("master") if cluster.ssh(name, "systemctl is-active zookeeper") == "active"
        ]
        return running[: len(running) // 2 + 1]

    def stopped(self, cluster, output):
        for kind in ("agent",):
            self.untouched(cluster, kind)
        versions = set(cluster.versions("master").values()) - {None}
        check(versions == {FIRST}, f"a master was upgraded: {versions}")
        installed = {cluster.ssh(name, "dpkg-query -W -f '${Version}' mesos") for name in cluster.all_names()}
        check(len(installed) == 1, f"something was installed: {installed}")

    def repair(self, cluster):
        for name in cluster.names("master"):
            cluster.ssh(name, "systemctl is-enabled -q zookeeper && systemctl start zookeeper")
        cluster.wait(90)


class ZookeeperLostMidway(ZookeeperLost):
    """ZooKeeper loses its quorum when the first master has been upgraded: the agents stay as they are."""

    name = "zookeeper_lost_midway"

    def inject(self, cluster):
        self.lost = False

    def meanwhile(self, cluster):
        def lose(_line):
            upgraded = not self.lost and "changed" in _line and TARGET in cluster.versions("master").values()
            if upgraded:
                self.lost = True
                ZookeeperLost.inject(self, cluster)
            return False

        return lose

    def stopped(self, cluster, output):
        check(self.lost, "the run stopped before ZooKeeper was lost")
        self.untouched(cluster, "agent")


class AgentAnswers503(Fault):
    """An agent's API answers 503: it is named, and not restarted."""

    name = "agent_answers_503"
    says = ("agent2",)

    def inject(self, cluster):
        cluster.misbehave("agent2", api="503", api_paths=["/state", "/slave(1)/state", "/api/v1", "/flags", "/metrics"])

    def stopped(self, cluster, output):
        versions = cluster.versions("agent")
        check(versions["agent2"] == FIRST, "the agent that answers 503 was restarted")


class MasterAnswersGarbage(Fault):
    """A master's API answers HTML and half an object: it is named, and no other is touched."""

    name = "master_answers_garbage"

    def inject(self, cluster):
        self.victim = cluster.followers()[0]
        cluster.misbehave(self.victim, api="garbage", api_paths=["/state", "/flags", "/metrics", "/version", "/api"])

    def stopped(self, cluster, output):
        self.untouched(cluster, "agent")
        self.untouched(cluster, "master", self.victim)

    def names(self, cluster):
        return (self.victim,)
