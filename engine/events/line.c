/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/events/line.c - one event as one line of the journal, and the words in it
 */
#include "engine/events/parts.h"

#include "base/json.h"
#include "base/strbuf.h"
#include "engine/container.h"
#include "engine/container/record.h"

#include <inttypes.h>

static const char *const event_type_names[] = {
	[EVENT_TYPE_CONTAINER] = "container", [EVENT_TYPE_IMAGE] = "image",
	[EVENT_TYPE_NETWORK] = "network",     [EVENT_TYPE_POD] = "pod",
	[EVENT_TYPE_SECRET] = "secret",	      [EVENT_TYPE_SYSTEM] = "system",
	[EVENT_TYPE_VOLUME] = "volume",
};
NAME_TABLE(event_type, EVENT_TYPE_COUNT)

static const char *const event_status_names[] = {
	[EVENT_ATTACH] = "attach",
	[EVENT_BUILD] = "build",
	[EVENT_CLEANUP] = "cleanup",
	[EVENT_COMMIT] = "commit",
	[EVENT_CONNECT] = "connect",
	[EVENT_CREATE] = "create",
	[EVENT_DIED] = "died",
	[EVENT_DISCONNECT] = "disconnect",
	[EVENT_EXEC] = "exec",
	[EVENT_EXEC_DIED] = "exec_died",
	[EVENT_EXPORT] = "export",
	[EVENT_HEALTH_STATUS] = "health_status",
	[EVENT_IMPORT] = "import",
	[EVENT_INIT] = "init",
	[EVENT_KILL] = "kill",
	[EVENT_LOAD] = "loadfromarchive",
	[EVENT_MOUNT] = "mount",
	[EVENT_PAUSE] = "pause",
	[EVENT_PRUNE] = "prune",
	[EVENT_PULL] = "pull",
	[EVENT_PULL_ERROR] = "pull-error",
	[EVENT_PUSH] = "push",
	[EVENT_REFRESH] = "refresh",
	[EVENT_REMOVE] = "remove",
	[EVENT_RENAME] = "rename",
	[EVENT_RENUMBER] = "renumber",
	[EVENT_RESTART] = "restart",
	[EVENT_SAVE] = "save",
	[EVENT_START] = "start",
	[EVENT_STOP] = "stop",
	[EVENT_SYNC] = "sync",
	[EVENT_TAG] = "tag",
	[EVENT_UNMOUNT] = "unmount",
	[EVENT_UNPAUSE] = "unpause",
	[EVENT_UNTAG] = "untag",
	[EVENT_UPDATE] = "update",
};
NAME_TABLE(event_status, EVENT_STATUS_COUNT)

static void add_member(json_t *object, const char *key, const char *text)
{
	if (!str_is_empty(text))
		json_put_string(object, key, text);
}

/* Everything but time and exit code. New reference. */
static json_t *event_members(const struct event *event, bool with_attributes)
{
	json_t *object = json_object();

	json_put_string(object, "Type", event_type_name((int)event->type));
	json_put_string(object, "Status", event_status_name((int)event->status));
	add_member(object, "ID", event->id);
	add_member(object, "Name", event->name);
	add_member(object, "Image", event->image);
	add_member(object, "PodID", event->pod_id);
	add_member(object, "network", event->network);
	add_member(object, "HealthStatus", event->health_status);
	add_member(object, "Error", event->error);
	if (with_attributes && event->attributes != NULL)
		json_put(object, "Attributes", json_incref((json_t *)event->attributes));
	return object;
}

/* `"Type":...}` and a newline: the text of the object without its first brace. */
static void add_rest(const struct event *event, struct strbuf *out)
{
	size_t start = out->length;

	for (int with_attributes = 1; with_attributes >= 0; with_attributes--) {
		cleanup_json json_t *object = event_members(event, with_attributes);
		cleanup_strbuf struct strbuf text = STRBUF_INIT;

		json_print(object, 0, &text);
		strbuf_truncate(out, start);
		strbuf_add(out, text.data + 1, text.length - 1);
		strbuf_addc(out, '\n');
		if (out->length - start <= EVENT_LINE_MAX)
			return;
	}
}

void event_line(const struct event *event, int64_t time_ns, struct strbuf *out)
{
	strbuf_addf(out, EVENT_LINE_START "%" PRId64 ",", time_ns);
	if (event->has_exit_code)
		strbuf_addf(out, "\"ContainerExitCode\":%" PRId32 ",", event->exit_code);
	add_rest(event, out);
}

static struct event container_event(const struct container *container, enum event_status status)
{
	return (struct event){
		.type = EVENT_TYPE_CONTAINER,
		.status = status,
		.id = container->id.text,
		.name = container->name,
		.image = container->image_name,
		.attributes = json_object_get(container->create, KEY_LABELS),
	};
}

char *event_died_text(const struct container *container)
{
	const struct event event = container_event(container, EVENT_DIED);
	struct strbuf text = STRBUF_INIT;

	add_rest(&event, &text);
	return strbuf_take(&text);
}

void event_container(struct engine *engine, const struct container *container,
		     enum event_status status)
{
	const struct event event = container_event(container, status);

	engine_event(engine, &event);
}

void event_container_exit(struct engine *engine, const struct container *container,
			  enum event_status status, int32_t exit_code)
{
	struct event event = container_event(container, status);

	event.has_exit_code = true;
	event.exit_code = exit_code;
	engine_event(engine, &event);
}

void event_container_health(struct engine *engine, const struct container *container,
			    const char *health_status)
{
	struct event event = container_event(container, EVENT_HEALTH_STATUS);

	event.health_status = health_status;
	engine_event(engine, &event);
}

void event_image(struct engine *engine, enum event_status status, const char *id, const char *name)
{
	const char *hex = id != NULL ? str_after(id, "sha256:") : NULL;
	const struct event event = { .type = EVENT_TYPE_IMAGE,
				     .status = status,
				     .id = hex != NULL ? hex : id,
				     .name = name };

	engine_event(engine, &event);
}

void event_volume(struct engine *engine, enum event_status status, const char *name)
{
	const struct event event = { .type = EVENT_TYPE_VOLUME, .status = status, .name = name };

	engine_event(engine, &event);
}

void event_system(struct engine *engine, enum event_status status)
{
	const struct event event = { .type = EVENT_TYPE_SYSTEM, .status = status };

	engine_event(engine, &event);
}

/* Digits up to the comma behind the start of a line. */
static int line_time(const char *text, const char *end, int64_t *ret_time_ns)
{
	int64_t time_ns = 0;
	const char *at = text;

	for (; at < end && *at >= '0' && *at <= '9'; at++) {
		if (__builtin_mul_overflow(time_ns, 10, &time_ns) ||
		    __builtin_add_overflow(time_ns, *at - '0', &time_ns))
			return 0;
	}
	if (at == text || at == end || *at != ',')
		return 0;
	*ret_time_ns = time_ns;
	return 1;
}

int event_line_find(const char *line, size_t length, size_t *ret_start, int64_t *ret_time_ns)
{
	const size_t start_length = strlen(EVENT_LINE_START);
	const char *end = line + length;
	const char *at = line;
	int found = 0;

	while ((at = memmem(at, (size_t)(end - at), EVENT_LINE_START, start_length)) != NULL) {
		if (line_time(at + start_length, end, ret_time_ns) > 0) {
			*ret_start = (size_t)(at - line);
			found = 1;
		}
		at += start_length;
	}
	return found;
}
