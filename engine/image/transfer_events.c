/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/transfer_events.c - what transfer tells dhow: JSON, one object in a line
 *
 * Both processes write to the same descriptor. A line of progress is shorter than PIPE_BUF and written at once, so lines do
 * not mix; long ones (a list of tags, the result) are written when the other process is silent.
 */
#include "engine/image/transfer_private.h"

#include <stdarg.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/strbuf.h"

void event_json(const json_t *event)
{
	cleanup_strbuf struct strbuf line = STRBUF_INIT;

	json_print(event, 0, &line);
	strbuf_addc(&line, '\n');
	/* when dhow is gone the death signal ends us */
	(void)fd_write_full(TRANSFER_EVENT_FD, line.data, line.length);
}

void event_progress(const char *event, const struct digest *id, const char *number_key,
		    uint64_t number)
{
	cleanup_json json_t *json = json_object();

	json_put_string(json, "event", event);
	json_put_string(json, "id", id->text);
	if (number_key != NULL)
		json_put_int(json, number_key, (int64_t)number);
	event_json(json);
}

void event_made(uint32_t number, const struct digest *digest, uint64_t bytes,
		const char *annotations)
{
	cleanup_json json_t *json = json_object();

	json_put_string(json, "event", "made");
	json_put_int(json, "number", number);
	json_put_string(json, "id", digest->text);
	json_put_int(json, "bytes", (int64_t)bytes);
	if (annotations != NULL)
		json_put_string(json, "annotations", annotations);
	event_json(json);
}

void event_text(const char *event, const char *format, ...)
{
	cleanup_json json_t *json = json_object();
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	va_list args;

	va_start(args, format);
	strbuf_vaddf(&text, format, args);
	va_end(args);
	if (text.length > 1000)
		strbuf_truncate(&text, 1000);
	json_put_string(json, "event", event);
	json_put(json, "text", json_text(text.data));
	event_json(json);
}

void event_tags(const json_t *tags)
{
	cleanup_json json_t *json = json_object();

	json_put_string(json, "event", "tags");
	json_put(json, "tags", json_deep_copy(tags));
	event_json(json);
}

void event_result(const struct digest *manifest, const struct digest *index, uint32_t endpoint)
{
	cleanup_json json_t *json = json_object();

	json_put_string(json, "event", "result");
	json_put_string(json, "manifest", manifest->text);
	json_put_string(json, "index", index->text);
	json_put_int(json, "endpoint", endpoint);
	event_json(json);
}

void event_error(const struct err *err)
{
	cleanup_json json_t *json = json_object();

	json_put_string(json, "event", "error");
	json_put_string(json, "kind", err_kind_name(err->kind));
	json_put(json, "message", json_text(err->msg));
	json_put(json, "hint", json_text(err->hint));
	event_json(json);
}
