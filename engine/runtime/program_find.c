/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/program_find.c - search of the container's PATH, and the words for what cannot be executed
 *
 * The search runs inside of the container with the rights of its user, so it finds what the program itself would find. It only looks; the
 * kernel decides at execve. 127 means that there is no such command, 126 that there is and it cannot be executed.
 */
#include "engine/runtime/program_find.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "base/strv.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* 0, or an errno value: EISDIR and EACCES mean that there is something */
static int look(const char *file)
{
	struct stat st;

	if (stat(file, &st) < 0)
		return errno;
	if (S_ISDIR(st.st_mode))
		return EISDIR;
	if (!S_ISREG(st.st_mode) || faccessat(AT_FDCWD, file, X_OK, AT_EACCESS) < 0)
		return EACCES;
	return 0;
}

static int cannot_run(const char *file, int errno_value, struct err *err)
{
	cleanup_strbuf struct strbuf shown = STRBUF_INIT;

	strbuf_add_escaped(&shown, file);
	switch (errno_value) {
	case ENOENT:
	case ENOTDIR:
		return err_set(err, ERR_NO_COMMAND, "cannot run '%s': no such file or directory",
			       shown.data);
	case EISDIR:
		return err_set(err, ERR_CANNOT_RUN,
			       "cannot execute '%s': it is a directory: permission denied",
			       shown.data);
	case EACCES:
	case EPERM:
		err_set(err, ERR_CANNOT_RUN, "cannot execute '%s': permission denied", shown.data);
		return err_hint(err, "The file must be executable for the user of the container.");
	default:
		err_sys(err, errno_value, "cannot run '%s'", shown.data);
		err->kind = ERR_CANNOT_RUN;
		return -1;
	}
}

char *program_find(const char *name, const char *path, struct err *err)
{
	cleanup_strv struct strv dirs = STRV_INIT;
	cleanup_strbuf struct strbuf shown = STRBUF_INIT;
	cleanup_free char *denied = NULL;
	int denied_errno = 0;

	if (strchr(name, '/') != NULL) {
		int r = look(name);

		if (r == 0)
			return xstrdup(name);
		cannot_run(name, r, err);
		return NULL;
	}

	strv_split(&dirs, str_is_empty(path) ? DEFAULT_PATH : path, ':');
	for (size_t i = 0; i < dirs.count && *name != '\0'; i++) {
		const char *dir = dirs.items[i];
		cleanup_free char *file = xasprintf("%s/%s", *dir != '\0' ? dir : ".", name);
		int r = look(file);

		if (r == 0)
			return TAKE_PTR(file);
		if ((r == EACCES || r == EISDIR) && denied == NULL) {
			denied = TAKE_PTR(file);
			denied_errno = r;
		}
	}
	/* a directory of that name does not count, as in every shell */
	if (denied != NULL && denied_errno == EACCES) {
		cannot_run(denied, denied_errno, err);
		return NULL;
	}
	strbuf_add_escaped(&shown, name);
	err_set(err, ERR_NO_COMMAND,
		"cannot run '%s': executable file not found in the container's PATH", shown.data);
	return NULL;
}

int program_exec_failed(const char *file, int errno_value, struct err *err)
{
	struct stat st;

	/* the file is there: what is missing is what the kernel needs to start it */
	if (errno_value == ENOENT && stat(file, &st) == 0) {
		err_set(err, ERR_NO_COMMAND,
			"cannot run '%s': its interpreter is missing in the image", file);
		return err_hint(
			err, "A script needs the program of its first line, a dynamic program its "
			     "loader; they must be in the image.");
	}
	if (errno_value == ENOEXEC) {
		err_set(err, ERR_CANNOT_RUN, "cannot run '%s': exec format error", file);
		return err_hint(
			err, "The file is for another processor, or a script without '#!' line.");
	}
	return cannot_run(file, errno_value, err);
}
