#include "backend/contract/counters.h"

const struct counter_info counter_info[COUNTER_COUNT] = {
#define X(id, name, family, label, help) {name, family, label, help},
    COUNTER_LIST(X)
#undef X
};
