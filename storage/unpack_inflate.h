/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/unpack_inflate.h - compressed bytes in, tar bytes and their digest out (private to the unpacker)
 */
#ifndef STORAGE_UNPACK_INFLATE_H
#define STORAGE_UNPACK_INFLATE_H

#include "storage/unpack.h"

struct inflate_result {
	unsigned char diff_id[32]; /* sha256 of the tar bytes */
	uint64_t compressed_bytes, tar_bytes;
	bool reader_gone; /* failed because nobody reads the tar any more: the reader knows why */
};

/**
 * Read input_fd to its end, write what it holds to output_fd (both pipes, usually). ERR_CORRUPT when the bytes are cut short,
 * damaged or followed by something else, ERR_LIMIT when the ratio or the memory limit is met.
 */
int inflate_run(int input_fd, int output_fd, enum unpack_compression compression,
		uint64_t ratio_limit, struct inflate_result *ret_result, struct err *err);

#endif
