/* The process title: what ps and top show instead of the command line, "zonedeckd: serve".
 *
 * Linux shows the memory the command line was started with; title_init notes where that is and
 * moves arguments and environment out of its way. The one piece of state is that place: a process
 * has one title. Not for several threads at once. */
#pragma once

/* Once, first thing in main, before anyone keeps a pointer into the arguments or the environment:
 * both are copied, and argv points to the copies. When memory runs out titles stay as they were. */
void title_init(int argc, char **argv);
/* Shows "zonedeckd: " and the text, cut to the room there is. */
void title_set(const char *format, ...) __attribute__((format(printf, 1, 2)));
