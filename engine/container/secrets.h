/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/secrets.h - the copies of secrets that a container has (private to engine/container)
 */
#ifndef ENGINE_CONTAINER_SECRETS_H
#define ENGINE_CONTAINER_SECRETS_H

#include "engine/container.h"

#include <jansson.h>

/* containers/ID/secrets/N: the N-th item of "secrets" in create.json */
#define DIR_SECRETS "secrets"

/** podman's .Config.Secrets: [{"Name", "ID", "UID", "GID", "Mode"}]. New reference. */
json_t *container_secrets(const struct container *container);
/** Add the variables of --secret type=env to the process of a configuration that is about to be run. */
int container_add_secret_variables(const struct container *container, json_t *config,
				   struct err *err);

#endif
