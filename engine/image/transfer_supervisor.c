/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/transfer_supervisor.c - the half of transfer that has the store
 *
 * One loop over the fetcher's messages, signals and the ends of unpackers. What the fetcher says is checked: its words, the documents
 * (by digest), that every layer is there.
 */
#include "engine/image/transfer_supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/json.h"

#define WAIT_POLL_MS  50
#define FLUSH_EACH_MS 500
/* smaller layers are unpacked before it would do anything */
#define FLUSH_FROM_BYTES (8U << 20)

/* The end: err is what dhow is told. */
static void end_failed(struct supervisor *supervisor, const struct err *err)
{
	if (supervisor->ended)
		return;
	supervisor->ended = true;
	supervisor->exit_status = 1;
	for (size_t i = 0; i < WORK_SLOTS; i++) {
		struct slot *slot = &supervisor->slots[i];
		/*
		 * Half a blob is kept for a retry. Not on a full disk, where it would stand in the way of smaller images, and not when
		 * it is whole and its layer is bad.
		 */
		bool discard = err->kind == ERR_NO_SPACE || slot->broken ||
			       (slot->state == SLOT_FINISHING && err->kind != ERR_INTERRUPTED);

		slot_release(supervisor, slot, discard);
	}
	event_error(err);
}

/* ---- the result ------------------------------------------------------------------------------------------------------ */

static int read_manifest(struct supervisor *supervisor, const struct digest *digest,
			 struct manifest *ret, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_free char *what = xasprintf("manifest '%s'", digest->text);
	cleanup_fd int fd = blob_open(supervisor->store, digest, err);

	if (fd < 0 || supervisor_read_checked(fd, digest, &text, err) < 0)
		return -1;
	return manifest_parse(text.data, text.length, NULL, what, ret, err);
}

static int check_index(struct supervisor *supervisor, const struct work *work, struct err *err)
{
	cleanup_manifest struct manifest index = { 0 };

	if (read_manifest(supervisor, &work->diff_id, &index, err) < 0)
		return -1;
	for (size_t i = 0; index.is_index && i < index.item_count; i++) {
		if (digest_equal(&index.items[i].digest, &work->blob))
			return 0;
	}
	return err_set(err, ERR_CORRUPT, "index '%s' does not name manifest '%s'",
		       work->diff_id.text, work->blob.text);
}

static int check_result(struct supervisor *supervisor, const struct work *work, struct err *err)
{
	cleanup_manifest struct manifest manifest = { 0 };
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_free struct digest *diff_ids = NULL;
	cleanup_json json_t *config = NULL;
	cleanup_fd int config_fd = -1;

	if (!supervisor->images || !digest_is_set(&work->blob)) /* "tags" has none */
		return 0;
	if (digest_is_set(&work->diff_id) && check_index(supervisor, work, err) < 0)
		return -1;
	if (read_manifest(supervisor, &work->blob, &manifest, err) < 0)
		return -1;
	config_fd = blob_open(supervisor->store, &manifest.config.digest, err);
	if (config_fd < 0 ||
	    supervisor_read_checked(config_fd, &manifest.config.digest, &text, err) < 0)
		return -1;
	config = json_parse(text.data, text.length, "configuration", err);
	if (config == NULL ||
	    config_diff_ids(config, manifest.item_count, "manifest", &diff_ids, err) < 0)
		return -1;
	for (size_t i = 0; i < manifest.item_count && i < supervisor->layer_limit; i++) {
		struct layer_meta meta = { 0 };
		int found = layer_find(supervisor->store, &diff_ids[i], &meta, err);

		if (found < 0)
			return -1;
		if (found == 0)
			return err_set(err, ERR_UNAVAILABLE,
				       "layer '%s' was removed while it was needed",
				       diff_ids[i].text);
		layer_meta_release(&meta);
	}
	return 0;
}

static bool digest_text_is_good(const struct digest *digest, bool may_be_unset)
{
	struct digest parsed;

	if (memchr(digest->text, '\0', sizeof(digest->text)) == NULL)
		return false;
	return (may_be_unset && digest->text[0] == '\0') ||
	       digest_parse(digest->text, &parsed) == 0;
}

/* ---- the loop -------------------------------------------------------------------------------------------------------- */

/*
 * The record is written when everything is on the disk. So that this wait is short, a child asks for it all the time while large
 * layers are on their way: the disk works beside the processors, not after them.
 */
static void start_flusher(struct supervisor *supervisor)
{
	const struct timespec delay = { 0, FLUSH_EACH_MS * 1000000L };
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid > 0)
		supervisor->flusher = (struct child){ pid, -1 };
	if (pid != 0)
		return; /* without one the wait at the end is longer */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* locks belong to descriptors: a copy here would keep them held */
	if (dup2(supervisor->store->root_fd, TRANSFER_REQUEST_FD) < 0)
		_exit(1);
	fd_close_from(TRANSFER_REQUEST_FD + 1);
	while (getppid() == parent) {
		nanosleep(&delay, NULL);
		syncfs(TRANSFER_REQUEST_FD);
	}
	_exit(0);
}

static int retry_waiting(struct supervisor *supervisor, struct err *err)
{
	for (size_t i = 0; i < WORK_SLOTS; i++) {
		if (supervisor->slots[i].state == SLOT_WAITING && slot_open(supervisor, i, err) < 0)
			return -1;
	}
	return 0;
}

static int handle_open(struct supervisor *supervisor, const struct work *work, struct err *err)
{
	struct slot *slot = &supervisor->slots[work->slot];

	if (slot->state != SLOT_FREE || !digest_text_is_good(&work->blob, false) ||
	    !digest_text_is_good(&work->diff_id, !work->is_layer))
		return err_set(err, ERR_FAILED, "the fetcher misbehaves");
	*slot = slot_empty;
	slot->state = SLOT_WAITING;
	slot->is_layer = work->is_layer != 0;
	slot->has_table = work->in_parts != 0;
	slot->is_raw = work->is_raw != 0 && !slot->is_layer;
	slot->blob = work->blob;
	slot->diff_id = work->diff_id;
	slot->bytes = work->bytes;
	if (slot->is_layer && slot->bytes >= FLUSH_FROM_BYTES && supervisor->flusher.pid == 0)
		start_flusher(supervisor);
	return slot_open(supervisor, work->slot, err);
}

static int handle_plan(struct supervisor *supervisor, const struct work *work, struct err *err)
{
	if (work->slot == 0)
		supervisor->plan_count = 0; /* another endpoint may have another image */
	if (work->slot != supervisor->plan_count || work->slot >= MANIFEST_LAYERS_MAX ||
	    !digest_text_is_good(&work->diff_id, false))
		return err_set(err, ERR_FAILED, "the fetcher misbehaves");
	supervisor->plan[supervisor->plan_count++] = work->diff_id;
	return 0;
}

static int handle_work(struct supervisor *supervisor, struct work *work, struct err *err)
{
	struct slot *slot = NULL;

	if (work->kind == WORK_RESULT) {
		if (!digest_text_is_good(&work->blob, true) ||
		    !digest_text_is_good(&work->diff_id, true))
			return err_set(err, ERR_FAILED, "the fetcher misbehaves");
		if (check_result(supervisor, work, err) < 0)
			return -1;
		event_result(&work->blob, &work->diff_id, work->endpoint);
		supervisor->ended = true;
		return 0;
	}
	if (work->kind == WORK_ERROR) {
		*err = work->err;
		err->msg[sizeof(err->msg) - 1] = err->hint[sizeof(err->hint) - 1] = '\0';
		if (err->kind >= ERR_KIND_COUNT)
			err->kind = ERR_FAILED;
		return -1;
	}
	if (work->kind == WORK_PLAN)
		return handle_plan(supervisor, work, err);
	if (work->slot >= WORK_SLOTS)
		return err_set(err, ERR_FAILED, "the fetcher misbehaves");
	slot = &supervisor->slots[work->slot];
	switch (work->kind) {
	case WORK_OPEN:
		return handle_open(supervisor, work, err);
	case WORK_DROP:
		/* perhaps it was the layout's file that is wrong: the fetcher is to look at it itself */
		if (work->discard != 0)
			fd_close(&supervisor->own_fd);
		slot_release(supervisor, slot, work->discard != 0);
		return 0;
	case WORK_BROKEN:
		return slot_broken(supervisor, work->slot, err);
	case WORK_TABLE:
		if (slot->state != SLOT_OPEN || !slot->in_parts)
			return err_set(err, ERR_FAILED, "the fetcher misbehaves");
		return slot_plan(supervisor, work->slot, &work->place, err);
	case WORK_DONE:
		if (slot->state != SLOT_OPEN)
			return err_set(err, ERR_FAILED, "the fetcher misbehaves");
		if (slot->in_parts)
			return slot_assemble(supervisor, work->slot, err);
		if (!slot->is_layer)
			return slot->is_raw ? slot_finish_raw(supervisor, work->slot, err)
					    : slot_finish_document(supervisor, work->slot, err);
		slot->state = SLOT_FINISHING;
		return 0;
	default:
		return err_set(err, ERR_FAILED, "the fetcher misbehaves");
	}
}

static int read_work(struct supervisor *supervisor, struct err *err)
{
	struct work work;
	ssize_t size = recv(supervisor->fetcher_fd, &work, sizeof(work), 0);

	if (size < 0 && errno == EINTR)
		return 0;
	if (size == 0)
		return err_set(err, ERR_FAILED, "the fetcher ended unexpectedly");
	if (size != (ssize_t)sizeof(work))
		return err_set(err, ERR_FAILED, "the fetcher misbehaves");
	return handle_work(supervisor, &work, err);
}

/* Wait for something to happen, and do it. */
static int step(struct supervisor *supervisor, struct err *err)
{
	struct pollfd polls[2 + WORK_SLOTS] = {
		{ .fd = supervisor->fetcher_fd, .events = POLLIN },
		{ .fd = supervisor->signal_fd, .events = POLLIN },
	};
	int timeout_ms = -1;

	for (size_t i = 0; i < WORK_SLOTS; i++) {
		const struct slot *slot = &supervisor->slots[i];
		int slot_ms = -1;

		polls[2 + i] = (struct pollfd){ .fd = -1, .events = POLLIN };
		if (slot->state == SLOT_WAITING)
			slot_ms = WAIT_POLL_MS;
		else if (slot->state == SLOT_PLANNING)
			polls[2 + i].fd = slot->parts.control_fd;
		else if (slot->state == SLOT_FINISHING && slot->unpacking &&
			 slot->unpacker.writer.pid_fd >= 0)
			polls[2 + i].fd = slot->unpacker.writer.pid_fd;
		else if (slot->state == SLOT_FINISHING)
			slot_ms = slot->waited ? WAIT_POLL_MS : 0;
		if (slot_ms >= 0 && (timeout_ms < 0 || slot_ms < timeout_ms))
			timeout_ms = slot_ms;
	}
	if (poll(polls, ARRAY_SIZE(polls), timeout_ms) < 0 && errno != EINTR)
		return err_sys(err, errno, "cannot wait for the fetcher");
	if (polls[1].revents != 0)
		return err_set(err, ERR_INTERRUPTED, "interrupted");

	for (size_t i = 0; i < WORK_SLOTS; i++) {
		const struct slot *slot = &supervisor->slots[i];

		if (slot->state == SLOT_PLANNING && polls[2 + i].revents != 0 &&
		    slot_planned(supervisor, i, err) < 0)
			return -1;
		if (slot->state == SLOT_FINISHING &&
		    (polls[2 + i].revents != 0 || polls[2 + i].fd < 0) &&
		    slot_finish_layer(supervisor, i, err) < 0)
			return -1;
	}
	if (retry_waiting(supervisor, err) < 0)
		return -1;
	return polls[0].revents != 0 ? read_work(supervisor, err) : 0;
}

int supervisor_main(struct store *store, bool images, size_t layer_limit, int own_fd,
		    int fetcher_fd, pid_t fetcher_pid)
{
	struct supervisor supervisor = { .store = store,
					 .images = images,
					 .layer_limit = layer_limit,
					 .is_own = own_fd >= 0,
					 .own_fd = own_fd,
					 .fetcher_fd = fetcher_fd,
					 .signal_fd = -1,
					 .flusher = CHILD_INIT };
	cleanup_child struct child fetcher = { fetcher_pid, -1 };
	cleanup_fd int signal_fd = -1;
	sigset_t set;
	struct err err;

	for (size_t i = 0; i < WORK_SLOTS; i++)
		supervisor.slots[i] = slot_empty;
	/* blocked by main() before there was a fetcher */
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	supervisor.signal_fd = signal_fd;
	if (signal_fd < 0) {
		err_sys(&err, errno, "cannot wait for signals");
		end_failed(&supervisor, &err);
	} else if (store_idmaps(store, &supervisor.maps, &err) < 0) {
		end_failed(&supervisor, &err);
	}
	while (!supervisor.ended) {
		if (step(&supervisor, &err) < 0)
			end_failed(&supervisor, &err);
	}
	child_release(&supervisor.flusher);
	fd_close(&supervisor.own_fd);
	for (size_t i = 0; i < WORK_SLOTS; i++)
		slot_release(&supervisor, &supervisor.slots[i], false);
	return supervisor.exit_status;
}
