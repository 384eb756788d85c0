/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/record.c - small files that are whole or not there (R27)
 *
 * An exclusive record is written into an unnamed file and linked to its name, which fails when the name is there. One that
 * may replace another is written under a name of its own, ".tmp-" and 16 hexadecimal digits, and renamed. A crash leaves
 * at most such a name, which no reader looks at.
 */
#include "base/record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/strbuf.h"

#define RECORD_MAGIC "dhow-record "
#define RECORD_MODE  0600

#define TMP_PREFIX ".tmp-"
/* ".tmp-0123456789abcdef" */
#define TMP_NAME_MAX 24

static void make_tmp_name(char name[TMP_NAME_MAX])
{
	uint64_t number;

	while (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number)) {
		if (errno != EINTR)
			BUG("the kernel has no random bytes");
	}
	snprintf(name, TMP_NAME_MAX, TMP_PREFIX "%016" PRIx64, number);
}

void record_sweep(int dir_fd)
{
	int list_fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = list_fd >= 0 ? fdopendir(list_fd) : NULL;
	const struct dirent *entry;

	if (dir == NULL) {
		fd_close(&list_fd);
		return;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (str_after(entry->d_name, TMP_PREFIX) != NULL)
			unlinkat(dir_fd, entry->d_name, 0);
	}
	closedir(dir);
}

/* Write everything into the new file, and sync it when durable. 0 or -errno. */
static int fill(int fd, const void *data, size_t length, mode_t mode, unsigned flags)
{
	int status = fd_write_full(fd, data, length);

	if (status < 0)
		return status;
	/* whatever the umask took away */
	if (mode != RECORD_MODE && fchmod(fd, mode) < 0)
		return -errno;
	if (flags & RECORD_DURABLE && fsync(fd) < 0)
		return -errno;
	return 0;
}

/* Give an unnamed file its name; -EEXIST when it is taken. -EOPNOTSUPP: this file system cannot do it. */
static int publish_unnamed(int dir_fd, const char *name, const void *data, size_t length,
			   mode_t mode, unsigned flags)
{
	cleanup_fd int fd = openat(dir_fd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, mode);
	char proc_path[PROC_FD_PATH_MAX];
	int status;

	if (fd < 0)
		return errno == EISDIR || errno == ENOENT || errno == EINVAL ? -EOPNOTSUPP : -errno;

	status = fill(fd, data, length, mode, flags);
	if (status < 0)
		return status;

	fd_proc_path(fd, proc_path);
	if (linkat(AT_FDCWD, proc_path, dir_fd, name, AT_SYMLINK_FOLLOW) == 0)
		return 0;
	/* without /proc the file has no path; the other way needs none */
	return errno == ENOENT || errno == EXDEV || errno == EPERM ? -EOPNOTSUPP : -errno;
}

static int publish_named(int dir_fd, const char *name, const void *data, size_t length, mode_t mode,
			 unsigned flags)
{
	char tmp_name[TMP_NAME_MAX];
	cleanup_fd int fd = -1;
	int status;

	do {
		make_tmp_name(tmp_name);
		fd = openat(dir_fd, tmp_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
			    mode);
	} while (fd < 0 && errno == EEXIST);
	if (fd < 0)
		return -errno;

	status = fill(fd, data, length, mode, flags);
	if (status < 0)
		goto undo;

	if (flags & RECORD_EXCLUSIVE) {
		if (linkat(dir_fd, tmp_name, dir_fd, name, 0) < 0)
			status = -errno;
		goto undo; /* the second name goes in any case */
	}
	if (renameat(dir_fd, tmp_name, dir_fd, name) == 0)
		return 0;
	status = -errno;
undo:
	unlinkat(dir_fd, tmp_name, 0);
	return status;
}

int record_publish_raw(int dir_fd, const char *name, const void *data, size_t length, mode_t mode,
		       unsigned flags, struct err *err)
{
	int status = -EOPNOTSUPP;

	if (flags & RECORD_EXCLUSIVE)
		status = publish_unnamed(dir_fd, name, data, length, mode, flags);
	if (status == -EOPNOTSUPP)
		status = publish_named(dir_fd, name, data, length, mode, flags);
	if (status == -EEXIST && flags & RECORD_EXCLUSIVE)
		return err_set(err, ERR_EXISTS, "'%s' exists already", name);
	if (status < 0)
		return err_sys(err, -status, "cannot write file '%s'", name);

	if (flags & RECORD_DURABLE) {
		/* dir_fd may be O_PATH, which cannot be synced */
		cleanup_fd int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (fd < 0 || fsync(fd) < 0)
			return err_sys(err, errno, "cannot sync the directory of file '%s'", name);
	}
	return 0;
}

int record_write(int dir_fd, const char *name, const char *kind, unsigned version, const void *body,
		 size_t length, unsigned flags, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	if (length > RECORD_LIMIT_BYTES)
		return err_set(err, ERR_LIMIT, "record '%s' of %zu bytes is larger than %u", name,
			       length, RECORD_LIMIT_BYTES);

	record_format(&text, kind, version, body, length);
	return record_publish_raw(dir_fd, name, text.data, text.length, RECORD_MODE, flags, err);
}

int record_write_json(int dir_fd, const char *name, const char *kind, unsigned version,
		      const json_t *body, unsigned flags, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	json_print(body, 0, &text);
	strbuf_addc(&text, '\n');
	return record_write(dir_fd, name, kind, version, text.data, text.length, flags, err);
}

/* Cut the word that *text starts with at separator, and put *text behind it; NULL when there is no separator. */
static char *take_word(char **text, char separator)
{
	char *word = *text;
	char *end = strchr(word, separator);

	if (end == NULL)
		return NULL;
	*end = '\0';
	*text = end + 1;
	return word;
}

static int parse_crc(const char *text, uint32_t *ret)
{
	uint32_t value = 0;

	if (strlen(text) != 8 || strspn(text, "0123456789abcdef") != 8)
		return -EINVAL;
	for (; *text != '\0'; text++)
		value = value << 4 | (uint32_t)(*text <= '9' ? *text - '0' : *text - 'a' + 10);
	*ret = value;
	return 0;
}

int record_check(struct strbuf *text, const char *name, const char *kind, unsigned max_version,
		 unsigned *ret_version, struct err *err)
{
	char *rest = text->data;
	char *line_end = memchr(text->data, '\n', text->length);
	size_t header_length;
	const char *found_kind;
	const char *version_text;
	const char *length_text;
	uint32_t version;
	uint32_t crc;
	uint64_t length;

	if (line_end == NULL || str_after(text->data, RECORD_MAGIC) == NULL)
		return err_set(err, ERR_CORRUPT, "record '%s' is damaged: it has no header", name);
	header_length = (size_t)(line_end - text->data) + 1;

	rest += strlen(RECORD_MAGIC);
	*line_end = '\0';
	found_kind = take_word(&rest, ' ');
	version_text = found_kind != NULL ? take_word(&rest, ' ') : NULL;
	length_text = version_text != NULL ? take_word(&rest, ' ') : NULL;
	/* a NUL within the header hides something behind the last word */
	if (length_text == NULL || rest + strlen(rest) != line_end ||
	    parse_u32(version_text, &version) < 0 || parse_u64(length_text, &length) < 0 ||
	    parse_crc(rest, &crc) < 0)
		return err_set(err, ERR_CORRUPT, "record '%s' is damaged: its header is not valid",
			       name);

	if (!str_equal(found_kind, kind)) {
		cleanup_strbuf struct strbuf escaped = STRBUF_INIT;

		strbuf_add_escaped(&escaped, found_kind);
		return err_set(err, ERR_CORRUPT, "record '%s' is of kind '%s', not '%s'", name,
			       escaped.data, kind);
	}
	if (length != text->length - header_length)
		return err_set(err, ERR_CORRUPT,
			       "record '%s' is damaged: it has %zu bytes in place of %" PRIu64,
			       name, text->length - header_length, length);
	if (crc != crc32_ieee(text->data + header_length, length))
		return err_set(err, ERR_CORRUPT, "record '%s' is damaged: its checksum is wrong",
			       name);
	if (version > max_version) {
		err_set(err, ERR_CORRUPT, "record '%s' has version %" PRIu32 ", newer than %u",
			name, version, max_version);
		return err_hint(err, "A newer dhow has written it: use that one.");
	}

	memmove(text->data, text->data + header_length, length);
	strbuf_truncate(text, length);
	*ret_version = version;
	return 0;
}

int record_read(int dir_fd, const char *name, const char *kind, unsigned max_version,
		struct strbuf *body, unsigned *ret_version, struct err *err)
{
	unsigned version;
	int status;

	strbuf_clear(body);
	/* the header has its place too */
	status = fd_read_file(dir_fd, name, body, RECORD_LIMIT_BYTES + 256);
	if (status == -ENOENT)
		return 0;
	if (status == -EISDIR || status == -EINVAL || status == -ELOOP || status == -ENXIO)
		return err_set(err, ERR_CORRUPT, "record '%s' is damaged: it is not a regular file",
			       name);
	if (status == -EFBIG)
		return err_set(err, ERR_CORRUPT,
			       "record '%s' is damaged: it is larger than %u bytes", name,
			       RECORD_LIMIT_BYTES);
	if (status < 0)
		return err_sys(err, -status, "cannot read record '%s'", name);

	if (record_check(body, name, kind, max_version, &version, err) < 0) {
		strbuf_clear(body);
		return -1;
	}
	if (ret_version != NULL)
		*ret_version = version;
	return 1;
}

int record_read_json(int dir_fd, const char *name, const char *kind, unsigned max_version,
		     json_t **ret_body, struct err *err)
{
	cleanup_strbuf struct strbuf body = STRBUF_INIT;
	cleanup_strbuf struct strbuf what = STRBUF_INIT;
	int found = record_read(dir_fd, name, kind, max_version, &body, NULL, err);
	json_t *json;

	if (found <= 0)
		return found;

	strbuf_addf(&what, "record '%s'", name);
	json = json_parse_limited(body.data, body.length, RECORD_LIMIT_BYTES, what.data, err);
	if (json == NULL)
		return -1;
	*ret_body = json;
	return 1;
}
