"""Restart, kill -9 and second start under 20,000 queries a second; the console at rest.

The zone has 1,000,000 records: 250,000 delegations with 2 NS and 2 glue A each; 20 % of the queries
ask for names below the apex that do not exist. ZONEDECK_RECORDS and ZONEDECK_RATE change the sizes.
"""

import fcntl
import os
import pathlib
import pty
import select
import signal
import struct
import subprocess
import termios
import time

from zdtest import zones
from zdtest.bench import KINDS, Row
from zdtest.data import scratch
from zdtest.load import Steady, first_answer
from zdtest.runner import Failure
from zdtest.servers import Zonedeckd, members, ours, primary

RATE = int(os.environ.get("ZONEDECK_RATE", "20000"))
SECONDS = 10
DELEGATIONS = int(os.environ.get("ZONEDECK_RECORDS", "1000000")) // 4
ZONE = "bench.test."
_files = {}


def files():
    """The zone and the queries, written once."""
    if not _files:
        folder = scratch("zdbench-")
        _files["zone"] = zones.delegations(folder / "bench.zone", ZONE, DELEGATIONS)
        _files["queries"] = zones.delegation_queries(folder / "queries", ZONE, DELEGATIONS,
                                                     RATE * SECONDS)
        _files["lost"] = folder / "lost"
    return _files


def server(kind):
    made = KINDS[kind]([primary(ZONE, files()["zone"])])
    made.ready_name = ZONE
    return made


def under_load(running, act):
    """The load with act(server) in its middle, as figures."""
    running.wait_serial(ZONE, 1, seconds=120)
    with Steady(running.port, files()["queries"], RATE, SECONDS, files()["lost"], wait=10) as load:
        load.at(SECONDS / 2)
        before = time.monotonic()
        act(running)
        took = time.monotonic() - before
        result = load.result()
    return {"lost": result["lost"], "latest_ms": result["max_us"] / 1000, "dup": result["dup"],
            "p99_us": result["p99_us"], "late50ms": result["late50ms"],
            "servfail": result["servfail"], "act_ms": took * 1000}


def restart(kind):
    """A restart as the operator would: our command; for the others stop and start."""
    def act(running):
        if isinstance(running, Zonedeckd):
            done = subprocess.run([ours("zonedeck"), "-s", f"unix:{running.socket}", "restart"],
                                  capture_output=True, text=True, timeout=60)
            if done.returncode:
                raise Failure(f"zonedeck restart: {done.stdout}{done.stderr}")
        else:
            running.stop(seconds=60)
            running.launch(wait=False)

    with server(kind) as running:
        if isinstance(running, Zonedeckd):
            running.wait_standby()
        return under_load(running, act)


def nsd_server(running):
    """The process of NSD that answers: the child of its main process, the first one's child."""
    tree = members(running.session)
    for pid, parent in tree.items():
        if tree.get(parent) == running.session:
            return pid
    raise Failure("no server process of NSD")


def kill(kind):
    """kill -9 of the process that answers; Knot and BIND are started anew at once."""
    def act(running):
        if isinstance(running, Zonedeckd):
            os.kill(running.active(), signal.SIGKILL)
        elif kind == "NSD":
            os.kill(nsd_server(running), signal.SIGKILL)
        else:
            running.kill()
            running.launch(wait=False)

    with server(kind) as running:
        if isinstance(running, Zonedeckd):
            running.wait_standby()
        return under_load(running, act)


def second_start(kind):
    """From exec to the first good answer, started before with the same zone."""
    running = server(kind)
    try:
        running.start()
        running.wait_serial(ZONE, 1, seconds=120)
        running.stop(seconds=60)
        return {"first_ms": first_answer(running.port, ZONE, 6,
                                         lambda: running.launch(wait=False), timeout=120)}
    finally:
        running.kill()


def cpu_ns(pid):
    """Processor time of all threads of a process."""
    return sum(int((task / "schedstat").read_text().split()[0])
               for task in pathlib.Path(f"/proc/{pid}/task").iterdir())


def memory_kib(pid, field="Rss"):
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1])
    raise Failure(f"no {field} of {pid}")


def console_process(socket):
    """(pid, descriptor) of a console on a terminal of 80x24."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ |= {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
        os.execv(ours("zonedeck"), ["zonedeck", "-s", f"unix:{socket}"])
    return pid, terminal


def read_for(terminal, seconds, enough=lambda text: False):
    """What a terminal shows within so many seconds, or until it is enough."""
    text, end = b"", time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0 and not enough(text):
        if select.select([terminal], [], [], left)[0]:
            try:
                text += os.read(terminal, 65536)
            except OSError:
                break
    return text


def console(kind):
    """First paint, processor time and memory of the console on a server at rest."""
    folder = scratch()
    (folder / "zone").write_text(zones.small())
    with Zonedeckd([primary("example.org.", folder / "zone")]) as running:
        started = time.monotonic()
        pid, terminal = console_process(running.socket)
        try:
            # The first frame is whole with its last line, the keys; the first data say SERVING.
            text = read_for(terminal, 5, lambda seen: b"quit" in seen)
            paint = (time.monotonic() - started) * 1000
            text += read_for(terminal, 5, lambda seen: b"SERVING" in text + seen)
            data = (time.monotonic() - started) * 1000
            if b"quit" not in text or b"SERVING" not in text:
                raise Failure(f"not painted: {text!r}")
            read_for(terminal, 3)
            before, since = cpu_ns(pid), time.monotonic()
            read_for(terminal, 20)
            share = (cpu_ns(pid) - before) / 1e9 / (time.monotonic() - since) * 100
            return {"paint_ms": paint, "data_ms": data, "cpu_percent": share,
                    "rss_mb": memory_kib(pid) * 1024 / 1e6, "pss_mb": memory_kib(pid, "Pss") * 1024 / 1e6}
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            os.close(terminal)


EXPERIMENTS = {"restart": restart, "kill": kill, "second start": second_start, "console": console}
OURS = ("zonedeck",)
ROWS = [
    Row("restart", "lost", f"restart at {RATE}/s: lost", "queries", 0),
    Row("restart", "latest_ms", f"restart at {RATE}/s: latest answer", "ms"),
    Row("restart", "servfail", f"restart at {RATE}/s: SERVFAIL", "answers", 0),
    Row("kill", "lost", f"kill -9 at {RATE}/s: lost", "queries", 64),
    Row("kill", "latest_ms", f"kill -9 at {RATE}/s: latest answer", "ms", 50),
    Row("kill", "dup", f"kill -9 at {RATE}/s: answered twice", "queries"),
    Row("second start", "first_ms", "second start: first answer after exec", "ms", 100),
    Row("console", "paint_ms", "console: first paint", "ms", 50, OURS),
    Row("console", "data_ms", "console: first data", "ms", None, OURS),
    Row("console", "cpu_percent", "console: processor at rest", "% of a core", 0.2, OURS),
    Row("console", "rss_mb", "console: resident memory", "MB", 8, OURS),
    Row("console", "pss_mb", "console: its share of it (PSS)", "MB", None, OURS),
]
