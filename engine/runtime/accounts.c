/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/accounts.c - accounts for the caller, and copying the image's content to new volumes
 *
 * With keep-id, --hostuser or --passwd-entry the program should have a name: passwd and group of the image are copied to a small tmpfs,
 * the missing lines are added, and the copies are bound over the originals. The image's files stay as they are. Lines whose name or id is there
 * already are left out.
 */
#include "engine/runtime/init.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/kernel.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "engine/runtime/user.h"

#include <errno.h>
#include <sys/mount.h>
#include <sys/stat.h>

/* "name:x:ID:..." is there by name or by id */
static bool has_passwd(const char *text, const char *wanted)
{
	cleanup_free char *copy = xstrdup(text);
	cleanup_free char *wanted_copy = xstrdup(wanted);
	char *cursor = copy;
	char *wanted_cursor = wanted_copy;
	struct passwd_line line, want;

	if (!passwd_next(&wanted_cursor, &want))
		return false;
	while (passwd_next(&cursor, &line)) {
		if (str_equal(line.name, want.name) || line.uid == want.uid)
			return true;
	}
	return false;
}

static bool has_group(const char *text, const char *wanted)
{
	cleanup_free char *copy = xstrdup(text);
	cleanup_free char *wanted_copy = xstrdup(wanted);
	char *cursor = copy;
	char *wanted_cursor = wanted_copy;
	struct group_line line, want;

	if (!group_next(&wanted_cursor, &want))
		return false;
	while (group_next(&cursor, &line)) {
		if (str_equal(line.name, want.name) || line.gid == want.gid)
			return true;
	}
	return false;
}

static bool add_line(struct strbuf *text, const char *line, bool (*has)(const char *, const char *))
{
	if (line == NULL || strchr(line, '\n') != NULL || has(text->data, line))
		return false;
	if (text->length > 0 && text->data[text->length - 1] != '\n')
		strbuf_addc(text, '\n');
	strbuf_adds(text, line);
	strbuf_addc(text, '\n');
	return true;
}

static int make_tmpfs(void)
{
	cleanup_fd int fs_fd = sys_fsopen("tmpfs", FSOPEN_CLOEXEC);

	if (fs_fd < 0 || sys_fsconfig(fs_fd, FSCONFIG_SET_STRING, "mode", "0755", 0) < 0 ||
	    sys_fsconfig(fs_fd, FSCONFIG_SET_STRING, "size", "4m", 0) < 0 ||
	    sys_fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	int fd = sys_fsmount(fs_fd, FSMOUNT_CLOEXEC,
			     MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	return fd < 0 ? -errno : fd;
}

/*
 * One tmpfs per file, whose root stays empty but for it. Only what is attached can be cloned before Linux 6.15, and a directory cannot be put
 * on a file: so the tmpfs goes onto /etc for a moment, the file is cloned, and the tmpfs taken off by moving it nowhere.
 */
static int make_file_mount(const char *name, const struct strbuf *text, int etc_fd)
{
	cleanup_fd int fs_fd = make_tmpfs();
	cleanup_fd int file_fd = -1;
	int clone_fd;
	int r;

	if (fs_fd < 0)
		return fs_fd;
	file_fd = openat(fs_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (file_fd < 0)
		return -errno;
	r = fd_write_full(file_fd, text->data, text->length);
	if (r < 0)
		return r;
	/* the umask may have been stricter */
	if (fchmod(file_fd, 0644) < 0)
		return -errno;

	clone_fd = sys_open_tree(fs_fd, name, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (clone_fd >= 0)
		return clone_fd;

	r = target_attach(fs_fd, etc_fd);
	if (r < 0)
		return r;
	clone_fd = sys_open_tree(fs_fd, name, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	r = clone_fd < 0 ? -errno : clone_fd;

	char path[PROC_FD_PATH_MAX];
	fd_proc_path(fs_fd, path);
	if (umount2(path, MNT_DETACH) < 0 && r >= 0)
		r = -errno;
	return r;
}

static int cover(struct init *init, const char *name, const struct strbuf *text, struct err *err)
{
	cleanup_free char *path = xasprintf("/etc/%s", name);
	cleanup_fd int etc_fd = path_open_in_root(init->root_fd, "/etc", O_PATH | O_DIRECTORY, 0);
	cleanup_fd int target_fd = -1;

	/* an image without /etc has no use for names */
	if (etc_fd == -ENOENT || etc_fd == -ENOTDIR)
		return 0;
	cleanup_fd int mount_fd = etc_fd < 0 ? etc_fd : make_file_mount(name, text, etc_fd);
	if (mount_fd < 0)
		return err_sys(err, -mount_fd, "cannot add accounts to '%s'", path);

	target_fd = target_open(init, path, TARGET_FILE, err);
	if (target_fd < 0)
		return -1;
	int r = target_attach(mount_fd, target_fd);
	return r < 0 ? err_sys(err, -r, "cannot add accounts to '%s'", path) : 0;
}

int accounts_apply(struct init *init, struct op *op, struct err *err)
{
	const struct runtime_extra *extra = init->plan->extra;
	cleanup_strbuf struct strbuf passwd = STRBUF_INIT;
	cleanup_strbuf struct strbuf group = STRBUF_INIT;
	bool changed;

	if (account_file_read(init->root_fd, "etc/passwd", &passwd, err) < 0 ||
	    account_file_read(init->root_fd, "etc/group", &group, err) < 0)
		return -1;

	changed = add_line(&passwd, extra->passwd_entry, has_passwd);
	for (size_t i = 0; i < extra->host_users.count; i++)
		changed |= add_line(&passwd, extra->host_users.items[i], has_passwd);
	if (changed && cover(init, "passwd", &passwd, err) < 0)
		return -1;
	if (add_line(&group, extra->group_entry, has_group))
		return cover(init, "group", &group, err);
	return 0;
}

int copy_up_apply(struct init *init, struct op *op, struct err *err)
{
	cleanup_fd int from_fd = path_open_in_root(init->root_fd, op->target, O_PATH, 0);
	struct stat st;
	int r;

	if (from_fd == -ENOENT || from_fd == -ENOTDIR)
		return 0;
	if (from_fd < 0 || fstat(from_fd, &st) < 0)
		return err_sys(err, from_fd < 0 ? -from_fd : errno, "cannot open '%s' of the image",
			       op->target);
	if (!S_ISDIR(st.st_mode))
		return 0;

	r = copy_up_tree(from_fd, op->data_fd);
	if (r < 0)
		return err_sys(err, -r, "cannot copy '%s' of the image to its new volume",
			       op->target);
	return 0;
}
