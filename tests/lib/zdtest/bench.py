"""Benchmarks as tables. A file tests/bench/NAME.py is a benchmark; its docstring says what for, and

    EXPERIMENTS   {name: function(kind) -> {figure: number}}; run as often as --runs says
    ROWS          [Row(...)]: which figure of which experiment, for which servers, and its goal
    SERVERS       {name: class}, if there are others than the name servers to measure beside them

Each experiment runs for each server in turn (so that all share the same noise), and a row shows the
median, the range, how many times ours the others' is, and whether our median reaches the goal.
"""

import argparse
import dataclasses
import importlib.util
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import time
import traceback

from zdtest.data import REPOSITORY
from zdtest.servers import Bind, Knot, Nsd, Zonedeckd, ours, program

KINDS = {"zonedeck": Zonedeckd, "NSD": Nsd, "Knot": Knot, "BIND": Bind}
ALL = tuple(KINDS)
FOLDER = REPOSITORY / "tests" / "bench"


@dataclasses.dataclass
class Row:
    experiment: str
    figure: str
    title: str
    unit: str
    goal: float = None           # our median must be at most this
    servers: tuple = ALL
    times: tuple = None          # (factor, servers): the goal is so many times the best of theirs


def goal_of(row, figures):
    """What our median must reach: a number, or what others have reached in the same runs."""
    if row.times is None:
        return row.goal
    factor, servers = row.times
    others = [statistics.median(values) for kind in servers
              if (values := figures.get((row.experiment, kind), {}).get(row.figure))]
    return factor * min(others) if others else None


def available():
    return sorted(path.stem for path in FOLDER.glob("*.py"))


def load(name):
    spec = importlib.util.spec_from_file_location(f"bench_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def version(kind):
    """The version each server says it has."""
    command = {"zonedeck": [str(ours("zonedeckd")), "-V"], "NSD": [program("nsd"), "-v"],
               "Knot": [program("knotd"), "-V"], "BIND": [program("named"), "-v"],
               "PowerDNS": [program("pdns_server"), "--version"]}.get(kind)
    if command is None:
        return None
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except OSError:
        return None
    found = re.search(r"\d+\.\d+[\w.~+-]*", done.stdout + done.stderr)
    return found.group() if found else None


def installed(kind):
    return ours("zonedeckd").exists() if KINDS[kind] is Zonedeckd else KINDS[kind].installed()


def machine():
    cpu = re.search(r"model name\s*:\s*(.*)", open("/proc/cpuinfo").read())
    return {"cpu": cpu.group(1) if cpu else platform.machine(), "cores": os.cpu_count(),
            "kernel": platform.release(), "load": os.getloadavg()[0]}


def run(module, runs, kinds, rows):
    """{(experiment, kind): {figure: [value of each run]}} and what went wrong."""
    wanted = {(row.experiment, kind) for row in rows for kind in row.servers if kind in kinds}
    figures, errors = {}, []
    for number in range(runs):
        for experiment, function in module.EXPERIMENTS.items():
            for kind in kinds:
                if (experiment, kind) not in wanted:
                    continue
                print(f"run {number + 1} of {runs}: {experiment}, {kind}", file=sys.stderr, flush=True)
                try:
                    result = function(kind)
                except Exception as why:
                    traceback.print_exc()
                    errors.append(f"{experiment}, {kind}: {str(why)[:200]}")
                    continue
                print(f"    {result}", file=sys.stderr, flush=True)
                for figure, value in result.items():
                    figures.setdefault((experiment, kind), {}).setdefault(figure, []).append(value)
    return figures, errors


def shown(value):
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def cell(values, reference):
    """A median, its range, and how many times the reference it is."""
    if not values:
        return "-"
    low, middle, high = min(values), statistics.median(values), max(values)
    text = shown(middle) if low == high else f"{shown(middle)} ({shown(low)}-{shown(high)})"
    return text + (f" x{shown(middle / reference)}" if reference and middle else "")


def summary(rows, figures, kinds):
    """One dictionary a row and server: what goes to JSON."""
    out = []
    for row in rows:
        for kind in kinds:
            values = figures.get((row.experiment, kind), {}).get(row.figure, [])
            if kind not in row.servers or not values:
                continue
            goal, median = goal_of(row, figures) if kind == "zonedeck" else None, statistics.median(values)
            own = figures.get((row.experiment, "zonedeck"), {}).get(row.figure)
            reference = statistics.median(own) if own else None
            out.append({"row": row.title, "experiment": row.experiment, "unit": row.unit,
                        "server": kind, "goal": goal, "median": median, "min": min(values),
                        "max": max(values), "runs": values,
                        "times_ours": median / reference if reference else None,
                        "reached": None if goal is None else median <= goal})
    return out


def print_table(rows, figures, kinds):
    lines = [["figure (median, range, times ours)", "goal", "", *kinds]]
    for row in rows:
        found = {kind: figures.get((row.experiment, kind), {}).get(row.figure, []) for kind in kinds}
        own = statistics.median(found["zonedeck"]) if found.get("zonedeck") else None
        limit = goal_of(row, figures)
        goal = "" if limit is None else f"<= {shown(limit)}" if limit else "0"
        reached = "" if limit is None or own is None else "yes" if own <= limit else "NO"
        lines.append([f"{row.title}, {row.unit}", goal, reached]
                     + [cell(found[kind], own if kind != "zonedeck" else None)
                        if kind in row.servers else "" for kind in kinds])
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for number, line in enumerate(lines):
        print("  ".join(text.ljust(width) if i == 0 else text.rjust(width)
                        for i, (text, width) in enumerate(zip(line, widths))))
        if not number:
            print("  ".join("-" * width for width in widths))


def main():
    if len(sys.argv) < 2:
        print("benchmarks (scripts/bench NAME):")
        for name in available():
            print(f"  {name:10} {(load(name).__doc__ or '').strip().splitlines()[0]}")
        return 0
    parser = argparse.ArgumentParser(prog="scripts/bench")
    parser.add_argument("name", choices=available())
    parser.add_argument("--runs", type=int, default=3, help="median of so many (default 3)")
    parser.add_argument("--only", help="servers, separated by commas; ours, and what a row compares with,"
                        " must be named too: " + ",".join(ALL))
    parser.add_argument("--rows", help="only rows whose title has one of these words: WORD|WORD")
    parser.add_argument("--json", help="where to write the result")
    options = parser.parse_args()
    module = load(options.name)
    KINDS.update(getattr(module, "SERVERS", {}))
    kinds = [kind for kind in (options.only.split(",") if options.only else KINDS) if installed(kind)]
    words = (options.rows or "").split("|")
    rows = [row for row in module.ROWS if any(word in row.title for word in words)]
    figures, errors = run(module, options.runs, kinds, rows)
    versions = {kind: version(kind) for kind in kinds}
    print(f"{options.name}, {time.strftime('%Y-%m-%d')}: "
          + ", ".join(f"{kind} {text}" for kind, text in versions.items() if text)
          + f"; {machine()['cpu']}, {machine()['cores']} cores; {options.runs} runs")
    print_table(rows, figures, kinds)
    result = {"bench": options.name, "time": int(time.time()), "machine": machine(),
              "versions": versions, "rows": summary(rows, figures, kinds), "errors": errors}
    path = REPOSITORY / "build" / "bench" / f"{options.name}.json"
    path = path if options.json is None else type(path)(options.json)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n")
    missed = [row for row in result["rows"] if row["reached"] is False]
    for row in missed:
        print(f"goal missed: {row['row']}: {shown(row['median'])} {row['unit']}")
    for error in errors:
        print(f"error: {error}")
    return 1 if missed or errors else 0


if __name__ == "__main__":
    sys.exit(main())
