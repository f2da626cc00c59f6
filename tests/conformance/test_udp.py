#!/usr/bin/env python3
"""Datagrams that must not be answered, and those that must (W2, W3)."""

import contextlib
import errno
import select
import socket
import struct

from zdtest import dns, zones
from zdtest.data import scratch
from zdtest.runner import Skip, case, check, check_equal, main, wait_until
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


def forged(source, port, to, payload):
    """A datagram over IPv4 with whatever source; the kernel fills the checksum of the header."""
    udp = struct.pack(">4H", port, to, 8 + len(payload), 0) + payload
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0,
                       socket.inet_aton(source), socket.inet_aton("127.0.0.1"))
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        raw.sendto(head + udp, ("127.0.0.1", 0))


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


main()
