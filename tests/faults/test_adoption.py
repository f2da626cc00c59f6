#!/usr/bin/env python3
"""The supervisor itself is killed: its processes serve on, and the next one takes them over.

A steady load in which every query is followed goes over the death and over the new start.
"""

import os
import signal
import socket
import time

from zdtest import client, zones
from zdtest.data import scratch
from zdtest.load import Steady
from zdtest.runner import Failure, case, check, check_equal, main, patience, wait_until
from zdtest.servers import Zonedeckd, members, primary

RATE, SECONDS = 3000, 6
ZONE = "load.test."
FOLDER = scratch()
FILE = zones.delegations(FOLDER / "zone", ZONE, 5000)
QUERIES = zones.delegation_queries(FOLDER / "queries", ZONE, 5000, 15000)
LOST = FOLDER / "lost"


class Lives(Zonedeckd):
    """A server whose processes belong to several sessions, one a supervisor."""

    def __init__(self, **options):
        super().__init__([primary(ZONE, FILE)], **options)
        self.before = []

    def kill_supervisor(self):
        self.before.append(self.session)
        self.process.kill()
        self.process.wait()

    def again(self):
        """Killed and started again."""
        self.kill_supervisor()
        self.launch()

    def ready(self):
        """The endpoint of the supervisor before answers as well: asked is the new one."""
        try:
            return super().ready() and self.process_of("supervisor")["pid"] == self.process.pid
        except (OSError, Failure):
            return False

    def wait_adopted(self, orphan):
        """The orphan has been followed by another process, and nothing is left of the past."""
        wait_until(lambda: self.active() not in (0, orphan), 20, "another active process",
                   alive=self.alive)
        wait_until(lambda: not any(members(session) for session in self.before), 10,
                   "the processes of the supervisor before have ended")

    def kill(self):
        super().kill()
        for session in self.before:
            for pid in members(session):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass


def under_load(running, act, wait=3):
    running.wait_serial(ZONE, 1)
    with Steady(running.port, QUERIES, RATE, SECONDS, LOST, wait) as load:
        load.at(1)
        act()
        result = load.result()
    print(f"  {result}")
    check_equal(result["sent"], RATE * SECONDS, "sent")
    check_equal(result["servfail"], 0, "SERVFAIL")
    check(result["lost"] == 0, f"{result['lost']} lost, for example",
          LOST.read_text().splitlines()[:3])


@case
def the_next_supervisor_takes_over():
    with Lives() as running:
        running.wait_standby()
        orphan = running.active()

        def act():
            running.again()
            running.wait_adopted(orphan)
        under_load(running, act)
        event = running.wait_event(8110)
        check(str(orphan) in event["text"], event)
        running.wait_standby()
        check_equal(running.status()["server"]["crashes"], 0, "crashes")
        check_equal(running.events(8102), [], "hangs")
        check_equal(running.stop(), 0, "exit status")
        check_equal(members(running.session), {}, "processes left")


@case
def a_bad_zone_leaves_the_orphan_alone():
    with Lives() as running:
        running.wait_standby()
        orphan, good = running.active(), running.config.read_text()
        running.kill_supervisor()
        running.config.write_text(good + "  - {name: bad..name, file: a}\n")
        running.launch(wait=False)
        check_equal(running.process.wait(patience(20)), 2, "exit status")
        check(f"{running.config}:{len(good.splitlines()) + 1}:" in running.log_text(), "the place")
        check(orphan in members(running.before[0]), "the orphan has ended")
        check_equal(running.ask(ZONE, "SOA").rcode, 0, "its answer")
        running.config.write_text(good)
        running.launch()
        running.wait_adopted(orphan)


@case
def again_and_again():
    with Lives() as running:
        def act():
            for _ in range(3):
                running.wait_standby()
                orphan = running.active()
                running.again()
                running.wait_adopted(orphan)
        under_load(running, act, wait=8)


@case
def the_second_dies_while_it_takes_over():
    """Wherever in its start it is killed, the third one finds what serves."""
    with Lives() as running:
        def act():
            running.kill_supervisor()
            for attempt in range(12):
                orphaned = time.monotonic()
                running.launch(wait=False)
                while time.monotonic() - orphaned < 0.02 * attempt:
                    pass
                running.kill_supervisor()
            running.launch()
            wait_until(lambda: running.events(8110), 20, "taken over", alive=running.alive)
        running.wait_serial(ZONE, 1)
        act()
        running.wait_serial(ZONE, 1)
        wait_until(lambda: not any(members(session) for session in running.before), 10,
                   "the processes of the supervisors before have ended")


@case
def a_standby_that_took_over_is_taken_over():
    with Lives() as running:
        standby, orphan = running.wait_standby(), running.active()

        def act():
            running.kill_supervisor()
            os.kill(orphan, signal.SIGTERM)
            wait_until(lambda: orphan not in members(running.before[0]), 5, "its end")
            running.wait_serial(ZONE, 1)
            running.launch()
            running.wait_adopted(standby)
        running.wait_serial(ZONE, 1)
        act()
        check(str(standby) in running.wait_event(8110)["text"], "who was taken over")


@case
def other_addresses_and_workers():
    """The configuration was changed in between: as in a reload, what stays loses nothing."""
    with Lives(threads=2) as running:
        orphan = running.active()

        def act():
            running.kill_supervisor()
            running.threads = 3
            running.listen = [f"127.0.0.1@{running.port}", f"127.0.0.2@{running.port}"]
            running.configure()
            running.launch()
            running.wait_adopted(orphan)
        under_load(running, act)
        check(running.ask(ZONE, "SOA", address="127.0.0.2").answer, "the new address")
        try:
            running.ask(ZONE, "SOA", address="::1", tries=1, timeout=0.5)
            check(False, "the old address still answers")
        except (OSError, client.Timeout):
            pass


@case
def a_connection_outlives_the_supervisor():
    with Lives() as running:
        orphan = running.active()
        with socket.create_connection(("127.0.0.1", running.port), 10) as sock:
            query = bytes.fromhex("0001000000010000000000000000060001")
            def asked():
                sock.sendall(len(query).to_bytes(2, "big") + query)
                return sock.recv(2)
            check(asked(), "an answer before")
            sock.recv(512)
            running.again()
            wait_until(lambda: running.active() not in (0, orphan), 20, "another active process")
            check(asked(), "an answer after")
        running.wait_adopted(orphan)


@case
def nobody_serves_any_more():
    """The keeper and the endpoint alone are left: they are ended, and everything starts anew."""
    with Lives() as running:
        standby, active = running.wait_standby(), running.active()
        running.kill_supervisor()
        for pid in (standby, active):
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not {standby, active} & set(members(running.before[0])), 5, "their end")
        running.launch()
        running.wait_serial(ZONE, 1)
        running.wait_adopted(active)
        check_equal(running.events(8110), [], "taken over")


@case
def one_that_hangs_is_not_waited_for():
    with Lives() as running:
        standby, active = running.wait_standby(), running.active()
        for pid in (standby, active):
            os.kill(pid, signal.SIGSTOP)
        running.again()
        running.wait_serial(ZONE, 1)
        running.wait_adopted(active)


@case
def the_next_start_waits_for_the_end_of_the_last():
    """The start right after "stopped": the lock is not free yet, and that is no error."""
    with Lives() as running:
        for _ in range(5):
            before = running.process
            running.post("/v1/service/stop")
            running.launch()
            check_equal(before.wait(20), 0, "exit status")
            running.wait_serial(ZONE, 1)


@case
def signals_of_other_servers_are_ignored():
    with Lives() as running:
        running.wait_standby()
        pids = [row["pid"] for row in running.status()["processes"] if row["pid"]]
        for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGPIPE):
            running.signal(number)
            running.signal(number)
        for pid in pids:
            os.kill(pid, signal.SIGUSR1)
        wait_until(lambda: "signal 12" in running.log_text(), 5, "it is told", alive=running.alive)
        check_equal(running.log_text().count("signal 10 "), 1, "told of USR1")
        running.wait_serial(ZONE, 1)
        check(set(pids) <= set(members(running.session)), "a process has ended")


main()
