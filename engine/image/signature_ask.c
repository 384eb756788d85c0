/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/signature_ask.c - ask libexec/dhow/signature
 *
 * One process per question: its libraries are loaded by those commands only that have to do with signatures.
 */
#include "engine/image/signature_ask.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/process.h"
#include "engine/image/signature.h"

extern char **environ;

static int start(const json_t *request, bool own_environment, struct child *ret_child,
		 int *ret_answer_fd, struct err *err)
{
	cleanup_free char *program = xasprintf("%s/signature", process_libexec_dir());
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_strv struct strv argv = STRV_INIT, env = STRV_INIT;
	cleanup_fd int request_fd = -1, read_fd = -1, write_fd = -1;
	struct spawn spawn = SPAWN_INIT;
	int keep[2], pair[2];

	json_print(request, 0, &text);
	request_fd = fd_sealed("request", text.data, text.length);
	explicit_bzero(text.data, text.length);
	if (request_fd < 0)
		return err_sys(err, -request_fd, "cannot start 'signature'");
	if (pipe2(pair, O_CLOEXEC) < 0)
		return err_sys(err, errno, "cannot start 'signature'");
	read_fd = pair[0];
	write_fd = pair[1];
	strv_add(&argv, "signature");
	for (char **item = environ; own_environment && *item != NULL; item++)
		strv_add(&env, *item);
	spawn.path = program;
	spawn.argv = &argv;
	spawn.env = own_environment ? &env : NULL;
	spawn.stderr_fd = STDERR_FILENO;
	keep[0] = request_fd;
	keep[1] = write_fd;
	spawn.keep_fds = keep;
	spawn.keep_fd_count = ARRAY_SIZE(keep);
	spawn.death_signal = SIGKILL;
	if (process_spawn(&spawn, ret_child, err) < 0)
		return -1;
	*ret_answer_fd = TAKE_FD(read_fd);
	return 0;
}

static int take_error(const json_t *error, struct err *err)
{
	const char *name = json_get_string(error, "", "kind", NULL);
	const char *hint = json_get_string(error, "", "hint", NULL);
	enum err_kind kind = ERR_FAILED;

	for (int i = 0; i < ERR_KIND_COUNT; i++) {
		if (str_equal(err_kind_name((enum err_kind)i), name))
			kind = (enum err_kind)i;
	}
	err_set(err, kind, "%s", json_get_string(error, "no reason was given", "message", NULL));
	return *hint != '\0' ? err_hint(err, "%s", hint) : -1;
}

int signature_ask(const json_t *request, bool own_environment, json_t **ret_answer, struct err *err)
{
	cleanup_child struct child child = CHILD_INIT;
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_json json_t *answer = NULL;
	cleanup_fd int fd = -1;
	int status;

	if (start(request, own_environment, &child, &fd, err) < 0)
		return -1;
	status = fd_read_all(fd, &text, SIGNATURE_JSON_MAX_BYTES);
	if (status < 0)
		return err_sys(err, -status, "cannot read from 'signature'");
	if (text.length == 0)
		return err_set(err, ERR_FAILED, "'signature' ended unexpectedly");
	answer = json_parse_limited(text.data, text.length, SIGNATURE_JSON_MAX_BYTES,
				    "answer of 'signature'", err);
	if (answer == NULL)
		return -1;
	if (json_object_get(answer, "error") != NULL)
		return take_error(json_object_get(answer, "error"), err);
	child_wait(&child, NULL);
	*ret_answer = TAKE_PTR(answer);
	return 0;
}

int signature_ask_with_home(struct engine *engine, json_t *request, json_t **ret_answer,
			    struct err *err)
{
	struct staging staging = STAGING_INIT;
	cleanup_free char *home = NULL;
	int status = staging_new(engine->store, "gpg", &staging, err);

	if (status < 0)
		return -1;
	home = xasprintf("%s/tmp/%s", engine->store->root_path, staging.name);
	json_put(request, "home", json_text(home));
	status = signature_ask(request, false, ret_answer, err);
	staging_discard(engine->store, &staging);
	return status;
}

json_t *signature_key_file(const char *path, struct err *err)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	cleanup_strbuf struct strbuf bytes = STRBUF_INIT, text = STRBUF_INIT;
	int status = fd < 0 ? -errno : fd_read_all(fd, &bytes, SIGNATURE_KEY_MAX_BYTES);
	json_t *json;

	if (status < 0) {
		err_sys(err, -status, "cannot read key file '%s'", path);
		return NULL;
	}
	base64_encode(bytes.data, bytes.length, &text);
	explicit_bzero(bytes.data, bytes.length);
	json = json_text(text.data);
	if (text.length > 0)
		explicit_bzero(text.data, text.length);
	return json;
}
