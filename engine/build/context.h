/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/context.h - contexts that are not directories yet (private to engine/build)
 *
 * What comes from elsewhere is unpacked by the sandboxed unpacker of libexec/dhow/transfer, or fetched by a git whose configuration is
 * ours (R20), into a staging directory that goes with the build.
 */
#ifndef ENGINE_BUILD_CONTEXT_H
#define ENGINE_BUILD_CONTEXT_H

#include "engine/build/build_private.h"

/** A URL, or the short form of a git repository. */
bool context_is_remote(const char *text);
/** http:// or https://, whatever is there. */
bool context_is_url(const char *text);
/** A tar on stdin becomes a directory; a text becomes build->stdin_text. */
int context_open_stdin(struct build *build, struct context *context, struct err *err);
int context_open_remote(struct build *build, struct context *context, const char *url,
			struct err *err);
/** A text by URL, bounded. */
int context_fetch_text(struct build *build, const char *url, struct strbuf *text, struct err *err);

#endif
