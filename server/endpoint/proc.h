/* What the kernel says of a process and of the machine: /proc, parsed with care.
 *
 * The parsers take the text of a file, as bytes from a damaged or future kernel must not hurt; the
 * readers open, read once into the stack, close. Nothing allocates. Unknown values are left as
 * PROC_UNKNOWN. Reading the memory maps of a process of many gigabytes can take tens of
 * milliseconds: usage.h decides how often. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROC_UNKNOWN UINT64_MAX

struct proc_basic {
    uint64_t rss, cpu_us, threads;
};

struct proc_maps {
    uint64_t pss, private_bytes, shared_bytes, swap, peak;
};

struct proc_machine {
    uint64_t total, available;
};

/* False when the text is not what it should be; *out is then unchanged. */
bool proc_parse_stat(const char *text, uint64_t ticks_per_second, struct proc_basic *out);
bool proc_parse_statm(const char *text, uint64_t page_size, struct proc_basic *out);
/* The value in bytes of a line "Name:   123 kB"; PROC_UNKNOWN when it is not there. */
uint64_t proc_parse_kb(const char *text, const char *name);

/* False when the process does not exist. */
bool proc_read_basic(pid_t pid, struct proc_basic *out);
/* False when nothing of it may be read: another user's process, or gone. */
bool proc_read_maps(pid_t pid, struct proc_maps *out);
void proc_read_machine(struct proc_machine *out);
