#!/usr/bin/env python3
"""What RFC 8906 section 8 tests, and the wire cases of W1 to W34 that a packet can show, one row each
(tests/unit/answer/test_matrix.c has those that need millions).

A row is a packet and what has to come back: an rcode, or None for silence. After each row a good
query on the same socket is answered, the counters have moved by just these two packets, and the
log has not grown by a byte. ZONEDECK_OURS=bind|nsd|knot runs the rows of the RFC against another
server, to try the table itself.
"""

import contextlib
import os
import socket
import struct
import time

from zdtest import client, dns
from zdtest.data import scratch
from zdtest.load import pour
from zdtest.process import descriptors, private
from zdtest.runner import Skip, case, check, check_equal, main, sanitized, wait_until
from zdtest.servers import Bind, Knot, Nsd, Zonedeckd, primary

ZONE = """$ORIGIN example.org.
$TTL 3600
@    IN SOA ns1 hostmaster 7 3600 600 604800 300
@    IN NS  ns1
ns1  IN A   192.0.2.1
www  IN A   192.0.2.80
*.w  IN A   192.0.2.81
a.b.ent IN A 192.0.2.82
sub  IN NS  ns.sub
ns.sub IN A 192.0.2.53
""" + "".join(f'big  IN TXT "{i:03d} {"x" * 200}"\n' for i in range(30)) + (
    f"{'l' * 63}.{'m' * 63}.{'n' * 63}.{'o' * 49} IN A 192.0.2.8\n") + (
    "".join(f"c{i} IN CNAME c{i - 1}\n" for i in range(1, 41)) + "c0 IN A 192.0.2.9\n"
    "loop IN CNAME loop\nto IN CNAME fro\nfro IN CNAME to\n"
    f"self IN DNAME self\nlong IN DNAME {'p' * 63}.{'q' * 63}.{'r' * 63}\n")
# Proofs by NSEC3 (a chain of one: for names that do not exist it is as good as any); and an apex
# with which the owner of an NSEC3 would be longer than a name may be.
HASHED = """$TTL 3600
@ IN SOA ns hostmaster 7 3600 600 604800 300
@ IN NS ns.example.org.
@ IN NSEC3PARAM 1 0 500 aabb
0p9mhaveqvm6t7vbl5lop2u3t2rp3tom IN NSEC3 1 0 500 aabb 0p9mhaveqvm6t7vbl5lop2u3t2rp3tom SOA
"""
TOO_LONG = f"{'s' * 63}.{'t' * 63}.{'u' * 63}.{'v' * 29}."
LONG = f"{'l' * 63}.{'m' * 63}.{'n' * 63}.{'o' * 49}.example.org."
COOKIE = 10
servers = {}


def start():
    folder = scratch()
    (folder / "example.org.zone").write_text(ZONE)
    stand_in = {"bind": Bind, "nsd": Nsd, "knot": Knot}.get(os.environ.get("ZONEDECK_OURS", ""))
    zones = [primary("example.org.", folder / "example.org.zone")]
    if not stand_in:
        (folder / "hashed.zone").write_text(HASHED)
        (folder / "long.zone").write_text(HASHED.partition("0p9m")[0])
        zones += [primary("hashed.test.", folder / "hashed.zone"),
                  primary(TOO_LONG, folder / "long.zone")]
    servers["ours"] = (stand_in or Zonedeckd)(zones).start()
    servers["ours"].wait_serial("example.org.", 7)


def is_ours():
    return isinstance(servers["ours"], Zonedeckd)


@contextlib.contextmanager
def quiet():
    """Nothing is logged inside."""
    log = servers["ours"].log
    before = log.stat().st_size
    yield
    with open(log, "rb") as file:
        file.seek(before)
        grown = file.read()
    check(not grown or not is_ours(), "logged:", grown)


def counted(expected):
    return servers["ours"].counted(expected) if is_ours() else contextlib.nullcontext()


GOOD = dns.query("www.example.org.", "A", id=0x0BAD)
RCODES = ("noerror", "formerr", "servfail", "nxdomain", "notimp", "refused", "notauth", "badvers",
          "other_rcode")


def counter_of(rcode):
    return "dropped" if rcode is None else "other_rcode" if rcode == "YXDOMAIN" else rcode.lower()


def moves(packets, rcode, transport="udp4"):
    """Counters of so many packets that got this rcode (None: silence), each with a good query."""
    expected = dict.fromkeys(RCODES, 0) | {"dropped": 0, "quarantined": 0, "send_errors": 0}
    expected["noerror"] = packets
    expected[counter_of(rcode)] += packets
    return expected | {f"{transport}_queries": 2 * packets}


def over_udp(packet):
    """What came back before the good query's answer, None for nothing: they take the same way."""
    ours = servers["ours"]
    with client.connect(ours.address, ours.port, socket.SOCK_DGRAM) as sock:
        sock.send(packet)
        sock.send(GOOD)
        first = sock.recv(65535)
        if first[:2] == GOOD[:2]:
            client.check_echo(GOOD, first)
            return None
        second = sock.recv(65535)
        client.check_echo(GOOD, second)
        check_equal(dns.Message(second).rcode, 0, "the good query")
        return first


def over_tcp(packet):
    ours = servers["ours"]
    with client.connect(ours.address, ours.port) as sock:
        sock.sendall(client.framed(packet) + client.framed(GOOD))
        first = client.read_message(sock)
        client.check_echo(GOOD, client.read_message(sock))
        return first


def header(flags=0, counts=(1, 0, 0, 0)):
    return struct.pack(">6H", 0x4242, flags, *counts)


def rr(rtype, rdata=b"", owner=b"\0"):
    return owner + struct.pack(">HHIH", rtype, 1, 0, len(rdata)) + rdata


def opt(*options, **more):
    return dns.Edns(options=list(options), **more).wire()


def with_opt(*options, name="example.org.", rtype="SOA", flags=0, **more):
    return dns.query(name, rtype, id=0x4242, flags=flags,
                     edns=dns.Edns(options=list(options), **more))


def plain(name="example.org.", rtype="SOA", **more):
    return dns.query(name, rtype, id=0x4242, **more)


Q = dns.name_to_wire("example.org.") + b"\0\6\0\1"


def has_soa(m):
    return [r.type for r in m.answer] == [6] and m.has(dns.AA)


def edns(m):
    return m.edns and m.edns.version == 0 and not m.edns.z and not m.edns.options


# RFC 8906 section, the query, rcode, what else must hold, over TCP.
RFC_8906 = [
    ("8.1.1 SOA", plain(), "NOERROR", lambda m: has_soa(m) and not m.edns),
    ("8.1.2 type 1000", plain(rtype="TYPE1000"), "NOERROR",
     lambda m: not m.answer and m.has(dns.AA) and not m.edns),
    ("8.1.3.1 CD", plain(flags=dns.CD), "NOERROR", has_soa),
    ("8.1.3.2 AD", plain(flags=dns.AD), "NOERROR", lambda m: has_soa(m) and not m.has(dns.AD)),
    ("8.1.3.3 reserved bit", plain(flags=dns.Z), "NOERROR",
     lambda m: has_soa(m) and not m.has(dns.Z)),
    ("8.1.3.4 RD", plain(rd=True), "NOERROR", lambda m: has_soa(m) and m.has(dns.RD)),
    ("8.1.4 opcode 15", header(15 << 11, (0, 0, 0, 0)), "NOTIMP",
     lambda m: m.opcode == 15 and not m.edns and not m.answer),
    ("8.1.5 TCP", plain(), "NOERROR", has_soa, True),
    ("8.2.1 EDNS", with_opt(), "NOERROR", lambda m: has_soa(m) and edns(m)),
    ("8.2.2 version 1", with_opt(version=1), "BADVERS", lambda m: not m.answer and edns(m)),
    ("8.2.3 unknown option", with_opt((100, b"")), "NOERROR", lambda m: has_soa(m) and edns(m)),
    ("8.2.4 unknown flag", with_opt(z=0x40), "NOERROR", lambda m: has_soa(m) and edns(m)),
    ("8.2.5 version 1, flag", with_opt(version=1, z=0x40), "BADVERS",
     lambda m: not m.answer and edns(m)),
    ("8.2.6 version 1, option", with_opt((100, b""), version=1), "BADVERS",
     lambda m: not m.answer and edns(m)),
    ("8.2.7 truncated", with_opt(name="big.example.org.", rtype="TXT", size=512, do=True),
     "NOERROR", lambda m: m.has(dns.TC) and edns(m) and m.size <= 512),
    ("8.2.8 DO", with_opt(do=True), "NOERROR", lambda m: has_soa(m) and edns(m) and m.edns.do),
    ("8.2.9 version 1, DO", with_opt(version=1, do=True), "BADVERS",
     lambda m: not m.answer and edns(m)),
    ("8.2.10 many options", with_opt((3, b""), (8, b"\0\1\0\0"), (9, b""), (COOKIE, b"8 bytes.")),
     "NOERROR", lambda m: has_soa(m) and m.edns),
]

NO_ANSWER = lambda m: not m.answer and not m.authority
TSIG = rr(250, b"\x09hmac-md5\0" + b"\0" * 16, b"\1k\0")
# Reliability case, packet, rcode, what else.
WIRE = [
    *[(f"W1 {n} bytes", header()[:n], None, None) for n in range(12)],
    *[(f"W2 QR, opcode {op}", header(0x8000 | op << 11) + Q, None, None) for op in range(16)],
    *[(f"W2 QR, rcode {rc}", header(0x8000 | rc) + Q, None, None) for rc in range(1, 16)],
    ("W4 QDCOUNT 0", header(counts=(0, 0, 0, 0)) + Q, "FORMERR", NO_ANSWER),
    ("W4 QDCOUNT 2", header(counts=(2, 0, 0, 0)) + Q, "FORMERR", NO_ANSWER),
    ("W4 QDCOUNT 65535", header(counts=(65535, 0, 0, 0)) + Q, "FORMERR", NO_ANSWER),
    *[(f"W5 second question cut at {n}", header(counts=(2, 0, 0, 0)) + Q + Q[:n], "FORMERR",
       NO_ANSWER) for n in (1, 5, 8, 14, 16, 17)],
    ("W5 second question over-long", header(counts=(2, 0, 0, 0)) + Q + b"\x3f" * 300, "FORMERR",
     NO_ANSWER),
    ("W6 all counts 65535", header(counts=(65535,) * 4), "FORMERR", NO_ANSWER),
    *[(f"W7 pointer to {to}", header() + struct.pack(">H", 0xC000 | to) + b"\0\6\0\1", "FORMERR",
       NO_ANSWER) for to in (0, 4, 12, 13, 14, 100, 0x3fff)],
    ("W7 pointer behind a label", header() + b"\1x\xc0\x0c\0\6\0\1", "FORMERR", NO_ANSWER),
    ("W8 126 pointers", header() + b"".join(struct.pack(">H", 0xC000 | 12 + 2 * i)
                                            for i in range(1, 127)) + b"\0\0\6\0\1", "FORMERR",
     NO_ANSWER),
    ("W9 label 0x40", header() + b"\x40\0\0\6\0\1", "FORMERR", NO_ANSWER),
    ("W9 label 0x80", header() + b"\x80\0\0\6\0\1", "FORMERR", NO_ANSWER),
    ("W10 QNAME of 255", plain(LONG, "A"), "NOERROR", lambda m: len(m.answer) == 1),
    ("W10 QNAME of 256", header() + (b"\x3f" + b"a" * 63) * 3 + b"\x3e" + b"b" * 62 + b"\0\0\1\0\1",
     "FORMERR", NO_ANSWER),
    ("W11 NUL, dot, 0xff, backslash", plain("\\000\\.\\255\\\\.w.example.org.", "A"), "NOERROR",
     lambda m: m.question[0][0] == b"\4\0.\xff\\\1w\7example\3org\0" and len(m.answer) == 1),
    *[(f"W12 root QNAME, type {t}", plain(".", t), "REFUSED", NO_ANSWER)
      for t in (1, 2, 5, 6, 15, 16, 28, 43, 46, 48, 255, 257)],
    ("W12 root QNAME, AXFR", plain(".", "AXFR"), "NOTAUTH", NO_ANSWER),
    ("W16 two OPT", header(counts=(1, 0, 0, 2)) + Q + opt() + opt(), "FORMERR", NO_ANSWER),
    ("W17 OPT in the answer", header(counts=(1, 1, 0, 0)) + Q + opt(), "FORMERR", NO_ANSWER),
    ("W17 OPT in the authority", header(counts=(1, 0, 1, 0)) + Q + opt(), "FORMERR", NO_ANSWER),
    ("W17 owner", header(counts=(1, 0, 0, 1)) + Q + b"\1x" + opt(), "FORMERR", NO_ANSWER),
    *[(f"W18 version {v}", with_opt(version=v), "BADVERS", NO_ANSWER) for v in range(1, 256)],
    *[(f"W19 size {s}", with_opt(name="big.example.org.", rtype="TXT", size=s), "NOERROR",
       lambda m: m.has(dns.TC) and m.size <= 512) for s in (0, 1, 100, 511, 512)],
    ("W20 RDLENGTH past the end", header(counts=(1, 0, 0, 1)) + Q + opt()[:-2] + b"\0\1", "FORMERR",
     NO_ANSWER),
    ("W20 option past the end", header(counts=(1, 0, 0, 1)) + Q + opt()[:-2] + b"\0\4\0\3\0\1",
     "FORMERR", NO_ANSWER),
    ("W20 half an option", header(counts=(1, 0, 0, 1)) + Q + opt()[:-2] + b"\0\2\0\3", "FORMERR",
     NO_ANSWER),
    ("W21 1,000 options", with_opt(*[(c, b"") for c in range(1000, 2000)]), "NOERROR", edns, True),
    ("W21 200 options", with_opt(*[(c, b"") for c in range(1000, 1200)]), "NOERROR", edns),
    ("W22 unknown option", with_opt((65001, b"x" * 50)), "NOERROR", edns),
    ("W23 Z bits", with_opt(z=0x7fff), "NOERROR", edns),
    ("W24 ECS of family 99", with_opt((8, b"\0\x63\xff\0")), "NOERROR", edns),
    ("W24 ECS of 255 bits", with_opt((8, b"\0\2\xff\0" + b"x" * 32)), "NOERROR", edns),
    ("W24 ECS of 0 bytes", with_opt((8, b"")), "NOERROR", edns),
    *[(f"W25 cookie of {n}", with_opt((COOKIE, b"c" * n)),
       "NOERROR" if n == 8 or 16 <= n <= 40 else "FORMERR", None) for n in range(0, 70)],
    ("W25 two cookies", with_opt((COOKIE, b"first..."), (COOKIE, b"second..")), "NOERROR",
     lambda m: [v[:8] for c, v in m.edns.options if c == COOKIE] == [b"first..."]),
    *[(f"W26 cookie of {stamp}", with_opt((COOKIE, b"8 bytes.\1\0\0\0" + struct.pack(">I", stamp)
                                           + b"8 hashed")), "NOERROR",
       lambda m: abs(int.from_bytes(m.edns.options[0][1][12:16], "big") - time.time()) < 60)
      for stamp in (0, 2**31 - 1, 2**31, 2**32 - 1)],
    ("W27 NSID with data, none configured", with_opt((3, b"data")), "NOERROR", edns),
    ("W28 two TSIG", header(counts=(1, 0, 0, 2)) + Q + rr(250, b"x") * 2, "FORMERR", NO_ANSWER),
    ("W29 44 TSIG", header(counts=(1, 0, 0, 44)) + Q + rr(250) * 44, "FORMERR", NO_ANSWER),
    ("W30 TSIG not last", header(counts=(1, 0, 0, 2)) + Q + TSIG + opt(), "FORMERR", NO_ANSWER),
    ("W30 TSIG in the answer", header(counts=(1, 1, 0, 0)) + Q + TSIG, "FORMERR", NO_ANSWER),
    ("W30 TSIG of 0 bytes", header(counts=(1, 0, 0, 1)) + Q + rr(250), "FORMERR", NO_ANSWER),
    ("W31 TKEY asked for", plain(rtype="TKEY"), "NOTIMP", NO_ANSWER),
    ("W32 SIG(0)", header(counts=(1, 0, 0, 1)) + Q + rr(24, b"\0" * 18 + b"\0" + b"s" * 64),
     "FORMERR", NO_ANSWER),
    ("W35 15 aliases", plain("c15.example.org.", "A"), "NOERROR", lambda m: len(m.answer) == 16),
    ("W35 40 aliases", plain("c40.example.org.", "A"), "NOERROR", lambda m: len(m.answer) == 16),
    ("W35 alias of itself", plain("loop.example.org.", "A"), "NOERROR", lambda m: len(m.answer) == 1),
    ("W35 aliases of each other", plain("to.example.org.", "A"), "NOERROR",
     lambda m: len(m.answer) == 2),
    ("W36 DNAME onto itself", plain("x.self.example.org.", "A"), "NOERROR",
     lambda m: sorted(r.type for r in m.answer) == [5, 39]),
    ("W36 result of 256", plain(f"{'x' * 50}.long.example.org.", "A"), "YXDOMAIN",
     lambda m: [r.type for r in m.answer] == [39]),
    ("W37 126 labels, NSEC3", with_opt(name="q." * 115 + "hashed.test.", rtype="A", do=True),
     "NXDOMAIN", lambda m: sum(r.type == 50 for r in m.authority) == 1),
    ("W37 two labels, NSEC3", with_opt(name="q.hashed.test.", rtype="A", do=True), "NXDOMAIN",
     lambda m: sum(r.type == 50 for r in m.authority) == 1),
    ("W38 an apex of 223", with_opt(name=TOO_LONG, rtype="A", do=True), "NOERROR",
     lambda m: [r.type for r in m.authority] == [6]),
    ("W38 below it", with_opt(name="q." + TOO_LONG, rtype="A", do=True), "NXDOMAIN",
     lambda m: [r.type for r in m.authority] == [6]),
    *[(f"W39 ANY of {name}", packet, "NOERROR", lambda m, asked=len(packet): m.size <= 3 * asked)
      for name, packet in ((name, plain(name, "ANY"))
                           for name in ("example.org.", "ns1.example.org.", "c9.example.org."))],
]


def check_row(what, packet, rcode, holds, tcp=False):
    with quiet(), counted(moves(1, rcode, "tcp4" if tcp else "udp4")):
        raw = (over_tcp if tcp else over_udp)(packet)
    if rcode is None:
        check(raw is None, f"answered with {raw!r}")
        return
    check(raw is not None, "silence")
    message = dns.Message(raw)
    check_equal(message.rcode_name, rcode)
    check_equal((message.id, message.opcode), (0x4242, packet[2] >> 3 & 15))
    check(message.has(dns.QR) and not message.flags & (dns.RA | dns.Z | dns.AD), "header bits")
    check(not holds or holds(message), message)


def check_rows(rows):
    failed = []
    for row in rows:
        try:
            check_row(*row)
        except Exception as why:
            failed.append(f"{row[0]}: {type(why).__name__} {why}")
    print(f"  {len(rows) - len(failed)} of {len(rows)} rows hold")
    check(not failed, "\n  ".join(["rows that do not hold:"] + failed))


def ours_only():
    if not is_ours():
        raise Skip("rules of ours")


@case
def rfc_8906_section_8():
    check_rows(RFC_8906)


@case
def wire_cases():
    ours_only()
    check_rows(WIRE)


@case
def w15_every_opcode_with_every_flag():
    """16 opcodes, 128 sets of the seven flags behind the opcode: NOTIMP for all but QUERY and
    NOTIFY; RD and CD copied, nothing else."""
    ours_only()
    ours = servers["ours"]
    bits = (dns.AA, dns.TC, dns.RD, dns.RA, dns.Z, dns.AD, dns.CD)
    with quiet(), client.connect(ours.address, ours.port, socket.SOCK_DGRAM) as sock:
        for opcode in range(16):
            rcode = {0: "NOERROR", 4: "REFUSED"}.get(opcode, "NOTIMP")
            with counted({"udp4_queries": 128, rcode.lower(): 128}):
                for flags in range(128):
                    set_bits = sum(bit for i, bit in enumerate(bits) if flags >> i & 1)
                    packet = plain(opcode=opcode, flags=set_bits)
                    sock.send(packet)
                    message = dns.Message(sock.recv(65535))
                    what = f"opcode {opcode} flags {flags:#x}"
                    check_equal(message.rcode_name, rcode, what)
                    wanted = (dns.QR | opcode << 11 | set_bits & (dns.RD | dns.CD)
                              | (dns.AA if opcode == 0 else 0) | message.rcode)
                    check_equal(message.flags, wanted, what)
    check_equal(dns.Message(over_udp(plain())).rcode, 0)


@case
def w33_five_thousand_records_in_a_query():
    """64 KiB over TCP: answered."""
    ours_only()
    packet = header(counts=(1, 0, 0, 5000)) + Q + rr(1, b"\x7f\0") * 5000
    check(len(packet) > 60000, len(packet))
    with quiet(), counted(moves(1, "NOERROR", "tcp4")):
        check(has_soa(dns.Message(over_tcp(packet))), "no SOA")


# Those of which another test has the answers: here many of each are sent.
MORE = [
    ("W13", [plain(name, f"TYPE{t}") for t in range(1, 65536, 1009)
             for name in ("example.org.", "ent.example.org.", "sub.example.org.", "x.w.example.org.",
                          "absent.example.org.")]),
    ("W14", [plain(rclass=c, opcode=o) for c in range(2, 65536, 1009) for o in (0, 5)]),
    ("W15", [plain(opcode=o, flags=f) for o in range(16) if o != 4
             for f in (dns.AA, dns.TC, dns.RD, dns.RA, dns.Z, dns.AD, dns.CD, 0)]),
    ("W34", [with_opt(name="big.example.org.", rtype="TXT", size=s) for s in (512, 1232, 65535)]),
]
EACH, LEAST = 100, 5000
# KiB by which it may differ: buffers of connections come and go. The smallest piece of a heap, 32
# bytes, left behind by each of LEAST packets would be 156.
NOISE = 128


def pools():
    """(case, its packets)"""
    rows = {}
    for name, packet, *_ in WIRE:
        rows.setdefault(name.split()[0], []).append(packet)
    return list(rows.items()) + MORE


def send_many(packets, count):
    """Sends so many, with good queries between them; how many went over UDP."""
    sent = pour(servers["ours"].port, packets, GOOD, count)
    check_equal(sent["again"], 0, "good queries that had to be sent again")
    wait_until(lambda: servers["ours"].status()["tcp_connections"] == 0, 15, "no connection left")
    return sent["sent"] - sent["tcp"]


@case
def wire_cases_many_times_leave_nothing():
    """W1 to W39, 5,000 packets of each case and more: memory and descriptors of the process and
    its log stay as they are, and every packet is counted."""
    ours_only()
    running = servers["ours"]
    share = 20 if sanitized() else 1
    running.wait_standby()
    pid = running.active()
    every = [packet for _, some in pools() for packet in some]
    send_many(every, (100000 + 3 * len(every)) // share)
    start, open_, failed = private(pid), descriptors(pid), []
    for name, some in pools():
        held, asked = private(pid), running.counters()["udp4_queries"]
        with quiet():
            sent = send_many(some, max(EACH * len(some), LEAST) // share)
        grown = private(pid) - held
        if grown > NOISE and not sanitized():
            failed.append(f"{name}: {grown} KiB more")
        wait_until(lambda: running.counters()["udp4_queries"] - asked == sent, 5, "all are counted")
        check_equal(running.ask("www.example.org.").rcode, 0, "the good query")
    check(not failed, "; ".join(failed))
    check_equal((running.active(), descriptors(pid)), (pid, open_), "process, descriptors")
    check(sanitized() or private(pid) - start <= NOISE, private(pid) - start, "KiB more")


start()
main()
