"""Random zones: wildcards, aliases, delegations signed and not, empty non-terminals; signed by ldns.

A name is a tuple of labels within its zone, the leftmost first; () is the apex.
"""

import subprocess

LABELS = ["a", "b", "c", "d", "e", "*"]
KINDS = [("data", 45), ("cname", 14), ("dname", 7), ("cut", 12), ("signed cut", 10), ("service", 8)]
# How a zone is signed: the arguments of ldns-signzone, None for not at all.
SIGNING = {"plain": None, "nsec": [], "nsec3": ["-n", "-t", "0"],
           "optout": ["-n", "-p", "-t", "3", "-s", "5ca1ab1e"]}


def below(name, other):
    return len(name) > len(other) and name[len(name) - len(other):] == other


class Zone:
    def __init__(self, rng, origin, signing, folder, siblings=()):
        self.rng, self.origin, self.signing = rng, origin, signing
        self.siblings = [origin, *siblings]
        self.kinds = self._names()
        self.plain = folder / f"{origin}zone"
        self.plain.write_text("".join(line + "\n" for line in self._lines()))
        self.file = self._sign(folder)
        self.hash_owners = [line.split()[0] for line in self.file.read_text().splitlines()
                            if "\tNSEC3\t" in line] if self.signing in ("nsec3", "optout") else []

    def text(self, name):
        return ".".join([*name, self.origin])

    def _names(self):
        rng, kinds = self.rng, {}
        for _ in range(rng.randint(15, 45)):
            name = tuple(rng.choice(LABELS) for _ in range(rng.choice([1, 1, 2, 2, 3, 4])))
            kinds[name] = rng.choices([k for k, _ in KINDS], [w for _, w in KINDS])[0]
        # RFC 4592 sections 4.2 and 4.4 leave open what NS and DNAME at a wildcard mean.
        for name, kind in kinds.items():
            if "*" in name[:1] and kind in ("dname", "cut", "signed cut"):
                kinds[name] = "data"
        for name in sorted(kinds, key=len):
            above = [kinds[a] for a in kinds if below(name, a)]
            if "dname" in above:
                kinds[name] = None  # RFC 6672 section 2.4
            elif "cut" in above or "signed cut" in above:
                kinds[name] = "data"  # glue, or hidden
        return {name: kind for name, kind in kinds.items() if kind}

    def target(self):
        """A name to point at: of this zone, below one, of another zone or of none here."""
        rng, names = self.rng, list(self.kinds)
        return rng.choice([
            lambda: self.text(rng.choice(names)), lambda: self.text(rng.choice(names)),
            lambda: self.text((rng.choice(LABELS[:-1]), *rng.choice(names))),
            lambda: self.text((rng.choice(LABELS[:-1]),)),
            lambda: f"{rng.choice(LABELS[:-1])}.{rng.choice(self.siblings)}",
            lambda: f"{rng.choice(LABELS[:-1])}.elsewhere.invalid."])()

    def _lines(self):
        rng, origin = self.rng, self.origin
        yield f"{origin} 3600 IN SOA ns.{origin} host.{origin} 1 3600 600 86400 300"
        yield f"{origin} 3600 IN NS ns.{origin}"
        yield f"ns.{origin} 3600 IN A 192.0.2.53"
        for name, kind in self.kinds.items():
            yield from getattr(self, "_" + kind.replace(" ", "_"))(self.text(name))

    def _data(self, owner):
        rng = self.rng
        rows = [f"A 192.0.2.{rng.randint(1, 250)}", f"AAAA 2001:db8::{rng.randint(1, 999)}",
                f"MX 10 {self.target()}", f'TXT "{rng.randint(1, 999)}"',
                f"SRV 1 2 5060 {self.target()}"]
        for row in rng.sample(rows, rng.randint(1, 3)):
            yield f"{owner} 300 IN {row}"

    def _cname(self, owner):
        yield f"{owner} 300 IN CNAME {self.target()}"

    def _dname(self, owner):
        yield f"{owner} 300 IN DNAME {self.target()}"
        if self.rng.random() < 0.3:
            yield f"{owner} 300 IN A 192.0.2.99"

    def _cut(self, owner):
        yield f"{owner} 300 IN NS ns.{owner}"
        if self.rng.random() < 0.5:
            yield f"{owner} 300 IN NS {self.target()}"
        yield f"ns.{owner} 300 IN A 192.0.2.54"

    def _signed_cut(self, owner):
        yield from self._cut(owner)
        yield f"{owner} 300 IN DS 1 13 2 {'%064x' % self.rng.getrandbits(256)}"

    def _service(self, owner):
        yield f"{owner} 300 IN TYPE65280 \\# 3 010203"
        yield f"{owner} 300 IN MX 5 {self.target()}"
        yield f"{owner} 300 IN HTTPS {self.rng.randint(0, 1)} {self.target()}"
        yield f'{owner} 300 IN NAPTR 1 1 "a" "x" "" {self.target()}'

    def _sign(self, folder):
        if SIGNING[self.signing] is None:
            return self.plain
        key = subprocess.run(["ldns-keygen", "-a", "ECDSAP256SHA256", "-k", self.origin], cwd=folder,
                             check=True, capture_output=True, text=True).stdout.strip()
        fields = (folder / f"{key}.key").read_text().split(";")[0].split()
        self.anchors = folder / f"{self.origin}anchors"
        self.anchors.write_text(f'trust-anchors {{ {self.origin} static-key {" ".join(fields[-4:-1])} '
                                f'"{fields[-1]}"; }};\n')
        out = folder / f"{self.origin}signed"
        subprocess.run(["ldns-signzone", *SIGNING[self.signing], "-f", out, self.plain, key],
                       cwd=folder, check=True, capture_output=True)
        return out

    def questions(self):
        """(name, type) of an interesting name, without end."""
        rng = self.rng
        names = [(), ("ns",), *self.kinds]
        names += sorted({n[i:] for n in names for i in range(1, len(n))})
        types = ["A", "AAAA", "NS", "DS", "MX", "TXT", "CNAME", "DNAME", "SOA", "SRV", "DNSKEY",
                 "NSEC", "NSEC3", "NSEC3PARAM", "RRSIG", "TYPE65280", "HTTPS", "NAPTR"]
        weights = [12, 4, 6, 8, 5, 5, 5, 3, 3, 3, 1, 2, 1, 1, 1, 1, 2, 2]
        while True:
            name = rng.choice(names)
            for _ in range(rng.choice([0, 0, 0, 1, 1, 2])):
                name = (rng.choice([*LABELS, "zz", "0"]), *name)
            text = self.text(name)
            if self.hash_owners and rng.random() < 0.02:
                text = rng.choice(["", "x."]) + rng.choice(self.hash_owners)
            if rng.random() < 0.2:
                text = "".join(c.upper() if rng.random() < 0.5 else c for c in text)
            yield text, rng.choices(types, weights)[0]
