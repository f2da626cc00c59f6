#!/usr/bin/env python3
"""The HTTP interface of a running server: pages, metrics under a strict parser, actions, and what is
still said when a process behind it hangs or dies.

Malformed, forged and slow requests: tests/unit/endpoint/test_http.c.
"""

import http.client
import json
import os
import re
import signal

from zdtest import zones
from zdtest.data import scratch
from zdtest.runner import case, check, check_equal, main, wait_until
from zdtest.servers import Zonedeckd, free_port, primary

ZONE = "example.test."
NUMBER = r"[+-]?(?:\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)"
SAMPLE = re.compile(r"([a-z_][a-z0-9_]*)(\{(?:[a-z_]+=\"(?:[^\"\\\n]|\\[\\\"n])*\",?)*\})? (" + NUMBER + ")")
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "info": ("_info",)}


class WithTcp(Zonedeckd):
    """A server whose endpoint listens on TCP as well."""

    def configure(self):
        self.http_port = free_port()
        super().configure()
        text = self.config.read_text()
        unix = json.dumps(f"unix:{self.socket}")
        self.config.write_text(text.replace(unix, f"{unix}, 127.0.0.1@{self.http_port}"))

    def tcp(self, method, path, headers=None, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=20)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            reply = connection.getresponse()
            return reply.status, reply.headers, reply.read().decode()
        finally:
            connection.close()


def server():
    folder = scratch()
    (folder / "zone").write_text(zones.small(ZONE))
    return WithTcp([primary(ZONE, folder / "zone")])


def families(text):
    """{family: (type, {sample and labels: value})}; raises when OpenMetrics 1.0 does not allow it."""
    check(text.endswith("# EOF\n"), "the last line is # EOF")
    found, name, seen = {}, None, set()
    for line in text[:-len("# EOF\n")].splitlines():
        check(line and line == line.strip(), "stray space or empty line:", repr(line))
        if line.startswith("# "):
            keyword, family, rest = line[2:].split(" ", 2)
            check(keyword in ("TYPE", "HELP", "UNIT"), "keyword:", line)
            if family != name:
                check(family not in found, "a family is in two places:", family)
                name, seen = family, set()
                found[name] = ["unknown", {}]
            check(keyword not in seen and not found[name][1], "metadata twice or late:", line)
            seen.add(keyword)
            if keyword == "TYPE":
                found[name][0] = rest
            continue
        match = SAMPLE.fullmatch(line)
        check(match, "not a sample:", repr(line))
        kind, samples = found[name]
        check(match[1] in [name + suffix for suffix in SUFFIXES[kind]], "suffix:", line)
        key = (match[1], match[2] or "")
        check(key not in samples, "a sample twice:", line)
        check(kind != "counter" or float(match[3]) >= 0, "a counter below 0:", line)
        samples[key] = float(match[3])
    return found


@case
def pages():
    """Every page over both kinds of socket, with the headers that keep browsers and caches away."""
    with server() as ours:
        for path in ("/v1/status", "/v1/zones", f"/v1/zones/{ZONE}", "/v1/transfers", "/v1/events",
                     "/v1/memory", "/healthz", "/readyz"):
            reply = ours.get(path)
            status, headers, body = ours.tcp("GET", path)
            check_equal(status, 200, path)
            check_equal(set(json.loads(body)), set(reply), path)
            check_equal(list(reply)[:5], ["schema", "boot", "started", "time", "time_ms"], path)
            check_equal(headers["Content-Type"], "application/json", path)
            check_equal(headers["Cache-Control"], "no-store", path)
            check_equal(headers["X-Content-Type-Options"], "nosniff", path)
            check("Access-Control-Allow-Origin" not in headers, path)
        status = ours.status()
        check_equal(status["server"]["state"], "serving")
        check_equal(status["problems"], [])
        roles = sorted(p["role"] for p in status["processes"] if p["state"] != "dead")
        check("supervisor" in roles and "keeper" in roles and "endpoint" in roles, roles)
        check(all(p["rss"] > 0 for p in status["processes"] if p["state"] != "dead"))
        check_equal(ours.zone(ZONE)["state"], "ok")


@case
def metrics():
    """OpenMetrics under a strict parser (and under the reference one when it is installed), and the
    counters move with what was asked."""
    with server() as ours:
        before = families(ours.http("GET", "/metrics")[1])
        for _ in range(5):
            ours.ask("www." + ZONE, "A")
        key = ("zonedeck_queries_total", '{transport="udp4"}')

        def moved():
            after = families(ours.http("GET", "/metrics")[1])
            return after["zonedeck_queries"][1][key] - before["zonedeck_queries"][1][key] >= 5
        wait_until(moved, 5, "five more queries")
        text = ours.http("GET", "/metrics")[1]
        check_equal(families(text)["zonedeck_serving"][1][("zonedeck_serving", "")], 1)
        check(any(name == "zonedeck_process_resident_memory_bytes" for name in before), before.keys())
        headers = ours.tcp("GET", "/metrics")[1]
        check_equal(headers["Content-Type"],
                    "application/openmetrics-text; version=1.0.0; charset=utf-8")
        try:
            from prometheus_client.openmetrics.parser import text_string_to_metric_families
        except ImportError:
            return
        check_equal({f.name for f in text_string_to_metric_families(text)}, set(families(text)))


@case
def actions():
    """Over TCP only with the token; every one is done and its outcome told."""
    with server() as ours:
        token = (ours.state / "token").read_text().strip()
        json_type = {"Content-Type": "application/json"}
        with_token = {**json_type, "Authorization": f"Bearer {token}"}
        path = f"/v1/zones/{ZONE}/reload"
        check_equal(ours.tcp("POST", path, json_type, "{}")[0], 401)
        check_equal(ours.tcp("POST", path + "?token=" + token, json_type, "{}")[0], 401)
        check_equal(ours.tcp("GET", path, with_token)[0], 405)
        status, _, body = ours.tcp("POST", path, with_token, "{}")
        check_equal((status, json.loads(body)["result"]), (200, "done"), body)
        check_equal(ours.http("POST", "/v1/zones/nowhere.test/reload")[0], 404)
        check_equal(ours.http("POST", f"/v1/zones/{ZONE}/retransfer")[0], 409)
        old = ours.active()
        ours.post("/v1/service/restart")
        check(ours.active() != old, "a new process answers")
        check_equal(ours.status()["server"]["restarts"], 1)
        check(token not in ours.log_text(), "the token is not logged")
        check("by token over 127.0.0.1" in ours.log_text(), "who acted is logged")


@case
def serve_hangs():
    """H15: the status says so while it lasts, at once and from memory."""
    with server() as ours:
        ours.wait_standby()
        pid = ours.active()
        os.kill(pid, signal.SIGSTOP)

        def said():
            reply = ours.status()
            return any(p["event"] == 8102 for p in reply["problems"]) or reply["server"]["crashes"]
        wait_until(said, 15, "the hang is told")
        wait_until(lambda: ours.status()["server"]["state"] == "serving", 20, "another serves")
        check(ours.active() != pid, "another process")


@case
def endpoint_is_killed():
    """H18: queries are answered, the endpoint comes back, and what happened is still known."""
    with server() as ours:
        ours.wait_event(4)
        before = [(e["number"], e["text"]) for e in ours.events()]
        pid = ours.process_of("endpoint")["pid"]
        os.kill(pid, signal.SIGKILL)
        ours.ask("www." + ZONE, "A")

        def back():
            try:
                row = ours.process_of("endpoint", "active")
                return row and row["pid"] != pid
            except OSError:
                return False
        wait_until(back, 15, "the endpoint is back")
        after = [(e["number"], e["text"]) for e in ours.events()]
        for event in before:
            check(event in after, event, "is forgotten")
        ours.wait_event(8101, text=str(pid))


@case
def events_outlive_the_server():
    with server() as ours:
        ours.wait_event(2)
        boot = ours.status()["boot"]
        check_equal(ours.stop(), 0)
        ours.launch()
        check(ours.status()["boot"] != boot, "another life")
        ours.wait_event(3)
        newest = ours.events()[0]
        check(newest["id"] > 0 and newest["last"] >= newest["first"], newest)


@case
def supervisor_is_killed():
    """Reading goes on; an action says why it cannot be done."""
    with server() as ours:
        os.kill(ours.process.pid, signal.SIGKILL)
        wait_until(lambda: ours.http("GET", "/healthz")[0] == 503, 10, "healthz says so")
        reply = ours.status()
        check_equal(reply["server"]["state"], "serving")
        check(any(p["subject"] == "supervisor" for p in reply["problems"]), reply["problems"])
        status, body = ours.http("POST", "/v1/service/restart")
        check_equal((status, body["result"]), (503, "failed"), body)
        ours.ask("www." + ZONE, "A")


main()
