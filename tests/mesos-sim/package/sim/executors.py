"""Executors: one real process for each task, which outlives its agent (the unit's KillMode is `process`), is found
again by the next one, and keeps the library of the release that started it mapped."""

import os
import signal
import subprocess

# The installation that this is in: /usr, or where an archive was unpacked.
PREFIX = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EXECUTOR = os.path.join(PREFIX, "libexec/mesos/mesos-executor")
LIBRARY = os.path.join(PREFIX, "lib/libmesos.so")


def start(container, command, directory):
    os.makedirs(directory, exist_ok=True)
    environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "MESOS_SANDBOX": directory}
    if os.path.exists(LIBRARY):
        # The mapping has the name of the release's own file, which an upgrade deletes.
        environment["LD_PRELOAD"] = os.path.realpath(LIBRARY)
    with open(os.path.join(directory, "stdout"), "ab") as output:
        process = subprocess.Popen(
            [EXECUTOR, f"--container={container}", command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env=environment,
            cwd=directory,
        )
    return process.pid


def is_alive(pid, container):
    """Whether that process is still the executor of that container: its number may be somebody else's by now."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return f"--container={container}".encode() in file.read().split(b"\0")
    except OSError:
        return False


def watch(loop, pid, ended):
    """Calls `ended()` when the process is gone."""
    descriptor = os.pidfd_open(pid)

    def readable():
        loop.remove_reader(descriptor)
        os.close(descriptor)
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            pass  # Another agent's child.
        ended()

    loop.add_reader(descriptor, readable)


def kill(pid, container, number=signal.SIGTERM):
    if is_alive(pid, container):
        os.killpg(pid, number)
