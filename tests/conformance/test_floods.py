#!/usr/bin/env python3
"""W40, W41: random and mutated packets over UDP and TCP, 10 million of each with ZONEDECK_ALL=1.

Afterwards the same process answers, and its memory, its descriptors and the log are as before. Each
million has 50,000 packets of its own, with new IDs each time. In one process, without sockets:
tests/unit/answer/test_matrix.c with ZONEDECK_MILLIONS=10.
"""

import random
import time

from zdtest import dns, packets, zones
from zdtest.data import scratch
from zdtest.load import pour
from zdtest.process import descriptors, private
from zdtest.runner import case, check, check_equal, main, sanitized, scaled, seed, wait_until
from zdtest.servers import Zonedeckd, primary

ZONE = "example.org."
GOOD = dns.query("www." + ZONE, "A")
POOL, SLICE = 50000, 1000000
NOISE = 256  # KiB: buffers of connections come and go; a leak of the smallest piece of heap would be 3,000
FILE = scratch() / "zone"
FILE.write_text(zones.small(ZONE) + "".join(f'huge IN TXT "{i:03d} {"y" * 200}"\n' for i in range(200)))
SEED = seed()


def pool(dice, make, count):
    return [make(dice) for _ in range(count)]


def flood(make):
    """make: a function from random numbers to a packet."""
    count = scaled(5000 if sanitized() else 100000, 10000000)
    dice, began = random.Random(SEED), time.monotonic()
    with Zonedeckd([primary(ZONE, FILE)]) as running:
        running.wait_standby()
        pid = running.active()

        def send(some):
            sent = pour(running.port, pool(dice, make, min(POOL, some // 4)), GOOD, some)["sent"]
            wait_until(lambda: running.status()["tcp_connections"] == 0, 60, "no connection left")
            return sent

        send(count // 10)
        before = private(pid), descriptors(pid), len(running.log_text().splitlines())
        done = 0
        while done < count:
            done += send(min(count - done, SLICE))
        seconds = time.monotonic() - began
        grown = private(pid) - before[0]
        lines = len(running.log_text().splitlines()) - before[2]
        print(f"  {done} packets in {seconds:.0f} s: {grown} KiB more, {lines} lines of log")
        check_equal(running.active(), pid, "the active process")
        check_equal(running.status()["server"]["crashes"], 0, "crashes")
        check(sanitized() or grown <= NOISE, grown, "KiB more")
        check_equal(descriptors(pid), before[1], "descriptors")
        check(lines <= 40 + 6 * seconds, lines, "lines of log")
        check_equal(len(running.ask("www.example.org.").answer), 1, "a good answer")


@case
def w40_random_packets():
    """Of 1 to 65,535 bytes, mostly as short as queries are."""
    flood(lambda dice: dice.randbytes(dice.choice((dice.randrange(1, 64), dice.randrange(1, 600),
                                                   dice.randrange(1, 1400), dice.randrange(1, 64)))
                                      if dice.random() < 0.999 else dice.randrange(1, 65000)))


@case
def w41_mutated_queries():
    flood(lambda dice: packets.mutated(dice, ZONE))


main()
