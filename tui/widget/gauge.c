#include "tui/widget/gauge.h"

void gauge_draw(struct canvas *c, int row, int col, int width, struct value permille)
{
    if (!value_known(permille) || width < 3)
        return;
    int64_t n = permille.n > 1000 ? 1000 : permille.n;
    int inner = width - 2;
    int full = (int)((n * inner + 500) / 1000);
    uint32_t attr = n >= 950 ? ATTR_BAD : n >= 800 ? ATTR_WARN : ATTR_GOOD;
    if (permille.state == VALUE_STALE)
        attr = ATTR_DIM;
    canvas_put(c, row, col, col + 1, 0, "[");
    canvas_fill(c, row, col + 1, col + 1 + full, attr, '#');
    canvas_fill(c, row, col + 1 + full, col + 1 + inner, ATTR_DIM, '.');
    canvas_put(c, row, col + width - 1, col + width, 0, "]");
}

struct value spark_draw(struct canvas *c, int row, int col, int width, const struct series *s)
{
    struct value top = {0};
    for (int i = 0; i < width; i++) {
        struct value v = series_at(s, (unsigned)i);
        if (value_known(v) && (!value_known(top) || v.n > top.n))
            top = v;
    }
    for (int i = 0; i < width && value_known(top); i++) {
        struct value v = series_at(s, (unsigned)i);
        if (!value_known(v))
            continue;
        /* A measured zero is the lowest bar; only what was not measured stays blank. */
        int level = top.n > 0 ? 1 + (int)((double)v.n * (SPARK_LEVELS - 1) / (double)top.n) : 1;
        canvas_bar(c, row, col + width - 1 - i, ATTR_INFO, level);
    }
    return top;
}
