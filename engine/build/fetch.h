/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/fetch.h - archives, URLs and git repositories become files in a staging directory (private to engine/build)
 */
#ifndef ENGINE_BUILD_FETCH_H
#define ENGINE_BUILD_FETCH_H

#include <stdbool.h>

struct err;
struct engine;

/** True when the file begins as a tar does, or as something compressed that may be one. The position stays. */
bool fetch_is_archive(int fd);
/** Unpack a file into a new directory of this name: 1, 0 it is no archive after all (the directory is gone), -1. */
int fetch_unpack(struct engine *engine, int archive_fd, bool keep_owners, int parent_fd,
		 const char *name, struct err *err);
/** A git repository by its URL, as docker reads it: git://, ssh://, git@, github.com/, or http(s)://....git. */
bool fetch_is_git(const char *text);
/**
 * Fetch "URL[#REF[:SUBDIR]]" into a new directory of this name. Git runs without the user's and the repository's configuration,
 * hooks and filters; local protocols are off.
 * @param parent_path  of parent_fd, absolute
 * @param ret_subdir   yours; NULL: none was said
 */
int fetch_git(const char *url, bool keep_git_dir, int parent_fd, const char *parent_path,
	      const char *name, char **ret_subdir, struct err *err);

#endif
