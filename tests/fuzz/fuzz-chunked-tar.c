/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/fuzz/fuzz-chunked-tar.c - headers of a tar, as zstd:chunked reads them: no name or size leads out of the input
 */
#include <stdint.h>
#include <stdlib.h>

#include "engine/image/chunked_tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tar_state state = { .extra_left = 0 };
	size_t at = 0;

	for (;;) {
		size_t wanted = state.extra_left > 0 ? state.extra_left : TAR_BLOCK_BYTES;
		struct tar_entry entry;
		enum tar_step step;

		if (wanted > size - at)
			break;
		step = tar_state_block(&state, data + at, wanted);
		at += wanted;
		if (step == TAR_BROKEN)
			break;
		if (step == TAR_MORE)
			continue;
		tar_state_entry(&state, &entry);
		json_decref(entry.json);
		if (entry.size > size - at)
			break;
		at += (size_t)(entry.size + TAR_BLOCK_BYTES - 1) & ~(size_t)(TAR_BLOCK_BYTES - 1);
		if (at > size)
			break;
	}
	tar_state_release(&state);
	return 0;
}
