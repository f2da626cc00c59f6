/* The catalogue of numbered events.
 *
 * Where the meaning holds, the numbers are those of Microsoft's DNS server, which operators can
 * look up; 8000-8399 are our own: 8000 memory and processor, 8100 restarts and supervision, 8200
 * dependents, 8300 zones. Numbers are stable and append-only. */
#pragma once

enum severity { SEVERITY_INFO, SEVERITY_WARNING, SEVERITY_ERROR };

/* number, severity, title, what to do */
#define EVENT_LIST(X)                                                                              \
    X(EVENT_STARTED, 2, SEVERITY_INFO, "The server has started", "Nothing to do.")                 \
    X(EVENT_STOPPED, 3, SEVERITY_INFO, "The server has stopped",                                   \
      "Nothing to do when it was meant; else see the events before it.")                           \
    X(EVENT_ZONES_LOADED, 4, SEVERITY_INFO, "All zones have been loaded", "Nothing to do.")        \
    X(EVENT_THREAD, 111, SEVERITY_ERROR, "A thread or process could not be created",               \
      "Raise TasksMax or the process limit, or free memory; the server goes on with what it has.") \
    X(EVENT_TCP_BIND, 404, SEVERITY_ERROR, "A TCP address could not be bound",                     \
      "Find the other program with: ss -ltnp; or change server.listen.")                           \
    X(EVENT_UDP_BIND, 407, SEVERITY_ERROR, "A UDP address could not be bound",                     \
      "Find the other program with: ss -lunp; or change server.listen.")                           \
    X(EVENT_CONFIG, 506, SEVERITY_ERROR, "The configuration has errors; the running one stays",    \
      "Correct the file and check it with: zonedeckd -t -c FILE; then reload.")                    \
    X(EVENT_CONFIG_DONE, 540, SEVERITY_INFO, "The configuration was reloaded", "Nothing to do.")   \
    X(EVENT_FILE_OPEN, 1000, SEVERITY_ERROR, "A zone file could not be opened",                    \
      "Create the file or correct its path and permissions, then reload the zone.")                \
    X(EVENT_FILE_PARSE, 1502, SEVERITY_ERROR, "A zone file could not be parsed",                   \
      "Correct the line and check it with: zonedeckd -t ZONE FILE; then reload the zone.")         \
    X(EVENT_FILE_RECORD, 1508, SEVERITY_WARNING, "A record of a zone file was ignored",            \
      "Correct or remove the record.")                                                             \
    X(EVENT_NO_SOA, 1605, SEVERITY_ERROR, "A zone has no SOA record",                              \
      "Add one SOA record at the zone's own name.")                                                \
    X(EVENT_ZONE_WRITTEN, 3150, SEVERITY_INFO,                                                     \
      "A zone was compiled and written to the state directory", "Nothing to do.")                  \
    X(EVENT_ZONE_UNWRITTEN, 3151, SEVERITY_ERROR,                                                  \
      "A zone could not be written to the state directory; it is served from memory",              \
      "Free space or correct the permissions of server.state; the next reload writes it.")         \
    X(EVENT_MEMORY_EXCESSIVE, 5051, SEVERITY_WARNING, "A process uses more memory than its limit", \
      "See the memory view; restart the service with: zonedeck restart.")                          \
    X(EVENT_XFR_OUT_DONE, 6001, SEVERITY_INFO, "A zone was transferred to a secondary",            \
      "Nothing to do.")                                                                            \
    X(EVENT_XFR_OUT_ABORTED, 6002, SEVERITY_WARNING, "A transfer to a secondary was aborted",      \
      "Check the network and the secondary.")                                                      \
    X(EVENT_XFR_OUT_REFUSED, 6004, SEVERITY_WARNING, "A transfer was refused",                     \
      "Add the secondary to the zone's allow-transfer if it is one.")                              \
    X(EVENT_XFR_UPDATED, 6520, SEVERITY_INFO,                                                      \
      "A new version of a zone was transferred from its primary", "Nothing to do.")                \
    X(EVENT_XFR_UNREACHABLE, 6523, SEVERITY_WARNING, "A primary does not answer",                  \
      "Check the primary and the network; the zone is served until it expires.")                   \
    X(EVENT_XFR_BAD, 6524, SEVERITY_ERROR, "A primary sent a bad transfer",                        \
      "Look at the primary's log; transfer again with: zonedeck retransfer ZONE.")                 \
    X(EVENT_XFR_REFUSED, 6525, SEVERITY_ERROR, "A primary refused the transfer",                   \
      "Allow this server's address at the primary.")                                               \
    X(EVENT_XFR_OLDER, 6526, SEVERITY_WARNING, "A primary has an older version than this server",  \
      "Raise the serial at the primary, or retransfer the zone.")                                  \
    X(EVENT_ZONE_EXPIRED, 6527, SEVERITY_ERROR, "A zone has expired and is not served",            \
      "Make a primary reachable; then retransfer the zone.")                                       \
    X(EVENT_NOTIFY_FAILED, 6535, SEVERITY_WARNING, "A secondary did not acknowledge NOTIFY",       \
      "Check the secondary; it will see the change at its next refresh.")                          \
    X(EVENT_MEMORY_OUT, 7502, SEVERITY_ERROR, "Out of memory",                                     \
      "Free memory or raise the limit; what was served goes on.")                                  \
    X(EVENT_RESTARTED, 8100, SEVERITY_INFO, "The service was restarted without losing a query",    \
      "Nothing to do.")                                                                            \
    X(EVENT_CRASH, 8101, SEVERITY_ERROR, "A process ended unexpectedly; its successor took over",  \
      "Keep the core file and the text of this event for a report.")                               \
    X(EVENT_HANG, 8102, SEVERITY_ERROR, "A process stopped making progress and was replaced",      \
      "Keep the text of this event for a report; look at the machine's load.")                     \
    X(EVENT_RESTART_FAILED, 8103, SEVERITY_ERROR,                                                  \
      "A restart did not succeed; the old process goes on",                                        \
      "See the reason; correct it and restart again.")                                             \
    X(EVENT_RESTART_BACKOFF, 8104, SEVERITY_WARNING,                                               \
      "A process ends again and again; its restart waits",                                         \
      "See the events before it for the cause.")                                                   \
    X(EVENT_POISON, 8105, SEVERITY_ERROR, "A query that killed a process was quarantined",         \
      "Report it with the file in the state directory's quarantine folder.")                       \
    X(EVENT_IMAGE_DAMAGED, 8106, SEVERITY_WARNING,                                                 \
      "A compiled zone was damaged or foreign and was discarded",                                  \
      "Nothing to do: it is compiled again from its source. Check the disk if it recurs.")         \
    X(EVENT_STATE_DIR, 8107, SEVERITY_ERROR, "The state directory cannot be used",                 \
      "Create it, or correct its permissions or free space; until then nothing is kept over a "    \
      "restart.")                                                                                  \
    X(EVENT_HISTORY, 8108, SEVERITY_WARNING,                                                       \
      "The history of events was damaged or foreign and was begun anew",                           \
      "Nothing to do: the old file is kept beside it. Check the disk if it recurs.")               \
    X(EVENT_LOST, 8109, SEVERITY_WARNING, "Events came faster than they could be kept",            \
      "See the log for the missing ones.")                                                         \
    X(EVENT_ADOPTED, 8110, SEVERITY_WARNING,                                                       \
      "The server was started anew after its supervisor had ended; nothing was lost",              \
      "Find out what ended the supervisor: the system's log names out-of-memory kills.")           \
    X(EVENT_UNCLEAN, 8111, SEVERITY_WARNING,                                                       \
      "The last run of the server ended without being stopped",                                    \
      "Look for a kill, a crash or a power failure at that time: journalctl, dmesg.")              \
    X(EVENT_STATE_FILE, 8112, SEVERITY_WARNING,                                                    \
      "A small file of the state directory could not be used",                                     \
      "See the text; remove the file it names, and a new one is made at the next start.")          \
    X(EVENT_ZONE_ADDED, 8300, SEVERITY_INFO, "A zone was added", "Nothing to do.")                 \
    X(EVENT_ZONE_REMOVED, 8301, SEVERITY_WARNING, "A zone was removed and is not served any more", \
      "Nothing to do when it was meant; else bring its file or its entry back and reload.")        \
    X(EVENT_SERIAL_SAME, 8302, SEVERITY_WARNING, "A zone changed but its serial did not",          \
      "Raise the serial of the SOA record and reload: secondaries will not see the change.")       \
    X(EVENT_SERIAL_LOWER, 8303, SEVERITY_WARNING, "The serial of a zone went back",                \
      "Raise the serial of the SOA record above the old one and reload: secondaries keep the old " \
      "version.")                                                                                  \
    X(EVENT_ZONE_RECOVERED, 8304, SEVERITY_INFO,                                                   \
      "A zone that had expired was confirmed and is served again", "Nothing to do.")               \
    X(EVENT_TSIG, 8305, SEVERITY_ERROR, "A signature (TSIG) was not accepted",                     \
      "Compare the key's name, algorithm and secret on both servers, and their clocks.")           \
    X(EVENT_SECRETS, 8113, SEVERITY_WARNING,                                                       \
      "The configuration has secrets, and everybody on this machine may read them",                \
      "Take the permission away with: chmod o-r FILE; then make new keys.")

enum event {
#define X(id, number, severity, title, remedy) id,
    EVENT_LIST(X)
#undef X
        EVENT_COUNT
};

struct event_info {
    unsigned number;
    enum severity severity;
    const char *title, *remedy;
};

/* EVENT_COUNT rows, in the order of the enum. */
extern const struct event_info event_info[EVENT_COUNT];
/* The row of an event number, or NULL. */
const struct event_info *event_find(unsigned number);
/* "info", "warning", "error". */
const char *severity_name(unsigned severity);
