#!/usr/bin/env python3
"""The judge judged: the strict client and the comparison notice what they are there to notice."""

import struct

from zdtest import client, compare, dns
from zdtest.runner import case, check, check_equal, main

QUERY = dns.query("www.example.org.", "A", id=0x1234, edns=dns.Edns(1232, do=True))


def answer():
    """An answer as servers write it: compressed, with authority, glue and OPT."""
    question = QUERY[12:12 + 21]
    records = [
        b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + bytes([192, 0, 2, 80]),
        b"\xc0\x10" + struct.pack(">HHIH", 2, 1, 3600, 6) + b"\3ns1\xc0\x10",
        b"\xc0\x3d" + struct.pack(">HHIH", 1, 1, 3600, 4) + bytes([192, 0, 2, 1]),
    ]
    return (struct.pack(">6H", 0x1234, dns.QR | dns.AA, 1, 1, 1, 2) + question
            + b"".join(records) + dns.Edns(1232, do=True).wire())


def expect_malformed(data, what):
    try:
        message = dns.Message(data)
    except dns.Malformed:
        return
    check(False, f"{what} was taken for a message:\n{message}")


@case
def a_good_answer_is_read():
    message = dns.Message(answer())
    check_equal([str(r) for r in message.answer], ["www.example.org. 60 A 192.0.2.80"])
    check_equal([str(r) for r in message.authority], ["example.org. 3600 NS ns1.example.org."])
    check_equal([str(r) for r in message.additional], ["ns1.example.org. 3600 A 192.0.2.1"])
    check_equal((message.edns.size, message.edns.do, message.edns.options), (1232, True, []))
    client.check_echo(QUERY, answer())


@case
def every_cut_is_malformed():
    whole = answer()
    for size in range(len(whole)):
        expect_malformed(whole[:size], f"{size} bytes")
    expect_malformed(whole + b"\0", "a byte too many")


@case
def every_changed_byte_is_noticed():
    """A byte changed anywhere is refused or makes a difference, but for what has no meaning."""
    whole, reference = answer(), dns.Message(answer())
    silent = []
    for at in range(len(whole)):
        changed = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1:]
        try:
            client.check_echo(QUERY, changed)
            found = compare.differences(dns.Message(changed), reference)
        except (dns.Malformed, client.Unexpected, IndexError, struct.error):
            continue
        if not found:
            silent.append(at)
    # RD in byte 2, CD and Z in 3; the size, version and Z of OPT at the end.
    edns = len(whole) - 11
    unnoticed = [at for at in silent if at not in (2, 3) and at < edns + 2]
    check(not unnoticed, "not noticed at", unnoticed)


@case
def what_a_message_may_not_hold():
    header, name = struct.pack(">6H", 1, dns.QR, 1, 0, 0, 0), b"\3www\0"
    expect_malformed(header + b"\xc0\x0c\0\1\0\1", "a pointer to itself")
    expect_malformed(header + b"\xc0\x02\0\1\0\1", "a pointer into the header")
    expect_malformed(header + b"\xc0\x20\0\1\0\1", "a pointer forwards")
    expect_malformed(header + b"\x41x\0\0\1\0\1", "label type 0x41")
    expect_malformed(header + (b"\x3f" + b"x" * 63) * 4 + b"\0\0\1\0\1", "a name of 257 bytes")
    two_opt = struct.pack(">6H", 1, dns.QR, 1, 0, 0, 2) + name + b"\0\1\0\1" + dns.Edns().wire() * 2
    expect_malformed(two_opt, "two OPT")
    nsec = (struct.pack(">6H", 1, dns.QR, 1, 1, 0, 0) + name + b"\0\1\0\1" + b"\xc0\x0c"
            + struct.pack(">HHIH", 47, 1, 60, 5) + b"\xc0\x0c\0\1\x40")
    expect_malformed(nsec, "a compressed name in NSEC")


@case
def comparison_ignores_order_and_letter_case_only():
    record = dns.Record((b"\3www\0", 1, 1, 60, bytes(4)))
    one, other = dns.Message(answer()), dns.Message(answer())
    other.answer = [record] + one.answer
    one.answer = one.answer + [record]
    check_equal(compare.differences(one, other), [])
    other.answer[0] = dns.Record((b"\3www\0", 1, 1, 61, bytes(4)))
    check_equal(compare.differences(one, other), ["answer"])
    one.answer = [record, record]
    check_equal(compare.duplicates(one), [record, record])
    upper = answer().replace(b"\3ns1", b"\3NS1")
    check_equal(compare.differences(dns.Message(upper), dns.Message(answer())), [])


@case
def a_shorter_positive_answer_is_the_same_another_one_is_not():
    whole, lean = dns.Message(answer()), dns.Message(answer())
    lean.authority, lean.additional = [], []
    check_equal(compare.same_answer(lean, whole), [])
    lean.additional = [dns.Record((b"\3www\0", 1, 1, 60, bytes(4)))]
    check_equal(compare.same_answer(lean, whole), ["additional"])
    lean.answer = []
    check("answer" in compare.same_answer(lean, whole), "an empty answer")


main()
