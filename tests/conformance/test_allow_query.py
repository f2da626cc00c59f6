#!/usr/bin/env python3
"""allow-query: who may ask for a zone's data, and that nothing leaks around it."""

from zdtest import client, dns, zones
from zdtest.data import scratch
from zdtest.runner import case, check, check_equal, main, wait_until
from zdtest.servers import Zonedeckd, primary

FOLDER = scratch()
OPEN, CLOSED = FOLDER / "open", FOLDER / "closed"
OPEN.write_text(zones.small("open.test.", extra="in IN CNAME www.closed.test.\n"))
CLOSED.write_text(zones.small("closed.test."))


def zone(allow):
    return {**primary("closed.test.", CLOSED, transfer=["127.0.0.1"]), "query": allow}


def rcode(running, name, source="127.0.0.1", **options):
    return running.ask(name, source=source, **options).rcode_name


def server(allow):
    return Zonedeckd([primary("open.test.", OPEN), zone(allow)])


@case
def refused_outside_the_list():
    with server(["127.0.0.2", "127.0.1.0/24"]) as running:
        for tcp in (False, True):
            for source, expected in (("127.0.0.2", "NOERROR"), ("127.0.1.77", "NOERROR"),
                                     ("127.0.0.1", "REFUSED"), ("127.0.2.1", "REFUSED")):
                check_equal(rcode(running, "www.closed.test.", source, tcp=tcp), expected, source)
                check_equal(rcode(running, "www.open.test.", source, tcp=tcp), "NOERROR", source)
        check_equal(rcode(running, "no.closed.test."), "REFUSED", "a name that does not exist")
        answer = running.ask("www.closed.test.", source="127.0.0.1")
        check_equal((answer.answer, answer.authority, answer.additional), ([], [], []), "REFUSED")
        check(not answer.has(dns.AA), "AA")


@case
def a_chain_does_not_lead_in():
    with server(["127.0.0.2"]) as running:
        inside = running.ask("in.open.test.", source="127.0.0.2")
        check_equal([r.type for r in inside.answer], [5, 1], "from inside")
        outside = running.ask("in.open.test.", source="127.0.0.1")
        check_equal((outside.rcode_name, [r.type for r in outside.answer]), ("NOERROR", [5]),
                    "from outside")


@case
def transfers_have_their_own_list():
    with server("none") as running:
        check_equal(rcode(running, "www.closed.test."), "REFUSED", "a query")
        check(len(client.axfr(running.address, running.port, "closed.test.")) > 5, "a transfer")


@case
def a_reload_changes_it():
    with server(["127.0.0.2"]) as running:
        check_equal(rcode(running, "www.closed.test."), "REFUSED", "before")
        for allow, expected in (("any", "NOERROR"), ("none", "REFUSED"), (["127.0.0.1"], "NOERROR"),
                                (["127.0.0.3"], "REFUSED")):
            running.zones[1] = zone(allow)
            running.configure()
            running.post("/v1/service/reload")
            wait_until(lambda: rcode(running, "www.closed.test.") == expected, 5, allow)


main()
