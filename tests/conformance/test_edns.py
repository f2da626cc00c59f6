#!/usr/bin/env python3
"""EDNS and class CHAOS: options, cookies, extended errors, and the probes of the DNS flag day.

The probes run against BIND, NSD and Knot too, as a check of the probes themselves.
"""

import os
import struct
import time

from zdtest import client, dns
from zdtest.data import scratch
from zdtest.runner import Skip, case, check, check_equal, main
from zdtest.servers import Bind, Knot, Nsd, Zonedeckd, primary, secondary

ZONE = """$ORIGIN example.org.
$TTL 3600
@    IN SOA ns1 hostmaster 7 3600 600 604800 300
@    IN NS  ns1
ns1  IN A   192.0.2.1
www  IN A   192.0.2.80
""" + "".join(f'big  IN TXT "{i:03d} {"x" * 40}"\n' for i in range(16))
NSID, ECS, EXPIRE, COOKIE, KEEPALIVE, PADDING, EDE = 3, 8, 9, 10, 11, 12, 15
NOT_READY, PROHIBITED, NOT_AUTHORITATIVE, NOT_SUPPORTED, INVALID_DATA = 14, 18, 20, 21, 24
CLIENT = b"8 bytes."
SECRET = "0123456789abcdef0123456789abcdef"
servers = {}


def start():
    folder = scratch()
    (folder / "example.org.zone").write_text(ZONE)
    (folder / "bad.org.zone").write_text("bad.org. 1 IN A 192.0.2.1\n")
    (folder / "secret").write_text(SECRET + "\n")
    if os.geteuid() == 0:
        os.chown(folder / "secret", 65534, 65534)
    zone = primary("example.org.", folder / "example.org.zone", transfer=["127.0.0.1"])
    bad = primary("bad.org.", folder / "bad.org.zone")
    extra = f'  identity: ns1-test\n  cookie-secret-file: "{folder}/secret"'
    servers["ours"] = Zonedeckd([zone], server_extra=extra).start()
    copy = secondary("example.org.", [("127.0.0.1", servers["ours"].port)])
    servers["plain"] = Zonedeckd([copy, bad],
                                 server_extra="  version: none\n  require-cookie: true").start()
    for server in servers.values():
        server.wait_serial("example.org.", 7)


def udp(payload, server="ours", source=None):
    ours = servers[server]
    raw = client.udp_raw(ours.address, ours.port, payload, source=source)
    return dns.Message(raw)


def tcp(payload, server="ours"):
    ours = servers[server]
    return dns.Message(client.tcp_raw(ours.address, ours.port, payload))


def with_options(*options, name="www.example.org.", rtype="A", **edns):
    return dns.query(name, rtype, id=7, edns=dns.Edns(options=list(options), **edns))


def option(message, code):
    """The value of an option that stands at most once; None without it."""
    check(message.edns, "no OPT")
    values = [value for number, value in message.edns.options if number == code]
    check(len(values) <= 1, f"option {code} more than once")
    return values[0] if values else None


def error(message):
    value = option(message, EDE)
    return None if value is None else int.from_bytes(value[:2], "big")


def texts(message):
    return [r.rdata[1:].decode() for r in message.answer]


@case
def chaos():
    """RFC 4892; what is off and what is not known is refused."""
    version = servers["ours"].status()["server"]["version"]
    for names, ours, plain in ((("version.bind.", "VERSION.Server."), f"zonedeck {version}", None),
                               (("hostname.bind.", "id.server."), "ns1-test", None)):
        for name in names:
            for ask in (udp, tcp):
                for rtype in ("TXT", "ANY"):
                    query = dns.query(name, rtype, rclass=3, id=5)
                    message = ask(query)
                    check_equal((message.rcode_name, texts(message)), ("NOERROR", [ours]), name)
                    check_equal([(r.rclass, r.ttl) for r in message.answer], [(3, 0)], name)
                    check(message.has(dns.AA), name)
                    refused = ask(query, "plain")
                    check_equal((refused.rcode_name, texts(refused)), ("REFUSED", []), name)
    for name, rtype in (("version.bind.", "A"), ("authors.bind.", "TXT"), ("bind.", "TXT"),
                        ("www.example.org.", "A"), (".", "NS"), ("x.version.bind.", "TXT")):
        message = udp(dns.query(name, rtype, rclass=3))
        check_equal((message.rcode_name, len(message.answer)), ("REFUSED", 0), f"{name} {rtype}")
    check_equal(udp(dns.query("version.bind.", "TXT")).rcode_name, "REFUSED", "class IN")
    check_equal(udp(dns.query("example.org.", "SOA", rclass=3, opcode=4)).rcode_name, "REFUSED")


@case
def nsid():
    """RFC 5001: to who asks, if there is one; W27 also with data in the query."""
    for data in (b"", b"x", b"y" * 200):
        check_equal(option(udp(with_options((NSID, data))), NSID), b"ns1-test")
        check_equal(option(tcp(with_options((NSID, data))), NSID), b"ns1-test")
        check_equal(option(udp(with_options((NSID, data)), "plain"), NSID), None)
    check_equal(option(udp(with_options()), NSID), None)
    check_equal(option(udp(with_options((NSID, b""), name="x.", rtype="A")), NSID), b"ns1-test")


@case
def unknown_options_are_passed_over():
    """W21, W22, W24 and padding, which is for encrypted transports (RFC 8467)."""
    for options in ([(65001, b"abc")], [(code, b"") for code in range(100, 350)],
                    [(ECS, b"\0\x63\xff\0")], [(ECS, b"\0\1\xff\0abcd")], [(PADDING, b"\0" * 300)],
                    [(65535, b"")] * 250):
        message = udp(with_options(*options))
        check_equal((message.rcode_name, len(message.answer)), ("NOERROR", 1))
        check_equal(message.edns.options, [])
    message = tcp(with_options(*[(code, b"") for code in range(1000, 2000)]))
    check_equal((message.rcode_name, message.edns.options), ("NOERROR", []))


@case
def cookies():
    """RFC 7873 section 5.2, RFC 9018."""
    first = option(udp(with_options((COOKIE, CLIENT))), COOKIE)
    check_equal((len(first), first[:8], first[8:12]), (24, CLIENT, b"\1\0\0\0"))
    check(abs(int.from_bytes(first[12:16], "big") - time.time()) < 30, "time of a cookie")
    for ask in (udp, tcp):
        check_equal(option(ask(with_options((COOKIE, first))), COOKIE), first, "a fresh one stays")
    forged = first[:-1] + bytes([first[-1] ^ 1])
    for bad in (forged, first + b"\0", first[:8] + b"x" * 32, first[:8] + b"y" * 8,
                first[:8] + b"\2" + first[9:], b"another." + first[8:]):
        message = udp(with_options((COOKIE, bad)))
        check_equal((message.rcode_name, len(message.answer)), ("NOERROR", 1))
        given = option(message, COOKIE)
        check_equal((len(given), given[:8]), (24, bad[:8]))
        check(given != bad, "a bad cookie was given back")
    check_equal(option(udp(with_options()), COOKIE), None)


@case
def w26_cookies_out_of_time():
    """A stamp of the past, the future, 2^31 and 2^32 - 1: not accepted, and a new one given."""
    first = option(udp(with_options((COOKIE, CLIENT))), COOKIE)
    now = int(time.time())
    for stamp in (0, 1, 2**31 - 1, 2**31, 2**32 - 1, now - 4000, now + 400, now - 100):
        shown = first[:12] + struct.pack(">I", stamp & 0xffffffff) + first[16:]
        given = option(udp(with_options((COOKIE, shown))), COOKIE)
        check(abs(int.from_bytes(given[12:16], "big") - now) < 30, f"stamp {stamp}")


@case
def w25_cookies_of_every_length():
    for length in range(0, 70):
        good = length == 8 or 16 <= length <= 40
        message = udp(with_options((COOKIE, b"c" * length)))
        check_equal(message.rcode_name, "NOERROR" if good else "FORMERR", f"{length} bytes")
    message = udp(with_options((COOKIE, CLIENT), (COOKIE, b"second.."), (COOKIE, b"bad")))
    check_equal((message.rcode_name, option(message, COOKIE)[:8]), ("NOERROR", CLIENT))


@case
def rfc_7873_5_4_a_cookie_without_a_question():
    def empty(*options):
        return struct.pack(">6H", 9, 0, 0, 0, 0, 1) + dns.Edns(options=list(options)).wire()
    message = udp(empty((COOKIE, CLIENT)))
    check_equal((message.rcode_name, message.question), ("NOERROR", []))
    cookie = option(message, COOKIE)
    check_equal(udp(empty((COOKIE, cookie))).rcode_name, "NOERROR")
    message = udp(empty((COOKIE, CLIENT + b"x" * 16)))
    check_equal(message.rcode, 23)
    check_equal(len(option(message, COOKIE)), 24)
    check_equal(udp(empty()).rcode_name, "FORMERR")


@case
def require_cookie():
    """Over UDP a client that knows cookies must show a good one; others are answered."""
    message = udp(with_options((COOKIE, CLIENT)), "plain")
    check_equal((message.rcode, len(message.answer)), (23, 0))
    cookie = option(message, COOKIE)
    check_equal(len(udp(with_options((COOKIE, cookie)), "plain").answer), 1, "a good one")
    check_equal(udp(with_options((COOKIE, cookie)), "plain", "127.0.0.9").rcode, 23, "elsewhere")
    check_equal(len(tcp(with_options((COOKIE, CLIENT)), "plain").answer), 1, "TCP")
    check_equal(len(udp(with_options(), "plain").answer), 1, "no cookie")
    check_equal(len(udp(dns.query("www.example.org.", "A"), "plain").answer), 1, "no EDNS")


@case
def cookie_secrets_are_shared_and_rotated():
    """What one server gave, another with its secret accepts, whichever of its secrets it is; a
    restart changes nothing."""
    cookie = option(udp(with_options((COOKIE, CLIENT))), COOKIE)
    ours = servers["ours"]
    folder = scratch()
    (folder / "secret").write_text(f"# new\nfedcba9876543210fedcba9876543210\n{SECRET}\n")
    if os.geteuid() == 0:
        os.chown(folder / "secret", 65534, 65534)
    zone = ours.zones[0]
    with Zonedeckd([zone], server_extra=f'  cookie-secret-file: "{folder}/secret"\n'
                   "  require-cookie: true") as other:
        other.wait_serial("example.org.", 7)
        servers["other"] = other
        query = with_options((COOKIE, cookie))
        check_equal(len(udp(query, "other").answer), 1, "not accepted by the other")
        new = option(udp(with_options((COOKIE, CLIENT)), "other"), COOKIE)
        query = with_options((COOKIE, new))
        other.post("/v1/service/restart")
        check_equal(len(udp(query, "other").answer), 1, "not accepted after a restart")
        check(option(udp(query), COOKIE) != new, "the new secret is not ours")
    made = servers["plain"].state / "cookie.secret"
    check_equal((made.stat().st_mode & 0o777, len(made.read_text())), (0o600, 33))


@case
def a_reload_changes_what_is_told():
    ours = servers["ours"]
    before = ours.server_extra
    ours.server_extra = before.replace("ns1-test", "ns2-test")
    ours.configure()
    ours.post("/v1/service/reload")
    check_equal(option(udp(with_options((NSID, b""))), NSID), b"ns2-test")
    ours.server_extra = before
    ours.configure()
    ours.post("/v1/service/reload")
    check_equal(texts(udp(dns.query("id.server.", "TXT", rclass=3))), ["ns1-test"])


@case
def expire():
    """RFC 7314: the SOA's on a primary, what is left on a secondary; with SOA questions only."""
    soa = with_options((EXPIRE, b""), name="example.org.", rtype="SOA")
    for query in (soa, with_options((EXPIRE, b"\0\0\0\1"), name="example.org.", rtype="SOA"),
                  with_options((EXPIRE, b""), name="example.org.", rtype="IXFR")):
        check_equal(option(udp(query), EXPIRE), struct.pack(">I", 604800))
    for ask in (udp, tcp):
        left = int.from_bytes(option(ask(soa, "plain"), EXPIRE), "big")
        check(604800 - 600 < left <= 604800, "left", left)
    for name, rtype in (("www.example.org.", "SOA"), ("example.org.", "NS"), ("x.org.", "SOA")):
        message = udp(with_options((EXPIRE, b""), name=name, rtype=rtype))
        check_equal(option(message, EXPIRE), None, f"{name} {rtype}")
    check_equal(option(udp(with_options(name="example.org.", rtype="SOA")), EXPIRE), None)


@case
def a_transfer_has_an_opt():
    """RFC 6891 6.1.1: in its first message, with what was asked for; none without one."""
    ours = servers["ours"]
    asked = [(EXPIRE, b""), (COOKIE, CLIENT), (NSID, b""), (KEEPALIVE, b"")]
    message = tcp(with_options(*asked, name="example.org.", rtype="AXFR"))
    check_equal(option(message, EXPIRE), struct.pack(">I", 604800))
    check_equal(len(option(message, COOKIE)), 24)
    check_equal(option(message, NSID), b"ns1-test")
    check_equal((message.answer[0].type, message.answer[-1].type), (6, 6))
    check_equal(tcp(with_options(name="example.org.", rtype="AXFR")).edns.options, [])
    check_equal(tcp(dns.query("example.org.", "AXFR")).edns, None)
    check_equal(len(ours.axfr("example.org.")), len(message.answer))


@case
def keepalive():
    """RFC 7828: told over TCP to who asks; over UDP the option is passed over."""
    check_equal(option(udp(with_options((KEEPALIVE, b""))), KEEPALIVE), None)
    timeout = option(tcp(with_options((KEEPALIVE, b""))), KEEPALIVE)
    check_equal(len(timeout), 2)
    check(int.from_bytes(timeout, "big") > 0, timeout)
    check_equal(option(tcp(with_options()), KEEPALIVE), None)


@case
def extended_errors():
    """RFC 8914: which for which; none without EDNS, none with a good answer."""
    for name, rtype, rcode, code, more in (
            ("www.example.org.", "A", "NOERROR", None, {}),
            ("x.example.org.", "A", "NXDOMAIN", None, {}),
            ("example.com.", "A", "REFUSED", NOT_AUTHORITATIVE, {}),
            ("example.org.", "MAILB", "NOTIMP", NOT_SUPPORTED, {}),
            ("example.org.", "SOA", "NOTIMP", NOT_SUPPORTED, {"opcode": 5}),
            ("example.org.", "SOA", "REFUSED", PROHIBITED, {"opcode": 4}),
            ("example.com.", "SOA", "NOTAUTH", NOT_AUTHORITATIVE, {"opcode": 4}),
            ("version.bind.", "NS", "REFUSED", None, {"rclass": 3}),
            ("www.example.org.", "A", "REFUSED", NOT_AUTHORITATIVE, {"rclass": 4})):
        rtype = 253 if rtype == "MAILB" else rtype
        message = udp(dns.query(name, rtype, edns=dns.Edns(), **more))
        check_equal((message.rcode_name, error(message)), (rcode, code), f"{name} {rtype} {more}")
        check_equal(udp(dns.query(name, rtype, **more)).edns, None)
    message = udp(dns.query("bad.org.", "SOA", edns=dns.Edns()), "plain")
    check_equal((message.rcode_name, error(message)), ("SERVFAIL", NOT_READY))
    message = tcp(dns.query("example.org.", "AXFR", edns=dns.Edns()), "plain")
    check_equal((message.rcode_name, error(message)), ("REFUSED", PROHIBITED))


@case
def options_never_cut_an_answer():
    """W34: an answer is only as much shorter as a cookie is long; NSID and errors give way."""
    ours = servers["ours"]
    every = [(COOKIE, CLIENT), (NSID, b""), (EXPIRE, b""), (KEEPALIVE, b"")]
    bare = dns.query("big.example.org.", "TXT", edns=dns.Edns(1232))
    need = len(client.udp_raw(ours.address, ours.port, bare))
    for size in range(need - 20, need + 80):
        for options, extra in (([], 0), ([(NSID, b"")], 0), ([(COOKIE, CLIENT)], 28),
                               (every, 36)):
            query = dns.query("big.example.org.", "TXT", edns=dns.Edns(size, options=options))
            raw = client.udp_raw(ours.address, ours.port, query)
            message = dns.Message(raw)
            check(len(raw) <= size, f"{len(raw)} bytes for {size}")
            check_equal(message.has(dns.TC), need + extra > size, f"{options} at {size}: TC")
            check_equal(option(message, COOKIE) is not None, (COOKIE, CLIENT) in options)


def packet(name="example.org.", rtype="SOA", **edns):
    return dns.query(name, rtype, id=0xED, edns=dns.Edns(**edns) if edns else None)


def has_soa(message):
    return [r.type for r in message.answer if r.type != 46] == [6]


def is_edns0(message, **more):
    return (message.edns and message.edns.version == 0 and not message.edns.z
            and not any(code == 100 for code, _ in message.edns.options))


# The probes of ednscomp: name, query, over TCP, what makes it ok.
PROBES = [
    ("dns", packet(), False, lambda m: has_soa(m) and not m.rcode and not m.edns),
    ("edns", packet(size=4096), False, lambda m: has_soa(m) and not m.rcode and is_edns0(m)),
    ("edns1", packet(size=4096, version=1), False,
     lambda m: m.rcode_name == "BADVERS" and not m.answer and is_edns0(m)),
    ("edns@512", packet(rtype="DNSKEY", size=512, do=True), False,
     lambda m: not m.rcode and is_edns0(m) and m.edns.do and m.size <= 512),
    ("ednsopt", packet(size=4096, options=[(100, b"")]), False,
     lambda m: has_soa(m) and not m.rcode and is_edns0(m)),
    ("edns1opt", packet(size=4096, version=1, options=[(100, b"")]), False,
     lambda m: m.rcode_name == "BADVERS" and not m.answer and is_edns0(m)),
    ("do", packet(size=4096, do=True), False,
     lambda m: has_soa(m) and not m.rcode and is_edns0(m) and m.edns.do),
    ("ednsflags", packet(size=4096, z=0x80), False,
     lambda m: has_soa(m) and not m.rcode and is_edns0(m)),
    ("docookie", packet(size=4096, do=True, options=[(COOKIE, CLIENT)]), False,
     lambda m: has_soa(m) and not m.rcode and is_edns0(m) and m.edns.do),
    ("edns512tcp", packet(rtype="DNSKEY", size=512, do=True), True,
     lambda m: not m.rcode and is_edns0(m) and m.edns.do and not m.has(dns.TC)),
    ("optlist", packet(size=4096, options=[(NSID, b""), (ECS, b"\0\1\0\0"), (EXPIRE, b""),
                                           (COOKIE, CLIENT)]), False,
     lambda m: has_soa(m) and not m.rcode and is_edns0(m)),
]


def probe(server):
    """The names of the probes that are not ok."""
    bad = []
    for name, query, over_tcp, is_ok in PROBES:
        raw = (client.tcp_raw if over_tcp else client.udp_raw)(server.address, server.port, query)
        client.check_echo(query, raw)
        message = dns.Message(raw)
        if not is_ok(message) or not message.has(dns.AA) and not message.rcode:
            bad.append(name)
    return bad


@case
def flag_day_probes():
    """11 of 11."""
    check_equal(len(PROBES), 11)
    check_equal(probe(servers["ours"]), [])


@case
def flag_day_probes_of_others():
    """A probe that BIND, NSD or Knot fails would be a probe to doubt."""
    kinds = [kind for kind in (Bind, Nsd, Knot) if kind.installed()]
    if not kinds:
        raise Skip("no other server")
    for kind in kinds:
        with kind([servers["ours"].zones[0]]) as other:
            other.wait_serial("example.org.", 7)
            check_equal(probe(other), [], kind.__name__)


start()
main()
