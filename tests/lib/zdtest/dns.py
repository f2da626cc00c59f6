"""DNS messages in pure Python, strict on purpose: what a careful client would refuse, this refuses.

A name is its uncompressed wire form in lower case (bytes), so that names compare as DNS says. RDATA
that holds names is expanded. Message.parse raises Malformed for anything that is not exactly a
message: bytes left over, counts that lie, forward or looping pointers, pointers where RFC 3597
forbids them, an OPT that is out of place.
"""

import struct

TYPES = {
    "A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "MB": 7, "MG": 8, "MR": 9, "NULL": 10, "WKS": 11,
    "PTR": 12, "HINFO": 13, "MINFO": 14, "MX": 15, "TXT": 16, "RP": 17, "AFSDB": 18, "RT": 21,
    "SIG": 24, "KEY": 25, "PX": 26, "AAAA": 28, "LOC": 29, "NXT": 30, "SRV": 33, "NAPTR": 35,
    "KX": 36, "CERT": 37, "DNAME": 39, "OPT": 41, "APL": 42, "DS": 43, "SSHFP": 44, "RRSIG": 46,
    "NSEC": 47, "DNSKEY": 48, "NSEC3": 50, "NSEC3PARAM": 51, "TLSA": 52, "CDS": 59, "CDNSKEY": 60,
    "CSYNC": 62, "ZONEMD": 63, "SVCB": 64, "HTTPS": 65, "SPF": 99, "TKEY": 249, "TSIG": 250,
    "IXFR": 251, "AXFR": 252, "ANY": 255, "URI": 256, "CAA": 257,
}
TYPE_NAMES = {number: name for name, number in TYPES.items()}
CLASSES = {"IN": 1, "CH": 3, "HS": 4, "NONE": 254, "ANY": 255}
RCODES = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET",
          "NXRRSET", "NOTAUTH", "NOTZONE"]
OPCODES = {"QUERY": 0, "IQUERY": 1, "STATUS": 2, "NOTIFY": 4, "UPDATE": 5}
QR, AA, TC, RD, RA, Z, AD, CD = 0x8000, 0x400, 0x200, 0x100, 0x80, 0x40, 0x20, 0x10
FLAGS = {"QR": QR, "AA": AA, "TC": TC, "RD": RD, "RA": RA, "Z": Z, "AD": AD, "CD": CD}

# How RDATA that holds names is laid out: an int is that many bytes, "n" a name, "s" a counted
# string, "*" the rest. True: RFC 1035 or 3597 section 4 lets a server send or a client expect
# compressed names there.
LAYOUTS = {
    2: (("n",), True), 5: (("n",), True), 6: (("n", "n", 20), True), 7: (("n",), True),
    8: (("n",), True), 9: (("n",), True), 12: (("n",), True), 14: (("n", "n"), True),
    15: ((2, "n"), True), 17: (("n", "n"), True), 18: ((2, "n"), True), 21: ((2, "n"), True),
    26: ((2, "n", "n"), True), 33: ((6, "n"), True), 35: ((4, "s", "s", "s", "n"), True),
    36: ((2, "n"), False), 39: (("n",), False), 24: ((18, "n", "*"), True),
    46: ((18, "n", "*"), False), 30: (("n", "*"), True), 47: (("n", "*"), False),
}
_LOWER = bytes(c + 32 if 65 <= c <= 90 else c for c in range(256))


class Malformed(Exception):
    """The bytes are not a DNS message."""


def type_number(text):
    """The number of a type: a name, TYPE123 or a number."""
    if isinstance(text, int):
        return text
    text = text.upper()
    return int(text[4:]) if text.startswith("TYPE") and text[4:].isdigit() else TYPES[text]


def type_name(number):
    return TYPE_NAMES.get(number, f"TYPE{number}")


def name_to_wire(text):
    """Wire form, case kept, of a name in text form; the final dot may be missing."""
    if isinstance(text, bytes):
        return text
    wire, label, raw, i = b"", bytearray(), text.encode("latin-1"), 0
    if text in (".", ""):
        return b"\0"
    while i < len(raw):
        c = raw[i]
        if c == 0x5C and raw[i + 1:i + 4].isdigit() and len(raw[i + 1:i + 4]) == 3:
            label.append(int(raw[i + 1:i + 4]))
            i += 4
        elif c == 0x5C:
            label.append(raw[i + 1])
            i += 2
        elif c == 0x2E:
            if not label:
                raise ValueError(f"empty label in {text!r}")
            wire += bytes([len(label)]) + label
            label = bytearray()
            i += 1
        else:
            label.append(c)
            i += 1
    if label:
        wire += bytes([len(label)]) + label
    return wire + b"\0"


def name_to_text(wire):
    """Text form, with a final dot, of an uncompressed name."""
    out, i = [], 0
    while wire[i]:
        label = wire[i + 1:i + 1 + wire[i]]
        out.append("".join(
            "\\" + chr(c) if c in b'."\\();@$' else chr(c) if 33 <= c <= 126 else f"\\{c:03d}"
            for c in label))
        i += 1 + wire[i]
    return ".".join(out) + "." if out else "."


def lower(wire):
    """The name with ASCII letters in lower case (length bytes are below 64 and stay)."""
    return wire.translate(_LOWER)


class Reader:
    """Names and numbers of one message; remembers names by offset, so parsing is linear."""

    def __init__(self, data):
        self.data, self.names = data, {}

    def name(self, pos, compressed=True):
        """(name in its own case, the position after it)"""
        data, parts, size, start, end = self.data, [], 0, pos, None
        known = self.names
        while True:
            if pos >= len(data):
                raise Malformed("name runs past the end")
            n = data[pos]
            if n >= 0xC0:
                if not compressed:
                    raise Malformed("compressed name where none may be")
                if pos + 1 >= len(data):
                    raise Malformed("half a pointer")
                target = (n & 0x3F) << 8 | data[pos + 1]
                if target >= start:
                    raise Malformed("pointer not backwards")
                if target < 12:
                    raise Malformed("pointer into the header")
                if end is None:
                    end = pos + 2
                tail = known.get(target)
                if tail is not None:
                    parts.append(tail)
                    size += len(tail)
                    break
                pos = start = target
            elif n >= 0x40:
                raise Malformed("unknown label type")
            else:
                parts.append(data[pos:pos + 1 + n])
                if pos + 1 + n > len(data):
                    raise Malformed("label runs past the end")
                size += 1 + n
                pos += 1 + n
                if not n:
                    break
        if size > 255:
            raise Malformed("name longer than 255")
        return b"".join(parts), pos if end is None else end

    def remembered(self, pos):
        """The name in lower case; shorter when it was seen at this place."""
        name, end = self.name(pos)
        self.names[pos] = name
        return lower(name), end


class Record(tuple):
    """(owner, type, class, ttl, rdata): all a comparison needs, hashable."""

    __slots__ = ()
    owner = property(lambda self: self[0])
    type = property(lambda self: self[1])
    rclass = property(lambda self: self[2])
    ttl = property(lambda self: self[3])
    rdata = property(lambda self: self[4])

    def __str__(self):
        return (f"{name_to_text(self[0])} {self[3]} {type_name(self[1])} "
                f"{rdata_to_text(self[1], self[4])}")

    __repr__ = __str__

    def without_ttl(self):
        return Record((self[0], self[1], self[2], 0, self[4]))


def rdata_to_text(rtype, rdata):
    """For people and messages only: the common types readable, the rest in hexadecimal."""
    if rtype == 1 and len(rdata) == 4:
        return ".".join(map(str, rdata))
    if rtype == 28 and len(rdata) == 16:
        import socket
        return socket.inet_ntop(socket.AF_INET6, rdata)
    if rtype in (2, 5, 12, 39):
        return name_to_text(rdata)
    if rtype == 15:
        return f"{rdata[0] << 8 | rdata[1]} {name_to_text(rdata[2:])}"
    if rtype == 6:
        reader = Reader(rdata)
        mname, pos = reader.name(0)
        rname, pos = reader.name(pos)
        return " ".join([name_to_text(mname), name_to_text(rname),
                         *map(str, struct.unpack(">5I", rdata[pos:pos + 20]))])
    return f"\\# {len(rdata)} {rdata.hex()}"


class Edns:
    def __init__(self, size=1232, version=0, do=False, options=(), z=0):
        self.size, self.version, self.do, self.options, self.z = size, version, do, options, z

    def wire(self):
        options = b"".join(struct.pack(">HH", code, len(value)) + value
                           for code, value in self.options)
        ttl = self.version << 16 | (0x8000 if self.do else 0) | self.z
        return b"\0" + struct.pack(">HHIH", 41, self.size, ttl, len(options)) + options


def query(name, rtype="A", *, id=0, rd=False, rclass=1, opcode=0, flags=0, edns=None):
    """The bytes of a query; edns is None, an Edns or True (1232 bytes, DO clear)."""
    edns = Edns() if edns is True else edns
    flags |= opcode << 11 | (RD if rd else 0)
    return (struct.pack(">6H", id, flags, 1, 0, 0, 1 if edns else 0) + name_to_wire(name)
            + struct.pack(">HH", type_number(rtype), rclass) + (edns.wire() if edns else b""))


class Message:
    """A parsed message. rcode is the extended one; sections are lists of Record without the OPT."""

    def __init__(self, data):
        if len(data) < 12:
            raise Malformed(f"{len(data)} bytes")
        self.size = len(data)
        self.id, self.flags, *counts = struct.unpack(">6H", data[:12])
        self.opcode = self.flags >> 11 & 15
        self.rcode = self.flags & 15
        self.edns, self.question = None, []
        reader, pos = Reader(data), 12
        for _ in range(counts[0]):
            start = pos
            name, pos = reader.name(pos)
            if pos + 4 > len(data):
                raise Malformed("question cut")
            self.question.append((name, *struct.unpack(">HH", data[pos:pos + 4])))
            reader.names[start] = name
            pos += 4
        sections = []
        for index, count in enumerate(counts[1:]):
            section = []
            for _ in range(count):
                pos = self._record(reader, data, pos, section, index)
            sections.append(section)
        self.answer, self.authority, self.additional = sections
        if pos != len(data):
            raise Malformed(f"{len(data) - pos} bytes after the message")

    def _record(self, reader, data, pos, section, index):
        owner, pos = reader.remembered(pos)
        if pos + 10 > len(data):
            raise Malformed("record cut")
        rtype, rclass, ttl, size = struct.unpack_from(">HHIH", data, pos)
        pos += 10
        end = pos + size
        if end > len(data):
            raise Malformed("RDATA runs past the end")
        if rtype == 41:
            self._opt(owner, rclass, ttl, data[pos:end], index)
            return end
        layout = LAYOUTS.get(rtype)
        if layout and size:
            rdata = self._rdata(reader, data, pos, end, *layout)
        else:
            rdata = data[pos:end]
        section.append(Record((owner, rtype, rclass, ttl, rdata)))
        return end

    @staticmethod
    def _rdata(reader, data, pos, end, layout, compressed):
        parts = []
        for part in layout:
            if part == "n":
                name, pos = reader.remembered(pos) if compressed else reader.name(pos, False)
                parts.append(name if compressed else lower(name))
                continue
            size = data[pos] + 1 if part == "s" else end - pos if part == "*" else part
            parts.append(data[pos:pos + size])
            pos += size
        if pos != end:
            raise Malformed("RDATA of another length than its content")
        return b"".join(parts)

    def _opt(self, owner, size, ttl, rdata, index):
        if owner != b"\0" or index != 2 or self.edns:
            raise Malformed("OPT out of place")
        options, pos = [], 0
        while pos < len(rdata):
            if pos + 4 > len(rdata):
                raise Malformed("EDNS option cut")
            code, length = struct.unpack_from(">HH", rdata, pos)
            if pos + 4 + length > len(rdata):
                raise Malformed("EDNS option runs past the end")
            options.append((code, rdata[pos + 4:pos + 4 + length]))
            pos += 4 + length
        self.rcode |= ttl >> 24 << 4
        self.edns = Edns(size, ttl >> 16 & 255, bool(ttl & 0x8000), options, ttl & 0x7FFF)

    def has(self, flag):
        return bool(self.flags & flag)

    @property
    def rcode_name(self):
        return ("BADVERS" if self.rcode == 16 else
                RCODES[self.rcode] if self.rcode < len(RCODES) else f"RCODE{self.rcode}")

    @property
    def flag_names(self):
        return [name for name, bit in FLAGS.items() if self.flags & bit]

    def __str__(self):
        lines = [f"{self.rcode_name} {' '.join(self.flag_names)} {self.size} bytes"
                 + (f" EDNS {self.edns.size}{' do' if self.edns.do else ''}" if self.edns else "")]
        for name, qtype, qclass in self.question:
            lines.append(f"  question   {name_to_text(name)} {type_name(qtype)} class {qclass}")
        for title in ("answer", "authority", "additional"):
            lines += [f"  {title:10} {record}" for record in sorted(getattr(self, title))]
        return "\n".join(lines)
