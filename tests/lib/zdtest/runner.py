"""Test programs: functions marked @case run in order; any that raises fails the program.

Nothing here sleeps for a fixed time: wait_until polls a condition against a deadline. The deadlines
are stretched for sanitizer builds, or by ZONEDECK_PATIENCE (a factor) on slow machines.
"""

import functools
import os
import pathlib
import random
import re
import sys
import time
import traceback

SKIPPED = 77
_cases = []


class Failure(AssertionError):
    """A check that did not hold."""


class Skip(SystemExit):
    """Raised by a case that cannot run here; outside of a case it ends the program as skipped."""

    def __init__(self, reason):
        print(f"skipped: {reason}", flush=True)
        super().__init__(SKIPPED)
        self.reason = reason

    def __str__(self):
        return self.reason


def patience(seconds):
    """A deadline on this machine, with this build."""
    return seconds * _patience()


@functools.lru_cache
def _patience():
    if "ZONEDECK_PATIENCE" in os.environ:
        return float(os.environ["ZONEDECK_PATIENCE"])
    return 5.0 if sanitized() else 1.0


@functools.lru_cache
def sanitized():
    """Whether the programs under test were built with a sanitizer."""
    cache = pathlib.Path(os.environ.get("ZD_BIN", "."), "..", "CMakeCache.txt")
    return cache.is_file() and bool(re.search(r"^ZD_SANITIZE:\w+=.", cache.read_text(), re.M))


def seed():
    """The seed of this run, printed so that a failure can be repeated with ZONEDECK_SEED."""
    value = int(os.environ.get("ZONEDECK_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"seed {value} (repeat with ZONEDECK_SEED={value})", flush=True)
    return value


def scaled(default, full):
    """How many: the default, or with ZONEDECK_ALL=1 as many as the case is about, however long that
    takes. Such a program is run by itself, as ctest ends a test after five minutes."""
    return full if os.environ.get("ZONEDECK_ALL") else default


def skip(reason):
    """Ends the program: it cannot run here."""
    print(f"skipped: {reason}", flush=True)
    sys.exit(SKIPPED)


def check(condition, *what):
    if not condition:
        raise Failure(" ".join(str(part) for part in what) or "check failed")


def check_equal(got, expected, what=""):
    if got != expected:
        raise Failure(f"{what}: got {got!r}, expected {expected!r}")


def wait_until(condition, seconds, what, every=0.02, alive=None):
    """The first true value of condition(); Failure when it stays false for so many seconds.

    alive, when given, is called too and raises when waiting has become pointless."""
    deadline, last = time.monotonic() + patience(seconds), None
    while True:
        value = condition()
        if value:
            return value
        if alive:
            alive()
        last = value
        if time.monotonic() > deadline:
            raise Failure(f"{what}: not within {patience(seconds):g} s"
                          + (f" (last: {last!r})" if last not in (None, False) else ""))
        time.sleep(every)


def case(function):
    """Marks a test; its docstring or name is its title."""
    _cases.append(function)
    return function


def main(cleanup=None):
    """Runs the cases (or those whose names are arguments) and ends the program."""
    wanted = sys.argv[1:]
    chosen = [c for c in _cases if not wanted or c.__name__ in wanted]
    if wanted and len(chosen) != len(wanted):
        print("cases: " + " ".join(c.__name__ for c in _cases))
        sys.exit(2)
    failed = skipped = 0
    try:
        for function in chosen:
            started = time.monotonic()
            try:
                function()
                word = "ok"
            except Skip as reason:
                word, skipped = f"skip ({reason})", skipped + 1
            except Exception:
                traceback.print_exc(file=sys.stdout)
                word, failed = "FAIL", failed + 1
            print(f"{word:4} {function.__name__} ({time.monotonic() - started:.2f} s)", flush=True)
    finally:
        if cleanup:
            cleanup()
    print(f"{len(chosen) - failed - skipped} passed, {failed} failed, {skipped} skipped", flush=True)
    sys.exit(1 if failed else SKIPPED if skipped == len(chosen) else 0)
