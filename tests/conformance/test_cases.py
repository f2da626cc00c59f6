#!/usr/bin/env python3
"""Every case of the list below has a test that bears its name.

A test is a function of a test program, named w12_... or, for several cases, c8_c9_...; or a row of a
table whose first word is the case ("W12 root QNAME"). Names are for those who look for a case, so a
comment does not count. ZONEDECK_LIST=1 prints where each is.

    W1-W3    datagrams that get no answer             W28-W32  TSIG, TKEY, SIG(0) nobody knows
    W4-W12   headers, questions and names             W33-W39  what is large, long or costly
    W13-W15  every type, class, opcode and flag       W40-W42  noise, mutations, odd sources
    W16-W27  EDNS and its options
    Z1-Z10   text and data that are not well-formed   C1-C3    slow, cut and unread messages
    Z11-Z14  zones that cannot be; files that change  C4-C10   too many connections, odd ends
    Z15-Z17  large, many, hard on resolvers
"""

import os
import pathlib
import re

from zdtest.data import REPOSITORY, scratch
from zdtest.runner import case, check, check_equal, main

CASES = ([f"W{n}" for n in range(1, 43)] + [f"Z{n}" for n in range(1, 18)]
         + [f"C{n}" for n in range(1, 11)])
TESTS = REPOSITORY / "tests"
PYTHON = re.compile(r"^@case\ndef ((?:[wzc]\d+_)+)", re.M)
CMOCKA = re.compile(r"cmocka_unit_test\w*\(((?:[wzc]\d+_)+)")
ROW = re.compile(r"[({\[]f?\"([WZC]\d+)[ \"]")


def named(path):
    """The cases that tests of a program are named after."""
    text = path.read_text()
    names = CMOCKA.findall(text) if path.suffix == ".c" else PYTHON.findall(text)
    found = {word.upper() for name in names for word in name.split("_") if word}
    return found | set(ROW.findall(text))


def where():
    """{case: the programs that test it}"""
    found = {}
    for path in sorted([*TESTS.glob("*/test_*.py"), *TESTS.glob("unit/*/test_*.c")]):
        if path != pathlib.Path(__file__).resolve():
            for word in named(path):
                found.setdefault(word, []).append(str(path.relative_to(TESTS)))
    return found


@case
def every_case_has_a_test():
    found = where()
    if os.environ.get("ZONEDECK_LIST"):
        for name in CASES:
            print(f"  {name:4} {' '.join(found.get(name, ['-']))}")
    check_equal([name for name in CASES if name not in found], [], "cases without a test")


@case
def names_are_told_apart():
    """W1 is not W10, and what is no test is none."""
    program = scratch() / "test_x.py"
    program.write_text('@case\ndef w10_c8_c9_x():\n    pass\n\n\ndef w11_no_test():\n    """W12"""\n'
                       '("W13 row", 1), (f"Z4", 2)  # W14\n')
    check_equal(named(program), {"W10", "C8", "C9", "W13", "Z4"})
    check(len(CASES) == 69, len(CASES))


main()
