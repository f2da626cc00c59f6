#!/usr/bin/env python3
"""Every name of the root zone with every common type, with and without DO, as BIND, NSD and Knot answer.

A sample that the seed draws, all with ZONEDECK_ALL=1. Over TCP, so that nothing is left out for want of
room. Each answer of ours is compared whole with that of each of the others.
"""

import collections
import itertools
import random
import time

from zdtest import client, compare, dns
from zdtest.data import root_zone, scratch
from zdtest.runner import case, check, main, sanitized, scaled, seed, skip
from zdtest.servers import Bind, Knot, Nsd, Zonedeckd, primary

TYPES = ["A", "NS", "CNAME", "SOA", "PTR", "HINFO", "MX", "TXT", "AAAA", "LOC", "SRV", "NAPTR", "DNAME", "DS",
         "SSHFP", "RRSIG", "NSEC", "DNSKEY", "NSEC3", "NSEC3PARAM", "TLSA", "CDS", "CDNSKEY", "ZONEMD", "SVCB",
         "HTTPS", "CAA", "ANY", "TYPE65280"]
SERIAL = 2026073102
BATCH = 4000
PEERS = {"BIND": Bind, "Knot": Knot, "NSD": Nsd}
NS, RRSIG, NSEC, ANY = 2, 46, 47, 255
servers = {}


def questions(path):
    """Every (name, type, DO)."""
    names = {line.split(maxsplit=1)[0].lower() for line in open(path) if line[0] not in "; \t\n"}
    return list(itertools.product(sorted(names), TYPES, (False, True)))


def part_of_any(ours, theirs):
    """The same code and flags, and one of the two answers is a part of the other."""
    if ours.question[0][1] != ANY or compare.differences(ours, theirs, ("rcode", "aa", "tc")):
        return False
    mine, other = set(ours.answer), set(theirs.answer)
    return bool(mine and other) and (mine <= other or other <= mine or [r.type for r in theirs.answer] == [13])


def denial_at_a_cut(ours, theirs):
    """A referral, where the other gives the parent's own NSEC at the cut as data."""
    referral = not ours.has(dns.AA) and not ours.answer and any(r.type == NS for r in ours.authority)
    return (ours.question[0][1] == NSEC and referral and theirs.has(dns.AA)
            and {r.type for r in theirs.answer} <= {NSEC, RRSIG})


def part_of_signatures(ours, theirs):
    return (ours.question[0][1] == RRSIG and set(theirs.answer) < set(ours.answer)
            and not compare.differences(ours, theirs, ("rcode", "aa", "tc", "edns", "do")))


# Where one of the others answers otherwise: the text that decides or leaves it open, and whether that is
# what happened.
EXCEPTIONS = [
    ("RFC 8482 section 4.1: an answer to ANY may have some of the RRsets only", part_of_any),
    ("RFC 1034 section 4.3.2 step 3b: a name at a cut is answered with a referral; RFC 4035 section 3.1.4.1 "
     "excepts DS alone", denial_at_a_cut),
    ("RFC 1034 section 4.3.2 step 3a: all records that match QTYPE; RRSIG is no exception", part_of_signatures),
]


def explained(ours, theirs):
    return next((text for text, holds in EXCEPTIONS if holds(ours, theirs)), None)


class Tally:
    def __init__(self):
        self.equal, self.open, self.failed = collections.Counter(), collections.Counter(), {}
        self.known = set()

    def add_raw(self, query, answers):
        """As add. Most answers to questions for one name, say a referral, are the same but for the type
        that was asked for: those that were all equal once are not parsed again."""
        end = query.index(b"\0", 12) + 1
        key = tuple(raw[2:end] + raw[end + 2:] for raw in answers.values())
        if key in self.known:
            self.equal[len(answers) - 1] += 1
        elif self.add({name: dns.Message(raw) for name, raw in answers.items()}):
            self.known.add(key)

    def add(self, messages):
        """Whether all are equal."""
        ours = messages.pop("ours")
        check(not compare.duplicates(ours), "a record twice:", ours)
        found = {name: compare.same_answer(ours, theirs) for name, theirs in messages.items()}
        other = {name: parts for name, parts in found.items() if parts}
        self.equal[len(found) - len(other)] += 1
        for name, parts in other.items():
            text = explained(ours, messages[name])
            if text:
                self.open[f"{name}: {text}"] += 1
            else:
                self.fail(ours, messages, f"not as {name}: {', '.join(parts)}")
        if len(other) == len(found) and ours.question[0][1] != ANY:
            self.fail(ours, messages, "as nobody else")
        return not other

    def fail(self, ours, messages, what):
        key = f"{dns.type_name(ours.question[0][1])} {ours.rcode_name}, {what}"
        entry = self.failed.setdefault(key, [0, f"ours {ours}\n" + "\n".join(
            f"{name} {message}" for name, message in messages.items())])
        entry[0] += 1

    def print(self):
        for count in sorted(self.equal, reverse=True):
            print(f"  {self.equal[count]:8} equal to {count} of {len(servers) - 1}")
        for text, count in self.open.most_common():
            print(f"  {count:8} {text}")
        for text, (count, example) in self.failed.items():
            print(f"  {count:8} {text}\n{example}")


def ask_all(chosen):
    """The queries, {server: answers}; the counters of ours move by just these questions."""
    queries = [dns.query(name, rtype, edns=dns.Edns(4096, do=True) if do else None) for name, rtype, do in chosen]
    signed = sum(do for _, _, do in chosen)
    with servers["ours"].counted({"tcp4_queries": len(queries), "edns": signed, "dnssec_ok": signed,
                                  "servfail": 0, "formerr": 0, "refused": 0, "truncated": 0}):
        answers = {"ours": client.tcp_pipeline(servers["ours"].address, servers["ours"].port, queries)}
    for name in PEERS:
        if name in servers:
            answers[name] = client.tcp_pipeline(servers[name].address, servers[name].port, queries)
    return queries, answers


@case
def every_name_with_every_type():
    tally, began = Tally(), time.monotonic()
    count = scaled(3000 if sanitized() else 10000, len(QUESTIONS))
    chosen = QUESTIONS if count == len(QUESTIONS) else RNG.sample(QUESTIONS, count)
    for start_at in range(0, len(chosen), BATCH):
        queries, answers = ask_all(chosen[start_at:start_at + BATCH])
        tally.known.clear()
        for query, *raws in zip(queries, *answers.values()):
            tally.add_raw(query, dict(zip(answers, raws)))
        if start_at // BATCH % 10 == 9:
            print(f"  {start_at + BATCH}: {dict(tally.equal)}", flush=True)
    print(f"  {len(chosen)} of {len(QUESTIONS)} questions, {time.monotonic() - began:.0f} s")
    tally.print()
    check(not tally.failed, "answers are other than others' and nothing says why")


def start():
    file = root_zone(scratch())
    for name, kind in PEERS.items():
        if kind.installed():
            servers[name] = kind([primary(".", file)]).start(wait=False)
    if len(servers) < 2:
        skip("fewer than two of BIND, NSD and Knot are installed")
    servers["ours"] = Zonedeckd([primary(".", file)]).start()
    for server in servers.values():
        server.wait_serial(".", SERIAL)
    return file


RNG = random.Random(seed())
QUESTIONS = questions(start())
main()
