"""TSIG (RFC 8945) in pure Python: signing a query at any time of one's choosing, and reading the
record of an answer."""

import base64
import hmac
import struct
import time

from zdtest import dns

ERRORS = {0: "NOERROR", 16: "BADSIG", 17: "BADKEY", 18: "BADTIME", 22: "BADTRUNC"}


def algorithm_name(key):
    return "hmac-md5.sig-alg.reg.int." if key.algorithm == "hmac-md5" else key.algorithm + "."


def sign(message, key, now=None, fudge=300):
    """The message with a TSIG record appended."""
    now = int(time.time()) if now is None else now
    name = dns.lower(dns.name_to_wire(key.name))
    algorithm = dns.name_to_wire(algorithm_name(key))
    timers = struct.pack(">HIH", now >> 32, now & 0xFFFFFFFF, fudge)
    variables = name + struct.pack(">HI", 255, 0) + algorithm + timers + b"\0\0\0\0"
    mac = hmac.new(base64.b64decode(key.secret), message + variables,
                   key.algorithm.removeprefix("hmac-")).digest()
    rdata = (algorithm + timers + struct.pack(">H", len(mac)) + mac + message[:2] + b"\0\0\0\0")
    count = struct.unpack(">H", message[10:12])[0]
    return (message[:10] + struct.pack(">H", count + 1) + message[12:] + name
            + struct.pack(">HHIH", 250, 255, 0, len(rdata)) + rdata)


class Record:
    """The TSIG record of a parsed message, or nothing but `error` None."""

    def __init__(self, message):
        found = [r for r in message.additional if r.type == 250]
        self.error = self.mac = None
        if not found:
            return
        rdata = found[0].rdata
        _, at = dns.Reader(rdata).name(0)
        high, low, self.fudge, size = struct.unpack_from(">HIHH", rdata, at)
        self.time, at = high << 32 | low, at + 10
        self.mac, at = rdata[at:at + size], at + size
        _, number, size = struct.unpack_from(">HHH", rdata, at)
        self.error, self.other = ERRORS.get(number, str(number)), rdata[at + 6:at + 6 + size]
