"""Log lines in the form of glog, on stderr, so that the journal has what operators look for."""

import os
import sys
import time


def _line(level, place, message):
    now = time.time()
    clock = time.strftime("%m%d %H:%M:%S", time.localtime(now))
    print(f"{level}{clock}.{int(now % 1 * 1e6):06d} {os.getpid():5d} {place}] {message}", file=sys.stderr, flush=True)


def info(place, message):
    _line("I", place, message)


def warning(place, message):
    _line("W", place, message)


def exit_1(place, message):
    """What EXIT(1) does: the line, and the end of the process at once."""
    _line("E", place, f"EXIT with status 1: {message}")
    os._exit(1)


def check_failed(place, message):
    """What a failed CHECK does: the line, and abort()."""
    _line("F", place, message)
    os.abort()
