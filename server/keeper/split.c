#include "server/keeper/split.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "backend/base/err.h"
#include "server/dns/wire.h"
#include "server/image/crew.h"

enum { BLOCK = 1 << 18, PROGRESS_RECORDS = 4096, DIRECTIVES = 1000 };

struct part {
    struct split *split;
    struct image_part *image;
    int64_t from, to, told; /* told: up to where the progress is known */
    uint32_t lines;         /* before it */
    struct zonetext_state begin, end;
    uint64_t records;
    bool has_soa, gave_up;
    int status;
};

/* What is in a part before it is read. */
struct survey {
    uint32_t lines;
    unsigned directives;
    int64_t directive[DIRECTIVES]; /* where in the file */
};

struct split {
    const struct split_job *job;
    struct survey *survey; /* of each part, while there is one */
    _Atomic bool in_vain;  /* the file cannot be read in parts */
    _Atomic int64_t done;  /* bytes */
    atomic_flag telling;
    struct part part[SPLIT_MOST];
    unsigned count;
};

/* Of all parts together; one thread at a time tells. */
static void tell_progress(struct part *p, int64_t at)
{
    struct split *s = p->split;
    atomic_fetch_add(&s->done, at - p->told);
    p->told = at;
    if (!s->job->progress || atomic_flag_test_and_set(&s->telling))
        return;
    s->job->progress(s->job->ctx, (unsigned)(atomic_load(&s->done) * 900 / s->job->size));
    atomic_flag_clear(&s->telling);
}

static int take_record(void *ctx, const struct zonetext_record *record, const char **reason)
{
    struct part *p = ctx;
    p->has_soa |= record->type == TYPE_SOA;
    image_part_set_place(p->image, p->lines + record->line);
    int err = image_part_add(p->image, record->owner, record->owner_len, record->type, record->ttl,
                             record->rdata, record->rdata_len);
    if (err)
        *reason = image_part_reason(p->image);
    if (++p->records % PROGRESS_RECORDS == 0)
        tell_progress(p, record->at);
    return err;
}

static void take_problem(void *ctx, unsigned line, unsigned column, const char *reason)
{
    struct part *p = ctx;
    (void)line, (void)column, (void)reason;
    p->gave_up = true;
}

/* On a copy of its own, so that the threads do not share a line of the cache. */
static void read_part(void *arg, unsigned number)
{
    struct split *s = arg;
    struct part p = s->part[number];
    const struct zonetext_sink sink = {.record = take_record, .problem = take_problem, .ctx = &p};
    struct bytes text;
    bytes_of_file(&text, s->job->fd, p.from, p.to);
    p.end = p.begin;
    p.status = zonetext_read(&text, NULL, &p.end, &sink);
    bytes_fini(&text);
    s->part[number] = p;
}

/* ---- where to cut, and what holds there */

/* The start of a line at or behind `at` that begins a record with an owner; -1: none in a block. */
static int64_t find_cut(const struct split_job *job, int64_t at)
{
    char block[4096];
    ssize_t n = pread(job->fd, block, sizeof block, at);
    const char *line = n > 0 ? memchr(block, '\n', (size_t)n) : NULL;
    while (line && ++line < block + n) {
        if (!strchr(" \t\r\n;()\"$", *line) && *line)
            return at + (line - block);
        line = memchr(line, '\n', (size_t)(block + n - line));
    }
    return -1;
}

static bool cut(struct split *s)
{
    const struct split_job *job = s->job;
    int64_t wanted = job->size / (job->least ? job->least : SPLIT_LEAST);
    if (wanted > SPLIT_EACH * (int64_t)job->threads)
        wanted = SPLIT_EACH * (int64_t)job->threads;
    if (wanted > SPLIT_MOST)
        wanted = SPLIT_MOST;
    s->part[0] = (struct part){.split = s};
    s->count = 1;
    for (int64_t i = 1; i < wanted; i++) {
        int64_t at = find_cut(job, job->size * i / wanted);
        if (at < 0)
            return false;
        s->part[s->count - 1].to = at;
        s->part[s->count++] = (struct part){.split = s, .from = at, .told = at};
    }
    s->part[s->count - 1].to = job->size;
    return s->count > 1;
}

/* Sixteen bytes at a time; each lane counts up to 255. */
static uint32_t count_lines(const char *at, size_t len)
{
    typedef uint8_t lanes __attribute__((vector_size(16)));
    uint32_t count = 0;
    while (len >= sizeof(lanes)) {
        lanes sum = {0};
        for (unsigned i = 0; i < UINT8_MAX && len >= sizeof(lanes); i++) {
            lanes bytes;
            memcpy(&bytes, at, sizeof bytes);
            sum -= (lanes)(bytes == (uint8_t)'\n');
            at += sizeof bytes;
            len -= sizeof bytes;
        }
        for (unsigned i = 0; i < sizeof sum; i++)
            count += sum[i];
    }
    for (; len; len--)
        count += *at++ == '\n';
    return count;
}

/* Is it a directive that changes the state alone? One that is cut off after `len` bytes may be. */
static bool may_obey(const char *at, size_t len)
{
    static const char *const known[] = {"$TTL", "$ORIGIN"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        size_t n = strlen(known[i]);
        if (!strncasecmp(at, known[i], n < len ? n : len))
            return true;
    }
    return false;
}

/* Lets a directive change the state. */
static bool obey(struct split *s, struct zonetext_state *state, int64_t at)
{
    char block[1024];
    ssize_t n = pread(s->job->fd, block, sizeof block, at);
    const char *end = n > 0 ? memchr(block, '\n', (size_t)n) : NULL;
    size_t len = end                                  ? (size_t)(end - block) + 1
                 : n > 0 && n < (ssize_t)sizeof block ? (size_t)n
                                                      : 0;
    struct part none = {.split = s};
    const struct zonetext_sink sink = {.problem = take_problem, .ctx = &none};
    struct bytes text;
    if (!len || !may_obey(block, len))
        return false;
    bytes_of_memory(&text, block, len);
    int err = zonetext_read(&text, NULL, state, &sink);
    bytes_fini(&text);
    return err == ERR_OK;
}

/* One block: its lines, and where directives are in it. `before` is the byte before it. */
static bool survey_block(struct survey *v, const char *block, size_t len, int64_t at, char before)
{
    const char *end = block + len;
    for (const char *p = block; (p = memchr(p, '$', (size_t)(end - p))); p++) {
        if ((p > block ? p[-1] : before) != '\n')
            continue;
        if (v->directives == DIRECTIVES || !may_obey(p, (size_t)(end - p)))
            return false;
        v->directive[v->directives++] = at + (p - block);
    }
    v->lines += count_lines(block, len);
    return true;
}

static void survey_part(void *arg, unsigned number)
{
    struct split *s = arg;
    const struct part *p = &s->part[number];
    struct survey *v = &s->survey[number];
    char *block = malloc(BLOCK), before = '\n';
    bool good = block != NULL;
    for (int64_t at = p->from; good && at < p->to && !atomic_load(&s->in_vain);) {
        int64_t left = p->to - at;
        ssize_t n = pread(s->job->fd, block, left < BLOCK ? (size_t)left : BLOCK, at);
        good = n > 0 && survey_block(v, block, (size_t)n, at, before);
        if (good)
            before = block[n - 1];
        at += n;
    }
    free(block);
    if (!good)
        atomic_store(&s->in_vain, true);
}

/* Reads the file once to know what holds at each cut. */
static bool survey(struct split *s)
{
    struct zonetext_state state;
    uint32_t lines = 0;
    unsigned directives = 0;
    s->survey = calloc(s->count, sizeof *s->survey);
    if (s->survey)
        crew_run(s->job->threads, s->count, survey_part, s);
    bool good = s->survey && !atomic_load(&s->in_vain);
    zonetext_begin(&state, s->job->origin, s->job->origin_len);
    for (unsigned i = 0; good && i < s->count; i++) {
        const struct survey *v = &s->survey[i];
        s->part[i].begin = state;
        s->part[i].lines = lines;
        lines += v->lines;
        directives += v->directives;
        good = directives <= DIRECTIVES;
        for (unsigned d = 0; good && d < v->directives; d++)
            good = obey(s, &state, v->directive[d]);
    }
    free(s->survey);
    return good;
}

static bool same_state(const struct zonetext_state *a, const struct zonetext_state *b)
{
    return a->origin_len == b->origin_len && !memcmp(a->origin, b->origin, a->origin_len) &&
           a->has_default == b->has_default &&
           (!a->has_default || a->default_ttl == b->default_ttl);
}

static int judge(const struct split *s, struct split_result *result)
{
    for (unsigned i = 0; i < s->count; i++) {
        const struct part *p = &s->part[i];
        if (p->status == ERR_MEMORY)
            return ERR_MEMORY;
        /* Without a TTL of its own a SOA has that of the record before it, in the part before. */
        bool guessed = i > 0 && p->has_soa && !p->begin.has_default;
        if (p->status || p->gave_up || guessed ||
            (i + 1 < s->count && !same_state(&p->end, &s->part[i + 1].begin)))
            return ERR_LIMIT;
        result->records += p->records;
        result->has_soa |= p->has_soa;
    }
    return ERR_OK;
}

int split_read(const struct split_job *job, struct split_result *result)
{
    *result = (struct split_result){0};
    struct split *s = calloc(1, sizeof *s);
    int err = s ? ERR_OK : ERR_MEMORY;
    if (s) {
        s->job = job;
        atomic_flag_clear(&s->telling);
        err = cut(s) && survey(s) ? ERR_OK : ERR_LIMIT;
    }
    for (unsigned i = 0; !err && i < s->count; i++) {
        s->part[i].image = image_builder_part(job->builder);
        if (s->part[i].image)
            image_part_expect(s->part[i].image, (uint64_t)(s->part[i].to - s->part[i].from));
        else
            err = ERR_MEMORY;
    }
    if (!err) {
        crew_run(job->threads, s->count, read_part, s);
        err = judge(s, result);
    }
    free(s);
    return err;
}
