/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/sign.c - make signatures: of GPG, which go into a directory, and of sigstore, which go into the registry
 */
#include "engine/image/sign.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/yaml.h"
#include "engine/image/registries_d.h"
#include "engine/image/signature.h"
#include "engine/image/signature_ask.h"

#define CREATOR		     "dhow " DHOW_VERSION
#define PASSPHRASE_MAX_BYTES (64U << 10)

void sign_made_release(struct sign_made *made)
{
	strbuf_release(&made->gpg);
	free(made->directory);
	free(made->repository);
	json_decref(made->attachments);
	*made = (struct sign_made)SIGN_MADE_INIT;
}

bool sign_wanted(const struct image_sign_opts *opts)
{
	return opts->by != NULL || opts->sigstore_key != NULL || opts->sigstore_file != NULL;
}

/* ---- secrets ---------------------------------------------------------------------------------------------------------- */

static void free_secret(char **text)
{
	if (*text != NULL)
		explicit_bzero(*text, strlen(*text));
	free(*text);
}
#define cleanup_secret __attribute__((cleanup(free_secret)))

/* Without the blanks around it. Yours, or NULL with err. */
static char *read_passphrase(const char *path, struct err *err)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	int status = fd < 0 ? -errno : fd_read_all(fd, &text, PASSPHRASE_MAX_BYTES);
	const char *start = text.data;
	char *passphrase;

	if (status < 0) {
		err_sys(err, -status, "cannot read the passphrase in '%s'", path);
		return NULL;
	}
	while (isspace((unsigned char)*start))
		start++;
	passphrase = xstrdup(start);
	if (text.length > 0)
		explicit_bzero(text.data, text.length);
	for (size_t end = strlen(passphrase);
	     end > 0 && isspace((unsigned char)passphrase[end - 1]); end--)
		passphrase[end - 1] = '\0';
	return passphrase;
}

/* Key and passphrase of the options; of a file of parameters, too. */
struct secrets {
	char *key_file, *passphrase;
};

static void secrets_release(struct secrets *secrets)
{
	free(secrets->key_file);
	free_secret(&secrets->passphrase);
}
#define cleanup_secrets __attribute__((cleanup(secrets_release)))

static int read_parameters(const char *path, struct secrets *secrets, struct err *err)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_json json_t *json = NULL;
	int status = fd < 0 ? -errno : fd_read_all(fd, &text, YAML_LIMIT_BYTES);
	const char *key = NULL, *file;
	json_t *value = NULL;

	if (status < 0)
		return err_sys(err, -status, "cannot read '%s'", path);
	json = yaml_parse(text.data, text.length, path, err);
	if (json == NULL)
		return -1;
	json_object_foreach (json, key, value) {
		if (str_equal(key, "fulcio") || str_equal(key, "rekorURL"))
			return err_set(err, ERR_UNSUPPORTED,
				       "'%s' wants '%s', and signatures are made with a private "
				       "key only and not recorded anywhere",
				       path, key);
		if (!str_equal(key, "privateKeyFile") &&
		    !str_equal(key, "privateKeyPassphraseFile"))
			return err_set(err, ERR_USAGE, "'%s' has the unknown setting '%.100s'",
				       path, key);
		if (!json_is_string(value))
			return err_set(err, ERR_USAGE, "'%s': '%s' is no text", path, key);
	}
	file = json_get_string(json, NULL, "privateKeyFile", NULL);
	if (file == NULL)
		return err_set(err, ERR_USAGE, "'%s' names no privateKeyFile", path);
	secrets->key_file = xstrdup(file);
	file = json_get_string(json, NULL, "privateKeyPassphraseFile", NULL);
	if (file != NULL && secrets->passphrase == NULL)
		secrets->passphrase = read_passphrase(file, err);
	return file != NULL && secrets->passphrase == NULL ? -1 : 0;
}

static int read_secrets(const struct image_sign_opts *opts, struct secrets *ret, struct err *err)
{
	if (opts->by != NULL && (opts->sigstore_key != NULL || opts->sigstore_file != NULL) &&
	    opts->passphrase_file != NULL)
		return err_set(err, ERR_USAGE,
			       "--sign-passphrase-file cannot be for two keys: sign in two steps");
	if (opts->sigstore_key != NULL && opts->sigstore_file != NULL)
		return err_set(err, ERR_USAGE,
			       "--sign-by-sigstore and --sign-by-sigstore-private-key exclude each "
			       "other");
	if (opts->passphrase_file != NULL) {
		ret->passphrase = read_passphrase(opts->passphrase_file, err);
		if (ret->passphrase == NULL)
			return -1;
	} else {
		ret->passphrase = xstrdup_null(opts->passphrase);
	}
	ret->key_file = xstrdup_null(opts->sigstore_key);
	return opts->sigstore_file != NULL ? read_parameters(opts->sigstore_file, ret, err) : 0;
}

/* ---- signatures ------------------------------------------------------------------------------------------------------- */

static void make_payload(const char *type, const struct image_ref *target,
			 const struct digest *manifest, struct strbuf *ret)
{
	cleanup_free char *name = image_ref_full(target, "docker.io");
	cleanup_json json_t *json = json_object();
	json_t *critical = json_object(), *identity = json_object(), *image = json_object(),
	       *optional = json_object();

	json_put(json, "critical", critical);
	json_put(critical, "identity", identity);
	json_put_string(identity, "docker-reference", name);
	json_put(critical, "image", image);
	json_put_string(image, "docker-manifest-digest", manifest->text);
	json_put_string(critical, "type", type);
	json_put(json, "optional", optional);
	json_put_string(optional, "creator", CREATOR);
	json_put_int(optional, "timestamp", (int64_t)time(NULL));
	json_print(json, 0, ret);
}

/* The answer's signature, in base64; borrowed from *ret_answer. */
static int ask(json_t *request, const char *payload, const char *passphrase, json_t **ret_answer,
	       struct err *err)
{
	json_put_string(request, "payload", payload);
	if (passphrase != NULL)
		json_put(request, "passphrase", json_text(passphrase));
	if (signature_ask(request, true, ret_answer, err) < 0)
		return -1;
	if (*json_get_string(*ret_answer, "", "signature", NULL) == '\0')
		return err_set(err, ERR_FAILED, "'signature' gives no signature");
	return 0;
}

static int make_gpg(const char *by, const char *passphrase, const struct image_ref *target,
		    struct sign_made *made, struct err *err)
{
	cleanup_json json_t *request = json_object(), *answer = NULL;
	cleanup_strbuf struct strbuf payload = STRBUF_INIT;

	make_payload(PAYLOAD_TYPE_GPG, target, &made->manifest, &payload);
	json_put_string(request, "op", "sign-gpg");
	json_put(request, "by", json_text(by));
	if (ask(request, payload.data, passphrase, &answer, err) < 0)
		return -1;
	if (!base64_decode(json_get_string(answer, "", "signature", NULL), &made->gpg))
		return err_set(err, ERR_FAILED, "'signature' gives no signature");
	return 0;
}

static int make_sigstore(const struct secrets *secrets, const struct image_ref *target,
			 struct sign_made *made, struct err *err)
{
	cleanup_json json_t *request = json_object(), *answer = NULL;
	cleanup_strbuf struct strbuf payload = STRBUF_INIT, encoded = STRBUF_INIT;
	json_t *key = signature_key_file(secrets->key_file, err);
	json_t *attachment;

	if (key == NULL)
		return -1;
	json_put(request, "key", key);
	json_put_string(request, "op", "sign-sigstore");
	make_payload(PAYLOAD_TYPE_SIGSTORE, target, &made->manifest, &payload);
	if (secrets->passphrase == NULL) {
		err_set(err, ERR_USAGE, "there is no passphrase for the key '%s'",
			secrets->key_file);
		return err_hint(err, "Use --sign-passphrase-file.");
	}
	if (ask(request, payload.data, secrets->passphrase, &answer, err) < 0)
		return err_wrap(err, "cannot sign with the key '%s'", secrets->key_file);
	base64_encode(payload.data, payload.length, &encoded);
	attachment = json_object();
	json_put_string(attachment, "payload", encoded.data);
	json_put_string(attachment, "signature", json_get_string(answer, "", "signature", NULL));
	made->attachments = json_array();
	json_array_append_new(made->attachments, attachment);
	return 0;
}

static int find_directory(const struct image_ref *target, const struct signature_storage *storage,
			  const char *directory, struct sign_made *made, struct err *err)
{
	cleanup_free char *here = directory != NULL && *directory != '/' ? getcwd(NULL, 0) : NULL;

	made->repository = xstrdup(target->path);
	if (directory != NULL)
		made->directory =
			here != NULL ? xasprintf("%s/%s", here, directory) : xstrdup(directory);
	else
		made->directory = signature_storage_directory(storage->write_url);
	if (made->directory != NULL)
		return 0;
	err_set(err, ERR_UNSUPPORTED, "signatures cannot be written to '%s'", storage->write_url);
	return err_hint(err, "Name a lookaside-staging of file: in registries.d.");
}

int sign_make(struct engine *engine, const struct image_sign_opts *opts,
	      const struct image_ref *target, const struct digest *manifest, const char *directory,
	      struct sign_made *ret, struct err *err)
{
	cleanup_signature_storage struct signature_storage storage = { 0 };
	cleanup_secrets struct secrets secrets = { NULL, NULL };
	cleanup_sign_made struct sign_made made = SIGN_MADE_INIT;

	made.manifest = *manifest;
	if (!sign_wanted(opts)) {
		if (opts->passphrase_file != NULL)
			return err_set(err, ERR_USAGE,
				       "--sign-passphrase-file is for a key that is not named");
		ret->manifest = *manifest;
		return 0;
	}
	if (signature_storage_find(target, &storage, err) < 0 ||
	    read_secrets(opts, &secrets, err) < 0)
		return -1;
	if (opts->by != NULL && (find_directory(target, &storage, directory, &made, err) < 0 ||
				 make_gpg(opts->by, secrets.passphrase, target, &made, err) < 0))
		return -1;
	if (secrets.key_file != NULL && !storage.attachments) {
		err_set(err, ERR_USAGE,
			"signatures of sigstore are attached to images only where registries.d "
			"says so");
		return err_hint(err, "Set use-sigstore-attachments for '%s'.", target->registry);
	}
	if (secrets.key_file != NULL && make_sigstore(&secrets, target, &made, err) < 0)
		return -1;
	sign_made_release(ret);
	*ret = made;
	made = (struct sign_made)SIGN_MADE_INIT;
	return 0;
}

int sign_store(const struct sign_made *made, char **ret_path, struct err *err)
{
	if (made->gpg.length == 0)
		return 0;
	return lookaside_write(made->directory, made->repository, &made->manifest, made->gpg.data,
			       made->gpg.length, ret_path, err);
}
