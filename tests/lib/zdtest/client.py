"""A DNS client that believes nothing: every answer must have the query's ID and question.

ask() for one query; Pipeline for thousands, over TCP or UDP, with a bounded number outstanding.
"""

import random
import select
import socket
import struct
import time

from zdtest import dns


class Timeout(Exception):
    """No answer in time."""


class Unexpected(Exception):
    """An answer that does not belong to the query."""


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def connect(address, port, kind=socket.SOCK_STREAM, source=None, timeout=5.0):
    sock = socket.socket(family(address), kind)
    sock.settimeout(timeout)
    try:
        if source:
            sock.bind((source, 0))
        sock.connect((address, port))
    except OSError:
        sock.close()
        raise
    return sock


def read_exactly(sock, size):
    data = b""
    while len(data) < size:
        try:
            part = sock.recv(size - len(data))
        except socket.timeout:
            raise Timeout(f"{len(data)} of {size} bytes came") from None
        if not part:
            raise EOFError(f"closed after {len(data)} of {size} bytes")
        data += part
    return data


def read_message(sock):
    return read_exactly(sock, struct.unpack(">H", read_exactly(sock, 2))[0])


def framed(message):
    return struct.pack(">H", len(message)) + message


def check_echo(query, answer):
    """Raises Unexpected unless the answer repeats ID, opcode and question, byte for byte."""
    if answer[:2] != query[:2]:
        raise Unexpected("another ID")
    if not answer[2] & 0x80:
        raise Unexpected("QR clear")
    if (answer[2] ^ query[2]) & 0x78:
        raise Unexpected("another opcode")
    if answer[4:6] == b"\0\1" and query[4:6] == b"\0\1":
        end = 12
        while end < len(query) and query[end]:
            end += 1 + query[end]
        if answer[12:end + 5] != query[12:end + 5]:
            raise Unexpected("another question")


def udp_raw(address, port, payload, timeout=2.0, source=None):
    """The bytes that come back for these bytes, or Timeout."""
    with connect(address, port, socket.SOCK_DGRAM, source, timeout) as sock:
        sock.send(payload)
        try:
            return sock.recv(65535)
        except socket.timeout:
            raise Timeout("no answer") from None


def tcp_raw(address, port, payload, timeout=5.0, source=None):
    with connect(address, port, source=source, timeout=timeout) as sock:
        sock.sendall(framed(payload))
        return read_message(sock)


def ask(address, port, name, rtype="A", *, tcp=False, tries=3, timeout=2.0, source=None, **options):
    """The parsed answer to one query; options are those of dns.query."""
    options.setdefault("id", random.randrange(65536))
    query = dns.query(name, rtype, **options)
    for left in reversed(range(tries)):
        try:
            raw = (tcp_raw if tcp else udp_raw)(address, port, query, timeout, source)
            check_echo(query, raw)
            return dns.Message(raw)
        except (Timeout, ConnectionRefusedError):
            if not left:
                raise
    raise AssertionError("unreachable")


def axfr(address, port, zone, *, source=None, timeout=30.0, raw=False):
    """The records of a transfer, both SOAs included; raises Unexpected for a refused or cut one."""
    query = dns.query(zone, "AXFR", id=random.randrange(65536))
    records, soas = [], 0
    with connect(address, port, source=source, timeout=timeout) as sock:
        sock.sendall(framed(query))
        while soas < 2:
            message = dns.Message(read_message(sock))
            if message.id != query[0] << 8 | query[1] or not message.has(dns.QR):
                raise Unexpected("not an answer to this query")
            if message.rcode:
                raise Unexpected(message.rcode_name)
            if not message.answer:
                raise Unexpected("a message without records")
            for record in message.answer:
                if not records and record.type != 6:
                    raise Unexpected("the first record is not the SOA")
                soas += record.type == 6
                records.append(record)
                if soas == 2 and record is not message.answer[-1]:
                    raise Unexpected("records after the last SOA")
        if records[0] != records[-1]:
            raise Unexpected("first and last SOA differ")
    return records


class _Stream:
    """One TCP connection of a pipeline."""

    def __init__(self, address, port):
        self.sock = connect(address, port, timeout=30)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.setblocking(False)
        self.out, self.data, self.waiting = b"", b"", {}

    def messages(self):
        try:
            part = self.sock.recv(1 << 18)
        except BlockingIOError:
            return
        if not part:
            raise EOFError(f"closed with {len(self.waiting)} queries open")
        data, pos = self.data + part, 0
        while len(data) - pos >= 2:
            size = data[pos] << 8 | data[pos + 1]
            if len(data) - pos - 2 < size:
                break
            yield data[pos + 2:pos + 2 + size]
            pos += 2 + size
        self.data = data[pos:]

    def flush(self):
        if self.out:
            try:
                self.out = self.out[self.sock.send(self.out):]
            except BlockingIOError:
                pass


def tcp_pipeline(address, port, queries, window=64, connections=2, timeout=60.0):
    """The answers, in the order of the queries; each connection has at most window outstanding."""
    answers, todo = [None] * len(queries), iter(range(len(queries)))
    streams = [_Stream(address, port) for _ in range(connections)]
    deadline, done, more = time.monotonic() + timeout, 0, True
    try:
        while done < len(queries):
            for stream in streams:
                while more and len(stream.waiting) < window:
                    index = next(todo, None)
                    if index is None:
                        more = False
                        break
                    ident = index & 0xFFFF
                    query = struct.pack(">H", ident) + queries[index][2:]
                    stream.waiting[ident] = (index, query)
                    stream.out += framed(query)
                stream.flush()
            if time.monotonic() > deadline:
                raise Timeout(f"{done} of {len(queries)} answered")
            ready, _, _ = select.select([s.sock for s in streams], [], [], 1)
            for stream in streams:
                if stream.sock not in ready:
                    continue
                for raw in stream.messages():
                    index, query = stream.waiting.pop(raw[0] << 8 | raw[1])
                    check_echo(query, raw)
                    answers[index] = raw
                    done += 1
    finally:
        for stream in streams:
            stream.sock.close()
    return answers


def udp_pipeline(address, port, queries, window=32, tries=4, pause=1.0):
    """The answers, in the order of the queries; one that stays away is asked again, then Timeout."""
    answers, todo, open_ = [None] * len(queries), list(range(len(queries)))[::-1], {}
    with connect(address, port, socket.SOCK_DGRAM) as sock:
        sock.settimeout(pause)
        for _ in range(tries):
            while todo or open_:
                while todo and len(open_) < window:
                    index = todo.pop()
                    ident = index & 0xFFFF
                    query = struct.pack(">H", ident) + queries[index][2:]
                    open_[ident] = (index, query)
                    sock.send(query)
                try:
                    raw = sock.recv(65535)
                except socket.timeout:
                    break
                found = open_.pop(raw[0] << 8 | raw[1], None)
                if found:
                    check_echo(found[1], raw)
                    answers[found[0]] = raw
            todo += [index for index, _ in open_.values()]
            open_.clear()
            if not todo:
                return answers
    raise Timeout(f"{len(todo)} of {len(queries)} not answered")
