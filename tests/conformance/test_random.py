#!/usr/bin/env python3
"""Random zones and questions, answered as BIND, NSD or Knot beside us answer; proofs looked into.

ZONEDECK_QUERIES changes how many questions are asked (20,000). A failure is repeated with the seed.
"""

import collections
import itertools
import os
import random
import subprocess

from zdtest import client, compare, dns, proof
from zdtest.data import scratch
from zdtest.runner import Skip, case, check, main, seed, skip
from zdtest.servers import Bind, Knot, Nsd, Zonedeckd, primary, program
from zdtest.zonegen import SIGNING, Zone

BATCH = 4000
PEERS = {"Bind": Bind, "Nsd": Nsd, "Knot": Knot}
servers = {}


def draw(count):
    """Questions for all zones in turn; two of three with DO."""
    streams = [zone.questions() for zone in ZONES]
    for stream in itertools.islice(itertools.cycle(streams), count):
        name, rtype = next(stream)
        edns = dns.Edns(4096, do=True) if RNG.random() < 0.67 else None
        yield dns.query(name, rtype, edns=edns)


def crossing(message, rtype):
    """Where an alias leads from one zone to another of this server: the target of the first."""
    name, seen = dns.lower(message.question[0][0]), set()
    zone = proof.zone_of(name, ORIGINS)
    while name not in seen and rtype != 5:
        seen.add(name)
        alias = [r for r in message.answer if r.type == 5 and r.owner == name]
        if not alias:
            return None
        name = dns.lower(alias[0].rdata)
        if proof.zone_of(name, ORIGINS) != zone:
            return name if proof.zone_of(name, ORIGINS) else None
    return None


def followed(server, message, depth=0):
    """What a server that stays within one zone says, put together with what it says of the target."""
    _, rtype, _ = message.question[0]
    target = crossing(message, rtype)
    if target is None or depth > 12:
        return message
    edns = dns.Edns(4096, do=True) if message.edns else None
    rest = followed(server, server.ask(target, rtype, edns=edns, tcp=True), depth + 1)
    proofs = [r for r in message.authority if r.type in (proof.NSEC, proof.NSEC3, proof.RRSIG)
              and (r.type != proof.RRSIG or r.rdata[:2] != b"\0\2")]
    message.answer = message.answer + [r for r in rest.answer if r not in message.answer]
    message.authority = proofs + [r for r in rest.authority if r not in proofs]
    message.additional, message.rcode = rest.additional, rest.rcode
    return message


def across_zones(query, ours, theirs):
    rtype = ours.question[0][1]
    if crossing(ours, rtype) is None:
        return False
    return any(not compare.same_answer(ours, followed(servers[name], message))
               for name, message in theirs.items())


def only_ours_proves(query, ours, theirs):
    return (proof.verify(ours, SIGNED).startswith("good") and
            all(proof.verify(message, SIGNED).startswith("bad") for message in theirs.values()))


def part_by_part(query, ours, theirs):
    found = [compare.same_answer(ours, message) for message in theirs.values()]
    return all(any(part not in parts for parts in found) for part in compare.WHOLE)


def cut_chain(query, ours, theirs):
    aliases = {name: {r for r in message.answer if r.type == 5}
               for name, message in {"ours": ours, **theirs}.items()}
    mine = aliases.pop("ours")
    return len(mine) == proof.CHAIN and all(mine <= other or other <= mine for other in aliases.values())


# Where ours is other than each of the others: what decides, and whether that is what happened.
EXCEPTIONS = [
    ("RFC 1034 section 4.3.2: an alias leads back to step 1, so into any zone of this server; BIND and Knot "
     "stay in the first zone, and say the same when asked for the target", across_zones),
    ("RFC 4035 section 3.1.3.4: NODATA by a wildcard needs the proof for the name and that for the "
     "wildcard; where the wildcard is an empty non-terminal the others give but one", only_ours_proves),
    ("no RFC says how many aliases are followed: a DNAME that leads below itself never ends, and each "
     "server stops at another one", cut_chain),
    ("each part is the same as one of the others', but not all parts as the same one's", part_by_part),
]


def judge(query, messages, tally, failures):
    """Ours is the same as that of one of the others; how many it is the same as is counted."""
    ours = messages.pop("ours")
    check(not compare.duplicates(ours), "a record twice:", ours)
    found = {name: compare.same_answer(ours, theirs) for name, theirs in messages.items()}
    same = sorted(name for name, parts in found.items() if not parts)
    reason = None if same else next(
        (text for text, holds in EXCEPTIONS if holds(query, ours, messages)), None)
    tally[reason or "as " + (", ".join(same) or "none")] += 1
    if os.environ.get("ZONEDECK_SHOW") == ",".join(same) and tally["shown"] < 5:
        tally["shown"] += 1
        print(f"OURS {ours}")
        for name, message in messages.items():
            print(f"{name} {message}")
    if not same and not reason:
        nearest = min(found, key=lambda name: len(found[name]))
        key = f"{ours.rcode_name}: {', '.join(found[nearest])} (as {nearest})"
        entry = failures.setdefault(key, [0, f"ours {ours}\n" + "\n".join(
            f"{name} {message}" for name, message in messages.items())])
        entry[0] += 1


def delv(zone, name, rtype):
    """What delv, trusting the zone's key alone, says of a name."""
    server = servers["ours"]
    done = subprocess.run(
        ["delv", f"@{server.address}", "-p", str(server.port), "-a", zone.anchors, f"+root={zone.origin}",
         name, rtype], capture_output=True, text=True, timeout=30)
    return done.stdout + done.stderr


@case
def signatures_hold():
    """A share of the answers in each kind of signed zone, as delv of BIND validates them."""
    if not program("delv"):
        raise Skip("no delv")
    seen = collections.Counter()
    for zone in [zone for zone in ZONES if zone.signing != "plain"]:
        for name, rtype in itertools.islice(zone.questions(), 15):
            message = servers["ours"].ask(name, rtype, edns=dns.Edns(4096, do=True), tcp=True)
            origin = dns.lower(dns.name_to_wire(zone.origin))
            here = all(proof.zone_of(r.owner, ORIGINS) == origin for r in message.answer)
            targets = [dns.lower(r.rdata) for r in message.answer if r.type == 5]
            verdict = proof.verify(message, SIGNED)
            if (dns.lower(dns.name_to_wire(name)), rtype) == (origin, "DS"):
                continue  # delv asks the parent, whom there is none of
            if not here or not all(proof.within(t, origin) for t in targets) or \
                    verdict not in ("good NODATA", "good NXDOMAIN", "good positive"):
                continue
            said = delv(zone, name, rtype)
            # Where a proof rests on a span with opt-out, RFC 5155 section 9.2 leaves the answer unsigned.
            good = "fully validated" in said or (zone.signing == "optout" and "unsigned answer" in said)
            check(good, zone.origin, name, rtype, verdict, said, message)
            seen[zone.signing, verdict] += 1
    for key, count in sorted(seen.items()):
        print(f"  {count:7} validated: {' '.join(key)}")
    check(len(seen) >= 6, "not every kind of answer was seen:", dict(seen))


@case
def answers_are_those_of_the_others():
    tally, failures, proofs, bad = collections.Counter(), {}, collections.Counter(), {}
    left = QUERIES
    while left > 0:
        queries = list(draw(min(left, BATCH)))
        left -= len(queries)
        raw = {name: client.tcp_pipeline(server.address, server.port, queries)
               for name, server in servers.items()}
        for index, query in enumerate(queries):
            messages = {name: dns.Message(answers[index]) for name, answers in raw.items()}
            ours = messages["ours"]
            judge(query, messages, tally, failures)
            if ours.edns:
                verdict = proof.verify(ours, SIGNED)
                proofs[verdict.partition(":")[0]] += 1
                if verdict.startswith("bad"):
                    bad.setdefault(verdict.partition("(")[0], f"{verdict}\n{ours}")
    for key, count in tally.most_common():
        print(f"  {count:7} {key}")
    for key, count in proofs.most_common():
        print(f"  {count:7} proof: {key}")
    for key, (count, text) in sorted(failures.items(), key=lambda item: -item[1][0]):
        print(f"  {count:7} {key}\n{text}")
    for text in bad.values():
        print(text)
    check(not failures, "answers differ from every other server's")
    check(not bad, "proofs do not prove")


def start():
    folder = scratch()
    zones = []
    names = {f"{signing}-{i}.test.": signing for i in range(4) for signing in SIGNING}
    for name, signing in names.items():
        zones.append(Zone(RNG, name, signing, folder, names))
    for label, kind in PEERS.items():
        if kind.installed():
            servers[label] = kind([primary(z.origin, z.file) for z in zones]).start()
    if len(servers) < 2:
        skip("fewer than two of BIND, NSD and Knot are installed")
    servers["ours"] = Zonedeckd([primary(z.origin, z.file) for z in zones]).start()
    for server in servers.values():
        for zone in zones:
            server.wait_serial(zone.origin, 1)
    return zones


RNG = random.Random(seed())
QUERIES = int(os.environ.get("ZONEDECK_QUERIES", "20000"))
ZONES = start()
ORIGINS = {dns.lower(dns.name_to_wire(z.origin)) for z in ZONES}
SIGNED = {dns.lower(dns.name_to_wire(z.origin)) for z in ZONES if z.signing != "plain"}
main()
