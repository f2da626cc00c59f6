#include "server/serve/drill.h"

#include <signal.h>
#include <string.h>

static void segv(void)
{
    raise(SIGSEGV);
}

static void hang(void)
{
    for (volatile int spin = 1; spin;)
        ;
}

void drill_query(const unsigned char *query, size_t len)
{
    static const struct {
        const char *name;
        void (*act)(void);
    } drills[] = {{"\4segv\5drill\10zonedeck", segv}, {"\4hang\5drill\10zonedeck", hang}};
    for (size_t i = 0; i < sizeof drills / sizeof *drills; i++) {
        size_t n = strlen(drills[i].name) + 1;
        if (len >= 12 + n && !memcmp(query + 12, drills[i].name, n))
            drills[i].act();
    }
}
