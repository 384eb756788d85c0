/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/staging.c - work in progress below tmp/, published by one rename
 *
 * A staging directory is named KIND-RANDOM; its maker holds the lock of slot RANDOM of tmp/lock before the directory is made,
 * and until it is published or removed. So an entry whose slot is free was left by a process that died.
 *
 * Collection must not delay a command: it costs three system calls when tmp/ is empty. Otherwise a grandchild removes
 * the entries, and the command waits 20 ms for it: usually that is enough and nothing is left when the command begins.
 */
#include "storage/staging.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/kernel.h"
#include "base/path.h"
#include "base/strv.h"
#include "storage/image_private.h"
#include "storage/slot_lock.h"
#include "storage/store.h"

#define COLLECT_WAIT_MS 20
/* something in tmp/ that is not ours: left alone for a day */
#define STRANGER_KEEP_S (24 * 3600)
#define SLOT_DIGITS	16
#define LOCK_FILE	"lock"
#define TMP_NAME_MAX	sizeof(((struct staging *)0)->name)

static uint64_t random_slot(void)
{
	uint64_t slot;

	while (getrandom(&slot, sizeof(slot), 0) != (ssize_t)sizeof(slot)) {
		if (errno != EINTR)
			BUG("the kernel has no random bytes");
	}
	return slot & 0x3fffffffffffffffULL;
}

/* The number behind the last '-'. */
static bool slot_of_name(const char *name, uint64_t *ret_slot)
{
	const char *digits = strrchr(name, '-');

	if (digits == NULL || strlen(++digits) != SLOT_DIGITS ||
	    strspn(digits, "0123456789abcdef") != SLOT_DIGITS)
		return false;
	*ret_slot = strtoull(digits, NULL, 16);
	return true;
}

/*
 * True when entry name of tmp/ was abandoned. lock_fd is opened when it is needed first.
 */
static bool is_abandoned(int tmp_fd, int *lock_fd, const char *name)
{
	struct stat st;
	uint64_t slot;
	time_t keep_s = str_after(name, "blob-") != NULL ? PARTIAL_KEEP_S : STRANGER_KEEP_S;

	if (slot_of_name(name, &slot)) {
		if (*lock_fd < 0)
			*lock_fd = slot_lock_open(tmp_fd, LOCK_FILE);
		return *lock_fd >= 0 && !slot_lock_is_held(*lock_fd, slot);
	}
	if (fstatat(tmp_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	return st.st_mtime + keep_s < time(NULL);
}

/* Names of abandoned entries. 0 or -errno. */
static int find_abandoned(int tmp_fd, struct strv *names)
{
	cleanup_fd int lock_fd = -1;
	_Alignas(struct dirent64) char buf[8192];
	ssize_t size;

	while ((size = getdents64(tmp_fd, buf, sizeof(buf))) > 0) {
		for (ssize_t at = 0; at < size;) {
			const struct dirent64 *entry = (const struct dirent64 *)(buf + at);

			at += entry->d_reclen;
			if (str_equal(entry->d_name, ".") || str_equal(entry->d_name, "..") ||
			    str_equal(entry->d_name, LOCK_FILE))
				continue;
			if (is_abandoned(tmp_fd, &lock_fd, entry->d_name))
				strv_add(names, entry->d_name);
		}
	}
	return size < 0 ? -errno : 0;
}

static void remove_abandoned(struct store *store, int tmp_fd, const struct strv *names)
{
	cleanup_fd int lock_fd = slot_lock_open(tmp_fd, LOCK_FILE);

	if (lock_fd < 0)
		return;
	for (size_t i = 0; i < names->count; i++) {
		struct err ignored; /* the next command tries again */
		uint64_t slot;

		/* two collectors at once: the second leaves it to the first */
		if (slot_of_name(names->items[i], &slot) &&
		    slot_lock_take(lock_fd, slot, false) < 0)
			continue;
		if (str_after(names->items[i], IMAGE_REMOVAL_KIND "-") != NULL)
			image_finish_removal(store, tmp_fd, names->items[i]);
		if (store_remove_tree(store, tmp_fd, names->items[i], &ignored) < 0)
			debug("%s, ignoring", ignored.msg);
	}
}

/* Move fd to the number wanted, so that everything above can be closed. */
static void place_fd(int *fd, int wanted)
{
	if (*fd >= 0 && dup3(*fd, wanted, O_CLOEXEC) >= 0)
		*fd = wanted;
}

/* The grandchild: holds nothing of the command but what it needs, and the pipe that tells of its end. */
static void collect_in_background(struct store *store, int tmp_fd, int pipe_fd,
				  const struct strv *names)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	/* above all of them, so that no target overwrites a source */
	int base = 3;

	for (size_t i = 0; i < 4; i++) {
		const int fds[] = { tmp_fd, pipe_fd, store->root_fd, store->run_fd };

		if (fds[i] >= base)
			base = fds[i] + 1;
	}
	place_fd(&tmp_fd, base);
	place_fd(&pipe_fd, base + 1);
	place_fd(&store->root_fd, base + 2);
	place_fd(&store->run_fd, base + 3);
	if (null_fd >= 0) {
		dup2(null_fd, 0);
		dup2(null_fd, 1);
		dup2(null_fd, 2);
	}
	sys_close_range(3, (unsigned)base - 1, 0);
	sys_close_range((unsigned)base + 4, ~0U, 0);
	setsid();
	remove_abandoned(store, tmp_fd, names);
	_exit(0);
}

static void start_collector(struct store *store, int tmp_fd, const struct strv *names)
{
	cleanup_fd int read_fd = -1;
	cleanup_fd int write_fd = -1;
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return;
	read_fd = ends[0];
	write_fd = ends[1];

	pid = fork();
	if (pid < 0)
		return;
	if (pid == 0) {
		if (fork() == 0)
			collect_in_background(store, tmp_fd, write_fd, names);
		_exit(0);
	}
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	fd_close(&write_fd);
	fd_wait_readable(read_fd, COLLECT_WAIT_MS);
}

int staging_collect(struct store *store)
{
	cleanup_fd int tmp_fd =
		openat(store->root_fd, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	cleanup_strv struct strv names = STRV_INIT;

	if (tmp_fd < 0)
		return -errno;
	if (find_abandoned(tmp_fd, &names) == 0 && names.count > 0)
		start_collector(store, tmp_fd, &names);
	return 0;
}

/* Open tmp/ and its lock file. 0 or -1. */
static int open_tmp(struct store *store, int *ret_tmp_fd, int *ret_lock_fd, struct err *err)
{
	cleanup_fd int tmp_fd = store_open_dir(store, "tmp", true, err);
	int lock_fd;

	if (tmp_fd < 0)
		return -1;
	lock_fd = slot_lock_open(tmp_fd, LOCK_FILE);
	if (lock_fd < 0)
		return err_sys(err, -lock_fd, "cannot open lock file '%s/tmp/%s'", store->root_path,
			       LOCK_FILE);
	*ret_tmp_fd = TAKE_FD(tmp_fd);
	*ret_lock_fd = lock_fd;
	return 0;
}

/* A name for tmp/ whose slot is locked by us. */
static int lock_new_name(int lock_fd, const char *kind, char name[TMP_NAME_MAX], struct err *err)
{
	uint64_t slot;
	int status;

	do {
		slot = random_slot();
		status = slot_lock_take(lock_fd, slot, false);
	} while (status == -EAGAIN);
	if (status < 0)
		return err_sys(err, -status, "cannot take a lock in the store's directory 'tmp'");
	snprintf(name, TMP_NAME_MAX, "%.20s-%016" PRIx64, kind, slot);
	return 0;
}

int staging_new(struct store *store, const char *kind, struct staging *ret_staging, struct err *err)
{
	struct staging staging = STAGING_INIT;
	cleanup_fd int tmp_fd = -1;
	cleanup_fd int lock_fd = -1;

	if (open_tmp(store, &tmp_fd, &lock_fd, err) < 0 ||
	    lock_new_name(lock_fd, kind, staging.name, err) < 0)
		return -1;
	if (mkdirat(tmp_fd, staging.name, 0700) < 0)
		return err_sys(err, errno, "cannot make directory '%s/tmp/%s'", store->root_path,
			       staging.name);
	staging.dir_fd =
		openat(tmp_fd, staging.name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (staging.dir_fd < 0) {
		err_sys(err, errno, "cannot open directory '%s/tmp/%s'", store->root_path,
			staging.name);
		unlinkat(tmp_fd, staging.name, AT_REMOVEDIR);
		return -1;
	}
	staging.lock_fd = TAKE_FD(lock_fd);
	*ret_staging = staging;
	return 0;
}

static void staging_close(struct staging *staging)
{
	fd_close(&staging->dir_fd);
	fd_close(&staging->lock_fd);
	staging->name[0] = '\0';
}

int staging_publish(struct store *store, struct staging *staging, int to_dir_fd, const char *name,
		    bool durable, struct err *err)
{
	cleanup_fd int tmp_fd = store_open_dir(store, "tmp", false, err);
	int status;

	if (tmp_fd < 0)
		return -1;
	if (durable && syncfs(staging->dir_fd) < 0)
		return err_sys(err, errno, "cannot write '%s' to the disk", name);

	status = renameat2(tmp_fd, staging->name, to_dir_fd, name, RENAME_NOREPLACE);
	/* a directory does not replace one that has entries, so the plain call is nearly as good */
	if (status < 0 && errno == EINVAL)
		status = renameat(tmp_fd, staging->name, to_dir_fd, name);
	if (status < 0 && (errno == EEXIST || errno == ENOTEMPTY))
		return err_set(err, ERR_EXISTS, "'%s' exists already", name);
	if (status < 0)
		return err_sys(err, errno, "cannot move '%s' to its place", name);
	if (durable && fsync(to_dir_fd) < 0)
		return err_sys(err, errno, "cannot sync the directory of '%s'", name);
	staging_close(staging);
	return 0;
}

void staging_discard(struct store *store, struct staging *staging)
{
	struct err ignored; /* what stays is collected later: nobody holds its lock */
	cleanup_fd int tmp_fd = -1;

	if (staging->name[0] == '\0')
		return;
	tmp_fd = store_open_dir(store, "tmp", false, &ignored);
	if (tmp_fd >= 0 && store_remove_tree(store, tmp_fd, staging->name, &ignored) < 0)
		debug("%s, ignoring", ignored.msg);
	staging_close(staging);
}

int removal_begin(struct store *store, struct removal *ret_removal, struct err *err)
{
	struct removal removal = REMOVAL_INIT;

	if (open_tmp(store, &removal.tmp_fd, &removal.lock_fd, err) < 0)
		return -1;
	*ret_removal = removal;
	return 0;
}

int removal_take(struct removal *removal, const char *kind, int dir_fd, const char *name,
		 struct err *err)
{
	char tmp_name[TMP_NAME_MAX];

	if (lock_new_name(removal->lock_fd, kind, tmp_name, err) < 0)
		return -1;
	if (renameat(dir_fd, name, removal->tmp_fd, tmp_name) < 0) {
		if (errno == ENOENT)
			return 0;
		return err_sys(err, errno, "cannot remove '%s'", name);
	}
	strv_add(&removal->names, tmp_name);
	return 1;
}

/* In the user namespace: the names that the user alone could not delete. */
static int delete_inside(void *arg, struct err *err)
{
	const struct removal *removal = arg;
	int status = 0;

	for (size_t i = 0; i < removal->names.count; i++) {
		int one = path_remove_tree(removal->tmp_fd, removal->names.items[i]);

		if (status == 0)
			status = one;
	}
	return status < 0 ? err_sys(err, -status, "cannot delete what was removed") : 0;
}

/* True when the user alone could delete all; else what is left is in names. */
static bool delete_as_user(struct removal *removal)
{
	bool all = true;

	for (size_t i = 0; i < removal->names.count;) {
		if (path_remove_tree(removal->tmp_fd, removal->names.items[i]) == 0) {
			strv_remove(&removal->names, i);
			continue;
		}
		all = false;
		i++;
	}
	return all;
}

void removal_finish(struct store *store, struct removal *removal)
{
	struct err ignored; /* nobody holds the locks any more: the next command collects it */
	const struct idmaps *maps;

	/* one namespace for all layers of an image */
	if (!delete_as_user(removal) && !userns_is_inside() &&
	    (store_idmaps(store, &maps, &ignored) < 0 ||
	     userns_run(maps, delete_inside, removal, &ignored) < 0))
		debug("%s, ignoring", ignored.msg);
	strv_release(&removal->names);
	fd_close(&removal->tmp_fd);
	fd_close(&removal->lock_fd);
}

int store_remove_entry(struct store *store, int dir_fd, const char *name, struct err *err)
{
	struct removal removal = REMOVAL_INIT;
	int taken;

	if (removal_begin(store, &removal, err) < 0)
		return -1;
	taken = removal_take(&removal, "rm", dir_fd, name, err);
	removal_finish(store, &removal);
	return taken;
}
