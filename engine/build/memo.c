/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/memo.c - digests of files of a context that were read once
 *
 * cache/build/files-HEX, one file for each context directory, named by its device and inode: a header and an array of entries. An
 * entry holds as long as device, inode, size, mode and both times of the file are what they were. A file that was changed just before
 * it was read is not remembered: it could change once more within the same tick of the clock. A damaged memo is as good as none.
 */
#include "engine/build/source.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/record.h"
#include "base/strbuf.h"
#include "storage/store.h"

#include <string.h>
#include <unistd.h>

#define MEMO_MAGIC    "dhow-files-1\n\0\0"
#define MEMO_DIR      "cache/build"
#define MEMO_LIMIT    (256U << 20)
#define RACY_NS	      INT64_C(20000000) /* more than a tick of the kernel's coarse clock */
#define ENTRIES_START 1024

struct memo_entry {
	uint64_t dev, ino, size;
	int64_t mtime_ns, ctime_ns;
	unsigned char digest[32];
	uint64_t used; /* 0: a free place of the table */
};

struct memo_header {
	char magic[16];
	uint64_t count;
	uint32_t crc, unused;
};

struct file_memo {
	int dir_fd;
	char *name;
	struct memo_entry *slots; /* open addressing */
	size_t size, count;
	bool changed;
};

static int64_t stamp(const struct timespec *time)
{
	return (int64_t)time->tv_sec * INT64_C(1000000000) + time->tv_nsec;
}

static struct memo_entry *slot(struct file_memo *memo, uint64_t dev, uint64_t ino)
{
	size_t at = (size_t)((ino * UINT64_C(0x9e3779b97f4a7c15)) ^ dev) & (memo->size - 1);

	while (memo->slots[at].used && (memo->slots[at].ino != ino || memo->slots[at].dev != dev))
		at = (at + 1) & (memo->size - 1);
	return &memo->slots[at];
}

static void resize(struct file_memo *memo, size_t size)
{
	struct memo_entry *old = memo->slots;
	size_t old_size = memo->size;

	memo->slots = xcalloc(size, sizeof(*memo->slots));
	memo->size = size;
	for (size_t i = 0; i < old_size; i++)
		if (old[i].used)
			*slot(memo, old[i].dev, old[i].ino) = old[i];
	free(old);
}

static void load(struct file_memo *memo)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct memo_header header;
	size_t size = ENTRIES_START;

	if (fd_read_file(memo->dir_fd, memo->name, &text, MEMO_LIMIT) < 0 ||
	    text.length < sizeof(header)) {
		resize(memo, size);
		return;
	}
	memcpy(&header, text.data, sizeof(header));
	const char *body = text.data + sizeof(header);
	size_t body_length = text.length - sizeof(header);

	if (memcmp(header.magic, MEMO_MAGIC, sizeof(header.magic)) != 0 ||
	    header.count != body_length / sizeof(struct memo_entry) ||
	    body_length % sizeof(struct memo_entry) != 0 ||
	    crc32_ieee(body, body_length) != header.crc)
		header.count = 0;
	while (size < header.count * 2)
		size *= 2;
	resize(memo, size);
	for (size_t i = 0; i < header.count; i++) {
		struct memo_entry entry;

		memcpy(&entry, body + i * sizeof(entry), sizeof(entry));
		entry.used = 1;
		*slot(memo, entry.dev, entry.ino) = entry;
		memo->count++;
	}
}

struct file_memo *file_memo_open(struct store *store, int root_fd)
{
	struct err ignored = { 0 }; /* all is read again then */
	struct file_memo *memo;
	struct stat st;
	int dir_fd = store_open_dir(store, MEMO_DIR, true, &ignored);

	if (dir_fd < 0 || fstat(root_fd, &st) < 0) {
		fd_close(&dir_fd);
		return NULL;
	}
	memo = xcalloc(1, sizeof(*memo));
	memo->dir_fd = dir_fd;
	memo->name = xasprintf("files-%llx-%llx", (unsigned long long)st.st_dev,
			       (unsigned long long)st.st_ino);
	load(memo);
	return memo;
}

void file_memo_close(struct file_memo *memo)
{
	if (memo == NULL)
		return;
	if (memo->changed) {
		cleanup_strbuf struct strbuf text = STRBUF_INIT;
		struct memo_header header = { .magic = MEMO_MAGIC, .count = memo->count };
		struct err ignored = { 0 };

		strbuf_add(&text, &header, sizeof(header));
		for (size_t i = 0; i < memo->size; i++)
			if (memo->slots[i].used)
				strbuf_add(&text, &memo->slots[i], sizeof(memo->slots[i]));
		header.crc = crc32_ieee(text.data + sizeof(header), text.length - sizeof(header));
		memcpy(text.data, &header, sizeof(header));
		record_publish_raw(memo->dir_fd, memo->name, text.data, text.length, 0600, 0,
				   &ignored);
	}
	fd_close(&memo->dir_fd);
	free(memo->name);
	free(memo->slots);
	free(memo);
}

bool file_memo_find(struct file_memo *memo, const struct stat *st, unsigned char ret_digest[32])
{
	const struct memo_entry *entry = slot(memo, st->st_dev, st->st_ino);

	if (!entry->used || entry->size != (uint64_t)st->st_size ||
	    entry->mtime_ns != stamp(&st->st_mtim) || entry->ctime_ns != stamp(&st->st_ctim))
		return false;
	memcpy(ret_digest, entry->digest, sizeof(entry->digest));
	return true;
}

void file_memo_add(struct file_memo *memo, const struct stat *st, const unsigned char digest[32])
{
	int64_t ctime_ns = stamp(&st->st_ctim);

	if (time_now_ns() - ctime_ns < RACY_NS)
		return;
	if (memo->count * 2 >= memo->size)
		resize(memo, memo->size * 2);
	struct memo_entry *entry = slot(memo, st->st_dev, st->st_ino);

	if (!entry->used)
		memo->count++;
	*entry = (struct memo_entry){ .dev = st->st_dev,
				      .ino = st->st_ino,
				      .size = (uint64_t)st->st_size,
				      .mtime_ns = stamp(&st->st_mtim),
				      .ctime_ns = ctime_ns,
				      .used = 1 };
	memcpy(entry->digest, digest, sizeof(entry->digest));
	memo->changed = true;
}
