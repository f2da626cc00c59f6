#!/usr/bin/env python3
"""Every key of the console, pressed in a real terminal."""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from console import Console, endpoint, fake_endpoint  # noqa: E402
from zdtest.runner import case, check, main, wait_until  # noqa: E402

server = endpoint()
server.state.zones += [fake_endpoint.zone(f"z{i:02}.example.") for i in range(60)]
c = Console()


def selected():
    """The row that is marked."""
    rows = [line for line in c.lines() if line.startswith(">")]
    return rows[0].split()[0][1:] if rows else None


def wait_selected(name):
    wait_until(lambda: selected() == name, 5, f"{name} is selected, is {selected()}")


@case
def first_screen():
    c.wait("ns1.example.net", "SERVING", "MEM", "QRY", "ZON", "XFR", "RUN", "PROCESS", "events")


@case
def digits_and_tab():
    """1-4, Tab and Shift-Tab change the view."""
    for key, title in (("2", "ZONE "), ("3", "PEER"), ("4", "EVENT"), ("1", "MEM"), ("Tab", "SERIAL"),
                       ("Tab", "PEER"), ("BTab", "SERIAL"), ("BTab", "MEM"), ("BTab", "EVENT"), ("Tab", "MEM")):
        c.send(key)
        c.wait(title)


@case
def moves():
    """Arrows, j k, g G, Home End, PgUp PgDn, Ctrl-F Ctrl-B."""
    c.send("2")
    c.wait("1 of 63")
    wait_selected("example.net.")
    for keys, name in ((["Down"], "example.com."), (["j"], "example.org."), (["k"], "example.com."),
                       (["Up"], "example.net."), (["G"], "z59.example."), (["g"], "example.net."),
                       (["End"], "z59.example."), (["Home"], "example.net."), (["PageDown"], "z12.example."),
                       (["PageUp"], "example.net."), (["C-f"], "z12.example."), (["C-b"], "example.net."),
                       (["Up"], "example.net.")):
        c.send(*keys)
        wait_selected(name)


@case
def filters():
    """/ filters as one types, Esc clears, !text turns round, Enter keeps."""
    c.send("2", "/")
    c.wait("filter:")
    c.literal("org")
    c.wait("filter: org", "1 of 1")
    c.send("BSpace", "BSpace", "BSpace")
    c.literal("!.example")
    c.wait("of 3")
    c.send("Enter")
    c.wait("filter !.example", "of 3")
    c.send("Escape")
    c.wait("of 63")
    c.send("/")
    c.literal("com")
    c.send("C-u")
    c.wait("of 63")
    c.send("Escape")


@case
def sorts():
    """s and F6 open the sort menu, I inverts."""
    c.send("2", "g", "s")
    c.wait("sort by")
    c.send("j", "Enter")
    c.wait("ZONE^")
    c.send("g")
    wait_selected("example.com.")
    c.send("I", "g")
    c.wait("ZONEv")
    wait_selected("z59.example.")
    c.send("I", "F6")
    c.wait("sort by")
    c.send("k", "k", "Down", "Enter")
    c.wait("worst first")


@case
def details():
    """Enter opens, j k scroll, Esc and q go back."""
    c.send("2", "g", "/")
    c.literal("example.org")
    c.send("Enter", "Enter")
    c.wait("expires", "last good", "the primary refused")
    c.send("j", "k", "G", "g", "Escape")
    c.wait("of 1")
    c.send("Escape", "3", "Enter")
    c.wait("messages")
    c.send("q")
    c.wait("PEER")
    c.send("4", "Enter")
    c.wait("what to do")
    c.send("Escape")
    c.wait("SUBJECT")


@case
def help_pages():
    """? and F1 show help, and help names every key of the table."""
    source = open(os.path.join(os.path.dirname(__file__), "../../tui/input/keymap.c"), encoding="ascii").read()
    labels = re.findall(r'^    \{[^"]+, "([^"]+)", REQUEST', source, re.M)
    check(len(labels) > 20, labels)
    c.send("1", "?")
    c.wait("+- help")
    seen = c.text()
    for _ in range(4):
        before = c.text()
        c.send("PageDown")
        wait_until(lambda b=before: c.text() != b or "suspend" in b, 3, "help scrolls")
        seen += c.text()
    for label in labels:
        check(label in seen, label, "is not in help:", seen)
    c.send("?")
    c.wait_gone("+- help")
    c.send("F1")
    c.wait("+- help")
    c.send("Escape")
    c.wait("MEM")


@case
def pause_and_pace():
    """z pauses and goes on, + and - change the pace, t samples, Ctrl-L repaints."""
    c.send("1", "z")
    c.wait("PAUSED")
    asked = len(server.state.requests)
    wait_until(lambda: re.search(r"age [2-9]\.", c.text()), 8, "the age grows")  # drawn about once a second
    check(len(server.state.requests) - asked <= 1, "asked while paused")
    c.send("t")
    wait_until(lambda: len(server.state.requests) > asked, 3, "t asks")
    c.send("z")
    c.wait_gone("PAUSED")
    c.send("+")
    c.wait("every 2 s")
    c.send("-", "-")
    c.wait("every 0.5 s")
    c.send("+")
    c.wait("every 1 s")
    c.send("C-l")
    c.wait("MEM", "SERVING")


@case
def menu():
    """x and F9 open the action menu; q, Esc and Ctrl-C close it."""
    for key, close in (("x", "q"), ("F9", "Escape"), ("x", "C-c")):
        c.send("2", "g", key)
        c.wait("- action -", "restart", "blocked: the zone is primary")
        c.send(close)
        c.wait_gone("- action -")
    check(not server.state.posts, server.state.posts)


@case
def next_server():
    """n shows the next of several servers."""
    other = fake_endpoint.Server(0)
    other.state.server["name"] = "ns2.example.net"
    d = Console(args=["-s", "unix:" + server.path, "-s", f"http://127.0.0.1:{other.server_address[1]}"])
    d.wait("ns1.example.net", "1 of 2")
    d.send("n")
    d.wait("ns2.example.net", "2 of 2")
    d.send("n")
    d.wait("ns1.example.net")
    d.send("q")
    check(d.ended() == 0)
    d.close()
    other.close()


@case
def unbound_keys():
    """Keys that mean nothing do nothing."""
    c.send("1")
    c.wait("MEM")
    c.literal("yYZ@#%abcdefhilmoprvw5678090")
    c.send("F2", "F12", "Left", "Right", "DC", "IC", "C-a")
    c.wait("MEM", "SERVING")
    check(not server.state.posts, server.state.posts)


@case
def quits():
    """q and Ctrl-C quit with status 0 and give the terminal back."""
    c.send("q")
    check(c.ended() == 0)
    check("SERVING" not in c.text(), "the screen was not given back")
    c.start()
    c.wait("SERVING")
    c.send("C-c")
    check(c.ended() == 0)


main(server.close)
