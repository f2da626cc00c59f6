/* For fuzz targets: zones with every kind of name, made once. z. has NSEC, DNAME, wildcards, loops
 * and cuts, and is a secondary; y. is where aliases lead; example. has NSEC3 with opt-out. */
#pragma once

#include <sys/socket.h>

#include "backend/base/buf.h"
#include "server/answer/answer.h"
#include "tests/unit/signed_zones.h"
#include "tests/unit/zone_text.h"

#define FUZZ_SIG(owner, type)                                                                      \
    owner " 3600 IN RRSIG " type " 8 1 3600 20300101000000 20200101000000 1 z. AAAA\n"
#define FUZZ_NSEC(owner, next, types)                                                              \
    owner " 1 IN NSEC " next " " types " RRSIG NSEC\n" FUZZ_SIG(owner, "NSEC")

static const char fuzz_zone[] =
    "z. 3600 IN SOA ns.z. host.z. 7 3600 600 86400 300\n"
    "z. 3600 IN NS ns.z.\n"
    "z. 3600 IN MX 1 ns.z.\n"
    "z. 3600 IN DNSKEY 256 3 8 AAAA\n"
    "a.z. 1 IN CNAME b.z.\n"
    "b.z. 1 IN CNAME a.z.\n"
    "*.w.z. 1 IN CNAME x.d.z.\n"
    "d.z. 1 IN DNAME w.z.\n"
    "ns.z. 1 IN A 192.0.2.1\n"
    "s.z. 1 IN NS ns.s.z.\n"
    "ns.s.z. 1 IN AAAA 2001:db8::1\n"
    "t.z. 1 IN TXT \"text\"\n"
    "*.t.z. 1 IN TXT \"text\"\n"
    "v.z. 1 IN SRV 1 2 3 ns.z.\n"
    "h.z. 1 IN HTTPS 0 v.z.\n"
    "x.z. 1 IN CNAME x.y.\n"
    "u.z. 1 IN DNAME a-label-of-thirty-two-characters.another-of-thirty-two-characters.y.\n"
    "a.longer.z. 1 IN DS 1 8 1 b6dcd485719adca18e5f3d48a2331627fdd3636b\n"
    "a.longer.z. 1 IN NS ns.z.\n" FUZZ_SIG("z.", "SOA") FUZZ_SIG("z.", "NS")
        FUZZ_SIG("a.z.", "CNAME") FUZZ_SIG("*.w.z.", "CNAME") FUZZ_SIG("d.z.", "DNAME")
            FUZZ_SIG("t.z.", "TXT") FUZZ_SIG("t.z.", "LOC") FUZZ_SIG("a.longer.z.", "DS")
                FUZZ_NSEC("z.", "a.z.", "NS SOA MX DNSKEY") FUZZ_NSEC("a.z.", "b.z.", "CNAME")
                    FUZZ_NSEC("b.z.", "d.z.", "CNAME") FUZZ_NSEC("d.z.", "h.z.", "DNAME")
                        FUZZ_NSEC("h.z.", "a.longer.z.", "HTTPS")
                            FUZZ_NSEC("a.longer.z.", "ns.z.", "NS DS")
                                FUZZ_NSEC("ns.z.", "s.z.", "A") FUZZ_NSEC("s.z.", "t.z.", "NS")
                                    FUZZ_NSEC("t.z.", "*.t.z.", "TXT")
                                        FUZZ_NSEC("*.t.z.", "u.z.", "TXT")
                                            FUZZ_NSEC("u.z.", "v.z.", "DNAME")
                                                FUZZ_NSEC("v.z.", "*.w.z.", "SRV")
                                                    FUZZ_NSEC("*.w.z.", "x.z.", "CNAME")
                                                        FUZZ_NSEC("x.z.", "z.", "CNAME");

static const char fuzz_target[] = "y. 3600 IN SOA ns.z. host.z. 7 3600 600 86400 300\n"
                                  "y. 3600 IN NS ns.z.\n"
                                  "x.y. 1 IN CNAME b.z.\n"
                                  "*.y. 1 IN CNAME a.c.example.\n";

static inline void fuzz_put_zone(struct zone_table *zones, const struct hash_key *key,
                                 const char *origin, const char *wire, const char *text,
                                 uint32_t flags)
{
    struct msg_zone m = {.flags = ZONE_HAS_IMAGE | flags, .transfer_count = 1, .notify_count = 1};
    m.allow_transfer[0] = m.allow_notify[0] = (struct msg_acl){AF_INET, 0, {0}};
    m.name_len = (uint8_t)(strlen(wire) + 1);
    memcpy(m.name, wire, m.name_len);
    zone_table_put(zones, zone_new(&m, zone_text_image(origin, text), key));
}

/* z. with so many more names that answers are written ahead in its image; the caller frees it. */
static inline char *fuzz_large_zone(void)
{
    struct buf text = {0};
    buf_puts(&text, fuzz_zone);
    for (unsigned i = 0; i < 40; i++)
        buf_printf(&text,
                   "d%u.z. 1 IN NS ns.d%u.z.\nd%u.z. 1 IN NS ns.s.z.\nns.d%u.z. 1 IN A 192.0.2.1\n",
                   i, i, i, i);
    return text.data;
}

static inline struct zone_table *fuzz_zones(const struct hash_key *key)
{
    struct zone_table *zones = zone_table_new(3);
    char *large = fuzz_large_zone();
    fuzz_put_zone(zones, key, "z.", "\1z", large, ZONE_IS_SECONDARY);
    free(large);
    fuzz_put_zone(zones, key, "y.", "\1y", fuzz_target, 0);
    fuzz_put_zone(zones, key, "example.", "\7example", signed_zone_nsec3, 0);
    return zones;
}

static inline struct answer_setting fuzz_setting(void)
{
    struct answer_setting s = {.version = {3, "1.0"}, .identity = {2, "me"}, .nsid = {2, "me"}};
    cookie_secrets_read(&s.cookies, "00112233445566778899aabbccddeeff\n", 33);
    return s;
}
