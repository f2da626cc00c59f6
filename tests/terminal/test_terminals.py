#!/usr/bin/env python3
"""Kinds and sizes of terminals."""
import os
import random
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from console import Console, Pty, endpoint  # noqa: E402
from zdtest.runner import Failure, case, check, check_equal, main, seed, wait_until  # noqa: E402

server = endpoint()


def collect(p, *texts, seconds=5, what=""):
    got = bytearray()

    def enough():
        got.extend(p.read(0.05))
        return all(t in got for t in texts)
    try:
        wait_until(enough, seconds, f"{what} bytes with {texts}", every=0)
    except Failure as failure:
        raise Failure(f"{failure}, got {bytes(got[-300:])!r}") from None
    return bytes(got)


@case
def kinds():
    """Known and unknown types, in UTF-8 and plain C locales: the screen comes and is given back."""
    for kind in ("xterm-256color", "xterm", "vt100", "vt220", "linux", "screen", "tmux-256color", "ansi", "unknown",
                 "no-such-terminal", ""):
        for lang in ("C.UTF-8", "C"):
            p = Pty(env={"TERM": kind, "LANG": lang, "LC_ALL": lang})
            collect(p, b"SERVING", b"MEM", what=f"{kind} {lang}")
            p.write(b"q")
            check_equal(p.wait(), 0, f"{kind} {lang}")
            os.close(p.master)


@case
def dumb():
    """A terminal that cannot move its cursor gets plain pages without any control sequence."""
    p = Pty(env={"TERM": "dumb"})
    got = collect(p, b"CONNECTING")
    p.write(b"2")
    got += collect(p, b"SERIAL", b"example.net.")
    p.write(b"x")
    got += collect(p, b"- action -")
    p.write(b"qq")
    check_equal(p.wait(), 0)
    check(b"\x1b" not in got, got)
    os.close(p.master)


@case
def ascii_only():
    """LANG=C: no byte beyond ASCII."""
    p = Pty(env={"LANG": "C", "LC_ALL": "C"})
    got = collect(p, b"SERVING", b"max ", seconds=25)
    check(all(b < 0x80 for b in got), "bytes beyond ASCII")
    p.write(b"q")
    p.wait()
    os.close(p.master)


@case
def no_color():
    """NO_COLOR: no colour sequence; without it there are some."""
    for env, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        p = Pty(env=env)
        got = collect(p, b"SERVING", b"PROCESS")
        check_equal(bool(re.search(rb"\x1b\[(?:\d+;)*3[1-7]m", got)), coloured, env)
        p.write(b"q")
        p.wait()
        os.close(p.master)


@case
def sizes():
    """Sizes that were designed, and the ones below them."""
    c = Console()
    for cols, rows, there, absent in (
            (120, 40, ["SERVING", "v0.1.0", "LAST EXIT", "events", "1Ovr"], []),
            (80, 24, ["SERVING", "pid 4711", "MEM", "events", "1Ovr"], ["LAST EXIT"]),
            (40, 10, ["ns1  SERVING", "MEM", "QRY", "ZON", "XFR", "1Ovr"], ["ns1.example.net"]),
            (40, 3, ["ns1  SERVING"], ["MEM"]), (80, 1, ["SERVING"], ["MEM"]), (12, 2, ["ns1"], ["MEM"])):
        c.resize(cols, rows)
        screen = c.wait(*there)
        for text in absent:
            check(text not in screen, cols, rows, text, screen)
    for cols, rows in ((1, 1), (2, 1), (1, 50), (300, 1), (300, 100), (80, 24)):
        c.resize(cols, rows)
        for view in "1234":
            c.send(view, "x", "Escape", "?", "Escape")
    c.send("1")
    c.wait("SERVING", "MEM")
    c.send("q")
    check_equal(c.ended(), 0)


@case
def resize_storm():
    """Sixty random sizes while keys are pressed; the last one is drawn right."""
    rng = random.Random(seed())
    c = Console()
    c.wait("SERVING")
    for _ in range(60):
        c.resize(rng.randint(1, 200), rng.randint(1, 70))
        c.send(rng.choice(["1", "2", "3", "4", "j", "x", "Escape", "?", "s", "Enter"]))
    c.resize(90, 28)
    c.send("Escape", "Escape", "Escape", "1")
    c.wait("SERVING", "MEM", "events")
    wait_until(lambda: "1Ovr" in c.lines()[27], 5, "the last row of the new size is used")
    c.send("q")
    check_equal(c.ended(), 0)


main(server.close)
