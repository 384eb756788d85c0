/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/restart.c - stop and start again
 */
#include "engine/container.h"

#include "base/err.h"
#include "engine/events.h"

int container_restart(struct engine *engine, struct container *container, int64_t timeout_s,
		      struct err *err)
{
	static const struct container_start_opts plain = { 0 };

	if (container_stop(engine, container, timeout_s, err) < 0)
		return -1;
	if (container_start(engine, container, &plain, NULL, err) < 0)
		return -1;
	event_container(engine, container, EVENT_RESTART);
	return 0;
}
