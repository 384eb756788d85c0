/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rootless/idmap_ranges.c - the subordinate ids of the user, found once and remembered
 *
 * libsubid answers from /etc/subuid and /etc/subgid or from NSS (`subid: sss` in nsswitch.conf). It is asked through libexec/dhow/host, which
 * costs milliseconds, so its answer is kept as a record in the runtime directory. The key holds inode, size and time of
 * the three files: an edit is seen by the next command. An answer that did not come from files has no such witness and is
 * believed for a minute only.
 *
 * Root of a user namespace that somebody else made (nested use) needs no file: it owns what is mapped there.
 */
#include "rootless/rootless.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/record.h"
#include "base/strbuf.h"
#include "rootless/account.h"
#include "rootless/host_ask.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define RANGES_RECORD	    "subids"
#define RANGES_KIND	    "subids"
#define RANGES_VERSION	    1
#define RANGES_NSS_SECONDS  60
#define SUBID_FILE_LIMIT    (4U << 20)
#define NSSWITCH_FILE_LIMIT (64U << 10)
#define RANGES_WISHED	    65536

/* one of the two kinds of ids, and where its ranges are written */
struct subid_kind {
	const char *word;
	const char *path;
	const char *option; /* of usermod */
};
static const struct subid_kind subid_uid = { "user", "/etc/subuid", "--add-subuids" };
static const struct subid_kind subid_gid = { "group", "/etc/subgid", "--add-subgids" };

/* ---- the record ---------------------------------------------------------------------------------------------------- */

static void add_file_key(struct strbuf *key, const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		strbuf_addc(key, ' ');
	else
		strbuf_addf(key, " %ju.%ju.%jd.%09ld", (uintmax_t)st.st_ino, (uintmax_t)st.st_size,
			    (intmax_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	strbuf_addc(key, ';');
}

/* everything the answer came from, one line */
static void ranges_key(struct strbuf *key, const char *sub_name)
{
	strbuf_addf(key, "%u:%u ", geteuid(), getegid());
	if (sub_name != NULL)
		strbuf_add_escaped(key, sub_name);
	strbuf_addc(key, ';');
	add_file_key(key, subid_uid.path);
	add_file_key(key, subid_gid.path);
	add_file_key(key, "/etc/nsswitch.conf");
}

/* the lines of the record: key, until when it is believed (0: as long as the key fits), user, uid ranges, gid ranges */
enum { LINE_KEY, LINE_EXPIRES, LINE_USER, LINE_UID, LINE_GID, LINE_COUNT };

static bool ranges_from_record(int cache_dir_fd, const char *key, struct id_ranges *ranges)
{
	struct err ignored; /* a cache that cannot be read is a cache miss */
	cleanup_strbuf struct strbuf body = STRBUF_INIT;

	if (record_read(cache_dir_fd, RANGES_RECORD, RANGES_KIND, RANGES_VERSION, &body, NULL,
			&ignored) != 1)
		return false;

	cleanup_strv struct strv lines = STRV_INIT;
	strv_split(&lines, body.data, '\n');
	if (lines.count != LINE_COUNT || !str_equal(lines.items[LINE_KEY], key))
		return false;

	int64_t expires_s;
	if (parse_i64(lines.items[LINE_EXPIRES], &expires_s) < 0)
		return false;

	if (expires_s != 0) {
		int64_t now_s = time(NULL);

		/* a clock that was set back must not make an answer eternal */
		if (now_s >= expires_s || expires_s - now_s > RANGES_NSS_SECONDS)
			return false;
	}

	if (idmap_parse(lines.items[LINE_UID], &ranges->uid) < 0 ||
	    idmap_parse(lines.items[LINE_GID], &ranges->gid) < 0)
		return false;

	ranges->user_name = xstrdup(lines.items[LINE_USER]);
	return true;
}

static void ranges_to_record(int cache_dir_fd, const char *key, bool from_files,
			     const struct id_ranges *ranges)
{
	struct err ignored; /* without a record the next command asks again */
	cleanup_strbuf struct strbuf body = STRBUF_INIT;
	cleanup_free char *uid = idmap_format(&ranges->uid);
	cleanup_free char *gid = idmap_format(&ranges->gid);

	if (strchr(ranges->user_name, '\n') != NULL)
		return;

	strbuf_addf(&body, "%s\n%jd\n%s\n%s\n%s", key,
		    from_files ? (intmax_t)0 : (intmax_t)time(NULL) + RANGES_NSS_SECONDS,
		    ranges->user_name, uid, gid);
	if (record_write(cache_dir_fd, RANGES_RECORD, RANGES_KIND, RANGES_VERSION, body.data,
			 body.length, 0, &ignored) < 0)
		debug("cannot remember the subordinate ids, ignoring: %s", ignored.msg);
}

/* ---- asking -------------------------------------------------------------------------------------------------------- */

/* true when nsswitch.conf sends questions for subordinate ids to something else than the files */
static bool subid_from_nss(void)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	if (fd_read_file(AT_FDCWD, "/etc/nsswitch.conf", &text, NSSWITCH_FILE_LIMIT) < 0)
		return false;

	cleanup_strv struct strv lines = STRV_INIT;
	strv_split(&lines, text.data, '\n');
	for (size_t i = 0; i < lines.count; i++) {
		const char *line = lines.items[i] + strspn(lines.items[i], " \t");
		const char *source = str_after(line, "subid:");

		if (source != NULL) {
			source += strspn(source, " \t");
			return str_after(source, "files") == NULL;
		}
	}
	return false;
}

static int add_range(const struct subid_kind *kind, const char *owner, uint64_t start,
		     uint64_t count, struct idmap *ranges, struct err *err)
{
	if (count == 0)
		return 0;

	if (start > UINT32_MAX - 1 || count > UINT32_MAX - start) {
		err_set(err, ERR_UNSUPPORTED,
			"cannot use the subordinate %s ids of '%s': the range %ju:%ju does not end "
			"before "
			"4294967295",
			kind->word, owner, (uintmax_t)start, (uintmax_t)count);
		return err_hint(err, "Correct the line of '%s' in %s.", owner, kind->path);
	}
	if (ranges->count >= IDMAP_ENTRIES_MAX) {
		err_set(err, ERR_LIMIT,
			"cannot use the subordinate %s ids of '%s': more than %d ranges",
			kind->word, owner, IDMAP_ENTRIES_MAX);
		return err_hint(err, "Join the ranges of '%s' in %s to fewer lines.", owner,
				kind->path);
	}
	idmap_add(ranges, 0, (uint32_t)start, (uint32_t)count);
	return 0;
}

/* The two files without libsubid, by the same rules: lines NAME:START:COUNT, the name is the user's or the uid. */
static int read_subid_file(const struct subid_kind *kind, const char *owner, const char *number,
			   struct idmap *ranges, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	int r = fd_read_file(AT_FDCWD, kind->path, &text, SUBID_FILE_LIMIT);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return err_sys(err, -r, "cannot read '%s'", kind->path);

	cleanup_strv struct strv lines = STRV_INIT;
	strv_split(&lines, text.data, '\n');
	for (size_t i = 0; i < lines.count; i++) {
		cleanup_strv struct strv parts = STRV_INIT;
		uint64_t start, count;

		strv_split(&parts, lines.items[i], ':');
		if (parts.count != 3)
			continue;
		if (!str_equal(parts.items[0], owner) &&
		    (number == NULL || !str_equal(parts.items[0], number)))
			continue;
		if (parse_u64(parts.items[1], &start) < 0 ||
		    parse_u64(parts.items[2], &count) < 0) {
			debug("line %zu of '%s' is no range, ignoring", i + 1, kind->path);
			continue;
		}
		if (add_range(kind, owner, start, count, ranges, err) < 0)
			return -1;
	}
	return 0;
}

/* "uid 100000 65536" */
static int read_answer(const char *text, const char *owner, struct id_ranges *ranges,
		       struct err *err)
{
	cleanup_strv struct strv lines = STRV_INIT;

	strv_split(&lines, text, '\n');
	for (size_t i = 0; i < lines.count; i++) {
		cleanup_strv struct strv words = STRV_INIT;
		bool is_uid = str_after(lines.items[i], "uid ") != NULL;
		uint64_t start;
		uint64_t count;

		strv_split(&words, lines.items[i], ' ');
		if (words.count != 3 || parse_u64(words.items[1], &start) < 0 ||
		    parse_u64(words.items[2], &count) < 0)
			continue; /* the empty one at the end */
		if (add_range(is_uid ? &subid_uid : &subid_gid, owner, start, count,
			      is_uid ? &ranges->uid : &ranges->gid, err) < 0)
			return -1;
	}
	return 0;
}

static int ask_ranges(const char *owner, const char *number, struct id_ranges *ranges,
		      struct err *err)
{
	cleanup_strbuf struct strbuf answer = STRBUF_INIT;
	cleanup_strv struct strv words = STRV_INIT;
	struct err failure = { 0 };

	strv_add(&words, "ranges");
	strv_add(&words, owner);
	if (host_ask(&words, &answer, &failure) == 0)
		return read_answer(answer.data, owner, ranges, err);

	debug("libsubid cannot be asked (%s): reading %s and %s without it", failure.msg,
	      subid_uid.path, subid_gid.path);
	if (read_subid_file(&subid_uid, owner, number, &ranges->uid, err) < 0)
		return -1;
	return read_subid_file(&subid_gid, owner, number, &ranges->gid, err);
}

/* ---- checks -------------------------------------------------------------------------------------------------------- */

static bool entries_overlap(const struct idmap_entry *a, const struct idmap_entry *b)
{
	return a->outside < b->outside ? b->outside - a->outside < a->count
				       : a->outside - b->outside < b->count;
}

static int check_ranges(const struct subid_kind *kind, const char *owner, uint32_t own_id,
			const struct idmap *ranges, struct err *err)
{
	const struct idmap_entry own = { 0, own_id, 1 };
	uint64_t total = 0;

	for (size_t i = 0; i < ranges->count; i++) {
		const struct idmap_entry *entry = &ranges->entries[i];

		if (entries_overlap(entry, &own)) {
			err_set(err, ERR_UNSUPPORTED,
				"cannot use the subordinate %s ids of '%s': the range %u:%u covers "
				"the own id "
				"%u",
				kind->word, owner, entry->outside, entry->count, own_id);
			return err_hint(err,
					"Give '%s' a range in %s that nobody uses, such as %s.",
					owner, kind->path, "100000:65536");
		}
		for (size_t j = 0; j < i; j++) {
			const struct idmap_entry *other = &ranges->entries[j];

			if (!entries_overlap(entry, other))
				continue;
			err_set(err, ERR_UNSUPPORTED,
				"cannot use the subordinate %s ids of '%s': the ranges %u:%u and "
				"%u:%u overlap",
				kind->word, owner, other->outside, other->count, entry->outside,
				entry->count);
			return err_hint(err, "Remove one of the two lines of '%s' from %s.", owner,
					kind->path);
		}
		total += entry->count;
	}
	if (total > 0 && total < RANGES_WISHED)
		debug("'%s' has only %ju subordinate %s ids: images with higher ids cannot be "
		      "unpacked",
		      owner, (uintmax_t)total, kind->word);
	return 0;
}

/* Half a configuration is a mistake, not a wish for single-id mode. */
static int check_both(const char *owner, const struct id_ranges *ranges, struct err *err)
{
	if ((ranges->uid.count == 0) == (ranges->gid.count == 0))
		return 0;

	const struct subid_kind *there = ranges->uid.count > 0 ? &subid_uid : &subid_gid;
	const struct subid_kind *missing = ranges->uid.count > 0 ? &subid_gid : &subid_uid;

	err_set(err, ERR_UNSUPPORTED,
		"cannot use the subordinate ids of '%s': there are %s ids but no %s ids", owner,
		there->word, missing->word);
	return err_hint(err, "Run as root: usermod %s 100000-165535 %s", missing->option, owner);
}

/* ---- nested use ---------------------------------------------------------------------------------------------------- */

/* What is mapped in the own user namespace, without id 0. 1 when it is one of somebody else, 0 it is the initial one. */
static int own_namespace_ids(const char *path, struct idmap *ranges, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	int r = fd_read_file(AT_FDCWD, path, &text, SUBID_FILE_LIMIT);

	if (r < 0)
		return err_sys(err, -r, "cannot read '%s'", path);

	cleanup_strv struct strv lines = STRV_INIT;
	strv_split(&lines, text.data, '\n');
	for (size_t i = 0; i < lines.count; i++) {
		unsigned inside, outside, count;

		if (sscanf(lines.items[i], "%u %u %u", &inside, &outside, &count) != 3)
			continue;
		if (inside == 0 && outside == 0 && count == UINT32_MAX)
			return 0;
		if (inside == 0) {
			inside++;
			count--;
		}
		if (count > 0 && ranges->count < IDMAP_ENTRIES_MAX)
			idmap_add(ranges, 0, inside, count);
	}
	return 1;
}

/* 1 when the ranges are those of the namespace this process is root of */
static int nested_ranges(struct id_ranges *ranges, struct err *err)
{
	if (geteuid() != 0)
		return 0;

	int r = own_namespace_ids("/proc/self/uid_map", &ranges->uid, err);
	if (r != 1)
		return r;

	r = own_namespace_ids("/proc/self/gid_map", &ranges->gid, err);
	if (r < 0)
		return -1;

	if (ranges->uid.count == 0 || ranges->gid.count == 0)
		ranges->uid.count = ranges->gid.count = 0;
	ranges->user_name = xstrdup("root");
	return 1;
}

/* ---- the way in ---------------------------------------------------------------------------------------------------- */

static char *user_name_of(uid_t uid)
{
	cleanup_account struct account account = ACCOUNT_INIT;
	cleanup_free char *number = xasprintf("%u", uid);
	struct err err = { 0 };
	int found = account_find(number, &account, &err);

	if (found < 0)
		debug("cannot look for the account of user %u, ignoring: %s", uid, err.msg);
	return found > 0 ? xstrdup(account.name) : TAKE_PTR(number);
}

static int ranges_load(int cache_dir_fd, const char *sub_name, struct id_ranges *ranges,
		       struct err *err)
{
	ranges->own_uid = geteuid();
	ranges->own_gid = getegid();

	int r = sub_name == NULL ? nested_ranges(ranges, err) : 0;
	if (r != 0)
		return r < 0 ? -1 : 0;

	cleanup_strbuf struct strbuf key = STRBUF_INIT;
	ranges_key(&key, sub_name);
	if (cache_dir_fd >= 0) {
		if (ranges_from_record(cache_dir_fd, key.data, ranges))
			return 0;
		/* a damaged record may have left half an answer */
		id_ranges_release(ranges);
		ranges->own_uid = geteuid();
		ranges->own_gid = getegid();
	}

	ranges->user_name = user_name_of(ranges->own_uid);
	cleanup_free char *number = sub_name == NULL ? xasprintf("%u", ranges->own_uid) : NULL;
	const char *owner = sub_name != NULL ? sub_name : ranges->user_name;

	if (ask_ranges(owner, number, ranges, err) < 0)
		return -1;
	if (check_ranges(&subid_uid, owner, ranges->own_uid, &ranges->uid, err) < 0 ||
	    check_ranges(&subid_gid, owner, ranges->own_gid, &ranges->gid, err) < 0 ||
	    check_both(owner, ranges, err) < 0)
		return -1;

	if (cache_dir_fd >= 0)
		ranges_to_record(cache_dir_fd, key.data, !subid_from_nss(), ranges);
	return 0;
}

int idmap_ranges_load(int cache_dir_fd, const char *sub_name, struct id_ranges *ret_ranges,
		      struct err *err)
{
	struct id_ranges ranges = { 0 };

	if (ranges_load(cache_dir_fd, sub_name, &ranges, err) < 0) {
		id_ranges_release(&ranges);
		return -1;
	}
	*ret_ranges = ranges;
	return 0;
}
