/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/untar.h - unpack an archive from outside in the sandbox of libexec/dhow/transfer (private to engine; R14)
 */
#ifndef ENGINE_IMAGE_UNTAR_H
#define ENGINE_IMAGE_UNTAR_H

#include "engine/engine.h"

struct untar_request {
	int archive_fd;	  /* tar, plain or compressed, from where it stands */
	int64_t uid, gid; /* all belongs to them; -1: as in the archive */
	bool replace_kind; /* a directory may be replaced by something else, and the other way round */
	bool private_files; /* all belongs to the user, and only he can read it */
};

/**
 * Unpack into the directory that somebody sends over control_fd's other end with untar_send(); blocks until it is done. control_fd is
 * closed.
 */
int untar_controlled(struct engine *engine, const struct untar_request *request, int control_fd,
		     struct err *err);
/**
 * Say where to, in another process.
 * @param pid_fd  a user namespace, or a process that is in it and lives until control_fd is at its end: it owns what is made. -1: one with
 *                the store's maps
 */
int untar_send(int control_fd, int target_fd, int pid_fd, struct err *err);
/** Both for a directory of the user's own. */
int untar_into(struct engine *engine, const struct untar_request *request, int target_fd,
	       struct err *err);

#endif
