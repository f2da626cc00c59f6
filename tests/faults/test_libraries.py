#!/usr/bin/env python3
"""Libraries that are loaded where they are used, and are not there: what needs them says so, the rest
serves. The library's file is hidden from the server alone, in a mount namespace of its own."""

import os
import re
import shutil
import subprocess

from zdtest import zones
from zdtest.data import scratch
from zdtest.runner import Skip, case, check, check_equal, main, wait_until
from zdtest.servers import Zonedeckd, ours, primary

HIDE = 'mount --make-rprivate / && mount --bind /dev/null "$0" && exec "$@"'


def file_of(name):
    """The file of the library the programs were built with, and its soname."""
    soname = re.search(rf"{name}\.so\.\d+".encode(), ours("zonedeckd").read_bytes())
    check(soname, "the program names no", name)
    soname = soname[0].decode()
    table = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    path = re.search(rf"^\s*{re.escape(soname)} .*=> (\S+)$", table, re.M)
    check(path, soname, "is not installed")
    return os.path.realpath(path[1]), soname


class Without(Zonedeckd):
    """A server that cannot read a library."""

    def __init__(self, name, *args, **options):
        self.file, self.soname = file_of(name)
        super().__init__(*args, **options)

    def command(self):
        return ["unshare", "-m", "sh", "-c", HIDE, self.file, *super().command()]


def can_hide():
    return (os.geteuid() == 0 and shutil.which("unshare")
            and not subprocess.run(["unshare", "-m", "mount", "--make-rprivate", "/"],
                                   stderr=subprocess.DEVNULL, check=False).returncode)


if not can_hide():
    raise Skip("needs root and mount namespaces of its own")


@case
def without_libldns():
    """A zone that needs it is not served, and says why once; one of plain records and a SOA is served."""
    folder = scratch()
    (folder / "plain.zone").write_text("$TTL 300\n@ SOA ns host (\n 7 1h 10m 4w 300 )\n@ NS ns\nns A 192.0.2.1\n")
    (folder / "caa.zone").write_text(zones.small("caa.test.", extra='@ CAA 0 issue "ca.example"\n'))
    with Without("libldns", [primary(f"{name}.test.", folder / f"{name}.zone")
                             for name in ("caa", "plain")]) as server:
        event = server.wait_event(1502, subject="caa.test.")
        check(f"{server.soname} cannot be loaded; install it" in event["text"], event)
        check_equal(server.log_text().count("caa.zone:"), 2, "lines: the finding and the event")
        check_equal(server.ask("caa.test.", "SOA").rcode, 2)
        server.wait_serial("plain.test.", 7)
        check_equal(server.status()["server"]["crashes"], 0, "crashes")


@case
def without_libmicrohttpd():
    """The zones are served; the endpoint says why it cannot be."""
    folder = scratch()
    (folder / "text.zone").write_text(zones.small("text.test."))
    server = Without("libmicrohttpd", [primary("text.test.", folder / "text.zone")])
    with server.start(wait=False):
        server.wait_serial("text.test.", 1)
        wait_until(lambda: "endpoint: cannot start: " in server.log_text(), 20, "the endpoint says so")
        check(f"{server.soname} cannot be loaded; install it" in server.log_text(), server.log_tail())
        check_equal(server.stop(), 0, "exit status")


main()
