#!/usr/bin/env python3
"""W40, W41: random and mutated packets over UDP and TCP for so many seconds.

    tests/conformance/flood.py [SECONDS]

Afterwards the same process answers, and its memory, its descriptors and the log are as before. The
seed is printed; ZONEDECK_SEED repeats a run.
"""

import contextlib
import itertools
import socket
import sys
import time

from zdtest import client, packets, zones
from zdtest.data import scratch
from zdtest.process import descriptors, private
from zdtest.runner import check, check_equal, patience, sanitized, seed, wait_until
from zdtest.servers import Zonedeckd, primary

ZONE = "example.org."
BATCH, WARM = 2000, 20000
GROWTH, LOG_LINES = 1024, 40


def over_tcp(running, some):
    """A connection with these messages, closed whenever."""
    with contextlib.suppress(OSError), client.connect(running.address, running.port,
                                                      timeout=0.2) as sock:
        for packet in some:
            sock.sendall(client.framed(packet))
        sock.recv(1 << 16)


def batch(running, sock, source, big):
    """BATCH datagrams, with a good query after each hundred that must be answered."""
    for number, packet in enumerate(itertools.islice(source, BATCH)):
        sock.send(packet)
        if number % 100 == 99:
            with contextlib.suppress(BlockingIOError):
                while sock.recv(65535):
                    pass
            running.ask("www.example.org.", tries=5, timeout=1.0)
    for _ in range(5):
        over_tcp(running, list(itertools.islice(big, 4)))
    return BATCH + 21 + 20


def main(seconds):
    file = scratch() / "zone"
    file.write_text(zones.small(ZONE) + "".join(
        f'huge IN TXT "{i:03d} {"y" * 200}"\n' for i in range(200)))
    start = seed()
    source = packets.stream(start, ZONE)
    big = packets.stream(start + 1, ZONE, most=65000)
    with Zonedeckd([primary(ZONE, file)]) as running, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect((running.address, running.port))
        sock.setblocking(False)
        running.wait_standby()
        pid, sent, before = running.active(), 0, None
        began = time.monotonic()
        while time.monotonic() - began < seconds or not before:
            sent += batch(running, sock, source, big)
            if not before and sent >= WARM:
                wait_until(lambda: running.status()["tcp_connections"] == 0, 15, "idle")
                before = private(pid), descriptors(pid), len(running.log_text().splitlines())
        wait_until(lambda: running.status()["tcp_connections"] == 0, patience(15), "idle")
        wait_until(lambda: descriptors(pid) == before[1], 5, "descriptors as before")
        grown = private(pid) - before[0]
        lines = len(running.log_text().splitlines()) - before[2]
        print(f"{sent} packets in {time.monotonic() - began:.0f} s: {grown} KiB more, "
              f"{lines} lines of log")
        check_equal(running.active(), pid, "the active process")
        check(sanitized() or grown <= GROWTH, f"{grown} KiB more")
        check(lines <= LOG_LINES + 6 * seconds, f"{lines} lines of log")
        check_equal(len(running.ask("www.example.org.").answer), 1, "a good answer")
        check_equal(running.status()["server"]["crashes"], 0, "crashes")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 10)
