#!/usr/bin/env python3
"""Datagrams that must not be answered, and those that must (W2, W3, W42)."""

import contextlib
import errno
import select
import socket
import struct

from zdtest import dns, zones
from zdtest.data import scratch
from zdtest.runner import Failure, Skip, case, check, check_equal, main, wait_until
from zdtest.servers import Zonedeckd, primary

ZONE = "example.org."
FILE = scratch() / "zone"
FILE.write_text(zones.small(ZONE))
QUERY = dns.query("www.example.org.", "A", id=77)


def server():
    return Zonedeckd([primary(ZONE, FILE)], threads=1)


@contextlib.contextmanager
def from_port(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.bind(("127.0.0.53", port))
        except PermissionError:
            raise Skip("may not bind to a port below 1024") from None
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise Skip(f"port {port} is in use") from None
            raise
        yield sock


@case
def w2_responses_are_dropped():
    """QR set, every opcode and rcode."""
    with server() as running, running.counted({"dropped": 256, "noerror": 1}):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect(("127.0.0.1", running.port))
            for opcode in range(16):
                for rcode in range(16):
                    flags = dns.QR | opcode << 11 | rcode
                    sock.send(QUERY[:2] + struct.pack(">H", flags) + QUERY[4:])
            sock.send(QUERY)
            check(select.select([sock], [], [], 5)[0], "the good query was not answered")
            check_equal(dns.Message(sock.recv(65535)).id, 77, "the first answer's ID")
            check(not select.select([sock], [], [], 0.05)[0], "a response was answered")


@case
def w3_ports_that_answer_anything():
    """Nothing is sent to echo, daytime, quote, chargen and time; a resolver may ask from 53."""
    with server() as running:
        for port, answered in ((7, False), (13, False), (17, False), (19, False), (37, False),
                               (53, True)):
            moved = {"dropped": int(not answered), "noerror": int(answered)}
            with from_port(port) as sock, running.counted(moved):
                sock.sendto(QUERY, ("127.0.0.1", running.port))
                got = bool(select.select([sock], [], [], 5 if answered else 0.1)[0])
                check_equal(got, answered, f"port {port}")


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF or 0xFFFF


def forged(source, port, to, payload):
    """A datagram with whatever source; the kernel fills the checksum of an IPv4 header."""
    six = ":" in source
    length, kind = 8 + len(payload), socket.AF_INET6 if six else socket.AF_INET
    ends = socket.inet_pton(kind, source) + socket.inet_pton(kind, "::1" if six else "127.0.0.1")
    if six:
        fake = struct.pack(">16s16sIHBB4H", ends[:16], ends[16:], length, 0, 0, 17, port, to, length, 0)
        udp = struct.pack(">4H", port, to, length, checksum(fake + payload)) + payload
        head = struct.pack(">IHBB", 6 << 28, length, 17, 64) + ends
    else:
        udp = struct.pack(">4H", port, to, length, 0) + payload
        head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + ends
    with socket.socket(kind, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        raw.sendto(head + udp, ("::1" if six else "127.0.0.1", 0))


@case
def w3_own_address_and_port_0():
    """A query that says it comes from the server itself: one answer, which is dropped, and no more.
    One from port 0: nothing is sent."""
    with server() as running:
        try:
            forged("127.0.0.1", 0, running.port, QUERY)
        except PermissionError:
            raise Skip("may not forge") from None
        wait_until(lambda: running.counters()["dropped"] == 1, 5, "port 0 is dropped")
        with running.counted({"dropped": 1, "noerror": 1, "udp4_queries": 2, "send_errors": 0}):
            forged("127.0.0.1", running.port, running.port, QUERY)
        with running.counted({"dropped": 0, "noerror": 1, "udp4_queries": 1}):
            running.ask("www.example.org.")


@case
def w42_sources_nobody_can_have():
    """Multicast, broadcast, unspecified (0.0.0.0 would be filled in) and IPv4-mapped sources: nothing is
    sent to them, whether the kernel passes them on or not. A good source forged gets its answer."""
    with server() as running:
        try:
            with running.counted({"noerror": 2, "send_errors": 0}):
                forged("127.0.0.2", 5353, running.port, QUERY)
                forged("::1", 5353, running.port, QUERY)
        except PermissionError:
            raise Skip("may not forge") from None
        for source, failed in (("224.0.0.251", 0), ("255.255.255.255", 0), ("ff02::fb", 0),
                               ("::ffff:192.0.2.1", 0), ("::ffff:127.0.0.1", 0), ("::", 0),
                               # of a network, which only the kernel knows: it refuses to send
                               ("127.255.255.255", 1)):
            try:
                with running.counted({"noerror": 2 + failed, "send_errors": failed}):
                    with contextlib.suppress(OSError):
                        forged(source, 5353, running.port, QUERY)
                    running.ask("www.example.org.")
                    running.ask("www.example.org.", address="::1")
            except Failure as why:
                raise Failure(f"{source}: {why}") from None


main()
