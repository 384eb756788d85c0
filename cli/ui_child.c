/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/ui_child.c - commands of dhow that the live view runs
 */
#include "cli/ui.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* one line that does not end is no reason to fill the memory */
#define TEXT_LIMIT_BYTES (4U << 20)

int ui_child_start(struct ui_child *child, const struct strv *command, bool lasting,
		   struct err *err, ...)
{
	cleanup_strv struct strv argv = STRV_INIT, env = STRV_INIT;
	cleanup_fd int write_fd = -1;
	struct spawn spawn = SPAWN_INIT;
	const char *word;
	va_list words;
	int fds[2];

	ui_child_stop(child);
	strv_add_all(&argv, command);
	va_start(words, err);
	while ((word = va_arg(words, const char *)) != NULL)
		strv_add(&argv, word);
	va_end(words);
	for (char **item = environ; *item != NULL; item++)
		strv_add(&env, *item);

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, errno, "cannot make a pipe");
	child->out_fd = fds[0];
	write_fd = fds[1];
	(void)fd_set_nonblock(child->out_fd, true);
	spawn.path = argv.items[0];
	spawn.argv = &argv;
	spawn.env = &env;
	spawn.stdout_fd = spawn.stderr_fd = write_fd;
	spawn.new_session = true; /* keys are ours: an interrupt must not reach it */
	spawn.death_signal = lasting ? 0 : SIGKILL;
	if (process_spawn(&spawn, &child->child, err) < 0) {
		fd_close(&child->out_fd);
		return -1;
	}
	return 0;
}

int ui_child_read(struct ui_child *child, int *ret_status)
{
	char buffer[16384];
	ssize_t length = read(child->out_fd, buffer, sizeof(buffer));

	if (length > 0) {
		if (child->text.length < TEXT_LIMIT_BYTES)
			strbuf_add(&child->text, buffer, (size_t)length);
		return 1;
	}
	if (length < 0 && (errno == EAGAIN || errno == EINTR))
		return 1;
	fd_close(&child->out_fd);
	if (child_wait(&child->child, ret_status) < 0)
		*ret_status = -1;
	return 0;
}

char *ui_child_line(struct ui_child *child)
{
	char *end = memchr(child->text.data, '\n', child->text.length);
	size_t length = end != NULL ? (size_t)(end - child->text.data) : child->text.length;

	if (child->text.length == 0 || (end == NULL && child->out_fd >= 0))
		return NULL;

	char *line = xstrndup(child->text.data, length);
	size_t used = length + (end != NULL ? 1 : 0);

	memmove(child->text.data, child->text.data + used, child->text.length - used);
	strbuf_truncate(&child->text, child->text.length - used);
	return line;
}

void ui_child_stop(struct ui_child *child)
{
	fd_close(&child->out_fd);
	child_release(&child->child);
	child->child = (struct child)CHILD_INIT;
	strbuf_release(&child->text);
	strbuf_init(&child->text);
}
