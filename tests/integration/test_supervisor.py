#!/usr/bin/env python3
"""The supervisor with real processes: command line and exit statuses, what each child is given, deaths
of every role at every moment, restarts and reloads that go wrong, stopping.

Under load, with every query followed: tests/faults/test_processes.py.
"""

import os
import pathlib
import re
import signal
import socket
import subprocess
import time

from zdtest import client, zones
from zdtest.data import scratch
from zdtest.runner import Skip, case, check, check_equal, main, patience, sanitized, wait_until
from zdtest.servers import Key, Zonedeckd, free_port, members, ours, primary

ZONE = "example.test."
ROLES = ("supervisor", "serve", "keeper", "endpoint")


def server(**options):
    folder = scratch()
    (folder / "zone").write_text(zones.small(ZONE))
    return Zonedeckd([primary(ZONE, folder / "zone")], **options)


def run(*arguments):
    return subprocess.run([str(ours("zonedeckd")), *map(str, arguments)], capture_output=True,
                          text=True, timeout=patience(30), check=False)


def kill(pid, number=signal.SIGKILL):
    os.kill(pid, number)


def title(pid):
    try:
        return pathlib.Path("/proc", str(pid), "cmdline").read_bytes().rstrip(b"\0").decode()
    except OSError:
        return ""


def children(running):
    """{pid: title} of the processes the supervisor started."""
    return {pid: title(pid) for pid, parent in members(running.session).items()
            if parent == running.process.pid}


def pid_of(running, name):
    """The one child with this title, once there is exactly one."""
    def only():
        pids = [pid for pid, text in children(running).items() if text == f"zonedeckd: {name}"]
        return pids[0] if len(pids) == 1 else None
    return wait_until(only, 20, f"one {name}", alive=running.alive)


def answered(running, address=None, seconds=10):
    def asked():
        try:
            return running.ask(ZONE, "SOA", tries=1, timeout=0.5,
                               **({"address": address} if address else {})).answer
        except (client.Timeout, OSError):
            return None
    return wait_until(asked, seconds, f"an answer from {address or running.address}",
                      alive=running.alive)


def whole(running):
    """Every role is there, and it answers."""
    pid_of(running, "keeper"), pid_of(running, "endpoint"), pid_of(running, "serve")
    wait_until(running.ready, 20, "ready", alive=running.alive)
    running.wait_standby()
    answered(running)


@case
def command_line():
    for arguments, status, out, err in (
            (["-h"], 0, "usage: zonedeckd", ""),
            (["--help"], 0, "usage: zonedeckd", ""),
            (["-V"], 0, "zonedeckd ", ""),
            (["--version"], 0, "zonedeckd ", ""),
            ([], 2, "", "-c FILE is missing"),
            (["-t"], 2, "", "usage:"),
            (["-c"], 2, "", "-c needs a file"),
            (["-x"], 2, "", "unknown option"),
            (["--listen"], 2, "", "unknown option"),
            (["-c", "a", "b"], 2, "", "too many arguments"),
            (["-t", "zone"], 2, "", "usage:"),
            (["-t", "zone", "file", "more"], 2, "", "usage:"),
            (["--role", "serve"], 2, "", "usage:"),
            (["-c", "/nonexistent/zonedeck.yaml"], 2, "", "/nonexistent/zonedeck.yaml"),
            (["-t", "-c", "/nonexistent/zonedeck.yaml"], 2, "", "/nonexistent/zonedeck.yaml")):
        done = run(*arguments)
        check_equal(done.returncode, status, f"{arguments}: status ({done.stderr})")
        check(out in done.stdout and err in done.stderr, arguments, done)


@case
def checks_without_running():
    """-t: 0 fine, 1 a zone cannot be served, 2 bad configuration, every error at its place."""
    folder = scratch()
    good, bad = folder / "good.zone", folder / "bad.zone"
    good.write_text(zones.small(ZONE))
    bad.write_text("@ IN SOA oops\n")
    checked = Zonedeckd([primary(ZONE, good)])
    checked.configure()
    done = run("-t", "-c", checked.config)
    check_equal(done.returncode, 0, "good configuration")
    check("all of 1 zones can be served" in done.stdout, done)
    check_equal(run("-t", ZONE, good).returncode, 0, "good zone")
    done = run("-t", ZONE, bad)
    check_equal(done.returncode, 1, "bad zone")
    check(re.search(r"bad\.zone:1:\d+: ", done.stdout + done.stderr), done)
    checked.keys = [Key("k.example.")]
    checked.configure()
    for mode in (0o604, 0o640):
        checked.config.chmod(mode)
        done = run("-t", "-c", checked.config)
        check_equal(done.returncode, 0, "a configuration with a key")
        check_equal("everybody may read it" in done.stderr, mode == 0o604, done.stderr)
    checked.zones = [primary(ZONE, bad)]
    checked.configure()
    done = run("-t", "-c", checked.config)
    check_equal(done.returncode, 1, "configuration of a bad zone")
    check("1 of 1 zones cannot be served" in done.stdout, done)
    checked.zones = [primary(ZONE, good)]
    checked.configure()
    checked.state.write_text("")
    done = run("-t", "-c", checked.config)
    check_equal(done.returncode, 1, "a state that is a file")
    check("server.state" in done.stderr, done)
    checked.config.write_text("server:\n  listen: [nowhere]\n  threads: many\nzone: []\n")
    done = run("-t", "-c", checked.config)
    check_equal(done.returncode, 2, "bad configuration")
    for place in (":2:12: ", ":3:12: ", ":4:1: "):
        check(str(checked.config) + place in done.stderr, place, done.stderr)
    done = run("-c", checked.config)
    check_equal(done.returncode, 2, "running a bad configuration")
    check(str(checked.config) + ":3:12: " in done.stderr, done.stderr)


@case
def a_bad_zone_ends_a_start():
    """Zones are checked by the keeper, which is started before they are."""
    running = server()
    running.configure()
    good = running.config.read_text()
    begin = good.index("zones:")
    running.config.write_text(good[:begin] + "zones:\n  - name: bad..name\n    file: a\n" +
                              "  - name: twin.test\n    file: a\n" * 2)
    line = good[:begin].count("\n") + 2
    done = run("-c", running.config)
    check_equal(done.returncode, 2, "exit status")
    for at in line, line + 4:
        check_equal(done.stderr.count(f"{running.config}:{at}:"), 1, f"line {at} in {done.stderr}")
    check("ended by itself" not in done.stderr, "told as a crash", done.stderr)
    running.config.write_text(good)
    running.launch()
    with running:
        whole(running)


@case
def an_unknown_user_is_refused():
    if os.geteuid() != 0:
        raise Skip("only root changes the user")
    running = server(server_extra="  user: no-such-user")
    running.configure()
    for options in ("-c",), ("-t", "-c"):
        done = run(*options, running.config)
        check_equal(done.returncode, 2, "exit status")
        check("no-such-user" in done.stderr and "useradd" in done.stderr, done.stderr)


@case
def titles_and_rows():
    with server() as running:
        whole(running)
        check_equal(title(running.process.pid), "zonedeckd: supervisor", "title")
        check_equal(sorted(children(running).values()),
                    ["zonedeckd: endpoint", "zonedeckd: keeper", "zonedeckd: serve",
                     "zonedeckd: serve (standby)"], "titles")
        for pid in children(running):
            comm = pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
            check_equal(comm, "zonedeckd", "name in top")
        pids = {p["pid"] for p in running.status()["processes"] if p["state"] != "dead"}
        check_equal(pids, {running.process.pid, *children(running)}, "pids in /v1/status")


@case
def children_are_the_user_and_nobody_else():
    if os.geteuid() != 0:
        raise Skip("only root changes the user")
    with server() as running:
        whole(running)
        for pid, name in children(running).items():
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            for field, allowed in (("Uid", {"65534"}), ("CapEff", {"0" * 16}),
                                   ("CapPrm", {"0" * 16}), ("NoNewPrivs", {"1"})):
                values = set(re.search(rf"^{field}:\s*(.*)$", status, re.M).group(1).split())
                check_equal(values, allowed, f"{name}: {field}")
            check("0" not in re.search(r"^Groups:(.*)$", status, re.M).group(1).split(),
                  name, "is in root's group")
        check_equal(os.stat(running.state).st_uid, 65534, "owner of the state directory")
        check_equal(os.stat(running.state).st_mode & 0o777, 0o700, "its mode")
        for secret in ("hash.key", "token"):
            check_equal(os.stat(running.state / secret).st_mode & 0o777, 0o600, secret)


@case
def children_inherit_what_they_need():
    """The keeper holds no socket that strangers can reach, the endpoint none of DNS; descriptors the
    server was started with reach nobody."""
    with open("/dev/zero", "rb") as stray:
        os.set_inheritable(stray.fileno(), True)
        running = server()
        running.configure()
        with open(running.log, "ab") as log:
            running.process = subprocess.Popen(
                [str(part) for part in running.command()], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, cwd=running.folder, start_new_session=True, close_fds=False)
        running.session = running.process.pid
    try:
        wait_until(running.ready, 30, "ready", alive=running.alive)
        for role, wants in (("keeper", 0), ("endpoint", 0), ("serve", 8)):
            pid = pid_of(running, role)
            links = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
            check("/dev/zero" not in links, role, "inherited a stray descriptor")
            check_equal(len(links & dns_sockets(running.port)), wants, f"DNS sockets of {role}")
            check(not any("zonedeck-config" in link for link in links), role, "has the configuration")
    finally:
        running.kill()


def dns_sockets(port):
    found = set()
    for table in ("udp", "udp6", "tcp", "tcp6"):
        for line in pathlib.Path("/proc/net", table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[1].endswith(f":{port:04X}") and fields[3] in ("07", "0A"):
                found.add(f"socket:[{fields[9]}]")
    return found


@case
def every_death_is_survived():
    """Each role, by each signal: told with the number of the signal, replaced, counted."""
    with server() as running:
        whole(running)
        deaths = 0
        for name in ("serve", "serve (standby)", "keeper", "endpoint"):
            # A sanitizer turns SIGSEGV into an exit.
            for number in (signal.SIGKILL, signal.SIGABRT if sanitized() else signal.SIGSEGV):
                whole(running)
                pid = pid_of(running, name)
                kill(pid, number)
                deaths += 1
                wait_until(lambda pid=pid: pid not in children(running), 10, f"end of {pid}")
                whole(running)
                event = running.wait_event(8101, text=f"pid {pid} was killed by signal {int(number)}")
                check_equal(event["subject"], name.split()[0], "subject")
                check_equal(running.status()["server"]["crashes"], deaths, "crashes")
        check_equal(running.status()["server"]["restarts"], 0, "restarts")


@case
def active_and_standby_die_together():
    with server() as running:
        for _ in range(3):
            whole(running)
            pids = [pid_of(running, "serve"), pid_of(running, "serve (standby)")]
            for pid in pids:
                kill(pid)
            wait_until(lambda: running.active() not in pids, 20, "another active process")
            answered(running)
        whole(running)


@case
def everyone_dies_together():
    with server() as running:
        whole(running)
        for pid in children(running):
            kill(pid)
        answered(running, seconds=20)
        whole(running)


@case
def a_process_that_dies_again_and_again_waits():
    """Starts come apart, which is told once; the data plane does not notice."""
    with server() as running:
        whole(running)
        serving = pid_of(running, "serve")
        before = None
        for _ in range(5):
            def another(old=before):
                pid = pid_of(running, "keeper")
                return pid if pid != old else None
            before = wait_until(another, 20, "the next keeper")
            kill(before)
        whole(running)
        check_equal(sum(e["count"] for e in running.events(8104)), 1, "told")
        check_equal(running.events(8104)[0]["subject"], "keeper", "subject")
        check_equal(pid_of(running, "serve"), serving, "serving process")


@case
def hangs_of_every_role():
    with server() as running:
        for name in ("serve (standby)", "keeper", "endpoint"):
            whole(running)
            pid = pid_of(running, name)
            kill(pid, signal.SIGSTOP)
            wait_until(lambda pid=pid: pid not in children(running), 30, f"end of {name}",
                       alive=running.alive)
            whole(running)
            running.wait_event(8102, text=f"pid {pid}:")
        check_equal(len(running.events(8102)), 3, "hangs")


@case
def a_query_that_kills_or_hangs_is_survived():
    """Drills: the standby goes on; what killed is quarantined."""
    with server(server_extra="  drills: true" + ("\n  user: nobody" if os.geteuid() == 0 else "")) as running:
        for name, seconds in (("segv.drill.zonedeck.", 10), ("hang.drill.zonedeck.", 30)):
            whole(running)
            before = running.active()
            try:
                running.ask(name, "A", tries=1, timeout=0.2)
            except (client.Timeout, OSError):
                pass
            wait_until(lambda before=before: running.active() != before, seconds, name,
                       alive=running.alive)
            answered(running)
            whole(running)
        running.wait_event(8101, text="signal 11")
        running.wait_event(8105)
        running.wait_event(8102)


@case
def one_restart_at_a_time():
    """A second one that comes while the new process gets ready is refused, and does no harm."""
    with server() as running:
        whole(running)
        # A keeper that stands still cannot give the new process its zones: the restart lasts.
        keeper = pid_of(running, "keeper")
        kill(keeper, signal.SIGSTOP)
        try:
            waiting = start_action(running, "/v1/service/restart")
            wait_until(lambda: list(children(running).values()).count("zonedeckd: serve (standby)") == 2,
                       10, "the new process", alive=running.alive)
            status, reply = running.http("POST", "/v1/service/restart")
            check(status >= 400 and "running" in str(reply), status, reply)
        finally:
            kill(keeper, signal.SIGCONT)
        check(b"200" in finish_action(waiting), "the first restart")
        whole(running)
        check_equal(running.status()["server"]["restarts"], 1, "restarts")


def start_action(running, path):
    """Sends a POST and leaves it open."""
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(patience(60))
    sock.connect(str(running.socket))
    sock.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                 "Content-Length: 2\r\nConnection: close\r\n\r\n{}".encode())
    return sock


def finish_action(sock):
    reply = b""
    with sock:
        while part := sock.recv(65536):
            reply += part
    return reply


@case
def a_restart_whose_new_process_dies_changes_nothing():
    with server() as running:
        whole(running)
        active, known = pid_of(running, "serve"), set(children(running))
        keeper = pid_of(running, "keeper")
        kill(keeper, signal.SIGSTOP)
        try:
            waiting = start_action(running, "/v1/service/restart")
            new = wait_until(lambda: set(children(running)) - known, 10, "the new process")
            kill(new.pop())
        finally:
            kill(keeper, signal.SIGCONT)
        reply = finish_action(waiting)
        check(b"failed" in reply, reply)
        running.wait_event(8103)
        check_equal(running.active(), active, "active process")
        whole(running)
        running.post("/v1/service/restart")
        whole(running)
        check_equal(running.status()["server"]["restarts"], 1, "restarts")


@case
def the_active_process_dies_within_a_restart():
    with server() as running:
        whole(running)
        active, known = pid_of(running, "serve"), set(children(running))
        keeper = pid_of(running, "keeper")
        kill(keeper, signal.SIGSTOP)
        try:
            waiting = start_action(running, "/v1/service/restart")
            wait_until(lambda: set(children(running)) - known, 10, "the new process")
            kill(active)
            wait_until(lambda: running.active() != active, 10, "the standby took over")
        finally:
            kill(keeper, signal.SIGCONT)
        finish_action(waiting)
        whole(running)
        answered(running)


@case
def a_drain_that_never_ends_is_cut():
    """The active process stands still when it is told to drain: the new one goes on with its ring."""
    with server() as running:
        whole(running)
        active = pid_of(running, "serve")
        kill(active, signal.SIGSTOP)
        running.post("/v1/service/restart")
        check(running.active() != active, "the same process is active")
        wait_until(lambda: active not in children(running), 10, "end of the old process")
        answered(running)
        whole(running)
        check_equal(running.status()["server"]["restarts"], 1, "restarts")


@case
def more_and_fewer_workers():
    with server(threads=1) as running:
        counted = 0
        for threads in (3, 1, 2):
            whole(running)
            running.threads = threads
            running.configure()
            running.post("/v1/service/reload")
            check_equal(running.status()["server"]["workers"], threads, "workers")
            for _ in range(50):
                answered(running)
            before, counted = counted, running.status()["counters"]["udp4_queries"]
            check(counted >= before + 50, "counters went back:", before, counted)
        whole(running)


@case
def addresses_come_and_go():
    with server() as running:
        other = f"127.0.0.2@{running.port}"
        running.listen.append(other)
        running.configure()
        running.post("/v1/service/reload")
        answered(running, "127.0.0.2")
        running.listen.remove(other)
        running.configure()
        running.post("/v1/service/reload")
        wait_until(lambda: not port_open("127.0.0.2", running.port), 10, "TCP is refused")
        answered(running)
        # And again: nothing of the first time is in the way.
        running.listen.append(other)
        running.configure()
        running.post("/v1/service/reload")
        answered(running, "127.0.0.2")
        check_equal(running.status()["server"]["restarts"], 3, "restarts")


def was_read(sock):
    """Has the server read all that was sent over this connection?"""
    here = f"{sock.getsockname()[1]:04X}"
    for line in open("/proc/net/tcp"):
        field = line.split()
        if field[2].endswith(":" + here):
            return int(field[4].split(":")[1], 16) == 0
    return False


@case
def an_address_comes_back_while_old_connections_finish():
    """The process that served it lives on for a query that has not come whole."""
    with server() as running:
        other = f"127.0.0.2@{running.port}"

        def reload_with(addresses):
            running.listen = addresses
            running.configure()
            running.post("/v1/service/reload")

        one = list(running.listen)
        reload_with(one + [other])
        answered(running, "127.0.0.2")
        with client.connect(running.address, running.port) as slow:
            query = client.framed(client.dns.query(ZONE, "SOA"))
            slow.sendall(query)
            client.read_message(slow)
            slow.sendall(query[:-1])
            wait_until(lambda: was_read(slow), 5, "the unfinished query was read")
            old = running.active()
            reload_with(one)
            check(old in children(running), "the old process did not wait for the connection")
            # The one that serves, its standby, and the old one: there is room for one more.
            wait_until(lambda: sum("serve" in name for name in children(running).values()) == 3, 10,
                       "three serve processes")
            reload_with(one + [other])
            answered(running, "127.0.0.2")
            check(old in children(running), "the old process did not wait for the connection")
            slow.sendall(query[-1:])
            client.read_message(slow)
        whole(running)


def port_open(address, port):
    with socket.socket() as sock:
        sock.settimeout(1)
        try:
            sock.connect((address, port))
            return True
        except OSError:
            return False


@case
def a_reload_whose_address_is_taken_changes_nothing():
    with server() as running:
        before = pid_of(running, "serve")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.2", running.port))
            running.listen.append(f"127.0.0.2@{running.port}")
            running.configure()
            status, reply = running.http("POST", "/v1/service/reload")
            check(status >= 400 and "in use" in str(reply), status, reply)
            running.wait_event(407, text=f"127.0.0.2@{running.port}")
            check_equal(pid_of(running, "serve"), before, "active process")
        running.post("/v1/service/reload")
        answered(running, "127.0.0.2")


@case
def an_address_taken_at_the_start_is_tried_again():
    port = free_port()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.2", port))
        running = server(port=port, listen=[f"127.0.0.1@{port}", f"127.0.0.2@{port}"]).start()
        # It does not stop a reload of the rest.
        running.post("/v1/service/reload")
    with running:
        running.post("/v1/service/reload")
        answered(running, "127.0.0.2")


@case
def the_endpoint_moves():
    with server() as running:
        whole(running)
        serving, old = pid_of(running, "serve"), running.socket
        running.socket = running.folder / "other.sock"
        running.configure()
        kill(running.process.pid, signal.SIGHUP)
        wait_until(running.ready, 20, "the new socket answers", alive=running.alive)
        check(not old.exists(), "the old socket is left")
        check_equal(pid_of(running, "serve"), serving, "active process")
        check_equal(running.status()["server"]["crashes"], 0, "crashes")


@case
def state_and_user_stay():
    with server() as running:
        running.state = running.folder / "elsewhere"
        running.configure()
        status, reply = running.http("POST", "/v1/service/reload")
        check(status >= 400 and "server.state" in str(reply), status, reply)
        running.wait_event(506, text="server.state")
        check(not running.state.exists(), "the new directory was made")


@case
def a_flood_of_signals():
    with server() as running:
        whole(running)
        serving = pid_of(running, "serve")
        for _ in range(300):
            kill(running.process.pid, signal.SIGHUP)
        running.wait_event(540)
        whole(running)
        check_equal(pid_of(running, "serve"), serving, "active process")
        check_equal(running.stop(), 0, "exit status")


@case
def stop_by_action():
    """The answer comes when it has stopped serving; then everything ends with status 0."""
    with server() as running:
        whole(running)
        running.post("/v1/service/stop")
        check(not answers_now(running), "it still answers")
        check_equal(running.process.wait(patience(15)), 0, "exit status")
        check_equal(members(running.session), {}, "processes left")
        check(not running.socket.exists(), "the socket is left")


def answers_now(running):
    try:
        running.ask(ZONE, "SOA", tries=1, timeout=0.3)
        return True
    except (client.Timeout, OSError):
        return False


@case
def stop_by_each_signal():
    for number in (signal.SIGTERM, signal.SIGINT):
        with server() as running:
            whole(running)
            kill(running.process.pid, number)
            check_equal(running.process.wait(patience(15)), 0, "exit status")
            check_equal(members(running.session), {}, "processes left")


@case
def a_second_signal_ends_it_at_once():
    with server() as running:
        whole(running)
        # It would be waited for.
        kill(pid_of(running, "serve"), signal.SIGSTOP)
        kill(running.process.pid, signal.SIGTERM)
        wait_until(lambda: "serve (standby)" not in str(children(running)), 10, "the standby ends")
        begun = time.monotonic()
        kill(running.process.pid, signal.SIGTERM)
        check_equal(running.process.wait(patience(15)), 0, "exit status")
        check(time.monotonic() - begun < patience(3), "it waited")
        check_equal(members(running.session), {}, "processes left")


@case
def a_terminal_interrupts_the_supervisor_only():
    """Ctrl-C goes to the whole foreground process group: the children are not in it."""
    with server() as running:
        whole(running)
        for pid in children(running):
            check_equal(os.getpgid(pid), pid, "process group")
            check_equal(os.getsid(pid), running.session, "session")


@case
def the_service_outlives_the_supervisor():
    """Nobody watches any more, yet queries are answered."""
    with server() as running:
        whole(running)
        kill(running.process.pid)
        running.process.wait()
        for _ in range(20):
            check(running.ask(ZONE, "SOA").answer, "an answer")


@case
def memory_above_its_limit_is_told_once():
    with server(extra="policy: {memory-limit: 1M}") as running:
        running.wait_event(5051, seconds=20)
        running.post("/v1/service/reload")
        whole(running)
        check_equal(sum(e["count"] for e in running.events(5051)), 1, "told")


@case
def the_program_is_replaced_under_a_running_server():
    """A restart picks up the file that is there; when there is none, the running one."""
    folder = scratch()
    copy = folder / "zonedeckd"
    os.chmod(folder, 0o755)
    subprocess.run(["cp", ours("zonedeckd"), copy], check=True)
    running = server()
    running.command = lambda: [copy, "-c", running.config]
    with running:
        whole(running)
        copy.rename(folder / "old")
        subprocess.run(["cp", ours("zonedeckd"), copy], check=True)
        running.post("/v1/service/restart")
        check_equal(os.readlink(f"/proc/{running.active()}/exe"), str(copy), "program")
        whole(running)
        copy.unlink()
        running.post("/v1/service/restart")
        whole(running)


main()
