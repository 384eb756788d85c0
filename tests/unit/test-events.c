/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/events.h"

#include "storage-unit.h"

#include "base/json.h"
#include "base/parse.h"
#include "base/strv.h"
#include "engine/events/parts.h"

#include <sys/wait.h>
#include <time.h>

struct unit_engine {
	struct unit_store store;
	struct engine engine;
	unsigned warnings;
};

static void count_warning(void *arg, const char *text)
{
	unsigned *warnings = arg;

	(void)text;
	(*warnings)++;
}

static void engine_make(struct unit_engine *unit)
{
	*unit = (struct unit_engine){ .store = unit_store_make() };
	unit->engine = (struct engine){ .store = unit->store.store,
					.warn = count_warning,
					.warn_arg = &unit->warnings };
}

static void engine_remove(struct unit_engine *unit)
{
	unit_store_remove(&unit->store);
}

/* what was read, as "status name" words */
struct seen {
	struct strv words;
	size_t stop_at; /* 0: never */
};

static int note(void *arg, const json_t *event)
{
	struct seen *seen = arg;

	strv_addf(&seen->words, "%s:%s", json_get_string(event, "?", "Status", NULL),
		  json_get_string(event, "", "Name", NULL));
	return seen->stop_at != 0 && seen->words.count >= seen->stop_at ? -1 : 0;
}

static void expect(struct unit_engine *unit, const struct events_opts *opts, const char *words)
{
	struct seen seen = { STRV_INIT, 0 };
	struct err err;

	ok(events_read(&unit->engine, opts, note, &seen, &err));
	cleanup_free char *joined = strv_join(&seen.words, " ");

	assert_string_equal(joined, words);
	strv_release(&seen.words);
}

static void expect_filtered(struct unit_engine *unit, const char *const *filters, const char *words)
{
	cleanup_strv struct strv list = STRV_INIT;
	const struct events_opts opts = { .filters = &list };

	for (; *filters != NULL; filters++)
		strv_add(&list, *filters);
	expect(unit, &opts, words);
}

static void append_raw(struct unit_engine *unit, const char *text)
{
	int fd = openat(unit->store.store->root_fd, "events/journal", O_WRONLY | O_APPEND);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void test_empty(void **state)
{
	struct unit_engine unit;
	const struct events_opts opts = { 0 };

	(void)state;
	engine_make(&unit);
	expect(&unit, &opts, "");
	engine_remove(&unit);
}

static void test_write_and_read(void **state)
{
	struct unit_engine unit;
	const struct events_opts opts = { 0 };
	cleanup_json json_t *labels =
		json_pack("{ss, ss}", "a", "1", "odd \" \n", "{\"timeNano\":7");
	struct event event = { .type = EVENT_TYPE_CONTAINER,
			       .status = EVENT_DIED,
			       .id = "abcdef",
			       .name = "web",
			       .image = "img",
			       .attributes = labels,
			       .has_exit_code = true,
			       .exit_code = 137 };

	(void)state;
	engine_make(&unit);
	event_volume(&unit.engine, EVENT_CREATE, "v1");
	engine_event(&unit.engine, &event);
	event_image(&unit.engine, EVENT_PULL, "0123", "localhost/web:1");
	event_system(&unit.engine, EVENT_REFRESH);
	expect(&unit, &opts, "create:v1 died:web pull:localhost/web:1 refresh:");
	assert_int_equal(unit.warnings, 0);
	engine_remove(&unit);
}

static void test_filters(void **state)
{
	struct unit_engine unit;
	cleanup_json json_t *labels = json_pack("{ss}", "k", "v");
	struct event event = { .type = EVENT_TYPE_CONTAINER,
			       .status = EVENT_DIED,
			       .id = "abcdef",
			       .name = "web",
			       .attributes = labels };

	(void)state;
	engine_make(&unit);
	event_volume(&unit.engine, EVENT_CREATE, "v1");
	engine_event(&unit.engine, &event);
	event.name = "db";
	event.id = "123456";
	event.attributes = NULL;
	event.status = EVENT_REMOVE;
	engine_event(&unit.engine, &event);
	event_image(&unit.engine, EVENT_PULL, "0123", "docker.io/library/alpine:3");

	expect_filtered(&unit, (const char *[]){ "container=web", NULL }, "died:web");
	expect_filtered(&unit, (const char *[]){ "container=1234", NULL }, "remove:db");
	expect_filtered(&unit, (const char *[]){ "container=web", "container=db", NULL },
			"died:web remove:db");
	expect_filtered(&unit, (const char *[]){ "container=web", "event=remove", NULL }, "");
	expect_filtered(&unit, (const char *[]){ "event=die", NULL }, "died:web");
	expect_filtered(&unit, (const char *[]){ "type=volume", NULL }, "create:v1");
	expect_filtered(&unit, (const char *[]){ "volume=v1", NULL }, "create:v1");
	expect_filtered(&unit, (const char *[]){ "label=k", NULL }, "died:web");
	expect_filtered(&unit, (const char *[]){ "label=k=v", NULL }, "died:web");
	expect_filtered(&unit, (const char *[]){ "label=k=w", NULL }, "");
	expect_filtered(&unit, (const char *[]){ "image=alpine", NULL },
			"pull:docker.io/library/alpine:3");
	expect_filtered(&unit, (const char *[]){ "image=library/alpine:3", NULL },
			"pull:docker.io/library/alpine:3");
	expect_filtered(&unit, (const char *[]){ "image=alp", NULL }, "");
	expect_filtered(&unit, (const char *[]){ "image=", NULL }, "");
	engine_remove(&unit);
}

static void test_bad_filters(void **state)
{
	static const char *const bad[] = { "nonsense=1", "container", "event=flew", "type=x", "" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cleanup_strv struct strv list = STRV_INIT;
		struct event_filters *filters = NULL;
		struct err err;

		strv_add(&list, bad[i]);
		assert_int_equal(event_filters_new(&list, &filters, &err), -1);
		assert_int_equal(err.kind, ERR_USAGE);
	}
}

static void test_torn_lines(void **state)
{
	struct unit_engine unit;
	const struct events_opts opts = { 0 };

	(void)state;
	engine_make(&unit);
	event_volume(&unit.engine, EVENT_CREATE, "one");
	append_raw(&unit, "{\"timeNano\":12,\"Type\":\"vol");
	event_volume(&unit.engine, EVENT_CREATE, "two");
	append_raw(
		&unit,
		"\n\ngarbage\n{\"timeNano\":x}\n{\"timeNano\":99999999999999999999999,\"a\":1}\n");
	event_volume(&unit.engine, EVENT_CREATE, "three");
	append_raw(&unit, "{\"timeNano\":12,\"Status\":\"unfinished\"");
	expect(&unit, &opts, "create:one create:two create:three");
	engine_remove(&unit);
}

static void test_long_lines(void **state)
{
	struct unit_engine unit;
	const struct events_opts opts = { 0 };
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	(void)state;
	engine_make(&unit);
	for (unsigned i = 0; i < EVENT_LINE_MAX; i++)
		strbuf_addc(&text, 'x');
	cleanup_json json_t *labels = json_pack("{ss}", "k", text.data);
	const struct event event = { .type = EVENT_TYPE_CONTAINER,
				     .status = EVENT_CREATE,
				     .name = "long",
				     .attributes = labels };

	engine_event(&unit.engine, &event);
	for (unsigned i = 0; i < 4; i++)
		append_raw(&unit, text.data);
	append_raw(&unit, "\n");
	event_volume(&unit.engine, EVENT_CREATE, "v");
	expect(&unit, &opts, "create:long create:v");
	expect_filtered(&unit, (const char *[]){ "label=k", NULL }, "");
	engine_remove(&unit);
}

static void test_times(void **state)
{
	struct unit_engine unit;
	struct events_opts opts = { .since_ns = 200, .until_ns = 300 };

	(void)state;
	engine_make(&unit);
	event_volume(&unit.engine, EVENT_CREATE, "now");
	append_raw(&unit,
		   "{\"timeNano\":100,\"Status\":\"a\"}\n{\"timeNano\":200,\"Status\":\"b\"}\n"
		   "{\"timeNano\":300,\"Status\":\"c\"}\n{\"timeNano\":301,\"Status\":\"d\"}\n");
	expect(&unit, &opts, "b: c:");
	/* an end that is over: a follower does not wait */
	opts.follow = true;
	expect(&unit, &opts, "b: c:");
	engine_remove(&unit);
}

static void test_rotation(void **state)
{
	struct unit_engine unit;
	struct stat st;
	const struct events_opts opts = { 0 };

	(void)state;
	engine_make(&unit);
	event_volume(&unit.engine, EVENT_CREATE, "first");
	cleanup_fd int fd = openat(unit.store.store->root_fd, "events/journal", O_WRONLY);

	assert_int_equal(ftruncate(fd, EVENTS_MAX_BYTES - 1), 0);
	append_raw(&unit, "\n");
	event_volume(&unit.engine, EVENT_CREATE, "second");
	assert_int_equal(fstatat(unit.store.store->root_fd, "events/journal.1", &st, 0), 0);
	assert_int_equal(fstatat(unit.store.store->root_fd, "events/journal", &st, 0), 0);
	assert_true(st.st_size < 1000);
	assert_int_equal(st.st_mode & 0777, 0600);
	expect(&unit, &opts, "create:first create:second");
	engine_remove(&unit);
}

static void pause_ms(long ms)
{
	const struct timespec time = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&time, NULL);
}

/* a writer beside the reader: events before, at and after a rotation arrive once each, in order */
static void test_follow(void **state)
{
	struct unit_engine unit;
	struct seen seen = { STRV_INIT, 6 };
	const struct events_opts opts = { .follow = true, .until_ns = time_now_ns() + 20000000000 };
	struct err err;

	(void)state;
	engine_make(&unit);
	event_volume(&unit.engine, EVENT_CREATE, "0");
	pid_t pid = fork();

	if (pid == 0) {
		int old = openat(unit.store.store->root_fd, "events/journal", O_WRONLY | O_APPEND);

		pause_ms(30);
		event_volume(&unit.engine, EVENT_CREATE, "1");
		if (ftruncate(old, EVENTS_MAX_BYTES - 1) < 0 || write(old, "\n", 1) < 0)
			_exit(1);
		event_volume(&unit.engine, EVENT_CREATE, "2");
		pause_ms(30);
		/* one that opened the journal before it was rotated */
		static const char late[] =
			"{\"timeNano\":1,\"Status\":\"create\",\"Name\":\"3\"}\n";

		if (write(old, late, sizeof(late) - 1) < 0)
			_exit(1);
		pause_ms(30);
		event_volume(&unit.engine, EVENT_CREATE, "4");
		event_volume(&unit.engine, EVENT_CREATE, "5");
		_exit(0);
	}
	int status;

	ok(events_read(&unit.engine, &opts, note, &seen, &err));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	cleanup_free char *joined = strv_join(&seen.words, " ");

	assert_string_equal(joined, "create:0 create:1 create:2 create:3 create:4 create:5");
	strv_release(&seen.words);
	engine_remove(&unit);
}

static int count_event(void *arg, const json_t *event)
{
	size_t *count = arg;

	(void)event;
	(*count)++;
	return 0;
}

/* eight writers at once: all lines are whole */
static void test_many_writers(void **state)
{
	struct unit_engine unit;
	const struct events_opts opts = { 0 };
	size_t count = 0;
	struct err err;

	(void)state;
	engine_make(&unit);
	for (int i = 0; i < 8; i++) {
		if (fork() == 0) {
			for (int j = 0; j < 250; j++)
				event_volume(&unit.engine, EVENT_CREATE, "x");
			_exit(0);
		}
	}
	for (int i = 0; i < 8; i++)
		assert_true(wait(NULL) > 0);
	ok(events_read(&unit.engine, &opts, count_event, &count, &err));
	assert_int_equal(count, 2000);
	engine_remove(&unit);
}

static void test_cannot_write(void **state)
{
	struct unit_engine unit;

	(void)state;
	engine_make(&unit);
	unit_write(unit.store.store->root_fd, "events", "a file is in the way");
	event_volume(&unit.engine, EVENT_CREATE, "x");
	assert_int_equal(unit.warnings, 1);
	engine_remove(&unit);
}

static void test_words(void **state)
{
	(void)state;
	for (int i = 0; i < EVENT_TYPE_COUNT; i++)
		assert_int_equal(event_type_parse(event_type_name(i)), i);
	for (int i = 0; i < EVENT_STATUS_COUNT; i++)
		assert_int_equal(event_status_parse(event_status_name(i)), i);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_empty),	     cmocka_unit_test(test_write_and_read),
	cmocka_unit_test(test_filters),	     cmocka_unit_test(test_bad_filters),
	cmocka_unit_test(test_torn_lines),   cmocka_unit_test(test_long_lines),
	cmocka_unit_test(test_times),	     cmocka_unit_test(test_rotation),
	cmocka_unit_test(test_follow),	     cmocka_unit_test(test_many_writers),
	cmocka_unit_test(test_cannot_write), cmocka_unit_test(test_words),
};

UNIT_MAIN(tests)
