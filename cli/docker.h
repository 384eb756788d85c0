/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/docker.h - what differs when dhow is called by the name docker
 *
 * The engine makes the same objects whoever asks; here they get the members, types and texts that docker's own command line prints,
 * because CI runners, editors and deploy tools parse them. Nothing here changes what is done.
 */
#ifndef CLI_DOCKER_H
#define CLI_DOCKER_H

#include "cli/cmd.h"

#include <jansson.h>

struct global_opts;

/** The docker whose command line is followed, and the number of its API: tools compare them with what they need. */
#define DOCKER_VERSION	   "28.5.2"
#define DOCKER_API_VERSION "1.51"

/** A name as docker shows it: without "docker.io/" and "library/". Yours. */
char *docker_name(const char *name);

/** The row of `docker ps` out of the row and the summary of `ps`. New reference. */
json_t *docker_ps_row(const json_t *row, const json_t *summary, int64_t created_ns, bool no_trunc);
/** The row of `docker images` out of that of `images`. New reference. */
json_t *docker_images_row(const json_t *row, bool digests, int64_t created_ns);
/** Change the object of `inspect` into docker's. */
void docker_inspect_container(json_t *object);
void docker_inspect_image(json_t *object);
/** The object of `docker version`, client and server. New reference. */
json_t *docker_version(void);
/** The object of `docker info` out of that of `info`. New reference. */
json_t *docker_info(const json_t *info);

/**
 * DOCKER_HOST, DOCKER_CONTEXT and the options that mean the same: dhow is not a client of anything. Refuses what names another machine
 * and lets pass what names this one. Also DOCKER_CONTENT_TRUST, and --config, which becomes DOCKER_CONFIG.
 */
int docker_environment(const struct global_opts *global, struct err *err);
/** The message of a failure in docker's words, where tools look for them. Appends to out. */
void docker_error(const struct err *err, struct strbuf *out);
/** The exit status that docker has for it. */
int docker_exit_status(const struct cli *cli, const struct err *err);

#endif
