#include "server/keeper/handover.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/err.h"

enum { BATCHES = 4, BATCH_BYTES = 256 << 10 };

struct head {
    uint32_t ttl, rdata_len;
    uint16_t type, owner_len;
};

/* The largest record fits. */
_Static_assert(BATCH_BYTES > sizeof(struct head) + 255 + UINT16_MAX, "a batch is too small");

struct batch {
    size_t len;
    uint8_t bytes[BATCH_BYTES];
};

struct handover {
    struct image_builder *builder;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t came, went;
    unsigned ready; /* batches that wait or are being taken */
    bool ended;
    unsigned next; /* the batch that is being filled */
    _Atomic int err;
    uint16_t type; /* of the record with the error */
    struct batch batch[BATCHES];
};

static void take(struct handover *h, const struct batch *batch)
{
    const uint8_t *at = batch->bytes, *end = at + batch->len;
    while (at < end && !atomic_load(&h->err)) {
        struct head head;
        memcpy(&head, at, sizeof head);
        const uint8_t *owner = at + sizeof head, *rdata = owner + head.owner_len;
        int err = image_builder_add(h->builder, owner, head.owner_len, head.type, head.ttl, rdata,
                                    head.rdata_len);
        if (err) {
            h->type = head.type;
            atomic_store(&h->err, err);
        }
        at = rdata + head.rdata_len;
    }
}

static void *run(void *arg)
{
    struct handover *h = arg;
    pthread_mutex_lock(&h->mutex);
    for (unsigned i = 0;; i = (i + 1) % BATCHES) {
        while (!h->ready && !h->ended)
            pthread_cond_wait(&h->came, &h->mutex);
        if (!h->ready)
            break;
        pthread_mutex_unlock(&h->mutex);
        take(h, &h->batch[i]);
        pthread_mutex_lock(&h->mutex);
        h->ready--;
        pthread_cond_signal(&h->went);
    }
    pthread_mutex_unlock(&h->mutex);
    return NULL;
}

static void release(struct handover *h)
{
    pthread_cond_destroy(&h->went);
    pthread_cond_destroy(&h->came);
    pthread_mutex_destroy(&h->mutex);
    free(h);
}

struct handover *handover_start(struct image_builder *builder)
{
    struct handover *h = malloc(sizeof *h);
    if (!h)
        return NULL;
    memset(h, 0, offsetof(struct handover, batch));
    h->builder = builder;
    h->batch[0].len = 0;
    pthread_mutex_init(&h->mutex, NULL);
    pthread_cond_init(&h->came, NULL);
    pthread_cond_init(&h->went, NULL);
    if (!pthread_create(&h->thread, NULL, run, h))
        return h;
    release(h);
    return NULL;
}

/* Gives the batch away and waits for room for the next one. */
static void give(struct handover *h)
{
    pthread_mutex_lock(&h->mutex);
    h->ready++;
    pthread_cond_signal(&h->came);
    while (h->ready == BATCHES)
        pthread_cond_wait(&h->went, &h->mutex);
    pthread_mutex_unlock(&h->mutex);
    h->next = (h->next + 1) % BATCHES;
    h->batch[h->next].len = 0;
}

int handover_add(struct handover *h, const uint8_t *owner, size_t owner_len, uint16_t type,
                 uint32_t ttl, const uint8_t *rdata, size_t rdata_len)
{
    struct head head = {ttl, (uint32_t)rdata_len, type, (uint16_t)owner_len};
    if (sizeof head + owner_len + rdata_len > BATCH_BYTES - h->batch[h->next].len)
        give(h);
    struct batch *batch = &h->batch[h->next];
    uint8_t *to = batch->bytes + batch->len;
    memcpy(to, &head, sizeof head);
    memcpy(to + sizeof head, owner, owner_len);
    if (rdata_len)
        memcpy(to + sizeof head + owner_len, rdata, rdata_len);
    batch->len += sizeof head + owner_len + rdata_len;
    return atomic_load(&h->err);
}

int handover_end(struct handover *h, uint16_t *type)
{
    give(h);
    pthread_mutex_lock(&h->mutex);
    h->ended = true;
    pthread_cond_signal(&h->came);
    pthread_mutex_unlock(&h->mutex);
    pthread_join(h->thread, NULL);
    int err = atomic_load(&h->err);
    *type = h->type;
    release(h);
    return err;
}
