#!/usr/bin/env python3
"""TSIG with BIND, NSD and Knot: zones are given to who signs and taken from who signs, in both
directions and with every algorithm; dig and kdig verify what they are answered; a wrong secret, a key
that is not known, a clock that is off; keys that change under load."""

import copy
import socket
import subprocess
import time

from zdtest import dns, tsig, zones
from zdtest.data import scratch
from zdtest.load import Steady
from zdtest.runner import Skip, case, check, check_equal, main, skip, wait_until
from zdtest.servers import Bind, Key, Knot, Nsd, Zonedeckd, primary, program, secondary

PEERS = [kind for kind in (Bind, Nsd, Knot) if kind.installed()]
HOST = "127.0.0.1"
ALGORITHMS = ["hmac-md5", "hmac-sha1", "hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512"]
KEYS = {f"{a.removeprefix('hmac-')}.test.": Key(f"key-{a}.example.", a) for a in ALGORITHMS}
LARGE = "sha256.test."  # a zone of several messages


def write(file, name, serial):
    new = file.with_suffix(".new")
    if name == LARGE:
        zones.hosts(new, name, 20000, serial=serial)
    else:
        new.write_text(zones.small(name, serial=serial))
    new.replace(file)


class Pair:
    """A primary and a secondary with a zone and a key for each algorithm."""

    def __init__(self, first, second, keys=None, other_keys=None, names=None):
        self.folder, self.keys = scratch(), keys or KEYS
        self.names = names or list(self.keys)
        self.files = {name: self.folder / f"{name}zone" for name in self.names}
        for name in self.names:
            write(self.files[name], name, 1)
        self.first, self.second = first(), second()
        self.first.keys = list(self.keys.values())
        self.second.keys = list((other_keys or self.keys).values())
        for name, key in self.keys.items():
            if name not in self.names:
                continue
            allowed = [f"key:{key.name}"]
            self.first.zones.append(primary(name, self.files[name], allowed,
                                            [(HOST, self.second.port, key)]))
            self.second.zones.append(secondary(name, [(HOST, self.first.port, key)],
                                               allow_notify=allowed, transfer=allowed))
        self.first.ready_name = self.second.ready_name = self.names[0]

    def __enter__(self):
        self.first.start()
        for name in self.names:
            self.first.wait_serial(name, 1)
        self.second.start(wait=isinstance(self.second, Zonedeckd))
        return self

    def __exit__(self, *why):
        self.second.__exit__(*why)
        self.first.__exit__(*why)

    def wait(self, serial):
        for name in self.names:
            self.second.wait_serial(name, serial)

    def update(self, serial):
        for name in self.names:
            write(self.files[name], name, serial)
        if isinstance(self.first, Zonedeckd):
            self.first.post("/v1/service/reload")
        else:
            self.first.reload()


def dig(server, name, rtype, key, tool="dig", *more):
    found = program(tool)
    if not found:
        raise Skip(f"{tool} is not installed")
    port = ["-p", str(server.port)]
    out = subprocess.run([found, *(["-y", key.dig] if key else []), "+norec", f"@{HOST}", *port, *more, name,
                          rtype], capture_output=True, text=True, timeout=30, check=False)
    return out.stdout + out.stderr


def records(text):
    return sorted(" ".join(line.split()) for line in text.splitlines()
                  if line and not line.startswith(";") and "TSIG" not in line)


def copied(pair):
    for name in pair.names:
        key = pair.keys[name]
        theirs, mine = (records(dig(server, name, "AXFR", key)) for server in (pair.first, pair.second))
        check(len(theirs) > 10 and theirs == mine, f"{name}: {len(theirs)} and {len(mine)} records")


def from_a_primary(kind):
    with Pair(kind, Zonedeckd) as pair:
        pair.wait(1)
        copied(pair)
        # Refresh is an hour: only a NOTIFY, which is taken from who signs alone, brings serial 2.
        pair.update(2)
        pair.wait(2)
        copied(pair)
        check(pair.second.counters()["notify_in"] >= len(pair.names), pair.second.counters())


def to_a_secondary(kind):
    with Pair(Zonedeckd, kind) as pair:
        pair.wait(1)
        copied(pair)
        unheard = len(pair.first.events(6535))  # who did not run yet when we began
        pair.update(2)
        pair.wait(2)
        copied(pair)
        for name in pair.names:
            wait_until(lambda: pair.first.zone(name)["notify_pending"] == 0, 20, "acknowledged")
        check_equal(len(pair.first.events(6535)), unheard, "NOTIFY not acknowledged")
        check(not pair.first.events(8305), pair.first.events(8305))


def changed(keys, **how):
    out = copy.deepcopy(keys)
    for key in out.values():
        for field, value in how.items():
            setattr(key, field, value)
    return out


def one_key():
    return {LARGE: KEYS[LARGE]}, changed({LARGE: KEYS[LARGE]}, secret="YW5vdGhlciBzZWNyZXQsIGFuZCBhIGxvbmcgb25lLi4=")


def refused_by_a_primary(kind):
    """The other side has another secret under the name."""
    keys, others = one_key()
    with Pair(kind, Zonedeckd, keys, others) as pair:
        event = pair.second.wait_event(8305, LARGE)
        check("BADSIG" in event["text"] or "BADKEY" in event["text"] or "not signed" in event["text"],
              event)
        print(" ", event["text"])
        check(pair.second.zone(LARGE)["serial"] in (0, None), "a zone all the same")
        check_equal(pair.second.ask(LARGE, "SOA").rcode_name, "SERVFAIL", "served")


def refuses_a_secondary(kind):
    keys, others = one_key()
    with Pair(Zonedeckd, kind, keys, others) as pair:
        wait_until(lambda: pair.first.counters()["notauth"] >= 1, 30, "it has tried")
        check(pair.second.serial(LARGE) is None, "it has the zone")
        check_equal(pair.first.counters()["axfr_out"], 0, "transfers")


def for_each(function):
    def make(kind):
        def run():
            function(kind)
        run.__name__ = f"{function.__name__}_{kind.__name__.lower()}"
        return run
    for kind in PEERS:
        case(make(kind))


for test in (from_a_primary, to_a_secondary, refused_by_a_primary, refuses_a_secondary):
    for_each(test)


def one_server(allow=None, query=None):
    """Ours with a zone and all keys; a transfer is for keys."""
    folder = scratch()
    write(folder / "zone", LARGE, 1)
    server = Zonedeckd()
    server.keys = list(KEYS.values())
    zone = primary(LARGE, folder / "zone", allow or [f"key:{KEYS[LARGE].name}"])
    if query:
        zone["query"] = query
    server.zones = [zone]
    server.ready_name = LARGE
    return server


BAD = ("verify", "WARNING", "BADSIG", "BADKEY", "BADTIME", "expected a TSIG", "failed")


@case
def dig_and_kdig():
    with one_server() as server:
        for tool in ("dig", "kdig"):
            for key in KEYS.values():
                for more in ([], ["+tcp"], ["+bufsize=512"], ["+nsid"]):
                    text = dig(server, LARGE, "SOA", key, tool, *more)
                    check("NOERROR" in text and "TSIG" in text and not any(b in text for b in BAD), text)
            text = dig(server, LARGE, "AXFR", KEYS[LARGE], tool)
            check_equal(len(records(text)), 20001, "records")
            check(not any(b in text for b in BAD), text[-500:])


@case
def errors_as_dig_sees_them():
    with one_server() as server:
        good = KEYS[LARGE]
        wrong = changed(KEYS, secret="AAAA")[LARGE]
        unknown = changed(KEYS, name="nobody.example.")[LARGE]
        other = changed(KEYS, algorithm="hmac-sha512")[LARGE]
        for key, error in ((wrong, "BADSIG"), (unknown, "BADKEY"), (other, "BADKEY")):
            with server.counted({"tsig_good": 0, "tsig_bad": 1, "notauth": 1, "noerror": 0}):
                text = dig(server, LARGE, "SOA", key)
            check("NOTAUTH" in text and error in text, text)
            with server.counted({"tsig_bad": 1, "notauth": 1, "axfr_out": 0}):
                check("failed" in dig(server, LARGE, "AXFR", key), "a transfer")
        with server.counted({"tsig_good": 1, "tsig_bad": 0, "noerror": 1}):
            dig(server, LARGE, "SOA", good)
        check("Transfer failed" in dig(server, LARGE, "AXFR", None), "unsigned")
        check("Transfer failed" in dig(server, LARGE, "AXFR", KEYS["md5.test."]), "another key")
        now = int(time.time())
        for off, error in ((-290, "NOERROR"), (290, "NOERROR"), (-310, "BADTIME"), (310, "BADTIME")):
            answer = exchange(server, tsig.sign(dns.query(LARGE, "SOA"), good, now + off))
            record = tsig.Record(answer)
            check_equal(record.error, error, f"{off} s off")
            check_equal(len(record.mac), 32, "signed")
            if error == "BADTIME":
                check_equal((answer.rcode_name, record.time), ("NOTAUTH", now + off), "answer")
                check(abs(int.from_bytes(record.other, "big") - now) < 60, record.other)


def exchange(server, message):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        sock.connect((HOST, server.port))
        sock.send(message)
        return dns.Message(sock.recv(65535))


@case
def secrets_everybody_may_read():
    server = one_server()
    server.configure()
    server.config.chmod(0o600)
    with server.launch():
        check_equal(server.events(8113), [], "readable by the owner alone")
        server.config.chmod(0o644)
        server.post("/v1/service/reload")
        check(str(server.config) in server.wait_event(8113)["text"], "the file")


@case
def queries_by_key():
    key = KEYS[LARGE]
    with one_server(query=[f"key:{key.name}"]) as server:
        check("REFUSED" in dig(server, LARGE, "SOA", None), "unsigned")
        check("REFUSED" in dig(server, LARGE, "SOA", KEYS["md5.test."]), "another key")
        check("NOERROR" in dig(server, LARGE, "SOA", key), "by key")


@case
def keys_change_under_load():
    """A reload with another secret takes effect, and nobody who asks loses an answer."""
    server = one_server()
    name = KEYS[LARGE].name
    queries = server.folder / "queries"
    queries.write_text(f"h1.{LARGE} A\nnone.{LARGE} A\n")
    with server, Steady(server.port, queries, 1000, 6) as load:
        for turn, secret in enumerate(("AAAA", "BBBBBBBB", "CCCC")):
            load.at(1 + 1.5 * turn)
            old = [k for k in server.keys if k.name == name][0]
            new = changed({name: old}, secret=secret)[name]
            server.keys = [new if k.name == name else k for k in server.keys]
            server.configure()
            server.post("/v1/service/reload")
            check("NOERROR" in dig(server, LARGE, "SOA", new), "the new secret")
            check("NOTAUTH" in dig(server, LARGE, "SOA", old), "the old secret")
        result = load.result()
        check(result["sent"] >= 5900 and result["lost"] == 0, result)


@case
def keys_change_between_servers():
    """A secondary whose primary got another secret says so, and goes on when it gets it too."""
    keys, others = one_key()
    with Pair(PEERS[0], Zonedeckd, keys) as pair:
        pair.wait(1)
        pair.second.keys = list(others.values())
        pair.second.configure()
        pair.second.post("/v1/service/reload")
        pair.second.wait_event(8305, LARGE, seconds=30)
        check_equal(pair.second.serial(LARGE), 1, "served all the same")
        pair.second.keys = list(keys.values())
        pair.second.configure()
        pair.second.post("/v1/service/reload")
        pair.second.wait_zone(LARGE, "ok")


if not PEERS:
    skip("none of BIND, NSD and Knot is installed")
main()
