/* The keeper process: zone files, their compilation, inbound transfers, NOTIFY, timers.
 *
 * One thread and one poll loop. Nothing slow or risky happens in it: zone text is read by libldns
 * and zones are transferred in short-lived children, whose memory goes back to the system with
 * them. It is the only writer of images, of the zone rows and of the inbound transfer rows of the
 * shared stats. */
#pragma once

#include "server/config/start.h"

/* Runs the role until MSG_STOP or the supervisor's channel closes; returns the exit status. */
int keeper_main(struct start *start);
/* `zonedeckd -t ZONE FILE`: checks one zone file. Messages go to stdout, one a line,
 * "FILE:LINE:COLUMN: severity: reason". Returns 0 it can be served, 1 it cannot. */
int keeper_check_zone(const char *zone, const char *file);
/* The zones of a configuration for `zonedeckd -t -c FILE`: checks each zone that has a file,
 * messages as above; returns how many cannot be served. */
unsigned keeper_check_config(const struct config *config);
