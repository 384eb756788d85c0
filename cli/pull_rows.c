/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/pull_rows.c - the options of everything that may pull an image
 */
#include "cli/rows.h"

#define NO_ENCRYPTION "encrypted images cannot be read"

const struct opt registry_access_rows[] = {
	OPT_STRING(0, "authfile", struct image_pull_opts, authfile, "FILE",
		   "file with the credentials of registries"),
	OPT_STRING(0, "creds", struct image_pull_opts, creds, "USER[:PASSWORD]",
		   "credentials for the registry"),
	OPT_STRING(0, "cert-dir", struct image_pull_opts, cert_dir, "DIR",
		   "directory with CA and client certificates for the registry"),
	OPT_TRI(0, "tls-verify", struct image_pull_opts, tls_verify,
		"ask for a certificate that is trusted"),
	OPT_END
};

const struct opt registry_rows[] = { OPT_ROWS(registry_access_rows),
				     OPT_UINT(0, "retry", struct image_pull_opts, retry, "N",
					      "how often to try again after a failure"),
				     OPT_STRING(0, "retry-delay", struct image_pull_opts,
						retry_delay, "DURATION",
						"wait so long between tries"),
				     OPT_END };

const struct opt pull_rows[] = {
	OPT_STRING(0, "os", struct image_pull_opts, os, "OS",
		   "choose this operating system from an index"),
	OPT_STRING(0, "arch", struct image_pull_opts, arch, "ARCH",
		   "choose this architecture from an index"),
	OPT_STRING(0, "variant", struct image_pull_opts, variant, "VARIANT",
		   "choose this variant of the architecture"),
	OPT_STRING(0, "platform", struct image_pull_opts, platform, "OS/ARCH[/VARIANT]",
		   "choose this platform from an index"),
	OPT_ROWS(registry_rows),
	OPT_FLAG('q', "quiet", struct image_pull_opts, quiet, "print no progress"),
	OPT_ALIAS("override-os", "os"),
	OPT_ALIAS("override-arch", "arch"),
	OPT_ALIAS("override-variant", "variant"),
	OPT_REFUSED_VALUE(0, "decryption-key", NO_ENCRYPTION),
	OPT_REFUSED(0, "disable-content-trust",
		    "what is trusted is said in policy.json, and digests are always checked"),
	OPT_END
};
