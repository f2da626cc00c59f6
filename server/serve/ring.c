#include "server/serve/ring.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "backend/base/clk.h"
#include "server/dns/name.h"
#include "server/dns/wire.h"

#define POISON_TIME (600 * CLK_SECOND)

int rings_create(void)
{
    int fd = memfd_create("zonedeck-rings", MFD_CLOEXEC);
    if (fd >= 0 && ftruncate(fd, sizeof(struct rings)) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

struct rings *rings_map(int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || st.st_size != (off_t)sizeof(struct rings))
        return NULL;
    void *p = mmap(NULL, sizeof(struct rings), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return p == MAP_FAILED ? NULL : p;
}

void ring_reset(struct ring *ring, unsigned used, bool control)
{
    for (unsigned i = 0; i < used; i++) {
        struct mmsghdr *h = &ring->head[i];
        h->msg_len = 0;
        h->msg_hdr.msg_namelen = sizeof ring->slot[i].source;
        h->msg_hdr.msg_control = control ? ring->slot[i].control : NULL;
        h->msg_hdr.msg_controllen = control ? RING_CONTROL : 0;
        h->msg_hdr.msg_flags = 0;
    }
    /* After the lengths: a death in between must not bring answered queries back. */
    atomic_store_explicit(&ring->sent, 0, memory_order_release);
    atomic_store_explicit(&ring->current, 0, memory_order_relaxed);
}

unsigned ring_left(const struct ring *ring, unsigned slot)
{
    if (slot < atomic_load(&ring->sent))
        return 0;
    unsigned len = ring->head[slot].msg_len;
    sa_family_t family = ring->slot[slot].source.ss_family;
    return len <= RING_QUERY && (family == AF_INET || family == AF_INET6) ? len : 0;
}

/* Flags, counts and question without letter case: what an attacker, or a client that tries again,
 * repeats. The ID and EDNS values like cookies differ each time. */
static uint64_t poison_hash(const unsigned char *query, unsigned len)
{
    unsigned char key[RING_QUERY];
    struct name name;
    unsigned n = len < sizeof key ? len : sizeof key;
    memcpy(key, query, n);
    size_t qname = n > DNS_HEADER ? name_read(&name, key + DNS_HEADER, n - DNS_HEADER) : 0;
    if (qname && DNS_HEADER + qname + 4 <= n) {
        name_lower(key + DNS_HEADER, qname);
        n = (unsigned)(DNS_HEADER + qname + 4);
    }
    return n > 2 ? XXH3_64bits(key + 2, n - 2) : 0;
}

bool ring_is_poison(const struct rings *rings, const unsigned char *query, unsigned len,
                    int64_t now)
{
    uint64_t hash = poison_hash(query, len);
    for (unsigned i = 0; i < RING_POISON; i++) {
        const struct ring_poison *p = &rings->poison[i];
        if (p->until > now && p->hash == hash)
            return true;
    }
    return false;
}

void ring_add_poison(struct rings *rings, const unsigned char *query, unsigned len, int64_t now)
{
    uint32_t n = atomic_load(&rings->poisoned);
    struct ring_poison *p = &rings->poison[n % RING_POISON];
    *p = (struct ring_poison){poison_hash(query, len), now + POISON_TIME, len, {0}};
    memcpy(p->query, query, len < RING_POISON_BYTES ? len : RING_POISON_BYTES);
    atomic_store(&rings->poisoned, n + 1);
}
