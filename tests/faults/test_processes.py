#!/usr/bin/env python3
"""Restart, crash, hang and stop of each process under a steady load in which every query is followed.

3,000 queries a second for 4 seconds; what happens, happens in the middle. The full measure is
scripts/bench faults.
"""

import os
import signal
import time

from zdtest import client, zones
from zdtest.data import scratch
from zdtest.load import Steady
from zdtest.runner import case, check, check_equal, main, wait_until
from zdtest.servers import Zonedeckd, members, primary

RATE, SECONDS = 3000, 4
ZONE = "load.test."
FOLDER = scratch()
FILE = zones.delegations(FOLDER / "zone", ZONE, 5000)
QUERIES = zones.delegation_queries(FOLDER / "queries", ZONE, 5000, RATE * SECONDS)
LOST = FOLDER / "lost"


def server(**options):
    return Zonedeckd([primary(ZONE, FILE)], **options)


def under_load(running, act, wait=2):
    """act() in the middle of a load; the load's result."""
    running.wait_serial(ZONE, 1)
    with Steady(running.port, QUERIES, RATE, SECONDS, LOST, wait) as load:
        load.at(SECONDS / 2)
        act()
        result = load.result()
    print(f"  {result}")
    check_equal(result["sent"], RATE * SECONDS, "sent")
    check_equal(result["servfail"], 0, "SERVFAIL")
    return result


def lost_at_most(result, limit):
    check(result["lost"] <= limit, f"{result['lost']} lost, for example",
          LOST.read_text().splitlines()[:3])


@case
def restart_loses_nothing():
    with server() as running:
        running.wait_standby()
        before = running.active()
        result = under_load(running, lambda: running.post("/v1/service/restart"))
        lost_at_most(result, 0)
        check(running.active() != before, "the same process is active")
        check_equal(running.status()["server"]["restarts"], 1, "restarts")
        check_equal(running.status()["server"]["crashes"], 0, "crashes")
        running.wait_event(8100)
        running.wait_standby()


@case
def restarts_one_after_another_lose_nothing():
    with server() as running:
        def act():
            for _ in range(3):
                running.wait_standby()
                running.post("/v1/service/restart")
        lost_at_most(under_load(running, act, wait=4), 0)
        check_equal(running.status()["server"]["restarts"], 3, "restarts")


@case
def kill_of_the_active_process():
    with server() as running:
        running.wait_standby()
        before = running.active()
        result = under_load(running, lambda: os.kill(before, signal.SIGKILL))
        lost_at_most(result, 64)
        wait_until(lambda: running.active() != before, 10, "another active process")
        check_equal(running.status()["server"]["crashes"], 1, "crashes")
        event = running.wait_event(8101, text=str(before))
        check("serve" in event["subject"] and "9" in event["text"], event)
        running.wait_standby()


@case
def kill_again_and_again():
    """Each successor dies as well; the standby is given time to stand."""
    with server() as running:
        def act():
            for _ in range(3):
                running.wait_standby()
                victim = running.active()
                os.kill(victim, signal.SIGKILL)
                wait_until(lambda: running.active() != victim, 10, "another active process")
        result = under_load(running, act, wait=6)
        lost_at_most(result, 3 * 64)
        wait_until(lambda: running.status()["server"]["crashes"] == 3, 10, "three crashes")
        check(running.ask(ZONE, "SOA").answer, "SOA")


def kill_of_a_helper(role):
    with server() as running:
        before = running.process_of(role)["pid"]
        result = under_load(running, lambda: os.kill(before, signal.SIGKILL))
        lost_at_most(result, 0)
        # The endpoint itself may be the one that is gone: asked again until it is back.
        def back():
            try:
                row = running.process_of(role)
            except OSError:
                return None
            return row if row and row["pid"] != before and row["state"] != "dead" else None
        wait_until(back, 15, f"{role} is back")
        event = running.wait_event(8101, text=str(before))
        check(role in event["subject"], event)
        check_equal(running.process_of("serve", "active")["starts"], 1, "serve was left alone")


@case
def kill_of_the_keeper():
    kill_of_a_helper("keeper")


@case
def kill_of_the_endpoint():
    kill_of_a_helper("endpoint")


@case
def the_keeper_works_after_its_death():
    """A reload after the keeper was replaced reaches the process that serves."""
    folder = scratch()
    (folder / "zone").write_text(zones.small("again.test."))
    with Zonedeckd([primary("again.test.", folder / "zone")]) as running:
        before = running.process_of("keeper")["pid"]
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: running.process_of("keeper")["pid"] != before
                   and running.process_of("keeper")["state"] == "active", 15, "keeper is back")
        (folder / "zone").write_text(zones.small("again.test.", serial=2))
        wait_until(lambda: running.http("POST", "/v1/zones/again.test./reload")[0] == 200, 15,
                   "reload")
        running.wait_serial("again.test.", 2)


@case
def sighup_with_new_zones():
    folder = scratch()
    (folder / "new.zone").write_text(zones.small("new.test."))
    (folder / "gone.zone").write_text(zones.small("gone.test."))
    running = Zonedeckd([primary(ZONE, FILE), primary("gone.test.", folder / "gone.zone")])
    with running:
        check_equal(running.serial("gone.test."), 1, "gone.test. before")

        def act():
            running.zones = [primary(ZONE, FILE), primary("new.test.", folder / "new.zone")]
            running.configure()
            running.signal(signal.SIGHUP)
            running.wait_serial("new.test.", 1)
            wait_until(lambda: running.ask("gone.test.", "SOA").rcode_name == "REFUSED", 10,
                       "gone.test. is refused")
        result = under_load(running, act)
        lost_at_most(result, 0)
        running.wait_event(540)
        check_equal(running.http("GET", "/v1/zones/gone.test.")[0], 404, "gone.test.")
        check_equal(running.status()["zones"]["total"], 2, "zones")


@case
def sighup_with_another_address():
    """A new address is opened and served without losing a query on the old one."""
    with server() as running:
        def act():
            running.listen.append(f"127.0.0.2@{running.port}")
            running.configure()
            running.signal(signal.SIGHUP)
            def answered():
                try:
                    return running.ask(ZONE, "SOA", address="127.0.0.2", tries=1, timeout=0.5).answer
                except (OSError, client.Timeout):
                    return None
            wait_until(answered, 15, "an answer from the new address")
        lost_at_most(under_load(running, act, wait=4), 0)


@case
def a_hung_process_is_replaced():
    with server() as running:
        standby, hung = running.wait_standby(), running.active()
        os.kill(hung, signal.SIGSTOP)
        event = running.wait_event(8102, seconds=30)
        check("serve" in event["subject"], event)
        wait_until(lambda: running.active() not in (0, hung), 15, "another active process")
        check(running.ask(ZONE, "SOA").answer, "SOA")
        wait_until(lambda: hung not in members(running.session), 10, "the hung process is gone")
        check_equal(running.active(), standby, "the standby took over")


@case
def sigterm_drains():
    """What was sent before SIGTERM is answered; the exit status is 0 and nothing stays behind."""
    with server() as running:
        running.wait_serial(ZONE, 1)
        with Steady(running.port, QUERIES, RATE, SECONDS, LOST, 1) as load:
            load.at(SECONDS / 2)
            told = (time.monotonic() - load.started) * 1000
            check_equal(running.stop(), 0, "exit status")
            load.result()
        # The load's clock starts a moment before ours reads "started": 5 ms is far more.
        early = [line for line in LOST.read_text().splitlines() if float(line.split()[0]) < told - 5]
        check(not early, "lost although sent before SIGTERM:", early[:5])
        check_equal(members(running.session), {}, "processes left")
        check(not running.socket.exists(), "the endpoint's socket is left")
        running.launch()
        running.wait_event(3)


@case
def a_stopped_supervisor_stops_nobody():
    """SIGSTOP of the supervisor: answers go on; SIGCONT: nobody is taken for hung."""
    with server() as running:
        active = running.active()

        def act():
            os.kill(running.process.pid, signal.SIGSTOP)
        try:
            lost_at_most(under_load(running, act), 0)
        finally:
            os.kill(running.process.pid, signal.SIGCONT)
        running.wait_standby()
        check_equal(running.active(), active, "active process")
        check_equal(running.events(8102), [], "hangs")


main()
