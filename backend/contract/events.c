#include "backend/contract/events.h"

#include <stddef.h>

const struct event_info event_info[EVENT_COUNT] = {
#define X(id, number, severity, title, remedy) {number, severity, title, remedy},
    EVENT_LIST(X)
#undef X
};

const struct event_info *event_find(unsigned number)
{
    for (size_t i = 0; i < EVENT_COUNT; i++) {
        if (event_info[i].number == number)
            return &event_info[i];
    }
    return NULL;
}

const char *severity_name(unsigned severity)
{
    static const char *const names[] = {"info", "warning", "error"};
    return severity < sizeof names / sizeof *names ? names[severity] : "?";
}
