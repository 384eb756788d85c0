/* SPDX-License-Identifier: Apache-2.0 */
/*
 * units/quadlet_private.h - what the files that make services share
 *
 * A conversion adds words to quadlet->words, options first. Each addition names the line that it comes from, or NULL.
 */
#ifndef UNITS_QUADLET_PRIVATE_H
#define UNITS_QUADLET_PRIVATE_H

#include "units/quadlet.h"

struct conversion {
	struct quadlet_set *set;
	struct quadlet *quadlet;
	const char *section; /* of the source */
	bool failed;
};

/** Report something wrong with a line (NULL: with the whole unit); an error makes the conversion fail. */
void quadlet_problem(struct conversion *conversion, enum unit_level level,
		     const struct unit_line *line, const char *key, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/** Value of a key of the own section, or NULL. */
const char *conversion_value(const struct conversion *conversion, const char *key);
const struct unit_line *conversion_last(const struct conversion *conversion, const char *key);
/** Line by line, as unit_next(). */
const struct unit_line *conversion_next(const struct conversion *conversion, const char *key,
					size_t *position);
/** A boolean of the own section; what is none is reported. */
bool conversion_boolean(struct conversion *conversion, const char *key, bool otherwise);

/** Add --option [value]. */
void conversion_option(struct conversion *conversion, const struct unit_line *line,
		       const char *option, const char *value);
/** Add words that are options by themselves (PodmanArgs). */
void conversion_words(struct conversion *conversion, const struct unit_line *line,
		      const struct strv *words);
void conversion_argument(struct conversion *conversion, const struct unit_line *line,
			 const char *word);
/** All keys of the table that are not special, then PodmanArgs. */
void conversion_table(struct conversion *conversion);

/**
 * Find the unit that a value refers to by its file name, and make the service need its service.
 * @param ret_object  name of the object; yours; NULL when it is missing (reported)
 */
struct quadlet *conversion_refer(struct conversion *conversion, const struct unit_line *line,
				 const char *name, char **ret_object);
/** Image of a key: a name, or that of an .image or .build unit. Yours; NULL when there is none or it is wrong. */
char *conversion_image(struct conversion *conversion, const struct unit_line *line);
/** "--network VALUE" for each line of Network=. */
void conversion_networks(struct conversion *conversion);
/** "-v VALUE" for each line of Volume=. */
void conversion_volumes(struct conversion *conversion);
/** "--mount VALUE" for each line of Mount=. */
void conversion_mounts(struct conversion *conversion);

/** Add KEY=program globals command words to [Service]. */
void conversion_exec(struct conversion *conversion, const char *key, const struct strv *words);
/** The same for a command of its own, such as "-" "rm -f NAME". */
void conversion_command(struct conversion *conversion, const char *key, const char *prefix,
			const char *const *words);
/** A service that runs once and counts as running from then on. */
void conversion_oneshot(struct conversion *conversion);

void quadlet_make_container(struct conversion *conversion);
void quadlet_make_volume(struct conversion *conversion);
void quadlet_make_network(struct conversion *conversion);
void quadlet_make_image(struct conversion *conversion);
void quadlet_make_build(struct conversion *conversion);

#endif
