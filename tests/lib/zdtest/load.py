"""Steady load while something happens to a server: every query is followed until it is answered."""

import struct
import subprocess
import time

from zdtest.data import scratch
from zdtest.runner import Failure, patience
from zdtest.servers import ours


class Steady:
    """bench_steady against a port, in the background.

        load = Steady(server.port, queries, rate=3000, seconds=5)
        load.at(2.5)            # returns 2.5 s after the first query
        ...
        result = load.result()  # {"sent": 15000, "lost": 0, ...}
    """

    def __init__(self, port, file, rate, seconds, lost_file=None, wait=2):
        command = [ours("bench_steady"), port, file, rate, seconds, wait]
        command += [lost_file] if lost_file else []
        self.seconds = seconds + wait
        self.process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE,
                                        text=True)
        if self.process.stdout.readline() != "started\n":
            self.process.wait()
            raise Failure("the load did not start")
        self.started = time.monotonic()

    def at(self, seconds):
        """The load itself is the clock: an action belongs at a point of it."""
        time.sleep(max(0.0, self.started + seconds - time.monotonic()))

    def result(self):
        try:
            out, _ = self.process.communicate(timeout=patience(self.seconds + 30))
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise Failure("the load did not end") from None
        words = out.split()
        return {key: float(value) if "." in value else int(value)
                for key, value in zip(words[::2], words[1::2])}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def first_answer(port, name, rtype, start, timeout=60):
    """Milliseconds from just before start() (which runs the server) to the first good answer, asked
    for every millisecond all the time."""
    client = subprocess.Popen([str(ours("bench_first")), str(port), name, str(rtype), str(timeout)],
                              stdout=subprocess.PIPE, text=True)
    try:
        if client.stdout.readline() != "ready\n":
            raise Failure("bench_first did not start")
        before = time.monotonic_ns()
        start()
        out, _ = client.communicate(timeout=timeout + 10)
        if client.returncode:
            raise Failure(f"no good answer within {timeout} s")
        return (int(out.split()[1]) - before) / 1e6
    finally:
        if client.poll() is None:
            client.kill()
        client.wait()


def pour(port, packets, good, count):
    """Sends so many of these packets in turn, UDP and some TCP, as fast as the good query between them
    is answered: {"sent": all, "answers": ..., "tcp": over TCP, "again": good ones sent again}."""
    file = scratch() / "packets"
    file.write_bytes(b"".join(struct.pack(">H", len(p)) + p for p in [*packets, good]))
    done = subprocess.run([ours("bench_soak"), str(port), file, str(count)], check=False,
                          stdout=subprocess.PIPE, text=True)
    file.unlink()
    if done.returncode:
        raise Failure("the good query between the packets was not answered")
    return dict(zip(("sent", "answers", "tcp", "again"), map(int, done.stdout.split())))
