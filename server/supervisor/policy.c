#include "server/supervisor/policy.h"

#include "backend/base/clk.h"

enum { DOUBLINGS_MAX = 20 };

static const int64_t trusted_after = 60 * CLK_SECOND, first_pause = 100 * CLK_MS;

int64_t backoff_ended(struct backoff *b, int64_t now, int64_t lived, int64_t longest)
{
    b->streak = lived >= trusted_after ? 1 : b->streak + 1;
    int64_t pause = 0;
    if (b->streak > 1) {
        unsigned doublings = b->streak - 2;
        pause = first_pause << (doublings < DOUBLINGS_MAX ? doublings : DOUBLINGS_MAX);
        if (pause > longest)
            pause = longest;
    }
    b->next_at = now + pause;
    return pause;
}

bool backoff_due(const struct backoff *b, int64_t now)
{
    return now >= b->next_at;
}

bool backoff_is_news(const struct backoff *b)
{
    return b->streak == 2;
}
