#!/usr/bin/env python3
"""Our server as the secondary of BIND, of NSD and of Knot: first transfer, NOTIFY, a dead primary, a
refusal, expiry; and a zone of 100,000 records.

ZONEDECK_OURS=bind|nsd|knot puts another server in our place for what can be seen from outside.
"""

import os
import time

from zdtest import zones
from zdtest.data import scratch
from zdtest.runner import Skip, case, check, check_equal, main, skip, wait_until
from zdtest.servers import Bind, Knot, Nsd, Zonedeckd, primary, secondary

PEERS = [kind for kind in (Bind, Nsd, Knot) if kind.installed()]
STAND_IN = {"bind": Bind, "nsd": Nsd, "knot": Knot}.get(os.environ.get("ZONEDECK_OURS", ""))
FROM_US, NOT_US = ["127.0.0.1"], ["127.0.0.9"]
HOST = "127.0.0.1"


class Pair:
    """A peer with zones and our server as its secondary. texts: {zone: text}."""

    def __init__(self, kind, texts, transfer=None):
        self.folder = scratch()
        self.files = {name: self.folder / f"{name}zone" for name in texts}
        for name, text in texts.items():
            self.write(name, text)
        self.peer, self.ours = kind(), (STAND_IN or Zonedeckd)()
        transfer = transfer or {}
        self.peer.zones = [primary(name, file, transfer.get(name, FROM_US),
                                   [(HOST, self.ours.port)]) for name, file in self.files.items()]
        self.ours.zones = [secondary(name, [(HOST, self.peer.port)], transfer=FROM_US)
                           for name in texts]
        self.peer.ready_name = self.ours.ready_name = next(iter(texts))

    def write(self, name, text):
        new = self.files[name].with_suffix(".new")
        new.write_text(text)
        new.replace(self.files[name])

    def __enter__(self):
        self.peer.start()
        # Our server is ready when every zone has settled, whatever became of it.
        self.ours.start(wait=not STAND_IN)
        return self

    def __exit__(self, *why):
        self.ours.__exit__(*why)
        self.peer.__exit__(*why)

    @property
    def is_ours(self):
        return isinstance(self.ours, Zonedeckd)

    def compare(self, name):
        check_equal(sorted(self.ours.axfr(name)), sorted(self.peer.axfr(name)), f"{name} copied")


def first_transfer_and_notify(kind):
    name = "example.org."
    with Pair(kind, {name: zones.small(name, serial=1)}) as pair:
        pair.ours.wait_serial(name, 1)
        pair.compare(name)
        if pair.is_ours:
            row = pair.ours.transfers(name, "in")[0]
            check_equal((row["peer"], row["serial_to"]), (f"{HOST}@{pair.peer.port}", 1), "ledger")
            check(row["records"] >= 14 and row["bytes"] > 0 and row["state"] in ("done", "in-sync"), row)
            pair.ours.wait_event(6520, name)
        # The refresh timer is an hour: only NOTIFY brings serial 2 in time.
        pair.write(name, zones.small(name, serial=2, extra="new IN A 192.0.2.200\n"))
        pair.peer.reload()
        pair.peer.wait_serial(name, 2)
        pair.ours.wait_serial(name, 2)
        pair.compare(name)
        check(pair.ours.ask(f"new.{name}", "A").answer, "the new record")
        if pair.is_ours:
            check(pair.ours.counters()["notify_in"] >= 1, "notify_in")
            pair.ours.wait_event(6520, name, count=2)
            row = pair.ours.wait_zone(name, "ok")
            check_equal((row["role"], row["serial"]), ("secondary", 2), "zone row")


def dead_primary(kind):
    name = "timers.test."
    text = dict(refresh=2, retry=1, expire=3600)
    with Pair(kind, {name: zones.small(name, serial=1, **text)}) as pair:
        pair.ours.wait_serial(name, 1)
        pair.peer.kill()
        if pair.is_ours:
            row = pair.ours.wait_zone(name, "stale")
            check(row["reason"] and row["severity"] == 2, row)
            event = pair.ours.wait_event(6523, name)
            check(event["remedy"], event)
            row = pair.ours.transfers(name, "in")[0]
            check(row["failures"] >= 1 and row["reason"] and row["next"], row)
        check_equal(pair.ours.serial(name), 1, "served while the primary is dead")
        pair.write(name, zones.small(name, serial=3, **text))
        pair.peer.launch()
        # Found by the retry timer or the peer's NOTIFY at start.
        pair.ours.wait_serial(name, 3)
        if pair.is_ours:
            row = pair.ours.wait_zone(name, "ok")
            check_equal(row["reason"], "", "reason after recovery")
            check_equal(pair.ours.transfers(name, "in")[0]["failures"], 0, "failures in a row")


def refused(kind):
    """A zone we may not fetch is reported; the one beside it is served."""
    names = {"denied.test.": zones.small("denied.test."), "good.test.": zones.small("good.test.")}
    with Pair(kind, names, {"denied.test.": NOT_US}) as pair:
        pair.ours.ready_name = "good.test."
        pair.ours.wait_serial("good.test.", 1)
        if pair.is_ours:
            event = pair.ours.wait_event(6525, "denied.test.")
            check(str(pair.peer.port) in event["text"], event)
            row = wait_until(lambda: [t for t in pair.ours.transfers("denied.test.", "in")
                                      if t["state"] == "refused"], 10, "state refused")[0]
            check("REFUSED" in row["reason"].upper() or "NOTAUTH" in row["reason"].upper(), row)
            check_equal(pair.ours.zone("denied.test.")["state"], "failed", "zone")
            problems = pair.ours.status()["problems"]
            check(any(p["subject"] == "denied.test." for p in problems), problems)
        check_equal(pair.ours.ask("www.denied.test.", "A").rcode_name, "SERVFAIL", "denied.test.")
        check_equal(pair.ours.serial("good.test."), 1, "good.test.")


def for_each(function):
    def make(kind):
        def run():
            function(kind)
        run.__name__ = f"{function.__name__}_{kind.__name__.lower()}"
        return run
    for kind in PEERS:
        case(make(kind))


for test in (first_transfer_and_notify, dead_primary, refused):
    for_each(test)


@case
def expiry_and_recovery():
    """Not confirmed for the SOA's expire time: SERVFAIL, event 6527; back when the primary is."""
    name = "expire.test."
    text = dict(refresh=2, retry=1, expire=6)
    with Pair(PEERS[-1], {name: zones.small(name, serial=1, **text)}) as pair:
        pair.ours.wait_serial(name, 1)
        pair.peer.kill()
        wait_until(lambda: pair.ours.ask(f"www.{name}", "A").rcode_name == "SERVFAIL", 40, "expired")
        if pair.is_ours:
            check_equal(pair.ours.zone(name)["state"], "expired", "state")
            pair.ours.wait_event(6527, name)
        pair.peer.launch()
        pair.ours.wait_serial(name, 1)
        if pair.is_ours:
            pair.ours.wait_zone(name, "ok")


@case
def a_secondary_keeps_its_zones_over_a_restart():
    """Started anew while the primary is dead, it serves what it had."""
    name = "kept.test."
    with Pair(PEERS[0], {name: zones.small(name, serial=5)}) as pair:
        pair.ours.wait_serial(name, 5)
        pair.peer.kill()
        check_equal(pair.ours.stop(), 0, "exit status")
        pair.ours.launch(wait=False)
        pair.ours.wait_serial(name, 5)


@case
def what_was_just_served_is_kept():
    """A large zone is served before it is on disk for good; who stops us then still finds it later."""
    name = "large.test."
    pair = Pair(PEERS[0], {name: ""})
    zones.hosts(pair.files[name], name, 100000, serial=1)
    with pair:
        pair.ours.wait_serial(name, 1, seconds=60)
        check_equal(pair.ours.stop(), 0, "exit status")
        pair.peer.kill()
        pair.ours.launch(wait=False)
        pair.ours.wait_serial(name, 1)
        check_equal(len(pair.ours.ask(f"h99000.{name}", "A").answer), 1, "answers")


@case
def serial_backwards():
    """An older serial at the primary is reported, not taken."""
    if STAND_IN:
        raise Skip("events of ours")
    name = "back.test."
    text = dict(refresh=2, retry=1)
    with Pair(PEERS[0], {name: zones.small(name, serial=100, **text)}) as pair:
        pair.ours.wait_serial(name, 100)
        pair.peer.kill()
        pair.write(name, zones.small(name, serial=99, **text))
        pair.peer.launch()
        pair.ours.wait_event(6526, name, seconds=30)
        check_equal(pair.ours.serial(name), 100, "still the newer one")
        pair.ours.post(f"/v1/zones/{name}/retransfer")
        pair.ours.wait_serial(name, 99)


@case
def a_hundred_thousand_records():
    for kind in PEERS:
        name = "large.test."
        pair = Pair(kind, {name: ""})
        zones.hosts(pair.files[name], name, 100000, serial=1)
        with pair:
            started = time.monotonic()
            pair.ours.wait_serial(name, 1, seconds=60)
            print(f"  from {kind.__name__}: served {time.monotonic() - started:.2f} s after start")
            mine, theirs = pair.ours.axfr(name), pair.peer.axfr(name)
            check_equal(len(mine), 100001, "records, the last SOA included")
            check(sorted(mine) == sorted(theirs), "another content")
            if pair.is_ours:
                row = pair.ours.zone(name)
                check_equal(row["records"], 100000, "records")


if not PEERS:
    skip("none of BIND, NSD and Knot is installed")
main()
