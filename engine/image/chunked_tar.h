/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/chunked_tar.h - the headers of a tar, block by block (private to libexec/dhow/transfer)
 *
 * For the table of contents of zstd:chunked: knows where headers end and contents begin, and says of each entry what the table says.
 * ustar, pax, GNU's long names; all other kinds are entries without a line. Bounded: one header with all that belongs to it has at most
 * TAR_EXTRA_MAX bytes beside its blocks.
 */
#ifndef ENGINE_IMAGE_CHUNKED_TAR_H
#define ENGINE_IMAGE_CHUNKED_TAR_H

#include "base/json.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TAR_BLOCK_BYTES 512
#define TAR_EXTRA_MAX	(1U << 20)

enum tar_step {
	TAR_MORE,  /* go on with the next block, or with extra_left bytes */
	TAR_ENTRY, /* an entry is complete: tar_state_entry(), then its content follows */
	TAR_BROKEN /* this is no tar */
};

struct tar_state {
	size_t extra_left; /* so many bytes come next, in one piece, padding and all */
	/* private */
	char extra_type;
	size_t extra_bytes;
	struct strbuf name, link; /* of GNU or pax; "" none */
	json_t *xattrs;
	bool has_size, has_uid, has_gid, has_mtime;
	uint64_t size, uid, gid;
	int64_t mtime_ns;
	unsigned char header[TAR_BLOCK_BYTES];
};
void tar_state_release(struct tar_state *state);
enum tar_step tar_state_block(struct tar_state *state, const unsigned char *data, size_t length);

struct tar_entry {
	json_t *json; /* as the table has it, without digest and offsets; yours; NULL: of a kind that it does not have */
	bool is_regular;
	uint64_t size; /* of the content that follows */
};
/** Of the entry that is complete; the state is ready for the next. */
void tar_state_entry(struct tar_state *state, struct tar_entry *ret);

#endif
