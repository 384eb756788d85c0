/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/record.h - small files that are whole or not there (R27), and know it
 *
 * A record is a text: one header line, then the body, which is JSON for all records that more than one program reads.
 *
 *	dhow-record KIND VERSION LENGTH CRC32
 *	{...}
 *
 * KIND is a word, VERSION and LENGTH (of the body in bytes) are decimal, CRC32 (IEEE, of the body) is 8 lower case
 * hexadecimal digits. Publishing is: write into O_TMPFILE or a fresh O_EXCL name in the same directory, sync when durable,
 * link or rename, sync the directory when durable. Readers take no lock and see the old record or the new one.
 * A crash may leave a name that starts with ".tmp-" in the directory: whoever lists it skips such names, and removes them.
 * A record that does not parse is ERR_CORRUPT: the caller lists the object as damaged and goes on with the others (P7).
 */
#ifndef BASE_RECORD_H
#define BASE_RECORD_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct err;
struct strbuf;

#define RECORD_LIMIT_BYTES (16U << 20)

enum record_flags {
	RECORD_DURABLE = 1 << 0, /* success means that it survives a power cut */
	RECORD_EXCLUSIVE =
		1 << 1, /* fail with ERR_EXISTS when the name is there: exactly one winner */
};

/** Publish body under name in dir_fd. */
int record_write(int dir_fd, const char *name, const char *kind, unsigned version, const void *body,
		 size_t length, unsigned flags, struct err *err);
int record_write_json(int dir_fd, const char *name, const char *kind, unsigned version,
		      const json_t *body, unsigned flags, struct err *err);
/**
 * Read and check. 1 found, 0 there is no such file, -1 failed (ERR_CORRUPT: damaged, of another kind or a newer version).
 * @param max_version  the newest version that the caller understands
 * @param body         replaced by the body
 * @param ret_version  or NULL
 */
int record_read(int dir_fd, const char *name, const char *kind, unsigned max_version,
		struct strbuf *body, unsigned *ret_version, struct err *err);
int record_read_json(int dir_fd, const char *name, const char *kind, unsigned max_version,
		     json_t **ret_body, struct err *err);
/**
 * Check a text that was read from a file of this name, and leave only the body in it. 0, or -1 with ERR_CORRUPT; then the
 * text is of no use any more.
 */
int record_check(struct strbuf *text, const char *name, const char *kind, unsigned max_version,
		 unsigned *ret_version, struct err *err);
/** Header and body as one text, for programs that write records with bare hands (the monitor). */
void record_format(struct strbuf *out, const char *kind, unsigned version, const void *body,
		   size_t length);
/** A file that is no record (it has a format of its own), published in the same way. */
int record_publish_raw(int dir_fd, const char *name, const void *data, size_t length, mode_t mode,
		       unsigned flags, struct err *err);
/**
 * Remove the names that writers left in dir_fd when they were killed (no reader looks at them). The caller holds the lock that all
 * writers of this directory hold. Quiet: what cannot be removed stays.
 */
void record_sweep(int dir_fd);
uint32_t crc32_ieee(const void *data, size_t length);

#endif
