#!/usr/bin/env python3
"""The command line: what it prints, and its exit statuses 0 done, 1 failed, 2 usage."""
import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from console import FOLDER, SOCKET, ZONEDECK, endpoint, fake_endpoint  # noqa: E402
from zdtest.runner import case, check, check_equal, main  # noqa: E402

server = endpoint()
state = server.state
URL = ["-s", "unix:" + SOCKET]


def run(*args, url=URL):
    return subprocess.run([ZONEDECK, *url, *args], capture_output=True, text=True, check=False, timeout=60)


@case
def reads():
    for args, texts in ((["status"], ["ns1.example.net serving", "1502", "keeper"]),
                        (["zones"], ["example.net.", "stale", "example.org.", "bad TTL"]),
                        (["zone", "example.org."], ["secondary", "expires in", "192.0.2.1@53"]),
                        (["zone", "example.org"], ["secondary"]),
                        (["transfers"], ["failed", "NOTAUTH"]), (["events"], ["1502", "x3", "started"]),
                        (["memory"], ["PRIVATE", "endpoint"])):
        r = run(*args)
        check_equal(r.returncode, 0, args)
        check_equal(r.stderr, "", args)
        for text in texts:
            check(text in r.stdout, args, text, r.stdout)


@case
def json_replies():
    """--json prints one JSON object, as the server sent it."""
    for args, key in ((["status"], "server"), (["zones"], "zones"), (["zone", "example.org."], "zone"),
                      (["transfers"], "transfers"), (["events"], "events"), (["memory"], "processes")):
        r = run(*args, "--json")
        check_equal(r.returncode, 0, args)
        check(key in json.loads(r.stdout), args)
        check_equal(r.stdout.count("\n"), 1, args)


@case
def many_zones():
    """A list longer than a page comes whole."""
    small = state.zones
    state.zones = [fake_endpoint.zone(f"z{i:05}.example.") for i in range(25000)]
    got = json.loads(run("zones", "--json").stdout)
    check_equal([z["name"] for z in got["zones"]], [z["name"] for z in state.zones])
    check_equal(len(run("zones").stdout.splitlines()), 25001)
    state.zones = small


@case
def actions():
    for args, paths in ((["reload"], ["/v1/service/reload"]), (["restart"], ["/v1/service/restart"]),
                        (["stop"], ["/v1/service/stop"]),
                        (["reload", "a.example.", "0/25.2.0.192.in-addr.arpa."],
                         ["/v1/zones/a.example./reload", "/v1/zones/0%2F25.2.0.192.in-addr.arpa./reload"]),
                        (["retransfer", "b."], ["/v1/zones/b./retransfer"]),
                        (["refresh", "b."], ["/v1/zones/b./refresh"]),
                        (["notify", "b."], ["/v1/zones/b./notify"])):
        state.posts.clear()
        r = run(*args)
        check_equal(r.returncode, 0, args)
        check("done" in r.stdout, r.stdout)
        check_equal(state.posts, paths)


@case
def root_zone():
    """A path segment that is a dot gets lost on the way: the root zone is asked for as @."""
    state.zones.append(fake_endpoint.zone("."))
    for name in (".", "@"):
        check("zone     .\n" in run("zone", name).stdout, run("zone", name))
        for verb in ("reload", "notify", "refresh", "retransfer"):
            state.posts.clear()
            check_equal(run(verb, name).returncode, 0, verb)
            check_equal([urllib.parse.unquote(path) for path in state.posts], [f"/v1/zones/@/{verb}"])
    state.zones.pop()


@case
def too_many_at_once():
    """Actions that the server will not take this second are asked for again, until it does."""
    early = (429, {"result": "failed", "error": "limit", "text": "more than 10 actions on zones a second"})
    state.answers["/v1/zones/m3./reload"] = [early, early, (200, {"result": "done", "text": "in the end"})]
    names = [f"m{i}." for i in range(15)]
    state.posts.clear()
    r = run("reload", *names)
    check_equal(r.returncode, 0, r.stderr)
    check_equal(r.stdout.count(": done"), 15, r.stdout)
    check_equal(len(state.posts), 17)


@case
def event_lines():
    """Number, severity, subject, title and text; cut on a terminal, whole in a pipe."""
    long = "why " * 60 + "end"
    state.events.insert(0, fake_endpoint.event(1000, long, "error", "example.net.", 5, count=7))
    line = run("events").stdout.splitlines()[0]
    check(line.endswith(f" 1000 error   x7   example.net.: A title: {long}"), line)
    main_fd, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen([ZONEDECK, *URL, "events"], stdout=other)
    os.close(other)
    text = b""
    try:
        while got := os.read(main_fd, 65536):
            text += got
    except OSError:  # the other side was closed
        pass
    os.close(main_fd)
    check_equal(process.wait(10), 0)
    lines = text.decode().splitlines()
    check_equal(len(lines), 4, lines)
    check_equal(max(len(line) for line in lines), 80, lines)
    check("example.net.: A title: why" in lines[0] and lines[0].endswith(">"), lines[0])
    state.events.pop(0)


@case
def json_actions():
    """--json prints one array with what came of each action."""
    state.answers["/v1/zones/j1./reload"] = (404, {"result": "failed", "error": "missing", "text": "no such \u00e9",
                                                   "remedy": "see: zonedeck zones"})
    state.answers["/v1/zones/j2./reload"] = "close"
    r = run("reload", "j1.", "j2.", 'j"3.', "--json")
    check_equal((r.returncode, r.stderr), (1, ""))
    got = json.loads(r.stdout)
    check_equal([(a["action"], a["zone"], a["result"]) for a in got],
                [("reload", "j1.", "failed"), ("reload", "j2.", "unknown"), ("reload", 'j"3.', "done")])
    check_equal((got[0]["text"], got[0]["remedy"]), ("no such \u00e9", "see: zonedeck zones"))
    check("lost" in got[1]["text"] and got[1]["remedy"], got[1])
    r = run("restart", "--json")
    check_equal(json.loads(r.stdout), [{"action": "restart", "zone": "", "result": "done", "text": "it was done",
                                        "remedy": ""}])
    check_equal(r.returncode, 0)
    r = run("notify", "a.", "--json", url=["-s", f"unix:{FOLDER}/nobody"])
    check_equal(r.returncode, 1)
    check("No such file" in json.loads(r.stdout)[0]["text"], r.stdout)


@case
def json_errors():
    for args, text in ((["zone", "nix.example."], "no such thing"), (["status"], None), (["zones"], None)):
        url = URL if text else ["-s", f"unix:{FOLDER}/nobody"]
        r = run(*args, "--json", url=url)
        check_equal((r.returncode, r.stderr, r.stdout.count("\n")), (1, "", 1), args)
        check((text or "No such file") in json.loads(r.stdout)["error"], r.stdout)
    state.mode = "error"
    check_equal(json.loads(run("status", "--json").stdout), {"error": "broken"})
    state.mode = "good"


@case
def failed_actions():
    """One that fails makes the status 1; the others are still asked for."""
    state.answers["/v1/zones/bad./reload"] = (404, {"result": "failed", "error": "missing", "text": "no such zone",
                                                    "remedy": "see: zonedeck zones"})
    state.answers["/v1/zones/lost./reload"] = "close"
    state.posts.clear()
    r = run("reload", "bad.", "lost.", "good.")
    check_equal(r.returncode, 1)
    check("reload good.: done" in r.stdout, r.stdout)
    check("reload bad.: failed: no such zone; see: zonedeck zones" in r.stderr, r.stderr)
    check("reload lost.: unknown" in r.stderr, r.stderr)
    check_equal(len(state.posts), 3)


@case
def no_server():
    for args in (["status"], ["zones"], ["reload"], ["reload", "a."], ["zone", "a."]):
        r = run(*args, url=["-s", f"unix:{FOLDER}/nobody"])
        check_equal(r.returncode, 1, args)
        check("No such file" in r.stderr, r.stderr)
        check_equal(r.stdout, "", args)
    check_equal(run("zone", "nix.example.").returncode, 1)
    check("no such thing" in run("zone", "nix.example.").stderr)
    check_equal(run("history").returncode, 1)


@case
def nonsense_from_the_server():
    for mode in ("garbage", "error", "close", "huge"):
        state.mode = mode
        for args in (["status"], ["zones"], ["events"]):
            r = run(*args)
            check_equal(r.returncode, 1, f"{mode} {args}")
            check(r.stderr.startswith("zonedeck: "), r.stderr)
            check("\x1b" not in r.stderr + r.stdout)
    state.mode = "good"


@case
def hostile_text():
    """Control bytes in what the server says are shown, not sent to the terminal."""
    small = state.zones
    state.zones = [fake_endpoint.zone("\x1b]0;evil\x07.example.", reason="\u202eback")]
    r = run("zones")
    check_equal(r.returncode, 0)
    check("\\x1b]0;evil\\x07" in r.stdout and r.stdout.isascii(), r.stdout)
    state.zones = small


@case
def usage():
    for args in (["nonsense"], ["zone"], ["zone", "a.", "b."], ["retransfer"], ["notify"], ["restart", "a."],
                 ["status", "x"], ["status", "--nonsense"], ["--json"],
                 ["-s", "ftp://x", "status"], ["-s", "unix:/a", "status"], ["--token-file", "/nonexistent", "status"]):
        r = run(*args)
        check_equal(r.returncode, 2, args)
        check(r.stderr and not r.stdout, args, r.stdout, r.stderr)
    for args, text in ((["-h"], "usage:"), (["--help"], "retransfer"), (["-V"], "zonedeck "),
                       (["--version"], "zonedeck ")):
        r = run(*args)
        check_equal(r.returncode, 0, args)
        check(text in r.stdout, r.stdout)
    check("history" not in run("--help").stdout, "what is not there is not offered")


@case
def tokens():
    """The token of a file is sent over TCP."""
    path = os.path.join(FOLDER, "token")
    with open(path, "w", encoding="ascii") as f:
        f.write("sesame\n")
    other = fake_endpoint.Server(0)
    url = ["-s", f"http://127.0.0.1:{other.server_address[1]}", "--token-file", path]
    check_equal(run("reload", url=url).returncode, 0)
    check_equal(other.state.tokens, ["Bearer sesame"])
    other.close()


main(server.close)
