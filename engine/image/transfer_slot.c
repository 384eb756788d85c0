/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/transfer_slot.c - one blob in the supervisor's work: opened, unpacked, published
 *
 * Locks of blobs and layers are only tried: a slot that cannot have both waits without holding one, so two pulls never wait
 * for each other. A blob is published when its layer was unpacked from it with the right diffID, so a blob in the store has been
 * a good layer once. What was published when something else fails stays: it is good, and a retry finds it.
 */
#include "engine/image/transfer_supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/path.h"
#include "storage/layer_packed.h"
#include "storage/sha256.h"

const struct slot slot_empty = {
	.partial = BLOB_PARTIAL_INIT,
	.lock_fd = -1,
	.staging = STAGING_INIT,
	.result = UNPACK_RESULT_INIT,
	.parts_fd = -1,
	.parts = PARTIAL_INIT,
};

/* A part that is worth keeping for a retry: documents are read from their beginning anyway, and so are archives. */
static bool is_worth_keeping(const struct supervisor *supervisor, const struct slot *slot)
{
	struct stat st;

	return !supervisor->is_own && !slot->in_parts && (slot->is_layer || slot->is_raw) &&
	       fstat(slot->partial.fd, &st) == 0 && st.st_size > 0;
}

void slot_release(struct supervisor *supervisor, struct slot *slot, bool discard)
{
	if (slot->unpacking)
		unpack_abort(&slot->unpacker);
	partial_release(&slot->parts);
	fd_close(&slot->parts_fd);
	staging_discard(supervisor->store, &slot->staging);
	blob_partial_close(supervisor->store, &slot->partial,
			   discard || !is_worth_keeping(supervisor, slot));
	fd_close(&slot->lock_fd);
	unpack_result_release(&slot->result);
	*slot = slot_empty;
}

static int reply(struct supervisor *supervisor, size_t number, enum work_kind kind, uint64_t bytes,
		 const int *fds, size_t fd_count, struct err *err)
{
	struct work work = { .kind = kind, .slot = (uint32_t)number, .bytes = bytes };
	int status = fd_send(supervisor->fetcher_fd, &work, sizeof(work), fds, fd_count);

	/* it has ended with an error, which is the true one and will be read next */
	if (status < 0 && status != -EPIPE)
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

		if (other == slot || other->state == SLOT_FREE || other->state == SLOT_WAITING)
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
	cleanup_layer_packed struct layer_packed packed = { .places = STRV_INIT };
	struct layer_meta meta = { 0 };
	struct err ignored; /* a damaged layer is made anew */
	bool there = false;

	if (layer_find(supervisor->store, &slot->diff_id, &meta, &ignored) <= 0)
		return false;
	/*
	 * The blob too must be the known one: else the manifest of a stranger could claim that its blob is a layer that we have, and
	 * run on files that it never had.
	 */
	there = meta.form == wanted_form(supervisor) &&
		(strv_contains(&meta.blobs, slot->blob.text) ||
		 layer_packed_find_blob(supervisor->store, &slot->diff_id, &slot->blob, &packed) >
			 0);
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

/* The file of the layout is the partial, whole: it is read, hashed and fed from there, and never copied. */
static void offer_own(struct supervisor *supervisor, const struct slot *slot)
{
	cleanup_fd int fd = -1;
	struct stat st;

	if (supervisor->own_fd < 0 || !slot->is_layer)
		return;
	fd = path_open_beneath(supervisor->own_fd, digest_hex(&slot->blob), O_RDONLY | O_NONBLOCK,
			       0);
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    (uint64_t)st.st_size == slot->bytes)
		blob_partial_offer(supervisor->store, &slot->blob, fd);
}

/* A file without a name: what stands in it, with holes, must never be taken for the beginning of a blob. */
static int open_for_parts(struct supervisor *supervisor, size_t number, struct err *err)
{
	struct slot *slot = &supervisor->slots[number];
	struct work work = { .kind = WORK_OPENED, .slot = (uint32_t)number, .in_parts = 1 };
	cleanup_fd int tmp_fd = store_open_dir(supervisor->store, "tmp", true, err);
	int status;

	if (tmp_fd < 0)
		return -1;
	slot->parts_fd = openat(tmp_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (slot->parts_fd < 0)
		return err_sys(err, errno, "cannot make a file in the store");
	slot->in_parts = true;
	slot->state = SLOT_OPEN;
	status = fd_send(supervisor->fetcher_fd, &work, sizeof(work), &slot->parts_fd, 1);
	if (status < 0 && status != -EPIPE)
		return err_sys(err, -status, "cannot talk to the fetcher");
	return 1;
}

int slot_open(struct supervisor *supervisor, size_t number, struct err *err)
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
		offer_own(supervisor, slot);
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
		if (have > slot->bytes || (!slot->is_layer && !slot->is_raw)) {
			have = 0;
			if (ftruncate(slot->partial.fd, 0) < 0)
				return err_sys(err, errno, "cannot write blob '%s'",
					       slot->blob.text);
		}
	}
	if (slot->has_table && slot->partial.fd >= 0 && have == 0 &&
	    partial_may_help(supervisor->store))
		return open_for_parts(supervisor, number, err);
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

/* ---- closing a slot -------------------------------------------------------------------------------------------------- */

/* Parts do not work out, whatever the reason: the fetcher is to get the whole layer. */
static int give_parts_up(struct supervisor *supervisor, size_t number, struct err *err)
{
	slot_release(supervisor, &supervisor->slots[number], true);
	return reply(supervisor, number, WORK_PLAIN, 0, NULL, 0, err);
}

int slot_plan(struct supervisor *supervisor, size_t number, const struct chunked_place *place,
	      struct err *err)
{
	struct slot *slot = &supervisor->slots[number];

	if (partial_start(supervisor->store, slot->parts_fd, place, slot->bytes, &slot->parts,
			  err) < 0)
		return -1;
	slot->state = SLOT_PLANNING;
	return 0;
}

int slot_planned(struct supervisor *supervisor, size_t number, struct err *err)
{
	struct slot *slot = &supervisor->slots[number];
	struct partial_plan plan;
	ssize_t size = recv(slot->parts.control_fd, &plan, sizeof(plan), MSG_DONTWAIT);

	if (size < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (size != (ssize_t)sizeof(plan) || !plan.wins || plan.count > PARTS_MAX)
		return give_parts_up(supervisor, number, err);
	slot->state = SLOT_OPEN;
	for (uint32_t i = 0; i < plan.count; i++) {
		struct work work = {
			.kind = WORK_RANGE,
			.slot = (uint32_t)number,
			.from = plan.parts[i].from,
			.bytes = plan.parts[i].bytes,
		};
		int status = fd_send(supervisor->fetcher_fd, &work, sizeof(work), NULL, 0);

		if (status < 0 && status != -EPIPE)
			return err_sys(err, -status, "cannot talk to the fetcher");
	}
	return reply(supervisor, number, WORK_PLANNED, 0, NULL, 0, err);
}

int slot_assemble(struct supervisor *supervisor, size_t number, struct err *err)
{
	struct slot *slot = &supervisor->slots[number];

	if (slot->parts.control_fd < 0)
		return err_set(err, ERR_FAILED, "the fetcher misbehaves");
	if (start_unpacker(supervisor, slot, err) < 0)
		return -1;
	slot->state = SLOT_FINISHING;
	if (partial_go(&slot->parts, TAKE_FD(slot->unpacker.input_fd), err) < 0)
		return give_parts_up(supervisor, number, err);
	return 0;
}

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

/* The layer is that blob, which is not here: whoever needs its bytes fetches them. */
static void note_without_blob(struct supervisor *supervisor, const struct slot *slot)
{
	struct layer_packed packed = {
		.level = -1, .blob = slot->blob, .bytes = slot->bytes, .places = STRV_INIT
	};

	layer_packed_note(supervisor->store, &slot->diff_id, &packed);
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

int slot_finish_layer(struct supervisor *supervisor, size_t number, struct err *err)
{
	struct slot *slot = &supervisor->slots[number];

	if (slot->broken) {
		*err = slot->broken_err;
		return -1;
	}
	if (!slot->unpacked && unpack_end(slot, err) < 0)
		return slot->in_parts && err->kind != ERR_NO_SPACE
			       ? give_parts_up(supervisor, number, err)
			       : -1;
	if (slot->in_parts && !digest_equal(&slot->result.diff_id, &slot->diff_id))
		return give_parts_up(supervisor, number, err);
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
	if (slot->partial.fd >= 0 && !slot->in_parts &&
	    blob_partial_publish(supervisor->store, &slot->partial, false, err) < 0)
		return -1;
	if (publish_layer(supervisor, slot, err) < 0)
		return -1;
	if (slot->in_parts)
		note_without_blob(supervisor, slot);
	slot_release(supervisor, slot, false);
	return reply(supervisor, number, WORK_STORED, 0, NULL, 0, err);
}

int supervisor_read_checked(int fd, const struct digest *digest, struct strbuf *ret,
			    struct err *err)
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

int slot_finish_document(struct supervisor *supervisor, size_t number, struct err *err)
{
	struct slot *slot = &supervisor->slots[number];
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	if (slot->partial.fd >= 0) {
		if (supervisor_read_checked(slot->partial.fd, &slot->blob, &text, err) < 0) {
			slot_release(supervisor, slot, true);
			return -1;
		}
		if (blob_partial_publish(supervisor->store, &slot->partial, false, err) < 0)
			return -1;
	}
	slot_release(supervisor, slot, false);
	return reply(supervisor, number, WORK_STORED, 0, NULL, 0, err);
}

/* Hashed once more here, since nobody else has: the fetcher's word is no proof. */
int slot_finish_raw(struct supervisor *supervisor, size_t number, struct err *err)
{
	struct slot *slot = &supervisor->slots[number];
	struct digest actual = { "" };
	int status = 0;

	if (slot->partial.fd >= 0) {
		status = sha256_of_fd(slot->partial.fd, &actual);
		if (status < 0)
			err_sys(err, -status, "cannot read blob '%s'", slot->blob.text);
		else if (!digest_equal(&actual, &slot->blob))
			status = err_set(err, ERR_CORRUPT, "blob '%s' has the wrong content",
					 slot->blob.text);
		if (status < 0) {
			slot_release(supervisor, slot, true);
			return -1;
		}
		if (blob_partial_publish(supervisor->store, &slot->partial, false, err) < 0)
			return -1;
	}
	slot_release(supervisor, slot, false);
	return reply(supervisor, number, WORK_STORED, 0, NULL, 0, err);
}

int slot_broken(struct supervisor *supervisor, size_t number, struct err *err)
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
