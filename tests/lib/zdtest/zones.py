"""Zones made up for tests; always the same text for the same arguments."""


def small(name="example.org.", serial=1, refresh=3600, retry=600, expire=604800, minimum=300,
          extra="", ttl=3600):
    """A dozen records every test can rely on."""
    return f"""$ORIGIN {name}
$TTL {ttl}
@       IN SOA ns1 hostmaster {serial} {refresh} {retry} {expire} {minimum}
@       IN NS  ns1
@       IN NS  ns2
ns1     IN A   192.0.2.1
ns1     IN AAAA 2001:db8::1
ns2     IN A   192.0.2.2
www     IN A   192.0.2.80
alias   IN CNAME www
@       IN MX  10 mail
mail    IN A   192.0.2.25
text    IN TXT "serial {serial}"
*.wild  IN A   192.0.2.99
sub     IN NS  ns.sub
ns.sub  IN A   192.0.2.53
{extra}"""


def hosts(path, name, count, serial=1, refresh=3600, retry=600, expire=604800):
    """A flat zone of about count records in a file."""
    with open(path, "w") as out:
        out.write(f"$ORIGIN {name}\n$TTL 3600\n"
                  f"@ IN SOA ns1 hostmaster {serial} {refresh} {retry} {expire} 300\n"
                  "@ IN NS ns1\nns1 IN A 192.0.2.1\n")
        out.writelines(f"h{i} IN A 10.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}\n"
                       for i in range(count - 3))
    return path


def flat(path, name, count, serial=1):
    """count names, each with A and AAAA: two records each."""
    with open(path, "w") as out:
        out.write(f"$ORIGIN {name}\n$TTL 3600\n"
                  f"@ IN SOA ns1 hostmaster {serial} 3600 600 604800 300\n"
                  "@ IN NS ns1\nns1 IN A 192.0.2.1\n")
        out.writelines(f"h{i} IN A 10.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}\n"
                       f"h{i} IN AAAA 2001:db8::{i >> 16:x}:{i & 65535:x}\n" for i in range(count))
    return path


def many(folder, count):
    """count zones of ten records, a file each: [(name, path)]."""
    out = []
    for i in range(count):
        if i % 1000 == 0:
            under = folder / f"{i // 1000}"
            under.mkdir(parents=True)
        name, path = f"z{i}.many.test.", under / f"z{i}"
        path.write_text(f"$ORIGIN {name}\n$TTL 3600\n@ IN SOA ns1 host 1 3600 600 604800 300\n"
                        "@ IN NS ns1\n@ IN NS ns2\n@ IN MX 10 mail\n@ IN A 192.0.2.80\n"
                        "ns1 IN A 192.0.2.1\nns2 IN A 192.0.2.2\nmail IN A 192.0.2.25\n"
                        f"www IN A 10.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}\n"
                        'txt IN TXT "ten records"\n')
        out.append((name, path))
    return out


def delegations(path, name, count, serial=1, net=10):
    """count delegations, each with 2 NS and 2 glue A in 10.0.0.0 and 11.0.0.0: four records each."""
    with open(path, "w") as out:
        out.write(f"$ORIGIN {name}\n$TTL 3600\n"
                  f"@ IN SOA ns1 hostmaster {serial} 3600 600 604800 300\n"
                  "@ IN NS ns1\nns1 IN A 192.0.2.1\n")
        for i in range(count):
            a, b, c = i >> 16 & 255, i >> 8 & 255, i & 255
            out.write(f"d{i} IN NS ns1.d{i}\nd{i} IN NS ns2.d{i}\n"
                      f"ns1.d{i} IN A {net}.{a}.{b}.{c}\nns2.d{i} IN A 11.{a}.{b}.{c}\n")
    return path


def delegation_queries(path, name, count, lines, missing=20):
    """A file of "NAME TYPE" lines for such a zone: missing % of them do not exist (below the apex,
    where no delegation is). The order is fixed: a stride that visits every delegation."""
    stride = 104729
    with open(path, "w") as out:
        for i in range(lines):
            n = i * stride % count
            out.write(f"x{n}.nx.{name} A\n" if i * missing % 100 < missing
                      else f"www.d{n}.{name} A\n")
    return path


def flat_queries(path, name, count, lines):
    """The same for a flat zone: an address of each name in turn."""
    with open(path, "w") as out:
        out.writelines(f"h{i * 104729 % count}.{name} {'AAAA' if i % 4 == 3 else 'A'}\n"
                       for i in range(lines))
    return path
