"""Processor time, start, memory, reloads, transfers, many zones and hostile load, beside the other servers.

The delegations zone has 1,000,000 records: 250,000 delegations with 2 NS and 2 glue A each, and 20 %
of its queries ask for names that do not exist. The flat zone has 500,000 names with A and AAAA. Smaller
with ZONEDECK_RECORDS, ZONEDECK_ZONES (100,000), ZONEDECK_RELOADS (200), ZONEDECK_RATE, ZONEDECK_SECONDS.
ZONEDECK_SCALE=1 adds a million zones and a zone of ten million records; =2 one of fifty million.
"""

import os
import random
import shutil
import subprocess
import time

from zdtest import measure, zones
from zdtest.bench import ALL, KINDS, Row
from zdtest.client import Timeout
from zdtest.data import scratch
from zdtest.load import Steady, first_answer
from zdtest.measure import Echo, Peak, PowerDns, cost, dnsperf, pinned, pss_mb, settled_pss_mb
from zdtest.runner import Failure, wait_until
from zdtest.servers import Nsd, Zonedeckd, ours, primary, secondary

RECORDS = int(os.environ.get("ZONEDECK_RECORDS", "1000000"))
ZONES = int(os.environ.get("ZONEDECK_ZONES", "100000"))
RELOADS = int(os.environ.get("ZONEDECK_RELOADS", "200"))
RATE = int(os.environ.get("ZONEDECK_RATE", "20000"))
SECONDS = int(os.environ.get("ZONEDECK_SECONDS", "5"))
SCALE = int(os.environ.get("ZONEDECK_SCALE", "0"))
DELEGATIONS, NAMES = RECORDS // 4, RECORDS // 2
ZONE, SOA = "bench.test.", 6
STEADY_SECONDS, LINES = 10, 400000
SERVERS = {"echo": Echo, "PowerDNS": PowerDns}
_made = {}


def made(key, make):
    """A file that is written once: make(path) writes it."""
    if "folder" not in _made:
        _made["folder"] = scratch("zdbench-")
    if key not in _made:
        path = _made["folder"] / key
        make(path)
        _made[key] = path
    return _made[key]


def delegations_zone(serial=1):
    """The next serial has another address in every second record of glue."""
    return made(f"delegations.{serial}", lambda path: zones.delegations(
        path, ZONE, DELEGATIONS, serial, net=9 + serial))


def delegations_load():
    return made("delegations.queries", lambda path: zones.delegation_queries(
        path, ZONE, DELEGATIONS, LINES))


def flat_zone():
    return made("flat", lambda path: zones.flat(path, ZONE, NAMES))


def flat_load():
    return made("flat.queries", lambda path: zones.flat_queries(path, ZONE, NAMES, LINES))


def server(kind, zone_list):
    """A server with one thread that answers; a zone is (name, file) or one of zdtest.servers."""
    if kind == "echo":
        return Echo()
    rows = [zone if isinstance(zone, dict) else primary(*zone) for zone in zone_list]
    built = Zonedeckd(rows, threads=1) if kind == "zonedeck" else {**KINDS, **SERVERS}[kind](rows)
    built.ready_name = rows[0]["name"]
    return built


def started(kind, *zone_list, processor=0):
    """The same, running on one processor and serving the first zone."""
    running = server(kind, zone_list)
    with pinned(processor):
        running.start(seconds=300)
    if kind != "echo":
        running.wait_serial(running.ready_name, 1, seconds=300)
    return running


# --- processor time an answer -------------------------------------------------------------------

def udp_delegations(kind):
    with started(kind, (ZONE, delegations_zone())) as running:
        out = cost(running, delegations_load(), SECONDS)
        return out if kind == "echo" else {**out, "pss_mb": pss_mb(running.session)}


def udp_flat(kind):
    with started(kind, (ZONE, flat_zone())) as running:
        return cost(running, flat_load(), SECONDS)


def tcp_flat(kind):
    with started(kind, (ZONE, flat_zone())) as running:
        return cost(running, flat_load(), SECONDS, tcp=True)


def answering(running):
    """The process that answers."""
    if isinstance(running, Zonedeckd):
        return running.active()
    if isinstance(running, Nsd):
        tree = measure.members(running.session)
        return next(pid for pid, parent in tree.items() if tree.get(parent) == running.session)
    return running.session


def instructions(kind):
    """Instructions in user space, an answer, of the process that answers; a tenth of the zone, since
    callgrind makes loading fifty times as slow."""
    count, queries = max(DELEGATIONS // 10, 1), 20000
    zone = made("tenth", lambda path: zones.delegations(path, ZONE, count))
    load = made("tenth.queries", lambda path: zones.delegation_queries(path, ZONE, count, queries))
    running = server(kind, [(ZONE, zone)])
    if kind == "zonedeck" and os.geteuid() == 0:
        running.server_extra = "  user: root"  # vgdb cannot reach a process of another user
    counted = measure.Counted(running)
    try:
        running.start(seconds=600)
        running.wait_serial(ZONE, 1, seconds=600)
        if kind == "zonedeck":
            running.wait_standby(120)
        pid = answering(running)
        dnsperf(running.port, load, count=1, outstanding=50)
        counted.dump(pid)
        done = dnsperf(running.port, load, count=1, outstanding=50)
        if done["lost"]:
            raise Failure(f"{done['lost']} queries were not answered: others took them?")
        return {"instructions": counted.dump(pid) / done["answers"]}
    finally:
        running.kill()


# --- start and memory ---------------------------------------------------------------------------

def start(kind):
    """Cold: from exec to the first answer with nothing kept; warm: the same once more."""
    running = server(kind, [(ZONE, delegations_zone())])
    running.configure()
    try:
        def launch():
            running.launch(wait=False)

        out = {"cold_ms": first_answer(running.port, ZONE, SOA, launch, timeout=300),
               "pss_mb": settled_pss_mb(running.session)}
        running.stop(seconds=60)
        out["warm_ms"] = first_answer(running.port, ZONE, SOA, launch, timeout=300)
        out["warm_pss_mb"] = settled_pss_mb(running.session)
        return out
    finally:
        running.kill()


def in_place(running, name, text_of):
    """The server reads its zone from a file of its own, which can be replaced: a function that takes
    a serial and makes the server reload."""
    file = running.folder / "replaced.zone"

    def put(serial):
        new = file.with_suffix(".new")
        new.write_bytes(text_of(serial))
        new.replace(file)

    def reload(serial):
        put(serial)
        if isinstance(running, Zonedeckd):
            running.post(f"/v1/zones/{name}/reload")
        else:
            running.reload()

    put(1)
    running.zones[0]["file"] = str(file)
    return reload


def reload_memory(kind):
    """The peak while the changed zone loads, and what is held before and after."""
    running = server(kind, [(ZONE, "")])
    reload = in_place(running, ZONE, lambda serial: delegations_zone(serial).read_bytes())
    delegations_zone(2)
    with running.start(seconds=300):
        running.wait_serial(ZONE, 1, seconds=300)
        before = settled_pss_mb(running.session)
        with Peak(running.session) as peak:
            reload(2)
            running.wait_serial(ZONE, 2, seconds=300)
            time.sleep(1)
        after = settled_pss_mb(running.session)
        return {"peak_mb": peak.mb, "growth": (after / before - 1) * 100, "after_mb": after}


def reload_load(kind):
    """The same under a steady load, and under one during which nothing happens."""
    queries = made("steady.queries", lambda path: zones.delegation_queries(
        path, ZONE, DELEGATIONS, RATE * STEADY_SECONDS))
    running = server(kind, [(ZONE, "")])
    reload = in_place(running, ZONE, lambda serial: delegations_zone(serial).read_bytes())
    delegations_zone(2)
    with running.start(seconds=300):
        running.wait_serial(ZONE, 1, seconds=300)
        settled_pss_mb(running.session)
        with Steady(running.port, queries, RATE, STEADY_SECONDS) as load:
            quiet = load.result()
        with Steady(running.port, queries, RATE, STEADY_SECONDS, wait=10) as load:
            load.at(STEADY_SECONDS / 4)
            reload(2)
            result = load.result()
        running.wait_serial(ZONE, 2, seconds=300)
        return {"lost": result["lost"], "latest_ms": result["max_us"] / 1000,
                "quiet_ms": quiet["max_us"] / 1000, "quiet_lost": quiet["lost"],
                "later_ms": (result["max_us"] - quiet["max_us"]) / 1000}


def reload_often(kind):
    """Memory after so many reloads of a zone of 100,000 records, against that after the first."""
    path = made("often", lambda path: path.mkdir()) / "zone"
    running = server(kind, [(ZONE, "")])
    reload = in_place(running, ZONE, lambda serial: zones.hosts(
        path, ZONE, min(RECORDS, 100000), serial).read_bytes())
    with running.start(seconds=120):
        running.wait_serial(ZONE, 1, seconds=120)
        reload(2)
        running.wait_serial(ZONE, 2, seconds=120)
        before = settled_pss_mb(running.session)
        for serial in range(3, RELOADS + 2):
            reload(serial)
            running.wait_serial(ZONE, serial, seconds=120)
        after = settled_pss_mb(running.session)
        return {"growth": (after / before - 1) * 100, "before_mb": before, "after_mb": after}


# --- many and large -----------------------------------------------------------------------------

def all_answered(running, names):
    """Milliseconds from exec until the last zone and these have been answered."""
    before = time.monotonic()
    took = first_answer(running.port, names[-1], SOA, lambda: running.launch(wait=False), timeout=600)
    for name in names:
        if not good(running, name):
            wait_until(lambda n=name: good(running, n), 600, f"{name} answered", every=0.002)
            took = (time.monotonic() - before) * 1000
    return took


def good(running, name):
    try:
        answer = running.ask(name, "SOA", tries=1, timeout=1.0)
    except (Timeout, OSError):
        return False
    return answer.rcode == 0 and len(answer.answer) == 1


def zone_files(count):
    key = f"many{count}"
    if key not in _made:
        made(key, lambda path: path.mkdir())
        _made[key] = zones.many(_made[key], count)
    return _made[key]


def many_zones(kind, count=ZONES):
    """Until the last zone and 50 others are answered."""
    files = zone_files(count)
    names = [name for name, _ in random.Random(count).sample(files, min(count, 50))] + [files[-1][0]]
    running = server(kind, files)
    running.configure()
    try:
        out = {"first_s": all_answered(running, names) / 1000, "pss_mb": settled_pss_mb(running.session)}
        running.stop(seconds=300)
        out["second_s"] = all_answered(running, names) / 1000
        return out
    finally:
        running.kill()


def million_zones(kind):
    return many_zones(kind, 1000000)


def large(kind, records):
    zone = made(f"large{records}", lambda path: zones.delegations(path, ZONE, records // 4))
    running = server(kind, [(ZONE, zone)])
    running.configure()
    try:
        took = first_answer(running.port, ZONE, SOA, lambda: running.launch(wait=False), timeout=3600)
        held = settled_pss_mb(running.session, seconds=120)
        image = max(path.stat().st_size for path in running.state.rglob("*.img"))
        return {"s": took / 1000, "us_a_record": took * 1000 / records, "pss_mb": held,
                "bytes_a_record": image / records}
    finally:
        running.kill()


def one_million(kind):
    return large(kind, 1000000)


def ten_million(kind):
    return large(kind, 10000000)


def fifty_million(kind):
    return large(kind, 50000000)


# --- transfers ----------------------------------------------------------------------------------

def transfer(port):
    done = subprocess.run([ours("bench_axfr"), str(port), ZONE], capture_output=True, text=True,
                          check=False, timeout=300)
    if done.returncode:
        raise Failure(f"bench_axfr: {done.stderr}")
    words = done.stdout.split()
    return dict(zip(words[::2], map(int, words[1::2])))


def axfr_out(kind):
    """From connect to the last message, the best of three."""
    running = server(kind, [primary(ZONE, delegations_zone(), transfer=["127.0.0.1"])])
    with running.start(seconds=300):
        running.wait_serial(ZONE, 1, seconds=300)
        settled_pss_mb(running.session)
        results = [transfer(running.port) for _ in range(3)]
        if any(result["records"] < RECORDS for result in results):
            raise Failure(f"{kind} sent {results}")
        return {"s": min(result["ns"] for result in results) / 1e9, "bytes": results[0]["bytes"]}


def axfr_in(kind):
    """From exec of a secondary without a zone to its first answer; the primary is NSD."""
    with server("NSD", [primary(ZONE, delegations_zone(), transfer=["127.0.0.1"])]) as source:
        source.wait_serial(ZONE, 1, seconds=300)
        running = server(kind, [secondary(ZONE, [("127.0.0.1", source.port)])])
        running.configure()
        try:
            return {"s": first_answer(running.port, ZONE, SOA, lambda: running.launch(wait=False),
                                      timeout=120) / 1000}
        finally:
            running.kill()


# --- hostile load -------------------------------------------------------------------------------

def write_lines(path, lines):
    path.write_text("".join(line + "\n" for line in lines))
    return path


# A short name: with it, a name of 127 labels fits into 255 bytes.
SHORT = "b.t."
FLOODS = ("normal", "subdomains", "types", "labels")


def floods():
    """Files of queries: what is normal, and what somebody sends to be a burden."""
    count, rng = max(NAMES // 5, 1), random.Random(4)
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"

    def name():
        return f"h{rng.randrange(count)}.{SHORT}"

    def lines(flood):
        for i in range(LINES // 4):
            if flood == "normal":
                yield f"{name()} A"
            elif flood == "subdomains":
                yield f"{''.join(rng.choices(letters, k=12))}.{name() if i % 2 else SHORT} A"
            elif flood == "types":
                yield f"{name()} TYPE{256 + i % 65000}"
            else:
                yield f"{'.'.join(rng.choices(letters, k=125))}.{SHORT} A"

    return [made(f"flood.{flood}", lambda path, f=flood: write_lines(path, lines(f)))
            for flood in FLOODS]


def hostile(kind):
    """Cost of an answer under each flood, against that of normal queries to the same server."""
    zone = made("short", lambda path: zones.flat(path, SHORT, max(NAMES // 5, 1)))
    with started(kind, (SHORT, zone)) as running:
        normal, *others = [cost(running, file, SECONDS)["us"] for file in floods()]
        return {"normal_us": normal, **dict(zip(FLOODS[1:], (us / normal for us in others)))}


COLLIDING, BITS = 20000, 12


def colliding_zone():
    """Names whose hashes under the key of zeros begin alike, and as many that are like any."""
    done = subprocess.run([ours("bench_collide"), ZONE, str(COLLIDING), str(BITS)], check=True,
                          capture_output=True, text=True)
    alike = done.stdout.split()
    head = f"$ORIGIN {ZONE}\n$TTL 3600\n@ IN SOA ns1 h 1 3600 600 604800 300\n@ IN NS ns1\nns1 IN A 192.0.2.1"
    return {label: (made(f"{label}.zone", lambda path, n=names: write_lines(
                        path, [head, *(f"{name} IN A 192.0.2.1" for name in n)])),
                    made(f"{label}.queries", lambda path, n=names: write_lines(
                        path, [f"{name}.{ZONE} A" for name in random.Random(4).sample(n, len(n))])))
            for label, names in (("alike", alike), ("any", [f"c{i}" for i in range(COLLIDING)]))}


def collisions(kind):
    """Cost of an answer from a zone of names that collide under a key somebody knows, against one of
    any names: under our own key, which nobody knows, and under that one."""
    sets = _made.setdefault("colliding", None) or colliding_zone()
    _made["colliding"] = sets

    def us(label, known):
        running = server(kind, [(ZONE, sets[label][0])])
        if known:
            running.state.mkdir(mode=0o755)
            key = running.state / "hash.key"
            key.write_bytes(bytes(16))
            key.chmod(0o600)
            if os.geteuid() == 0:  # the user Zonedeckd serves as must be able to read it
                for path in (running.state, key):
                    shutil.chown(path, "nobody")
        with pinned():
            running.start()
        with running:
            running.wait_serial(ZONE, 1)
            return cost(running, sets[label][1], SECONDS)["us"]

    normal = us("any", False)
    out = {"secret": us("alike", False) / normal}
    if kind == "zonedeck":
        out["known"] = us("alike", True) / normal
    return out


EXPERIMENTS = {"udp delegations": udp_delegations, "udp flat": udp_flat, "tcp flat": tcp_flat,
               "instructions": instructions, "start": start, "reload memory": reload_memory,
               "reload load": reload_load, "reload often": reload_often, "many zones": many_zones,
               "axfr out": axfr_out, "axfr in": axfr_in, "hostile": hostile,
               "collisions": collisions, "million zones": million_zones, "1M records": one_million,
               "10M records": ten_million, "50M records": fifty_million}
OURS, WITH_ECHO, FLAT = ("zonedeck",), (*ALL, "echo"), (*ALL, "PowerDNS", "echo")
FEW = ("zonedeck", "NSD", "Knot")
ROWS = [
    Row("udp delegations", "us", "UDP answer, delegations: processor time", "us", None, WITH_ECHO,
        times=(1.3, ("echo",))),
    Row("udp delegations", "rate", "UDP, delegations: answers on one processor", "a second", None, WITH_ECHO),
    Row("udp delegations", "pss_mb", "UDP, delegations: memory when all was asked for (PSS)", "MB", 70),
    Row("udp flat", "us", "UDP answer, flat: processor time", "us", None, FLAT,
        times=(1.3, ("echo",))),
    Row("udp flat", "rate", "UDP, flat: answers on one processor", "a second", None, FLAT),
    Row("tcp flat", "us", "TCP answer, flat: processor time", "us", 6),
    Row("tcp flat", "rate", "TCP, flat: answers on one processor", "a second"),
    Row("instructions", "instructions", "UDP answer, delegations: instructions in user space", "",
        None, FEW, times=(0.5, ("NSD", "Knot"))),
    Row("start", "cold_ms", "cold start: first answer after exec", "ms", 400),
    Row("start", "warm_ms", "warm start: first answer after exec", "ms", 30),
    Row("start", "pss_mb", "memory after a cold start (PSS)", "MB", 70),
    Row("start", "warm_pss_mb", "memory after a warm start (PSS)", "MB", 70),
    Row("reload memory", "peak_mb", "reload: peak memory (PSS)", "MB", 200),
    Row("reload memory", "growth", "reload: memory after it, against before", "%", 1),
    Row("reload load", "lost", f"reload at {RATE}/s: lost", "queries", 0),
    Row("reload load", "latest_ms", f"reload at {RATE}/s: latest answer", "ms"),
    Row("reload load", "later_ms", f"reload at {RATE}/s: latest answer, against no reload", "ms", 5),
    Row("reload often", "growth", f"{RELOADS} reloads: memory grows", "%", 1),
    Row("many zones", "first_s", f"{ZONES:,} zones: first start", "s", 1.5),
    Row("many zones", "second_s", f"{ZONES:,} zones: second start", "s", 0.2),
    Row("many zones", "pss_mb", f"{ZONES:,} zones: memory (PSS)", "MB", 120),
    Row("axfr out", "s", "AXFR out, delegations", "s", 0.25),
    Row("axfr in", "s", "AXFR in, delegations: exec until served", "s", 0.5),
    Row("hostile", "normal_us", "flood: normal queries, processor time", "us", None),
    Row("hostile", "subdomains", "flood: random subdomains, against normal", "times", 2),
    Row("hostile", "types", "flood: every query another type, against normal", "times", 2),
    Row("hostile", "labels", "flood: names of 127 labels, against normal", "times", 2),
    Row("collisions", "secret", "names that collide under another key, against any", "times", 2),
    Row("collisions", "known", "names that collide under a known key, against any", "times", None, OURS),
]
if SCALE >= 1:
    ROWS += [Row("million zones", "first_s", "1,000,000 zones: first start", "s", None, OURS),
             Row("million zones", "second_s", "1,000,000 zones: second start", "s", None, OURS),
             Row("million zones", "pss_mb", "1,000,000 zones: memory (PSS)", "MB", None, OURS)]
    for label in ("1M records", "10M records", "50M records")[:SCALE + 1]:
        ROWS += [Row(label, "s", f"{label}: first answer after exec", "s", None, OURS),
                 Row(label, "us_a_record", f"{label}: time a record", "us", None, OURS),
                 Row(label, "bytes_a_record", f"{label}: image, a record", "bytes", None, OURS),
                 Row(label, "pss_mb", f"{label}: memory after the start (PSS)", "MB", None, OURS)]
