/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/build_json.c - events of a build for programs: "vertexes" begin and end, "logs" have what they print, in base64
 */
#include "cli/build_json.h"

#include "base/digest.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "storage/sha256.h"

#include <stdio.h>

/* A step has no text when it ends: its name is its place. */
static void put_vertex(json_t *json, const char *key, const struct build_event *event)
{
	cleanup_free char *place = xasprintf("%u/%u", event->stage, event->step);
	struct digest digest;

	sha256_of(place, strlen(place), &digest);
	json_put_string(json, key, digest.text);
}

static void put_now(json_t *json, const char *key)
{
	char when[TIME_TEXT_MAX];

	time_format_rfc3339(time_now_ns(), when);
	json_put_string(json, key, when);
}

static json_t *vertex(const struct build_event *event)
{
	json_t *json = json_object();

	put_vertex(json, "digest", event);
	if (event->kind == BUILD_STEP) {
		cleanup_free char *name =
			xasprintf("[%u/%u] STEP %u/%u: %s", event->stage, event->stage_count,
				  event->step, event->step_count, event->text);

		json_put(json, "name", json_text(name));
		put_now(json, "started");
	} else {
		put_now(json, "completed");
	}
	if (event->kind == BUILD_CACHED)
		json_put_bool(json, "cached", true);
	return json;
}

static void add_base64(struct strbuf *out, const char *data, size_t length)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < length; i += 3) {
		size_t left = length - i;
		unsigned a = (unsigned char)data[i];
		unsigned b = left > 1 ? (unsigned char)data[i + 1] : 0;
		unsigned c = left > 2 ? (unsigned char)data[i + 2] : 0;

		strbuf_addc(out, digits[a >> 2]);
		strbuf_addc(out, digits[(a & 3) << 4 | b >> 4]);
		strbuf_addc(out, left > 1 ? digits[(b & 15) << 2 | c >> 6] : '=');
		strbuf_addc(out, left > 2 ? digits[c & 63] : '=');
	}
}

static json_t *log_entry(const struct build_event *event, const char *text, size_t length)
{
	cleanup_strbuf struct strbuf data = STRBUF_INIT;
	json_t *json = json_object();

	add_base64(&data, text, length);
	put_vertex(json, "vertex", event);
	json_put_int(json, "stream", event->is_stderr ? 2 : 1);
	json_put_string(json, "data", data.data);
	put_now(json, "timestamp");
	return json;
}

static json_t *warning(const struct build_event *event)
{
	cleanup_strbuf struct strbuf data = STRBUF_INIT;
	json_t *json = json_object();

	add_base64(&data, event->text, strlen(event->text));
	put_vertex(json, "vertex", event);
	json_put_int(json, "level", 1);
	json_put_string(json, "short", data.data);
	return json;
}

void build_json_event(void *arg, const struct build_event *event)
{
	cleanup_json json_t *status = json_object();
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	json_t *list = json_array();
	const char *key = "logs";

	(void)arg;
	if (event->kind == BUILD_STEP_END && event->stage == 0) { /* the image itself */
		json_decref(list);
		return;
	}
	switch (event->kind) {
	case BUILD_STEP:
	case BUILD_CACHED:
	case BUILD_STEP_END:
		key = "vertexes";
		json_array_append_new(list, vertex(event));
		break;
	case BUILD_OUTPUT:
		json_array_append_new(list, log_entry(event, event->text, event->length));
		break;
	case BUILD_WARNING:
	case BUILD_FINDING:
		key = "warnings";
		json_array_append_new(list, warning(event));
		break;
	case BUILD_EXCERPT:
	case BUILD_NOTE:
	case BUILD_TAGGED:
		json_array_append_new(list, log_entry(event, event->text, strlen(event->text)));
		break;
	case BUILD_COMMIT:
	case BUILD_TICK:
	case BUILD_EVENT_COUNT:
		json_decref(list);
		return;
	}
	json_put(status, key, list);
	json_print(status, 0, &text);
	(void)fprintf(stderr, "%s\n", text.data);
}
