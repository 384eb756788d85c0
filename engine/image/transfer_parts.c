/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/transfer_parts.c - a layer of which only some files are fetched: the fetcher's half
 *
 * It gets the table of contents, then the parts of the blob that the supervisor's child asks for (transfer_partial.c), each to its own
 * offset in a file that is otherwise empty. Nothing is hashed here: the child does it file by file, and the unpacker hashes the whole. Any
 * trouble with it ends in an ordinary pull of the layer.
 */
#include "engine/image/transfer_fetcher.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"

/* smaller blobs are there sooner than their tables are read */
#define BLOB_BYTES_MIN (1U << 20)
/* the table may cost so much of the blob, whether it helps or not */
#define TABLE_SHARE 12

bool parts_possible(struct job *job)
{
	const struct descriptor *descriptor = job->descriptor;
	uint64_t table;

	if (!job->is_layer || job->is_whole || job->fetcher->registry == NULL ||
	    descriptor->bytes < BLOB_BYTES_MIN ||
	    !chunked_place_read(descriptor->annotations, descriptor->bytes, &job->place))
		return false;
	table = job->place.split_at + job->place.split_bytes - job->place.table_at;
	return table <= descriptor->bytes / TABLE_SHARE;
}

void parts_begin(struct job *job)
{
	job->state = JOB_TABLE;
	job->parts[0] = (struct part){
		.from = job->place.table_at,
		.bytes = job->place.split_at + job->place.split_bytes - job->place.table_at,
	};
	job->part_count = 1;
	job->part_at = 0;
	job->part_done = 0;
}

/* ---- one part -------------------------------------------------------------------------------------------------------- */

static void part_prepare(struct http_request *request)
{
	struct job *job = request->arg;
	const struct part *part = &job->parts[job->part_at];

	request->range_from = part->from + job->part_done;
	request->range_to = part->from + part->bytes;
}

static int part_begin(struct http_request *request, long status, int64_t content_length)
{
	const struct job *job = request->arg;
	uint64_t wanted = request->range_to - request->range_from;

	if (status == 206 && (content_length < 0 || (uint64_t)content_length == wanted))
		return 0;
	request->final = true;
	return err_set(&request->err, ERR_UNSUPPORTED, "registry '%s' sends no parts of blob '%s'",
		       request->registry->name, job->descriptor->digest.text);
}

/* 0 or -errno */
static int write_at(int fd, const char *data, size_t length, uint64_t at)
{
	while (length > 0) {
		ssize_t written = pwrite(fd, data, length, (off_t)at);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		data += written;
		length -= (size_t)written;
		at += (uint64_t)written;
	}
	return 0;
}

static int part_body(struct http_request *request, const void *data, size_t length)
{
	struct job *job = request->arg;
	const struct part *part = &job->parts[job->part_at];
	int status;

	if (length > part->bytes - job->part_done) {
		request->final = true;
		return err_set(&request->err, ERR_CORRUPT, "registry '%s' sends too much",
			       request->registry->name);
	}
	status = write_at(job->file_fd, data, length, part->from + job->part_done);
	if (status < 0) {
		request->final = true;
		return err_sys(&request->err, -status, "cannot write blob '%s'",
			       job->descriptor->digest.text);
	}
	job->part_done += length;
	job->hashed += length; /* for the progress only */
	return 0;
}

static void part_request(struct job *job)
{
	job->request = (struct http_request){
		.registry = job->fetcher->registry,
		.rest = xasprintf("blobs/%s", job->descriptor->digest.text),
		.prepare = part_prepare,
		.begin = part_begin,
		.body = part_body,
		.arg = job,
		.error_body = STRBUF_INIT,
	};
	job->requested = true;
	http_request_start(job->fetcher->http, &job->request);
}

/* ---- the job --------------------------------------------------------------------------------------------------------- */

int parts_planned(struct job *job, const struct work *work, struct err *err)
{
	if (job->state != JOB_PLANNING)
		return err_set(err, ERR_FAILED, "the supervisor misbehaves");
	if (work->kind == WORK_PLANNED) {
		job->state = JOB_PARTS;
		return 0;
	}
	if (job->part_count == PARTS_MAX || work->from == 0 || work->bytes == 0 ||
	    work->from > job->descriptor->bytes ||
	    work->bytes > job->descriptor->bytes - work->from)
		return err_set(err, ERR_FAILED, "the supervisor misbehaves");
	job->parts[job->part_count++] = (struct part){ work->from, work->bytes };
	return 0;
}

/* All parts are there. */
static int all_fetched(struct job *job, struct err *err)
{
	enum work_kind kind = job->state == JOB_TABLE ? WORK_TABLE : WORK_DONE;

	job->state = job->state == JOB_TABLE ? JOB_PLANNING : JOB_CLOSING;
	job->part_count = job->part_at = 0;
	return job_send(job, kind, false, err);
}

/* A request has ended: 1 the part is there, 0 the layer is to be fetched as a whole, -1 */
static int part_ended(struct job *job, struct err *err)
{
	bool good = job->request.ok && job->part_done == job->parts[job->part_at].bytes;

	if (!good && job->request.err.kind == ERR_NO_SPACE) {
		*err = job->request.err;
		return -1;
	}
	job_end_request(job);
	if (!good) {
		debug("layer '%s' does not come in parts", job->descriptor->digest.text);
		job->is_whole = true;
		job_drop(job, true);
		return 0;
	}
	event_progress("bytes", &job->descriptor->digest, "done", job->hashed);
	job->part_at++;
	job->part_done = 0;
	return 1;
}

int parts_step(struct job *job, struct err *err)
{
	if (job->requested) {
		if (job->request.state != HTTP_DONE)
			return 0;
		int status = part_ended(job, err);
		if (status <= 0)
			return status;
	}
	if (job->part_at == job->part_count)
		return all_fetched(job, err);
	part_request(job);
	return 0;
}
