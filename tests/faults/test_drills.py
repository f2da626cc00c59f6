#!/usr/bin/env python3
"""Built-in faults brought about under load: what kills or hangs a process is answered for by its successor,
quarantined, reported and kept."""

import socket

from zdtest import client, dns, zones
from zdtest.data import scratch
from zdtest.load import Steady
from zdtest.runner import case, check, check_equal, main, sanitized, wait_until
from zdtest.servers import Zonedeckd, primary

RATE, SECONDS = 3000, 6
ZONE = "load.test."
FOLDER = scratch()
FILE = zones.delegations(FOLDER / "zone", ZONE, 5000)
QUERIES = zones.delegation_queries(FOLDER / "queries", ZONE, 5000, RATE * SECONDS)


def server(drills=True):
    return Zonedeckd([primary(ZONE, FILE)], server_extra="  drills: true" if drills else "")


def send(running, name):
    """One query from a fresh port, nobody waiting for the answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(dns.query(name, "A"), ("127.0.0.1", running.port))


def under_load(running, name, at):
    with Steady(running.port, QUERIES, RATE, SECONDS, FOLDER / "lost", 4) as load:
        load.at(at)
        send(running, name)
        result = load.result()
    print(f"  {name} {result}")
    return result


def drill(name, most_late_ms):
    with server() as running:
        running.wait_standby()
        before = running.active()
        result = under_load(running, name, 1)
        check_equal(result["lost"], 0, "good queries lost")
        check(result["max_us"] < most_late_ms * 1000, result)
        wait_until(lambda: running.active() != before, 10, "another active process")
        running.wait_event(8105)
        quarantine = running.folder / "state" / "quarantine"
        wait_until(lambda: quarantine.is_dir() and any(quarantine.iterdir()), 5, "the query is kept")
        # Again, as it was and in capitals, by another client: dropped, and nobody dies.
        survivor = running.active()
        running.wait_standby()
        count = running.counters()["quarantined"]
        send(running, name)
        send(running, name.upper())
        wait_until(lambda: running.counters()["quarantined"] == count + 2, 5, "they are counted")
        # Over TCP as well: the connection ends without an answer.
        with client.connect("127.0.0.1", running.port) as sock:
            sock.sendall(client.framed(dns.query(name, "A")))
            check_equal(sock.recv(1), b"", "an answer")
        wait_until(lambda: running.counters()["quarantined"] == count + 3, 5, "it is counted")
        check_equal(running.active(), survivor, "the survivor goes on")
        check(running.ask(ZONE, "SOA").answer, "SOA")


@case
def a_query_that_kills():
    # A sanitizer takes the signal itself and exits: the death then looks like an ordinary exit.
    if not sanitized():
        drill("segv.drill.zonedeck.", 500)


@case
def a_query_that_hangs_a_worker():
    drill("hang.drill.zonedeck.", 8000)


@case
def without_the_key_they_are_only_names():
    with server(drills=False) as running:
        before = running.active()
        for name in ("segv.drill.zonedeck.", "hang.drill.zonedeck."):
            check_equal(running.ask(name).rcode, dns.RCODES.index("REFUSED"), name)
        check_equal(running.active(), before, "nobody died")


main()
