"""Two answers: the same, or in which part they differ.

Sections compare as sets of records (owner, type, class, TTL, RDATA): their order has no meaning.
"""

from zdtest import dns

PARTS = {
    "rcode": lambda m: m.rcode,
    "aa": lambda m: m.has(dns.AA),
    "tc": lambda m: m.has(dns.TC),
    "edns": lambda m: m.edns is not None,
    "do": lambda m: bool(m.edns and m.edns.do),
    "answer": lambda m: frozenset(m.answer),
    "authority": lambda m: frozenset(m.authority),
    "additional": lambda m: frozenset(m.additional),
}
WHOLE = ("rcode", "aa", "tc", "edns", "do", "answer", "authority", "additional")


def differences(ours, theirs, parts=WHOLE):
    """The names of the parts in which two messages differ."""
    return [part for part in parts if PARTS[part](ours) != PARTS[part](theirs)]


def same_answer(ours, theirs):
    """As WHOLE, but beside a positive answer a server may leave out the rest: authority and
    additional may be empty or a part of theirs."""
    if not ours.answer or not theirs.answer:
        return differences(ours, theirs)
    found = differences(ours, theirs, ("rcode", "aa", "tc", "edns", "do", "answer"))
    for part in ("authority", "additional"):
        mine, other = PARTS[part](ours), PARTS[part](theirs)
        if mine and not mine <= other:
            found.append(part)
    return found


def duplicates(message):
    """Records that stand twice in one section: never right (RFC 2181 section 5)."""
    return [r for section in (message.answer, message.authority, message.additional)
            for r in section if section.count(r) > 1]


def explain(ours, theirs, parts):
    """For people: what each has that the other has not."""
    lines = []
    for part in parts:
        mine, other = PARTS[part](ours), PARTS[part](theirs)
        if isinstance(mine, frozenset):
            lines += [f"    only ours   {part:10} {r}" for r in sorted(mine - other)[:8]]
            lines += [f"    only theirs {part:10} {r}" for r in sorted(other - mine)[:8]]
        else:
            lines.append(f"    {part}: ours {mine}, theirs {other}")
    return "\n".join(lines)
