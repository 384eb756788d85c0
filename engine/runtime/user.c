/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/user.c - a bounded reader of passwd and group, and what --user means in an image
 *
 * The rules are those of docker and podman, but for one: text that is a decimal number is never looked up as a name, so that an image
 * cannot give `--user 1000` to root by an account that is named "1000" (R7).
 *
 *	user	name: its entry. Number: the entry with that uid gives group and home, without one they are 0 and "/".
 *	group	given: that one, and no supplementary groups. Not given: the entry's, and all groups that list the name.
 */
#include "engine/runtime/user.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "engine/runtime.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define PASSWD_FIELDS 7
#define GROUP_FIELDS  4
#define NAME_LIMIT    256

/* ---- lines ---- */

/* Cut one line at ':' into at most count fields. Number of fields, 0 for an empty line, -1 at the end. */
static int next_fields(char **cursor, char **fields, int count)
{
	char *line = *cursor;
	int found = 0;

	if (*line == '\0')
		return -1;

	char *end = strchr(line, '\n');
	if (end != NULL) {
		*end = '\0';
		*cursor = end + 1;
	} else {
		*cursor = line + strlen(line);
	}

	while (*line != '\0' && found < count) {
		char *colon = strchr(line, ':');

		fields[found++] = line;
		if (colon == NULL)
			break;
		*colon = '\0';
		line = colon + 1;
		if (*line == '\0' && found < count)
			fields[found++] = line;
	}
	return found;
}

bool passwd_next(char **cursor, struct passwd_line *ret_line)
{
	char *fields[PASSWD_FIELDS];
	int count;

	while ((count = next_fields(cursor, fields, PASSWD_FIELDS)) >= 0) {
		/* the fields for people and the shell are often left out in hand-made images */
		if (count < 4 || *fields[0] == '\0' || parse_id(fields[2], &ret_line->uid) < 0 ||
		    parse_id(fields[3], &ret_line->gid) < 0)
			continue;
		ret_line->name = fields[0];
		ret_line->home = count > 5 ? fields[5] : "";
		return true;
	}
	return false;
}

bool group_next(char **cursor, struct group_line *ret_line)
{
	char *fields[GROUP_FIELDS];
	int count;

	while ((count = next_fields(cursor, fields, GROUP_FIELDS)) >= 0) {
		if (count < 3 || *fields[0] == '\0' || parse_id(fields[2], &ret_line->gid) < 0)
			continue;
		ret_line->name = fields[0];
		ret_line->members = count > 3 ? fields[3] : "";
		return true;
	}
	return false;
}

static bool is_member(const char *members, const char *name)
{
	size_t length = strlen(name);

	while (*members != '\0') {
		size_t part = strcspn(members, ",");

		if (part == length && memcmp(members, name, part) == 0)
			return true;
		members += part;
		members += *members == ',';
	}
	return false;
}

int account_file_read(int root_fd, const char *path, struct strbuf *text, struct err *err)
{
	cleanup_fd int fd =
		path_open_in_root(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
	struct stat st;

	if (fd == -ENOENT || fd == -ENOTDIR)
		return 0;
	if (fd < 0)
		return err_sys(err, -fd, "cannot open '/%s' of the container", path);
	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "cannot inspect '/%s' of the container", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_FAILED,
			       "cannot read '/%s' of the container: it is not a regular file",
			       path);

	int r = st.st_size > (off_t)ACCOUNT_FILE_LIMIT ? -EFBIG
						       : fd_read_all(fd, text, ACCOUNT_FILE_LIMIT);
	if (r == -EFBIG)
		return err_set(err, ERR_LIMIT,
			       "cannot read '/%s' of the container: it has more than %u bytes",
			       path, ACCOUNT_FILE_LIMIT);
	if (r < 0)
		return err_sys(err, -r, "cannot read '/%s' of the container", path);

	/* a NUL would hide the rest: such a file ends there for us and for the C library */
	return 1;
}

/* ---- identity ---- */

void identity_release(struct identity *identity)
{
	free(identity->groups);
	free(identity->home);
	*identity = (struct identity)IDENTITY_INIT;
}

static void add_group(struct identity *identity, gid_t gid)
{
	for (size_t i = 0; i < identity->group_count; i++) {
		if (identity->groups[i] == gid)
			return;
	}
	identity->groups = xreallocarray(identity->groups, identity->group_count + 1,
					 sizeof(*identity->groups));
	identity->groups[identity->group_count++] = gid;
}

static bool is_number(const char *text)
{
	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return false;
	}
	return true;
}

static int bad_id(const char *what, const char *text, struct err *err)
{
	return err_set(err, ERR_CANNOT_RUN,
		       "cannot run as %s '%s': a number must be from 0 to 4294967294, without "
		       "leading zeros",
		       what, text);
}

static int parse_number(const char *what, const char *text, uint32_t *ret, struct err *err)
{
	if ((text[0] == '0' && text[1] != '\0') || parse_id(text, ret) < 0)
		return bad_id(what, text, err);
	return 0;
}

static int not_found(const char *what, const char *name, const char *path, struct err *err)
{
	cleanup_strbuf struct strbuf shown = STRBUF_INIT;

	strbuf_add_escaped(&shown, name);
	return err_set(err, ERR_CANNOT_RUN,
		       "cannot run as %s '%s': there is no such %s in '/%s' of the image", what,
		       shown.data, what, path);
}

/* the account that is meant */
struct account {
	bool found;
	uint32_t uid, gid;
	char *name; /* owned */
	char *home; /* owned */
};

static void find_account(char *text, const char *name, uint32_t uid, struct account *account)
{
	struct passwd_line line;

	while (passwd_next(&text, &line)) {
		if (name != NULL ? !str_equal(line.name, name) : line.uid != uid)
			continue;
		account->found = true;
		account->uid = line.uid;
		account->gid = line.gid;
		account->name = xstrdup(line.name);
		account->home = xstrdup(line.home);
		return;
	}
}

/* name: must be there. Number: a file that cannot be read is as good as none. */
static int look_up_user(int root_fd, const char *name, uint32_t uid, struct account *account,
			struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	int r = account_file_read(root_fd, "etc/passwd", &text, err);

	if (r < 0 && name != NULL) {
		err->kind = ERR_CANNOT_RUN;
		return err_wrap(err, "cannot run as user '%s'", name);
	}
	if (r < 0)
		debug("no account for uid %u, ignoring: %s", uid, err->msg);
	if (r == 1)
		find_account(text.data, name, uid, account);
	if (name != NULL && !account->found)
		return not_found("user", name, "etc/passwd", err);
	return 0;
}

/* one group that is asked for by name, and whether it was found */
struct group_wish {
	const char *name;
	bool found, primary;
};

static int look_up_groups(int root_fd, struct group_wish *wishes, size_t wish_count,
			  const char *member, struct identity *identity, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct group_line line;
	int r;

	if (wish_count == 0 && member == NULL)
		return 0;

	r = account_file_read(root_fd, "etc/group", &text, err);
	if (r < 0) {
		err->kind = ERR_CANNOT_RUN;
		return -1;
	}

	char *cursor = text.data;
	while (r == 1 && group_next(&cursor, &line)) {
		for (size_t i = 0; i < wish_count; i++) {
			if (wishes[i].found || !str_equal(wishes[i].name, line.name))
				continue;
			wishes[i].found = true;
			if (wishes[i].primary)
				identity->gid = line.gid;
			else
				add_group(identity, line.gid);
		}
		if (member != NULL && is_member(line.members, member))
			add_group(identity, line.gid);
	}

	for (size_t i = 0; i < wish_count; i++) {
		if (!wishes[i].found)
			return not_found("group", wishes[i].name, "etc/group", err);
	}
	return 0;
}

/* "user:group" as two texts; group_part is NULL when there is no colon */
static int split_user(const char *text, char **ret_user, char **ret_group, struct err *err)
{
	const char *colon = strchr(text, ':');
	cleanup_strbuf struct strbuf shown = STRBUF_INIT;

	if (strnlen(text, NAME_LIMIT) < NAME_LIMIT && *text != '\0' && colon != text &&
	    (colon == NULL || (colon[1] != '\0' && strchr(colon + 1, ':') == NULL))) {
		*ret_user = colon != NULL ? xstrndup(text, (size_t)(colon - text)) : xstrdup(text);
		*ret_group = colon != NULL ? xstrdup(colon + 1) : NULL;
		return 0;
	}
	strbuf_add_escaped(&shown, text);
	return err_set(err, ERR_CANNOT_RUN,
		       "cannot run as user '%s': it must be NAME or UID, or that with ':' and a "
		       "group",
		       shown.data);
}

static int resolve(int root_fd, const struct identity_request *request, const char *user,
		   const char *group, struct account *account, struct identity *identity,
		   struct err *err)
{
	size_t wish_count = 0;
	struct group_wish *wishes = xcalloc(
		(request->group_add != NULL ? request->group_add->count : 0) + 1, sizeof(*wishes));
	bool by_name = user != NULL && !is_number(user);
	uint32_t number = 0;

	identity->uid = request->uid;
	identity->gid = request->gid;
	if (user != NULL && !by_name && parse_number("user", user, &identity->uid, err) < 0)
		return -1;
	if (look_up_user(root_fd, by_name ? user : NULL, identity->uid, account, err) < 0)
		return -1;
	if (by_name)
		identity->uid = account->uid;
	if (user != NULL)
		identity->gid = account->found ? account->gid : 0;

	if (group != NULL && is_number(group)) {
		if (parse_number("group", group, &identity->gid, err) < 0)
			return -1;
	} else if (group != NULL) {
		wishes[wish_count++] = (struct group_wish){ .name = group, .primary = true };
	}
	for (size_t i = 0; request->gids != NULL && i < request->gids->count; i++) {
		if (parse_number("group", request->gids->items[i], &number, err) < 0)
			return -1;
		add_group(identity, number);
	}
	for (size_t i = 0; request->group_add != NULL && i < request->group_add->count; i++) {
		const char *name = request->group_add->items[i];

		if (!is_number(name)) {
			wishes[wish_count++] = (struct group_wish){ .name = name };
			continue;
		}
		if (parse_number("group", name, &number, err) < 0)
			return -1;
		add_group(identity, number);
	}

	bool wants_membership = user != NULL && group == NULL && account->found;
	return look_up_groups(root_fd, wishes, wish_count, wants_membership ? account->name : NULL,
			      identity, err);
}

int identity_resolve(int root_fd, const struct identity_request *request,
		     struct identity *ret_identity, struct err *err)
{
	cleanup_free char *user = NULL;
	cleanup_free char *group = NULL;
	struct identity identity = IDENTITY_INIT;
	struct account account = { 0 };
	int r = 0;

	if (request->user != NULL)
		r = split_user(request->user, &user, &group, err);
	if (r == 0)
		r = resolve(root_fd, request, user, group, &account, &identity, err);
	if (r == 0) {
		identity.home = str_is_empty(account.home) ? xstrdup("/") : TAKE_PTR(account.home);
		*ret_identity = identity;
	} else {
		identity_release(&identity);
	}
	free(account.name);
	free(account.home);
	return r;
}

int runtime_identity(int root_fd, const char *user, uint32_t *ret_uid, uint32_t *ret_gid,
		     struct err *err)
{
	static const struct strv none = STRV_INIT;
	const struct identity_request request = { .user = user, .gids = &none, .group_add = &none };
	struct identity identity = IDENTITY_INIT;

	if (identity_resolve(root_fd, &request, &identity, err) < 0)
		return -1;
	*ret_uid = identity.uid;
	*ret_gid = identity.gid;
	identity_release(&identity);
	return 0;
}
