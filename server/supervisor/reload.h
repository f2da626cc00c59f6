/* A new configuration: checked whole, then made the running one, or nothing changes. */
#pragma once

#include "server/supervisor/state.h"

/* The id of MSG_CONFIG of a generation, apart from the endpoint's. */
#define RELOAD_ID(generation) (UINT64_C(0xC0F1000000000000) + (generation))

/* Reads the file and checks it; `*fd` becomes its text for the children (server/config/text.h). At
 * a start it is not the `whole`: zones are left to the keeper to check, which reads them anyway.
 * ERR_CONFIG when the file cannot be read or is wrong, ERR_SYSTEM when there is no memory for it;
 * then `*fd` is -1, `*config` NULL, and there are the errors, a line each. */
int reload_read(const char *path, bool whole, int *fd, struct config **config, struct buf *errors);
/* Checks the zones too, of the text the keeper gets. False and the errors when they are wrong. */
bool reload_check_zones(const struct supervisor *sup, struct buf *errors);
/* A request (`action` NULL: SIGHUP). */
void reload_begin(struct supervisor *sup, const struct request *request);
void reload_keeper_done(struct supervisor *sup, const struct msg_result *result);
void reload_keeper_gone(struct supervisor *sup);
void reload_restarted(struct supervisor *sup, int status, const char *text);
/* Warns when the configuration has secrets and everybody may read it. */
void reload_check_secrets(struct supervisor *sup);
/* Begins what was asked for while another one ran. */
void reload_step(struct supervisor *sup);
/* Reports addresses that cannot be used as events. */
struct listeners_report reload_report(struct supervisor *sup);
