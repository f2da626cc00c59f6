#!/usr/bin/env python3
"""Every way out, and the way back: the terminal is as it was before."""
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from console import ZONEDECK, Console, Pty, endpoint  # noqa: E402
from zdtest.runner import case, check, check_equal, main, sanitized, wait_until  # noqa: E402

server = endpoint()
c = Console(start=False)


def drain(p, seconds=0.5):
    """Reads until nothing comes for that long."""
    got = b""
    while True:
        data = p.read(seconds)
        if not data:
            return got
        got += data


@case
def signals():
    """Each signal that ends it: modes, page and cursor are given back and the status tells the signal."""
    numbers = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGABRT]
    if not sanitized():  # a sanitizer has its own handlers for these
        numbers += [signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL]
    for number in numbers:
        # A shell without a trap would end its own script when a child dies of SIGINT.
        c.start(prefix="trap : INT; ulimit -c 0;")
        c.wait("SERVING")
        c.signal(number)
        check_equal(c.ended(), 128 + number, number.name)
        check("SERVING" not in c.text(), number.name, "left its screen:", c.text())


@case
def suspended():
    """Ctrl-Z gives the terminal to the shell, fg brings the screen back, in a size that changed meanwhile."""
    c.start()
    c.wait("SERVING")
    c.send("C-z")
    c.wait("Stopped")
    check("SERVING" not in c.text(), c.text())
    c.send_line("stty -a | grep -c ' icanon.* echo '; echo shell-works")
    c.wait("shell-works")
    c.resize(100, 30)
    c.send_line("fg")
    c.wait("SERVING", "MEM", "v0.1.0")
    wait_until(lambda: "1Ovr" in c.lines()[29], 5, "the new size is used")
    c.send("2")
    c.wait("SERIAL")
    c.send("q")
    # Job control made the shell forget the rest of its line; the screen and the modes are what counts.
    c.wait("prompt$")
    c.wait_gone("SERVING")
    c.resize(80, 24)
    c.close()


@case
def stopped_from_outside():
    """SIGTSTP and SIGSTOP from another terminal, then SIGCONT."""
    p = Pty()
    wait_until(lambda: b"SERVING" in drain(p, 0.2), 5, "the screen")
    for number in (signal.SIGTSTP, signal.SIGSTOP):
        os.kill(p.pid, number)
        os.kill(p.pid, signal.SIGCONT)
        check(b"MEM" in drain(p), number.name, "the screen is drawn again")
    p.write(b"q")
    check_equal(p.wait(), 0)
    os.close(p.master)


@case
def terminal_lost():
    """The terminal goes away: it ends at once, also when hang-ups are ignored, and does not spin."""
    for ignore in ((), (signal.SIGHUP,)):
        p = Pty(ignore=ignore)
        wait_until(lambda q=p: b"SERVING" in drain(q, 0.2), 5, "the screen")
        os.close(p.master)
        status = p.wait(4)
        check(os.WIFEXITED(status) or os.WTERMSIG(status) == signal.SIGHUP, status)


@case
def terminal_stuck():
    """A terminal that takes no bytes stops the drawing, not the program."""
    p = Pty(cols=200, rows=60)
    asked = len(server.state.requests)
    # Nobody reads: the pty's buffer fills as whole screens are asked for.
    for _ in range(400):
        p.write(b"\x0c")
    wait_until(lambda: len(server.state.requests) > asked + 8, 10, "it still asks the server")
    check(b"SERVING" in drain(p), "it draws again once bytes are taken")
    p.write(b"q")
    drain(p)
    check_equal(p.wait(), 0)
    os.close(p.master)


@case
def no_terminal():
    """Without a terminal on stdin or stdout: a message that names the cure, status 2."""
    for stdin, stdout in ((subprocess.DEVNULL, subprocess.PIPE), (subprocess.PIPE, subprocess.PIPE)):
        r = subprocess.run([ZONEDECK, "-s", "unix:" + server.path], stdin=stdin, stdout=stdout,
                           stderr=subprocess.PIPE, text=True, check=False, timeout=20)
        check_equal(r.returncode, 2)
        check("needs a terminal" in r.stderr and "zonedeck status" in r.stderr, r.stderr)
        check_equal(r.stdout, "")


main(server.close)
