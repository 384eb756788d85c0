/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/output_file.c - the file that an archive is written to
 */
#include "cli/output_file.h"

#include "base/digest.h"
#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int output_file_open(const char *path, struct output_file *ret_file, struct err *err)
{
	*ret_file = (struct output_file){ .fd = STDOUT_FILENO, .path = path };
	if (path == NULL && isatty(STDOUT_FILENO)) {
		err_set(err, ERR_USAGE, "refusing to write an archive to a terminal");
		return err_hint(err, "Use --output FILE, or redirect stdout.");
	}
	if (path == NULL)
		return 0;
	ret_file->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	return ret_file->fd < 0 ? err_sys(err, errno, "cannot write '%s'", path) : 0;
}

int output_file_close(struct output_file *file, int failed, struct err *err)
{
	struct stat st;
	int status = 0;

	if (file->path == NULL)
		return 0;
	if (failed && fstat(file->fd, &st) == 0 && S_ISREG(st.st_mode))
		unlink(file->path);
	if (close(file->fd) < 0 && !failed)
		status = err_sys(err, errno, "cannot write '%s'", file->path);
	return status;
}

int output_file_digest(const char *path, const struct digest *digest, struct err *err)
{
	FILE *file = fopen(path, "we");
	bool failed = file == NULL || fputs(digest->text, file) < 0;

	if (file != NULL && fclose(file) != 0)
		failed = true;
	return failed ? err_sys(err, errno, "cannot write --digestfile '%s'", path) : 0;
}
