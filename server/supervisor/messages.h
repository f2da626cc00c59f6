/* Frames from the children: checked against a table of who may send what, then noted. */
#pragma once

#include "server/supervisor/state.h"

/* Takes every frame that waits on a child's channel. A child that sends what it may not, is killed.
 */
void messages_receive(struct supervisor *sup, struct child *c);
