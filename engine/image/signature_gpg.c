/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/signature_gpg.c - OpenPGP, by libgpgme and gpg
 *
 * A check has a GNUPGHOME of its own, with nothing in it but the keys of one requirement, so a signature that gpg calls good is one by these
 * keys. gpg does the parsing: it is started from within the sandbox and is as confined as this process. It is told not to look for keys
 * anywhere, and to start no other program.
 */
#include "engine/image/signature_private.h"

#include <errno.h>
#include <fcntl.h>
#include <gpgme.h>
#include <locale.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "engine/image/signature.h"

struct gpg {
	gpgme_ctx_t context;
};

static bool refuse(struct strbuf *why, const char *text)
{
	strbuf_adds(why, text);
	return false;
}

static bool refuse_code(struct strbuf *why, const char *text, gpgme_error_t code)
{
	char reason[200];

	gpgme_strerror_r(code, reason, sizeof(reason));
	strbuf_addf(why, "%s: %s", text, reason);
	return false;
}

bool gpg_prepare(const char *home, struct strbuf *why)
{
	static const char settings[] = "batch\n"
				       "no-tty\n"
				       "no-autostart\n"
				       "no-greeting\n"
				       "disable-dirmngr\n"
				       "no-auto-key-retrieve\n"
				       "auto-key-locate clear\n"
				       "no-auto-check-trustdb\n"
				       "trust-model always\n";
	cleanup_free char *path = home != NULL ? xasprintf("%s/gpg.conf", home) : NULL;
	cleanup_fd int fd = -1;

	setlocale(LC_ALL, "C");
	gpgme_check_version(NULL);
	if (gpgme_engine_check_version(GPGME_PROTOCOL_OPENPGP) != GPG_ERR_NO_ERROR)
		return refuse(why, "the program 'gpg' is missing");
	if (home == NULL)
		return true;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || fd_write_full(fd, settings, sizeof(settings) - 1) < 0)
		return refuse(why, "cannot write gpg's settings");
	return true;
}

/* ---- keys ------------------------------------------------------------------------------------------------------------- */

static bool import(struct gpg *gpg, const struct strbuf *key, struct strbuf *why)
{
	gpgme_data_t data = NULL;
	gpgme_import_result_t result = NULL;
	gpgme_error_t code = gpgme_data_new_from_mem(&data, key->data, key->length, 0);

	if (code == GPG_ERR_NO_ERROR)
		code = gpgme_op_import(gpg->context, data);
	gpgme_data_release(data);
	if (code != GPG_ERR_NO_ERROR)
		return refuse_code(why, "it cannot be read by gpg", code);
	result = gpgme_op_import_result(gpg->context);
	if (result == NULL || result->considered == 0 ||
	    result->imported + result->unchanged + result->new_user_ids + result->new_sub_keys +
			    result->new_signatures ==
		    0)
		return refuse(why, "there is no public key of OpenPGP in it");
	return true;
}

struct gpg *gpg_new(const char *home, const struct strbuf *keys, size_t key_count,
		    struct strbuf *why)
{
	struct gpg *gpg = xcalloc(1, sizeof(*gpg));
	gpgme_error_t code = gpgme_new(&gpg->context);

	if (code == GPG_ERR_NO_ERROR)
		code = gpgme_ctx_set_engine_info(gpg->context, GPGME_PROTOCOL_OPENPGP, NULL, home);
	if (code != GPG_ERR_NO_ERROR) {
		refuse_code(why, "gpg cannot be used", code);
		gpg_free(gpg);
		return NULL;
	}
	for (size_t i = 0; i < key_count; i++) {
		if (!import(gpg, &keys[i], why)) {
			gpg_free(gpg);
			return NULL;
		}
	}
	return gpg;
}

void gpg_free(struct gpg *gpg)
{
	if (gpg == NULL)
		return;
	if (gpg->context != NULL)
		gpgme_release(gpg->context);
	free(gpg);
}

void gpg_describe(struct gpg *gpg, struct strv *ret_ids, struct strv *ret_fingerprints)
{
	gpgme_key_t key = NULL;

	if (gpgme_op_keylist_start(gpg->context, NULL, 0) != GPG_ERR_NO_ERROR)
		return;
	while (gpgme_op_keylist_next(gpg->context, &key) == GPG_ERR_NO_ERROR) {
		for (gpgme_user_id_t id = key->uids; id != NULL; id = id->next)
			strv_add(ret_ids, !str_is_empty(id->email) ? id->email : id->uid);
		if (key->fpr != NULL)
			strv_add(ret_fingerprints, key->fpr);
		gpgme_key_unref(key);
	}
}

/* ---- signatures ------------------------------------------------------------------------------------------------------- */

/* gpg's output, no more than a payload may have */
static ssize_t take_plain(void *arg, const void *data, size_t length)
{
	struct strbuf *plain = arg;

	if (plain->length + length > PAYLOAD_MAX_BYTES) {
		errno = EFBIG;
		return -1;
	}
	strbuf_add(plain, data, length);
	return (ssize_t)length;
}

static bool is_weak(gpgme_hash_algo_t hash)
{
	return hash == GPGME_MD_MD5 || hash == GPGME_MD_SHA1 || hash == GPGME_MD_NONE;
}

/* Exactly one signature, and nothing about it that is not as it should be. */
static bool result_is_good(const struct gpg *gpg, struct strbuf *why)
{
	gpgme_verify_result_t result = gpgme_op_verify_result(gpg->context);
	gpgme_signature_t one = result != NULL ? result->signatures : NULL;

	if (one == NULL)
		return refuse(why, "it is no signature");
	if (one->next != NULL)
		return refuse(why, "it is more than one signature");
	if (gpgme_err_code(one->status) == GPG_ERR_NO_PUBKEY)
		return refuse(why, "it is made by no key that the policy names");
	if (one->status != GPG_ERR_NO_ERROR)
		return refuse_code(why, "it is not good", one->status);
	if (one->validity == GPGME_VALIDITY_NEVER || one->validity_reason != GPG_ERR_NO_ERROR ||
	    one->wrong_key_usage)
		return refuse(why, "its key is not for signatures");
	if (is_weak(one->hash_algo))
		return refuse(why, "it is made with a hash that can be forged");
	return true;
}

static bool verify_plain(struct gpg *gpg, const char *data, size_t length, struct strbuf *plain,
			 struct strbuf *why)
{
	struct gpgme_data_cbs callbacks = { .write = take_plain };
	gpgme_data_t signed_data = NULL, plain_data = NULL;
	gpgme_error_t code = gpgme_data_new_from_mem(&signed_data, data, length, 0);

	if (code == GPG_ERR_NO_ERROR)
		code = gpgme_data_new_from_cbs(&plain_data, &callbacks, plain);
	if (code == GPG_ERR_NO_ERROR)
		code = gpgme_op_verify(gpg->context, signed_data, NULL, plain_data);
	gpgme_data_release(signed_data);
	gpgme_data_release(plain_data);
	if (code != GPG_ERR_NO_ERROR)
		return refuse_code(why, "it is no signature", code);
	return result_is_good(gpg, why);
}

bool gpg_verify(struct gpg *gpg, const char *data, size_t length, struct claim *ret,
		struct strbuf *why)
{
	cleanup_strbuf struct strbuf plain = STRBUF_INIT;

	/* a text with a signature below it is another format, in which other bytes count than are seen */
	if (length == 0 || ((unsigned char)data[0] & 0x80) == 0)
		return refuse(why, "it is no signature");
	return verify_plain(gpg, data, length, &plain, why) &&
	       payload_parse(plain.data, plain.length, PAYLOAD_TYPE_GPG, ret, why);
}

/* ---- signing ---------------------------------------------------------------------------------------------------------- */

static gpgme_error_t give_passphrase(void *arg, const char *hint, const char *info, int was_bad,
				     int fd)
{
	const char *passphrase = arg;

	if (was_bad)
		return gpgme_error(GPG_ERR_BAD_PASSPHRASE);
	if (fd_write_full(fd, passphrase, strlen(passphrase)) < 0 || fd_write_full(fd, "\n", 1) < 0)
		return gpgme_error(GPG_ERR_CANCELED);
	return GPG_ERR_NO_ERROR;
}

static gpgme_error_t sign(gpgme_ctx_t context, const char *by, const char *payload,
			  struct strbuf *ret)
{
	gpgme_key_t key = NULL;
	gpgme_data_t in = NULL, out = NULL;
	gpgme_error_t code = gpgme_get_key(context, by, &key, 1);
	char *bytes = NULL;
	size_t length = 0;

	if (code == GPG_ERR_NO_ERROR)
		code = gpgme_signers_add(context, key);
	if (code == GPG_ERR_NO_ERROR)
		code = gpgme_data_new_from_mem(&in, payload, strlen(payload), 0);
	if (code == GPG_ERR_NO_ERROR)
		code = gpgme_data_new(&out);
	if (code == GPG_ERR_NO_ERROR)
		code = gpgme_op_sign(context, in, out, GPGME_SIG_MODE_NORMAL);
	gpgme_data_release(in);
	if (code == GPG_ERR_NO_ERROR) {
		bytes = gpgme_data_release_and_get_mem(out, &length);
		strbuf_add(ret, bytes, length);
		gpgme_free(bytes);
	} else {
		gpgme_data_release(out);
	}
	if (key != NULL)
		gpgme_key_unref(key);
	return code;
}

bool gpg_sign(const char *by, const char *passphrase, const char *payload, struct strbuf *ret,
	      struct strbuf *why)
{
	gpgme_ctx_t context = NULL;
	gpgme_error_t code;

	if (!gpg_prepare(NULL, why))
		return false;
	code = gpgme_new(&context);
	if (code != GPG_ERR_NO_ERROR)
		return refuse_code(why, "gpg cannot be used", code);
	if (passphrase != NULL) {
		gpgme_set_pinentry_mode(context, GPGME_PINENTRY_MODE_LOOPBACK);
		gpgme_set_passphrase_cb(context, give_passphrase, (void *)passphrase);
	}
	code = sign(context, by, payload, ret);
	gpgme_release(context);
	if (gpgme_err_code(code) == GPG_ERR_EOF || gpgme_err_code(code) == GPG_ERR_INV_VALUE)
		return refuse(why, "you have no such secret key");
	return code == GPG_ERR_NO_ERROR || refuse_code(why, "gpg fails", code);
}
