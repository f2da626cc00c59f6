"""Real servers for tests: each writes its configuration into a scratch folder, starts in the
foreground on free ports of loopback, is ready when it says so, and is killed by its id at the end of
the program whatever happens.

    with Zonedeckd(zones=[primary("example.org.", "example.org.zone")]) as ours:
        ours.ask("www.example.org.", "A")
"""

import atexit
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

from zdtest import client, dns
from zdtest.data import scratch
from zdtest.runner import Failure, patience, wait_until

FIRST_PORT = int(os.environ.get("ZONEDECK_PORT", "15500"))
PORTS = 200
_taken = set()
_running = []


def free_port(addresses=("127.0.0.1", "::1", "127.0.0.2")):
    """A port that is free for UDP and TCP on all these addresses, given out once."""
    for port in range(FIRST_PORT, FIRST_PORT + PORTS):
        if port in _taken:
            continue
        held = []
        try:
            for address in addresses:
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    sock = socket.socket(client.family(address), kind)
                    held.append(sock)
                    if kind == socket.SOCK_STREAM:
                        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    sock.bind((address, port))
        except OSError:
            continue
        finally:
            for sock in held:
                sock.close()
        _taken.add(port)
        return port
    raise Failure(f"no free port from {FIRST_PORT} on; set ZONEDECK_PORT")


def program(name):
    """The path of an installed program, or None."""
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    return found


def ours(name):
    """The path of a program of this project: in ZD_BIN, else in the release build."""
    from zdtest.data import REPOSITORY
    folder = pathlib.Path(os.environ.get("ZD_BIN", REPOSITORY / "build" / "release" / "bin"))
    return folder / name


def members(session):
    """The processes of a session (each server is started in one of its own): {pid: parent}."""
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            fields = pathlib.Path("/proc", entry, "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found[int(entry)] = int(fields[1])
    return found


class Server:
    """What all have in common. A subclass writes its files in configure() and names its command."""

    ready_name, ready_type = ".", "SOA"

    def __init__(self, address="127.0.0.1", port=None):
        self.folder = scratch()
        self.address, self.port = address, port or free_port()
        self.process, self.log = None, self.folder / "log"

    # what a subclass gives
    def configure(self):
        raise NotImplementedError

    def command(self):
        raise NotImplementedError

    def ready(self):
        """True once it serves; polled."""
        raise NotImplementedError

    # life
    def start(self, wait=True, seconds=60):
        self.configure()
        return self.launch(wait, seconds)

    def launch(self, wait=True, seconds=60):
        """Starts the program with the files as they are."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [str(part) for part in self.command()], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, cwd=self.folder, start_new_session=True, env=self.environment())
        self.session = self.process.pid
        _running.append(self)
        if wait:
            try:
                wait_until(self.ready, seconds, f"{self} ready", alive=self.alive)
            except Failure as why:
                text = self.log_tail()
                self.kill()
                raise Failure(f"{why}\n{text}") from None
        return self

    def environment(self):
        return None

    def alive(self):
        if self.process.poll() is not None:
            raise Failure(f"{self} ended with status {self.process.returncode}")

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self, seconds=15):
        """SIGTERM and wait; the exit status. Kills what stays."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(patience(seconds))
            except subprocess.TimeoutExpired:
                text = self.log_tail()
                self.kill()
                raise Failure(f"{self} did not stop in {seconds} s\n{text}") from None
        self.kill()
        return self.process.returncode if self.process else None

    def kill(self):
        """Ends every process of this server's own session, one by one by id."""
        if not self.process:
            return
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            left = members(self.session)
            if not left:
                break
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self.process.poll()
            time.sleep(0.005)
        self.process.wait()
        if self in _running:
            _running.remove(self)

    def __enter__(self):
        return self if self.process else self.start()

    def __exit__(self, kind, error, trace):
        if kind and not issubclass(kind, GeneratorExit):
            print(f"--- log of {self}\n{self.log_tail()}---", flush=True)
        self.kill()

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def log_tail(self, lines=40):
        return "".join(line + "\n" for line in self.log_text().splitlines()[-lines:])

    # questions
    def ask(self, name, rtype="A", **options):
        address = options.pop("address", self.address)
        return client.ask(address, self.port, name, rtype, **options)

    def axfr(self, zone, **options):
        return client.axfr(self.address, self.port, zone, **options)

    def serial(self, zone):
        """The serial it serves, or None."""
        try:
            answer = self.ask(zone, "SOA", tries=1, timeout=1.0)
        except (client.Timeout, OSError):
            return None
        if not answer.has(dns.AA):
            return None
        soa = [r for r in answer.answer if r.type == 6]
        return int.from_bytes(soa[0].rdata[-20:-16], "big") if soa else None

    def wait_serial(self, zone, serial, seconds=30):
        wait_until(lambda: self.serial(zone) == serial, seconds,
                   f"{self} serves {zone} {serial}", alive=self.alive)

    def answers(self):
        try:
            self.ask(self.ready_name, self.ready_type, tries=1, timeout=0.5)
            return True
        except (client.Timeout, OSError):
            return False

    def __str__(self):
        return f"{type(self).__name__}@{self.port}"


@atexit.register
def _stop_all():
    for server in list(_running):
        server.kill()


signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


class Key:
    """A TSIG key, in words all servers translate: they have it when it is in their `keys`."""

    def __init__(self, name, algorithm="hmac-sha256", secret="MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="):
        self.name, self.algorithm, self.secret = name, algorithm, secret

    @property
    def dig(self):
        """As dig -y and kdig -y take it."""
        return f"{self.algorithm}:{self.name}:{self.secret}"


def _peer(peer):
    """(address, port, name of a key or None)"""
    address, port, *key = peer
    return address, port, key[0].name if key and key[0] else None


def _split(allowed):
    """Addresses, and names of keys, of a list."""
    return ([a for a in allowed if not a.startswith("key:")],
            [a[4:] for a in allowed if a.startswith("key:")])


def primary(name, file, transfer=(), notify=()):
    """A zone of a server under test, in words all of them translate. transfer: addresses or
    key:NAME that may fetch it; notify: (address, port) or (address, port, Key) of secondaries."""
    return {"name": name, "file": str(file), "transfer": list(transfer), "notify": list(notify)}


def secondary(name, primaries, allow_notify=("127.0.0.1",), transfer=(), notify=()):
    """primaries: (address, port) or (address, port, Key) of each."""
    return {"name": name, "primaries": list(primaries), "allow_notify": list(allow_notify),
            "transfer": list(transfer), "notify": list(notify)}


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Zonedeckd(Server):
    """The server under test. Started by root it serves as the user nobody."""

    def __init__(self, zones=(), port=None, listen=None, threads=2, extra="", server_extra="",
                 state=None):
        super().__init__(port=port)
        self.zones, self.threads, self.keys = list(zones), threads, []
        self.extra, self.server_extra = extra, server_extra
        self.listen = listen or [f"127.0.0.1@{self.port}", f"::1@{self.port}"]
        self.config = self.folder / "zonedeck.yaml"
        self.state = pathlib.Path(state) if state else self.folder / "state"
        self.socket = self.folder / "endpoint.sock"

    def configure(self):
        lines = ["server:", f"  listen: {json.dumps(self.listen)}", f"  threads: {self.threads}",
                 f"  state: {json.dumps(str(self.state))}"]
        if os.geteuid() == 0 and "user:" not in self.server_extra:
            lines.append("  user: nobody")
        lines += [self.server_extra] if self.server_extra else []
        lines += ["endpoint:", f"  listen: [{json.dumps(f'unix:{self.socket}')}]"]
        lines += ["keys:"] if self.keys else []
        lines += [f"  - {{name: {k.name}, algorithm: {k.algorithm}, secret: \"{k.secret}\"}}"
                  for k in self.keys]
        lines += ["zones:"] if self.zones else []
        lines += [f"  - {json.dumps(self._zone(zone))}" for zone in self.zones]
        lines += [self.extra] if self.extra else []
        # Replaced as a whole: a reload must never see half a file.
        new = self.config.with_suffix(".new")
        new.write_text("\n".join(lines) + "\n")
        new.replace(self.config)

    @staticmethod
    def _zone(zone):
        if "directory" in zone:
            return zone
        out = {"name": zone["name"]}
        if "file" in zone:
            out["file"] = zone["file"]
        else:
            out["primaries"] = Zonedeckd._peers(zone["primaries"])
            out["allow-notify"] = zone["allow_notify"]
        if zone["transfer"]:
            out["allow-transfer"] = zone["transfer"]
        if zone["notify"]:
            out["notify"] = Zonedeckd._peers(zone["notify"])
        if "query" in zone:
            out["allow-query"] = zone["query"]
        return out

    @staticmethod
    def _peers(peers):
        return [{"address": f"{a}@{p}", "key": k} if k else f"{a}@{p}"
                for a, p, k in map(_peer, peers)]

    def command(self):
        return [ours("zonedeckd"), "-c", self.config]

    def ready(self):
        try:
            return self.http("GET", "/readyz")[0] == 200
        except OSError:
            return False

    # the endpoint
    def http(self, method, path, body=None, timeout=70.0):
        """(status, parsed JSON or text)"""
        connection = _UnixConnection(self.socket, timeout)
        try:
            headers = {"Content-Type": "application/json"} if method == "POST" else {}
            connection.request(method, path, body or ("{}" if method == "POST" else None), headers)
            reply = connection.getresponse()
            text = reply.read().decode("utf-8", "strict")
            kind = reply.getheader("Content-Type", "")
            return reply.status, json.loads(text) if "json" in kind else text
        except http.client.HTTPException as error:
            raise OSError(f"{path}: {error!r}") from error
        finally:
            connection.close()

    def get(self, path):
        status, reply = self.http("GET", path)
        if status != 200:
            raise Failure(f"GET {path}: {status} {reply}")
        return reply

    def post(self, path):
        """An action; Failure unless it is done. Asked again when it was one too many a second."""
        def asked():
            status, reply = self.http("POST", path)
            return None if status == 429 else (status, reply)
        status, reply = wait_until(asked, 5, f"POST {path} is let through", every=0.1)
        if status != 200 or reply.get("result") != "done":
            raise Failure(f"POST {path}: {status} {reply}")
        return reply

    def status(self):
        return self.get("/v1/status")

    def counters(self):
        return self.status()["counters"]

    def zone(self, name):
        return self.get("/v1/zones/" + name)["zone"]

    def transfers(self, zone=None, direction=None):
        return [t for t in self.get("/v1/transfers")["transfers"]
                if zone in (None, t["zone"]) and direction in (None, t["direction"])]

    def events(self, number=None, subject=None):
        return [e for e in self.get("/v1/events?limit=1000")["events"]
                if number in (None, e["number"]) and subject in (None, e["subject"])]

    def wait_event(self, number, subject=None, text="", seconds=15, count=1):
        """The newest event of this number whose text holds this text."""
        def found():
            hits = [e for e in self.events(number, subject) if text in e["text"]]
            return hits[0] if sum(e["count"] for e in hits) >= count else None
        return wait_until(found, seconds,
                          f"event {number} {subject or ''} {text!r}", alive=self.alive)

    def wait_zone(self, name, state, seconds=30):
        def reached():
            row = self.zone(name)
            return row if row["state"] == state else None
        return wait_until(reached, seconds, f"{name} is {state}", alive=self.alive)

    def process_of(self, role, state=None):
        """The row of a process, the newest first; None when there is none."""
        rows = [p for p in self.status()["processes"]
                if p["role"] == role and state in (None, p["state"])]
        return max(rows, key=lambda p: p["started"] or 0) if rows else None

    def active(self):
        """The pid of the serve process that answers."""
        row = wait_until(lambda: self.process_of("serve", "active"), 10, "an active serve process")
        return row["pid"]

    def wait_standby(self, seconds=20):
        return wait_until(lambda: self.process_of("serve", "standby"), seconds, "a standby",
                          alive=self.alive)["pid"]

    def counted(self, expected, seconds=2):
        """A context: the counters named move by exactly so much inside it. What is added to the
        table before its end counts as well."""
        return Counted(self, expected, seconds)


class Counted:
    def __init__(self, server, expected, seconds=5):
        self.server, self.expected, self.seconds = server, expected, seconds

    def __enter__(self):
        self.before = self.server.counters()
        return self

    def moved(self):
        after = self.server.counters()
        return {name: after[name] - self.before[name] for name in self.expected}

    def __exit__(self, kind, error, trace):
        if kind:
            return
        # An answer can reach the client before its counter is stored: wait, then insist.
        try:
            wait_until(lambda: self.moved() == self.expected, self.seconds, "counters", every=0.005)
        except Failure:
            moved = self.moved()
            raise Failure("counters: " + ", ".join(
                f"{name} moved by {moved[name]}, expected {value}"
                for name, value in self.expected.items() if moved[name] != value)) from None


class Peer(Server):
    """Another server, to compare with and to exchange zones with."""

    binary = None

    def __init__(self, zones=(), port=None, minimal=False):
        super().__init__(port=port)
        self.zones, self.minimal, self.keys = list(zones), minimal, []
        if zones:
            self.ready_name = zones[0]["name"]

    @classmethod
    def installed(cls):
        return program(cls.binary) is not None

    def ready(self):
        return self.answers()

    def reload(self):
        self.signal(signal.SIGHUP)

    def copy_in(self, zone):
        """Where a zone's file is, under a name each server accepts."""
        return zone["file"]


class Bind(Peer):
    binary = "named"

    def configure(self):
        yes = "yes" if self.minimal else "no"
        lines = ["options {",
                 f'  directory "{self.folder}"; managed-keys-directory "{self.folder}";',
                 '  pid-file none; session-keyfile none; lock-file none;',
                 f"  listen-on port {self.port} {{ 127.0.0.1; }};",
                 f"  listen-on-v6 port {self.port} {{ ::1; }};",
                 "  recursion no; dnssec-validation no; empty-zones-enable no;",
                 f"  minimal-responses {yes}; minimal-any no; answer-cookie no;",
                 "  check-names primary ignore; check-names secondary ignore;",
                 "  check-integrity no; check-mx ignore; check-mx-cname ignore;",
                 "  check-srv-cname ignore; check-sibling no; check-spf ignore;",
                 "  masterfile-format text; max-udp-size 1232; edns-udp-size 1232;",
                 "  tcp-clients 1000; notify explicit; notify-delay 0; serial-query-rate 1000;",
                 "  min-refresh-time 1; min-retry-time 1; transfers-in 100; transfers-per-ns 100;",
                 "};", "controls { };", 'logging { category default { default_stderr; }; };']
        lines += [f'key "{k.name}" {{ algorithm {k.algorithm}; secret "{k.secret}"; }};'
                  for k in self.keys]
        lines += [self._zone(zone) for zone in self.zones]
        (self.folder / "named.conf").write_text("\n".join(lines) + "\n")

    def _zone(self, zone):
        allowed = self._list(zone["transfer"]) or "none; "
        also = self._peers(zone["notify"])
        text = f'zone "{zone["name"]}" {{ allow-transfer {{ {allowed}}}; also-notify {{ {also}}}; '
        if "file" in zone:
            return text + f'type primary; file "{zone["file"]}"; }};'
        primaries = self._peers(zone["primaries"])
        notify = self._list(zone["allow_notify"])
        return (text + f'type secondary; primaries {{ {primaries}}}; '
                f'allow-notify {{ {notify}}}; request-ixfr no; '
                f'file "{self.folder}/{zone["name"]}secondary"; }};')

    @staticmethod
    def _list(allowed):
        return "".join(f"{a.replace('key:', 'key ')}; " for a in allowed)

    @staticmethod
    def _peers(peers):
        return "".join(f"{a} port {p}{f' key {k}' if k else ''}; " for a, p, k in map(_peer, peers))

    def command(self):
        return [program(self.binary), "-g", "-c", self.folder / "named.conf", "-n", "1"]


class Nsd(Peer):
    binary = "nsd"

    def configure(self):
        yes = "yes" if self.minimal else "no"
        lines = ["server:", f'  ip-address: "127.0.0.1@{self.port}"',
                 f'  ip-address: "::1@{self.port}"', '  username: ""', f'  zonesdir: "{self.folder}"',
                 '  logfile: ""', '  pidfile: ""', '  database: ""',
                 f'  xfrdfile: "{self.folder}/xfrd.state"', f'  xfrdir: "{self.folder}"',
                 f'  zonelistfile: "{self.folder}/zone.list"', "  rrl-ratelimit: 0",
                 "  rrl-whitelist-ratelimit: 0", "  server-count: 1", "  tcp-count: 200",
                 "  xfrd-reload-timeout: 0", f"  minimal-responses: {yes}", "  hide-version: yes",
                 "  verbosity: 1", "remote-control:", "  control-enable: no"]
        for key in self.keys:
            lines += ["key:", f'  name: "{key.name}"', f"  algorithm: {key.algorithm}",
                      f'  secret: "{key.secret}"']
        lines += [self._zone(zone) for zone in self.zones]
        (self.folder / "nsd.conf").write_text("\n".join(lines) + "\n")

    def _zone(self, zone):
        lines = ["zone:", f'  name: "{zone["name"]}"']
        lines += self._list("provide-xfr", zone["transfer"])
        lines += [f"  notify: {a}@{p} {k or 'NOKEY'}" for a, p, k in map(_peer, zone["notify"])]
        if "file" in zone:
            lines.append(f'  zonefile: "{zone["file"]}"')
        else:
            lines += [f'  zonefile: "{self.folder}/{zone["name"]}secondary"',
                      "  min-refresh-time: 1", "  min-retry-time: 1"]
            lines += [f"  request-xfr: AXFR {a}@{p} {k or 'NOKEY'}"
                      for a, p, k in map(_peer, zone["primaries"])]
            lines += self._list("allow-notify", zone["allow_notify"])
        return "\n".join(lines)

    @staticmethod
    def _list(option, allowed):
        addresses, keys = _split(allowed)
        return ([f"  {option}: {a} NOKEY" for a in addresses]
                + [f"  {option}: 127.0.0.0/8 {k}" for k in keys])

    def command(self):
        return [program(self.binary), "-d", "-c", self.folder / "nsd.conf"]


class Knot(Peer):
    binary = "knotd"

    def configure(self):
        remotes, zones, acl = {}, [], []
        for number, zone in enumerate(self.zones):
            peers = [("notify", zone["notify"]), ("master", zone.get("primaries", []))]
            lines = [f'  - domain: "{zone["name"]}"', "    semantic-checks: off",
                     "    journal-content: none", "    zonefile-load: whole"]
            if "file" in zone:
                lines.append(f'    file: "{zone["file"]}"')
            else:
                lines += [f'    file: "{self.folder}/secondary-{number}"',
                          "    refresh-min-interval: 2", "    retry-min-interval: 1"]
            for key, addresses in peers:
                names = []
                for peer in map(_peer, addresses):
                    names.append(remotes.setdefault(peer, f"r{len(remotes)}"))
                if names:
                    lines.append(f"    {key}: [{', '.join(names)}]")
            rules = []
            for action, addresses in (("transfer", zone["transfer"]),
                                      ("notify", zone.get("allow_notify", []))):
                for kind, items in zip(("address", "key"), _split(addresses)):
                    if items:
                        rules.append(f"{action}{number}{kind}")
                        acl += [f"  - id: {rules[-1]}", f"    {kind}: [{', '.join(items)}]",
                                f"    action: {action}"]
            if rules:
                lines.append(f"    acl: [{', '.join(rules)}]")
            zones += lines
        text = ["server:", f'  listen: ["127.0.0.1@{self.port}", "::1@{self.port}"]',
                f'  rundir: "{self.folder}"', "  udp-workers: 1", "  tcp-workers: 1",
                "  background-workers: 1", "log:", "  - target: stderr", "    any: info",
                "database:", f'  storage: "{self.folder}"']
        text += ["key:"] * bool(self.keys)
        for key in self.keys:
            text += [f"  - id: {key.name}", f"    algorithm: {key.algorithm}",
                     f"    secret: {key.secret}"]
        text += ["remote:"] * bool(remotes)
        for (address, port, key), name in remotes.items():
            text += [f"  - id: {name}", f"    address: {address}@{port}"]
            text += [f"    key: {key}"] * bool(key)
        text += (["acl:"] + acl) if acl else []
        text += (["zone:"] + zones) if zones else []
        (self.folder / "knot.conf").write_text("\n".join(text) + "\n")

    def command(self):
        return [program(self.binary), "-c", self.folder / "knot.conf"]


PEERS = (Bind, Nsd, Knot)
