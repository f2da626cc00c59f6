"""The console in a real terminal: tmux on a server of its own, or a bare pty.

    Console   zonedeck started by a shell in a tmux window: keys in, screen out, modes before and after
    Pty       zonedeck as the leader of a bare pty: bytes, timing, hang-ups
"""
import atexit
import fcntl
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from zdtest.runner import Failure, patience, skip, wait_until  # noqa: E402

import fake_endpoint  # noqa: E402

if not shutil.which("tmux"):
    skip("tmux is not installed")

ZONEDECK = os.path.join(os.environ.get("ZD_BIN", "build/debug/bin"), "zonedeck")
TMUX = ["tmux", "-L", f"zdtest-{os.getpid()}", "-f", "/dev/null"]
FOLDER = tempfile.mkdtemp(prefix="zonedeck-terminal-")
SOCKET = os.path.join(FOLDER, "endpoint.sock")


def clean_up():
    subprocess.run(TMUX + ["kill-server"], stderr=subprocess.DEVNULL, check=False)
    shutil.rmtree(FOLDER, ignore_errors=True)


atexit.register(clean_up)


def endpoint(state=None):
    return fake_endpoint.Server("unix:" + SOCKET, state)


class Console:
    """A shell that starts zonedeck; the shell stays when zonedeck ends, so that what it leaves can be seen."""
    made = 0

    def __init__(self, cols=80, rows=24, args=None, env=None, start=True):
        Console.made += 1
        self.name = f"w{Console.made}"
        self.folder = os.path.join(FOLDER, self.name)
        os.mkdir(self.folder)
        self.args = args or ["-s", "unix:" + SOCKET]
        variables = {"PS1": "prompt$ ", "LANG": "C.UTF-8", **(env or {})}
        shell = ["env"] + [f"{k}={v}" for k, v in variables.items()] + ["bash", "--norc", "--noprofile"]
        subprocess.run(TMUX + ["new-session", "-d", "-s", self.name, "-x", str(cols), "-y", str(rows)] + shell,
                       check=True)
        self.wait("prompt$")
        if start:
            self.start()

    def tmux(self, *args):
        return subprocess.run(TMUX + list(args), check=True, capture_output=True, text=True).stdout

    def start(self, prefix="", suffix=""):
        """Notes the terminal's modes, runs zonedeck, notes the modes and the status after it."""
        f = self.folder
        command = (f"stty -a > {f}/before; {prefix}{ZONEDECK} {' '.join(self.args)} {suffix}; echo $? > {f}/status;"
                   f" stty -a > {f}/after; echo ende")
        # From a file: a long line would be wrapped, and typed ahead into the console.
        with open(f"{f}/run", "w", encoding="ascii") as script:
            script.write(command + "\n")
        self.send_line(f". {f}/run")

    def send(self, *keys):
        for key in keys:
            self.tmux("send-keys", "-t", self.name, key)

    def literal(self, text):
        self.tmux("send-keys", "-t", self.name, "-l", text)

    def send_line(self, text):
        self.literal(text)
        self.send("Enter")

    def text(self):
        return self.tmux("capture-pane", "-p", "-t", self.name)

    def lines(self):
        return self.text().split("\n")

    def wait(self, *texts, seconds=8):
        """The screen once all texts are on it."""
        try:
            return wait_until(lambda: (lambda s: s if all(t in s for t in texts) else None)(self.text()), seconds,
                              f"screen with {texts}")
        except Failure as failure:
            raise Failure(f"{failure}\n{self.text()}") from None

    def wait_gone(self, text, seconds=8):
        return wait_until(lambda: text not in self.text(), seconds, f"screen without {text!r}")

    def resize(self, cols, rows):
        self.tmux("resize-window", "-t", self.name, "-x", str(cols), "-y", str(rows))

    def pid(self):
        """The process id of zonedeck."""
        shell = int(self.tmux("list-panes", "-t", self.name, "-F", "#{pane_pid}"))

        def child():
            path = f"/proc/{shell}/task/{shell}/children"
            for pid in open(path, encoding="ascii").read().split():
                if open(f"/proc/{pid}/comm", encoding="ascii").read().strip().startswith("zonedeck"):
                    return int(pid)
            return None
        return wait_until(child, 5, "zonedeck runs")

    def signal(self, number):
        os.kill(self.pid(), number)

    def ended(self, seconds=8):
        """The exit status once the shell has the terminal back, with its modes as before."""
        path = os.path.join(self.folder, "after")
        wait_until(lambda: os.path.exists(path) and os.path.getsize(path), seconds, "zonedeck ends\n" + self.text())
        self.wait("ende")
        # The first line is the size, which a test may have changed.
        before = open(os.path.join(self.folder, "before"), encoding="ascii").read().split("\n")[1:]
        after = open(path, encoding="ascii").read().split("\n")[1:]
        if before != after:
            raise Failure(f"terminal modes changed\n{before}\n{after}")
        if self.tmux("display-message", "-p", "-t", self.name, "#{alternate_on} #{cursor_flag} #{keypad_flag}"
                     ).split() != ["0", "1", "0"]:
            raise Failure("the alternate page, a hidden cursor or the keypad mode stayed on")
        os.unlink(path)
        return int(open(os.path.join(self.folder, "status"), encoding="ascii").read())

    def close(self):
        subprocess.run(TMUX + ["kill-session", "-t", self.name], stderr=subprocess.DEVNULL, check=False)


class Pty:
    """zonedeck as the leader of a session on a pty of ours."""

    def __init__(self, args=None, env=None, cols=80, rows=24, ignore=()):
        self.began = time.monotonic()
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.environ.update({"TERM": "xterm-256color", **(env or {})})
            for number in ignore:
                signal.signal(number, signal.SIG_IGN)
            # The size is there before the program looks.
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
            os.execv(ZONEDECK, [ZONEDECK] + (args or ["-s", "unix:" + SOCKET]))

    def read(self, seconds):
        """Bytes that come within so many seconds; b"" when none do."""
        ready, _, _ = select.select([self.master], [], [], seconds)
        try:
            return os.read(self.master, 1 << 20) if ready else b""
        except OSError:
            return b""

    def write(self, data):
        os.write(self.master, data)

    def wait(self, seconds=8):
        """The wait status."""
        def ended():
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            return (status,) if pid else None
        return wait_until(ended, seconds, "zonedeck ends")[0]

    def stat(self, name):
        for line in open(f"/proc/{self.pid}/status", encoding="ascii"):
            if line.startswith(name + ":"):
                return int(line.split()[1])
        return None

    def run_ns(self):
        return int(open(f"/proc/{self.pid}/schedstat", encoding="ascii").read().split()[0])

    def kill(self):
        try:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass
        os.close(self.master)


__all__ = ["Console", "Pty", "endpoint", "fake_endpoint", "FOLDER", "SOCKET", "ZONEDECK", "patience"]
