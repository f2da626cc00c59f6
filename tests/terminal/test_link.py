#!/usr/bin/env python3
"""A server that is not there, hangs, dies, comes back as another: the console stays, and says so."""
import os
import re
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from console import SOCKET, Console, endpoint, fake_endpoint  # noqa: E402
from zdtest.runner import case, check, main, wait_until  # noqa: E402

holder = {"server": None}


def up(state=None):
    holder["server"] = endpoint(state)
    return holder["server"]


def down():
    if holder["server"]:
        holder["server"].close()
        holder["server"] = None


c = Console()


def keys_work():
    c.send("2")
    c.wait("Zon")
    c.send("?")
    c.wait("+- help")
    c.send("Escape", "1")
    c.wait_gone("+- help")


@case
def not_there():
    """No server at the start: line 1 says so, keys work, it goes on trying."""
    c.wait("NO ANSWER", "retry", "No such file")
    keys_work()
    check("SERVING" not in c.text(), c.text())


@case
def comes():
    up()
    c.wait("SERVING  up", "MEM", seconds=10)


@case
def dies():
    """Old values stay and are marked; the age runs; nothing says that all is well."""
    down()
    first = c.wait("NO ANSWER", "was SERVING pid 4711", "~273M").split("\n")[0]
    check("retry" in first, first)
    wait_until(lambda: re.search(r"NO ANSWER 00:0[3-9]", c.lines()[0]), 10, "the time without answer runs")
    check("no problems" not in c.text(), c.text())
    keys_work()


@case
def retries():
    """The wait between tries grows to five seconds and no further."""
    wait_until(lambda: "retry 5s" in c.lines()[0] or "retry 4s" in c.lines()[0], 20, "the wait has grown")


@case
def comes_back_new():
    """Another boot id: RESTARTED, and the old marks go."""
    state = fake_endpoint.State()
    state.boot = "f" * 32
    state.started = int(time.time())
    state.server["pid"] = 5000
    up(state)
    c.wait("RESTARTED", "SERVING  ", seconds=10)
    c.wait_gone("~")


@case
def hangs():
    """A server that takes requests and never answers is found out within the deadline."""
    state = holder["server"].state
    state.mode = "hang"
    wait_until(lambda: "SERVING?" in c.lines()[0] or "NO ANSWER" in c.lines()[0], 6, "the doubt is shown")
    c.wait("NO ANSWER", "was SERVING", seconds=8)
    keys_work()
    state.mode = "good"
    holder["server"].closing.set()
    c.wait("SERVING  ", seconds=12)
    holder["server"].closing.clear()


@case
def talks_nonsense():
    """Garbage, errors, closed connections, replies without end: no answer, and the reason."""
    state = holder["server"].state
    for mode, reason in (("garbage", "not what a zonedeck"), ("error", "HTTP status 500"), ("close", "NO ANSWER"),
                         ("huge", "longer than 8 MiB")):
        state.mode = mode
        c.resize(140, 24)
        c.wait("NO ANSWER", reason, seconds=10)
        state.mode = "good"
        c.wait("SERVING  ", seconds=10)
    c.resize(80, 24)


@case
def not_serving():
    """The endpoint answers, the service does not: that is not SERVING."""
    state = holder["server"].state
    for word, shown in (("not-serving", "NOT-SERVING"), ("starting", "STARTING"), ("stopping", "STOPPING")):
        state.server["state"] = word
        c.wait(shown)
    state.server["state"] = "serving"


@case
def quits_while_lost():
    down()
    c.wait("NO ANSWER")
    c.send("q")
    check(c.ended() == 0)


@case
def unreachable_address():
    """A TCP address where nobody answers does not stop the keys."""
    d = Console(args=["-s", "http://127.0.0.1:1"])
    d.wait("NO ANSWER", "refused")
    d.send("q")
    check(d.ended() == 0)


check(not os.path.exists(SOCKET))
main(down)
