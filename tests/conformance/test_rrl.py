#!/usr/bin/env python3
"""Response rate limiting over the wire: what is limited, what a slip looks like, who is exempt."""

import random
import select
import socket
import time

from zdtest import client, dns, zones
from zdtest.data import scratch
from zdtest.runner import case, check, check_equal, main, wait_until
from zdtest.servers import Zonedeckd, primary

ZONE = "example.org."
FILE = scratch() / "zone"
FILE.write_text(zones.small(ZONE) + "".join(f"h{i} IN A 192.0.2.7\n" for i in range(300)))


def server(**keys):
    """With these keys of rate-limit; _ stands for -."""
    lines = [f"  {key.replace('_', '-')}: {value}" for key, value in keys.items()]
    # One thread: each limits by itself.
    return Zonedeckd([primary(ZONE, FILE)], threads=1,
                     extra="\n".join(["rate-limit:"] + lines) if lines else "")


def flood(running, names, rtype="A", source="127.0.0.1", **options):
    """All at once from one address; the answers that came, and for how long it took."""
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    answers, asked = [], {}
    began = time.monotonic()
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        sock.bind((source, 0))
        sock.connect(("::1" if ":" in source else "127.0.0.1", running.port))
        for ident, name in enumerate(names):
            asked[ident] = dns.query(name, rtype, id=ident, **options)
            sock.send(asked[ident])
        while select.select([sock], [], [], 0.3)[0]:
            raw = sock.recv(65535)
            client.check_echo(asked[raw[0] << 8 | raw[1]], raw)
            answers.append(dns.Message(raw))
    return answers, time.monotonic() - began - 0.3


def whole(answers):
    return [a for a in answers if not a.has(dns.TC)]


def bounded(count, rate, seconds):
    """Between a second's worth, which may come at once, and that and what time has added."""
    check(rate <= count <= rate * (1 + seconds) + 1, f"{count} answers in {seconds:.2f} s at {rate}/s")


@case
def off_by_default():
    """Nothing is dropped from one source, however fast: it may be a resolver of many."""
    with server() as running:
        with running.counted({"rate_dropped": 0, "rate_slipped": 0, "noerror": 2000}):
            check_equal(len(flood(running, ["www.example.org."] * 2000)[0]), 2000, "answers")


@case
def each_kind_has_its_rate():
    with server(answers=50, nxdomain=20, errors=10, slip=0) as running:
        for names, rate in ((["www.example.org."], 50),
                            ([f"no{i}.example.org." for i in range(500)], 20),
                            ([f"n{i}.elsewhere.test." for i in range(500)], 10)):
            before = running.counters()
            answers, seconds = flood(running, (names * 500)[:500])
            bounded(len(answers), rate, seconds)
            check_equal(len(whole(answers)), len(answers), "slips")
            wait_until(lambda: running.counters()["rate_dropped"] - before["rate_dropped"]
                       == 500 - len(answers), 5, "the dropped are counted")
            check_equal(running.counters()["rate_slipped"], 0, "slipped")


@case
def different_names_are_a_resolver():
    """300 names once each, as a resolver of many clients asks, at a limit of 5."""
    with server(answers=5) as running:
        answers, _ = flood(running, [f"h{i}.example.org." for i in range(300)])
        check_equal(len(whole(answers)), 300, "answers")


@case
def slips_are_truncated_and_empty():
    with server(answers=10, slip=2) as running:
        for options in ({}, {"edns": True}):
            name = "www.example.org." if not options else "mail.example.org."
            before = running.counters()
            answers, seconds = flood(running, [name] * 410, **options)
            slips = [a for a in answers if a.has(dns.TC)]
            bounded(len(whole(answers)), 10, seconds)
            over = 410 - len(whole(answers))
            check(abs(len(slips) - over / 2) <= 1, f"{len(slips)} slips of {over}")
            for slip in slips:
                check_equal((slip.rcode_name, slip.answer, slip.authority, slip.additional),
                            ("NOERROR", [], [], []), "a slip")
                check(slip.has(dns.AA) and slip.size < 64, slip.size)
                check_equal(bool(slip.edns), "edns" in options, "EDNS of a slip")
            wait_until(lambda: running.counters()["rate_slipped"] - before["rate_slipped"]
                       == len(slips), 5, "counted")


@case
def slip_1_answers_all():
    with server(answers=10, slip=1) as running:
        answers, _ = flood(running, ["www.example.org."] * 300)
        check_equal(len(answers), 300, "answers")


@case
def tcp_is_never_limited():
    with server(answers=1, nxdomain=1, errors=1, slip=0) as running:
        flood(running, ["www.example.org."] * 50)
        queries = [dns.query("www.example.org.", "A") for _ in range(500)]
        answers = client.tcp_pipeline(running.address, running.port, queries)
        check_equal(sum(len(dns.Message(a).answer) for a in answers), 500, "over TCP")


@case
def a_network_is_one():
    with server(answers=10, slip=0, ipv4_prefix=24) as running:
        one, _ = flood(running, ["www.example.org."] * 100, source="127.0.0.5")
        same, seconds = flood(running, ["www.example.org."] * 100, source="127.0.0.99")
        other, _ = flood(running, ["www.example.org."] * 100, source="127.0.1.5")
        check(len(same) <= 10 * (seconds + 0.6) + 1 < len(one) + len(other), "not shared")
        check(len(other) >= 10, "another network")
        six, _ = flood(running, ["www.example.org."] * 100, source="::1")
        check(len(six) >= 10, "IPv6")


@case
def exempt():
    with server(answers=1, errors=1, exempt='["127.0.0.8/29", "::1"]') as running:
        for source, all_ in (("127.0.0.9", True), ("::1", True), ("127.0.0.16", False)):
            answers, _ = flood(running, ["www.example.org."] * 200, source=source)
            check_equal(len(whole(answers)) == 200, all_, source)


@case
def a_client_below_the_rate_is_served_during_a_flood():
    """A forged flood for one name does not touch another client, nor other names."""
    with server(answers=20, slip=0) as running:
        flood(running, ["www.example.org."] * 1000)
        for i in range(50):
            running.ask(f"h{random.randrange(300)}.example.org.", tries=1)
            running.ask("www.example.org.", tries=1, source="127.0.9.1") if i < 15 else None


main()
