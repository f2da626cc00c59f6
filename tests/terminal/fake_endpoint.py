#!/usr/bin/env python3
"""A zonedeck endpoint for tests of the console: the shapes of docs/http.md over a unix socket or loopback TCP, from a
state that a test changes, and with the ways of dying that a real server cannot be told to have.

As a program:  fake_endpoint.py unix:PATH|PORT   serves the default state until it is killed.
"""
import copy
import json
import os
import re
import socket
import socketserver
import sys
import threading
import time
import urllib.parse

COUNTERS = ["udp4_queries", "udp6_queries", "tcp4_queries", "tcp6_queries", "noerror", "formerr", "servfail",
            "nxdomain", "notimp", "refused", "notauth", "badvers", "other_rcode", "referrals", "nodata", "truncated",
            "edns_queries", "dnssec_ok", "dropped", "axfr_out", "axfr_refused", "notify_in"]


def zone(name, state="ok", role="primary", **more):
    now = int(time.time())
    severity = {"ok": 0, "reloading": 0, "queued": 1, "loading": 1}.get(state, 2)
    row = {"name": name, "role": role, "state": state, "severity": severity, "serial": 2026112201, "records": 81000,
           "bytes": 2200000, "load_us": 2100, "loaded": now - 3600, "since": now - 3600, "progress": 1000,
           "checked": None, "refresh": None, "expire": None, "notify_targets": 1,
           "notify_pending": 0, "error": None, "reason": ""}
    row.update(more)
    return row


def transfer(name, direction="in", state="done", peer="192.0.2.1@53", **more):
    now = int(time.time())
    row = {"zone": name, "direction": direction, "peer": peer, "kind": "AXFR", "state": state, "serial_from": 1,
           "serial_to": 2026112201, "bytes": 81000, "records": 900, "messages": 3, "started": now - 50,
           "ended": now - 49, "duration_us": 920000, "attempts": 4, "failures": 0, "next": now + 3000, "ok": now - 49,
           "reason": ""}
    row.update(more)
    return row


def event(number, text, severity="info", subject="", ago=60, **more):
    now = int(time.time())
    row = {"id": number * 1000 + ago, "number": number, "severity": severity, "title": "A title",
           "remedy": "Nothing to do.", "subject": subject, "text": text, "error": None, "process": "keeper",
           "pid": 4713, "first": now - ago, "last": now - ago, "count": 1}
    row.update(more)
    return row


def process(role, state, pid, rss, **more):
    row = {"role": role, "state": state, "pid": pid, "started": int(time.time()) - 3600, "uptime": 3600, "starts": 1,
           "threads": 3, "rss": rss, "pss": rss * 3 // 4, "cpu_us": 1000000, "heartbeat_age_ms": 120,
           "last_exit": None}
    row.update(more)
    return row


class State:
    """What the server says; tests change it under `lock`."""

    def __init__(self):
        now = int(time.time())
        self.lock = threading.Lock()
        self.boot = "0123456789abcdef0123456789abcdef"
        self.started = now - 3600
        self.server = {"name": "ns1.example.net", "version": "0.1.0", "pid": 4711, "state": "serving", "uptime": 3600,
                       "config": "/etc/zonedeck/zonedeck.yaml", "config_loaded": now - 3600, "restarts": 2,
                       "crashes": 1, "workers": 2, "cores": 2, "memory_limit": 4 << 30}
        self.processes = [process("supervisor", "active", 4711, 3 << 20),
                          process("serve", "active", 4712, 300 << 20,
                                  last_exit={"at": now - 7200, "status": 0, "signal": 9}),
                          process("serve", "standby", 4715, 12 << 20), process("keeper", "active", 4713, 40 << 20),
                          process("endpoint", "active", 4714, 9 << 20)]
        self.zones = [zone("example.net.", "stale", error="zone",
                           reason="example.net.zone:812:14: bad TTL; the version of 2026112104 is served"),
                      zone("example.org.", "ok", "secondary", checked=now - 30, refresh=now + 900,
                           expire=now + 600000, serial=2026112200),
                      zone("example.com.", records=12, bytes=900)]
        self.transfers = [transfer("example.org.", state="failed", failures=4, reason="the primary refused: NOTAUTH"),
                          transfer("example.com.", "out", peer="127.0.0.1@5399")]
        self.events = [event(1502, "example.net.zone:812:14: bad TTL", "error", "example.net.", 10, count=3),
                       event(6520, "AXFR of 81000 bytes", "info", "example.org.", 49), event(2, "started", ago=3600)]
        self.problems = [{"severity": "error", "event": 1502, "subject": "example.net.",
                          "text": "example.net.zone:812:14: bad TTL; the version of 2026112104 is served",
                          "remedy": "Correct the line.", "since": now - 600}]
        self.counters = dict.fromkeys(COUNTERS, 0)
        self.rate = 1000          # queries a second that the counters show
        self.mode = "good"        # good, hang, close, garbage, error, huge, slow
        self.answers = {}         # "POST path" -> (status, object), "hang", "close", or a list of those
        self.posts = []
        self.tokens = []
        self.requests = []
        self.begun = time.time()

    def common(self):
        now = time.time()
        return {"schema": 1, "boot": self.boot, "started": self.started, "time": int(now), "time_ms": int(now * 1000)}

    def status(self):
        passed = time.time() - self.begun
        counters = dict(self.counters)
        counters["udp4_queries"] += int(self.rate * passed)
        counters["noerror"] += int(self.rate * passed * 0.8)
        counters["nxdomain"] += int(self.rate * passed * 0.2)
        processes = copy.deepcopy(self.processes)
        for p in processes:
            if p["cpu_us"] is not None:
                p["cpu_us"] += int(passed * 100000)
        by_state = dict.fromkeys(["queued", "loading", "ok", "reloading", "stale", "failed", "expired"], 0)
        for z in self.zones:
            by_state[z["state"]] = by_state.get(z["state"], 0) + 1
        rss = sum(p["rss"] or 0 for p in processes)
        return {**self.common(), "server": self.server, "processes": processes,
                "zones": {"total": len(self.zones), "settled": True, "by_state": by_state},
                "memory": {"rss": rss, "pss": rss * 3 // 4, "system_total": 8 << 30, "system_available": 5 << 30},
                "cpu_us": sum(p["cpu_us"] or 0 for p in processes), "tcp_connections": 3, "counters": counters,
                "transfers": {"in_running": 0, "in_failing": 1, "out_running": 0}, "problems": self.problems[:20],
                "problems_total": len(self.problems)}

    def zone_list(self, query):
        rows = self.zones
        search = query.get("search", [""])[0].lower()
        rows = [z for z in rows if search in z["name"].lower()]
        key = (lambda z: z["name"]) if query.get("sort", ["worst"])[0] == "name" else (
            lambda z: (-z["severity"], z["name"]))
        rows = sorted(rows, key=key)
        offset, limit = int(query.get("offset", ["0"])[0]), int(query.get("limit", ["1000"])[0])
        return {**self.common(), "total": len(self.zones), "matched": len(rows), "offset": offset,
                "zones": rows[offset:offset + limit]}

    def get(self, path, query):
        if path == "/v1/status":
            return 200, self.status()
        if path == "/v1/zones":
            return 200, self.zone_list(query)
        if path == "/v1/transfers":
            return 200, {**self.common(), "transfers": self.transfers}
        if path == "/v1/events":
            return 200, {**self.common(), "events": self.events[:int(query.get("limit", ["200"])[0])]}
        if path == "/v1/memory":
            rows = [{**p, "private": 1, "shared": 2, "swap": 0, "peak": p["rss"]} for p in self.processes]
            return 200, {**self.common(), "processes": rows, "images": {"zones": 3, "bytes": 5000000},
                         "system_total": 8 << 30, "system_available": 5 << 30}
        if path.startswith("/v1/zones/"):
            name = urllib.parse.unquote(path[len("/v1/zones/"):])
            name = "." if name == "@" else name.rstrip(".") + "."
            for z in self.zones:
                if z["name"] == name:
                    rows = [t for t in self.transfers if t["zone"] == z["name"]]
                    return 200, {**self.common(), "zone": z, "transfers": rows}
        return 404, {**self.common(), "error": "no such thing", "remedy": "look at the list"}


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        try:
            while self.one_request():
                pass
        except (ConnectionError, TimeoutError, ValueError, OSError):
            pass

    def one_request(self):
        state = self.server.state
        line = self.rfile.readline(65536).decode("latin-1")
        match = re.match(r"(GET|POST) (\S+) HTTP/1\.[01]\r\n", line)
        if not match:
            return False
        method, target = match.groups()
        length = 0
        while True:
            header = self.rfile.readline(65536).decode("latin-1").strip()
            if not header:
                break
            if header.lower().startswith("content-length:"):
                length = int(header.split(":")[1])
            if header.lower().startswith("authorization:"):
                state.tokens.append(header.split(":", 1)[1].strip())
        self.rfile.read(length)
        path, _, query = target.partition("?")
        with state.lock:
            state.requests.append((method, target))
            mode = state.mode
            if method == "POST":
                state.posts.append(path)
        if method == "POST":
            answer = state.answers.get(path, (200, {**state.common(), "result": "done", "text": "it was done"}))
            if isinstance(answer, list):  # one after the other; the last one stays
                answer = answer.pop(0) if len(answer) > 1 else answer[0]
        else:
            answer = {"hang": "hang", "close": "close"}.get(mode)
            if answer is None:
                with state.lock:
                    answer = state.get(path, urllib.parse.parse_qs(query))
        if answer == "hang":
            while not self.server.closing.wait(0.1):
                pass
            return False
        if answer == "close":
            return False
        if mode == "error":
            answer = (500, {"error": "broken"})
        body = json.dumps(answer[1]).encode()
        if mode == "garbage":
            body = b"\x1b[2J{not json\x00\xff"
        if mode == "huge":
            body = b'{"x":"' + b"a" * (9 << 20) + b'"}'
        self.wfile.write(b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (
            answer[0], len(body)) + body)
        return True


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """A running endpoint; close() makes it go as if it had died."""
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, where, state=None):
        self.state = state or State()
        self.closing = threading.Event()
        self.live = []
        self.path = where[5:] if isinstance(where, str) else None
        if self.path:
            self.address_family = socket.AF_UNIX
            if os.path.exists(self.path):
                os.unlink(self.path)
        super().__init__(self.path or ("127.0.0.1", where), Handler)
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def process_request(self, request, client_address):
        self.live.append(request)
        super().process_request(request, client_address or ("unix", 0))

    def close(self):
        self.closing.set()
        self.shutdown()
        self.server_close()
        for s in self.live:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        if self.path and os.path.exists(self.path):
            os.unlink(self.path)


if __name__ == "__main__":
    server = Server(sys.argv[1] if sys.argv[1].startswith("unix:") else int(sys.argv[1]))
    try:
        server.thread.join()
    except KeyboardInterrupt:
        server.close()
