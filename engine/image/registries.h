/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/registries.h - registries.conf: where a name leads to (private)
 *
 * Version 2 of the format, and the old version 1. Read from $CONTAINERS_REGISTRIES_CONF, or the user's
 * ~/.config/containers/registries.conf, or /etc/containers/registries.conf; then the drop-ins in registries.conf.d, of which later
 * ones win. A file that cannot be understood, or has a key that nobody knows, is an error that names file and line, never a file that is left out.
 */
#ifndef ENGINE_IMAGE_REGISTRIES_H
#define ENGINE_IMAGE_REGISTRIES_H

#include "base/alloc.h"
#include "base/strv.h"
#include "engine/image.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct registries;

/** A place that has the image, or may have it: mirrors first, the registry itself last. */
struct endpoint {
	char *registry, *path;
	bool insecure;
};
struct endpoint_list {
	struct endpoint *items;
	size_t count;
};
void endpoint_list_release(struct endpoint_list *list);

/** @param file  a file to read in place of the usual ones, or NULL */
int registries_load(const char *file, struct registries **ret, struct err *err);
/** Is the content of one file, as toml_read() gives it, right? 0, or -1 as registries_load() would say it. */
int registries_check(const char *file, const json_t *toml, struct err *err);
/** registries_keys.c: are all its keys known? Part of both. */
int registries_check_keys(const char *file, const json_t *toml, struct err *err);
void registries_free(struct registries *registries);
DEFINE_CLEANUP(registries)
#define cleanup_registries __attribute__((cleanup(registries_free_ptr)))

/**
 * Full names that a short name may mean, in the order in which they are tried: its alias alone, or the search registries.
 * @param docker_hub  none of them configured: docker.io; else that is ERR_USAGE, with the full name in the hint
 */
int registries_candidates(const struct registries *registries, const struct image_ref *ref,
			  bool docker_hub, struct strv *ret_names, struct err *err);
/** True when short-name-mode lets the user be asked which of several is meant. */
bool registries_may_ask(const struct registries *registries);
/** The same where nobody can be asked: several are ERR_AMBIGUOUS when short-name-mode is enforcing. */
int registries_expand(const struct registries *registries, const struct image_ref *ref,
		      bool docker_hub, struct strv *ret_names, struct err *err);

/* registries_alias.c: short-name-aliases.conf, the choices of the user */

/** Its path; yours. */
char *registries_alias_file(void);
/**
 * Names to pull for what was typed: itself, or what a short name may mean. Of several the user is asked to choose, if he is there.
 * @param ret_chosen  the short name then, for registries_remember(); yours, or untouched
 */
int registries_meant(const struct engine *engine, const struct registries *registries,
		     const char *text, struct strv *ret_names, char **ret_chosen, struct err *err);
/** The choice was right: from now on the short name means that image, without tag and digest. chosen NULL: nothing was. A failure is a warning. */
void registries_remember(struct engine *engine, const char *chosen, const char *full_name);

/**
 * Where to ask for a full name. ERR_DENIED when it is blocked.
 * @param tls_verify  -1 as configured, 0 all are insecure, 1 none is
 */
int registries_endpoints(const struct registries *registries, const struct image_ref *ref,
			 int tls_verify, struct endpoint_list *ret_list, struct err *err);

/** $XDG_CONFIG_HOME or ~/.config, and name below it; yours. */
char *user_config_path(const char *name);

/** Number of the first line of a file that has the word, 0: none. For messages. */
unsigned config_line_of(const char *file, const char *word);

#endif
