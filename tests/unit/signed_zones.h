/* For tests: the signed zones that the RFCs explain their proofs with. Their signatures and keys
 * are of the right form and cover nothing. */
#pragma once

#define SIGNED(owner, type, labels)                                                                \
    owner " 3600 IN RRSIG " type " 5 " labels                                                      \
          " 3600 20300101000000 20200101000000 38519 example. AAAA\n"

/* RFC 4035 appendix A, the same in RFC 5155 appendix A. */
#define SIGNED_COMMON                                                                              \
    "example. 3600 IN SOA ns1.example. bugs.x.w.example. 1 3600 300 3600000 3600\n"                \
    "example. 3600 IN NS ns1.example.\n"                                                           \
    "example. 3600 IN NS ns2.example.\n"                                                           \
    "example. 3600 IN MX 1 xx.example.\n"                                                          \
    "example. 3600 IN DNSKEY 256 3 5 AAAA\n"                                                       \
    "a.example. 3600 IN NS ns1.a.example.\n"                                                       \
    "a.example. 3600 IN NS ns2.a.example.\n"                                                       \
    "a.example. 3600 IN DS 57855 5 1 b6dcd485719adca18e5f3d48a2331627fdd3636b\n"                   \
    "ns1.a.example. 3600 IN A 192.0.2.5\n"                                                         \
    "ns2.a.example. 3600 IN A 192.0.2.6\n"                                                         \
    "ai.example. 3600 IN A 192.0.2.9\n"                                                            \
    "ai.example. 3600 IN AAAA 2001:db8::f00:baa9\n"                                                \
    "ns1.example. 3600 IN A 192.0.2.1\n"                                                           \
    "ns2.example. 3600 IN A 192.0.2.2\n"                                                           \
    "*.w.example. 3600 IN MX 1 ai.example.\n"                                                      \
    "x.w.example. 3600 IN MX 1 xx.example.\n"                                                      \
    "x.y.w.example. 3600 IN MX 1 xx.example.\n"                                                    \
    "xx.example. 3600 IN A 192.0.2.10\n"                                                           \
    "xx.example. 3600 IN AAAA 2001:db8::f00:baaa\n" SIGNED("example.", "SOA", "1")                 \
        SIGNED("example.", "NS", "1") SIGNED("example.", "MX", "1")                                \
            SIGNED("example.", "DNSKEY", "1") SIGNED("a.example.", "DS", "2")                      \
                SIGNED("ai.example.", "A", "2") SIGNED("ai.example.", "AAAA", "2")                 \
                    SIGNED("ns1.example.", "A", "2") SIGNED("ns2.example.", "A", "2")              \
                        SIGNED("*.w.example.", "MX", "2") SIGNED("x.w.example.", "MX", "3")        \
                            SIGNED("x.y.w.example.", "MX", "4") SIGNED("xx.example.", "A", "2")    \
                                SIGNED("xx.example.", "AAAA", "2")

#define SIGNED_NSEC(owner, next, types, labels)                                                    \
    owner " 3600 IN NSEC " next " " types " RRSIG NSEC\n" SIGNED(owner, "NSEC", labels)

static const char signed_zone_nsec[] = SIGNED_COMMON
    "b.example. 3600 IN NS ns1.b.example.\n"
    "b.example. 3600 IN NS ns2.b.example.\n"
    "ns1.b.example. 3600 IN A 192.0.2.7\n"
    "ns2.b.example. 3600 IN A 192.0.2.8\n" SIGNED_NSEC("example.", "a.example.", "NS SOA MX DNSKEY",
                                                       "1")
        SIGNED_NSEC("a.example.", "ai.example.", "NS DS", "2")
            SIGNED_NSEC("ai.example.", "b.example.", "A AAAA", "2")
                SIGNED_NSEC("b.example.", "ns1.example.", "NS", "2")
                    SIGNED_NSEC("ns1.example.", "ns2.example.", "A", "2")
                        SIGNED_NSEC("ns2.example.", "*.w.example.", "A", "2")
                            SIGNED_NSEC("*.w.example.", "x.w.example.", "MX", "2")
                                SIGNED_NSEC("x.w.example.", "x.y.w.example.", "MX", "3")
                                    SIGNED_NSEC("x.y.w.example.", "xx.example.", "MX", "4")
                                        SIGNED_NSEC("xx.example.", "example.", "A AAAA", "2");

/* The short names stand for hashes: apex, ns1, x.y.w, a, x.w, ai, y.w, w, a name that looks like a
 * hash, ns2, *.w, xx. */
#define SIGNED_H_APEX "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom"
#define SIGNED_H_NS1  "2t7b4g4vsa5smi47k61mv5bv1a22bojr"
#define SIGNED_H_XYW  "2vptu5timamqttgl4luu9kg21e0aor3s"
#define SIGNED_H_A    "35mthgpgcu1qg68fab165klnsnk3dpvl"
#define SIGNED_H_XW   "b4um86eghhds6nea196smvmlo4ors995"
#define SIGNED_H_AI   "gjeqe526plbf1g8mklp59enfd789njgi"
#define SIGNED_H_YW   "ji6neoaepv8b5o6k4ev33abha8ht9fgc"
#define SIGNED_H_W    "k8udemvp1j2f7eg6jebps17vp3n8i58h"
#define SIGNED_H_LIKE "kohar7mbb8dc2ce8a9qvl8hon4k53uhi"
#define SIGNED_H_NS2  "q04jkcevqvmu85r014c7dkba38o0ji5r"
#define SIGNED_H_STAR "r53bq7cc2uvmubfu5ocmm6pers9tk9en"
#define SIGNED_H_XX   "t644ebqk9bibcna874givr6joj62mlhv"

#define SIGNED_NSEC3(hash, next, types)                                                            \
    hash ".example. 3600 IN NSEC3 1 1 12 aabbccdd " next " " types                                 \
         "\n" SIGNED(hash ".example.", "NSEC3", "2")

/* With opt-out: the unsigned delegation c.example. has no NSEC3. */
static const char signed_zone_nsec3[] =
    SIGNED_COMMON "example. 3600 IN NSEC3PARAM 1 0 12 aabbccdd\n" SIGNED(
        "example.", "NSEC3PARAM",
        "1") "c.example. 3600 IN NS ns1.c.example.\n"
             "c.example. 3600 IN NS ns2.c.example.\n"
             "ns1.c.example. 3600 IN A 192.0.2.7\n"
             "ns2.c.example. 3600 IN A 192.0.2.8\n"
             "2t7b4g4vsa5smi47k61mv5bv1a22bojr.example. 3600 IN A 192.0.2.127\n" SIGNED(
                 "2t7b4g4vsa5smi47k61mv5bv1a22bojr.example.", "A",
                 "2") SIGNED_NSEC3(SIGNED_H_APEX, SIGNED_H_NS1, "MX DNSKEY NS SOA NSEC3PARAM RRSIG")
                 SIGNED_NSEC3(SIGNED_H_NS1, SIGNED_H_XYW,
                              "A RRSIG") SIGNED_NSEC3(SIGNED_H_XYW, SIGNED_H_A, "MX RRSIG")
                     SIGNED_NSEC3(SIGNED_H_A, SIGNED_H_XW,
                                  "NS DS RRSIG") SIGNED_NSEC3(SIGNED_H_XW, SIGNED_H_AI, "MX RRSIG")
                         SIGNED_NSEC3(SIGNED_H_AI, SIGNED_H_YW, "A AAAA RRSIG")
                             SIGNED_NSEC3(SIGNED_H_YW, SIGNED_H_W, "")
                                 SIGNED_NSEC3(SIGNED_H_W, SIGNED_H_LIKE, "")
                                     SIGNED_NSEC3(SIGNED_H_LIKE, SIGNED_H_NS2, "A RRSIG")
                                         SIGNED_NSEC3(SIGNED_H_NS2, SIGNED_H_STAR, "A RRSIG")
                                             SIGNED_NSEC3(SIGNED_H_STAR, SIGNED_H_XX, "MX RRSIG")
                                                 SIGNED_NSEC3(SIGNED_H_XX, SIGNED_H_APEX,
                                                              "A AAAA RRSIG");
