"""A simulated cluster, a run of a playbook on it by one of the two engines, and the monitor beside: what scenarios
are made of."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import summary as summaries

HERE = os.path.dirname(os.path.abspath(__file__))
PROJECT = os.path.dirname(os.path.dirname(HERE))
# Another checkout of the playbooks, with the roles beside them, may be tested.
PLAYBOOKS = os.environ.get("REFIT_PLAYBOOKS", os.path.join(PROJECT, "playbooks"))
CLUSTER = os.path.join(HERE, "cluster")
FLEET = os.path.join(PROJECT, "tests", "fleet", "fleet")
FIRST, TARGET = "1.9.0", "1.11.0"
# How long a whole run may take before it counts as stuck.
SECONDS_OF_RUN = 2400
# What the roles wait for is over sooner or later; the tests can't wait as long as an operator would.
PATIENCE = {
    "mesos_leader_timeout": 40,
    "mesos_start_timeout": 25,
    "mesos_master_start_timeout": 25,
    "mesos_master_agents_timeout": 40,
    "mesos_slave_start_timeout": 30,
    "mesos_slave_rejoin_timeout": 30,
    "mesos_slave_drain_timeout": 20,
    "mesos_slave_grace": 5,
}
# The process groups of runs that are under way.
RUNNING = set()


class Failed(Exception):
    """A check of a scenario that did not hold."""


def check(condition, what):
    if not condition:
        raise Failed(what)


def refit_program():
    """REFIT_PROGRAM, or the newest build of this project."""
    if os.environ.get("REFIT_PROGRAM"):
        return os.environ["REFIT_PROGRAM"]
    builds = [os.path.join(PROJECT, "target", kind, "refit") for kind in ("release", "debug")]
    found = [path for path in builds if os.path.exists(path)]
    if not found:
        sys.exit("no refit to test: build it, or name it in REFIT_PROGRAM")
    return max(found, key=os.path.getmtime)


class Outcome:
    def __init__(self, code, output, seconds):
        self.code, self.output, self.seconds = code, output, seconds


class Cluster:
    def __init__(self, directory, *options, size="small"):
        self.directory, self.files = os.path.join(directory, "fleet"), directory
        os.makedirs(directory, exist_ok=True)
        self.runs = 0
        started = subprocess.run(
            [CLUSTER, size, self.directory, "--owner", str(os.getpid()), *options], capture_output=True, text=True
        )
        if started.returncode == 77:
            print(started.stderr, file=sys.stderr)
            os._exit(77)
        check(started.returncode == 0, f"the cluster does not come up: {started.stderr[-600:]}")

    def down(self):
        subprocess.run([CLUSTER, "down", self.directory], check=False)

    # --- the hosts ------------------------------------------------------------------------------------------------

    def ssh(self, name, command):
        words = [CLUSTER, "ssh", self.directory, name, command]
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        return done.stdout.strip()

    def misbehave(self, name, **what):
        subprocess.run([CLUSTER, "misbehave", self.directory, name, json.dumps(what)], check=True)

    def behave(self, name):
        subprocess.run([CLUSTER, "behave", self.directory, name], check=True)

    def access(self):
        return summaries.Access(self.directory)

    def summary(self):
        return summaries.summary(self.directory)

    def leader(self):
        found = None
        end = time.monotonic() + 30
        while found is None and time.monotonic() < end:
            found = self.summary()["leader"]
        check(found, "no leader in 30 s")
        return found

    def followers(self):
        """The masters that do not lead, in the inventory's order."""
        leader = self.leader()
        return [name for name in self.names("master") if name != leader]

    def names(self, kind):
        return list(summaries.addresses(self.directory, kind))

    def all_names(self):
        return [name for kind in ("master", "agent", "scheduler") for name in self.names(kind)]

    def wait(self, seconds=60):
        done = subprocess.run([CLUSTER, "wait", self.directory, str(seconds)], capture_output=True, text=True)
        check(done.returncode == 0, f"not whole after {seconds} s: {done.stderr[-600:]}")

    def versions(self, kind):
        """The release that runs, by host: what the processes themselves say."""
        port = {"master": 5050, "agent": 5051}[kind]
        found = {}
        for name, address in summaries.addresses(self.directory, kind).items():
            status, answer = summaries.get(self.access(), address, port, "/version")
            found[name] = answer["version"] if status == 200 and isinstance(answer, dict) else None
        return found

    def libraries(self):
        """The library that each scheduler has mapped."""
        script = """
            pid=$(systemctl show -p MainPID --value marathon)
            grep -o '/[^ ]*/libmesos[^ ]*.*' /proc/$pid/maps | sort -u
        """
        return {name: self.ssh(name, script) for name in self.names("scheduler")}

    def tell(self, kind, **fields):
        """Sends a call to the leading master, as an operator does by hand."""
        address = summaries.addresses(self.directory, "master")[self.leader()]
        status, answer = summaries.get(self.access(), address, 5050, "/api/v1", {"type": kind, **fields})
        check(status == 200, f"{kind}: {status} {answer}")
        return answer

    def host(self, name):
        """The fleet's name of a host."""
        command = [CLUSTER, "host", self.directory, name]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def end_state(self):
        """What must be the same on each host, whichever engine did it: packages, services, the files in /etc."""
        script = """
            dpkg-query -W -f '${Package} ${Version} ${Status}\n' mesos marathon
            for unit in mesos-master mesos-slave marathon zookeeper; do
                echo "$unit $(systemctl is-active $unit) $(systemctl is-enabled $unit 2>/dev/null)"
            done
            readlink -f /opt/mesos
            cd / && find etc/mesos* etc/default etc/systemd/system var/lib/mesos-drained.json run/systemd/system \
                -type f ! -name misbehave.json -exec sha256sum {} + 2>/dev/null | sort -k 2
        """
        state = {}
        for name in self.all_names():
            # Each cluster has its own network.
            state[name] = re.sub(r"10\.213\.\d+\.", "10.213.K.", self.ssh(name, script))
        # The files that hold addresses have other sums in another network.
        addresses = r"^[0-9a-f]{64}  (etc/mesos/zk|etc/mesos-\w+/(ip|hostname)|etc/default/(marathon|chronos|aurora-scheduler|spark-mesos-dispatcher))$"
        state = {name: re.sub(addresses, r"(address)  \1", text, flags=re.M) for name, text in state.items()}
        found = self.summary()
        state["cluster"] = {
            "masters": found["masters"],
            "agents": {
                name: [agent["version"], agent["active"], agent["deactivated"]]
                for name, agent in sorted(found["agents"].items())
            },
            "frameworks": sorted([each["name"], each["active"]] for each in found["frameworks"].values()),
            "maintenance": found["maintenance"],
        }
        return state

    def compare_end(self, place, engine, part=""):
        """Keeps what this engine has left behind, and checks that the other has left the same, if it was here."""
        state = json.loads(json.dumps(self.end_state()))
        path = os.path.join(place, f"end-state-%s{'-' * bool(part)}{part}.json")
        with open(path % engine, "w") as file:
            json.dump(state, file, indent=1)
        other = {"refit": "ansible", "ansible": "refit"}[engine]
        if not os.path.exists(path % other):
            return "end state kept"
        with open(path % other) as file:
            before = json.load(file)
        both = before.keys() & state.keys()
        for each in (before, state):
            each["cluster"]["agents"] = {k: v for k, v in each["cluster"]["agents"].items() if k.split(".")[0] in both}
        different = [name for name in both if before[name] != state[name]]
        check(not different, f"these end otherwise than under {other}: {', '.join(sorted(different))}")
        return f"same end state as under {other} ({len(both) - 1} hosts)"

    def check_upgraded(self, version=TARGET, maintenance=None):
        self.wait()
        for kind in ("master", "agent"):
            versions = self.versions(kind)
            check(set(versions.values()) == {version}, f"not all {kind}s run {version}: {versions}")
        for name, libraries in self.libraries().items():
            check(
                version in libraries and "deleted" not in libraries, f"{name} does not run with {version}: {libraries}"
            )
        found = self.summary()
        check(
            not [each for each in found["agents"].values() if each["deactivated"]], f"still drained: {found['agents']}"
        )
        check(found["maintenance"] == (maintenance or {}), f"in maintenance: {found['maintenance']}")

    def check_nothing_drained_in_silence(self, output):
        """Whatever is out of service after a run must be in what the run said, with a way back."""
        found = self.summary()
        left = [name for name, agent in found["agents"].items() if agent["deactivated"]]
        for machines in (found.get("maintenance") or {}).values():
            left += [(machine.get("id") or machine)["hostname"] for machine in machines]
        for hostname in left:
            name = hostname.split(".")[0]
            check(name in output or hostname in output, f"{hostname} is drained, and the run does not say so")
            check(
                "REACTIVATE_AGENT" in output or "STOP_MAINTENANCE" in output or "mesos-undrain" in output,
                f"{hostname} is drained, and the run does not say how to undo it",
            )
        return left

    # --- runs -----------------------------------------------------------------------------------------------------

    def command(self, engine, playbook, variables, *words):
        inventory = os.path.join(self.directory, "mesos.ini")
        path = os.path.join(PLAYBOOKS, playbook)
        extra = json.dumps({"mesos_version": TARGET, **PATIENCE, **variables})
        rest = ["-i", inventory, "-e", extra, *words, path]
        if engine == "refit":
            return [refit_program(), "run", *rest]
        return [os.path.join(PROJECT, "tests", "oracle", "ansible"), *rest]

    def environment(self):
        home = os.path.join(self.files, "home")
        os.makedirs(home, exist_ok=True)
        # Ansible without a file copied for each task, which takes half the time.
        faster = {"REFIT_ORACLE_PIPELINING": "True"}
        return {**os.environ, "HOME": home, "XDG_STATE_HOME": home, "NO_COLOR": "1", **faster, **cache()}

    def run(self, engine, playbook="mesos-upgrade.yml", *words, kill_at=None, **variables):
        """Runs a playbook to its end. `kill_at(line)` sees each line of output as it comes and, when it says so, the
        controller is killed with -9."""
        self.runs += 1
        log = os.path.join(self.files, f"run-{self.runs}-{engine}.txt")
        begun = time.monotonic()
        with open(log, "w") as file:
            file.write(f"$ {' '.join(self.command(engine, playbook, variables, *words))}\n")
            process = subprocess.Popen(
                self.command(engine, playbook, variables, *words),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=self.environment(),
                cwd=self.files,
                text=True,
                errors="replace",
                start_new_session=True,
            )
            RUNNING.add(process.pid)
            overdue = threading.Timer(SECONDS_OF_RUN, os.killpg, (process.pid, signal.SIGKILL))
            overdue.start()
            lines = []
            try:
                for line in process.stdout:
                    file.write(f"{time.monotonic() - begun:7.1f} {line}" if not line.startswith("{") else line)
                    lines.append(line)
                    if kill_at and kill_at(line):
                        break
                else:
                    process.wait()
            finally:
                overdue.cancel()
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                code = process.wait()
                RUNNING.discard(process.pid)
        seconds = time.monotonic() - begun
        check(seconds < SECONDS_OF_RUN, f"the run was stuck, see {log}")
        return Outcome(code, "".join(lines), seconds)


def cache():
    """Where the oracle keeps its environment, which follows HOME."""
    return {"REFIT_TEST_CACHE": os.environ.get("REFIT_TEST_CACHE", os.path.expanduser("~/.cache/refit-tests"))}


class Watch:
    """The monitor, beside what happens in a `with`."""

    def __init__(self, cluster, *options):
        self.cluster, self.options = cluster, options
        self.seen = None

    def __enter__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-B", os.path.join(HERE, "monitor.py"), self.cluster.directory, *self.options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, kind, *_):
        output, _ = self.process.communicate("")
        self.seen = json.loads(output)
        with open(os.path.join(self.cluster.files, "monitor.json"), "w") as file:
            file.write(output)
        if kind is None:
            check(not self.seen["violations"], f"the monitor: {'; '.join(self.seen['violations'])}")


def make_clean(directory):
    shutil.rmtree(directory, ignore_errors=True)
