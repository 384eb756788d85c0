/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/doctor.h - what of this machine keeps containers from running, and what cures it
 *
 * Nothing is guessed from versions: each step of a start is tried by the function that a start uses, so a finding is the very message that
 * `run` would print, before `run` prints it. At the end a container is really started, without and with a network: what no check
 * has foreseen is told by that.
 */
#ifndef ENGINE_DOCTOR_H
#define ENGINE_DOCTOR_H

#include "base/names.h"
#include "engine/engine.h"

enum doctor_level {
	DOCTOR_OK,
	DOCTOR_NOTE, /* something that only some containers need is not there */
	DOCTOR_WARN, /* containers run, with less than they could have */
	DOCTOR_FAIL, /* something that `run` needs fails */
	DOCTOR_LEVEL_COUNT
};
/** "ok", "note", "warn", "fail" */
NAME_TABLE_DECLARE(doctor_level)

struct doctor_finding {
	enum doctor_level level;
	const char *check; /* one or two words */
	const char *text;
	const char *cure; /* a command, or a sentence; "" when there is nothing to do */
};
typedef void (*doctor_report)(void *arg, const struct doctor_finding *finding);

/** Run all checks. The worst level there was. */
enum doctor_level doctor_run(const struct engine_options *options, doctor_report report, void *arg);

#endif
