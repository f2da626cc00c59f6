#!/usr/bin/env python3
"""BIND, NSD and Knot as secondaries of our server: the whole zone, NOTIFY, a new serial; a refusal
outside the address list; the root zone and 100,000 records record by record.

ZONEDECK_OURS=bind|nsd|knot puts another server in our place for what can be seen from outside.
"""

import os
import socket
import subprocess
import threading
import time

from zdtest import client, dns, zones
from zdtest.data import root_zone, scratch
from zdtest.runner import Skip, case, check, check_equal, main, skip, wait_until
from zdtest.servers import (Bind, Knot, Nsd, Zonedeckd, free_port, primary, program, secondary)

PEERS = [kind for kind in (Bind, Nsd, Knot) if kind.installed()]
STAND_IN = {"bind": Bind, "nsd": Nsd, "knot": Knot}.get(os.environ.get("ZONEDECK_OURS", ""))
HOST = "127.0.0.1"


class Family:
    """Our server with one zone and a secondary of each kind."""

    def __init__(self, name, kinds=PEERS, extra_notify=()):
        self.folder, self.name = scratch(), name
        self.file = self.folder / "the.zone"
        self.ours, self.peers = (STAND_IN or Zonedeckd)(), [kind() for kind in kinds]
        self.ours.zones = [primary(name, self.file, [HOST],
                                   [(HOST, p.port) for p in self.peers] + list(extra_notify))]
        self.ours.ready_name = name
        for peer in self.peers:
            peer.zones = [secondary(name, [(HOST, self.ours.port)], transfer=[HOST])]
            peer.ready_name = name

    def write(self, text):
        new = self.file.with_suffix(".new")
        new.write_text(text)
        new.replace(self.file)

    def reload(self):
        if isinstance(self.ours, Zonedeckd):
            self.ours.post(f"/v1/zones/{self.name}/reload")
        else:
            self.ours.reload()

    def __enter__(self):
        self.ours.start()
        wait_until(lambda: self.ours.serial(self.name), 30, f"{self.name} served")
        for peer in self.peers:
            peer.start(wait=False)
        return self

    def __exit__(self, *why):
        for server in [*self.peers, self.ours]:
            server.__exit__(*why)

    def wait_all(self, serial, seconds=60):
        started = time.monotonic()
        for peer in self.peers:
            peer.wait_serial(self.name, serial, seconds)
            print(f"  {type(peer).__name__} serves {serial} after {time.monotonic() - started:.2f} s")

    def compare(self):
        mine = sorted(self.ours.axfr(self.name))
        for peer in self.peers:
            theirs = sorted(peer.axfr(self.name))
            check(mine == theirs, f"{type(peer).__name__}: {len(theirs)} records, ours {len(mine)};",
                  "for example", list(set(mine) ^ set(theirs))[:4])
        return mine


@case
def transfer_notify_and_update():
    name = "example.org."
    family = Family(name)
    family.write(zones.small(name, serial=1))
    with family:
        family.wait_all(1)
        family.compare()
        # Refresh is an hour: only our NOTIFY brings serial 2 in time.
        family.write(zones.small(name, serial=2, extra="new IN A 192.0.2.200\n"))
        family.reload()
        family.wait_all(2)
        check_equal(len(family.compare()), 16, "records")
        if isinstance(family.ours, Zonedeckd):
            check_equal(family.ours.zone(name)["notify_pending"], 0, "NOTIFY all acknowledged")
            counters = family.ours.counters()
            check(counters["axfr_out"] >= 2 * len(family.peers), counters)
            check_equal(counters["axfr_refused"], 0, "refused")
            family.ours.wait_event(6001, name)
            rows = family.ours.transfers(name, "out")
            check(rows and all(row["bytes"] > 0 for row in rows if row["state"] == "done"), rows)


class Listener(threading.Thread):
    """A secondary that acknowledges every NOTIFY and keeps it."""

    def __init__(self):
        super().__init__(daemon=True)
        self.port, self.messages = free_port(), []
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((HOST, self.port))
        self.start()

    def run(self):
        while True:
            data, source = self.sock.recvfrom(4096)
            message = dns.Message(data)
            self.messages.append(message)
            name = message.question[0][0]
            self.sock.sendto(dns.query(name, "SOA", id=message.id, opcode=4,
                                       flags=dns.QR | dns.AA), source)


@case
def notify_by_hand():
    """At start, for a new version and for each notify action one NOTIFY (RFC 1996)."""
    if STAND_IN:
        raise Skip("an action of ours")
    name, listener = "act.test.", Listener()
    family = Family(name, [], extra_notify=[(HOST, listener.port)])
    family.write(zones.small(name, serial=1))
    with family:
        wait_until(lambda: len(listener.messages) == 1, 10, "NOTIFY at start")
        for _ in range(3):
            family.ours.post(f"/v1/zones/{name}/notify")
        check_equal(len(listener.messages), 4, "NOTIFY")
        family.write(zones.small(name, serial=2))
        family.reload()
        wait_until(lambda: len(listener.messages) == 5, 10, "NOTIFY of serial 2")
        wait_until(lambda: family.ours.zone(name)["notify_pending"] == 0, 10, "acknowledged")
    for message in listener.messages:
        check_equal((message.opcode, message.has(dns.AA), message.has(dns.QR)), (4, True, False),
                    "header")
        check_equal(message.question, [(dns.name_to_wire(name), 6, 1)], "question")
        for record in message.answer:
            check_equal(int.from_bytes(record.rdata[-20:-16], "big"),
                        2 if message is listener.messages[-1] else 1, "serial told")
    check(len({message.id for message in listener.messages}) > 1, "the same ID every time")


@case
def notify_unanswered():
    if STAND_IN:
        raise Skip("an event of ours")
    name = "deaf.test."
    family = Family(name, [], extra_notify=[(HOST, free_port())])
    family.write(zones.small(name, serial=1))
    with family:
        family.write(zones.small(name, serial=2))
        family.reload()
        event = family.ours.wait_event(6535, seconds=60)
        check(event["remedy"], event)
        check_equal(family.ours.serial(name), 2, "served all the same")


@case
def refused_outside_the_list():
    name = "example.org."
    family = Family(name, [])
    family.write(zones.small(name))
    with family:
        ours, refusals = family.ours, 0
        for source in ("127.0.0.2", "127.0.0.3"):
            try:
                records = ours.axfr(name, source=source)
                check(False, f"{len(records)} records given to {source}")
            except client.Unexpected as why:
                check(str(why) in ("REFUSED", "NOTAUTH"), why)
                refusals += 1
        check_equal(len(ours.axfr(name)), 15, "records for who may")
        try:
            ours.axfr("other.example.")
            check(False, "a zone we do not have")
        except client.Unexpected as why:
            check(str(why) in ("REFUSED", "NOTAUTH"), why)
        # Over UDP there is no AXFR (RFC 5936 4.2): whatever the code, no zone.
        answer = ours.ask(name, "AXFR")
        check(len(answer.answer) <= 1, answer)
        if isinstance(ours, Zonedeckd):
            check(ours.counters()["axfr_refused"] >= refusals, ours.counters())
            event = ours.wait_event(6004, name)
            check("127.0.0.2" in event["text"] or "127.0.0.3" in event["text"], event)


@case
def the_root_zone():
    """Ours, its secondaries, and BIND loading the file itself hold the same records."""
    family = Family(".")
    root_zone(family.folder).rename(family.file)
    with family:
        family.wait_all(2026073102)
        mine = family.compare()
        check_equal(len(mine), 24878, "records, the last SOA included")
        with Bind([primary(".", family.file, [HOST])]) as bind:
            check(sorted(bind.axfr(".")) == mine, "another content than the file")


@case
def dig_and_named_checkzone():
    """Another client takes the transfer, and BIND's checker loads what it wrote."""
    dig, checker = program("dig"), program("named-checkzone")
    if not dig or not checker:
        raise Skip("dig or named-checkzone is not installed")
    name = "example.org."
    family = Family(name, [])
    family.write(zones.small(name, serial=9))
    with family:
        out = subprocess.run([dig, f"@{HOST}", "-p", str(family.ours.port), "+onesoa", "+nocmd",
                              "+nostats", "+nocomments", "+noquestion", name, "AXFR"],
                             capture_output=True, text=True, timeout=30)
        (family.folder / "dug").write_text(out.stdout)
        result = subprocess.run([checker, "-k", "ignore", name, family.folder / "dug"],
                                capture_output=True, text=True, timeout=30)
        check("loaded serial 9" in result.stdout and result.returncode == 0, out.stdout,
              result.stdout, result.stderr)


@case
def a_hundred_thousand_records():
    name = "large.test."
    family = Family(name)
    zones.hosts(family.file, name, 100000)
    with family:
        family.wait_all(1)
        check_equal(len(family.compare()), 100001, "records, the last SOA included")


if not PEERS:
    skip("none of BIND, NSD and Knot is installed")
main()
