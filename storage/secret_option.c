/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/secret_option.c - the value of `run --secret`
 */
#include "storage/secret.h"

#include "base/err.h"
#include "base/parse.h"
#include "base/path.h"

#include <string.h>

#define SECRETS_PLACE	    "/run/secrets"
#define SECRET_MODE_DEFAULT 0444

static const char *const secret_use_type_names[] = {
	[SECRET_USE_MOUNT] = "mount",
	[SECRET_USE_ENV] = "env",
};
NAME_TABLE(secret_use_type, SECRET_USE_TYPE_COUNT)

void secret_use_release(struct secret_use *use)
{
	free(use->source);
	free(use->target);
	use->source = use->target = NULL;
}

static int invalid(struct err *err, const char *text, const char *reason)
{
	cleanup_strbuf struct strbuf shown = STRBUF_INIT;

	strbuf_add_escaped(&shown, text);
	err_set(err, ERR_USAGE, "invalid --secret '%s': %s", shown.data, reason);
	return err_hint(err,
			"Use NAME[,type=mount|env][,target=TARGET][,uid=N][,gid=N][,mode=0NNN].");
}

struct option_state {
	const char *text; /* the whole option, for messages */
	bool has_type, has_owner;
};

static int take_text(char **member, const char *value, const struct option_state *state,
		     struct err *err)
{
	if (*member != NULL)
		return invalid(err, state->text, "a part is given twice");
	if (*value == '\0')
		return invalid(err, state->text, "a value is missing");
	*member = xstrdup(value);
	return 0;
}

static int take_part(struct secret_use *use, const char *part, struct option_state *state,
		     struct err *err)
{
	const char *value;

	if ((value = str_after(part, "source=")) != NULL)
		return take_text(&use->source, value, state, err);
	if ((value = str_after(part, "target=")) != NULL)
		return take_text(&use->target, value, state, err);
	if ((value = str_after(part, "type=")) != NULL) {
		int type = secret_use_type_parse(value);

		if (state->has_type)
			return invalid(err, state->text, "a part is given twice");
		if (type < 0)
			return invalid(err, state->text, "the type is neither mount nor env");
		use->type = (enum secret_use_type)type;
		state->has_type = true;
		return 0;
	}
	state->has_owner = true;
	if ((value = str_after(part, "uid=")) != NULL || (value = str_after(part, "UID=")) != NULL)
		return parse_id(value, &use->uid) < 0
			       ? invalid(err, state->text, "the uid is not a number")
			       : 0;
	if ((value = str_after(part, "gid=")) != NULL || (value = str_after(part, "GID=")) != NULL)
		return parse_id(value, &use->gid) < 0
			       ? invalid(err, state->text, "the gid is not a number")
			       : 0;
	if ((value = str_after(part, "mode=")) != NULL)
		return parse_mode(value, &use->mode) < 0
			       ? invalid(err, state->text, "the mode is not an octal number")
			       : 0;
	return invalid(err, state->text,
		       strchr(part, '=') != NULL ? "it has an unknown part"
						 : "a part is not NAME=VALUE");
}

static int finish_env(struct secret_use *use, const struct option_state *state, struct err *err)
{
	if (state->has_owner)
		return invalid(err, state->text, "uid, gid and mode are only for type=mount");
	if (use->target == NULL)
		use->target = xstrdup(use->source);
	if (strchr(use->target, '=') != NULL)
		return invalid(err, state->text, "the name of a variable has no '='");
	return 0;
}

static int finish_mount(struct secret_use *use, const struct option_state *state, struct err *err)
{
	const char *target = use->target != NULL ? use->target : use->source;
	cleanup_free char *joined =
		target[0] == '/' ? xstrdup(target) : xasprintf(SECRETS_PLACE "/%s", target);
	cleanup_strbuf struct strbuf clean = STRBUF_INIT;

	path_clean(&clean, joined);
	if (str_equal(clean.data, "/") || str_equal(clean.data, SECRETS_PLACE) ||
	    str_ends_with(target, "/"))
		return invalid(err, state->text, "the target must be a file");
	free(use->target);
	use->target = strbuf_take(&clean);
	return 0;
}

int secret_parse_option(const char *text, struct secret_use *ret_use, struct err *err)
{
	cleanup_secret_use struct secret_use use = { .mode = SECRET_MODE_DEFAULT };
	cleanup_strv struct strv parts = STRV_INIT;
	struct option_state state = { .text = text };

	strv_split(&parts, text, ',');
	for (size_t i = 0; i < parts.count; i++) {
		const char *part = parts.items[i];
		/* the first may be the name alone */
		int status = i == 0 && strchr(part, '=') == NULL
				     ? take_text(&use.source, part, &state, err)
				     : take_part(&use, part, &state, err);

		if (status < 0)
			return -1;
	}
	if (use.source == NULL)
		return invalid(err, text, "it names no secret");
	if ((use.type == SECRET_USE_ENV ? finish_env : finish_mount)(&use, &state, err) < 0)
		return -1;

	*ret_use = use;
	use = (struct secret_use){ 0 };
	return 0;
}
