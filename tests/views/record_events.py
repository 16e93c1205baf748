"""A callback plugin for ansible-core that writes what it is told as Refit's event stream.

It lets the views be tested against ansible-playbook's own output: tests/views/record runs each playbook here once with ansible-playbook,
and keeps the stream beside what ansible-playbook printed.
"""

import json
import os
import time

from ansible._internal._datatag._tags import Origin
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: record_events
type: aggregate
short_description: writes Refit's event stream
description: writes Refit's event stream to the file that REFIT_EVENTS names
"""


def plain(value):
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items() if not str(k).startswith("_ansible_")}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    return str(value)


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "record_events"

    def __init__(self):
        super().__init__()
        self.file = open(os.environ["REFIT_EVENTS"], "w")
        self.here = os.getcwd() + "/"
        self.sequence = 0
        self.tasks = {}
        self.items = {}
        self.play = -1
        self.number = 0
        self.free = False
        self.began = {}

    def emit(self, event, **fields):
        # Times are made up, so that a recording differs from the one before only where ansible-playbook does.
        at = 1767225600000 + self.sequence * 250
        self.file.write(json.dumps({"sequence": self.sequence, "at": at, "event": event, **fields}) + "\n")
        self.file.flush()
        self.sequence += 1

    def place(self, thing):
        path = (thing.get_path() or "site.yml:1").replace(self.here, "")
        file, _, line = path.rpartition(":")
        column = getattr(Origin.get_tag(getattr(thing, "_ds", None)), "col_num", None)
        return {"file": file, "line": int(line), "column": column or 1}

    def result(self, result, status):
        data = plain(result._result)
        if "ansible_facts" in data and result._task.action in ("setup", "gather_facts"):
            # Not shown, and what this machine is concerns nobody.
            data["ansible_facts"] = {}
        hidden = bool(result._result.get("_ansible_no_log"))
        delegated = result._result.get("_ansible_delegated_vars") or {}
        diff = data.pop("diff", [])
        diff = [d for d in (diff if isinstance(diff, list) else [diff]) if d]
        shown = []
        for d in diff:
            if "before" not in d and "after" not in d:
                continue
            shown.append({
                "before_header": d.get("before_header", ""), "after_header": d.get("after_header", ""),
                "before": d.get("before", ""), "after": d.get("after", ""),
            })
        if status == "ok" and data.get("changed"):
            status = "changed"
        why = None
        if status == "skipped":
            why = str(data.get("false_condition", data.get("skip_reason", ""))) or None
        return {
            "status": status, "ignored": False, "hidden": hidden,
            "delegated_to": delegated.get("ansible_delegated_host") or (result._task.delegate_to if delegated else None),
            "result": data, "diff": shown, "why": why, "began": 0, "took": 1000,
        }

    def v2_playbook_on_start(self, playbook):
        name = os.path.basename(playbook._file_name)
        self.emit("run_started", format=1, run="20260101T000000-test", refit="0.1.0",
                  command=["refit", "run", name], playbooks=[name], mode="live")
        self.emit("playbook_started", path=name)

    def v2_playbook_on_play_start(self, play):
        self.play += 1
        self.free = play.strategy == "free"
        hosts = play.get_variable_manager()._inventory.get_hosts(play.hosts)
        self.emit("play_started", play=self.play, name=play.get_name(), hosts=[h.name for h in hosts], strategy=str(play.strategy),
                  place=self.place(play))
        if hosts:
            self.emit("batch_started", play=self.play, number=1, of=1, hosts=[h.name for h in hosts])

    def v2_playbook_on_no_hosts_matched(self):
        self.emit("no_hosts_matched", play=self.play)

    def v2_playbook_on_no_hosts_remaining(self):
        self.emit("play_stopped", play=self.play, why="no host is left")

    def start(self, task, handler):
        if self.free and task._uuid in self.tasks:
            return
        number = self.number
        self.number += 1
        self.tasks[task._uuid] = number
        name = task.get_name().strip()
        role = task._role.get_name() if task._role else None
        if role and name.startswith(role + " : "):
            name = name[len(role) + 3:]
        self.emit("task_started", task=number, play=self.play, name=name, action=task.action, role=role, handler=handler,
                  place=self.place(task) if task.get_path() else {"file": "", "line": 0, "column": 0},
                  args=plain(task.args), implicit=not task.get_path(), hosts=2)

    def v2_playbook_on_task_start(self, task, is_conditional):
        self.start(task, False)

    def v2_playbook_on_handler_task_start(self, task):
        self.start(task, True)

    def v2_runner_on_start(self, host, task):
        self.emit("host_started", task=self.tasks[task._uuid], host=host.name)

    def finish(self, result, status, ignored=False):
        task = self.tasks[result._task._uuid]
        body = self.result(result, status)
        body["ignored"] = ignored
        self.emit("host_finished", task=task, host=result._host.name, result=body)

    def v2_runner_on_ok(self, result):
        self.finish(result, "ok")

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self.finish(result, "failed", bool(ignore_errors))

    def v2_runner_on_skipped(self, result):
        self.finish(result, "skipped")

    def v2_runner_on_unreachable(self, result):
        self.finish(result, "unreachable", bool(result._task.ignore_unreachable))

    def item(self, result, status):
        task = self.tasks[result._task._uuid]
        key = (task, result._host.name)
        index = self.items.get(key, 0)
        self.items[key] = index + 1
        body = self.result(result, status)
        body["ignored"] = bool(result._task.ignore_errors) and status == "failed"
        label = plain(self._get_item_label(result._result))
        self.emit("item_finished", task=task, host=result._host.name,
                  item={"index": index, "label": label, "result": body})

    def v2_runner_item_on_ok(self, result):
        self.item(result, "ok")

    def v2_runner_item_on_failed(self, result):
        self.item(result, "failed")

    def v2_runner_item_on_skipped(self, result):
        self.item(result, "skipped")

    def v2_runner_retry(self, result):
        task = self.tasks[result._task._uuid]
        attempts, retries = result._result["attempts"], result._result["retries"]
        self.emit("retry", task=task, host=result._host.name, attempt=attempts, left=retries - attempts,
                  result=self.result(result, "failed"))

    def v2_playbook_on_include(self, included_file):
        label = None
        if included_file._vars:
            label = self._get_item_label(included_file._vars)
        what = str(included_file._filename)
        self.emit("included", task=self.tasks.get(included_file._task._uuid, 0), what=what.replace(self.here, ""),
                  hosts=[h.name for h in included_file._hosts], label=None if label is None else str(label))

    def v2_playbook_on_notify(self, handler, host):
        self.emit("notified", task=0, host=host.name, handlers=[handler.get_name().strip()])

    def v2_playbook_on_stats(self, stats):
        rows = {}
        for host in sorted(stats.processed):
            s = stats.summarize(host)
            rows[host] = {"ok": s["ok"], "changed": s["changed"], "unreachable": s["unreachable"], "failures": s["failures"],
                          "skipped": s["skipped"], "rescued": s["rescued"], "ignored": s["ignored"], "unknown": 0}
        failed = any(r["failures"] for r in rows.values())
        unreachable = any(r["unreachable"] for r in rows.values())
        self.emit("run_finished", stats=rows, not_attempted={}, owed_handlers={}, custom=plain(stats.custom),
                  exit_code=4 if unreachable else 2 if failed else 0)
