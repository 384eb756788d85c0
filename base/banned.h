/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/banned.h - functions that we never call (R29)
 *
 * Included by force before every file (-include, see Makefile). A call of one of these names an identifier that does not
 * exist, so it does not compile and the message says what to use instead. Their headers come first, because the macros
 * would break the declarations. Tests are built without it.
 */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

#include <alloca.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#undef strcpy
#define strcpy(...) strcpy_is_banned_use_strbuf_or_memcpy
#undef strcat
#define strcat(...) strcat_is_banned_use_strbuf
#undef strncpy
#define strncpy(...) strncpy_is_banned_use_strbuf_or_memcpy
#undef strncat
#define strncat(...) strncat_is_banned_use_strbuf
#undef stpcpy
#define stpcpy(...) stpcpy_is_banned_use_strbuf
#undef sprintf
#define sprintf(...) sprintf_is_banned_use_strbuf_addf_or_snprintf
#undef vsprintf
#define vsprintf(...) vsprintf_is_banned_use_strbuf_vaddf
#undef gets
#define gets(...) gets_is_banned_use_fd_read_all
#undef strtok
#define strtok(...) strtok_is_banned_use_strv_split
#undef strtok_r
#define strtok_r(...) strtok_r_is_banned_use_strv_split

#undef atoi
#define atoi(...) atoi_is_banned_use_parse_u32
#undef atol
#define atol(...) atol_is_banned_use_parse_i64
#undef atoll
#define atoll(...) atoll_is_banned_use_parse_i64
#undef atof
#define atof(...) atof_is_banned_use_parse_decimal_nano

#undef system
#define system(...) system_is_banned_use_process_run
#undef popen
#define popen(...) popen_is_banned_use_process_run

#undef tmpnam
#define tmpnam(...) tmpnam_is_banned_use_O_TMPFILE
#undef tempnam
#define tempnam(...) tempnam_is_banned_use_O_TMPFILE
#undef mktemp
#define mktemp(...) mktemp_is_banned_use_O_TMPFILE
#undef alloca
#define alloca(...) alloca_is_banned_use_xmalloc
#undef strdupa
#define strdupa(...) strdupa_is_banned_use_xstrdup

#endif
