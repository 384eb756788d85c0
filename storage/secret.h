/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/secret.h - secrets: small data that containers get and images never do
 *
 *	secrets/ID/meta			record: id, name, driver, labels, created, updated
 *	secrets/ID/data			the bytes, 0600 below a directory that is ours alone
 *	secrets/names/ESCAPED-NAME	symlink whose text is the id: it is what makes a secret exist, and who makes it first has the name
 *	secrets/lock			taken by writers, for the change only; the last in the order of locks
 *
 * A secret is staged, moved to its id and then named; it is removed the other way round. So a crash leaves a directory that no name leads to,
 * which the next writer removes. With replace the name is moved to another id in one step. The only driver is "file", which is this; the
 * commands that other drivers would run are not run.
 *
 * The bytes go nowhere else than into the buffer of who asks for them (R18): wipe it with secret_wipe().
 */
#ifndef STORAGE_SECRET_H
#define STORAGE_SECRET_H

#include "base/names.h"
#include "base/strbuf.h"
#include "base/strv.h"
#include "storage/store.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

#define SECRET_ID_LENGTH   25
#define SECRET_NAME_MAX	   253
#define SECRET_BYTES_MAX   512000
#define SECRET_DRIVER_FILE "file"

struct secret {
	char id[SECRET_ID_LENGTH + 1];
	char *name, *driver;
	struct strv labels; /* NAME=VALUE */
	int64_t created_ns, updated_ns;
	bool damaged; /* the record cannot be read: it can be listed and removed */
};
void secret_free(struct secret *secret);
DEFINE_CLEANUP(secret)
#define cleanup_secret __attribute__((cleanup(secret_free_ptr)))

struct secret_list {
	struct secret **items;
	size_t count;
};
void secret_list_release(struct secret_list *list);
#define cleanup_secret_list __attribute__((cleanup(secret_list_release)))

/** 1 to 253 bytes of UTF-8 without '/', '=', ',' and control bytes. */
bool secret_name_is_valid(const char *name);

struct secret_create_opts {
	const char *name;
	const char *driver;			    /* NULL: "file" */
	const struct strv *labels, *driver_options; /* NULL: none */
	bool replace;				    /* one of this name is removed */
	bool ignore;				    /* one of this name is given back as it is */
};
/** Durable. ERR_EXISTS, ERR_USAGE (name, size), ERR_UNSUPPORTED (driver). */
int secret_create(struct store *store, const struct secret_create_opts *opts, const void *data,
		  size_t size, struct secret **ret_secret, struct err *err);
/** By name, id, or a unique start of an id: 1, 0, -1 (ERR_AMBIGUOUS). */
int secret_find(struct store *store, const char *text, struct secret **ret_secret, struct err *err);
/** The same, but not found is ERR_NOT_FOUND with podman's sentence. */
int secret_get(struct store *store, const char *text, struct secret **ret_secret, struct err *err);
/** All, by name. */
int secret_list(struct store *store, struct secret_list *ret_list, struct err *err);
/** Append the bytes. */
int secret_read(struct store *store, const struct secret *secret, struct strbuf *data,
		struct err *err);
int secret_remove(struct store *store, const struct secret *secret, struct err *err);
/** Overwrite what the buffer holds, and release it. */
void secret_wipe(struct strbuf *data);
#define cleanup_secret_data __attribute__((cleanup(secret_wipe)))

enum secret_use_type { SECRET_USE_MOUNT, SECRET_USE_ENV, SECRET_USE_TYPE_COUNT };
NAME_TABLE_DECLARE(secret_use_type)

/** What `run --secret` asks for. */
struct secret_use {
	char *source; /* name or id, not looked up yet */
	enum secret_use_type type;
	char *target; /* mount: absolute path in the container; env: name of the variable */
	uint32_t uid, gid;
	mode_t mode; /* 0444 */
};
/** "NAME[,type=mount|env][,target=TARGET][,uid=N][,gid=N][,mode=0NNN]" */
int secret_parse_option(const char *text, struct secret_use *ret_use, struct err *err);
void secret_use_release(struct secret_use *use);
#define cleanup_secret_use __attribute__((cleanup(secret_use_release)))

#endif
