"""Packets without end, from a seed: good queries of every kind, mutations of them, and noise."""

import random
import struct

from zdtest import dns

LABELS = ["www", "mail", "alias", "text", "sub", "ns.sub", "x.sub", "a.wild", "no", "a.b.c.no", "",
          "WwW", "huge", "ns1"]
TYPES = list(dns.TYPES.values()) + [0, 128, 251, 252, 253, 254, 255, 65280, 65535]
OPTIONS = [3, 8, 9, 10, 11, 12, 13, 15, 65001]


def good(dice, zone):
    """A well-formed query, common or odd."""
    label = dice.choice(LABELS) if dice.random() < 0.9 else "".join(
        dice.choice("abcdefgh-_0") for _ in range(dice.randrange(1, 50)))
    name = f"{label}.{zone}" if label else zone
    edns = None
    if dice.random() < 0.5:
        options = [(dice.choice(OPTIONS), dice.randbytes(dice.choice((0, 1, 4, 8, 16, 24, 40))))
                   for _ in range(dice.choice((0, 0, 1, 2)))]
        edns = dns.Edns(dice.choice((0, 512, 1232, 4096, 65535)), dice.choice((0, 0, 0, 1, 255)),
                        dice.random() < 0.5, options)
    return dns.query(name if dice.random() < 0.95 else "elsewhere.test.", dice.choice(TYPES),
                     id=dice.randrange(65536), rd=dice.random() < 0.5,
                     rclass=dice.choice((1, 1, 1, 1, 3, 254, 255, 9)),
                     opcode=dice.choice((0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 15)), edns=edns)


def mutated(dice, zone):
    """A good query with a few bytes, counts or its end changed."""
    data = bytearray(good(dice, zone))
    for _ in range(dice.randrange(1, 5)):
        kind, at = dice.randrange(6), dice.randrange(len(data))
        if kind == 0:
            data[at] ^= 1 << dice.randrange(8)
        elif kind == 1:
            data[at] = dice.choice((0, 1, 0x3F, 0x40, 0x7F, 0x80, 0xC0, 0xFF))
        elif kind == 2 and len(data) > 12:
            field = dice.randrange(2, 6) * 2
            data[field:field + 2] = struct.pack(">H", dice.choice((0, 1, 2, 255, 65535)))
        elif kind == 3:
            data[at:at + 2] = b"\xc0" + bytes([dice.randrange(256)])
        elif kind == 4:
            del data[max(1, at):]
        else:
            data[at:at] = dice.randbytes(dice.randrange(1, 40))
    return bytes(data)


def noise(dice, most):
    return dice.randbytes(dice.choice((dice.randrange(0, 24), dice.randrange(0, 600),
                                       dice.randrange(0, most))))


def stream(seed, zone, most=1400):
    """Endless; the same for the same seed."""
    dice = random.Random(seed)
    while True:
        share = dice.random()
        yield (good(dice, zone) if share < 0.4 else
               mutated(dice, zone) if share < 0.8 else noise(dice, most))
