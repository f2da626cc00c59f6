#!/usr/bin/env python3
"""The root zone, and 20,000 names drawn from it, answered as BIND or NSD beside us answer.

Every name is asked over TCP with and without DO and compared whole; a share also over UDP, where a
server chooses what to leave out: there rcode, flags and answer are compared and that it fits.
ZONEDECK_NAMES changes how many names are drawn; with ZONEDECK_ALL=1 every name of the zone is asked for
every common type. ZONEDECK_OURS=bind|nsd|knot lets another server play our part, to try the test itself.
"""

import collections
import contextlib
import os
import random

from zdtest import client, compare, dns
from zdtest.data import root_zone, scratch
from zdtest.runner import Skip, case, check, main, scaled, seed, skip
from zdtest.servers import Bind, Knot, Nsd, Zonedeckd, primary

TYPES = ["A", "AAAA", "NS", "DS", "SOA", "DNSKEY", "NSEC", "TXT", "MX", "RRSIG", "CNAME", "TYPE65280"]
COMMON = TYPES + ["PTR", "SRV", "CAA", "HTTPS"]
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


# What one of the others answers otherwise than we and the rest do: who, the text that decides, and
# what must hold of the query, our answer and theirs.
EXCEPTIONS = {
    "NSEC at a cut": (
        "Bind", "RFC 1034 section 4.3.2, 3b: a name at a cut is referred; RFC 4035 section 3.1.4.1 "
        "makes an exception for DS alone. BIND answers with the parent's NSEC",
        lambda query, ours, theirs: qtype(query) == "NSEC" and not ours.has(dns.AA) and not ours.answer
        and theirs.has(dns.AA) and {r.type for r in theirs.answer} <= {46, 47}),
    "RRSIG": (
        "Knot", "RFC 1034 section 4.3.2, 3a: all records that match QTYPE. Knot answers with some",
        lambda query, ours, theirs: qtype(query) == "RRSIG" and set(theirs.answer) < set(ours.answer)
        and not compare.differences(ours, theirs, ("rcode", "aa", "tc", "edns", "do"))),
}


def kind_of(server, query, ours, theirs):
    """The key of EXCEPTIONS that explains a difference, or None."""
    for key, (name, _, holds) in EXCEPTIONS.items():
        if name == server and holds(query, ours, theirs):
            return key
    return None


@case
def every_name_times_the_common_types():
    """With and without DO, over TCP: the same as BIND, NSD and Knot, but for what EXCEPTIONS has."""
    if not scaled(False, True):
        raise Skip("takes minutes: ZONEDECK_ALL=1")
    names = owners(ZONE)[2]
    told, failures, compared, equal, like_any = collections.Counter(), Report(), 0, 0, 0
    others = [name for name in servers if name != "ours"]
    for at in range(0, len(names), 250):
        queries = [dns.query(name, rtype, edns=edns) for name in names[at:at + 250]
                   for rtype in COMMON for edns in (None, dns.Edns(4096, do=True))]
        answers = {name: messages(server, queries) for name, server in servers.items()}
        for index, query in enumerate(queries):
            ours, differing, kinds = strict(answers["ours"][index]), 0, []
            for name in others:
                theirs = dns.Message(answers[name][index])
                parts = compare.same_answer(ours, theirs)
                if not parts:
                    continue
                differing += 1
                kind = kind_of(name, dns.Message(query), ours, theirs)
                kinds.append(kind)
                if not kind:
                    failures.add(f"{name} {qtype(dns.Message(query))} {ours.rcode_name}: "
                                 f"{', '.join(parts)}",
                                 lambda: example(query, ours, answers[name][index], parts))
            compared += 1
            equal += not differing
            like_any += 0 < differing < len(others)
            told.update(filter(None, kinds))
    print(f"  {len(names)} names, {compared} answers compared with {', '.join(others)}:\n"
          f"  {equal} equal to all, {like_any} to some only, {compared - equal - like_any} to none")
    for kind, count in told.most_common():
        print(f"  {count:7} {kind}: {EXCEPTIONS[kind][1]}")
    failures.print("differences without a reason")
    check(not failures.classes, "answers differ without a reason")


SEED = seed()
NAMES = int(os.environ.get("ZONEDECK_NAMES", "20000"))
ZONE = start()
JUDGES = [name for name in ("Bind", "Nsd") if name in servers]
main()
