"""The page of plots: docs/speed.md and a drawing a figure beside it, from what a benchmark wrote.

    scripts/bench-plots [build/bench/speed.json]

The drawings are SVG that needs nothing else, in colours that can be read on white and on black.
"""

import html
import json
import pathlib
import re
import sys
import time

from zdtest.bench import shown
from zdtest.data import REPOSITORY

WIDTH, LEFT, RIGHT, BAR, STEP, TOP = 720, 96, 150, 18, 26, 8
COLOURS = {"zonedeck": "#2f7ed8"}
OTHER, GOAL, INK = "#8a8f98", "#d9482b", "#777c85"
PAGE, DRAWINGS = REPOSITORY / "docs" / "speed.md", REPOSITORY / "docs" / "speed"


def grouped(rows):
    """{title: its rows, one a server}, in the order they were measured."""
    out = {}
    for row in rows:
        out.setdefault(row["row"], []).append(row)
    return out


def file_name(title):
    words = "".join(c if c.isalnum() else " " for c in title.lower()).split()
    return "-".join(words) + ".svg"


def label(row):
    text = shown(row["median"]) + " " + row["unit"]
    return text + (f"  x{shown(row['times_ours'])}" if row["server"] != "zonedeck"
                   and row.get("times_ours") else "")


def bar(number, row, scale):
    """One server: its median as a bar, the range of its runs as a line across the end."""
    y, value = TOP + number * STEP, max(row["median"], 0)
    colour = COLOURS.get(row["server"], OTHER)
    middle = y + BAR / 2
    return (f'<text x="{LEFT - 8}" y="{middle + 4}" text-anchor="end">{html.escape(row["server"])}</text>'
            f'<rect x="{LEFT}" y="{y}" width="{value * scale:.1f}" height="{BAR}" fill="{colour}" rx="2"/>'
            f'<path d="M{LEFT + max(row["min"], 0) * scale:.1f} {middle}H'
            f'{LEFT + max(row["max"], 0) * scale:.1f}" stroke="{INK}" stroke-width="2"/>'
            f'<text x="{LEFT + max(row["max"], 0) * scale + 8:.1f}" y="{middle + 4}">'
            f'{html.escape(label(row))}</text>')


def drawing(title, rows):
    """A bar a server, and a line where the goal is."""
    goal = next((row["goal"] for row in rows if row["goal"] is not None), None)
    most = max([row["max"] for row in rows] + [goal or 0, 1e-9])
    scale = (WIDTH - LEFT - RIGHT) / most
    height = TOP + len(rows) * STEP + 20
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
             f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12" fill="{INK}" '
             f'role="img"><title>{html.escape(title)}</title>']
    parts += [bar(number, row, scale) for number, row in enumerate(rows)]
    if goal is not None:
        x = LEFT + goal * scale
        parts.append(f'<path d="M{x:.1f} 0V{height - 18}" stroke="{GOAL}" stroke-dasharray="4 3"/>'
                     f'<text x="{x:.1f}" y="{height - 5}" text-anchor="middle" fill="{GOAL}">'
                     f'goal {shown(goal)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def verdict(rows):
    ours = next((row for row in rows if row["server"] == "zonedeck"), None)
    if ours is None or ours["goal"] is None:
        return ""
    return f"Goal: at most {shown(ours['goal'])} {ours['unit']}: " + (
        "reached." if ours["reached"] else "**not reached**.")


def page(result):
    machine = result["machine"]
    versions = ", ".join(f"{kind} {text}" for kind, text in result["versions"].items() if text)
    runs = max((len(row["runs"]) for row in result["rows"]), default=0)
    day = time.strftime("%Y-%m-%d", time.gmtime(result["time"]))
    lines = ["# Speed and size, measured", "",
             f"{day}: {versions}. {machine['cores']} cores ({machine['cpu']}), Linux "
             f"{re.match(r'[0-9.]*', machine['kernel'])[0]}; load average at the end {machine['load']:.1f}. Median of {runs} run"
             + ("s" * (runs != 1)) + ", the thin line is their range; xN: so many times ours. Smaller is "
             "better unless the unit is *a second*. [bench.md](bench.md) says how each is measured; "
             "`scripts/bench speed` measures, `scripts/bench-plots` makes this page.", ""]
    for title, rows in grouped(result["rows"]).items():
        unit = f" ({rows[0]['unit']})" if rows[0]["unit"] else ""
        lines += [f"## {title}{unit}", "", f"![{title}](speed/{file_name(title)})", ""]
        if verdict(rows):
            lines += [verdict(rows), ""]
        fewest = min(len(row["runs"]) for row in rows)
        if fewest < runs:
            lines += [f"Of {fewest} run{'s' * (fewest != 1)} only.", ""]
    return "\n".join(lines).rstrip() + "\n"


def main():
    source = sys.argv[1] if len(sys.argv) > 1 else REPOSITORY / "build" / "bench" / "speed.json"
    result = json.loads(pathlib.Path(source).read_text())
    DRAWINGS.mkdir(parents=True, exist_ok=True)
    for old in DRAWINGS.glob("*.svg"):
        old.unlink()
    for title, rows in grouped(result["rows"]).items():
        (DRAWINGS / file_name(title)).write_text(drawing(title, rows))
    PAGE.write_text(page(result))
    print(f"{PAGE.relative_to(REPOSITORY)}: {len(grouped(result['rows']))} figures")
    return 0


if __name__ == "__main__":
    sys.exit(main())
