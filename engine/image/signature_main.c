/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/signature_main.c - libexec/dhow/signature: the cryptography of signatures
 *
 * A process for one request (signature.h), because its libraries are large and what it reads is hostile. Before the first signature is
 * looked at it confines itself: no network, no files but the libraries (to read) and an empty directory (to change), and no program, or, when
 * there are keys of OpenPGP, programs that are confined as it is.
 */
#include "engine/image/signature_private.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "engine/image/signature.h"
#include "rootless/sandbox.h"

#if defined(__SANITIZE_ADDRESS__)
#define MEMORY_BYTES 0 /* the sanitizer reserves terabytes of address space */
#else
#define MEMORY_BYTES (1ULL << 30)
#endif
#define FILE_BYTES    (64ULL << 20)
#define READ_DIRS_MAX 16

/* programs, libraries and their settings; what is missing is left out */
static const char *const read_paths[] = { "/usr", "/lib", "/lib64", "/bin", "/etc" };
/* what every program opens */
static const char *const device_paths[] = { "/dev/null", "/dev/urandom" };

static size_t open_paths(const char *const *paths, size_t count, int *fds)
{
	size_t opened = 0;

	for (size_t i = 0; i < count; i++) {
		int fd = open(paths[i], O_PATH | O_CLOEXEC);

		if (fd >= 0)
			fds[opened++] = fd;
	}
	return opened;
}

/* @param home  of gpg; NULL: no program is started */
static int confine(const char *home, struct err *err)
{
	const int keep[] = { SIGNATURE_ANSWER_FD };
	int read_fds[READ_DIRS_MAX], write_fds[READ_DIRS_MAX];
	struct sandbox sandbox = {
		.read_dir_fds = read_fds,
		.write_dir_fds = write_fds,
		.keep_fds = keep,
		.keep_fd_count = ARRAY_SIZE(keep),
		.memory_limit_bytes = MEMORY_BYTES,
		.file_limit_bytes = FILE_BYTES,
		.allow_files = home != NULL,
		.allow_threads = home != NULL,
		.allow_programs = home != NULL,
	};

	if (home != NULL) {
		write_fds[0] = open(home, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (write_fds[0] < 0)
			return err_sys(err, errno, "cannot open directory '%s'", home);
		sandbox.write_dir_count =
			1 + open_paths(device_paths, ARRAY_SIZE(device_paths), write_fds + 1);
		sandbox.read_dir_count = open_paths(read_paths, ARRAY_SIZE(read_paths), read_fds);
	}
	return sandbox_enter(&sandbox, err) < 0 ? err_wrap(err, "cannot confine the check") : 0;
}

/* ---- keys ------------------------------------------------------------------------------------------------------------- */

struct key_list {
	struct strbuf *items;
	size_t count;
};

static void key_list_release(struct key_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		strbuf_release(&list->items[i]);
	free(list->items);
}
#define cleanup_key_list __attribute__((cleanup(key_list_release)))

static int read_keys(const json_t *list, struct key_list *ret, struct err *err)
{
	ret->items = xcalloc(json_array_size(list) + 1, sizeof(*ret->items));
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *text = json_string_value(json_array_get(list, i));

		strbuf_init(&ret->items[ret->count++]);
		if (text == NULL || !base64_decode(text, &ret->items[i]))
			return err_set(err, ERR_USAGE, "the request has a key that is none");
	}
	return 0;
}

static void sigstore_keys_release(struct sigstore_keys *keys)
{
	for (size_t i = 0; i < keys->count; i++)
		key_free(keys->items[i]);
	free(keys->items);
}
#define cleanup_sigstore_keys __attribute__((cleanup(sigstore_keys_release)))

static int read_sigstore_keys(const json_t *list, struct sigstore_keys *ret, struct err *err)
{
	cleanup_key_list struct key_list texts = { NULL, 0 };
	cleanup_strbuf struct strbuf why = STRBUF_INIT;

	if (read_keys(list, &texts, err) < 0)
		return -1;
	ret->items = xcalloc(texts.count + 1, sizeof(struct key *));
	for (size_t i = 0; i < texts.count; i++) {
		ret->items[i] = key_parse(texts.items[i].data, texts.items[i].length, &why);
		if (ret->items[i] == NULL)
			return err_set(err, ERR_DENIED, "a key of the policy cannot be used: %s",
				       why.data);
		ret->count++;
	}
	return 0;
}

/* ---- verify ----------------------------------------------------------------------------------------------------------- */

/* One answer; the claim and why are released. */
static json_t *result_of(bool good, struct claim *claim, struct strbuf *why)
{
	json_t *json = json_object();

	if (!good && why->length == 0)
		strbuf_adds(why, "it is not good");
	json_put_string(json, "why", good ? "" : why->data);
	if (good) {
		json_put(json, "reference", json_text(claim->reference));
		json_put_string(json, "digest", claim->digest);
	}
	claim_release(claim);
	strbuf_release(why);
	return json;
}

/* {"mimeType", "payload", "annotations"}, as other engines write it into files. */
static void read_sigstore_blob(const struct strbuf *blob, json_t *signature)
{
	struct err ignored; /* then it is a signature that is not good */
	cleanup_json json_t *json =
		json_parse(blob->data + SIGSTORE_BLOB_MAGIC_LENGTH,
			   blob->length - SIGSTORE_BLOB_MAGIC_LENGTH, "signature", &ignored);
	const json_t *annotations = json_object_get(json, "annotations");

	json_put_string(signature, "kind", "sigstore");
	if (!str_equal(json_get_string(json, "", "mimeType", NULL), SIGSTORE_PAYLOAD_MEDIA_TYPE))
		return;
	json_put(signature, "payload", json_text(json_get_string(json, "", "payload", NULL)));
	json_put(signature, "signature",
		 json_text(json_get_string(annotations, "", SIGSTORE_SIGNATURE_ANNOTATION, NULL)));
	json_put(signature, "bundle",
		 json_text(json_get_string(annotations, "", SIGSTORE_BUNDLE_ANNOTATION, NULL)));
}

/* What a file held is of one kind or the other. */
static void tell_kinds(json_t *signatures)
{
	for (size_t i = 0; i < json_array_size(signatures); i++) {
		json_t *signature = json_array_get(signatures, i);
		cleanup_strbuf struct strbuf blob = STRBUF_INIT;

		if (!str_equal(json_get_string(signature, "", "kind", NULL), "blob") ||
		    !base64_decode(json_get_string(signature, "", "data", NULL), &blob))
			continue;
		if (blob.length >= SIGSTORE_BLOB_MAGIC_LENGTH &&
		    memcmp(blob.data, SIGSTORE_BLOB_MAGIC, SIGSTORE_BLOB_MAGIC_LENGTH) == 0)
			read_sigstore_blob(&blob, signature);
		else
			json_put_string(signature, "kind", "gpg");
	}
}

static bool is_kind(const json_t *signature, const char *kind, struct strbuf *why)
{
	if (str_equal(json_get_string(signature, "", "kind", NULL), kind))
		return true;
	strbuf_adds(why, "it is of another kind");
	return false;
}

static json_t *check_gpg_signature(struct gpg *gpg, const json_t *signature)
{
	struct strbuf why = STRBUF_INIT;
	cleanup_strbuf struct strbuf data = STRBUF_INIT;
	struct claim claim = { 0 };
	bool good = is_kind(signature, "gpg", &why) &&
		    base64_decode(json_get_string(signature, "", "data", NULL), &data) &&
		    gpg_verify(gpg, data.data, data.length, &claim, &why);

	return result_of(good, &claim, &why);
}

static int check_gpg(const json_t *check, const char *home, const json_t *signatures,
		     json_t *results, struct err *err)
{
	cleanup_key_list struct key_list keys = { NULL, 0 };
	cleanup_strbuf struct strbuf why = STRBUF_INIT;
	struct gpg *gpg = NULL;

	if (read_keys(json_object_get(check, "keys"), &keys, err) < 0)
		return -1;
	gpg = gpg_new(home, keys.items, keys.count, &why);
	if (gpg == NULL)
		return err_set(err, ERR_DENIED, "a key of the policy cannot be used: %s", why.data);
	for (size_t i = 0; i < json_array_size(signatures); i++)
		json_array_append_new(results,
				      check_gpg_signature(gpg, json_array_get(signatures, i)));
	gpg_free(gpg);
	return 0;
}

static int check_sigstore(const json_t *check, const json_t *signatures, json_t *results,
			  struct err *err)
{
	cleanup_sigstore_keys struct sigstore_keys keys = { NULL, 0 }, rekor = { NULL, 0 };
	const json_t *rekor_list = json_object_get(check, "rekorKeys");

	if (read_sigstore_keys(json_object_get(check, "keys"), &keys, err) < 0 ||
	    read_sigstore_keys(rekor_list, &rekor, err) < 0)
		return -1;
	for (size_t i = 0; i < json_array_size(signatures); i++) {
		const json_t *signature = json_array_get(signatures, i);
		struct strbuf why = STRBUF_INIT;
		struct claim claim = { 0 };
		bool good = is_kind(signature, "sigstore", &why) &&
			    sigstore_verify(&keys, rekor.count > 0 ? &rekor : NULL, signature,
					    &claim, &why);

		json_array_append_new(results, result_of(good, &claim, &why));
	}
	return 0;
}

/* The GNUPGHOME of one check; made before the sandbox closes. NULL: it needs none. */
static char *home_of_check(const char *home, size_t number)
{
	return xasprintf("%s/%zu", home, number);
}

static bool is_gpg(const json_t *check)
{
	return str_equal(json_get_string(check, "", "type", NULL), "gpg");
}

static int prepare_homes(const json_t *checks, const char *home, bool *ret_gpg, struct err *err)
{
	cleanup_strbuf struct strbuf why = STRBUF_INIT;

	*ret_gpg = false;
	for (size_t i = 0; i < json_array_size(checks); i++) {
		cleanup_free char *path = home_of_check(home, i);

		if (!is_gpg(json_array_get(checks, i)))
			continue;
		*ret_gpg = true;
		if (mkdir(path, 0700) < 0)
			return err_sys(err, errno, "cannot make directory '%s'", path);
		if (!gpg_prepare(path, &why)) {
			err_set(err, ERR_UNSUPPORTED, "signatures of GPG cannot be checked: %s",
				why.data);
			return err_hint(err, "Install gpg.");
		}
	}
	return 0;
}

static int verify(const json_t *request, json_t *answer, struct err *err)
{
	const char *home = json_get_string(request, "", "home", NULL);
	const json_t *checks = json_object_get(request, "checks");
	json_t *signatures = json_object_get(request, "signatures");
	json_t *lists = json_array();
	bool uses_gpg = false;

	json_put(answer, "results", lists);
	if (prepare_homes(checks, home, &uses_gpg, err) < 0 ||
	    confine(uses_gpg ? home : NULL, err) < 0)
		return -1;
	tell_kinds(signatures);
	for (size_t i = 0; i < json_array_size(checks); i++) {
		const json_t *check = json_array_get(checks, i);
		cleanup_free char *own_home = home_of_check(home, i);
		json_t *results = json_array();

		json_array_append_new(lists, results);
		if ((is_gpg(check) ? check_gpg(check, own_home, signatures, results, err)
				   : check_sigstore(check, signatures, results, err)) < 0)
			return -1;
	}
	return 0;
}

/* ---- sign ------------------------------------------------------------------------------------------------------------- */

static int sign_gpg(const json_t *request, json_t *answer, struct err *err)
{
	const char *by = json_get_string(request, "", "by", NULL);
	cleanup_strbuf struct strbuf signature = STRBUF_INIT, text = STRBUF_INIT, why = STRBUF_INIT;

	if (!gpg_sign(by, json_get_string(request, NULL, "passphrase", NULL),
		      json_get_string(request, "", "payload", NULL), &signature, &why)) {
		err_set(err, ERR_FAILED, "cannot sign with the key '%s': %s", by, why.data);
		return err_hint(err, "See `gpg --list-secret-keys`.");
	}
	base64_encode(signature.data, signature.length, &text);
	json_put_string(answer, "signature", text.data);
	return 0;
}

static int sign_sigstore(const json_t *request, json_t *answer, struct err *err)
{
	cleanup_strbuf struct strbuf key = STRBUF_INIT, signature = STRBUF_INIT, text = STRBUF_INIT,
				     why = STRBUF_INIT;

	if (confine(NULL, err) < 0)
		return -1;
	if (!base64_decode(json_get_string(request, "", "key", NULL), &key) ||
	    !secret_sign(&key, json_get_string(request, "", "passphrase", NULL),
			 json_get_string(request, "", "payload", NULL), &signature, &why))
		return err_set(err, ERR_FAILED, "the private key cannot be used: %s", why.data);
	base64_encode(signature.data, signature.length, &text);
	json_put_string(answer, "signature", text.data);
	return 0;
}

/* ---- describe --------------------------------------------------------------------------------------------------------- */

static json_t *describe_key(const struct strbuf *bytes, const char *home)
{
	cleanup_strbuf struct strbuf why = STRBUF_INIT;
	cleanup_strv struct strv ids = STRV_INIT, fingerprints = STRV_INIT;
	struct key *key = key_parse(bytes->data, bytes->length, &why);
	struct gpg *gpg = key == NULL ? gpg_new(home, bytes, 1, &why) : NULL;
	json_t *json = json_object();

	if (gpg != NULL)
		gpg_describe(gpg, &ids, &fingerprints);
	json_put_string(json, "kind", key != NULL ? "sigstore" : gpg != NULL ? "gpg" : "");
	json_put_strv(json, "ids", &ids);
	json_put_strv(json, "fingerprints", &fingerprints);
	key_free(key);
	gpg_free(gpg);
	return json;
}

static int describe(const json_t *request, json_t *answer, struct err *err)
{
	const char *home = json_get_string(request, "", "home", NULL);
	cleanup_key_list struct key_list keys = { NULL, 0 };
	cleanup_strbuf struct strbuf why = STRBUF_INIT;
	json_t *list = json_array();

	json_put(answer, "keys", list);
	if (read_keys(json_object_get(request, "keys"), &keys, err) < 0)
		return -1;
	for (size_t i = 0; i < keys.count; i++) {
		cleanup_free char *own_home = home_of_check(home, i);

		if (mkdir(own_home, 0700) < 0)
			return err_sys(err, errno, "cannot make directory '%s'", own_home);
		if (!gpg_prepare(own_home, &why))
			return err_set(err, ERR_UNSUPPORTED, "keys cannot be read: %s", why.data);
	}
	if (confine(home, err) < 0)
		return -1;
	for (size_t i = 0; i < keys.count; i++) {
		cleanup_free char *own_home = home_of_check(home, i);

		json_array_append_new(list, describe_key(&keys.items[i], own_home));
	}
	return 0;
}

/* ---- requests --------------------------------------------------------------------------------------------------------- */

static const struct {
	const char *op;
	int (*function)(const json_t *request, json_t *answer, struct err *err);
} operations[] = {
	{ "verify", verify },
	{ "sign-gpg", sign_gpg },
	{ "sign-sigstore", sign_sigstore },
	{ "describe-keys", describe },
};

static int work(json_t *answer, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_json json_t *request = NULL;
	int status = fd_read_all(SIGNATURE_REQUEST_FD, &text, SIGNATURE_JSON_MAX_BYTES);

	if (status < 0)
		return err_sys(err, -status, "cannot read the request");
	request = json_parse_limited(text.data, text.length, SIGNATURE_JSON_MAX_BYTES, "request",
				     err);
	explicit_bzero(text.data, text.length);
	if (request == NULL)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(operations); i++) {
		if (str_equal(json_get_string(request, "", "op", NULL), operations[i].op))
			return operations[i].function(request, answer, err);
	}
	return err_set(err, ERR_USAGE, "the request is for nothing that is known");
}

static void add_error(json_t *answer, const struct err *err)
{
	json_t *error = json_object();

	json_put_string(error, "kind", err_kind_name(err->kind));
	json_put(error, "message", json_text(err->msg));
	json_put(error, "hint", json_text(err->hint));
	json_object_clear(answer);
	json_put(answer, "error", error);
}

int main(int argc, char **argv)
{
	cleanup_json json_t *answer = json_object();
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct err err = { 0 };

	if (fcntl(SIGNATURE_REQUEST_FD, F_GETFD) < 0 || fcntl(SIGNATURE_ANSWER_FD, F_GETFD) < 0) {
		fprintf(stderr, "%s: this program is started by dhow\n",
			argc > 0 ? argv[0] : "signature");
		return 125;
	}
	fd_ensure_stdio();
	signal(SIGPIPE, SIG_IGN);
	fd_set_cloexec(SIGNATURE_REQUEST_FD, true);
	fd_set_cloexec(SIGNATURE_ANSWER_FD, true);
	if (work(answer, &err) < 0)
		add_error(answer, &err);
	json_print(answer, 0, &text);
	return fd_write_full(SIGNATURE_ANSWER_FD, text.data, text.length) < 0 ? 1 : 0;
}
