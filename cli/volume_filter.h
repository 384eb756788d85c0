/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/volume_filter.h - --filter of `volume ls` and `volume prune`
 *
 * Keys: name (a regular expression), label, label!, driver, scope, opt, dangling, anonymous, until.
 * Several values of one key: any of them (label: all); several keys: all of them.
 */
#ifndef CLI_VOLUME_FILTER_H
#define CLI_VOLUME_FILTER_H

#include "engine/engine.h"
#include "storage/volume.h"

/** ERR_USAGE for an unknown key or a bad value. */
int volume_filter_check(const struct strv *filters, struct err *err);
/** 1 it matches, 0 it does not, -1. */
int volume_filter_match(struct engine *engine, const struct strv *filters,
			const struct volume *volume, struct err *err);

#endif
