/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/signature_ask.h - ask libexec/dhow/signature (private)
 */
#ifndef ENGINE_IMAGE_SIGNATURE_ASK_H
#define ENGINE_IMAGE_SIGNATURE_ASK_H

#include "engine/engine.h"

#include <jansson.h>

/**
 * One question as signature.h has it, and its answer. New reference.
 * @param own_environment  it gets this process's variables, which gpg's agent needs to ask for a passphrase
 */
int signature_ask(const json_t *request, bool own_environment, json_t **ret_answer,
		  struct err *err);
/** The same with a fresh directory as the request's "home", which is removed afterwards. */
int signature_ask_with_home(struct engine *engine, json_t *request, json_t **ret_answer,
			    struct err *err);
/** A key file as a request has it. New reference, or NULL with err. */
json_t *signature_key_file(const char *path, struct err *err);

#endif
