/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/tar_maker.h - tar files byte by byte, for the tests of what reads them
 *
 * Real tools refuse to make bad archives, so this one makes whatever it is told: each entry is a row, its header fields can be
 * overridden one by one, and pax records are given as they shall be.
 */
#ifndef TESTS_TAR_MAKER_H
#define TESTS_TAR_MAKER_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"

#define TAR_BLOCK 512

struct tar_row {
	const char *name;
	char type;	  /* '0' file, '1' hard link, '2' symlink, '5' directory, '6' fifo, ... */
	const char *data; /* of a file, or the target of a link */
	unsigned mode;	  /* 0: 0644, directories 0755; NO_MODE: 0 */
	uint64_t uid, gid;
	int64_t mtime;
	size_t data_size;   /* 0: strlen(data) */
	const char *pax;    /* "key=value" records, each ended by \n; a value ends there */
	const char *global; /* the same in a global header */
	long header_size;   /* -1: none; else what the header says instead of the true size */
	const char *magic;  /* 8 bytes; NULL: ustar */
	bool damaged;	    /* its checksum is wrong */
};
#define NO_MODE	  0xffffffffU
#define TRUE_SIZE 0 /* of header_size: -2 says zero */
#define SAY_ZERO  (-2)

static inline void tar_pad(struct strbuf *tar)
{
	static const char zeros[TAR_BLOCK];

	strbuf_add(tar, zeros, (TAR_BLOCK - tar->length % TAR_BLOCK) % TAR_BLOCK);
}

static inline void tar_octal(char *field, size_t size, uint64_t value)
{
	char text[32];

	/* GNU base 256 where octal digits do not suffice */
	if (size < 12 ? value >> (3 * (size - 1)) : value >> 33) {
		memset(field, 0, size);
		field[0] = (char)0x80;
		for (size_t i = 0; i < 8 && i < size - 1; i++)
			field[size - 1 - i] = (char)(value >> (8 * i));
		return;
	}
	snprintf(text, sizeof(text), "%0*llo", (int)size - 1, (unsigned long long)value);
	memcpy(field, text, size);
}

static inline void tar_header(struct strbuf *tar, const struct tar_row *row, const char *name,
			      char type, uint64_t size, const char *link)
{
	char block[TAR_BLOCK] = { 0 };
	unsigned sum = 0;

	memcpy(block, name, strlen(name) < 100 ? strlen(name) : 100);
	tar_octal(block + 100, 8,
		  row->mode == NO_MODE ? 0
		  : row->mode	       ? row->mode
		  : type == '5'	       ? 0755
				       : 0644);
	tar_octal(block + 108, 8, row->uid);
	tar_octal(block + 116, 8, row->gid);
	tar_octal(block + 124, 12, size);
	tar_octal(block + 136, 12, (uint64_t)(row->mtime ? row->mtime : 1000000000));
	block[156] = type;
	if (link)
		memcpy(block + 157, link, strlen(link) < 100 ? strlen(link) : 100);
	memcpy(block + 257, row->magic ? row->magic : "ustar\00000", 8);
	memset(block + 148, ' ', 8);
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += (unsigned char)block[i];
	snprintf(block + 148, 8, "%06o", sum + row->damaged);
	strbuf_add(tar, block, TAR_BLOCK);
}

/* "key=value\n..." as pax writes it: "LENGTH key=value\n". */
static inline void tar_pax(struct strbuf *tar, const struct tar_row *row, char type,
			   const char *records)
{
	struct strbuf body = STRBUF_INIT;

	for (const char *at = records; *at;) {
		size_t rest = strcspn(at, "\n") + 1;
		size_t length = rest + 1;
		char digits[24];

		while ((size_t)snprintf(digits, sizeof(digits), "%zu", length) + 1 + rest != length)
			length = strlen(digits) + 1 + rest;
		strbuf_addf(&body, "%zu ", length);
		strbuf_add(&body, at, rest);
		at += rest;
	}
	tar_header(tar, &(struct tar_row){ 0 }, "PaxHeaders/x", type, body.length, NULL);
	strbuf_add(tar, body.data, body.length);
	tar_pad(tar);
	strbuf_release(&body);
}

static inline void tar_add(struct strbuf *tar, const struct tar_row *row)
{
	bool is_link = row->type == '1' || row->type == '2';
	size_t size = row->data == NULL || is_link ? 0
		      : row->data_size		   ? row->data_size
						   : strlen(row->data);
	uint64_t said = row->header_size == SAY_ZERO	? 0
			: row->header_size != TRUE_SIZE ? (uint64_t)row->header_size
							: size;

	if (row->global)
		tar_pax(tar, row, 'g', row->global);
	if (row->pax)
		tar_pax(tar, row, 'x', row->pax);
	tar_header(tar, row, row->name, row->type ? row->type : '0', said,
		   is_link ? row->data : NULL);
	if (size > 0)
		strbuf_add(tar, row->data, size);
	tar_pad(tar);
}

static inline void tar_end(struct strbuf *tar)
{
	static const char zeros[2 * TAR_BLOCK];

	strbuf_add(tar, zeros, sizeof(zeros));
}

#endif
