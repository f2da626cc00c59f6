/* Feeds a fuzz target with files, without a fuzzer: each argument is a file or a folder of files.
 *
 * Fails when there was nothing to feed, so that a corpus cannot get lost unseen. */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "backend/base/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool replay_file(const char *path)
{
    struct buf text = {0};
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        return false;
    }
    for (;;) {
        enum { STEP = 64 << 10 };
        char *to = buf_reserve(&text, STEP);
        size_t n = to ? fread(to, 1, STEP, f) : 0;
        text.len += n;
        if (n == 0)
            break;
    }
    bool good = !ferror(f) && !text.failed;
    fclose(f);
    /* An allocation of just this size, so that a sanitizer sees a read beyond it. */
    uint8_t *exact = good ? malloc(text.len ? text.len : 1) : NULL;
    if (exact) {
        if (text.len)
            memcpy(exact, text.data, text.len);
        LLVMFuzzerTestOneInput(exact, text.len);
    }
    free(exact);
    buf_fini(&text);
    return exact != NULL;
}

/* How many files were fed; -1 when one could not be read. */
static long replay(const char *path)
{
    struct dirent **entries = NULL;
    struct stat st;
    long fed = 0;
    if (stat(path, &st) != 0) {
        perror(path);
        return -1;
    }
    if (!S_ISDIR(st.st_mode))
        return replay_file(path) ? 1 : -1;
    int count = scandir(path, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        struct buf file = {0};
        buf_printf(&file, "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.' && fed >= 0)
            fed = replay_file(file.data) ? fed + 1 : -1;
        buf_fini(&file);
        free(entries[i]);
    }
    free(entries);
    return count < 0 ? -1 : fed;
}

int main(int argc, char **argv)
{
    long total = 0;
    for (int i = 1; i < argc; i++) {
        long fed = replay(argv[i]);
        if (fed < 0)
            return 1;
        total += fed;
    }
    printf("%ld inputs\n", total);
    return total > 0 ? 0 : 1;
}
