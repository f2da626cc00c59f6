#!/usr/bin/env python3
"""The rules of an authoritative answer, one row each, named by the RFC that makes it.

A row says what is asked and what must come back; the counters that must move follow from it. Where
BIND and NSD give one and the same answer, ours must be that one as well. ZONEDECK_OURS=bind|nsd|knot
puts another server in our place, to try the table itself.
"""

import contextlib
import os
import socket
import struct

from zdtest import client, compare, dns
from zdtest.data import scratch
from zdtest.runner import Skip, case, check, check_equal, main
from zdtest.servers import Bind, Knot, Nsd, Zonedeckd, primary

SOA = "ns1.example.org. hostmaster.example.org. 7 3600 600 604800 300"
ZONE = """$ORIGIN example.org.
$TTL 3600
@        IN SOA ns1 hostmaster 7 3600 600 604800 300
@        IN NS  ns1
@        IN NS  ns2.example.net.
@        IN MX  10 mail
ns1      IN A   192.0.2.1
ns1      IN AAAA 2001:db8::1
mail     IN A   192.0.2.25
www 60   IN A   192.0.2.80
www 60   IN A   192.0.2.81
mixed    IN TXT "Case" "kept"
a.b.ent  IN A   192.0.2.3
alias    IN CNAME www
chain1   IN CNAME chain2
chain2   IN CNAME chain3
chain3   IN CNAME www
gone     IN CNAME missing
nodata   IN CNAME mixed
outside  IN CNAME www.example.net.
below    IN CNAME host.sub
loop1    IN CNAME loop2
loop2    IN CNAME loop1
intowild IN CNAME any.wild
*.wild   IN A   192.0.2.99
*.wild   IN MX  5 mail
there.wild IN TXT "exists"
*.walias IN CNAME www
sub      IN NS  ns.sub
sub      IN NS  ns.other
sub      IN DS  12345 13 2 0000000000000000000000000000000000000000000000000000000000000000
ns.sub   IN A   192.0.2.53
ns.sub   IN AAAA 2001:db8::53
unsigned IN NS  ns.sub
other    IN NS  ns.other
ns.other IN A   192.0.2.54
far      IN NS  ns.example.net.
srv      IN SRV 0 0 389 mail
we\\.ird  IN A   192.0.2.7
""" + "".join(f'big      IN TXT "{i:03d} {"x" * 40}"\n' for i in range(16)) + "".join(
    f'huge     IN TXT "{i:03d} {"y" * 200}"\n' for i in range(16)) + (
    f"{'l' * 63}.{'m' * 63}.{'n' * 63}.{'o' * 49} IN A 192.0.2.8\n")

WILDCARDS = """$ORIGIN example.
@ 3600 IN SOA ns.example.com. hostmaster 1 3600 600 604800 7200
@ 3600 IN NS ns.example.com.
@ 3600 IN NS ns.example.net.
* 3600 IN TXT "this is a wildcard"
* 3600 IN MX 10 host1
sub.* 3600 IN TXT "this is not a wildcard"
host1 3600 IN A 192.0.2.1
_ssh._tcp.host1 3600 IN SRV 0 0 22 host1
_ssh._tcp.host2 3600 IN SRV 0 0 22 host1
subdel 3600 IN NS ns.example.com.
subdel 3600 IN NS ns.example.net.
"""

SHORT = """$ORIGIN short.test.
@ 100 IN SOA ns hostmaster 1 3600 600 604800 300
@ 3600 IN NS ns
ns 3600 IN A 192.0.2.1
"""

NEGATIVE = [f"example.org. 300 SOA {SOA}"]
W_NEGATIVE = ["example. 3600 SOA ns.example.com. hostmaster.example. 1 3600 600 604800 7200"]
W_MX = "{} 3600 MX 10 host1.example."
SUB = ["sub.example.org. 3600 NS ns.sub.example.org.", "sub.example.org. 3600 NS ns.other.example.org."]
SUB_GLUE = ["ns.sub.example.org. 3600 A 192.0.2.53", "ns.sub.example.org. 3600 AAAA 2001:db8::53"]
WWW = ["www.example.org. 60 A 192.0.2.80", "www.example.org. 60 A 192.0.2.81"]
LONG = f"{'l' * 63}.{'m' * 63}.{'n' * 63}.{'o' * 49}.example.org."


def cname(owner, target, zone="example.org."):
    return f"{owner}.{zone} 3600 CNAME {target}.{zone}"


# RFC, what is asked, rcode, AA, answer, authority, additional.
# None for a section: it may be empty or hold what BIND or NSD add. "…" in one: at least these.
ROWS = [
    ("1034 4.3.2 exact match", "www.example.org. A", "NOERROR", True, WWW, None, None),
    ("1034 4.3.2 exact, one record", "mail.example.org. A", "NOERROR", True,
     ["mail.example.org. 3600 A 192.0.2.25"], None, None),
    ("1034 4.3.2 apex NS", "example.org. NS", "NOERROR", True,
     ["example.org. 3600 NS ns1.example.org.", "example.org. 3600 NS ns2.example.net."], [], None),
    ("1035 3.3.13 apex SOA keeps its TTL", "example.org. SOA", "NOERROR", True,
     [f"example.org. 3600 SOA {SOA}"], None, None),
    ("1035 3.3.9 MX", "example.org. MX", "NOERROR", True,
     ["example.org. 3600 MX 10 mail.example.org."], None, None),
    ("1035 2.3.3 letter case is ignored", "WWW.eXample.ORG. A", "NOERROR", True, WWW, None, None),
    ("1035 5.1 escaped dot", "we\\.ird.example.org. A", "NOERROR", True,
     ["we\\.ird.example.org. 3600 A 192.0.2.7"], None, None),
    ("1035 2.3.4 a name of 255 bytes", LONG + " A", "NOERROR", True,
     [LONG + " 3600 A 192.0.2.8"], None, None),
    ("2308 2.2 NODATA", "www.example.org. AAAA", "NOERROR", True, [], NEGATIVE, []),
    ("2308 2.2 NODATA at the apex", "example.org. TXT", "NOERROR", True, [], NEGATIVE, []),
    ("3597 unknown type is NODATA", "www.example.org. TYPE65280", "NOERROR", True, [], NEGATIVE, []),
    ("2308 2.1 NXDOMAIN", "missing.example.org. A", "NXDOMAIN", True, [], NEGATIVE, []),
    ("2308 2.1 NXDOMAIN deep", "a.b.c.missing.example.org. A", "NXDOMAIN", True, [], NEGATIVE, []),
    ("2308 5 SOA TTL below MINIMUM", "missing.short.test. A", "NXDOMAIN", True, [],
     ["short.test. 100 SOA ns.short.test. hostmaster.short.test. 1 3600 600 604800 300"], []),
    ("8020 below an existing leaf", "x.www.example.org. A", "NXDOMAIN", True, [], NEGATIVE, []),
    ("4592 2.2.2 empty non-terminal", "ent.example.org. A", "NOERROR", True, [], NEGATIVE, []),
    ("4592 2.2.2 empty non-terminal inside", "b.ent.example.org. A", "NOERROR", True, [], NEGATIVE,
     []),
    ("4592 2.2.2 beside an empty non-terminal", "c.ent.example.org. A", "NXDOMAIN", True, [],
     NEGATIVE, []),
    ("1034 4.2.1 referral with glue", "host.sub.example.org. A", "NOERROR", False, [], SUB,
     SUB_GLUE + ["…"]),
    ("1034 4.2.1 referral at the cut", "sub.example.org. A", "NOERROR", False, [], SUB,
     SUB_GLUE + ["…"]),
    ("1034 4.2.1 NS at the cut is a referral", "sub.example.org. NS", "NOERROR", False, [], SUB,
     SUB_GLUE + ["…"]),
    ("1034 4.2.1 glue is not answered with authority", "ns.sub.example.org. A", "NOERROR", False, [],
     SUB, SUB_GLUE + ["…"]),
    ("1034 4.2.1 referral without glue", "host.far.example.org. A", "NOERROR", False, [],
     ["far.example.org. 3600 NS ns.example.net."], []),
    ("1034 4.2.1 name servers below the cut", "x.other.example.org. A", "NOERROR", False, [],
     ["other.example.org. 3600 NS ns.other.example.org."],
     ["ns.other.example.org. 3600 A 192.0.2.54"]),
    ("4035 3.1.4.1 DS at the parent", "sub.example.org. DS", "NOERROR", True,
     ["sub.example.org. 3600 DS \\# 36 30390d02" + "00" * 32], None, None),
    ("4035 3.1.4.1 no DS at the parent", "unsigned.example.org. DS", "NOERROR", True, [], NEGATIVE,
     []),
    ("4035 3.1.4.1 DS below a cut", "x.sub.example.org. DS", "NOERROR", False, [], SUB,
     SUB_GLUE + ["…"]),
    ("4035 3.1.4.1 DS of our apex", "example.org. DS", "NOERROR", True, [], NEGATIVE, []),
    ("1034 3.6.2 CNAME", "alias.example.org. A", "NOERROR", True, [cname("alias", "www")] + WWW, None,
     None),
    ("1034 3.6.2 CNAME itself", "alias.example.org. CNAME", "NOERROR", True, [cname("alias", "www")],
     None, None),
    ("1034 3.6.2 chain", "chain1.example.org. A", "NOERROR", True,
     [cname("chain1", "chain2"), cname("chain2", "chain3"), cname("chain3", "www")] + WWW, None, None),
    ("6604 3 chain to a missing name", "gone.example.org. A", "NXDOMAIN", True,
     [cname("gone", "missing")], NEGATIVE, []),
    ("2308 2.2 chain to NODATA", "nodata.example.org. A", "NOERROR", True, [cname("nodata", "mixed")],
     NEGATIVE, []),
    ("1034 4.3.2 chain out of our zones", "outside.example.org. A", "NOERROR", True,
     ["outside.example.org. 3600 CNAME www.example.net."], None, None),
    ("1034 4.3.2 chain below a cut", "below.example.org. A", "NOERROR", True,
     [cname("below", "host.sub")], SUB, SUB_GLUE + ["…"]),
    ("1034 4.3.2 chain into a wildcard", "intowild.example.org. A", "NOERROR", True,
     [cname("intowild", "any.wild"), "any.wild.example.org. 3600 A 192.0.2.99"], None, None),
    ("4592 3.3 wildcard", "x.wild.example.org. A", "NOERROR", True,
     ["x.wild.example.org. 3600 A 192.0.2.99"], None, None),
    ("4592 3.3 wildcard, deep", "x.y.z.wild.example.org. A", "NOERROR", True,
     ["x.y.z.wild.example.org. 3600 A 192.0.2.99"], None, None),
    ("4592 3.3 wildcard asked by its name", "*.wild.example.org. A", "NOERROR", True,
     ["*.wild.example.org. 3600 A 192.0.2.99"], None, None),
    ("4592 2.2.1 wildcard NODATA", "x.wild.example.org. TXT", "NOERROR", True, [], NEGATIVE, []),
    ("4592 2.2.1 a name that exists stops it", "there.wild.example.org. A", "NOERROR", True, [],
     NEGATIVE, []),
    ("4592 2.2.1 below a name that exists", "x.there.wild.example.org. A", "NXDOMAIN", True, [],
     NEGATIVE, []),
    ("4592 2.1.3 the wildcard's parent", "wild.example.org. A", "NOERROR", True, [], NEGATIVE, []),
    ("4592 3.3.1 wildcard CNAME", "q.walias.example.org. A", "NOERROR", True,
     [cname("q.walias", "www")] + WWW, None, None),
    ("4592 2.2.1 host3 MX", "host3.example. MX", "NOERROR", True, [W_MX.format("host3.example.")],
     None, None),
    ("4592 2.2.1 host3 A", "host3.example. A", "NOERROR", True, [], W_NEGATIVE, []),
    ("4592 2.2.1 foo.bar TXT", "foo.bar.example. TXT", "NOERROR", True,
     ["foo.bar.example. 3600 TXT \\# 19 127468697320697320612077696c6463617264"], None, None),
    ("4592 2.2.1 host1 MX", "host1.example. MX", "NOERROR", True, [], W_NEGATIVE, []),
    ("4592 2.2.1 sub.* MX", "sub.*.example. MX", "NOERROR", True, [], W_NEGATIVE, []),
    ("4592 2.2.1 _telnet._tcp.host1 SRV", "_telnet._tcp.host1.example. SRV", "NXDOMAIN", True, [],
     W_NEGATIVE, []),
    ("4592 2.2.1 host.subdel A", "host.subdel.example. A", "NOERROR", False, [],
     ["subdel.example. 3600 NS ns.example.com.", "subdel.example. 3600 NS ns.example.net."], []),
    ("4592 2.2.1 ghost.* MX", "ghost.*.example. MX", "NXDOMAIN", True, [], W_NEGATIVE, []),
    ("1035 4.1.1 outside our zones", "www.example.com. A", "REFUSED", False, [], [], []),
    ("1035 4.1.1 above our zone", "org. NS", "REFUSED", False, [], [], []),
    ("1035 4.1.1 the root", ". NS", "REFUSED", False, [], [], []),
]

servers = {}


def sections(message):
    return {part: sorted(str(r) for r in getattr(message, part))
            for part in ("answer", "authority", "additional")}


def start():
    folder = scratch()
    zones = []
    for name, text in (("example.org.", ZONE), ("example.", WILDCARDS), ("short.test.", SHORT)):
        (folder / f"{name}zone").write_text(text)
        zones.append(primary(name, folder / f"{name}zone"))
    stand_in = {"bind": Bind, "nsd": Nsd, "knot": Knot}.get(os.environ.get("ZONEDECK_OURS", ""))
    servers["ours"] = (stand_in or Zonedeckd)(zones).start()
    for kind in (Bind, Nsd):
        if kind.installed():
            servers[kind.__name__] = kind(zones).start()
    for server in servers.values():
        for zone, serial in (("example.org.", 7), ("example.", 1), ("short.test.", 1)):
            server.wait_serial(zone, serial)


def counted(expected):
    """The counters of ours move so; a stand-in has none. What is added inside counts as well."""
    ours = servers["ours"]
    return ours.counted(expected) if isinstance(ours, Zonedeckd) else contextlib.nullcontext()


def moves(transport, rcode, query, **more):
    """The counters one query moves."""
    expected = {name: 0 for name in ("udp4_queries", "udp6_queries", "tcp4_queries", "tcp6_queries",
                                     "noerror", "formerr", "servfail", "nxdomain", "notimp",
                                     "refused", "badvers", "dropped", "truncated", "edns",
                                     "dnssec_ok", "quarantined", "send_errors")}
    expected[transport] = expected[rcode.lower()] = 1
    expected["receive_bytes"] = len(query)
    return expected | more


def kind_of(message):
    """What else an answer counts as, where that is beyond dispute."""
    if message.rcode or message.answer:
        return {}
    types = {r.type for r in message.authority}
    return {"referrals": int(2 in types), "nodata": int(6 in types)}


def peers_agree(query, ask):
    """The answer of BIND and NSD when both give the same, else None."""
    theirs = [dns.Message(ask(servers[name], query)) for name in ("Bind", "Nsd") if name in servers]
    if len(theirs) == 2 and not compare.differences(*theirs):
        return theirs[0]
    return None


def udp(server, payload):
    return client.udp_raw(server.address, server.port, payload)


def tcp(server, payload):
    return client.tcp_raw(server.address, server.port, payload)


def check_section(got, expected, what):
    if expected is None:
        return
    if "…" in expected:
        missing = set(expected) - {"…"} - set(got)
        check(not missing, f"{what}: lacks {sorted(missing)}, got {got}")
    else:
        check_equal(got, sorted(expected), what)


def check_row(rfc, asked, rcode, aa, *expected):
    name, _, rtype = asked.rpartition(" ")
    for transport, ask, edns in (("udp4_queries", udp, None), ("tcp4_queries", tcp, None),
                                 ("udp4_queries", udp, dns.Edns(1232))):
        query = dns.query(name, rtype, id=0x1234, edns=edns)
        expected_counts = moves(transport, rcode, query, edns=int(bool(edns)))
        with counted(expected_counts):
            raw = ask(servers["ours"], query)
            client.check_echo(query, raw)
            message = dns.Message(raw)
            expected_counts |= {"send_bytes": len(raw)} | kind_of(message)
        check_equal(message.rcode_name, rcode, f"{rfc}: rcode")
        check_equal(message.has(dns.AA), aa, f"{rfc}: AA")
        check_equal(message.flags & (dns.TC | dns.RA | dns.Z | dns.AD), 0, f"{rfc}: flags")
        check(not compare.duplicates(message), f"{rfc}: a record twice\n{message}")
        for part, wanted in zip(("answer", "authority", "additional"), expected):
            check_section(sections(message)[part], wanted, f"{rfc}: {part}")
        check_equal(message.edns is not None, edns is not None, f"{rfc}: OPT")
        theirs = peers_agree(query, ask)
        if theirs:
            found = compare.same_answer(message, theirs)
            check(not found, f"{rfc}: other than BIND and NSD in {found}\n"
                  + compare.explain(message, theirs, found))


@case
def answers():
    failed = []
    for row in ROWS:
        try:
            check_row(*row)
        except Exception as why:
            failed.append(f"{row[1]}: {type(why).__name__} {why}")
    print(f"  {len(ROWS) - len(failed)} of {len(ROWS)} rows hold")
    check(not failed, "\n  ".join(["rows that do not hold:"] + failed))


@case
def rfc_1034_cname_loop_is_bounded():
    for ask in (udp, tcp):
        message = dns.Message(ask(servers["ours"], dns.query("loop1.example.org.", "A")))
        check(message.rcode_name in ("NOERROR", "SERVFAIL"), message)
        check(len(message.answer) <= 64 and not compare.duplicates(message), message)


@case
def rfc_1035_letter_case_of_the_question_is_echoed():
    for name in ("WwW.ExAmPlE.oRg.", "NoNe.EXAMPLE.org."):
        query = dns.query(name, "A", id=77)
        raw = udp(servers["ours"], query)
        client.check_echo(query, raw)
        check(raw[12:12 + len(query) - 12] == query[12:], "question not echoed byte for byte")


@case
def rfc_2535_flags():
    """RD is copied, CD is copied (RFC 4035 3.1.6) or cleared, RA, AD and Z are clear."""
    for flags in (dns.RD, dns.CD, dns.AD, dns.Z, dns.RA, dns.AA, dns.RD | dns.AD | dns.CD):
        message = dns.Message(udp(servers["ours"], dns.query("www.example.org.", "A", flags=flags)))
        check_equal(message.flags & ~dns.CD, dns.QR | dns.AA | (flags & dns.RD), f"flags {flags:#x}")
        check(not message.flags & dns.CD or flags & dns.CD, "CD made up")
        check_equal(len(message.answer), 2, f"flags {flags:#x}")


@case
def rfc_6891_edns():
    ours = servers["ours"]
    for edns, rcode in ((dns.Edns(1232), "NOERROR"), (dns.Edns(4096, do=True), "NOERROR"),
                        (dns.Edns(1232, z=0x7FFF), "NOERROR"),
                        (dns.Edns(1232, options=[(65001, b"zonedeck")]), "NOERROR"),
                        (dns.Edns(1232, options=[(65001, b""), (65002, b"x" * 100)]), "NOERROR"),
                        (dns.Edns(1232, version=1), "BADVERS"),
                        (dns.Edns(1232, version=255, do=True), "BADVERS"),
                        (dns.Edns(1232, version=1, options=[(65001, b"a")]), "BADVERS")):
        query = dns.query("www.example.org.", "A", edns=edns)
        with counted(moves("udp4_queries", rcode, query, edns=1, dnssec_ok=int(edns.do))):
            message = dns.Message(udp(ours, query))
        what = f"version {edns.version} z {edns.z:#x} options {len(edns.options)}"
        check_equal(message.rcode_name, rcode, what)
        check(message.edns, what, "no OPT")
        check_equal(message.edns.version, 0, what)
        check_equal(message.edns.z, 0, what + ": Z bits")
        check_equal(message.edns.options, [], what + ": options")
        check(message.edns.size >= 512, what, "size", message.edns.size)
        check(rcode == "BADVERS" or message.edns.do == edns.do, what, "DO not copied")
        check_equal(len(message.answer), 0 if rcode == "BADVERS" else 2, what)


@case
def rfc_6891_no_opt_without_opt():
    check_equal(dns.Message(udp(servers["ours"], dns.query("www.example.org.", "A"))).edns, None)


@case
def rfc_2181_truncation():
    """Over the limit: TC and what fits; over TCP all of it."""
    ours = servers["ours"]
    for name, size, limit, truncated in (
            ("big", None, 512, True), ("big", 0, 512, True), ("big", 511, 512, True),
            ("big", 512, 512, True), ("big", 1232, 1232, False), ("huge", 1232, 1232, True),
            ("huge", None, 512, True), ("www", None, 512, False)):
        edns = None if size is None else dns.Edns(size)
        query = dns.query(f"{name}.example.org.", "A" if name == "www" else "TXT", edns=edns)
        with counted(moves("udp4_queries", "NOERROR", query, edns=int(bool(edns)),
                             truncated=int(truncated))):
            raw = udp(ours, query)
        message = dns.Message(raw)
        check_equal(message.has(dns.TC), truncated, f"{name} at {size}: TC")
        check(len(raw) <= limit, f"{name} at {size}: {len(raw)} bytes")
        check_equal(message.edns is not None, edns is not None, f"{name} at {size}: OPT")
        whole = dns.Message(tcp(ours, query))
        check(not whole.has(dns.TC), "TC over TCP")
        if name != "www":
            check_equal(len(whole.answer), 16, f"{name} over TCP")
            check(set(message.answer) <= set(whole.answer), "made-up records")


def header(flags=0, counts=(1, 0, 0, 0), ident=0x4242):
    return struct.pack(">6H", ident, flags, *counts)


QUESTION = dns.name_to_wire("www.example.org.") + b"\0\1\0\1"
OPT = dns.Edns(1232).wire()
# RFC or reliability case, the packet, what comes back: an rcode, or None for silence.
PACKETS = [
    ("1035 4.1.1 IQUERY", header(1 << 11) + QUESTION, "NOTIMP"),
    ("1035 4.1.1 STATUS", header(2 << 11) + QUESTION, "NOTIMP"),
    ("6895 2.2 opcode 3", header(3 << 11) + QUESTION, "NOTIMP"),
    ("8490 DSO", header(6 << 11) + QUESTION, "NOTIMP"),
    *[(f"6895 2.2 opcode {op}", header(op << 11) + QUESTION, "NOTIMP") for op in range(7, 16)],
    ("9619 two questions", header(counts=(2, 0, 0, 0)) + QUESTION + QUESTION, "FORMERR"),
    ("W4 no question", header(counts=(0, 0, 0, 0)), "FORMERR"),
    ("W4 QDCOUNT 2, one question", header(counts=(2, 0, 0, 0)) + QUESTION, "FORMERR"),
    ("W4 QDCOUNT 65535, one question", header(counts=(65535, 0, 0, 0)) + QUESTION, "FORMERR"),
    ("W5 question cut in a label", header() + QUESTION[:2], "FORMERR"),
    ("W5 question cut in the type", header() + QUESTION[:-3], "FORMERR"),
    ("W6 all counts 65535, no body", header(counts=(65535,) * 4), "FORMERR"),
    ("W7 pointer to itself", header() + b"\xc0\x0c\0\1\0\1", "FORMERR"),
    ("W7 pointer to the header", header() + b"\xc0\x00\0\1\0\1", "FORMERR"),
    ("W7 pointer forwards", header() + b"\xc0\x20\0\1\0\1", "FORMERR"),
    ("W9 label type 0x40", header() + b"\x41x\0\0\1\0\1", "FORMERR"),
    ("W9 label type 0x80", header() + b"\x81x\0\0\1\0\1", "FORMERR"),
    ("W10 QNAME of 256", header() + b"\x3f" + b"a" * 63 + (b"\x3f" + b"b" * 63) * 2
     + b"\x3e" + b"c" * 62 + b"\0\0\1\0\1", "FORMERR"),
    ("W16 two OPT", header(counts=(1, 0, 0, 2)) + QUESTION + OPT + OPT, "FORMERR"),
    ("W17 OPT with an owner", header(counts=(1, 0, 0, 1)) + QUESTION + b"\1x" + OPT, "FORMERR"),
    ("W20 OPT longer than the packet", header(counts=(1, 0, 0, 1)) + QUESTION
     + OPT[:-2] + b"\0\x09", "FORMERR"),
    ("W20 option longer than OPT", header(counts=(1, 0, 0, 1)) + QUESTION
     + OPT[:-2] + b"\0\4\0\3\0\x40", "FORMERR"),
    ("W1 no byte", b"", None),
    *[(f"W1 {n} bytes", header()[:n], None) for n in range(1, 12)],
    *[(f"W2 QR set, opcode {op}", header(0x8000 | op << 11) + QUESTION, None) for op in range(16)],
    *[(f"W2 QR set, rcode {rc}", header(0x8000 | rc) + QUESTION, None) for rc in range(1, 16)],
]


def exchange(server, packet):
    """What comes back for a packet before a good query that follows it is answered; None for
    silence. No time is waited for: both take the same way through the same sockets."""
    good = dns.query("www.example.org.", "A", id=0x0BAD)
    with client.connect(server.address, server.port, socket.SOCK_DGRAM) as sock:
        sock.send(packet)
        sock.send(good)
        first = sock.recv(65535)
        if first[:2] == good[:2]:
            client.check_echo(good, first)
            return None
        client.check_echo(good, sock.recv(65535))
        return first


@case
def packets_that_are_no_good_query():
    failed = []
    for what, packet, rcode in PACKETS:
        expected = {"udp4_queries": 2, "dropped": int(rcode is None), "noerror": 1,
                    "formerr": int(rcode == "FORMERR"), "notimp": int(rcode == "NOTIMP")}
        try:
            with counted(expected):
                raw = exchange(servers["ours"], packet)
            if rcode is None:
                check(raw is None, f"answered with {raw!r}")
            else:
                check(raw is not None, "silence")
                message = dns.Message(raw)
                check_equal(message.rcode_name, rcode)
                check(message.has(dns.QR), "QR clear")
                check_equal(message.id, 0x4242)
                check_equal(message.opcode, packet[2] >> 3 & 15, "opcode")
                check(not message.answer and not message.authority, message)
                check(len(raw) <= max(len(packet), 12) + 11, "amplified")
        except Exception as why:
            failed.append(f"{what}: {type(why).__name__} {why}")
    print(f"  {len(PACKETS) - len(failed)} of {len(PACKETS)} packets hold")
    check(not failed, "\n  ".join(["packets that do not hold:"] + failed))


@case
def rfc_7766_pipelining():
    """Fifty queries in one segment, fifty answers."""
    queries = {i: dns.query(f"x{i}.wild.example.org.", "A", id=i) for i in range(50)}
    ours = servers["ours"]
    with counted({"tcp4_queries": 50, "tcp_accepted": 1, "noerror": 50}):
        with client.connect(ours.address, ours.port) as sock:
            sock.sendall(b"".join(map(client.framed, queries.values())))
            for _ in range(50):
                raw = client.read_message(sock)
                client.check_echo(queries.pop(int.from_bytes(raw[:2], "big")), raw)
    check(not queries, "not answered", queries)


@case
def rfc_7766_split_anywhere():
    """A query in two segments, cut at every byte, length prefix included; and byte by byte."""
    ours, query = servers["ours"], client.framed(dns.query("www.example.org.", "A", id=9))
    with counted({"tcp4_queries": len(query), "tcp_accepted": 1}):
        with client.connect(ours.address, ours.port) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for cut in range(1, len(query)):
                sock.sendall(query[:cut])
                sock.sendall(query[cut:])
                client.check_echo(query[2:], client.read_message(sock))
            for byte in query:
                sock.sendall(bytes([byte]))
            client.check_echo(query[2:], client.read_message(sock))


@case
def c5_half_closed_after_the_query():
    ours, query = servers["ours"], dns.query("www.example.org.", "A", id=10)
    with client.connect(ours.address, ours.port) as sock:
        sock.sendall(client.framed(query))
        sock.shutdown(socket.SHUT_WR)
        client.check_echo(query, client.read_message(sock))


@case
def tcp_garbage_does_not_hurt_others():
    ours = servers["ours"]
    for payload in (b"\0\0", b"\0\1x", b"\0\x0b" + b"x" * 11, b"\xff\xff" + b"x" * 100):
        with client.connect(ours.address, ours.port) as sock:
            sock.sendall(payload)
            check_equal(dns.Message(tcp(ours, dns.query("www.example.org.", "A"))).rcode, 0)


@case
def ipv6():
    ours = servers["ours"]
    if not isinstance(ours, Zonedeckd):
        raise Skip("counters of ours only")
    for over_tcp, transport in ((False, "udp6_queries"), (True, "tcp6_queries")):
        query = dns.query("www.example.org.", "A", id=0)
        with counted(moves(transport, "NOERROR", query)):
            message = ours.ask("www.example.org.", "A", address="::1", tcp=over_tcp, id=0)
        check_equal(sections(message)["answer"], WWW)


@case
def many_addresses():
    """Every address it listens on answers from that address."""
    ours = servers["ours"]
    for address in ("127.0.0.1", "::1"):
        with socket.socket(client.family(address), socket.SOCK_DGRAM) as sock:
            sock.settimeout(3)
            sock.sendto(dns.query("www.example.org.", "A", id=3), (address, ours.port))
            _, source = sock.recvfrom(4096)
            check_equal(source[:2], (address, ours.port))


@case
def every_answer_so_far_was_counted():
    """All counters together: each query received was answered or dropped."""
    ours = servers["ours"]
    if not isinstance(ours, Zonedeckd):
        raise Skip("counters of ours only")
    counters = ours.counters()
    queries = sum(counters[f"{t}_queries"] for t in ("udp4", "udp6", "tcp4", "tcp6"))
    replies = sum(counters[name] for name in ("noerror", "formerr", "servfail", "nxdomain", "notimp",
                                              "refused", "notauth", "badvers", "other_rcode"))
    check_equal(queries, replies + counters["dropped"] + counters["quarantined"], "sum")


start()
main()
