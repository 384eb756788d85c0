/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/tar_write.c - tar headers and content
 *
 * An entry is up to four parts: a pax header block and its records when ustar has no room for a value, the ustar header block,
 * the content, zeros up to a multiple of 512. All goes through one buffer, so that the sink sees large pieces.
 */
#include "storage/tar_write.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/strbuf.h"

#define BLOCK	     512
#define BUFFER_BYTES (256U << 10)
#define PAX_NAME     "PaxHeaders.0/pax"
/* what octal digits can hold: 7 and 11 of them */
#define OCTAL_7	 07777777ULL
#define OCTAL_11 077777777777ULL

/* POSIX.1-2018, pax: ustar header block. Numbers are octal text that ends in NUL. */
struct ustar {
	char name[100];
	char mode[8];
	char uid[8];
	char gid[8];
	char size[12];
	char mtime[12];
	char checksum[8];
	char type;
	char link[100];
	char magic[6];
	char version[2];
	char user[32];
	char group[32];
	char major[8];
	char minor[8];
	char prefix[155];
	char unused[12];
};
_Static_assert(sizeof(struct ustar) == BLOCK, "a header is one block");

struct tar_writer {
	tar_sink *sink;
	void *context;
	unsigned char *buffer;
	size_t used;
	uint64_t bytes;
};

int tar_sink_fd(void *context, const void *data, size_t size, struct err *err)
{
	int r = fd_write_full(*(const int *)context, data, size);

	return r < 0 ? err_sys(err, -r, "cannot write tar") : 0;
}

struct tar_writer *tar_writer_new(tar_sink *sink, void *context)
{
	struct tar_writer *writer = xcalloc(1, sizeof(*writer));

	writer->sink = sink;
	writer->context = context;
	writer->buffer = xmalloc(BUFFER_BYTES);
	return writer;
}

void tar_writer_free(struct tar_writer *writer)
{
	if (writer == NULL)
		return;
	free(writer->buffer);
	free(writer);
}

uint64_t tar_writer_bytes(const struct tar_writer *writer)
{
	return writer->bytes;
}

/* --- bytes --- */

static int flush(struct tar_writer *writer, struct err *err)
{
	size_t used = writer->used;

	writer->used = 0;
	return used > 0 ? writer->sink(writer->context, writer->buffer, used, err) : 0;
}

/* Room in the buffer, at least one byte. */
static int room(struct tar_writer *writer, size_t *ret_room, struct err *err)
{
	if (writer->used == BUFFER_BYTES && flush(writer, err) < 0)
		return -1;
	*ret_room = BUFFER_BYTES - writer->used;
	return 0;
}

static void advance(struct tar_writer *writer, size_t bytes)
{
	writer->used += bytes;
	writer->bytes += bytes;
}

static int put(struct tar_writer *writer, const void *data, size_t size, struct err *err)
{
	while (size > 0) {
		size_t part;
		if (room(writer, &part, err) < 0)
			return -1;
		if (part > size)
			part = size;
		memcpy(writer->buffer + writer->used, data, part);
		advance(writer, part);
		data = (const char *)data + part;
		size -= part;
	}
	return 0;
}

static int put_zeros(struct tar_writer *writer, uint64_t size, struct err *err)
{
	while (size > 0) {
		size_t part;
		if (room(writer, &part, err) < 0)
			return -1;
		if (part > size)
			part = (size_t)size;
		memset(writer->buffer + writer->used, 0, part);
		advance(writer, part);
		size -= part;
	}
	return 0;
}

static int pad(struct tar_writer *writer, struct err *err)
{
	return put_zeros(writer, (BLOCK - writer->bytes % BLOCK) % BLOCK, err);
}

int tar_writer_finish(struct tar_writer *writer, struct err *err)
{
	if (put_zeros(writer, 2 * BLOCK, err) < 0)
		return -1;
	return flush(writer, err);
}

/* --- headers --- */

/* A value that does not fit is in a pax record, and the field says 0. */
static void set_octal(char *field, size_t size, uint64_t value)
{
	char text[16];

	snprintf(text, sizeof(text), "%0*llo", (int)size - 1, (unsigned long long)value);
	memcpy(field, text, size);
}

static void set_text(char *field, size_t size, const char *text)
{
	size_t length = strlen(text);

	memcpy(field, text, length < size ? length : size);
}

static int put_header(struct tar_writer *writer, char type, const char *name, const char *link,
		      const struct tar_item *item, uint64_t size, struct err *err)
{
	struct ustar header = { .type = type };
	unsigned sum = 0;
	uint64_t mtime = item->mtime_s < 0 ? 0 : (uint64_t)item->mtime_s;

	set_text(header.name, sizeof(header.name), name);
	set_octal(header.mode, sizeof(header.mode), item->mode & 07777);
	set_octal(header.uid, sizeof(header.uid), item->uid > OCTAL_7 ? 0 : item->uid);
	set_octal(header.gid, sizeof(header.gid), item->gid > OCTAL_7 ? 0 : item->gid);
	set_octal(header.size, sizeof(header.size), size > OCTAL_11 ? 0 : size);
	set_octal(header.mtime, sizeof(header.mtime), mtime > OCTAL_11 ? 0 : mtime);
	set_text(header.link, sizeof(header.link), link);
	memcpy(header.magic, "ustar", sizeof(header.magic));
	memcpy(header.version, "00", sizeof(header.version));
	set_octal(header.major, sizeof(header.major), 0);
	set_octal(header.minor, sizeof(header.minor), 0);

	/* the sum is taken with blanks in its own place */
	memset(header.checksum, ' ', sizeof(header.checksum));
	for (size_t i = 0; i < sizeof(header); i++)
		sum += ((const unsigned char *)&header)[i];
	set_octal(header.checksum, sizeof(header.checksum) - 1, sum);
	return put(writer, &header, sizeof(header), err);
}

static size_t digits_of(size_t value)
{
	size_t digits = 1;

	for (; value >= 10; value /= 10)
		digits++;
	return digits;
}

/* "LENGTH KEY=VALUE\n"; LENGTH counts itself. */
static void add_record(struct strbuf *records, const char *key, const char *more_key,
		       const void *value, size_t size)
{
	size_t rest = 1 + strlen(key) + strlen(more_key) + 1 + size + 1;
	size_t length = rest + digits_of(rest);

	if (digits_of(length) != digits_of(rest))
		length = rest + digits_of(length);
	strbuf_addf(records, "%zu %s%s=", length, key, more_key);
	strbuf_add(records, value, size);
	strbuf_addc(records, '\n');
}

static void add_text(struct strbuf *records, const char *key, const char *value)
{
	add_record(records, key, "", value, strlen(value));
}

static void add_number(struct strbuf *records, const char *key, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)value);
	add_text(records, key, text);
}

static bool is_utf8(const char *text)
{
	while (*text) {
		size_t length = utf8_sequence(text);
		if (length == 0)
			return false;
		text += length;
	}
	return true;
}

static void make_records(struct strbuf *records, const char *name, const char *link,
			 const struct tar_item *item, uint64_t size)
{
	bool long_name = strlen(name) > sizeof(((struct ustar *)0)->name);
	bool long_link = strlen(link) > sizeof(((struct ustar *)0)->link);

	/* pax text is UTF-8 unless it says that it is just bytes */
	if ((long_name && !is_utf8(name)) || (long_link && !is_utf8(link)))
		add_text(records, "hdrcharset", "BINARY");
	if (long_name)
		add_text(records, "path", name);
	if (long_link)
		add_text(records, "linkpath", link);
	if (size > OCTAL_11)
		add_number(records, "size", (int64_t)size);
	if (item->uid > OCTAL_7)
		add_number(records, "uid", item->uid);
	if (item->gid > OCTAL_7)
		add_number(records, "gid", item->gid);
	if (item->mtime_s < 0 || (uint64_t)item->mtime_s > OCTAL_11)
		add_number(records, "mtime", item->mtime_s);
	for (size_t i = 0; i < item->xattr_count; i++)
		add_record(records, "SCHILY.xattr.", item->xattrs[i].name, item->xattrs[i].value,
			   item->xattrs[i].size);
}

static char type_of(const struct tar_item *item)
{
	switch (item->mode & S_IFMT) {
	case S_IFREG:
		return item->link ? '1' : '0';
	case S_IFDIR:
		return '5';
	case S_IFLNK:
		return '2';
	case S_IFIFO:
		return '6';
	default:
		BUG("tar entry '%s' has mode %o", item->name, item->mode);
	}
}

/* Everything before the content. */
static int put_headers(struct tar_writer *writer, const struct tar_item *item, struct err *err)
{
	static const struct tar_item pax_item = { .mode = 0644 };
	cleanup_strbuf struct strbuf records = STRBUF_INIT;
	cleanup_free char *dir_name = NULL;
	char type = type_of(item);
	const char *name = item->name;
	const char *link = item->link ? item->link : "";
	uint64_t size = type == '0' ? item->size : 0;

	if (type == '5' && !str_ends_with(name, "/"))
		name = dir_name = xasprintf("%s/", name);
	make_records(&records, name, link, item, size);
	if (records.length > 0 &&
	    (put_header(writer, 'x', PAX_NAME, "", &pax_item, records.length, err) < 0 ||
	     put(writer, records.data, records.length, err) < 0 || pad(writer, err) < 0))
		return -1;
	return put_header(writer, type, name, link, item, size, err);
}

int tar_writer_add_data(struct tar_writer *writer, const struct tar_item *item, const void *data,
			struct err *err)
{
	if (put_headers(writer, item, err) < 0)
		return -1;
	if (data == NULL)
		return 0;
	return put(writer, data, item->size, err) < 0 ? -1 : pad(writer, err);
}

/* --- content of files --- */

/* Bytes from the present position; how many there were, or -1. */
static int64_t put_from(struct tar_writer *writer, int fd, uint64_t size, const char *name,
			struct err *err)
{
	uint64_t done = 0;

	while (done < size) {
		size_t part;
		if (room(writer, &part, err) < 0)
			return -1;
		if (part > size - done)
			part = (size_t)(size - done);
		ssize_t got = read(fd, writer->buffer + writer->used, part);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_sys(err, errno, "cannot read '%s' for tar", name);
		if (got == 0)
			break;
		advance(writer, (size_t)got);
		done += (uint64_t)got;
	}
	return (int64_t)done;
}

int tar_writer_add_fd(struct tar_writer *writer, const struct tar_item *item, int fd,
		      struct err *err)
{
	uint64_t at = 0;

	if (put_headers(writer, item, err) < 0)
		return -1;
	while (at < item->size) {
		uint64_t data = at;
		uint64_t end = item->size;

		/* what fits into the buffer is not worth to look for holes */
		if (item->size > BUFFER_BYTES) {
			off_t found = lseek(fd, (off_t)at, SEEK_DATA);
			if (found < 0 && errno == ENXIO)
				break; /* nothing but a hole up to the end */
			data = found < 0 ? at : (uint64_t)found;
			found = lseek(fd, (off_t)data, SEEK_HOLE);
			if (found > (off_t)data)
				end = (uint64_t)found;
		}
		if (data > item->size)
			data = item->size;
		if (end > item->size)
			end = item->size;
		if (put_zeros(writer, data - at, err) < 0)
			return -1;
		if (lseek(fd, (off_t)data, SEEK_SET) < 0)
			return err_sys(err, errno, "cannot read '%s' for tar", item->name);
		int64_t got = put_from(writer, fd, end - data, item->name, err);
		if (got < 0)
			return -1;
		at = data + (uint64_t)got;
		if (at < end)
			break; /* it got shorter */
	}
	if (put_zeros(writer, item->size - at, err) < 0)
		return -1;
	return pad(writer, err);
}
