/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/parse.h - one strict grammar for every kind of number and word (R7, R11, R29)
 *
 * All return 0, or -EINVAL (not of this grammar) or -ERANGE (does not fit), and write the result on success only. No blanks,
 * no sign unless said, no hexadecimal, no octal unless said, no rest. The caller says in its message what was expected.
 */
#ifndef BASE_PARSE_H
#define BASE_PARSE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

int parse_u64(const char *text, uint64_t *ret);
int parse_u32(const char *text, uint32_t *ret);
int parse_u16(const char *text, uint16_t *ret);
/** A '-' is allowed. */
int parse_i64(const char *text, int64_t *ret);
int parse_i32(const char *text, int32_t *ret);
/** 0..4294967294; 4294967295 is refused (R7). */
int parse_id(const char *text, uint32_t *ret);
/** Octal digits, at most 07777. */
int parse_mode(const char *text, mode_t *ret);
/**
 * A size: digits, an optional fraction, an optional unit b k kb m mb g gb t tb p pb or kib mib ..., in any case, powers of
 * 1024 as docker and podman read it ("64m", "1.5g", "10kb").
 */
int parse_bytes(const char *text, uint64_t *ret_bytes);
/** "true" "false" "1" "0" "t" "f" and their upper case forms, as Go's strconv.ParseBool reads them. */
int parse_bool(const char *text, bool *ret);
/** A decimal fraction such as "1.5", in units of 1e-9. */
int parse_decimal_nano(const char *text, uint64_t *ret_nano);
/** A Go duration such as "1h2m3.5s", "300ms", "0". Nanoseconds; no sign. */
int parse_duration(const char *text, int64_t *ret_ns);
/** Seconds as digits, or a Go duration; -1 only when allow_forever. */
int parse_seconds(const char *text, bool allow_forever, int64_t *ret_s);
/** A signal by number, or by name with or without SIG, in any case, RTMIN+n too. */
int parse_signal(const char *text, int *ret_signal);
/** "TERM" for 15, NULL when unknown. */
const char *signal_name(int number);
/**
 * RFC 3339 time, a date, unix seconds with an optional fraction, or a Go duration that counts back from now (for --since).
 * Nanoseconds since 1970.
 */
int parse_time(const char *text, int64_t *ret_ns);

/* checked arithmetic: true when the result fits */
#define CHECKED_ADD(a, b, ret) (!__builtin_add_overflow((a), (b), (ret)))
#define CHECKED_MUL(a, b, ret) (!__builtin_mul_overflow((a), (b), (ret)))

/* "2026-11-23T23:34:06.376037480+00:00" */
#define TIME_TEXT_MAX 40
/** RFC 3339 in UTC with nanoseconds as Go prints it ("...06.37603748Z", "0001-01-01T00:00:00Z" for 0). */
void time_format_rfc3339(int64_t ns, char text[TIME_TEXT_MAX]);
/** Nanoseconds since 1970 now. */
int64_t time_now_ns(void);

#endif
