/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/system/doctor_private.h - the checks of the doctor (private to engine/system)
 */
#ifndef ENGINE_SYSTEM_DOCTOR_PRIVATE_H
#define ENGINE_SYSTEM_DOCTOR_PRIVATE_H

#include "engine/doctor.h"
#include "rootless/rootless.h"

#include <stdbool.h>

struct doctor {
	const struct engine_options *options;
	doctor_report report;
	void *arg;
	enum doctor_level worst;
	struct engine *engine; /* NULL: the store cannot be opened */
	bool has_ranges;
};

/** One finding; text is printf-like, cure a command or a sentence. */
void doctor_tell(struct doctor *doctor, enum doctor_level level, const char *check,
		 const char *cure, const char *format, ...) __attribute__((format(printf, 5, 6)));
/** A failure of a function that a start uses: its message and its hint. */
void doctor_tell_err(struct doctor *doctor, enum doctor_level level, const char *check,
		     const struct err *err);
/** First line of what a program says with --version; yours, or NULL: it is not there. */
char *doctor_version(const char *program);

/* doctor_host.c: what the kernel and the system let the user do */
void doctor_check_namespaces(struct doctor *doctor);
void doctor_check_cgroups(struct doctor *doctor);
void doctor_check_session(struct doctor *doctor);
void doctor_check_network(struct doctor *doctor);
/* doctor_disk.c: where things are kept */
void doctor_check_store(struct doctor *doctor);
void doctor_check_driver(struct doctor *doctor);

#endif
