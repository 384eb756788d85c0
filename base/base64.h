/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/base64.h - bytes as text of RFC 4648, with the usual alphabet and padding
 */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/strbuf.h"

/** Append the text of bytes. */
void base64_encode(const void *data, size_t length, struct strbuf *out);
/**
 * Append the bytes of text. False when it is not what base64_encode() writes: other characters (blanks and newlines too), padding that is
 * missing or in the middle.
 */
bool base64_decode(const char *text, struct strbuf *out);

#endif
