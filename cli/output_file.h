/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/output_file.h - where export, save and the like write an archive: --output FILE, or stdout
 */
#ifndef CLI_OUTPUT_FILE_H
#define CLI_OUTPUT_FILE_H

struct err;

struct output_file {
	int fd;
	const char *path; /* NULL: stdout. Borrowed */
};
/** Open it, new. Binary bytes are not for a terminal: ERR_USAGE. "/dev/stdout" is a path like any other. */
int output_file_open(const char *path, struct output_file *ret_file, struct err *err);
/** Close; a failed one is removed, unless it is no regular file. */
int output_file_close(struct output_file *file, int failed, struct err *err);

struct digest;
/** What --digestfile asks for. */
int output_file_digest(const char *path, const struct digest *digest, struct err *err);

#endif
