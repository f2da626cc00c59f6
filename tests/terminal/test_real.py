#!/usr/bin/env python3
"""The command line against a real server, for what a made-up one would only repeat."""
import json
import subprocess

from zdtest.data import scratch
from zdtest.runner import case, check, check_equal, main
from zdtest.servers import Zonedeckd, ours, primary

ZONE = "$TTL 60\n@ SOA ns.root.example. admin.root.example. 7 60 60 600 60\n@ NS ns.root.example.\n"
folder = scratch()
(folder / "zone").write_text(ZONE)
NAMES = [f"z{i:02}.example." for i in range(25)]


def run(server, *args):
    return subprocess.run([ours("zonedeck"), "-s", f"unix:{server.socket}", *args], capture_output=True, text=True,
                          check=False, timeout=90)


@case
def root_zone():
    """The root zone is an operator's like any other."""
    with Zonedeckd([primary(".", folder / "zone")]) as server:
        for name in (".", "@"):
            check("serial   7" in run(server, "zone", name).stdout, run(server, "zone", name))
            r = run(server, "reload", name)
            check_equal((r.returncode, r.stderr), (0, ""))
        check_equal(server.zone("@")["notify_targets"], 0)
        r = run(server, "notify", ".")
        check_equal(r.returncode, 1)
        check("no secondaries" in r.stderr, r.stderr)
        check("zonedeck zones" in run(server, "zone", "nix.example.").stderr)


@case
def many_zones():
    """More zones in one command than the server takes actions a second; the service has its own count."""
    with Zonedeckd([primary(name, folder / "zone") for name in NAMES]) as server:
        r = run(server, "reload", *NAMES, "--json")
        check_equal({a["result"] for a in json.loads(r.stdout)}, {"done"}, r.stdout)
        check_equal(r.returncode, 0)
        with subprocess.Popen([ours("zonedeck"), "-s", f"unix:{server.socket}", "reload", *NAMES],
                              stdout=subprocess.PIPE, text=True) as other:
            check("reload z00" in other.stdout.readline())
            r = run(server, "restart")
            check_equal((r.returncode, r.stderr), (0, ""))
            check_equal(other.wait(60), 0)


main()
