/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/transfer_private.h - the two processes inside libexec/dhow/transfer (private to it)
 *
 *	supervisor	has the store. Starts the unpackers (which needs newuidmap, so it may execute programs), publishes blobs
 *			and layers, decides what is true. Reads nothing from the network.
 *	fetcher		its child: network, TLS, HTTP, JSON. Sandboxed (R14): it may read certificates and the resolver's files and write
 *			to descriptors that the supervisor hands it, no more. What it says is checked again.
 *
 * They talk over a SOCK_SEQPACKET pair in struct work, one slot per blob:
 *
 *	fetcher		WORK_PLAN	the diffIDs of the image, lowest first, one message each (slot: its place)
 *	fetcher		WORK_OPEN	I need this blob
 *	supervisor	WORK_OPENED	write it here (descriptor) from have_bytes on, and feed it to the unpacker (second descriptor, if any)
 *			WORK_PRESENT	it is in the store: read it here; feed it to the unpacker, if there is one
 *			WORK_SKIPPED	nothing to do: the layer is there, unpacked from this very blob
 *	fetcher		WORK_DONE	all written and fed, and the digest is right
 *	supervisor	WORK_STORED	unpacked, diffID right, published; the slot is free
 *	fetcher		WORK_DROP	give the slot up; discard: the bytes are wrong, throw them away
 *	fetcher		WORK_BROKEN	the unpacker does not read any more
 *	supervisor	WORK_BROKEN	its input is damaged, it says: go on and see whether the digest says so too
 *	fetcher		WORK_RESULT	or WORK_ERROR: the end
 *
 * A layer with a table of contents can come in parts (transfer_partial.h):
 *
 *	supervisor	WORK_OPENED	in_parts: write table and tar-split into this file, at their offsets in the blob
 *	fetcher		WORK_TABLE	they are there
 *	supervisor	WORK_RANGE	fetch these bytes too; one message each, then WORK_PLANNED
 *	fetcher		WORK_DONE
 *	supervisor	WORK_STORED	or, at any time, WORK_PLAIN: it is to be fetched as a whole; the slot is free
 */
#ifndef ENGINE_IMAGE_TRANSFER_PRIVATE_H
#define ENGINE_IMAGE_TRANSFER_PRIVATE_H

#include "base/digest.h"
#include "base/err.h"
#include "engine/image/chunked_table.h"
#include "engine/image/manifest.h"
#include "engine/image/transfer.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct store;

enum work_kind {
	WORK_PLAN,
	WORK_OPEN,
	WORK_OPENED,
	WORK_PRESENT,
	WORK_SKIPPED,
	WORK_DONE,
	WORK_STORED,
	WORK_DROP,
	WORK_BROKEN,
	WORK_TABLE,
	WORK_RANGE,
	WORK_PLANNED,
	WORK_PLAIN,
	WORK_RESULT,
	WORK_ERROR,
};

#define WORK_SLOTS (TRANSFER_PARALLEL_MAX + 2)

struct work {
	uint32_t kind;
	uint32_t slot;
	uint8_t is_layer;  /* WORK_OPEN */
	uint8_t is_raw;	   /* WORK_OPEN: bytes of any size, stored as they are */
	uint8_t discard;   /* WORK_DROP */
	uint8_t in_parts;  /* WORK_OPEN: it has a table of contents; WORK_OPENED: begin with that */
	uint32_t endpoint; /* WORK_RESULT */
	uint64_t bytes;	   /* WORK_OPEN: size; WORK_OPENED and WORK_PRESENT: what is there */
	struct digest blob, diff_id; /* WORK_RESULT: manifest, index */
	struct chunked_place place;  /* WORK_TABLE */
	uint64_t from;		     /* WORK_RANGE: bytes from here on */
	struct err err;		     /* WORK_ERROR */
};

/** What a request asks for, parsed. The texts are borrowed from json. */
struct transfer_request {
	json_t *json;
	const char *op;
	const json_t *source;
	struct platform platform;
	uint32_t retry, parallel;
	int64_t retry_delay_ms, stall_timeout_s;
	bool retry_delay_grows;
	int64_t layer_limit; /* no more of an image's layers than so many, the lowest; -1: all */
};
void transfer_request_release(struct transfer_request *request);
/** Read from the descriptor and check. */
int transfer_request_read(int fd, struct transfer_request *ret, struct err *err);

/* events on TRANSFER_EVENT_FD; a reader that went away is no error here: the supervisor is told by a signal */
void event_progress(const char *event, const struct digest *id, const char *number_key,
		    uint64_t number);
/**
 * A blob that had to be made is in the registry: its place in the request's "make", its digest and size, and what a manifest says beside it
 * (JSON object, or NULL).
 */
void event_made(uint32_t number, const struct digest *digest, uint64_t bytes,
		const char *annotations);
void event_text(const char *event, const char *format, ...) __attribute__((format(printf, 2, 3)));
void event_tags(const json_t *tags);
/** Any other: {"event": ..., ...}. */
void event_json(const json_t *event);
void event_result(const struct digest *manifest, const struct digest *index, uint32_t endpoint);
void event_error(const struct err *err);

/**
 * The fetcher, in its own process: confine it, do the work, send WORK_RESULT or WORK_ERROR. Returns the exit status.
 */
int fetcher_main(const struct transfer_request *request, int supervisor_fd);

/** "untar": unpack an archive into a directory that is sent over a socket. Writes the last event. */
int untar_main(const struct transfer_request *request, struct store *store);

/** "get": fetch a URL into a descriptor. Writes the last event. */
int get_main(const struct transfer_request *request);

/** "filter": compress or decompress from one descriptor to another. Writes the last event. */
int filter_main(const struct transfer_request *request);

/**
 * The supervisor: serve the fetcher until it ends; writes the last event. Returns the exit status.
 * @param images       the result is an image, and all of it must be there
 * @param layer_limit  so many layers of it, the lowest
 * @param own_fd       blobs/sha256 of a layout that is dhow's own, whose files may become blobs; taken; -1: there is none
 */
int supervisor_main(struct store *store, bool images, size_t layer_limit, int own_fd,
		    int fetcher_fd, pid_t fetcher_pid);

#endif
