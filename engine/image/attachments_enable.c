/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/attachments_enable.c - let signatures of sigstore be read in a scope, by a file of our own in registries.d
 */
#include "engine/image/registries_d.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/record.h"
#include "engine/image/registries.h"
#include "storage/image.h"

#define SYSTEM_DIR "/etc/containers/registries.d"

/* The user's directory takes the place of the system's: what that says must go on to hold. */
static int link_system_files(int dir_fd, struct err *err)
{
	DIR *dir = opendir(SYSTEM_DIR);
	struct dirent *entry = NULL;
	int status = 0;

	if (dir == NULL)
		return errno == ENOENT ? 0 : err_sys(err, errno, "cannot open '%s'", SYSTEM_DIR);
	while (status == 0 && (entry = readdir(dir)) != NULL) {
		cleanup_free char *target = xasprintf("%s/%s", SYSTEM_DIR, entry->d_name);

		if (str_ends_with(entry->d_name, ".yaml") &&
		    symlinkat(target, dir_fd, entry->d_name) < 0 && errno != EEXIST)
			status = err_sys(err, errno, "cannot take over '%s'", target);
	}
	closedir(dir);
	return status;
}

/* The directory that is written to, and whether it was there. fd */
static int open_directory(char **ret_path, struct err *err)
{
	cleanup_free char *user = user_config_path("containers/registries.d");
	bool is_new = access(user, F_OK) < 0;
	bool system = geteuid() == 0 && is_new;
	const char *path = system ? SYSTEM_DIR : user;
	cleanup_fd int fd = path_make_dirs(path, 0755);

	if (fd < 0)
		return err_sys(err, -fd, "cannot make directory '%s'", path);
	if (!system && is_new && link_system_files(fd, err) < 0)
		return -1;
	*ret_path = xstrdup(path);
	return TAKE_FD(fd);
}

int attachments_enable(const char *scope, char **ret_file, struct err *err)
{
	cleanup_signature_storage struct signature_storage storage = { 0 };
	cleanup_image_ref struct image_ref ref = { 0 };
	cleanup_free char *name =
		strchr(scope, '/') != NULL ? xstrdup(scope) : xasprintf("%s/x", scope);
	cleanup_free char *escaped = name_escape(scope);
	cleanup_free char *file = xasprintf("dhow-%s.yaml", escaped);
	cleanup_free char *text =
		xasprintf("docker:\n    \"%s\":\n        use-sigstore-attachments: true\n", scope);
	cleanup_free char *path = NULL;
	cleanup_fd int dir_fd = -1;
	struct err later;

	/* a wildcard has no image to ask for: it gets its file */
	if (*scope != '*' && image_ref_parse(name, &ref, err) < 0)
		return -1;
	if (ref.path != NULL && signature_storage_find(&ref, &storage, err) < 0)
		return -1;
	if (storage.attachments)
		return 0;
	dir_fd = open_directory(&path, err);
	if (dir_fd < 0)
		return -1;
	if (record_publish_raw(dir_fd, file, text, strlen(text), 0644, RECORD_DURABLE, err) < 0)
		return err_wrap(err, "cannot write '%s/%s'", path, file);
	signature_storage_release(&storage);
	/* another file may describe the scope already, and then ours is one too many */
	if (ref.path != NULL &&
	    (signature_storage_find(&ref, &storage, &later) < 0 || !storage.attachments)) {
		unlinkat(dir_fd, file, 0);
		err_set(err, ERR_EXISTS, "registries.d says already what holds for '%s'", scope);
		return err_hint(err, "Add 'use-sigstore-attachments: true' for it there.");
	}
	*ret_file = xasprintf("%s/%s", path, file);
	return 0;
}
