/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/seccomp_cache.c - compiled filters, kept
 *
 * A record per profile in the runtime directory. Its name holds a hash of 128 bits over the profile and all else that the result depends
 * on: architecture, version of libseccomp (which gives the numbers) and of our compiler. Nobody but the user can write there, so the hash needs
 * no strength against forging; the record's checksum finds damage. A record that does not fit is compiled anew and replaced.
 */
#include "engine/runtime/seccomp.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/record.h"
#include "base/strbuf.h"

#include <inttypes.h>
#include <seccomp.h>
#include <stdio.h>

#define CACHE_KIND    "seccomp-filter"
#define CACHE_VERSION 1
/* to be raised when seccomp_compile.c makes other programs of the same profile */
#define COMPILER_VERSION 2

/* two lanes of multiply and rotate, eight bytes at a time: 20 KB of profile in some microseconds */
struct hash {
	uint64_t a, b;
};

static void hash_word(struct hash *hash, uint64_t word)
{
	hash->a = (hash->a ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	hash->a ^= hash->a >> 29;
	hash->b = ((hash->b << 31 | hash->b >> 33) + word) * UINT64_C(0xbf58476d1ce4e5b9);
	hash->b ^= hash->b >> 32;
}

static void hash_bytes(struct hash *hash, const char *data, size_t length)
{
	hash_word(hash, length);
	for (; length > 0; data += sizeof(uint64_t)) {
		uint64_t word = 0;
		size_t part = length < sizeof(word) ? length : sizeof(word);

		memcpy(&word, data, part);
		hash_word(hash, word);
		length -= part;
	}
}

static void hash_json(struct hash *hash, json_t *json)
{
	hash_word(hash, (uint64_t)json_typeof(json));
	switch (json_typeof(json)) {
	case JSON_OBJECT:
		hash_word(hash, json_object_size(json));
		for (void *i = json_object_iter(json); i != NULL;
		     i = json_object_iter_next(json, i)) {
			const char *key = json_object_iter_key(i);

			hash_bytes(hash, key, strlen(key));
			hash_json(hash, json_object_iter_value(i));
		}
		break;
	case JSON_ARRAY:
		hash_word(hash, json_array_size(json));
		for (size_t i = 0; i < json_array_size(json); i++)
			hash_json(hash, json_array_get(json, i));
		break;
	case JSON_STRING:
		hash_bytes(hash, json_string_value(json), json_string_length(json));
		break;
	case JSON_INTEGER:
		hash_word(hash, (uint64_t)json_integer_value(json));
		break;
	case JSON_REAL:
		hash_word(hash, (uint64_t)json_real_value(json));
		break;
	default:
		break;
	}
}

static void cache_name(const json_t *seccomp, char name[static 64])
{
	const struct scmp_version *library = seccomp_version();
	struct hash hash = { COMPILER_VERSION, seccomp_arch_native() };

	hash_word(&hash, (uint64_t)library->major << 32 | library->minor << 16 | library->micro);
	/* only read: jansson's iterators take no const */
	hash_json(&hash, (json_t *)(uintptr_t)seccomp);
	snprintf(name, 64, "seccomp-%016" PRIx64 "%016" PRIx64, hash.a, hash.b);
}

/* the body of a record */
struct cache_body {
	uint32_t flags;
	uint32_t count;
	struct sock_filter code[];
};

static bool read_cached(int cache_dir_fd, const char *name, struct seccomp_filter *ret_filter)
{
	cleanup_strbuf struct strbuf body = STRBUF_INIT;
	struct err ignored; /* a damaged record is replaced */
	unsigned version;

	if (record_read(cache_dir_fd, name, CACHE_KIND, CACHE_VERSION, &body, &version, &ignored) !=
		    1 ||
	    body.length < sizeof(struct cache_body))
		return false;

	struct cache_body head;
	memcpy(&head, body.data, sizeof(head));
	if (head.count == 0 || head.count > BPF_MAXINSNS ||
	    body.length != sizeof(head) + head.count * sizeof(struct sock_filter))
		return false;

	*ret_filter = (struct seccomp_filter){
		.code = xmemdup(body.data + sizeof(head), head.count * sizeof(struct sock_filter)),
		.count = head.count,
		.flags = head.flags,
	};
	return true;
}

static void write_cached(int cache_dir_fd, const char *name, const struct seccomp_filter *filter)
{
	cleanup_strbuf struct strbuf body = STRBUF_INIT;
	struct cache_body head = { filter->flags, (uint32_t)filter->count };
	struct err err;

	strbuf_add(&body, &head, sizeof(head));
	strbuf_add(&body, filter->code, filter->count * sizeof(*filter->code));
	if (record_write(cache_dir_fd, name, CACHE_KIND, CACHE_VERSION, body.data, body.length, 0,
			 &err) < 0)
		debug("cannot keep the compiled seccomp filter, ignoring: %s", err.msg);
}

int seccomp_filter_load(const json_t *seccomp, int cache_dir_fd, struct seccomp_filter *ret_filter,
			struct err *err)
{
	char name[64];

	if (cache_dir_fd >= 0) {
		cache_name(seccomp, name);
		if (read_cached(cache_dir_fd, name, ret_filter))
			return 0;
	}
	if (seccomp_filter_compile(seccomp, ret_filter, err) < 0)
		return -1;
	if (cache_dir_fd >= 0)
		write_cached(cache_dir_fd, name, ret_filter);
	return 0;
}
