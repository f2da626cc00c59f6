"""What a process holds, from /proc."""

import os
import pathlib
import re


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def children(pid):
    """The processes its main thread has started and not waited for."""
    return pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def private(pid):
    """KiB that are the process's own and that it has written: not its mappings of zones."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Private_Dirty:\s+(\d+)", text, re.M)[1])
