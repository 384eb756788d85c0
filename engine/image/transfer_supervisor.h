/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/transfer_supervisor.h - the slots of the supervisor (private to its two files)
 *
 * A slot is one blob in work:
 *
 *	FREE -> WAITING (another pull has the blob or the layer) -> OPEN -> FINISHING (the unpacker is at its end) -> FREE
 *
 * and between two times of OPEN, in PLANNING, it is found out which parts of a layer are missing.
 */
#ifndef ENGINE_IMAGE_TRANSFER_SUPERVISOR_H
#define ENGINE_IMAGE_TRANSFER_SUPERVISOR_H

#include "base/strbuf.h"
#include "engine/image/transfer_partial.h"
#include "engine/image/transfer_private.h"
#include "rootless/rootless.h"
#include "storage/image.h"
#include "storage/layer.h"
#include "storage/store.h"
#include "storage/unpack.h"

enum slot_state { SLOT_FREE, SLOT_WAITING, SLOT_OPEN, SLOT_PLANNING, SLOT_FINISHING };

struct slot {
	enum slot_state state;
	bool is_layer;
	bool is_raw; /* a blob of any size that is stored as it is: of an artifact, or of an image that is passed on */
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
	bool has_table; /* of contents: the fetcher says so */
	bool in_parts; /* it does come in parts, into parts_fd; partial holds the blob's lock and stays empty */
	int parts_fd;
	struct partial parts;
};

struct supervisor {
	struct store *store;
	int fetcher_fd, signal_fd;
	bool is_own; /* the source is a layout of dhow's own */
	int own_fd; /* blobs/sha256 of a layout that dhow has just unpacked and will throw away, or -1 */
	struct slot slots[WORK_SLOTS];
	const struct idmaps *maps;
	struct child flusher;
	struct digest plan[MANIFEST_LAYERS_MAX]; /* diffIDs of the image, lowest first */
	size_t plan_count;
	bool images;	    /* the result is an image */
	size_t layer_limit; /* no more of them are wanted */
	bool ended;	    /* the last event was written */
	int exit_status;
};

/** A slot that is free. */
extern const struct slot slot_empty;
/** Free it, whatever it is doing; what is there of the blob is kept for a retry if that is worth while. */
void slot_release(struct supervisor *supervisor, struct slot *slot, bool discard);
/** 1 opened (or skipped) and told to the fetcher, 0 somebody else has the blob or the layer, -1 */
int slot_open(struct supervisor *supervisor, size_t number, struct err *err);
/** WORK_DONE came and the unpacker has ended: 0 also when the layer must wait for a lower one (slot->waited). */
int slot_finish_layer(struct supervisor *supervisor, size_t number, struct err *err);
/** WORK_TABLE came: find out what is missing. */
int slot_plan(struct supervisor *supervisor, size_t number, const struct chunked_place *place,
	      struct err *err);
/** The plan is there: tell the fetcher. */
int slot_planned(struct supervisor *supervisor, size_t number, struct err *err);
/** WORK_DONE came for a layer in parts: unpack what they make. */
int slot_assemble(struct supervisor *supervisor, size_t number, struct err *err);
int slot_finish_document(struct supervisor *supervisor, size_t number, struct err *err);
int slot_finish_raw(struct supervisor *supervisor, size_t number, struct err *err);
/** The unpacker closed its input before the end. */
int slot_broken(struct supervisor *supervisor, size_t number, struct err *err);

/** Read a whole small blob and check its digest: what the fetcher says is not believed where that is cheap. */
int supervisor_read_checked(int fd, const struct digest *digest, struct strbuf *ret,
			    struct err *err);

#endif
