/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/fuzz/fuzz-signature.c - what a signature signs, and signatures of sigstore: no crash, and none is good without a key that made it
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/json.h"
#include "engine/image/signature.h"
#include "engine/image/signature_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char public_key[] =
	"-----BEGIN PUBLIC KEY-----\n"
	"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEj/s+dPvbnr2jl0MLbTNTUaQfXNsw\n"
	"DNPLf9RhS4U+tOqLiDmo0NDJp+GNF2/69SFhJLEXXveK4iN0Pv0XBRwIWQ==\n"
	"-----END PUBLIC KEY-----\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_strbuf struct strbuf why = STRBUF_INIT;
	struct claim claim = { 0 };
	struct key *key = key_parse(public_key, strlen(public_key), &why);
	struct sigstore_keys keys = { &key, 1 };
	struct err err;
	cleanup_json json_t *json = json_parse((const char *)data, size, "signature", &err);

	if (key == NULL)
		abort();
	if (payload_parse((const char *)data, size, PAYLOAD_TYPE_GPG, &claim, &why) &&
	    (claim.reference == NULL || claim.digest == NULL))
		abort();
	claim_release(&claim);
	/* nobody has the private half any more */
	if (json_is_object(json) && sigstore_verify(&keys, &keys, json, &claim, &why))
		abort();
	key_free(key);
	key = key_parse((const char *)data, size, &why);
	key_free(key);
	return 0;
}
