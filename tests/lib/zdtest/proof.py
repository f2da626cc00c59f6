"""Does an answer prove what it says? As a validator reads it: RFC 4035 section 5.4, RFC 5155 section 8.

Coverage only: that the records needed are there, signed by something, and cover the right names. The
signatures themselves are for delv and drill.
"""

import hashlib

from zdtest import dns

NS, CNAME, SOA, DNAME, DS, RRSIG, NSEC, NSEC3, ANY = 2, 5, 6, 39, 43, 46, 47, 50, 255
OPT_OUT = 1
CHAIN = 16  # a chain of so many aliases may end anywhere


def labels(name):
    out, i = [], 0
    while name[i]:
        out.append(name[i + 1:i + 1 + name[i]])
        i += 1 + name[i]
    return out


def wire(parts):
    return b"".join(bytes([len(p)]) + p for p in parts) + b"\0"


def canonical(name):
    """What sorts as RFC 4034 section 6.1 says."""
    return labels(dns.lower(name))[::-1]


def within(name, zone):
    a, b = labels(name), labels(zone)
    return a[len(a) - len(b):] == b


def types_of(bitmap):
    found, i = set(), 0
    while i < len(bitmap):
        block, size = bitmap[i], bitmap[i + 1]
        for k, byte in enumerate(bitmap[i + 2:i + 2 + size]):
            found |= {block * 256 + k * 8 + bit for bit in range(8) if byte & 0x80 >> bit}
        i += 2 + size
    return found


class Nsec:
    def __init__(self, record):
        self.owner = record.owner
        self.next, end = dns.Reader(record.rdata).name(0)
        self.next, self.types = dns.lower(self.next), types_of(record.rdata[end:])

    def covers(self, name):
        a, x, b = canonical(self.owner), canonical(name), canonical(self.next)
        # RFC 4035 section 5.4, RFC 6840 section 4.1: a delegation's NSEC says nothing about what is below it.
        if NS in self.types and SOA not in self.types and x[:len(a)] == a and x != a:
            return False
        if DNAME in self.types and x[:len(a)] == a and x != a:
            return False
        return a < x < b if a < b else a < x or x < b

    def empty(self, name):
        """Is the name an empty non-terminal, by what comes next?"""
        return self.covers(name) and canonical(self.next)[:len(canonical(name))] == canonical(name)


DIGITS = "0123456789abcdefghijklmnopqrstuv"


class Nsec3:
    def __init__(self, record):
        label = labels(record.owner)[0].decode().lower()
        number = 0
        for c in label:
            number = number << 5 | DIGITS.index(c)
        self.hash = number.to_bytes(20, "big")
        r = record.rdata
        self.flags, self.iterations, self.salt = r[1], r[2] << 8 | r[3], r[5:5 + r[4]]
        at = 5 + r[4]
        self.next = r[at + 1:at + 1 + r[at]]
        self.types = types_of(r[at + 1 + r[at]:])

    def of(self, name):
        digest = hashlib.sha1(dns.lower(name) + self.salt).digest()
        for _ in range(self.iterations):
            digest = hashlib.sha1(digest + self.salt).digest()
        return digest

    def matches(self, name):
        return self.of(name) == self.hash

    def covers(self, name):
        x = self.of(name)
        if self.hash < self.next:
            return self.hash < x < self.next
        return self.hash < x or x < self.next


def encloser(nsec3s, name, zone):
    """(closest encloser, NSEC3 that covers the next closer name) or None (RFC 5155 section 8.3)."""
    parts = labels(name)
    for i in range(1, len(parts) - len(labels(zone)) + 1):
        match = [n for n in nsec3s if n.matches(wire(parts[i:]))]
        if match:
            if DNAME in match[0].types or (NS in match[0].types and SOA not in match[0].types):
                return None
            cover = [n for n in nsec3s if n.covers(wire(parts[i - 1:]))]
            return (parts[i:], cover[0]) if cover else None
    return None


def proves_nxdomain(name, zone, nsecs, nsec3s):
    if nsecs:
        cover = [n for n in nsecs if n.covers(name)]
        if not cover or any(n.empty(name) for n in cover):
            return False
        parts = labels(name)
        best = max(common(name, other) for n in cover for other in (n.owner, n.next))
        star = wire([b"*", *parts[len(parts) - best:]])
        return any(n.covers(star) for n in nsecs)
    found = encloser(nsec3s, name, zone)
    return bool(found) and any(n.covers(wire([b"*", *found[0]])) for n in nsec3s)


def common(a, b):
    """How many labels two names share."""
    n = 0
    for x, y in zip(canonical(a), canonical(b)):
        if x != y:
            break
        n += 1
    return n


def lacks(types, qtype):
    """RFC 6840 section 4.3; NSEC and CNAME stand side by side, so NSEC does not follow it."""
    return qtype not in types and (CNAME not in types or qtype == NSEC)


def proves_nodata(name, qtype, zone, nsecs, nsec3s):
    parts = labels(name)
    if nsecs:
        for n in nsecs:
            if n.owner == name:
                return lacks(n.types, qtype)
            if n.empty(name):
                return True
        cover = [n for n in nsecs if n.covers(name)]
        if not cover:
            return False
        best = max(common(name, other) for n in cover for other in (n.owner, n.next))
        star = wire([b"*", *parts[len(parts) - best:]])
        return any((n.owner == star and lacks(n.types, qtype)) or n.empty(star) for n in nsecs)
    match = [n for n in nsec3s if n.matches(name)]
    if match:
        return lacks(match[0].types, qtype)
    found = encloser(nsec3s, name, zone)
    if not found:
        return False
    if found[1].flags & OPT_OUT:  # RFC 5155 section 8.6 and erratum 3441: also for other types than DS
        return True
    star = wire([b"*", *found[0]])
    return any(n.matches(star) and lacks(n.types, qtype) for n in nsec3s)


def proves_expansion(name, count, zone, nsecs, nsec3s):
    parts = labels(name)
    if nsecs:
        return any(n.covers(name) for n in nsecs)
    return any(n.covers(wire(parts[len(parts) - count - 1:])) for n in nsec3s)


def proves_insecure(cut, zone, nsecs, nsec3s):
    """A delegation without DS (RFC 5155 section 8.9)."""
    for n in [n for n in nsecs if n.owner == cut] + [n for n in nsec3s if n.matches(cut)]:
        return NS in n.types and DS not in n.types and SOA not in n.types
    found = encloser(nsec3s, cut, zone) if nsec3s else None
    return bool(found) and bool(found[1].flags & OPT_OUT)


def unsigned(section, but=()):
    """RRsets of a section without a signature in it."""
    covered = {(r.owner, r.rdata[0] << 8 | r.rdata[1]) for r in section if r.type == RRSIG}
    return {(r.owner, r.type) for r in section if r.type != RRSIG} - covered - set(but)


def zone_of(name, zones):
    found = [z for z in zones if within(name, z)]
    return max(found, key=len) if found else None


def verify(message, signed):
    """"good: …", "bad: …" or "none" for an answer whose last name is in no signed zone."""
    name, qtype, _ = message.question[0]
    name, seen, made = dns.lower(name), set(), set()
    nsecs, nsec3s = ([kind(r) for r in message.authority if r.type == number]
                     for kind, number in ((Nsec, NSEC), (Nsec3, NSEC3)))
    dnames = {r.owner: r.rdata for r in message.answer if r.type == DNAME}
    # Along the aliases: what a DNAME made needs no signature; what a wildcard gave needs a proof.
    while name not in seen:
        seen.add(name)
        zone = zone_of(name, signed)
        here = [r for r in message.answer if r.owner == name]
        for r in here if zone else ():
            if r.type == RRSIG and qtype != RRSIG and r.rdata[3] < len(labels(name)) - name.startswith(b"\1*"):
                mine = [n for n in nsecs if within(n.owner, zone)]
                if not proves_expansion(name, r.rdata[3], zone, mine, nsec3s):
                    return f"bad: expansion not proven ({dns.name_to_text(name)})"
        alias = [r for r in here if r.type == CNAME]
        if alias and any(within(name, d) and name != d for d in dnames):
            made.add((name, CNAME))
        if not alias or qtype == CNAME:
            break
        name = dns.lower(alias[0].rdata)
    if qtype == ANY or (qtype == RRSIG and not any(r.type == SOA for r in message.authority)):
        return "none"
    left = {(o, t) for o, t in unsigned(message.answer, made) if zone_of(o, signed)}
    if left:
        return f"bad: answer not signed ({left})"
    zone = zone_of(name, signed)
    if not zone:
        return "none"
    nsecs = [n for n in nsecs if within(n.owner, zone)]
    if message.rcode == 6:
        return "good: YXDOMAIN"
    if any(r.owner == name and r.type == qtype for r in message.answer):
        return "good positive"
    soa = [r for r in message.authority if r.type == SOA]
    cuts = {r.owner for r in message.authority if r.type == NS}
    if not soa and cuts and cuts != {zone}:
        cut = cuts.pop()
        if unsigned(message.authority, {(cut, NS)}):
            return "bad: referral not signed"
        if any(r.type == DS for r in message.authority):
            return "good referral, signed"
        good = proves_insecure(cut, zone, nsecs, nsec3s)
        return "good referral, unsigned" if good else "bad: absence of DS not proven"
    if any(r.owner == name for r in message.answer if r.type != RRSIG):
        return "good alias at the end"
    if not message.authority and sum(r.type == CNAME for r in message.answer) >= CHAIN:
        return "good chain, cut"
    if unsigned(message.authority):
        return "bad: authority not signed"
    if message.rcode == 3:
        good = proves_nxdomain(name, zone, nsecs, nsec3s)
        return "good NXDOMAIN" if good else "bad: NXDOMAIN not proven"
    good = proves_nodata(name, qtype, zone, nsecs, nsec3s)
    return "good NODATA" if good else "bad: NODATA not proven"
