"""The part of `conformance` that runs on the host: see there."""

import gzip
import http.client
import json
import os
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
LOGS = open("/root/processes.log", "ab")
FAILURES = []
# What a simulated framework has and the recorded one, mesos-execute, had not.
EXTRA = {"hostname", "webui_url"}
# There or not, empty or not, by what the recorded cluster had been through before.
HISTORY = {"reregistered_time", "completed_frameworks"}
# The recorded scheduler of the drain had the capability MULTI_ROLE, and so a list of roles.
ROLES = {"roles": "role"}


def recorded(name):
    with open(os.path.join(HERE, "recordings", f"{name}.jsonl")) as file:
        return [json.loads(line) for line in file]


def fail(where, what):
    FAILURES.append(f"{where}: {what}")
    print(f"DIFFERS {where}: {what}", flush=True)


# --- processes -----------------------------------------------------------------------------------------------------


class Process:
    def __init__(self, *command, **environment):
        self.command, self.environment = command, {**os.environ, **environment}
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command, stdout=LOGS, stderr=LOGS, env=self.environment)

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait()


def flags_of(name):
    return next(each for each in recorded(name) if each["name"] == "GET_flags")["json"]["flags"]


def arguments(flags, number, port):
    """The recorded flags, of another member of the same cluster."""
    for name, value in flags.items():
        for kind in ("master", "agent"):
            for other in range(1, 4):
                value = value.replace(f"/{kind}{other}/", f"/{kind}{number}/")
        if name == "port":
            value = str(port)
        yield f"--{name}={value}"


def master(number):
    given = arguments(flags_of("leader"), number, 5040 + 10 * number)
    return Process(
        "/usr/sbin/mesos-master", *(each for each in given if "help=" not in each and "version=" not in each)
    )


def agent(number, **more):
    flags = {**flags_of("agent"), "hostname": f"agent{number}.lab", "attributes": f"rack:r{number}", **more}
    given = arguments(flags, number, 5041 + 10 * number)
    return Process("/usr/sbin/mesos-agent", *(each for each in given if "help=" not in each and "version=" not in each))


def zookeeper():
    with open("/etc/zookeeper/conf/zoo.cfg", "w") as file:
        file.write("tickTime=500\ndataDir=/tmp/zookeeper\nclientPort=2181\nclientPortAddress=127.0.0.1\n")
    process = Process(
        "/usr/share/zookeeper/bin/zkServer.sh",
        "start-foreground",
        JVMFLAGS="-Xmx96m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dzookeeper.admin.enableServer=false",
        ZOO_LOG_DIR="/tmp",
    )
    return process


# --- requests ------------------------------------------------------------------------------------------------------


def ask(port, each, body=None):
    """(status, headers, body) of a recorded request, or None where nothing answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.putrequest(each["method"], each["path"], skip_host=False, skip_accept_encoding=True)
        sent = (body if body is not None else each.get("body", "")).encode()
        for name, value in each["headers"]:
            connection.putheader(name, value)
        if sent or each["method"] == "POST":
            connection.putheader("Content-Length", str(len(sent)))
        connection.endheaders(sent or None)
        answer = connection.getresponse()
        return answer.status, answer.getheaders(), answer.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def get(port, path):
    return ask(port, {"method": "GET", "path": path, "headers": []})


def call(port, kind, **fields):
    headers = [("Content-Type", "application/json")]
    body = json.dumps({"type": kind, **fields})
    return ask(port, {"method": "POST", "path": "/api/v1", "headers": headers, "body": body})


def until(what, condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            fail("waiting", f"{what}: not within {seconds} s")
            finish()
        time.sleep(0.05)


# --- comparison ----------------------------------------------------------------------------------------------------


def shape(where, was, now):
    if isinstance(was, dict) and isinstance(now, dict):
        names = [name for name in now if name not in HISTORY and not (name in EXTRA and name not in was)]
        was = {ROLES.get(name, name): value for name, value in was.items()} if "failover_timeout" in was else was
        wanted = [name for name in was if name not in HISTORY]
        if wanted != names:
            fail(where, f"keys {names} where {wanted} are recorded")
            return
        if "webui_dir" in was:
            if was != now and "port" in was and was["port"] == now["port"]:
                different = {name for name in was if was[name] != now[name]}
                fail(where, f"flags {different}")
            return
        for name in wanted:
            if name != "role":
                shape(f"{where}.{name}", was[name], now[name])
    elif isinstance(was, list) and isinstance(now, list):
        if bool(was) != bool(now):
            fail(where, f"{now} where {was} is recorded")
        elif was:
            shape(f"{where}[0]", was[0], now[0])
    elif type(was) is not type(now):
        fail(where, f"{now!r} where {was!r} is recorded")


def metrics_shape(where, was, now):
    if "get_metrics" in now:
        shape(where, was["get_metrics"]["metrics"][0], now["get_metrics"]["metrics"][0])
        return
    missing = set(was) - set(now)
    if missing:
        fail(where, f"metrics {sorted(missing)} are missing")
    more = set(now) - set(was)
    if more:
        fail(where, f"metrics {sorted(more)} are not recorded")
    if list(now) != sorted(now):
        fail(where, "metrics are not sorted")


def compare(where, each, answer):
    if answer is None:
        fail(where, "no answer")
        return
    status, headers, body = answer
    if status != each["status"]:
        fail(where, f"status {status} where {each['status']} is recorded: {body[:120]}")
        return
    if [name for name, _ in headers] != each["answer_header_names"]:
        fail(where, f"headers {[name for name, _ in headers]} where {each['answer_header_names']} are recorded")
    for name, value in each["answer_headers"]:
        now = dict(headers).get(name)
        if now != value:
            fail(where, f"{name}: {now} where {value} is recorded")
    if dict(headers).get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    text = body.decode()
    if "json" not in each:
        # The ages of the recorded machine's clock and of this one's are the only texts that may differ.
        if text != each.get("text", ""):
            fail(where, f"{text!r} where {each.get('text', '')!r} is recorded")
    elif "metrics" in each["name"].lower():
        metrics_shape(where, each["json"], json.loads(text))
    else:
        shape(where, each["json"], json.loads(text))


def compare_all(name, port):
    requests = recorded(name)
    for each in requests:
        compare(f"{name}/{each['name']}", each, ask(port, each))
    print(f"{name}: {len(requests)} answers", flush=True)


def send(name, what, port, own):
    """Sends one recorded call, with this cluster's agent in it, and compares the answer."""
    each = next(each for each in recorded(name) if each["name"] == what)
    body, text = each.get("body", ""), each.get("text", "")
    for old, new in own.items():
        body, text = body.replace(old, new), text.replace(old, new)
    each = {
        **each,
        **({"text": text} if text else {}),
        "answer_headers": [[key, value] for key, value in each["answer_headers"] if key != "Location"],
    }
    compare(f"{name}/{what}", each, ask(port, each, body))


# --- the states, in the order in which they can be had -------------------------------------------------------------


def no_leader():
    first = master(1)
    until("master 1 listens", lambda: get(5050, "/health"))
    # The routes come a moment after the port.
    if get(5050, "/health")[0] not in (200, 404):
        fail("start", "neither 404 nor 200 in the first moment")
    until("master 1 has routes", lambda: get(5050, "/health")[0] == 200)
    compare_all("no-leader", 5050)
    return first


def elected_not_recovered():
    until("master 1 is elected", lambda: get(5050, "/state")[0] == 200, 60)
    compare_all("elected-not-recovered", 5050)


def task_of(port):
    answer = get(port, "/state")
    if not answer or answer[0] != 200:
        return None
    frameworks = json.loads(answer[2])["frameworks"]
    return frameworks and any(
        task["statuses"] for each in frameworks for executor in each["executors"] for task in executor["tasks"]
    )


def agents_of(port):
    answer = get(port, "/slaves")
    if not answer or answer[0] != 200:
        return {}
    return {each["hostname"]: each for each in json.loads(answer[2])["slaves"]}


def active(port, number):
    return len([each for each in agents_of(port).values() if each["active"]]) == number


def drain(agents, number):
    name, agent_port = f"agent{number}.lab", 5041 + 10 * number
    own = {"200805b2-6245-4954-9aa3-ada5befb89f5-S1": agents_of(5050)[name]["id"]}

    def now():
        return agents_of(5050)[name]

    for what in ("number", "10mins_string", "600s_string", "seconds"):
        send("drain", f"DRAIN_AGENT_grace_as_{what}", 5050, own)
    send("drain", "DRAIN_AGENT_at_nonleader", 5060, own)
    compare_stage("drain", "1-before_", agent_port, name)
    send("drain", "DRAIN_AGENT", 5050, own)
    compare_stage("drain", "2-draining_", agent_port, name)
    send("drain", "REACTIVATE_AGENT_while_draining", 5050, own)
    until("the agent is drained", lambda: now()["drain_info"]["state"] == "DRAINED")
    compare_stage("drain", "3-drained_", agent_port, name)
    agents[number].end()
    until("the agent is away", lambda: get(agent_port, "/health") is None)
    agents[number].start()
    before = now().get("reregistered_time")
    until("the agent is back", lambda: now().get("reregistered_time") != before)
    compare_stage("drain", "5-agent_restarted_", agent_port, name)
    send("drain", "DRAIN_AGENT_when_DRAINED", 5050, own)
    if now()["drain_info"]["state"] != "DRAINED":
        fail("drain", "a second drain of a drained agent must leave it DRAINED")
    send("drain", "REACTIVATE_AGENT", 5050, own)
    until("the agent is active", lambda: active(5050, 3), 2)
    compare_stage("drain", "7-reactivated_", agent_port, name)
    send("drain", "REACTIVATE_AGENT_active_agent", 5050, own)
    send("drain", "DEACTIVATE_AGENT", 5050, own)
    send("drain", "DEACTIVATE_AGENT_again", 5050, own)
    send("drain", "REACTIVATE_AGENT_2", 5050, own)
    send("drain", "DRAIN_AGENT_empty_agent_grace_as_nanoseconds", 5050, own)
    config = now()["drain_info"]["config"]
    if config["max_grace_period"] != {"nanoseconds": 0}:
        fail("drain", f"max_grace_period of nanoseconds must be read as 0, not {config}")
    send("drain", "REACTIVATE_AGENT_3", 5050, own)
    print("drain: done", flush=True)


def compare_stage(name, stage, agent_port=None, hostname="agent2.lab"):
    """The reads that were recorded at one stage. Those of an agent have `agent_` in their name. Which agent comes
    first in a list is chance, so the one that it is about, recorded agent2 and here `hostname`, is put first, then
    the idle ones."""
    for each in recorded(name):
        if not each["name"].startswith(stage):
            continue
        of_agent = "agent_" in each["name"][len(stage) :]
        answer = ask(agent_port if of_agent else 5050, each)
        if answer and answer[0] == 200 and not of_agent and "json" in each:
            put_first(each["json"], "agent2.lab")
            value = json.loads(answer[2])
            put_first(value, hostname)
            answer = (answer[0], answer[1], json.dumps(value).encode())
        compare(f"{name}/{each['name']}", each, answer)


def put_first(value, hostname):
    def rank(each):
        name = each.get("hostname") or each.get("agent_info", {}).get("hostname")
        return name != hostname, bool(each.get("used_resources_full") or each.get("allocated_resources"))

    for found in (value.get("slaves"), value.get("get_agents", {}).get("agents")):
        if isinstance(found, list):
            found.sort(key=rank)


def maintenance(agents, number):
    name = f"agent{number}.lab"
    own = {"agent2.lab": name}
    compare_stage("maintenance", "1-before_", None, name)
    send("maintenance", "schedule_at_nonleader", 5060, own)
    send("maintenance", "2-POST_schedule", 5050, own)
    compare_stage("maintenance", "2-draining_", None, name)
    send("maintenance", "2-POST_schedule_again_same", 5050, own)
    send("maintenance", "3-v1_UPDATE_SCHEDULE_cancel", 5050, own)
    compare_stage("maintenance", "3-cancelled_", None, name)
    send("maintenance", "4-v1_UPDATE_MAINTENANCE_SCHEDULE", 5050, own)
    send("maintenance", "4-machine_up_while_draining", 5050, own)
    send("maintenance", "5-POST_machine_down", 5050, own)
    code = agents[number].process.wait(10)
    if code != 0:
        fail("maintenance", f"/machine/down: the agent must exit 0, not {code}")
    compare_stage("maintenance", "5-down_", None, name)
    send("maintenance", "5-POST_machine_down_again", 5050, own)
    send("maintenance", "5-schedule_without_down_machine", 5050, own)
    agents[number].start()
    code = agents[number].process.wait(10)
    if code != 0:
        fail("maintenance", f"an agent started on a machine that is down must exit 0, not {code}")
    compare_stage("maintenance", "6-agent-started-while-down_", None, name)
    send("maintenance", "7-v1_STOP_MAINTENANCE", 5050, own)
    compare_stage("maintenance", "7-up_", None, name)
    send("maintenance", "7-machine_up_again", 5050, own)
    agents[number].start()
    until("the agent is back", lambda: active(5050, 3))
    compare_stage("maintenance", "8-agent-back_", None, name)
    print("maintenance: done", flush=True)


def restart_with_task(agents, number):
    """503 for two seconds, then the same id and the same task (behaviours 11 and 12)."""
    port = 5041 + 10 * number
    before = agents_of(5050)[f"agent{number}.lab"]
    registered_before = json.loads(get(5050, "/metrics/snapshot")[2])["master/slave_reregistrations"]
    agents[number].end(signal.SIGKILL)
    until("the master sees it", lambda: not agents_of(5050)[f"agent{number}.lab"]["active"], 1)
    begun = time.monotonic()
    agents[number].start()
    until("it listens", lambda: (get(port, "/health") or [0])[0] == 200)
    answer = get(port, "/state")
    if answer[0] != 503 or answer[2] != b"Agent has not finished recovery":
        fail("agent restart", f"/state is {answer[0]} {answer[2][:60]} while it recovers")
    until("it has recovered", lambda: get(port, "/state")[0] == 200)
    took = time.monotonic() - begun
    if not 2.0 <= took <= 4.0:
        fail("agent restart", f"recovery took {took:.1f} s, recorded are 2.1 s after its start")
    until("it is back", lambda: agents_of(5050)[f"agent{number}.lab"]["active"], 5)
    after = agents_of(5050)[f"agent{number}.lab"]
    if after["id"] != before["id"] or after.get("reregistered_time") == before.get("reregistered_time"):
        fail("agent restart", "the id must stay, reregistered_time change")
    if json.loads(get(5050, "/metrics/snapshot")[2])["master/slave_reregistrations"] != registered_before:
        fail("agent restart", "master/slave_reregistrations must not count it")


def refused(number, agents):
    """Exit 1 before anything is touched (behaviours 13 and 14)."""
    agents[number].end()
    for more, text in (
        ({"attributes": "rack:other"}, "Incompatible agent info detected."),
        ({"resources": "cpus:1;mem:1024"}, "Incompatible agent info detected."),
        ({"hostname": "renamed.lab"}, "Incompatible agent info detected."),
        (
            {"attributes": "rack:other", "reconfiguration_policy": "additive"},
            "Configuration change not permitted under 'additive' policy: Value of text attribute 'rack' changed from "
            f"r{number} to other",
        ),
        ({"no_such_flag": "1"}, "Failed to load unknown flag 'no_such_flag'\n\nSee `mesos-agent --help`"),
    ):
        LOGS.flush()
        begin = os.path.getsize("/root/processes.log")
        process = agent(number, **more)
        code = process.process.wait(10)
        with open("/root/processes.log") as file:
            file.seek(begin)
            said = file.read()
        if code != 1 or text not in said:
            fail("refused", f"{more}: exit {code}, {text!r} not in {said[-400:]!r}")
    agents[number].start()
    until("it is back", lambda: active(5050, 3), 10)


def leader_dies(masters):
    """307 to the dead one for a session, then /state is 200 and empty before /api/v1 answers (behaviours 2, 5, 6)."""
    dead = masters[1]
    begun = time.monotonic()
    dead.end(signal.SIGKILL)
    seen_empty, leader = False, None
    while leader is None:
        for port in (5060, 5070):
            status, headers, body = get(port, "/state")
            if status == 503:
                fail("leader dies", f"503 {body} after {time.monotonic() - begun:.1f} s; recorded is none")
            if status == 200:
                took = time.monotonic() - begun
                seen_empty |= json.loads(body)["slaves"] == [] and json.loads(body)["recovered_slaves"] == []
                if call(port, "GET_MASTER")[0] == 200:
                    leader = port
        if time.monotonic() - begun > 30:
            fail("leader dies", "no new leader in 30 s")
            return
    if not 6 <= took <= 12:
        fail("leader dies", f"a new leader after {took:.1f} s; recorded are 8.6 to 9.8")
    if not seen_empty:
        fail("leader dies", "/state of the new leader was never 200 and empty")
    until("all agents are back", lambda: active(leader, 3), 5)
    metrics = json.loads(get(leader, "/metrics/snapshot")[2])
    if metrics["master/slave_reregistrations"] != 3 or metrics["master/slave_registrations"] != 0:
        fail("leader dies", "the new leader must count 3 re-registrations and no registration")
    dead.start()
    until("it follows", lambda: (get(5050, "/state") or [0])[0] == 307)
    print(f"leader dies: a new one after {took:.1f} s", flush=True)
    return leader


def quorum_lost(masters, leader):
    """The leader answers until it writes; that hangs, and ends it (behaviour 9)."""
    number = (leader - 5040) // 10
    for other, process in masters.items():
        if other != number:
            process.end(signal.SIGKILL)
    if get(leader, "/state")[0] != 200 or call(leader, "GET_HEALTH")[0] != 200:
        fail("quorum lost", "the leader must go on answering")
    window = {"machine_ids": [{"hostname": "x", "ip": "127.0.0.1"}], "unavailability": {"start": {"nanoseconds": 1}}}
    begun = time.monotonic()
    each = {"method": "POST", "path": "/maintenance/schedule", "headers": [], "body": json.dumps({"windows": [window]})}
    answer = ask(leader, each)
    took = time.monotonic() - begun
    if answer is not None or not 18 <= took <= 24:
        fail("quorum lost", f"a write must hang for 20 s and then close: {answer} after {took:.1f} s")
    code = masters[number].process.wait(10)
    if code != -signal.SIGABRT:
        fail("quorum lost", f"the leader must abort, not exit {code}")
    print(f"quorum lost: the leader died after {took:.1f} s", flush=True)


def finish():
    for process in subprocess.run(["pgrep", "-f", "mesos-sim"], capture_output=True, text=True).stdout.split():
        try:
            os.kill(int(process), signal.SIGKILL)
        except ProcessLookupError:
            pass
    if FAILURES:
        subprocess.run(["grep", "-a", "-A12", "Traceback", "/root/processes.log"], check=False)
    print(f"{len(FAILURES)} differences", flush=True)
    os._exit(1 if FAILURES else 0)


def main():
    masters = {1: no_leader()}
    zookeeper()
    elected_not_recovered()
    masters |= {2: master(2), 3: master(3)}
    until("the leader has recovered", lambda: call(5050, "GET_MASTER")[0] == 200, 30)
    agents = {}
    for number in (1, 2, 3):
        agents[number] = agent(number)
        until(f"agent {number} is registered", lambda: active(5050, number), 10)
    Process(
        "/usr/bin/marathon",
        MARATHON_MASTER="zk://127.0.0.1:2181/mesos",
        MARATHON_ZK="zk://127.0.0.1:2181/marathon",
        MARATHON_HOSTNAME="127.0.0.1",
        MARATHON_SIM_INSTANCES="1",
        MARATHON_SIM_COMMAND="trap '' TERM; while :; do sleep 1; done",
    )

    def busy_agent():
        return next((number for number in agents if task_of(5041 + 10 * number)), None)

    until("a task runs", busy_agent)
    busy = busy_agent()
    idle = busy % 3 + 1
    time.sleep(0.3)  # until the update has reached the master
    compare_all("leader", 5050)
    compare_all("nonleader", 5060)
    compare_all("agent", 5041 + 10 * busy)
    compare_all("agent-idle", 5041 + 10 * idle)
    compare_all("errors-leader", 5050)
    compare_all("errors-nonleader", 5060)
    compare_all("errors-agent", 5041 + 10 * idle)
    restart_with_task(agents, busy)
    refused(3, agents)
    maintenance(agents, busy)
    until("a task runs", busy_agent)
    drain(agents, busy_agent())
    leader = leader_dies(masters)
    if leader:
        quorum_lost(masters, leader)
    finish()


if __name__ == "__main__":
    sys.exit(main())
