/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/transfer_job.c - blobs on their way: network to file, hash and unpacker
 *
 * Each byte is written to the blob's file, then hashed. The unpacker is fed from the file by sendfile() on a pipe that does
 * not block, as far as the hash has come: no copy, no buffer, and whether the bytes came a moment ago or in an earlier try makes no
 * difference. The size in the descriptor is the limit: not one byte more is written (R12).
 */
#include "engine/image/transfer_fetcher.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/json.h"
#include "storage/sha256.h"

#define SLICE_BYTES	 (1U << 20)
#define PROGRESS_EACH_MS 100
#define FLUSH_EACH_BYTES (8U << 20)
#define STEP_MS		 1000

static int send_work(struct fetcher *fetcher, const struct work *work, struct err *err)
{
	ssize_t size = 0;

	do
		size = send(fetcher->supervisor_fd, work, sizeof(*work), MSG_NOSIGNAL);
	while (size < 0 && errno == EINTR);
	return size < 0 ? err_sys(err, errno, "cannot talk to the supervisor") : 0;
}

int job_send(struct job *job, enum work_kind kind, bool discard, struct err *err)
{
	struct work work = {
		.kind = kind,
		.slot = job->slot,
		.is_layer = job->is_layer,
		.is_raw = job->is_raw,
		.discard = discard,
		.in_parts = kind == WORK_OPEN && parts_possible(job),
		.bytes = job->descriptor->bytes,
		.blob = job->descriptor->digest,
		.diff_id = job->diff_id,
	};

	if (kind == WORK_TABLE)
		work.place = job->place;
	return send_work(job->fetcher, &work, err);
}

/* ---- a job's resources ------------------------------------------------------------------------------------------------- */

void job_end_request(struct job *job)
{
	if (!job->requested)
		return;
	if (job->request.state != HTTP_DONE)
		http_request_cancel(job->fetcher->http, &job->request);
	http_request_release(&job->request);
	job->requested = false;
}

static void job_close(struct job *job)
{
	job_end_request(job);
	fd_close(&job->file_fd);
	fd_close(&job->feed_fd);
	fd_close(&job->source_fd);
	sha256_free(job->hash);
	job->hash = NULL;
}

void job_drop(struct job *job, bool discard)
{
	struct err ignored; /* without the supervisor there is nothing to give back */
	bool open = job->state != JOB_QUEUED && job->state != JOB_DONE;

	job_close(job);
	if (open) {
		job_send(job, WORK_DROP, discard, &ignored);
		job->fetcher->slots_used[job->slot] = 0;
	}
	job->state = JOB_QUEUED;
}

static int job_open(struct job *job, struct err *err)
{
	for (uint32_t slot = 0; slot < WORK_SLOTS; slot++) {
		if (job->fetcher->slots_used[slot])
			continue;
		job->fetcher->slots_used[slot] = 1;
		job->slot = slot;
		job->state = JOB_OPENING;
		job->hashed = job->there = job->fed = job->skip = job->flushed = 0;
		job->present = job->resumed = job->broken = false;
		if (job->capture != NULL)
			strbuf_clear(job->capture);
		job->file_fd = job->feed_fd = job->source_fd = -1;
		return job_send(job, WORK_OPEN, false, err);
	}
	BUG("no slot is free");
}

/* ---- bytes ------------------------------------------------------------------------------------------------------------- */

static void tell_progress(struct job *job, bool always)
{
	int64_t now = http_now_ms();

	if ((!job->is_layer && !job->is_raw) ||
	    (!always && now - job->told_at_ms < PROGRESS_EACH_MS))
		return;
	job->told_at_ms = now;
	event_progress("bytes", &job->descriptor->digest, "done", job->hashed);
}

/* Append bytes to the file and the hash. */
static int job_add(struct job *job, const void *data, size_t length, struct err *err)
{
	const char *bytes = data;
	size_t left = length;
	uint64_t at = job->hashed;

	if (length > job->descriptor->bytes - job->hashed)
		return err_set(err, ERR_CORRUPT,
			       "blob '%s' has more than the %llu bytes that the manifest says",
			       job->descriptor->digest.text,
			       (unsigned long long)job->descriptor->bytes);
	while (left > 0) {
		ssize_t written = pwrite(job->file_fd, bytes, left, (off_t)at);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return err_sys(err, errno, "cannot write blob '%s'",
				       job->descriptor->digest.text);
		bytes += written;
		left -= (size_t)written;
		at += (uint64_t)written;
	}
	sha256_update(job->hash, data, length);
	if (job->capture != NULL)
		strbuf_add(job->capture, data, length);
	job->hashed += length;
	/* the disk may work while the network does; the sync at the end will be short */
	if (job->hashed - job->flushed >= FLUSH_EACH_BYTES) {
		(void)sync_file_range(job->file_fd, (off_t)job->flushed,
				      (off_t)(job->hashed - job->flushed), SYNC_FILE_RANGE_WRITE);
		job->flushed = job->hashed;
	}
	tell_progress(job, false);
	return 0;
}

/* Give the unpacker what it can take. 0, or -1 */
static int job_feed(struct job *job, struct err *err)
{
	while (job->feed_fd >= 0 && job->fed < job->hashed) {
		off_t offset = (off_t)job->fed;
		ssize_t moved = sendfile(job->feed_fd, job->file_fd, &offset,
					 (size_t)(job->hashed - job->fed));

		if (moved < 0 && errno == EINTR)
			continue;
		if (moved < 0 && errno == EAGAIN)
			return 0;
		if (moved < 0 && errno == EPIPE) {
			/* the supervisor knows why; perhaps the digest will tell, too */
			fd_close(&job->feed_fd);
			return job_send(job, WORK_BROKEN, false, err);
		}
		if (moved <= 0)
			return err_sys(err, moved < 0 ? errno : EIO, "cannot feed the unpacker");
		job->fed += (uint64_t)moved;
	}
	return 0;
}

/* Read what an earlier try, or an earlier pull, has left. */
static int job_read_slice(struct job *job, struct err *err)
{
	cleanup_free char *slice = xmalloc(SLICE_BYTES);
	uint64_t left = job->there - job->hashed;
	ssize_t got = pread(job->file_fd, slice, left < SLICE_BYTES ? (size_t)left : SLICE_BYTES,
			    (off_t)job->hashed);

	if (got < 0)
		return err_sys(err, errno, "cannot read blob '%s'", job->descriptor->digest.text);
	if (got == 0)
		return err_set(err, ERR_CORRUPT, "blob '%s' of the store is too short",
			       job->descriptor->digest.text);
	sha256_update(job->hash, slice, (size_t)got);
	if (job->capture != NULL)
		strbuf_add(job->capture, slice, (size_t)got);
	job->hashed += (uint64_t)got;
	tell_progress(job, false);
	return 0;
}

/* ---- the network ------------------------------------------------------------------------------------------------------- */

static void request_prepare(struct http_request *request)
{
	struct job *job = request->arg;

	request->range_from = job->hashed;
	job->skip = 0;
}

static int request_begin(struct http_request *request, long status, int64_t content_length)
{
	struct job *job = request->arg;
	uint64_t left = job->descriptor->bytes - job->hashed;

	if (status == 200 && request->range_from > 0) {
		/* all of it once more: what we have is passed over */
		job->skip = job->hashed;
		left = job->descriptor->bytes;
	}
	if (content_length >= 0 && (uint64_t)content_length != left) {
		request->final = true;
		return err_set(
			&request->err, ERR_CORRUPT,
			"registry '%s' offers %lld bytes of blob '%s' where the manifest says "
			"%llu",
			request->registry->name, (long long)content_length,
			job->descriptor->digest.text, (unsigned long long)left);
	}
	return 0;
}

static int request_body(struct http_request *request, const void *data, size_t length)
{
	struct job *job = request->arg;

	if (job->skip > 0) {
		size_t skipped = length < job->skip ? length : (size_t)job->skip;

		job->skip -= skipped;
		data = (const char *)data + skipped;
		length -= skipped;
	}
	if (length > 0 && job_add(job, data, length, &request->err) < 0) {
		request->final = true;
		return -1;
	}
	return 0;
}

static void job_request(struct job *job)
{
	job->request = (struct http_request){
		.registry = job->fetcher->registry,
		.rest = xasprintf("%s/%s", job->is_manifest ? "manifests" : "blobs",
				  job->descriptor->digest.text),
		.accept = job->is_manifest ? job->descriptor->media_type : NULL,
		.prepare = request_prepare,
		.begin = request_begin,
		.body = request_body,
		.arg = job,
		.error_body = STRBUF_INIT,
	};
	job->requested = true;
	http_request_start(job->fetcher->http, &job->request);
}

/* ---- steps of a job ---------------------------------------------------------------------------------------------------- */

/* All bytes are there: does the digest agree? 1 yes, 0 try it from the beginning, -1 */
static int job_check(struct job *job, struct err *err)
{
	struct digest actual;
	bool again = job->resumed || job->present;

	sha256_final_digest(job->hash, &actual);
	if (digest_equal(&actual, &job->descriptor->digest)) {
		tell_progress(job, true);
		return 1;
	}
	if (job->present)
		return err_set(err, ERR_CORRUPT,
			       "blob '%s' of the store is damaged: its content is '%s'",
			       job->descriptor->digest.text, actual.text);
	job_drop(job, true);
	/* an earlier try may have left the wrong bytes */
	if (again)
		return 0;
	return err_set(err, ERR_CORRUPT,
		       "the content of blob '%s' is not what its digest says: got '%s'",
		       job->descriptor->digest.text, actual.text);
}

static int job_fetch_slice(struct job *job, struct err *err)
{
	cleanup_free char *slice = xmalloc(SLICE_BYTES);
	ssize_t got = pread(job->source_fd, slice, SLICE_BYTES, (off_t)job->hashed);

	if (got < 0)
		return err_sys(err, errno, "cannot read blob '%s' of the source",
			       job->descriptor->digest.text);
	if (got == 0)
		return err_set(err, ERR_CORRUPT, "blob '%s' of the source is too short",
			       job->descriptor->digest.text);
	return job_add(job, slice, (size_t)got, err);
}

static int job_start_fetching(struct job *job, struct err *err)
{
	job->state = JOB_FETCHING;
	if (job->present)
		return 0;
	if (job->document != NULL)
		return job_add(job, job->document->data, job->document->length, err);
	if (job->fetcher->source_dir_fd >= 0) {
		job->source_fd = local_open(job->fetcher, &job->descriptor->digest, err);
		return job->source_fd < 0 ? -1 : 0;
	}
	if (job->hashed < job->descriptor->bytes)
		job_request(job);
	return 0;
}

/* Is there something that can be done without waiting for anybody? */
static bool job_is_busy(const struct job *job)
{
	return job->state == JOB_READING || (job->state == JOB_FETCHING && job->source_fd >= 0);
}

static int job_step(struct job *job, struct err *err)
{
	if (job->state == JOB_TABLE || job->state == JOB_PARTS)
		return parts_step(job, err);
	if (job->feed_fd >= 0 && job_feed(job, err) < 0)
		return -1;
	if (job->state == JOB_READING) {
		if (job->hashed < job->there)
			return job_read_slice(job, err);
		if (job_start_fetching(job, err) < 0)
			return -1;
	}
	if (job->state == JOB_FETCHING) {
		if (job->requested && job->request.state == HTTP_DONE) {
			if (!job->request.ok) {
				*err = job->request.err;
				return -1;
			}
			if (job->is_manifest)
				job->content_type = TAKE_PTR(job->request.content_type);
			job_end_request(job);
			if (job->hashed < job->descriptor->bytes)
				return err_set(err, ERR_CORRUPT,
					       "blob '%s' has %llu bytes, the manifest says %llu",
					       job->descriptor->digest.text,
					       (unsigned long long)job->hashed,
					       (unsigned long long)job->descriptor->bytes);
		}
		if (job->hashed < job->descriptor->bytes)
			return job->source_fd >= 0 ? job_fetch_slice(job, err) : 0;
		if (job->requested)
			return 0; /* the end of the answer is still to come: it may be too long */

		int good = job_check(job, err);
		if (good <= 0)
			return good;
		if (job->only_read) {
			job_drop(job, true);
			job->state = JOB_DONE;
			return 0;
		}
		job->state = JOB_FEEDING;
	}
	if (job->state == JOB_FEEDING && (job->feed_fd < 0 || job->fed == job->hashed)) {
		fd_close(&job->feed_fd);
		job->state = JOB_CLOSING;
		return job_send(job, WORK_DONE, false, err);
	}
	return 0;
}

/* ---- the supervisor ---------------------------------------------------------------------------------------------------- */

static struct job *job_of_slot(struct fetcher *fetcher, uint32_t slot)
{
	for (size_t i = 0; i < fetcher->job_count; i++) {
		struct job *job = fetcher->jobs[i];

		if (job->slot == slot && job->state != JOB_QUEUED && job->state != JOB_DONE)
			return job;
	}
	return NULL;
}

static void job_opened(struct job *job, const struct work *work, int file_fd, int feed_fd)
{
	job->state = JOB_READING;
	job->present = work->kind == WORK_PRESENT;
	job->there = work->bytes;
	job->resumed = !job->present && work->bytes > 0;
	job->flushed = work->bytes;
	job->file_fd = file_fd;
	job->feed_fd = feed_fd;
	job->hash = sha256_new();
	if (feed_fd >= 0)
		fd_set_nonblock(feed_fd, true);
	if (job->is_layer || job->is_raw)
		event_progress("start", &job->descriptor->digest, "total", job->descriptor->bytes);
	if (work->in_parts)
		parts_begin(job);
}

/* The supervisor has given up its slot: from the beginning, as a whole. */
static void job_again_whole(struct job *job)
{
	job_close(job);
	job->fetcher->slots_used[job->slot] = 0;
	job->is_whole = true;
	job->state = JOB_QUEUED;
}

static void job_done(struct job *job, bool skipped)
{
	job_close(job);
	job->fetcher->slots_used[job->slot] = 0;
	job->state = JOB_DONE;
	job->was_skipped = skipped;
	if (job->is_layer || job->is_raw)
		event_progress(skipped ? "skipped" : "done", &job->descriptor->digest, NULL, 0);
}

static int read_reply(struct fetcher *fetcher, struct err *err)
{
	int fds[2] = { -1, -1 };
	struct work work;
	ssize_t size = fd_receive(fetcher->supervisor_fd, &work, sizeof(work), fds, 2);
	struct job *job = NULL;

	if (size != (ssize_t)sizeof(work))
		return err_set(err, ERR_FAILED, "the supervisor is gone");
	job = job_of_slot(fetcher, work.slot);
	if (job == NULL) {
		/* an answer to a job that was dropped meanwhile */
		fd_close(&fds[0]);
		fd_close(&fds[1]);
		return 0;
	}
	switch (work.kind) {
	case WORK_OPENED:
	case WORK_PRESENT:
		job_opened(job, &work, fds[0], fds[1]);
		return 0;
	case WORK_SKIPPED:
	case WORK_STORED:
		job_done(job, work.kind == WORK_SKIPPED);
		return 0;
	case WORK_BROKEN:
		job->broken = true;
		return 0;
	case WORK_RANGE:
	case WORK_PLANNED:
		return parts_planned(job, &work, err);
	case WORK_PLAIN:
		job_again_whole(job);
		return 0;
	default:
		return err_set(err, ERR_FAILED, "the supervisor misbehaves");
	}
}

/* ---- the loop ---------------------------------------------------------------------------------------------------------- */

static int wait_for_something(struct fetcher *fetcher, bool busy, struct err *err)
{
	struct curl_waitfd fds[1 + WORK_SLOTS] = { 0 };
	unsigned count = 0;

	fds[count++] =
		(struct curl_waitfd){ .fd = fetcher->supervisor_fd, .events = CURL_WAIT_POLLIN };
	for (size_t i = 0; i < fetcher->job_count; i++) {
		struct job *job = fetcher->jobs[i];

		if (job->state != JOB_QUEUED && job->state != JOB_DONE && job->feed_fd >= 0 &&
		    job->fed < job->hashed && count < ARRAY_SIZE(fds))
			fds[count++] = (struct curl_waitfd){ .fd = job->feed_fd,
							     .events = CURL_WAIT_POLLOUT };
	}
	http_step(fetcher->http, fds, count, busy ? 0 : STEP_MS);
	/* asked again: the client may have waited before the answer came */
	while (fd_wait_readable(fetcher->supervisor_fd, 0) == 1) {
		if (read_reply(fetcher, err) < 0)
			return -1;
	}
	return 0;
}

static int run(struct fetcher *fetcher, struct job *jobs, size_t count, struct err *err)
{
	for (;;) {
		size_t done = 0, active = 0;
		bool busy = false;

		for (size_t i = 0; i < count; i++) {
			struct job *job = &jobs[i];

			if (job->state == JOB_QUEUED && active < fetcher->transfer->parallel &&
			    job_open(job, err) < 0)
				return -1;
			if (job->state == JOB_DONE)
				done++;
			else if (job->state != JOB_QUEUED)
				active++;
		}
		if (done == count)
			return 0;
		for (size_t i = 0; i < count; i++) {
			if (jobs[i].state == JOB_QUEUED || jobs[i].state == JOB_DONE)
				continue;
			if (job_step(&jobs[i], err) < 0)
				return -1;
			busy = busy || job_is_busy(&jobs[i]);
			/* dropped, to be tried from the beginning, or done: nobody will wake us up */
			busy = busy || jobs[i].state == JOB_QUEUED || jobs[i].state == JOB_DONE;
		}
		if (wait_for_something(fetcher, busy, err) < 0)
			return -1;
	}
}

int jobs_plan(struct fetcher *fetcher, const struct digest *diff_ids, size_t count, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		struct work work = {
			.kind = WORK_PLAN,
			.slot = (uint32_t)i,
			.diff_id = diff_ids[i],
		};

		if (send_work(fetcher, &work, err) < 0)
			return -1;
	}
	return 0;
}

int jobs_run(struct fetcher *fetcher, struct job *jobs, size_t count, struct err *err)
{
	cleanup_free struct job **list = xcalloc(count + 1, sizeof(*list));
	int status = -1;

	for (size_t i = 0; i < count; i++) {
		list[i] = &jobs[i];
		jobs[i].fetcher = fetcher;
		jobs[i].state = JOB_QUEUED;
		jobs[i].file_fd = jobs[i].feed_fd = jobs[i].source_fd = -1;
	}
	fetcher->jobs = list;
	fetcher->job_count = count;
	status = run(fetcher, jobs, count, err);
	/* what fills the disk must not stay there for a retry: smaller images may still find room */
	bool disk_full = status < 0 && err->kind == ERR_NO_SPACE;
	for (size_t i = 0; i < count; i++)
		job_drop(&jobs[i], disk_full);
	fetcher->jobs = NULL;
	fetcher->job_count = 0;
	return status;
}

int job_store(struct fetcher *fetcher, const struct descriptor *descriptor,
	      const struct strbuf *document, struct err *err)
{
	struct job job = { .descriptor = descriptor, .document = document };

	return jobs_run(fetcher, &job, 1, err);
}

int job_document(struct fetcher *fetcher, const struct descriptor *descriptor,
		 struct strbuf *ret_text, char **ret_content_type, struct err *err)
{
	struct job job = {
		.descriptor = descriptor,
		.capture = ret_text,
		.is_manifest = ret_content_type != NULL,
		.only_read = true,
	};

	if (descriptor->bytes > JSON_LIMIT_BYTES)
		return err_set(err, ERR_LIMIT, "document '%s' has more than %u bytes",
			       descriptor->digest.text, JSON_LIMIT_BYTES);
	if (jobs_run(fetcher, &job, 1, err) < 0) {
		free(job.content_type);
		return -1;
	}
	if (ret_content_type != NULL)
		*ret_content_type = job.content_type;
	return 0;
}
