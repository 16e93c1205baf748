"""What kind of Mesos this installation is a simulation of."""

import os

from flags import version_key

HERE = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(HERE, "VERSION")) as file:
    VERSION = file.read().strip()
try:
    with open("/usr/lib/marathon-sim/VERSION") as file:
        SCHEDULER_VERSION = file.read().strip()
except FileNotFoundError:
    SCHEDULER_VERSION = None


def at_least(version):
    return version_key(VERSION) >= version_key(version)


INFO = {
    "build_date": "lab",
    "build_time": 0.0,
    "build_user": "lab",
    "git_branch": "refs/heads/master",
    "git_sha": "c1b42f79d157aa900be5cbb0c1023f1479962aa7",
    "version": VERSION,
}
# The order of /state and of v1's GET_VERSION.
STATE_ORDER = ("version", "git_sha", "git_branch", "build_date", "build_time", "build_user")
V1_ORDER = ("version", "build_date", "build_time", "build_user", "git_sha", "git_branch")

HAS_DRAIN = at_least("1.9.0")
MASTER_CAPABILITIES = ["AGENT_UPDATE", *(["AGENT_DRAINING", "QUOTA_V2"] if HAS_DRAIN else [])]
AGENT_CAPABILITIES = [
    "MULTI_ROLE",
    "HIERARCHICAL_ROLE",
    "RESERVATION_REFINEMENT",
    "RESOURCE_PROVIDER",
    "RESIZE_VOLUME",
    *(["AGENT_OPERATION_FEEDBACK", "AGENT_DRAINING"] if HAS_DRAIN else []),
    *(["TASK_RESOURCE_LIMITS"] if at_least("1.10.0") else []),
]


def ordered(names):
    return {name: INFO[name] for name in names}
