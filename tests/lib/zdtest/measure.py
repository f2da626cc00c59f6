"""What a server costs: processor time, memory, instructions, while dnsperf loads it.

On two processors or more a server that was started within pinned() has the first for itself and the
load generator the second, so that neither takes the other's time.
"""

import contextlib
import os
import pathlib
import re
import subprocess
import threading
import time

from zdtest.data import scratch
from zdtest.runner import Failure, patience
from zdtest.servers import Peer, Server, members, ours, program


class Echo(Server):
    """bench_echo: a server that answers nothing but the question itself."""

    def __init__(self, _zones=()):
        super().__init__()

    @classmethod
    def installed(cls):
        return ours("bench_echo").exists()

    def configure(self):
        pass

    def command(self):
        return [ours("bench_echo"), self.port]

    def ready(self):
        return self.answers()


class PowerDns(Peer):
    """Its packet and query caches are on, as its package has them; the zone comes from its file."""

    binary = "pdns_server"

    def configure(self):
        zones = "".join(f'zone "{zone["name"]}" {{ type native; file "{zone["file"]}"; }};\n' for zone in self.zones)
        (self.folder / "bind.conf").write_text(zones)
        (self.folder / "pdns.conf").write_text("\n".join((
            "launch=bind", f"bind-config={self.folder}/bind.conf", "local-address=127.0.0.1",
            f"local-port={self.port}", f"socket-dir={self.folder}", "receiver-threads=1", "distributor-threads=1",
            "loglevel=3", "zone-cache-refresh-interval=0")) + "\n")

    def command(self):
        return [program(self.binary), f"--config-dir={self.folder}", "--daemon=no", "--guardian=no"]


@contextlib.contextmanager
def pinned(processor=0):
    """What is started inside runs on this processor alone."""
    before = os.sched_getaffinity(0)
    allowed = sorted(before)
    if len(allowed) > 1:
        os.sched_setaffinity(0, {allowed[processor]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def processor_ns(session):
    """Processor time, user and system, that the processes of a session have used so far."""
    total = 0
    for pid in members(session):
        for task in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
            try:
                total += int(task.read_text().split()[0])
            except OSError:
                pass
    return total


def memory_kib(pid, field="Pss"):
    """A line of smaps_rollup; 0 of a process that has just ended."""
    try:
        text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    found = re.search(rf"^{field}:\s+(\d+)", text, re.M)
    return int(found[1]) if found else 0


def pss_mb(session):
    """What all processes of a session hold: shared pages count once."""
    return sum(memory_kib(pid) for pid in members(session)) * 1024 / 1e6


def settled_pss_mb(session, seconds=30):
    """The same once it moves by less than half a percent in two seconds."""
    deadline, last = time.monotonic() + patience(seconds), pss_mb(session)
    while time.monotonic() < deadline:
        time.sleep(2)
        now = pss_mb(session)
        if abs(now - last) < last * 0.005:
            return now
        last = now
    return last


class Peak:
    """A context: .mb is the largest PSS of a session inside it, looked at every 10 ms."""

    def __init__(self, session):
        self.session, self.mb, self.over = session, 0.0, threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self):
        while not self.over.wait(0.01):
            self.mb = max(self.mb, pss_mb(self.session))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def dnsperf(port, queries, seconds=None, count=None, tcp=False, outstanding=200):
    """Asks what a file says, for so long or so often, with so many queries under way. The queries
    that were answered, how many a second, and how many were not."""
    command = [program("dnsperf"), "-s", "127.0.0.1", "-p", str(port), "-d", str(queries), "-W",
               "-c", "20", "-q", str(outstanding), "-m", "tcp" if tcp else "udp", "-b", "4096"]
    command += ["-l", str(seconds)] if seconds else ["-n", str(count), "-t", "60"]
    with pinned(1):
        done = subprocess.run(command, capture_output=True, text=True, check=False,
                              timeout=patience((seconds or 600) + 60))
    found = {key: re.search(rf"{key}:\s+([\d.]+)", done.stdout)
             for key in ("Queries completed", "Queries lost", "Queries per second")}
    if not all(found.values()) or not int(found["Queries completed"][1]):
        raise Failure(f"dnsperf: {done.stdout[-500:]}{done.stderr[-500:]}")
    return {"answers": int(found["Queries completed"][1]), "lost": int(found["Queries lost"][1]),
            "rate": float(found["Queries per second"][1])}


def cost(server, queries, seconds, tcp=False):
    """Processor time of a server for an answer under such a load, in us, after a second of it to
    warm up."""
    dnsperf(server.port, queries, seconds=1, tcp=tcp)
    before = processor_ns(server.session)
    load = dnsperf(server.port, queries, seconds=seconds, tcp=tcp)
    return {"us": (processor_ns(server.session) - before) / load["answers"] / 1000,
            "rate": load["rate"], "lost": load["lost"]}


class Counted:
    """Runs a server under callgrind: server.launch() is its own, every process counted by itself.

    A process writes what it has counted when it is told to, so what a load costs is what is counted
    between two such moments; starting does not count.
    """

    def __init__(self, server):
        self.server, self.folder = server, scratch("zdcall-")
        self.folder.chmod(0o777)
        command = server.command
        server.command = lambda: [
            program("valgrind"), "--tool=callgrind", "--trace-children=yes", "--separate-threads=no",
            "--quiet", f"--vgdb-prefix={self.folder}/vgdb", f"--callgrind-out-file={self.folder}/out.%p", *command()]

    def dump(self, pid):
        """Instructions since the last dump of this process."""
        before = set(self.folder.glob(f"out.{pid}.*"))
        # Not callgrind_control, which looks for valgrind's name in that of the process.
        subprocess.run([program("vgdb"), f"--vgdb-prefix={self.folder}/vgdb", f"--pid={pid}", "dump",
                        str(len(before))], check=True, capture_output=True, timeout=patience(60))
        deadline = time.monotonic() + patience(60)
        while time.monotonic() < deadline:
            for path in set(self.folder.glob(f"out.{pid}.*")) - before:
                found = re.search(r"^(?:totals|summary): (\d+)", path.read_text(), re.M)
                if found:
                    return int(found[1])
            time.sleep(0.05)
        raise Failure(f"callgrind wrote nothing for {pid}")
