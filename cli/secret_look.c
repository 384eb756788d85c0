/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/secret_look.c - `secret ls`, `secret inspect`
 *
 * The bytes of a secret are shown by `inspect --showsecret` only.
 */
#include "cli/cmd.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "cli/format.h"
#include "cli/human.h"
#include "storage/secret.h"

#include <regex.h>
#include <stdio.h>

/* podman's object. New reference. */
static json_t *secret_object(const struct cli *cli, const struct secret *secret)
{
	json_t *object = json_object(), *spec = json_object(), *driver = json_object(),
	       *options = json_object();
	cleanup_free char *path = xasprintf("%s/secrets", cli->engine->store->root_path);
	char created[TIME_TEXT_MAX], updated[TIME_TEXT_MAX];

	time_format_rfc3339(secret->created_ns, created);
	time_format_rfc3339(secret->updated_ns, updated);
	json_put_string(object, "ID", secret->id);
	json_put_string(object, "CreatedAt", created);
	json_put_string(object, "UpdatedAt", updated);
	json_put(object, "Spec", spec);
	json_put_string(spec, "Name", secret->name);
	json_put(spec, "Driver", driver);
	json_put_string(driver, "Name", secret->driver);
	json_put(driver, "Options", options);
	json_put_string(options, "path", path);
	json_put(spec, "Labels", json_from_env(&secret->labels));
	return object;
}

/* ---- ls ---- */

struct secret_ls_opts {
	struct strv filters;
	char *format;
	bool no_heading, quiet;
};

/* Values of one name are alternatives, names add up. */
struct secret_filters {
	regex_t *names;
	size_t name_count;
	struct strv ids;
};

static void filters_release(struct secret_filters *filters)
{
	for (size_t i = 0; i < filters->name_count; i++)
		regfree(&filters->names[i]);
	free(filters->names);
	strv_release(&filters->ids);
}
#define cleanup_filters __attribute__((cleanup(filters_release)))

static int filters_parse(const struct strv *texts, struct secret_filters *filters, struct err *err)
{
	filters->names = xcalloc(texts->count + 1, sizeof(*filters->names));
	for (size_t i = 0; i < texts->count; i++) {
		const char *text = texts->items[i];
		const char *name = str_after(text, "name=");
		const char *id = str_after(text, "id=");

		if (id != NULL) {
			strv_add(&filters->ids, id);
		} else if (name == NULL) {
			err_set(err, ERR_USAGE, "invalid filter '%s'", text);
			return err_hint(err, "Use name=REGEX or id=ID.");
		} else if (regcomp(&filters->names[filters->name_count], name,
				   REG_EXTENDED | REG_NOSUB) != 0) {
			return err_set(err, ERR_USAGE,
				       "invalid filter '%s': it is no regular expression", text);
		} else {
			filters->name_count++;
		}
	}
	return 0;
}

static bool filters_match(const struct secret_filters *filters, const struct secret *secret)
{
	bool name = filters->name_count == 0, id = filters->ids.count == 0;

	for (size_t i = 0; i < filters->name_count && !name; i++)
		name = regexec(&filters->names[i], secret->name, 0, NULL, 0) == 0;
	for (size_t i = 0; i < filters->ids.count && !id; i++)
		id = str_after(secret->id, filters->ids.items[i]) != NULL;
	return name && id;
}

static json_t *secret_row(const struct cli *cli, const struct secret *secret, int64_t now_ns)
{
	json_t *row = secret_object(cli, secret);
	char created[HUMAN_MAX], updated[HUMAN_MAX];

	human_ago(secret->created_ns, now_ns, created);
	human_ago(secret->updated_ns, now_ns, updated);
	json_put_string(row, "Name", secret->name);
	json_put_string(row, "Driver", secret->driver);
	json_put_string(row, "CreatedAt", created);
	json_put_string(row, "UpdatedAt", updated);
	return row;
}

static const struct template_alias ls_headings[] = {
	{ "CreatedAt", "CREATED" },
	{ "UpdatedAt", "UPDATED" },
	{ NULL, NULL },
};

static int ls_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct secret_ls_opts *opts = opts_;
	cleanup_format struct format *format = NULL;
	cleanup_filters struct secret_filters filters = { NULL, 0, STRV_INIT };
	cleanup_secret_list struct secret_list list = { NULL, 0 };
	cleanup_json json_t *rows = json_array();
	const struct format_request request = {
		.format = opts->quiet ? "{{.ID}}" : opts->format,
		.table = "{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.CreatedAt}}\t{{.UpdatedAt}}",
		.no_heading = opts->no_heading,
		.rules = { .heading = ls_headings },
	};
	int64_t now_ns = time_now_ns();

	if (opts->quiet && opts->format != NULL)
		return err_set(err, ERR_USAGE, "--quiet and --format exclude each other");
	if (filters_parse(&opts->filters, &filters, err) < 0 ||
	    format_new(cli, &request, &format, err) < 0 ||
	    secret_list(cli->engine->store, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < list.count; i++) {
		if (!filters_match(&filters, list.items[i]))
			continue;
		json_array_append_new(rows, format_is_json(format)
						    ? secret_object(cli, list.items[i])
						    : secret_row(cli, list.items[i], now_ns));
	}
	if (!format_is_json(format))
		return format_rows(format, rows, err);
	format_json(rows, 4);
	return 0;
}

static const struct opt ls_opts[] = {
	OPT_LIST('f', "filter", struct secret_ls_opts, filters, "NAME=VALUE",
		 "those that match: name, id"),
	OPT_STRING(0, "format", struct secret_ls_opts, format, "FORMAT", "json, or a Go template"),
	OPT_FLAG('n', "noheading", struct secret_ls_opts, no_heading, "no headings"),
	OPT_FLAG('q', "quiet", struct secret_ls_opts, quiet, "ids only"), OPT_END
};

const struct cmd cmd_secret_ls = {
	.paths = { "secret ls", "secret list" },
	.synopsis = "",
	.help = "List secrets",
	.section = SECTION_NONE,
	.needs = NEEDS_STORE,
	.opts = ls_opts,
	.opts_size = sizeof(struct secret_ls_opts),
	.run = ls_run,
};

/* ---- inspect ---- */

struct secret_inspect_opts {
	char *format;
	bool pretty, show_secret;
};

static int add_data(const struct cli *cli, const struct secret *secret, json_t *object,
		    struct err *err)
{
	cleanup_secret_data struct strbuf data = STRBUF_INIT;

	if (secret_read(cli->engine->store, secret, &data, err) < 0)
		return -1;
	if (memchr(data.data, '\0', data.length) != NULL)
		return err_set(err, ERR_UNSUPPORTED, "cannot show secret '%s': it is not a text",
			       secret->name);
	json_put_string(object, "SecretData", data.data);
	return 0;
}

static void print_pretty(const json_t *object)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	const char *key;
	json_t *value;

	strbuf_addf(&out, "ID:              %s\n", json_get_string(object, "", "ID", NULL));
	strbuf_adds(&out, "Name:            ");
	strbuf_add_escaped(&out, json_get_string(object, "", "Spec", "Name", NULL));
	strbuf_adds(&out, "\nLabels:         ");
	json_object_foreach (json_at(object, "Spec", "Labels", NULL), key, value) {
		strbuf_adds(&out, "\n - ");
		strbuf_add_escaped(&out, key);
		strbuf_addc(&out, '=');
		strbuf_add_escaped(&out, json_string_value(value));
	}
	strbuf_addf(&out, "\nDriver:          %s\nCreated at:      %s\nUpdated at:      %s\n",
		    json_get_string(object, "", "Spec", "Driver", "Name", NULL),
		    json_get_string(object, "", "CreatedAt", NULL),
		    json_get_string(object, "", "UpdatedAt", NULL));
	(void)fwrite(out.data, 1, out.length, stdout);
}

static int inspect_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct secret_inspect_opts *opts = opts_;
	cleanup_format struct format *format = NULL;
	cleanup_json json_t *list = json_array();
	const struct format_request request = {
		.format = opts->format != NULL ? opts->format : "json",
	};
	/* docker has no secrets without a swarm: there is no form of its to follow */
	const struct cli as_podman = { .program = cli->program };
	int worst = 0;

	if (opts->pretty && opts->format != NULL)
		return err_set(err, ERR_USAGE, "--pretty and --format exclude each other");
	if (format_new(&as_podman, &request, &format, err) < 0)
		return -1;
	for (size_t i = 0; i < args->count; i++) {
		cleanup_secret struct secret *secret = NULL;
		struct err one;

		if (secret_get(cli->engine->store, args->items[i], &secret, &one) < 0) {
			worst = cli_worse(worst, cli_error(cli, &one));
			continue;
		}
		json_t *object = secret_object(cli, secret);

		json_array_append_new(list, object);
		if (opts->show_secret && add_data(cli, secret, object, &one) < 0)
			worst = cli_worse(worst, cli_error(cli, &one));
		if (opts->pretty)
			print_pretty(object);
		else if (opts->format != NULL && !format_is_json(format) &&
			 format_object(format, object, err) < 0)
			return -1;
	}
	if (!opts->pretty && (opts->format == NULL || format_is_json(format)))
		format_json(list, 4);
	return worst;
}

static const struct opt inspect_opts[] = { OPT_STRING('f', "format", struct secret_inspect_opts,
						      format, "FORMAT", "json, or a Go template"),
					   OPT_FLAG(0, "pretty", struct secret_inspect_opts, pretty,
						    "for people"),
					   OPT_FLAG(0, "showsecret", struct secret_inspect_opts,
						    show_secret, "show the secret itself"),
					   OPT_END };

const struct cmd cmd_secret_inspect = {
	.paths = { "secret inspect" },
	.synopsis = "SECRET...",
	.help = "Show what is known about secrets",
	.complete = COMPLETE_SECRETS,
	.section = SECTION_NONE,
	.min_args = 1,
	.max_args = -1,
	.needs = NEEDS_STORE,
	.opts = inspect_opts,
	.opts_size = sizeof(struct secret_inspect_opts),
	.run = inspect_run,
};
