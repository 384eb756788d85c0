/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/log_reader.h - read the log of one container, across its rotated files (private to engine/container)
 *
 * Files are read oldest first: log.N ... log.1, log. At the end of the newest the reader says so and can be asked again later: it notices by the
 * inode that its file was rotated, finishes it, and goes on with the one that follows. While it reads it opens ahead what is written meanwhile, so that a reader who is
 * LOG_AHEAD_MAX files behind loses nothing, although the files have no name any more.
 */
#ifndef ENGINE_CONTAINER_LOG_READER_H
#define ENGINE_CONTAINER_LOG_READER_H

#include "base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

#define LOG_AHEAD_MAX 16

struct log_file {
	int fd;
	ino_t inode;
};

struct log_reader {
	int dir_fd; /* borrowed */
	char *name;
	bool json;
	bool is_pipe;	 /* fd is a pipe (of the journal) and not ours */
	bool caught_up;	 /* of a pipe: all that was there at the beginning has come */
	bool pipe_ended; /* nothing more comes */
	int fd;		 /* the file that is being read, -1: none yet */
	ino_t inode;
	struct log_file ahead[LOG_AHEAD_MAX]; /* those that come after it, oldest first */
	size_t ahead_count;
	char *buffer; /* [start, end) is read and not given yet */
	size_t size, start, end;
	bool skipping;	    /* in a record that is too long to be one of ours */
	bool rotated;	    /* the file has lost its name; nothing more is written to it */
	struct strbuf text; /* of a JSON record */
};

/** One record: a line, or a piece of one. */
struct log_record {
	int64_t time_ns;
	bool is_stderr, partial;
	const char *text; /* borrowed until the next call */
	size_t length;
};

/** Start with the oldest file. Nothing is opened yet. */
void log_reader_init(struct log_reader *reader, int dir_fd, const char *name, bool json);
/**
 * Read k8s-file lines from a pipe instead. Waits until the empty line has come that says that there is no more now; from then on it gives what is there.
 * @param fd  borrowed; non-blocking
 */
void log_reader_init_pipe(struct log_reader *reader, int fd);
void log_reader_release(struct log_reader *reader);
/** 1 a record, 0 there is none now, -1. Damaged records are passed over. */
int log_reader_next(struct log_reader *reader, struct log_record *ret_record, struct err *err);

/** Parse one k8s-file line without its newline: false when it is none. */
bool log_parse_k8s(const char *line, size_t length, struct log_record *ret_record);
/** Parse one json-file line; text holds the text. */
bool log_parse_json(const char *line, size_t length, struct strbuf *text,
		    struct log_record *ret_record);

#endif
