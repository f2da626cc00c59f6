#!/usr/bin/env python3
"""DNS over TCP under clients that mean no good, or no well: RFC 7766, RFC 9210 section 4.

Every case ends as every case does: a good query is answered, connections, descriptors and memory are
back where they were, and the log has not grown by more than a few lines.
"""

import contextlib
import os
import pathlib
import random
import select
import socket
import struct
import time

from zdtest import client, dns, zones
from zdtest.data import scratch
from zdtest.load import Steady
from zdtest.process import descriptors, private
from zdtest.runner import case, check, check_equal, main, patience, sanitized, scaled, seed, wait_until
from zdtest.servers import Zonedeckd, primary

ZONE = "example.org."
FOLDER = scratch()
FILE = FOLDER / "zone"
# 200 records of about 220 bytes: an answer of 44 KB; and a transfer of 9 MB.
FILE.write_text(zones.small(ZONE) + "".join(
    f'huge IN TXT "{i:03d} {"y" * 200}"\n' for i in range(200)) + "".join(
    f't{i} IN TXT "{"z" * 250}"\n' for i in range(32000)))
GROWTH = 1536  # KiB of private memory that may stay


def query(name="www.example.org.", rtype="A"):
    return dns.query(name, rtype, id=random.randrange(65536))


HUGE = client.framed(query("huge.example.org.", "TXT"))


def server(threads=1, **keys):
    """With these keys of the server; _ stands for -."""
    extra = "\n".join(f"  {key.replace('_', '-')}: {value}" for key, value in keys.items())
    return Zonedeckd([primary(ZONE, FILE, transfer=["127.0.0.0/8"])], threads=threads,
                     server_extra=extra)


def cpu(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def log_lines(running):
    return len(running.log_text().splitlines())


def connections(running):
    return running.status()["tcp_connections"]


@contextlib.contextmanager
def unharmed(running, log=3):
    """What every case ends with."""
    running.ask("www.example.org.", tcp=True)
    running.ask("huge.example.org.", "TXT", tcp=True)
    wait_until(lambda: connections(running) == 0, 5, "no connection at the start")
    pid = running.active()
    before = descriptors(pid), private(pid), log_lines(running)
    yield pid
    answer = running.ask("www.example.org.", tcp=True)
    check_equal(len(answer.answer), 1, "answers over TCP")
    check_equal(len(running.ask("www.example.org.").answer), 1, "answers over UDP")
    wait_until(lambda: connections(running) == 0, 15, "no connection at the end")
    check_equal(running.active(), pid, "the active process")
    wait_until(lambda: descriptors(pid) == before[0], 5, "descriptors as at the start")
    grown = private(pid) - before[1]
    check(sanitized() or grown <= GROWTH, f"{grown} KiB of private memory more than before")
    check(log_lines(running) - before[2] <= log, "the log grew:", running.log_tail(10))


def connect(running, source=None, small=False):
    sock = socket.socket()
    if small:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    if source:
        sock.bind((source, 0))
    sock.settimeout(patience(5))
    sock.connect((running.address, running.port))
    return sock


def is_closed(sock, wait=0.0):
    """Whether the other side has closed; waits so long for it. What it sent is thrown away."""
    deadline = time.monotonic() + wait
    while select.select([sock], [], [], max(0.0, deadline - time.monotonic()))[0]:
        try:
            if not sock.recv(1 << 16, socket.MSG_DONTWAIT):
                return True
        except ConnectionError:
            return True
    return False


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@case
def c1_lengths_and_drips():
    """A message too short to answer ends the connection; one that drips is closed at its time."""
    with server(tcp_query_timeout=1) as running:
        with unharmed(running):
            for size in (0, 1, 11):
                with connect(running) as sock:
                    sock.sendall(client.framed(b"\0" * size))
                    check(is_closed(sock, patience(3)), f"a message of {size} bytes")
            for start in (b"\xff", b"\xff\xff", b"\0\x1d" + query()[:20]):
                with running.counted({"tcp_timeout": 1}), connect(running) as sock:
                    began = time.monotonic()
                    sock.sendall(start)
                    while not is_closed(sock, 0.1):
                        check(time.monotonic() - began < patience(4), f"{start!r} was not closed")
                        with contextlib.suppress(ConnectionError):
                            if len(start) > 1 and start[0]:
                                sock.send(b"x")
                    check(time.monotonic() - began > 0.9, f"{start!r} was closed at once")


@case
def c1_an_honest_client_may_be_slow():
    """Queries each in time, together for longer than one may take."""
    with server(tcp_query_timeout=1, tcp_idle_timeout=1) as running:
        with connect(running) as sock:
            began = time.monotonic()
            while time.monotonic() - began < 1.6:
                asked = query()
                framed = client.framed(asked)
                sock.sendall(framed[:9])
                check(not is_closed(sock, 0.3), "closed in the middle of a query")
                sock.sendall(framed[9:])
                client.check_echo(asked, client.read_message(sock))
            check(is_closed(sock, patience(4)), "idle, and still open")


@case
def c2_every_byte_its_own_segment():
    with server() as running:
        with unharmed(running), connect(running) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            asked = [query() for _ in range(20)]
            for byte in b"".join(client.framed(q) for q in asked):
                sock.send(bytes([byte]))
            for one in asked:
                client.check_echo(one, client.read_message(sock))


@case
def c3_pipelined_and_never_read():
    """10,000 queries for 44 KB each: reading stops, memory stays, the connection is closed."""
    with server(tcp_send_timeout=2) as running:
        with unharmed(running) as pid, running.counted({"tcp_timeout": 1}, 10):
            before, asked = private(pid), running.counters()["tcp4_queries"]
            with connect(running, small=True) as sock:
                sock.setblocking(False)
                left = HUGE * 10000
                deadline = time.monotonic() + patience(20)
                while left and time.monotonic() < deadline:
                    if not select.select([], [sock], [], 0.5)[1]:
                        check(sanitized() or private(pid) - before < GROWTH,
                              "queued without end")
                        continue
                    try:
                        left = left[sock.send(left[:1 << 16]):]
                    except ConnectionError:
                        break
                read = running.counters()["tcp4_queries"] - asked
                check(read < 1000, f"{read} queries were read though no answer was")
                wait_until(lambda: connections(running) == 0, 10, "closed")


@case
def c4_idle_connections():
    """More than a client may have: its own oldest leaves. More than there may be: the oldest."""
    with server(tcp_connections=30, tcp_connections_per_client=10) as running:
        with unharmed(running):
            one = [connect(running, "127.0.0.2") for _ in range(25)]
            check_equal([is_closed(s, 0.2 if i < 15 else 0) for i, s in enumerate(one)],
                        [True] * 15 + [False] * 10, "one client's")
            two = [connect(running, "127.0.0.3") for _ in range(10)]
            three = [connect(running, "127.0.0.4") for _ in range(10)]
            check_equal(connections(running), 30, "connections")
            last = connect(running, "127.0.0.5")
            check(is_closed(one[15], patience(2)), "the oldest idle was not closed")
            check(not any(is_closed(s) for s in one[16:] + two + three), "others were")
            asked = query()
            last.sendall(client.framed(asked))
            client.check_echo(asked, client.read_message(last))
            for sock in one + two + three + [last]:
                sock.close()
        check_equal(running.counters()["tcp_evicted"], 16, "evicted")


@case
def c4_transfers_are_not_evicted():
    with server(tcp_connections=4, tcp_connections_per_client=2) as running:
        with unharmed(running):
            busy = [connect(running, "127.0.0.2", small=True) for _ in range(2)]
            for sock in busy:
                sock.sendall(client.framed(query(ZONE, "AXFR")))
            wait_until(lambda: len([t for t in running.transfers(ZONE, "out")
                                    if t["state"] == "running"]) == 2, 5, "two transfers")
            with connect(running, "127.0.0.2") as third:
                check(is_closed(third, patience(2)), "a third connection was taken")
            with connect(running, "127.0.0.3") as other:
                asked = query()
                other.sendall(client.framed(asked))
                client.check_echo(asked, client.read_message(other))
            for sock in busy:
                check(len(client.read_message(sock)) > 12, "a transfer ended")
                reset(sock)
        check(running.counters()["tcp_refused"] >= 1, "not counted")


@case
def c4_ten_thousand_connections_do_not_touch_udp():
    text = FOLDER / "queries"
    text.write_text("www.example.org. A\n" * 5000)
    with server(threads=2) as running:
        with unharmed(running), Steady(running.port, text, 1000, 5, FOLDER / "lost") as load:
            held = []
            for _ in range(10000):
                held.append(connect(running))
                if len(held) > 300:
                    held.pop(0).close()
            for sock in held:
                sock.close()
            result = load.result()
            check_equal(result["lost"], 0, "queries lost")


@case
def c5_half_close():
    with server() as running:
        with unharmed(running), connect(running) as sock:
            asked = [query(), query("huge.example.org.", "TXT"), query()]
            sock.sendall(b"".join(client.framed(q) for q in asked))
            sock.shutdown(socket.SHUT_WR)
            for one in asked:
                client.check_echo(one, client.read_message(sock))
            check(is_closed(sock, patience(2)), "open after the last answer")


@case
def c5_half_close_in_a_transfer():
    with server() as running:
        with unharmed(running, log=4), connect(running) as sock:
            sock.sendall(client.framed(query(ZONE, "AXFR")))
            sock.shutdown(socket.SHUT_WR)
            soas = 0
            while soas < 2:
                soas += sum(r.type == 6 for r in dns.Message(client.read_message(sock)).answer)
            check(is_closed(sock, patience(2)), "open after the transfer")


@case
def c6_reset_in_the_answer():
    with server() as running:
        with unharmed(running, log=60):
            for asked in [HUGE * 5, client.framed(query(ZONE, "AXFR"))] * 25:
                sock = connect(running, small=True)
                sock.sendall(asked)
                client.read_exactly(sock, 1)
                reset(sock)
            wait_until(lambda: connections(running) == 0, 5, "all closed")
        check_equal(running.counters()["axfr_failed"], 25, "transfers given up")


@case
def c7_window_zero():
    """An answer and a transfer that are never read: closed, and the zone is let go."""
    with server(tcp_send_timeout=1) as running:
        with unharmed(running, log=4), running.counted({"tcp_timeout": 2, "axfr_failed": 1}, 15):
            answer, transfer = connect(running, small=True), connect(running, small=True)
            transfer.sendall(client.framed(query(ZONE, "AXFR")))
            answer.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                answer.send(HUGE * 1000)
            wait_until(lambda: connections(running) == 2, 5, "both accepted")
            wait_until(lambda: connections(running) == 0, 15, "both closed")
            answer.close()
            transfer.close()


FEW = 100


class Few(Zonedeckd):
    """With so few descriptors a process."""

    def command(self):
        return ["sh", "-c", f'ulimit -n {FEW}; exec "$@"', "sh"] + super().command()


@case
def c8_c9_out_of_descriptors_and_backlog():
    """accept fails for want of descriptors, with more clients than wait in the backlog: no spin, no
    log, UDP is served; when descriptors are there again, so is TCP."""
    with Few([primary(ZONE, FILE)], threads=1,
             server_extra="  tcp-connections-per-client: 1024\n  tcp-idle-timeout: 60") as running:
        with unharmed(running) as pid:
            held = []
            for _ in range(1300):
                sock = socket.socket()
                sock.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    sock.connect((running.address, running.port))
                held.append(sock)
            wait_until(lambda: descriptors(pid) == FEW, 5, "every descriptor is used")
            used, began = cpu(pid), time.monotonic()
            while time.monotonic() - began < 2:
                running.ask("www.example.org.", tries=1)
                select.select([], [], [], 0.05)
            share = (cpu(pid) - used) / (time.monotonic() - began)
            check(share < patience(0.05), f"{share:.0%} of a processor")
            for sock in held:
                sock.close()
            running.ask("www.example.org.", tcp=True, timeout=patience(10))


def close_wait(port):
    """Connections of the server whose client is gone but which it has not closed."""
    rows = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1].endswith(f":{port:04X}") and row[3] == "08" for row in rows)


@case
def c10_churn():
    """Connections of every kind and end, 6,000 of them; with ZONEDECK_ALL=1 for half an hour."""
    dice, until = random.Random(seed()), time.monotonic() + scaled(0, 1800)

    def whole(sock):
        asked = query()
        sock.sendall(client.framed(asked))
        client.check_echo(asked, client.read_message(sock))

    def part(sock):
        sock.sendall(HUGE[:dice.randrange(1, len(HUGE))])

    def unread(sock):
        sock.sendall(HUGE * dice.randrange(1, 4))

    def half(sock):
        sock.sendall(HUGE)
        sock.shutdown(socket.SHUT_WR)

    def nothing(_sock):
        pass

    with server(threads=2, tcp_connections=64, tcp_connections_per_client=48) as running:
        with unharmed(running):
            held, made = [], 0
            while made < 6000 or time.monotonic() < until:
                sock, made = connect(running), made + 1
                with contextlib.suppress(ConnectionError, EOFError):
                    dice.choice((whole, part, unread, half, nothing))(sock)
                held.append(sock)
                if len(held) > 40:
                    dice.choice((socket.socket.close, reset))(
                        held.pop(dice.randrange(len(held))))
            for sock in held:
                sock.close()
            wait_until(lambda: connections(running) == 0, 15, "all closed")
            check_equal(close_wait(running.port), 0, "connections in CLOSE_WAIT")
            print(f"  {made} connections")


@case
def memory_given_back_is_ones_own():
    """A connection that closes after large answers gives its pages back, and none of the next."""
    with server() as running:
        with unharmed(running):
            row = [connect(running) for _ in range(8)]
            for sock in row[::2]:
                sock.sendall(HUGE)
                client.read_message(sock)
            for sock in row[1::2]:
                sock.sendall(client.framed(query())[:20])
            wait_until(lambda: connections(running) == 8, 5, "all accepted")
            for sock in row[::2]:
                sock.close()
            wait_until(lambda: connections(running) == 4, 5, "half of them closed")
            for sock in row[1::2]:
                sock.sendall(client.framed(query())[20:])
                check_equal(len(dns.Message(client.read_message(sock)).answer), 1, "answers")
                sock.close()


@case
def refused_transfers_do_not_fill_the_log():
    """Strangers ask as fast as they like; the counter has them all, the log a few."""
    with Zonedeckd([primary(ZONE, FILE)]) as running:
        with unharmed(running, log=40), running.counted({"axfr_refused": 1000}, 5):
            asked = [query(ZONE, "AXFR") for _ in range(1000)]
            client.udp_pipeline(running.address, running.port, asked)


main()
