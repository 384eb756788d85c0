/* SPDX-License-Identifier: Apache-2.0 */
/*
 * units/quadlet_convert.c - from a Quadlet unit to a service: what all kinds have in common
 *
 * The service is the unit as it was written, with its own section renamed to [X-...], which systemd leaves alone, and with what
 * the kind adds to [Unit] and [Service].
 */
#include "units/quadlet_private.h"

#include "base/alloc.h"
#include "base/strbuf.h"
#include "base/suggest.h"

#include <stdarg.h>
#include <stdio.h>

/* ---- reporting -------------------------------------------------------------------------------------------------------- */

void quadlet_problem(struct conversion *conversion, enum unit_level level,
		     const struct unit_line *line, const char *key, const char *format, ...)
{
	struct quadlet_set *set = conversion->set;
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	va_list args;

	va_start(args, format);
	strbuf_vaddf(&text, format, args);
	va_end(args);

	const struct unit_problem problem = {
		.level = level,
		.file = line != NULL && line->file != NULL ? line->file : conversion->quadlet->path,
		.line = line != NULL ? line->line : 0,
		.key = line != NULL ? line->key : key,
		.text = text.data,
	};

	set->report(set->arg, &problem);
	conversion->failed |= level == UNIT_ERROR;
}

/* ---- values ----------------------------------------------------------------------------------------------------------- */

const struct unit_line *conversion_last(const struct conversion *conversion, const char *key)
{
	return unit_last(&conversion->quadlet->unit, conversion->section, key);
}

const char *conversion_value(const struct conversion *conversion, const char *key)
{
	return unit_value(&conversion->quadlet->unit, conversion->section, key);
}

const struct unit_line *conversion_next(const struct conversion *conversion, const char *key,
					size_t *position)
{
	return unit_next(&conversion->quadlet->unit, conversion->section, key, position);
}

static int boolean(struct conversion *conversion, const struct unit_line *line)
{
	int value = unit_boolean(line->value);

	if (value < 0)
		quadlet_problem(conversion, UNIT_ERROR, line, NULL,
				"invalid value '%s': it is true or false", line->value);
	return value;
}

bool conversion_boolean(struct conversion *conversion, const char *key, bool otherwise)
{
	const struct unit_line *line = conversion_last(conversion, key);

	return line != NULL ? boolean(conversion, line) > 0 : otherwise;
}

char *quadlet_path(const struct quadlet *quadlet, const char *value)
{
	if (value[0] == '/' || value[0] == '%')
		return xstrdup(value);
	while (value[0] == '.' && value[1] == '/')
		value += 2;
	if (str_equal(value, "."))
		return xstrdup(quadlet->dir);
	return xasprintf("%s/%s", quadlet->dir, value);
}

/* ---- words of the command line ---------------------------------------------------------------------------------------- */

static void remember(struct quadlet *quadlet, const struct unit_line *line, size_t first,
		     bool is_argument)
{
	quadlet->origins = xreallocarray(quadlet->origins, quadlet->origin_count + 1,
					 sizeof(*quadlet->origins));
	quadlet->origins[quadlet->origin_count++] = (struct quadlet_origin){
		.line = line,
		.first = first,
		.count = quadlet->words.count - first,
		.is_argument = is_argument,
	};
}

void conversion_option(struct conversion *conversion, const struct unit_line *line,
		       const char *option, const char *value)
{
	struct strv *words = &conversion->quadlet->words;
	size_t first = words->count;

	strv_add(words, option);
	if (value != NULL)
		strv_add(words, value);
	remember(conversion->quadlet, line, first, false);
}

void conversion_words(struct conversion *conversion, const struct unit_line *line,
		      const struct strv *words)
{
	size_t first = conversion->quadlet->words.count;

	strv_add_all(&conversion->quadlet->words, words);
	remember(conversion->quadlet, line, first, false);
}

void conversion_argument(struct conversion *conversion, const struct unit_line *line,
			 const char *word)
{
	size_t first = conversion->quadlet->words.count;

	strv_add(&conversion->quadlet->words, word);
	remember(conversion->quadlet, line, first, true);
}

static void split(struct conversion *conversion, const struct unit_line *line, struct strv *words)
{
	if (unit_split_words(line->value, words) < 0)
		quadlet_problem(conversion, UNIT_ERROR, line, NULL, "a quote has no end");
}

static void add_key(struct conversion *conversion, const struct quadlet_key *key,
		    const struct unit_line *line)
{
	cleanup_strv struct strv words = STRV_INIT;
	cleanup_free char *value = NULL;
	int on;

	switch (key->how) {
	case QUADLET_ONE:
	case QUADLET_EACH:
		value = xasprintf("%s%s", key->prefix != NULL ? key->prefix : "", line->value);
		conversion_option(conversion, line, key->option, value);
		break;
	case QUADLET_WORDS:
		split(conversion, line, &words);
		for (size_t i = 0; i < words.count; i++)
			conversion_option(conversion, line, key->option, words.items[i]);
		break;
	case QUADLET_FLAG:
		if (boolean(conversion, line) > 0)
			conversion_option(conversion, line, key->option, NULL);
		break;
	case QUADLET_FLAG_VALUE:
		on = boolean(conversion, line);
		value = xasprintf("%s=%s", key->option, on > 0 ? "true" : "false");
		conversion_option(conversion, line, value, NULL);
		break;
	case QUADLET_SPECIAL:
		break;
	}
}

void conversion_table(struct conversion *conversion)
{
	const struct quadlet_key *key = quadlet_keys(conversion->quadlet->type);
	const struct unit_line *line;

	for (; key->name != NULL; key++) {
		size_t position = 0;

		if (key->how == QUADLET_SPECIAL)
			continue;
		if (key->how == QUADLET_EACH || key->how == QUADLET_WORDS) {
			while ((line = conversion_next(conversion, key->name, &position)) != NULL)
				add_key(conversion, key, line);
		} else if ((line = conversion_last(conversion, key->name)) != NULL) {
			add_key(conversion, key, line);
		}
	}

	size_t position = 0;

	while ((line = conversion_next(conversion, "PodmanArgs", &position)) != NULL) {
		cleanup_strv struct strv words = STRV_INIT;

		split(conversion, line, &words);
		if (words.count > 0)
			conversion_words(conversion, line, &words);
	}
}

static void add_globals(struct conversion *conversion)
{
	struct strv *globals = &conversion->quadlet->globals;
	const struct unit_line *line;
	size_t position = 0;

	while ((line = conversion_next(conversion, "ContainersConfModule", &position)) != NULL) {
		strv_add(globals, "--module");
		strv_add(globals, line->value);
	}
	position = 0;
	while ((line = conversion_next(conversion, "GlobalArgs", &position)) != NULL)
		split(conversion, line, globals);
}

static void add_words(struct strbuf *out, const struct strv *words)
{
	for (size_t i = 0; i < words->count; i++) {
		strbuf_addc(out, ' ');
		unit_quote_word(out, words->items[i], UNIT_KEEP_SPECIFIERS | UNIT_KEEP_VARIABLES);
	}
}

static void add_exec(struct conversion *conversion, const char *key, const char *prefix,
		     const struct strv *words)
{
	cleanup_strbuf struct strbuf line = STRBUF_INIT;

	strbuf_adds(&line, prefix);
	unit_quote_word(&line, conversion->set->program, 0);
	add_words(&line, &conversion->quadlet->globals);
	add_words(&line, words);
	unit_add(&conversion->quadlet->made, "Service", key, line.data);
}

void conversion_exec(struct conversion *conversion, const char *key, const struct strv *words)
{
	add_exec(conversion, key, "", words);
}

void conversion_command(struct conversion *conversion, const char *key, const char *prefix,
			const char *const *words)
{
	cleanup_strv struct strv list = STRV_INIT;

	for (; *words != NULL; words++)
		strv_add(&list, *words);
	add_exec(conversion, key, prefix, &list);
}

void conversion_oneshot(struct conversion *conversion)
{
	struct unit *made = &conversion->quadlet->made;

	conversion_exec(conversion, "ExecStart", &conversion->quadlet->words);
	if (unit_last(made, "Service", "Type") == NULL)
		unit_add(made, "Service", "Type", "oneshot");
	if (unit_last(made, "Service", "RemainAfterExit") == NULL)
		unit_add(made, "Service", "RemainAfterExit", "yes");
	unit_add(made, "Service", "SyslogIdentifier", "%N");
}

/* ---- keys ------------------------------------------------------------------------------------------------------------- */

static bool is_known(const struct quadlet_key *keys, const char *name)
{
	for (; keys->name != NULL; keys++) {
		if (str_equal(keys->name, name))
			return true;
	}
	return false;
}

static void check_section(struct conversion *conversion, const char *name,
			  const struct quadlet_key *keys)
{
	const struct unit_section *section = unit_find(&conversion->quadlet->unit, name);

	for (size_t i = 0; section != NULL && i < section->count; i++) {
		const struct unit_line *line = &section->lines[i];
		struct suggest suggest = SUGGEST_INIT(line->key);

		if (is_known(keys, line->key))
			continue;
		for (const struct quadlet_key *key = keys; key->name != NULL; key++)
			suggest_candidate(&suggest, key->name);
		if (suggest.best != NULL)
			quadlet_problem(conversion, UNIT_ERROR, line, NULL,
					"[%s] has no such key, did you mean %s?", name,
					suggest.best);
		else
			quadlet_problem(conversion, UNIT_ERROR, line, NULL, "[%s] has no such key",
					name);
	}
}

static bool is_section(const struct conversion *conversion, const char *name,
		       struct suggest *suggest)
{
	const char *const known[] = { conversion->section, "Unit", "Service", "Install",
				      "Quadlet" };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (str_equal(name, known[i]))
			return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		suggest_candidate(suggest, known[i]);
	return str_after(name, "X-") != NULL;
}

/* What is no section of systemd, of the unit itself, [Quadlet] or X-..., which nobody reads, was meant to be one of them. */
static void check_sections(struct conversion *conversion)
{
	const struct unit *unit = &conversion->quadlet->unit;

	for (size_t i = 0; i < unit->count; i++) {
		const struct unit_section *section = &unit->sections[i];
		struct suggest suggest = SUGGEST_INIT(section->name);

		if (!is_section(conversion, section->name, &suggest))
			quadlet_problem(conversion, UNIT_ERROR,
					section->count > 0 ? &section->lines[0] : NULL, NULL,
					"a .%s has no section [%s]%s%s%s",
					quadlet_suffix(conversion->quadlet->type), section->name,
					suggest.best != NULL ? ", did you mean [" : "",
					suggest.best != NULL ? suggest.best : "",
					suggest.best != NULL ? "]?" : "");
	}
	check_section(conversion, conversion->section, quadlet_keys(conversion->quadlet->type));
	check_section(conversion, "Quadlet", quadlet_common_keys);
	if (unit_find(unit, conversion->section) == NULL)
		quadlet_problem(conversion, UNIT_ERROR, NULL, NULL, "it has no section [%s]",
				conversion->section);
}

/* ---- the service ------------------------------------------------------------------------------------------------------ */

/* [Unit] may name Quadlet units: systemd knows their services. */
static char *translate(const struct conversion *conversion, const char *value)
{
	cleanup_strv struct strv words = STRV_INIT;

	if (unit_split_words(value, &words) < 0)
		return xstrdup(value);
	for (size_t i = 0; i < words.count; i++) {
		const struct quadlet *other =
			quadlet_type_of(words.items[i]) >= 0
				? quadlet_find(conversion->set, words.items[i])
				: NULL;

		if (other != NULL) {
			free(words.items[i]);
			words.items[i] = xstrdup(other->service);
		}
	}
	return strv_join(&words, " ");
}

static bool names_units(const char *key)
{
	static const char *const keys[] = {
		"After",
		"Before",
		"BindsTo",
		"Conflicts",
		"JoinsNamespaceOf",
		"OnFailure",
		"OnSuccess",
		"PartOf",
		"PropagatesReloadTo",
		"PropagatesStopTo",
		"ReloadPropagatedFrom",
		"Requires",
		"Requisite",
		"StopPropagatedFrom",
		"Upholds",
		"Wants",
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (str_equal(keys[i], key))
			return true;
	}
	return false;
}

static void copy(struct conversion *conversion)
{
	const struct unit *from = &conversion->quadlet->unit;
	struct unit *to = &conversion->quadlet->made;

	(void)unit_section(to, "Unit");
	for (size_t i = 0; i < from->count; i++) {
		const struct unit_section *section = &from->sections[i];
		bool ours = str_equal(section->name, conversion->section) ||
			    str_equal(section->name, "Quadlet");
		bool is_unit = str_equal(section->name, "Unit");
		cleanup_free char *name = xasprintf("%s%s", ours ? "X-" : "", section->name);

		(void)unit_section(to, name);
		for (size_t j = 0; j < section->count; j++) {
			const struct unit_line *line = &section->lines[j];
			cleanup_free char *value = is_unit && names_units(line->key)
							   ? translate(conversion, line->value)
							   : xstrdup(line->value);

			unit_add(to, name, line->key, value);
		}
	}
}

static void add_unit_lines(struct conversion *conversion)
{
	const struct unit *unit = &conversion->quadlet->unit;
	struct unit *made = &conversion->quadlet->made;
	const char *online =
		conversion->set->user ? "dhow-wait-online.service" : "network-online.target";
	const struct unit_line *line = unit_last(unit, "Quadlet", "DefaultDependencies");

	/* first, so that an empty After= in the unit takes it away */
	if (line == NULL || boolean(conversion, line) > 0) {
		unit_add_first(made, "Unit", "After", online);
		unit_add_first(made, "Unit", "Wants", online);
	}
	unit_add(made, "Unit", "SourcePath", conversion->quadlet->path);
	unit_add(made, "Unit", "RequiresMountsFor", "%t/containers");
}

int quadlet_convert(struct quadlet_set *set, struct quadlet *quadlet)
{
	static void (*const make[])(struct conversion *) = {
		[QUADLET_CONTAINER] = quadlet_make_container,
		[QUADLET_VOLUME] = quadlet_make_volume,
		[QUADLET_NETWORK] = quadlet_make_network,
		[QUADLET_IMAGE] = quadlet_make_image,
		[QUADLET_BUILD] = quadlet_make_build,
	};
	struct conversion conversion = {
		.set = set,
		.quadlet = quadlet,
		.section = quadlet_section(quadlet->type),
		.failed = quadlet->failed,
	};

	/* it could not be read, and that was said */
	if (quadlet->failed && quadlet->unit.count == 0)
		return -1;
	if (quadlet->type == QUADLET_POD || quadlet->type == QUADLET_KUBE) {
		quadlet_problem(&conversion, UNIT_ERROR, NULL, NULL,
				".%s units are not supported: dhow has no pods; write a .container "
				"for each container",
				quadlet_suffix(quadlet->type));
	} else {
		check_sections(&conversion);
		copy(&conversion);
		add_unit_lines(&conversion);
		add_globals(&conversion);
		make[quadlet->type](&conversion);
	}
	quadlet->failed = conversion.failed;
	return quadlet->failed ? -1 : 0;
}
