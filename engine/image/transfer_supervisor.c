/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/transfer_supervisor.c - the half of transfer that has the store
 *
 * One loop over the fetcher's messages, signals and the ends of unpackers. A slot is one blob in work:
 *
 *	FREE -> WAITING (another pull has the blob or the layer) -> OPEN -> FINISHING (the unpacker is at its end) -> FREE
 *
 * Locks of blobs and layers are only tried: a slot that cannot have both waits without holding one, so two pulls never wait
 * for each other. A blob is published when its layer was unpacked from it with the right diffID, so a blob in the store has been
 * a good layer once. What was published when something else fails stays: it is good, and a retry finds it.
 */
#include "engine/image/transfer_private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "storage/image.h"
#include "storage/layer.h"
#include "storage/sha256.h"
#include "storage/store.h"
#include "storage/unpack.h"

#define WAIT_POLL_MS 50

enum slot_state { SLOT_FREE, SLOT_WAITING, SLOT_OPEN, SLOT_FINISHING };

struct slot {
	enum slot_state state;
	bool is_layer;
	struct digest blob, diff_id;
	uint64_t bytes;
	struct blob_partial partial; /* fd -1: the blob is in the store */
	int lock_fd;		     /* of the layer */
	struct staging staging;
	struct unpacker unpacker;
	bool unpacking; /* unpacker runs */
	bool unpacked;	/* it has ended early, and well */
	bool waited;	/* it has ended, and a lower layer is not there yet */
	bool broken;	/* it has ended with broken_err */
	struct err broken_err;
	struct unpack_result result;
};

struct supervisor {
	struct store *store;
	int fetcher_fd, signal_fd;
	struct slot slots[WORK_SLOTS];
	const struct idmaps *maps;
	struct digest plan[MANIFEST_LAYERS_MAX]; /* diffIDs of the image, lowest first */
	size_t plan_count;
	bool ended; /* the last event was written */
	int exit_status;
};

static const struct slot slot_empty = {
	.partial = BLOB_PARTIAL_INIT,
	.lock_fd = -1,
	.staging = STAGING_INIT,
	.result = UNPACK_RESULT_INIT,
};

/* A part that is worth keeping for a retry: documents are read from their beginning anyway. */
static bool is_worth_keeping(const struct slot *slot)
{
	struct stat st;

	return slot->is_layer && fstat(slot->partial.fd, &st) == 0 && st.st_size > 0;
}

static void slot_release(struct supervisor *supervisor, struct slot *slot, bool discard)
{
	if (slot->unpacking)
		unpack_abort(&slot->unpacker);
	staging_discard(supervisor->store, &slot->staging);
	blob_partial_close(supervisor->store, &slot->partial, discard || !is_worth_keeping(slot));
	fd_close(&slot->lock_fd);
	unpack_result_release(&slot->result);
	*slot = slot_empty;
}

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

static int reply(struct supervisor *supervisor, size_t number, enum work_kind kind, uint64_t bytes,
		 const int *fds, size_t fd_count, struct err *err)
{
	struct work work = { .kind = kind, .slot = (uint32_t)number, .bytes = bytes };
	int status = fd_send(supervisor->fetcher_fd, &work, sizeof(work), fds, fd_count);

	if (status < 0)
		return err_sys(err, -status, "cannot talk to the fetcher");
	return 0;
}

/* ---- opening a slot -------------------------------------------------------------------------------------------------- */

static enum layer_form wanted_form(const struct supervisor *supervisor)
{
	return supervisor->maps->single ? LAYER_SINGLE : LAYER_MAPPED;
}

/* True when another slot works on the same layer or blob. */
static bool is_in_work(const struct supervisor *supervisor, const struct slot *slot)
{
	for (size_t i = 0; i < WORK_SLOTS; i++) {
		const struct slot *other = &supervisor->slots[i];

		if (other == slot || (other->state != SLOT_OPEN && other->state != SLOT_FINISHING))
			continue;
		if (digest_equal(&other->blob, &slot->blob) ||
		    (slot->is_layer && other->is_layer &&
		     digest_equal(&other->diff_id, &slot->diff_id)))
			return true;
	}
	return false;
}

/* The layer is there, and was made from this very blob. */
static bool is_layer_there(struct supervisor *supervisor, const struct slot *slot)
{
	struct layer_meta meta = { 0 };
	struct err ignored; /* a damaged layer is made anew */
	bool there = false;

	if (layer_find(supervisor->store, &slot->diff_id, &meta, &ignored) <= 0)
		return false;
	/*
	 * The blob too must be the known one: else the manifest of a stranger could claim that its blob is a layer that we have, and
	 * run on files that it never had.
	 */
	there = meta.form == wanted_form(supervisor) && strv_contains(&meta.blobs, slot->blob.text);
	layer_meta_release(&meta);
	return there;
}

static int start_unpacker(struct supervisor *supervisor, struct slot *slot, struct err *err)
{
	struct unpack_limits limits;
	cleanup_fd int diff_fd = -1;
	bool single = supervisor->maps->single;

	if (layer_stage(supervisor->store, &slot->diff_id, &slot->staging, err) < 0)
		return -1;
	diff_fd = openat(slot->staging.dir_fd, "diff",
			 O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (diff_fd < 0)
		return err_sys(err, errno, "cannot open the staging directory of layer '%s'",
			       slot->diff_id.text);
	unpack_limits_default(&limits);
	if (unpack_start(diff_fd, wanted_form(supervisor), single ? NULL : supervisor->maps,
			 UNPACK_DETECT, &limits, &slot->unpacker, err) < 0)
		return -1;
	slot->unpacking = true;
	return 0;
}

/* 1 opened (or skipped) and told, 0 somebody else has it, -1 */
static int slot_open(struct supervisor *supervisor, size_t number, struct err *err)
{
	struct slot *slot = &supervisor->slots[number];
	cleanup_fd int present_fd = -1;
	int fds[2] = { -1, -1 };
	uint64_t have = 0;
	int status = 0;

	if (is_in_work(supervisor, slot))
		return 0;
	if (slot->is_layer) {
		slot->lock_fd = layer_try_lock(supervisor->store, &slot->diff_id, err);
		if (slot->lock_fd == -2) {
			slot->lock_fd = -1;
			return 0;
		}
		if (slot->lock_fd < 0)
			return -1;
		if (is_layer_there(supervisor, slot)) {
			slot_release(supervisor, slot, false);
			status = reply(supervisor, number, WORK_SKIPPED, 0, NULL, 0, err);
			return status < 0 ? -1 : 1;
		}
	}
	if (!blob_exists(supervisor->store, &slot->blob)) {
		status = blob_partial_try(supervisor->store, &slot->blob, &slot->partial, err);
		if (status == 2) {
			fd_close(&slot->lock_fd);
			return 0;
		}
		if (status < 0)
			return -1;
	}
	if (slot->partial.fd < 0) {
		present_fd = blob_open(supervisor->store, &slot->blob, err);
		if (present_fd < 0)
			return -1;
		have = slot->bytes;
	} else {
		have = slot->partial.have_bytes;
		/* documents are small, and longer than it may be is no beginning of it */
		if (have > slot->bytes || !slot->is_layer) {
			have = 0;
			if (ftruncate(slot->partial.fd, 0) < 0)
				return err_sys(err, errno, "cannot write blob '%s'",
					       slot->blob.text);
		}
	}
	if (slot->is_layer && start_unpacker(supervisor, slot, err) < 0)
		return -1;

	slot->state = SLOT_OPEN;
	fds[0] = present_fd >= 0 ? present_fd : slot->partial.fd;
	fds[1] = slot->is_layer ? slot->unpacker.input_fd : -1;
	status = reply(supervisor, number, present_fd >= 0 ? WORK_PRESENT : WORK_OPENED, have, fds,
		       slot->is_layer ? 2 : 1, err);
	/* the fetcher's copy is the only one: its close is the end of the input */
	if (slot->is_layer)
		fd_close(&slot->unpacker.input_fd);
	return status < 0 ? -1 : 1;
}

static int retry_waiting(struct supervisor *supervisor, struct err *err)
{
	for (size_t i = 0; i < WORK_SLOTS; i++) {
		if (supervisor->slots[i].state == SLOT_WAITING && slot_open(supervisor, i, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- closing a slot -------------------------------------------------------------------------------------------------- */

static int unpack_end(struct slot *slot, struct err *err)
{
	slot->unpacking = false;
	if (unpack_finish(&slot->unpacker, &slot->result, err) < 0)
		return err_wrap(err, "cannot unpack layer '%s'", slot->blob.text);
	slot->unpacked = true;
	return 0;
}

static int publish_layer(struct supervisor *supervisor, struct slot *slot, struct err *err)
{
	struct layer_meta meta = {
		.diff_id = slot->diff_id,
		.form = wanted_form(supervisor),
		.diff_bytes = slot->result.diff_bytes,
		.file_count = slot->result.file_count,
		.created_ns = time_now_ns(),
	};
	int status = 0;

	if (slot->result.skipped_devices > 0)
		event_text("warning", "layer '%.19s' has %llu device nodes, which are left out",
			   slot->blob.text, (unsigned long long)slot->result.skipped_devices);
	strv_add(&meta.blobs, slot->blob.text);
	status = layer_publish(supervisor->store, &slot->staging, &meta, err);
	layer_meta_release(&meta);
	return status;
}

/* Where the layer stands in the image: how many layers are below it. */
static size_t lower_count(const struct supervisor *supervisor, const struct slot *slot)
{
	for (size_t i = 0; i < supervisor->plan_count; i++) {
		if (digest_equal(&supervisor->plan[i], &slot->diff_id))
			return i;
	}
	return 0;
}

/*
 * Directories that the layer only implies take what the layers below say about them: 1 done, 0 one of those is not there yet,
 * -1. A lower layer is always opened earlier, so it is in work and this ends.
 */
static int adopt_implied(struct supervisor *supervisor, struct slot *slot, struct err *err)
{
	size_t count = lower_count(supervisor, slot);
	cleanup_free int *fds = xcalloc(count + 1, sizeof(*fds));
	cleanup_fd int diff_fd = -1;
	int status = 1;

	if (slot->result.implied.count == 0 || count == 0)
		return 1;
	for (size_t i = 0; i < count; i++)
		fds[i] = -1;
	for (size_t i = 0; i < count && status > 0; i++) {
		/* topmost first */
		fds[count - 1 - i] = layer_open_diff(supervisor->store, &supervisor->plan[i], err);
		if (fds[count - 1 - i] < 0)
			status = err->kind == ERR_NOT_FOUND ? 0 : -1;
	}
	if (status > 0) {
		diff_fd = openat(slot->staging.dir_fd, "diff",
				 O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		status = diff_fd < 0
				 ? err_sys(err, errno, "cannot open layer '%s'", slot->diff_id.text)
				 : unpack_adopt_implied(diff_fd, wanted_form(supervisor),
							supervisor->maps->single ? NULL
										 : supervisor->maps,
							&slot->result.implied, fds, count, err);
		status = status < 0 ? -1 : 1;
	}
	for (size_t i = 0; i < count; i++)
		fd_close(&fds[i]);
	return status;
}

static int finish_layer(struct supervisor *supervisor, size_t number, struct err *err)
{
	struct slot *slot = &supervisor->slots[number];

	if (slot->broken) {
		*err = slot->broken_err;
		return -1;
	}
	if (!slot->unpacked && unpack_end(slot, err) < 0)
		return -1;
	if (!digest_equal(&slot->result.diff_id, &slot->diff_id))
		return err_set(
			err, ERR_CORRUPT,
			"layer '%s' unpacks to '%s', but the configuration of the image says "
			"'%s'",
			slot->blob.text, slot->result.diff_id.text, slot->diff_id.text);
	int adopted = adopt_implied(supervisor, slot, err);
	slot->waited = adopted == 0;
	if (adopted <= 0)
		return adopted;
	if (slot->partial.fd >= 0 &&
	    blob_partial_publish(supervisor->store, &slot->partial, false, err) < 0)
		return -1;
	if (publish_layer(supervisor, slot, err) < 0)
		return -1;
	slot_release(supervisor, slot, false);
	return reply(supervisor, number, WORK_STORED, 0, NULL, 0, err);
}

/* Read a whole small blob and check its digest: what the fetcher says is not believed where that is cheap. */
static int read_checked(int fd, const struct digest *digest, struct strbuf *ret, struct err *err)
{
	cleanup_sha256 struct sha256 *hash = sha256_new();
	struct digest actual;
	int status = 0;

	strbuf_clear(ret);
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, errno, "cannot read blob '%s'", digest->text);
	status = fd_read_all(fd, ret, JSON_LIMIT_BYTES);
	if (status < 0)
		return err_sys(err, -status, "cannot read blob '%s'", digest->text);
	sha256_update(hash, ret->data, ret->length);
	sha256_final_digest(hash, &actual);
	if (!digest_equal(&actual, digest))
		return err_set(err, ERR_CORRUPT, "blob '%s' has the wrong content", digest->text);
	return 0;
}

static int finish_document(struct supervisor *supervisor, size_t number, struct err *err)
{
	struct slot *slot = &supervisor->slots[number];
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	if (slot->partial.fd >= 0) {
		if (read_checked(slot->partial.fd, &slot->blob, &text, err) < 0) {
			slot_release(supervisor, slot, true);
			return -1;
		}
		if (blob_partial_publish(supervisor->store, &slot->partial, false, err) < 0)
			return -1;
	}
	slot_release(supervisor, slot, false);
	return reply(supervisor, number, WORK_STORED, 0, NULL, 0, err);
}

/* The unpacker closed its input before the end. */
static int handle_broken(struct supervisor *supervisor, size_t number, struct err *err)
{
	struct slot *slot = &supervisor->slots[number];

	if (!slot->unpacking)
		return 0;
	if (unpack_end(slot, &slot->broken_err) == 0)
		return 0;
	slot->broken = true;
	/* damaged input may be the registry's fault: the fetcher goes on, and the digest will tell */
	if (slot->broken_err.kind != ERR_CORRUPT) {
		*err = slot->broken_err;
		return -1;
	}
	return reply(supervisor, number, WORK_BROKEN, 0, NULL, 0, err);
}

/* ---- the result ------------------------------------------------------------------------------------------------------ */

static int read_manifest(struct supervisor *supervisor, const struct digest *digest,
			 struct manifest *ret, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_free char *what = xasprintf("manifest '%s'", digest->text);
	cleanup_fd int fd = blob_open(supervisor->store, digest, err);

	if (fd < 0 || read_checked(fd, digest, &text, err) < 0)
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

	if (!digest_is_set(&work->blob)) /* "tags" has none */
		return 0;
	if (digest_is_set(&work->diff_id) && check_index(supervisor, work, err) < 0)
		return -1;
	if (read_manifest(supervisor, &work->blob, &manifest, err) < 0)
		return -1;
	config_fd = blob_open(supervisor->store, &manifest.config.digest, err);
	if (config_fd < 0 || read_checked(config_fd, &manifest.config.digest, &text, err) < 0)
		return -1;
	config = json_parse(text.data, text.length, "configuration", err);
	if (config == NULL ||
	    config_diff_ids(config, manifest.item_count, "manifest", &diff_ids, err) < 0)
		return -1;
	for (size_t i = 0; i < manifest.item_count; i++) {
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

static int handle_open(struct supervisor *supervisor, const struct work *work, struct err *err)
{
	struct slot *slot = &supervisor->slots[work->slot];

	if (slot->state != SLOT_FREE || !digest_text_is_good(&work->blob, false) ||
	    !digest_text_is_good(&work->diff_id, !work->is_layer))
		return err_set(err, ERR_FAILED, "the fetcher misbehaves");
	*slot = slot_empty;
	slot->state = SLOT_WAITING;
	slot->is_layer = work->is_layer != 0;
	slot->blob = work->blob;
	slot->diff_id = work->diff_id;
	slot->bytes = work->bytes;
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
		slot_release(supervisor, slot, work->discard != 0);
		return 0;
	case WORK_BROKEN:
		return handle_broken(supervisor, work->slot, err);
	case WORK_DONE:
		if (slot->state != SLOT_OPEN)
			return err_set(err, ERR_FAILED, "the fetcher misbehaves");
		if (!slot->is_layer)
			return finish_document(supervisor, work->slot, err);
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

		if (slot->state == SLOT_FINISHING &&
		    (polls[2 + i].revents != 0 || polls[2 + i].fd < 0) &&
		    finish_layer(supervisor, i, err) < 0)
			return -1;
	}
	if (retry_waiting(supervisor, err) < 0)
		return -1;
	return polls[0].revents != 0 ? read_work(supervisor, err) : 0;
}

int supervisor_main(struct store *store, int fetcher_fd, pid_t fetcher_pid)
{
	struct supervisor supervisor = { .store = store,
					 .fetcher_fd = fetcher_fd,
					 .signal_fd = -1 };
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
	for (size_t i = 0; i < WORK_SLOTS; i++)
		slot_release(&supervisor, &supervisor.slots[i], false);
	return supervisor.exit_status;
}
