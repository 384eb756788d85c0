/* SPDX-License-Identifier: Apache-2.0 */
/*
 * units/unit.c - read, change and print a unit file
 */
#include "units/unit.h"

#include "base/alloc.h"
#include "base/strbuf.h"

#include <strings.h>

void unit_release(struct unit *unit)
{
	for (size_t i = 0; i < unit->count; i++) {
		struct unit_section *section = &unit->sections[i];

		for (size_t j = 0; j < section->count; j++) {
			free(section->lines[j].key);
			free(section->lines[j].value);
		}
		free(section->lines);
		free(section->name);
	}
	free(unit->sections);
	strv_release(&unit->files);
	*unit = (struct unit)UNIT_INIT;
}

const struct unit_section *unit_find(const struct unit *unit, const char *section)
{
	for (size_t i = 0; i < unit->count; i++) {
		if (str_equal(unit->sections[i].name, section))
			return &unit->sections[i];
	}
	return NULL;
}

struct unit_section *unit_section(struct unit *unit, const char *name)
{
	const struct unit_section *found = unit_find(unit, name);

	if (found != NULL)
		return &unit->sections[found - unit->sections];
	if (unit->count == unit->size) {
		unit->size = unit->size > 0 ? unit->size * 2 : 4;
		unit->sections = xreallocarray(unit->sections, unit->size, sizeof(*unit->sections));
	}

	struct unit_section *section = &unit->sections[unit->count++];

	*section = (struct unit_section){ .name = xstrdup(name) };
	return section;
}

static struct unit_line *insert(struct unit_section *section, size_t place)
{
	if (section->count == section->size) {
		section->size = section->size > 0 ? section->size * 2 : 4;
		section->lines =
			xreallocarray(section->lines, section->size, sizeof(*section->lines));
	}
	memmove(section->lines + place + 1, section->lines + place,
		(section->count - place) * sizeof(*section->lines));
	section->count++;
	section->lines[place] = (struct unit_line){ NULL };
	return &section->lines[place];
}

void unit_add(struct unit *unit, const char *name, const char *key, const char *value)
{
	struct unit_section *section = unit_section(unit, name);
	struct unit_line *line = insert(section, section->count);

	line->key = xstrdup(key);
	line->value = xstrdup(value);
}

void unit_add_first(struct unit *unit, const char *name, const char *key, const char *value)
{
	struct unit_line *line = insert(unit_section(unit, name), 0);

	line->key = xstrdup(key);
	line->value = xstrdup(value);
}

/* The place behind the last empty line of the key. */
static size_t after_reset(const struct unit_section *section, const char *key)
{
	size_t start = 0;

	for (size_t i = 0; i < section->count; i++) {
		if (section->lines[i].value[0] == '\0' && str_equal(section->lines[i].key, key))
			start = i + 1;
	}
	return start;
}

const struct unit_line *unit_next(const struct unit *unit, const char *name, const char *key,
				  size_t *position)
{
	const struct unit_section *section = unit_find(unit, name);

	if (section == NULL)
		return NULL;
	if (*position == 0)
		*position = after_reset(section, key);
	while (*position < section->count) {
		const struct unit_line *line = &section->lines[(*position)++];

		if (str_equal(line->key, key))
			return line;
	}
	return NULL;
}

const struct unit_line *unit_last(const struct unit *unit, const char *section, const char *key)
{
	const struct unit_line *last = NULL, *line;
	size_t position = 0;

	while ((line = unit_next(unit, section, key, &position)) != NULL)
		last = line;
	return last;
}

const char *unit_value(const struct unit *unit, const char *section, const char *key)
{
	const struct unit_line *line = unit_last(unit, section, key);

	return line != NULL ? line->value : NULL;
}

void unit_print(const struct unit *unit, struct strbuf *out)
{
	for (size_t i = 0; i < unit->count; i++) {
		const struct unit_section *section = &unit->sections[i];

		strbuf_addf(out, "%s[%s]\n", i > 0 ? "\n" : "", section->name);
		for (size_t j = 0; j < section->count; j++)
			strbuf_addf(out, "%s=%s\n", section->lines[j].key, section->lines[j].value);
	}
}

/* ---- reading ---------------------------------------------------------------------------------------------------------- */

struct reader {
	struct unit *unit;
	const char *file;
	struct unit_section *section;
	unit_report report;
	void *arg;
	bool failed;
};

void unit_problem_place(const struct unit_problem *problem, struct strbuf *out)
{
	strbuf_add_escaped(out, problem->file);
	if (problem->line > 0)
		strbuf_addf(out, ":%u", problem->line);
	strbuf_adds(out, ": ");
	if (problem->key != NULL) {
		strbuf_add_escaped(out, problem->key);
		strbuf_adds(out, ": ");
	}
}

static void complain(struct reader *reader, unsigned line, const char *key, const char *text)
{
	const struct unit_problem problem = {
		.level = UNIT_ERROR, .file = reader->file, .line = line, .key = key, .text = text
	};

	reader->failed = true;
	reader->report(reader->arg, &problem);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static char *strip(char *text)
{
	size_t length;

	while (is_blank(*text))
		text++;
	length = strlen(text);
	while (length > 0 && is_blank(text[length - 1]))
		text[--length] = '\0';
	return text;
}

static bool is_key(const char *key)
{
	for (const char *c = key; *c != '\0'; c++) {
		if ((*c < 'a' || *c > 'z') && (*c < 'A' || *c > 'Z') && (*c < '0' || *c > '9') &&
		    *c != '-' && *c != '_')
			return false;
	}
	return *key != '\0';
}

static void read_line(struct reader *reader, char *text, unsigned number)
{
	char *equal;

	text = strip(text);
	if (*text == '[') {
		size_t length = strlen(text);

		reader->section = NULL;
		if (text[length - 1] != ']' || length < 3) {
			complain(reader, number, NULL, "a section is [NAME]");
			return;
		}
		text[length - 1] = '\0';
		reader->section = unit_section(reader->unit, text + 1);
		return;
	}
	equal = strchr(text, '=');
	if (equal == NULL) {
		complain(reader, number, NULL, "this is no KEY=VALUE, no [SECTION] and no comment");
		return;
	}
	*equal = '\0';

	char *key = strip(text);

	if (!is_key(key)) {
		complain(reader, number, NULL, "what stands before '=' is no key");
		return;
	}
	if (reader->section == NULL) {
		complain(reader, number, key, "it stands in no section");
		return;
	}

	struct unit_line *line = insert(reader->section, reader->section->count);

	line->key = xstrdup(key);
	line->value = xstrdup(strip(equal + 1));
	line->file = reader->file;
	line->line = number;
}

int unit_read(struct unit *unit, const char *text, size_t length, const char *file,
	      unit_report report, void *arg)
{
	cleanup_strbuf struct strbuf whole = STRBUF_INIT;
	unsigned number = 0, first = 0;
	const char *end = text + length;
	bool continued = false;

	strv_add(&unit->files, file);

	struct reader reader = { .unit = unit,
				 .file = unit->files.items[unit->files.count - 1],
				 .report = report,
				 .arg = arg };

	if (length > UNIT_BYTES_MAX || memchr(text, '\0', length) != NULL) {
		complain(&reader, 0, NULL, "this is no unit file");
		return -1;
	}
	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *stop = newline != NULL ? newline : end;
		const char *begin = text;

		text = newline != NULL ? newline + 1 : end;
		number++;
		while (begin < stop && is_blank(*begin))
			begin++;
		/* comments may stand within a continued line */
		if (begin < stop && (*begin == '#' || *begin == ';'))
			continue;
		if (begin == stop && !continued)
			continue;
		if (!continued)
			first = number;
		while (stop > begin && stop[-1] == '\r')
			stop--;
		continued = stop > begin && stop[-1] == '\\';
		strbuf_add(&whole, begin, (size_t)(stop - begin) - continued);
		if (continued) {
			strbuf_addc(&whole, ' ');
			continue;
		}
		read_line(&reader, whole.data, first);
		strbuf_clear(&whole);
	}
	if (whole.length > 0)
		read_line(&reader, whole.data, first);
	return reader.failed ? -1 : 0;
}

int unit_boolean(const char *text)
{
	static const char *const yes[] = { "1", "yes", "y", "true", "t", "on" };
	static const char *const no[] = { "0", "no", "n", "false", "f", "off" };

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		if (strcasecmp(text, yes[i]) == 0)
			return 1;
		if (strcasecmp(text, no[i]) == 0)
			return 0;
	}
	return -1;
}
