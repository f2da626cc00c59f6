#!/usr/bin/env python3
"""The root zone, and 20,000 names drawn from it, answered as BIND or NSD beside us answer.

Every name is asked over TCP with and without DO and compared whole; a share also over UDP, where a
server chooses what to leave out: there rcode, flags and answer are compared and that it fits.
ZONEDECK_NAMES changes how many names are drawn; ZONEDECK_OURS=bind|nsd|knot lets another server play our
part, to try the test itself. Every name of the zone with every type: test_root_names.py.
"""

import collections
import contextlib
import os
import random

from zdtest import client, compare, dns
from zdtest.data import root_zone, scratch
from zdtest.runner import case, check, main, seed, skip
from zdtest.servers import Bind, Knot, Nsd, Zonedeckd, primary

TYPES = ["A", "AAAA", "NS", "DS", "SOA", "DNSKEY", "NSEC", "TXT", "MX", "RRSIG", "CNAME", "TYPE65280"]
STAND_INS = {"bind": Bind, "nsd": Nsd, "knot": Knot}
servers = {}


def owners(path):
    """(delegated names, names of glue, all names) of the zone file."""
    cuts, glue, names = set(), set(), set()
    for line in open(path):
        fields = line.split()
        if len(fields) < 5 or line[0] in "; \t":
            continue
        names.add(fields[0].lower())
        if fields[3] == "NS" and fields[0] != ".":
            cuts.add(fields[0].lower())
        if fields[3] in ("A", "AAAA"):
            glue.add(fields[0].lower())
    return sorted(cuts), sorted(glue), sorted(names)


def random_label(rng):
    return "".join(rng.choice("abcdefghijklmnopqrstuvwxyz0123456789-")
                   for _ in range(rng.randint(1, 20))).strip("-") or "x"


def in_mixed_case(rng, name):
    return "".join(c.upper() if rng.random() < 0.5 else c for c in name)


def draw(rng, path, count):
    """(name, type) pairs: existing, absent, delegated, glue, apex, empty, long, in mixed case."""
    cuts, glue, names = owners(path)
    kinds = [
        (25, lambda: rng.choice(cuts)),
        (20, lambda: f"{random_label(rng)}.{rng.choice(cuts)}"),
        (5, lambda: f"{random_label(rng)}.{random_label(rng)}.{rng.choice(cuts)}"),
        (15, lambda: rng.choice(glue)),
        (5, lambda: f"{random_label(rng)}.{rng.choice(glue)}"),
        (15, lambda: f"{random_label(rng)}."),
        (5, lambda: f"{random_label(rng)}.{random_label(rng)}."),
        (3, lambda: "."),
        (3, lambda: rng.choice(names)),
        (2, lambda: ".".join([random_label(rng)[:3] for _ in range(rng.randint(3, 50))]) + "."),
        (2, lambda: "\\000." if rng.random() < 0.5 else f"{rng.choice(cuts)[:-1]}\\000."),
    ]
    weights = [weight for weight, _ in kinds]
    for _ in range(count):
        name = rng.choices(kinds, weights)[0][1]()
        name = in_mixed_case(rng, name) if rng.random() < 0.2 else name
        yield name, rng.choice(TYPES)


class Report:
    """Classes of difference, each with its count and first example."""

    def __init__(self):
        self.classes = collections.Counter()
        self.examples = {}

    def add(self, key, text):
        """text: a function that makes the example, called for the first of its class only."""
        self.classes[key] += 1
        if key not in self.examples:
            self.examples[key] = text()

    def print(self, title):
        print(f"{title}: {sum(self.classes.values())} in {len(self.classes)} classes")
        for key, count in self.classes.most_common():
            print(f"  {count:6} {key}\n{self.examples[key]}")


def messages(server, queries, udp=False):
    ask = client.udp_pipeline if udp else client.tcp_pipeline
    return ask(server.address, server.port, queries)


def strict(raw):
    """The parsed answer; our own must also have no record twice."""
    message = dns.Message(raw)
    check(not compare.duplicates(message), "a record twice:", message)
    return message


def qtype(query):
    return dns.type_name(query.question[0][1])


def judge(queries, answers, differ, failures, notes):
    """Each of our answers must be the same as that of one of the others."""
    others = [name for name in answers if name != "ours"]
    for index, query in enumerate(queries):
        ours = strict(answers["ours"][index])
        found = {}
        for name in others:
            theirs = dns.Message(answers[name][index])
            found[name] = differ(ours, theirs)
        told = {name: parts for name, parts in found.items() if parts}
        for name, parts in told.items():
            notes.add(f"other than {name}: {', '.join(parts)}",
                      lambda: example(query, ours, answers[name][index], parts))
        if len(told) == len(others):
            nearest = min(found, key=lambda n: len(found[n]))
            failures.add(f"{qtype(dns.Message(query))} {ours.rcode_name}: {', '.join(found[nearest])} "
                         f"(as {nearest})",
                         lambda: example(query, ours, answers[nearest][index], found[nearest]))


def example(query, ours, raw, parts):
    asked = dns.Message(query)
    return (f"    {dns.name_to_text(asked.question[0][0])} {qtype(asked)}"
            f"{' DO' if asked.edns and asked.edns.do else ''}\n"
            + compare.explain(ours, dns.Message(raw), parts))


def counted(expected):
    """The counters of ours move so; a stand-in has none."""
    ours = servers["ours"]
    return ours.counted(expected) if isinstance(ours, Zonedeckd) else contextlib.nullcontext()


def start():
    folder = scratch()
    zone = root_zone(folder)
    for kind in (Bind, Nsd, Knot):
        if kind.installed():
            servers[kind.__name__] = kind([primary(".", zone)]).start(wait=False)
    if not servers.keys() & {"Bind", "Nsd"}:
        skip("neither BIND nor NSD is installed")
    stand_in = STAND_INS.get(os.environ.get("ZONEDECK_OURS", ""))
    servers["ours"] = (stand_in or Zonedeckd)([primary(".", zone)]).start()
    for server in servers.values():
        server.wait_serial(".", 2026073102)
    return zone


@case
def twenty_thousand_names_over_tcp():
    rng, queries = random.Random(SEED), []
    for name, rtype in draw(rng, ZONE, NAMES):
        queries.append(dns.query(name, rtype))
        queries.append(dns.query(name, rtype, edns=dns.Edns(4096, do=True)))
    with counted({"tcp4_queries": len(queries), "edns": NAMES, "dnssec_ok": NAMES, "servfail": 0}):
        answers = {"ours": messages(servers["ours"], queries)}
    answers |= {name: messages(servers[name], queries) for name in JUDGES}
    failures, notes = Report(), Report()
    judge(queries, answers, compare.same_answer, failures, notes)
    notes.print("equal to one of the others only")
    failures.print(f"{len(queries)} answers, equal to no other server's")
    check(not failures.classes, "answers differ from every other server's")


@case
def udp_sizes():
    """No EDNS (512), 512, 1232 and 4096 asked: TC and answer as the others, never over the limit."""
    rng = random.Random(SEED + 1)
    limits = [None, 512, 1232, 4096]
    queries, allowed = [], []
    for name, rtype in draw(rng, ZONE, NAMES // 5):
        size, do = rng.choice(limits), rng.random() < 0.5
        queries.append(dns.query(name, rtype, edns=dns.Edns(size, do=do) if size else None))
        allowed.append(min(size or 512, 1232))
    answers = {name: messages(server, queries, udp=True) for name, server in servers.items()}
    # RFC 9471 (TC when glue does not fit) is followed by some only: here Knot is a judge as well.
    failures, notes = Report(), Report()

    def differ(ours, theirs):
        # What does not fit may be cut at another record: with TC on both sides the client asks
        # again over TCP, and only the code and the flags matter (RFC 2181 section 9).
        if ours.has(dns.TC) and theirs.has(dns.TC):
            return compare.differences(ours, theirs, ("rcode", "aa", "edns", "do"))
        return compare.differences(ours, theirs, ("rcode", "aa", "tc", "edns", "do", "answer"))

    judge(queries, answers, differ, failures, notes)
    truncated = 0
    for index, raw in enumerate(answers["ours"]):
        truncated += dns.Message(raw).has(dns.TC)
        if len(raw) > allowed[index]:
            failures.add("over the limit",
                         lambda: f"    {len(raw)} > {allowed[index]}: {dns.Message(raw)}")
    print(f"  {truncated} of {len(queries)} truncated")
    failures.print(f"{len(queries)} UDP answers, equal to no other server's")
    check(not failures.classes, "answers differ from every other server's")
    check(truncated, "no answer was truncated: the case tests nothing")


@case
def any_is_answered():
    """RFC 8482: all record sets of the name, or some of them, or a made-up HINFO."""
    rng = random.Random(SEED + 2)
    cuts, glue, names = owners(ZONE)
    queries = [dns.query(rng.choice(names + ["."] * 50), "ANY") for _ in range(300)]
    other = JUDGES[0]
    answers = {name: messages(servers[name], queries) for name in ("ours", other)}
    for index, raw in enumerate(answers["ours"]):
        ours, theirs = strict(raw), dns.Message(answers[other][index])
        check(not compare.differences(ours, theirs, ("rcode", "aa", "tc")), ours, theirs)
        if theirs.answer:
            whole = frozenset(ours.answer) <= frozenset(theirs.answer)
            hinfo = [r.type for r in ours.answer] == [13]
            check(ours.answer and (whole or hinfo), ours, theirs)


SEED = seed()
NAMES = int(os.environ.get("ZONEDECK_NAMES", "20000"))
ZONE = start()
JUDGES = [name for name in ("Bind", "Nsd") if name in servers]
main()
