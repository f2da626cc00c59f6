/* What a client does that has read the code and knows a key: finds names below a zone whose hashes
 * begin alike, so that all want one place in the zone's table.
 *
 *     bench_collide ZONE COUNT BITS
 *
 * Prints COUNT labels; the first BITS bits of their hashes under the key of sixteen zero bytes are
 * the same. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/dns/hash.h"

static uint64_t zone_hash(const struct hash_key *key, const char *name)
{
    const char *label[128];
    size_t len[128], count = 0;
    for (; *name && count < 128; name += len[count - 1] + (name[len[count - 1]] == '.')) {
        label[count] = name;
        len[count] = strcspn(name, ".");
        count++;
    }
    uint64_t hash = hash_root(key);
    while (count-- > 0)
        hash = hash_label(key, hash, (const uint8_t *)label[count], len[count]);
    return hash;
}

int main(int argc, char **argv)
{
    const uint8_t zero[16] = {0};
    struct hash_key key = hash_key_from(zero);
    if (argc != 4 || atoi(argv[3]) < 1 || atoi(argv[3]) > 32)
        return 2;
    uint64_t zone = zone_hash(&key, argv[1]);
    int shift = 64 - atoi(argv[3]);
    char label[24];
    for (unsigned long tried = 0, found = 0, count = strtoul(argv[2], NULL, 10); found < count;
         tried++) {
        int len = snprintf(label, sizeof label, "c%lu", tried);
        if (hash_label(&key, zone, (const uint8_t *)label, (size_t)len) >> shift == 0) {
            puts(label);
            found++;
        }
    }
    return 0;
}
