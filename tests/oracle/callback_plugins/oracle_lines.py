"""Writes each host's result of each task as a line of JSON to the file that ORACLE_RESULTS names.

A line has: play, task, host, action, status (ok, changed, failed, skipped, unreachable, ignored), result. "ignored" is
a failure that the play went on after. A last line has the key stats, with the counts for each host.
"""

import json
import os

from ansible.parsing.ajson import AnsibleJSONEncoder
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
    name: oracle_lines
    type: notification
    short_description: results as lines of JSON
    description: Writes each result as a line of JSON to the file in ORACLE_RESULTS.
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "oracle_lines"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self):
        super().__init__()
        self._file = open(os.environ["ORACLE_RESULTS"], "a", encoding="utf-8")
        self._play = None

    def _line(self, data):
        self._file.write(json.dumps(data, cls=AnsibleJSONEncoder, sort_keys=True) + "\n")
        self._file.flush()

    def _result(self, result, status):
        task = result._task
        self._line(
            {
                "play": self._play,
                "task": task.get_name(),
                "host": result._host.get_name(),
                "action": task.action,
                "status": status,
                "result": result._result,
            }
        )

    def v2_playbook_on_play_start(self, play):
        self._play = play.get_name()

    def v2_runner_on_ok(self, result):
        self._result(result, "changed" if result._result.get("changed") else "ok")

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._result(result, "ignored" if ignore_errors else "failed")

    def v2_runner_on_skipped(self, result):
        self._result(result, "skipped")

    def v2_runner_on_unreachable(self, result):
        self._result(result, "unreachable")

    def v2_playbook_on_stats(self, stats):
        self._line({"stats": {host: stats.summarize(host) for host in sorted(stats.processed)}})
