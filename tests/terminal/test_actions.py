#!/usr/bin/env python3
"""Actions from the console: asked once, of the right thing, and the outcome told as it is."""
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from console import Console, endpoint  # noqa: E402
from zdtest.runner import case, check, check_equal, main, wait_until  # noqa: E402

server = endpoint()
state = server.state
c = Console()


def posts():
    with state.lock:
        got, state.posts = state.posts, []
    return got


def open_dialog(view, letter, title):
    """Opens the menu in a view, and from it a dialog; waits until the dialog listens."""
    c.send(view)
    c.wait("SERVING")
    c.send("g", "x")
    c.wait("- action -")
    c.send(letter)
    c.wait(f"+- {title} ")
    time.sleep(0.35)  # the dialog is deaf for 300 ms by design: there is no condition to wait for


@case
def zone_actions():
    """r, n on a primary and t, f on a secondary, each after y."""
    c.wait("SERVING")
    for zone, letter, verb in (("example.net.", "r", "reload"), ("example.net.", "n", "notify"),
                               ("example.org.", "t", "retransfer"), ("example.org.", "f", "refresh")):
        c.send("2", "/")
        c.send("C-u")
        c.literal(zone[:-1] + ".")
        c.send("Enter")
        c.wait(">" + zone)
        open_dialog("2", letter, verb)
        c.wait(zone, "y = yes")
        c.send("y")
        c.wait(f"DONE {verb} {zone}: it was done")
        check_equal(posts(), [f"/v1/zones/{zone}/{verb}"])
        c.send("Escape")
        c.wait_gone("DONE")


@case
def service_actions():
    """c after y; s and o after the host's name."""
    open_dialog("1", "c", "reload")
    c.send("y")
    c.wait("DONE reload ns1.example.net")
    check_equal(posts(), ["/v1/service/reload"])
    for letter, verb in (("s", "restart"), ("o", "stop")):
        open_dialog("1", letter, verb)
        c.wait("type ns1 and Enter")
        c.literal("nsx")
        c.send("BSpace", "1", "Enter")
        c.wait(f"DONE {verb} ns1.example.net")
        check_equal(posts(), [f"/v1/service/{verb}"])


@case
def refused_confirmations():
    """Enter, n, Esc and a wrong name are no."""
    for keys in (["Enter"], ["n"], ["Escape"], ["C-c"], ["Y"]):
        open_dialog("2", "r", "reload")
        c.send(*keys)
        c.wait("cancelled")
    for keys in (["Enter"], ["n", "s", "2", "Enter"]):
        open_dialog("1", "s", "restart")
        c.send(*keys)
        c.wait("is not the server's name")
    open_dialog("1", "s", "restart")
    c.send("Escape")
    c.wait("cancelled")
    check_equal(posts(), [])


@case
def typed_ahead():
    """Keys typed before the dialog could be read do not confirm it."""
    c.send("2", "g")
    c.literal("xry")
    c.wait("+- reload ", "y = yes")
    check_equal(posts(), [])
    time.sleep(0.35)
    c.send("n")
    c.wait("cancelled")


@case
def blocked():
    """A retransfer of a primary is shown as blocked, with the reason."""
    c.send("2", "g", "x")
    c.wait("retransfer zone    blocked: the zone is primary")
    c.send("t")
    c.wait("not possible: the zone is primary, not secondary")
    check_equal(posts(), [])
    c.send("Escape", "Escape")
    c.wait_gone("- action -")


@case
def failed():
    """What the server refuses is FAILED, with its reason and remedy."""
    state.answers["/v1/zones/example.net./reload"] = (409, {"result": "failed", "error": "exists",
                                                            "text": "a reload is running",
                                                            "remedy": "wait for it"})
    open_dialog("2", "r", "reload")
    c.send("y")
    c.wait("FAILED reload example.net.: a reload is running; wait for it")
    posts()


@case
def lost_answer():
    """An answer that is lost, or unknown to the server, is UNKNOWN: neither done nor failed."""
    for answer in ("close", (504, {"result": "unknown", "text": "not within 60 s"}), (200, {"odd": 1})):
        state.answers["/v1/zones/example.net./reload"] = answer
        open_dialog("2", "r", "reload")
        c.send("y")
        screen = c.wait("UNKNOWN reload example.net.")
        check("DONE" not in screen and "FAILED" not in screen, screen)
        check_equal(posts(), ["/v1/zones/example.net./reload"], "asked once")


@case
def slow_answer():
    """While an answer is awaited the console goes on; a second action has to wait."""
    state.answers["/v1/zones/example.net./reload"] = "hang"
    open_dialog("2", "r", "reload")
    c.send("y")
    c.wait("asked, no answer yet")
    before = len(state.requests)
    c.send("1")
    c.wait("MEM")
    wait_until(lambda: len(state.requests) > before + 2, 5, "it still asks for the status")
    c.send("x")
    c.wait("has not been answered yet")
    check_equal(posts(), ["/v1/zones/example.net./reload"])


main(server.close)
