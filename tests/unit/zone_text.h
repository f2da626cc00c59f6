/* For tests: a zone in text form to an opened image, by libldns and the builder. */
#pragma once

#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backend/base/err.h"
#include "server/image/node.h"

static const uint8_t zone_text_key[16] = "a key for tests.";

/* Adds every record of `text` (absolute names, TTLs given) to a new builder. */
static inline struct image_builder *zone_text_builder(const char *origin, const char *text)
{
    ldns_rdf *name = ldns_dname_new_frm_str(origin);
    struct image_builder *b = image_builder_new(ldns_rdf_data(name), ldns_rdf_size(name));
    char *copy = strdup(text);
    for (char *save = NULL, *line = strtok_r(copy, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        ldns_rr *rr = NULL;
        ldns_rdf *prev = NULL;
        if (ldns_rr_new_frm_str(&rr, line, 3600, name, &prev) != LDNS_STATUS_OK) {
            fprintf(stderr, "bad record in a test: %s\n", line);
            abort();
        }
        uint8_t rdata[65536];
        size_t len = 0;
        for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
            memcpy(rdata + len, ldns_rdf_data(ldns_rr_rdf(rr, i)),
                   ldns_rdf_size(ldns_rr_rdf(rr, i)));
            len += ldns_rdf_size(ldns_rr_rdf(rr, i));
        }
        int err =
            image_builder_add(b, ldns_rdf_data(ldns_rr_owner(rr)), ldns_rdf_size(ldns_rr_owner(rr)),
                              (uint16_t)ldns_rr_get_type(rr), ldns_rr_ttl(rr), rdata, len);
        if (err)
            fprintf(stderr, "%s: %s\n", line, image_builder_reason(b));
        ldns_rr_free(rr);
        ldns_rdf_deep_free(prev);
    }
    free(copy);
    ldns_rdf_deep_free(name);
    return b;
}

/* Builds into a memfd; *fd is the caller's. Returns what image_builder_finish does. */
static inline int zone_text_build(const char *origin, const char *text, int *fd,
                                  struct buf *findings)
{
    struct image_builder *b = zone_text_builder(origin, text);
    struct image_summary summary;
    *fd = memfd_create("zone", 0);
    int err = image_builder_finish(b, zone_text_key, NULL, *fd, &summary, findings);
    image_builder_free(b);
    return err;
}

static inline struct image *zone_text_image(const char *origin, const char *text)
{
    int fd;
    struct buf findings = {0};
    struct image *image = NULL;
    int err = zone_text_build(origin, text, &fd, &findings);
    if (err)
        fprintf(stderr, "%s%s", findings.data ? findings.data : "", err_text(err));
    else
        err = image_open(fd, 0, (uint64_t)lseek(fd, 0, SEEK_END), zone_text_key, true, &image);
    close(fd);
    buf_fini(&findings);
    return err ? NULL : image;
}
