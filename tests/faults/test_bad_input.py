#!/usr/bin/env python3
"""Bad input of every kind: one clear error that names the place and the cure, an event, and the rest
goes on serving."""

import errno
import os
import random
import socket
import subprocess

from zdtest import client, zones
from zdtest.data import scratch
from zdtest.runner import Skip, case, check, check_equal, main, patience, wait_until
from zdtest.servers import Zonedeckd, free_port, ours, primary

GOOD = "good.test."


def good(folder):
    """A zone that must be served whatever else happens."""
    (folder / "good.zone").write_text(zones.small(GOOD))
    return primary(GOOD, folder / "good.zone")


def started(server):
    """Ready is said a moment before the process that serves has the zones."""
    server.wait_serial(GOOD, 1)


def serving(server):
    answer = server.ask(f"www.{GOOD}", "A")
    check(answer.rcode == 0 and len(answer.answer) == 1, "the good zone does not answer:", answer)


def broken_line(name):
    """A zone whose line 5 does not parse."""
    return (f"$ORIGIN {name}\n$TTL 3600\n@ IN SOA ns1 hostmaster 1 3600 600 604800 300\n"
            "@ IN NS ns1\nns1 IN A 192.0.2.1.7\n")


def make_fifo(path):
    os.mkfifo(path)


def make_unreadable(path):
    path.write_text(zones.small("unreadable.test."))
    path.chmod(0)


def text(content):
    return lambda path: path.write_text(content)


# zone, how its file is made, the event's numbers, what its text names beside the file
BAD_FILES = [
    ("syntax.test.", text(broken_line("syntax.test.")), (1502,), ":5:"),
    ("missing.test.", lambda path: None, (1000,), "does not exist"),
    ("unreadable.test.", make_unreadable, (1000,), "ermission"),
    ("empty.test.", text(""), (1605, 1502, 1000), "empty"),
    ("comment.test.", text("; nothing here\n"), (1605, 1502), "no record"),
    ("directory.test.", lambda path: path.mkdir(), (1000,), "directory"),
    ("fifo.test.", make_fifo, (1000,), "file"),
    ("nosoa.test.", text("nosoa.test. 60 IN NS ns.example.net.\n"), (1605, 1502), "SOA"),
    ("binary.test.", text("\x01\x02\x03" * 200 + "\n"), (1502, 1605), ":1:"),
    ("foreign.test.", text(zones.small("other.test.")), (1502, 1605, 1508), "foreign.test."),
    ("cname.test.", text(zones.small("cname.test.", extra="www IN CNAME ns1\n")), (1502,), "CNAME"),
]


@case
def bad_zone_files():
    folder = scratch()
    rows = [good(folder)]
    for name, make, _, _ in BAD_FILES:
        path = folder / f"{name}zone"
        make(path)
        rows.append(primary(name, path))
    with Zonedeckd(rows) as server:
        started(server)
        failed = []
        for name, _, numbers, named in BAD_FILES:
            try:
                bad_zone_file(server, folder, name, numbers, named)
            except Exception as why:
                failed.append(f"{name}: {why}")
        check(not failed, "\n  ".join(["not as it should be:"] + failed))
        by_state = server.status()["zones"]["by_state"]
        check_equal((by_state["ok"], by_state["failed"]), (1, len(BAD_FILES)), "zones by state")
        problems = server.status()["problems"]
        check(len(problems) >= len(BAD_FILES) and all(p["remedy"] for p in problems), problems)


def bad_zone_file(server, folder, name, numbers, named):
    if name == "unreadable.test." and os.geteuid() != 0 and os.access(folder / f"{name}zone", os.R_OK):
        return
    row = server.wait_zone(name, "failed")
    check(str(folder / f"{name}zone") in row["reason"], "the reason lacks the file:", row["reason"])
    check(named in row["reason"], f"the reason lacks {named!r}:", row["reason"])
    check_equal(server.ask(f"www.{name}", "A").rcode_name, "SERVFAIL", "answer")
    events = [e for e in server.events(subject=name) if e["number"] in numbers]
    check(events, f"no event {numbers}; there are {[e['number'] for e in server.events(subject=name)]}")
    check(events[0]["remedy"] and named in events[0]["text"], events[0])
    serving(server)


@case
def a_broken_new_file_takes_no_zone_away():
    folder = scratch()
    with Zonedeckd([good(folder)]) as server:
        started(server)
        for number, (what, content) in enumerate((
                ("syntax", broken_line(GOOD)), ("no SOA", "good.test. 60 IN NS ns.example.net.\n"),
                ("empty", ""), ("cut", zones.small(GOOD, serial=2)[:-200] + "x IN A"))):
            (folder / "good.zone").write_text(content)
            status, reply = server.http("POST", f"/v1/zones/{GOOD}/reload")
            check(status >= 400 and reply["result"] == "failed", what, status, reply)
            check("good.zone" in reply["text"], what, reply)
            row = server.wait_zone(GOOD, "stale")
            check_equal(row["serial"], 1, what)
            check("good.zone" in row["reason"], what, row)
            serving(server)
            check_equal(server.serial(GOOD), 1, what)
            # Started anew with the broken file, the last good version is still served.
            if number == 0:
                check_equal(server.stop(), 0, "exit status")
                server.launch(wait=False)
                server.wait_serial(GOOD, 1)
                server.wait_zone(GOOD, "stale")
            (folder / "good.zone").write_text(zones.small(GOOD, serial=1))
            server.post(f"/v1/zones/{GOOD}/reload")
            server.wait_zone(GOOD, "ok")
        (folder / "good.zone").unlink()
        status, reply = server.http("POST", f"/v1/zones/{GOOD}/reload")
        check(status >= 400, status, reply)
        server.wait_zone(GOOD, "stale")
        serving(server)
        server.wait_event(1502, GOOD)


# what, the configuration, what the error names
BAD_CONFIGS = [
    ("not YAML", "server:\n  listen: [127.0.0.1@{port}\nzones: {{\n", ("3:",)),
    ("binary", "\x00\x01\x02\x03", ("1:",)),
    ("empty", "", ("1:",)),
    ("unknown key", "server:\n  listen: [127.0.0.1@{port}]\n  thread: 2\n", ("3:3", "threads")),
    ("two zones of one name", "server:\n  listen: [127.0.0.1@{port}]\nzones:\n"
     "  - {{name: a.test., file: a}}\n  - {{name: A.test, file: b}}\n", (":5:", "line 4")),
    ("several at once", "server:\n  listen: [127.0.0.1@{port}, nonsense]\n  threads: many\nzoness: []\n",
     (":2:", ":3:", ":4:")),
]


@case
def bad_configuration_at_start():
    folder, port = scratch(), free_port()
    for what, config, named in BAD_CONFIGS:
        path = folder / "bad.yaml"
        path.write_text(config.format(port=port))
        for options in (["-c", path], ["-t", "-c", path]):
            done = subprocess.run([ours("zonedeckd"), *options], capture_output=True, text=True,
                                  errors="replace", timeout=patience(20), stdin=subprocess.DEVNULL)
            said = done.stdout + done.stderr
            check_equal(done.returncode, 2, f"{what}: exit status; said {said}")
            for part in ("bad.yaml", *named):
                check(part in said, f"{what}: {part!r} not named in: {said}")


@case
def bad_configuration_at_reload():
    """Nothing that runs is changed; event 506 says what is wrong; mended, it goes on."""
    folder = scratch()
    with Zonedeckd([good(folder)]) as server:
        started(server)
        generation, sound = server.status()["server"]["config_loaded"], server.config.read_text()
        for what, config, named in BAD_CONFIGS:
            server.config.write_text(config.format(port=server.port))
            status, reply = server.http("POST", "/v1/service/reload")
            check(status >= 400 and reply["result"] == "failed", what, status, reply)
            check(named[0] in reply["text"] or "zonedeck.yaml" in reply["text"], what, reply)
            event = server.wait_event(506)
            check("zonedeck.yaml" in event["text"], what, event)
            serving(server)
        check_equal(server.status()["server"]["config_loaded"], generation, "configuration in use")
        server.config.write_text(sound)
        server.post("/v1/service/reload")
        server.wait_event(540)
        serving(server)


@case
def a_port_in_use():
    """One address of two is taken: the other serves, and the event names the taken one."""
    for kind, number in ((socket.SOCK_DGRAM, 407), (socket.SOCK_STREAM, 404)):
        folder, port = scratch(), free_port()
        with socket.socket(socket.AF_INET, kind) as other:
            other.bind(("127.0.0.2", port))
            if kind == socket.SOCK_STREAM:
                other.listen()
            for threads in (1, 2):
                with Zonedeckd([good(folder)], port=port, threads=threads,
                               listen=[f"127.0.0.1@{port}", f"127.0.0.2@{port}"]) as server:
                    started(server)
                    event = server.wait_event(number)
                    check(f"127.0.0.2@{port}" in event["text"] and event["remedy"], event)


@case
def every_port_in_use():
    """No address at all: one clear line, exit status 1."""
    folder, port = scratch(), free_port()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other, \
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        other.bind(("127.0.0.1", port))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of before
        listener.bind(("127.0.0.1", port))
        listener.listen()
        server = Zonedeckd([good(folder)], port=port, listen=[f"127.0.0.1@{port}"])
        server.configure()
        server.launch(wait=False)
        try:
            check_equal(server.process.wait(patience(20)), 1, "exit status")
            check(f"127.0.0.1@{port}" in server.log_text() and "in use" in server.log_text(),
                  server.log_tail())
        finally:
            server.kill()


@case
def a_second_server_on_the_same_state():
    folder = scratch()
    with Zonedeckd([good(folder)]) as server:
        started(server)
        other = Zonedeckd([good(folder)], state=server.state)
        other.configure()
        other.launch(wait=False)
        try:
            check_equal(other.process.wait(patience(20)), 1, "exit status")
            check(str(server.state) in other.log_text(), other.log_tail())
        finally:
            other.kill()
        serving(server)


class Mounted:
    """A small file system of our own; Skip where it may not be mounted."""

    def __init__(self, options):
        self.path, self.options = scratch() / "fs", options

    def __enter__(self):
        self.path.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", self.options, "tmpfs", self.path],
                              capture_output=True, text=True)
        if done.returncode:
            raise Skip(f"mount: {done.stderr.strip()}")
        return self.path

    def __exit__(self, *_):
        subprocess.run(["umount", "-l", self.path], check=False)


def unusable_state(state, seconds=15):
    """Serves from memory, says so, and can be restarted and reloaded all the same."""
    folder = scratch()
    with Zonedeckd([good(folder)], state=state) as server:
        started(server)
        events = wait_until(lambda: server.events(8107) + server.events(3151), seconds,
                            "event 8107 or 3151")
        check(any(str(state) in e["text"] or str(state) in e["subject"] for e in events), events)
        check(all(e["remedy"] for e in events), events)
        (folder / "good.zone").write_text(zones.small(GOOD, serial=2))
        server.post(f"/v1/zones/{GOOD}/reload")
        server.wait_serial(GOOD, 2)
        server.wait_standby()
        server.post("/v1/service/restart")
        check_equal(server.serial(GOOD), 2, "restarted")
        serving(server)


@case
def state_directory_is_a_file():
    path = scratch() / "state"
    path.write_text("not a directory")
    unusable_state(path)


@case
def state_directory_is_read_only():
    with Mounted("ro,size=1m") as path:
        unusable_state(path)


@case
def state_directory_is_full():
    with Mounted("size=64k,mode=777") as path:
        filler = os.open(path / "filler", os.O_WRONLY | os.O_CREAT)
        try:
            while os.write(filler, b"x" * 4096):
                pass
        except OSError as why:
            check_equal(why.errno, errno.ENOSPC, "errno")
        finally:
            os.close(filler)
        unusable_state(path)


def flip(path):
    data = bytearray(path.read_bytes())
    for at in range(0, len(data), max(1, len(data) // 37)):
        data[at] ^= 0x5A
    path.write_bytes(data)


def flip_one_late_byte(path):
    data = bytearray(path.read_bytes())
    data[len(data) * 3 // 4] ^= 1
    path.write_bytes(data)


DAMAGES = [
    ("every part flipped", flip), ("one byte flipped", flip_one_late_byte),
    ("cut", lambda path: os.truncate(path, path.stat().st_size // 2)),
    ("empty", lambda path: os.truncate(path, 0)),
    ("longer", lambda path: path.write_bytes(path.read_bytes() + b"x" * 4096)),
    ("foreign", lambda path: path.write_bytes(os.urandom(path.stat().st_size))),
    ("of another zone", None),
]


@case
def damaged_images():
    """Each kind of damage is seen at the next start, reported, and mended from the zone file."""
    folder = scratch()
    (folder / "other.zone").write_text(zones.small("other.test."))
    with Zonedeckd([good(folder), primary("other.test.", folder / "other.zone")]) as server:
        started(server)
        reference = sorted(map(str, server.ask(f"www.{GOOD}", "A").answer))
        for number, (what, damage) in enumerate(DAMAGES, 1):
            check_equal(server.stop(), 0, "exit status")
            images = sorted(server.state.rglob("*.img"))
            mine = [i for i in images if "good.test" in i.name]
            check(len(images) == 2 and len(mine) == 1, "images", images)
            if damage:
                damage(mine[0])
            else:
                other = next(i for i in images if i not in mine)
                mine[0].write_bytes(other.read_bytes())
            server.launch()
            server.wait_zone(GOOD, "ok")
            started(server)
            check_equal(sorted(map(str, server.ask(f"www.{GOOD}", "A").answer)), reference, what)
            # A longer file may be taken when what it says it holds is whole.
            if what != "longer":
                event = server.wait_event(8106)
                check(GOOD in event["subject"] + event["text"], what, event)
            server.wait_serial("other.test.", 1)


@case
def images_may_be_deleted_at_any_time():
    folder = scratch()
    with Zonedeckd([good(folder)]) as server:
        started(server)
        for image in server.state.rglob("*.img"):
            image.unlink()
        serving(server)
        server.wait_standby()
        server.post("/v1/service/restart")
        serving(server)
        check_equal(server.stop(), 0, "exit status")
        server.launch()
        started(server)


@case
def a_datagram_that_is_no_query_hurts_nobody():
    """Random bytes, seeded; then good answers and no crash."""
    rng = random.Random(7)
    folder = scratch()
    with Zonedeckd([good(folder)]) as server:
        started(server)
        with client.connect("127.0.0.1", server.port, socket.SOCK_DGRAM) as sock:
            for _ in range(20000):
                sock.send(rng.randbytes(rng.randint(0, 600)))
                if rng.random() < 0.02:
                    serving(server)
        serving(server)
        check_equal(server.status()["server"]["crashes"], 0, "crashes")


main()
