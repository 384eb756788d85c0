/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/container/health.h"

#include "unit.h"

#include "base/err.h"
#include "base/json.h"
#include "engine/container/create.h"

#define SECOND INT64_C(1000000000)

static json_t *made(struct container_create_opts *opts, const char *image, struct err *err)
{
	json_error_t ignored;
	struct create create = { .opts = opts,
				 .image_process = json_loads(image, 0, &ignored),
				 .record = json_object() };
	int status = create_health(&create, err);
	json_t *health = json_incref(json_object_get(create.record, KEY_HEALTH));

	json_decref(create.image_process);
	json_decref(create.record);
	if (status < 0)
		return NULL;
	return health != NULL ? health : json_null();
}

static void expect_test(const char *command, const char *expected)
{
	struct container_create_opts opts = { .health_cmd = (char *)command };
	struct err err = { 0 };
	cleanup_json json_t *health = made(&opts, "{}", &err);
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	assert_non_null(health);
	if (json_is_object(health))
		json_print(json_object_get(health, KEY_TEST), 0, &text);
	assert_string_equal(text.data, expected);
}

static void test_commands(void **state)
{
	(void)state;
	expect_test("test -e /x || exit 1", "[\"CMD-SHELL\",\"test -e /x || exit 1\"]");
	expect_test("CMD curl  -f http://x", "[\"CMD\",\"curl\",\"-f\",\"http://x\"]");
	expect_test("CMD-SHELL  echo  two  blanks", "[\"CMD-SHELL\",\"echo  two  blanks\"]");
	expect_test("[\"CMD\",\"a\",\"b c\"]", "[\"CMD\",\"a\",\"b c\"]");
	expect_test("[\"a\",\"b c\"]", "[\"CMD\",\"a\",\"b c\"]");
	expect_test("[\"a b\"]", "[\"CMD-SHELL\",\"a b\"]");
	expect_test("[ -e /x ]", "[\"CMD-SHELL\",\"[ -e /x ]\"]");
	expect_test("none", "");
	expect_test("NONE", "");
	expect_test("", "");
}

static void test_image(void **state)
{
	static const char image[] =
		"{\"Healthcheck\":{\"Test\":[\"CMD\",\"true\"],\"Interval\":7000000000,"
		"\"Timeout\":-5,\"Retries\":9}}";
	static const char *const odd[] = {
		"{}",
		"{\"Healthcheck\":7}",
		"{\"Healthcheck\":{\"Test\":[\"NONE\"]}}",
		"{\"Healthcheck\":{\"Test\":[\"CMD\"]}}",
		"{\"Healthcheck\":{\"Test\":\"true\"}}",
		"{\"Healthcheck\":{\"Test\":[\"EXEC\",\"x\"]}}",
		"{\"Healthcheck\":{\"Test\":[1,2]}}",
	};
	struct container_create_opts opts = { .health_interval = (char *)"3s" };
	struct container_create_opts none = { 0 };
	struct container_create_opts off = { .no_healthcheck = true };
	struct err err = { 0 };
	cleanup_json json_t *health = made(&opts, image, &err);

	(void)state;
	assert_true(json_is_object(health));
	assert_int_equal(json_get_int(health, 0, KEY_INTERVAL_NS, NULL), 3 * SECOND);
	assert_int_equal(json_get_int(health, 0, KEY_TIMEOUT_NS, NULL), 30 * SECOND);
	assert_int_equal(json_get_int(health, 0, KEY_RETRIES, NULL), 9);
	assert_string_equal(json_get_string(health, "", KEY_ON_FAILURE, NULL), "none");
	cleanup_json json_t *disabled = made(&off, image, &err);

	assert_true(json_is_null(disabled));
	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		cleanup_json json_t *nothing = made(&none, odd[i], &err);

		assert_true(json_is_null(nothing));
		/* there is nothing whose interval it could be */
		assert_null(made(&opts, odd[i], &err));
		assert_int_equal(err.kind, ERR_USAGE);
	}
}

static void test_bad_options(void **state)
{
	const struct container_create_opts bad[] = {
		{ .health_cmd = (char *)"CMD" },
		{ .health_cmd = (char *)"x", .health_interval = (char *)"3" },
		{ .health_cmd = (char *)"x", .health_timeout = (char *)"10ms" },
		{ .health_cmd = (char *)"x", .health_retries = (char *)"0" },
		{ .health_cmd = (char *)"x", .health_retries = (char *)"x" },
		{ .health_cmd = (char *)"x", .health_on_failure = (char *)"explode" },
		{ .health_cmd = (char *)"x", .health_start_period = (char *)"-1s" },
		{ .health_cmd = (char *)"x", .health_log_destination = (char *)"/nowhere/at/all" },
		{ .health_cmd = (char *)"x", .health_log_destination = (char *)"events_logger" },
		{ .health_cmd = (char *)"x", .health_startup_retries = (char *)"3" },
		{ .health_cmd = (char *)"x", .no_healthcheck = true },
		{ .health_startup_cmd = (char *)"x" },
		{ .health_retries = (char *)"3" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct container_create_opts opts = bad[i];
		struct err err = { 0 };

		if (made(&opts, "{}", &err) != NULL)
			fail_msg("case %zu was not refused", i);
		assert_true(err.msg[0] != '\0');
	}
}

/* one letter per check: s a success, f a failure, e a failure of the monitor's first check; what it is after each */
static void play(const char *health_text, int64_t step_ns, const char *outcomes,
		 const char *expected)
{
	json_error_t ignored;
	cleanup_json json_t *health = json_loads(health_text, 0, &ignored);
	cleanup_json json_t *record = health_record_new(1000 * SECOND);
	cleanup_strbuf struct strbuf seen = STRBUF_INIT;

	assert_non_null(health);
	for (const char *at = outcomes; *at != '\0'; at++) {
		struct health_outcome outcome = HEALTH_OUTCOME_INIT;
		struct health_decision decision;

		outcome.start_ns = 1000 * SECOND + (at - outcomes + 1) * step_ns;
		outcome.end_ns = outcome.start_ns + 1;
		outcome.exit_code = *at == 's' ? 0 : 1;
		outcome.early = *at == 'e';
		health_judge(health, record, &outcome, &decision);
		strbuf_addc(&seen, decision.restart_for_startup	       ? 'R'
				   : decision.after == HEALTH_HEALTHY  ? 'h'
				   : decision.after == HEALTH_STARTING ? 's'
								       : 'u');
	}
	assert_string_equal(seen.data, expected);
}

static void test_rules(void **state)
{
	(void)state;
	play("{\"retries\":2}", SECOND, "ffsff", "suhhu");
	play("{\"retries\":1}", SECOND, "fsf", "uhu");
	play("{\"retries\":2}", SECOND, "fsfsf", "shhhh");
	play("{\"retries\":1}", SECOND, "eefsee", "ssuhuu");
	play("{\"retries\":1,\"startup\":{\"success\":1,\"retries\":1}}", SECOND, "eef", "ssR");
	/* three checks are within the start period */
	play("{\"retries\":1,\"startPeriodNs\":3500000000}", SECOND, "ffff", "sssu");
	/* a success ends it */
	play("{\"retries\":1,\"startPeriodNs\":9000000000}", SECOND, "fsf", "shu");
	play("{\"retries\":1,\"startup\":{\"success\":2,\"retries\":3}}", SECOND, "sfsssf",
	     "sssshu");
	play("{\"retries\":1,\"startup\":{\"success\":0,\"retries\":2}}", SECOND, "ff", "sR");
	play("{\"retries\":1,\"startup\":{}}", SECOND, "fffssf", "sssshu");
}

static void test_log(void **state)
{
	cleanup_json json_t *health = json_pack("{si}", "logCount", 2);
	cleanup_json json_t *record = health_record_new(5);

	(void)state;
	for (int i = 0; i < 5; i++) {
		struct health_outcome outcome = HEALTH_OUTCOME_INIT;
		struct health_decision decision;

		outcome.exit_code = i;
		strbuf_adds(&outcome.output, "sick \xff");
		health_judge(health, record, &outcome, &decision);
		strbuf_release(&outcome.output);
	}
	json_t *log = json_object_get(record, "log");

	assert_int_equal(json_array_size(log), 2);
	assert_int_equal(json_get_int(json_array_get(log, 1), 0, "ExitCode", NULL), 4);
	assert_string_equal(json_get_string(json_array_get(log, 1), "", "Output", NULL),
			    "sick \xef\xbf\xbd");
}

static void test_words(void **state)
{
	(void)state;
	for (int i = 0; i < HEALTH_STATUS_COUNT; i++)
		assert_int_equal(health_status_parse(health_status_name(i)), i);
	for (int i = 0; i < HEALTH_ACTION_COUNT; i++)
		assert_int_equal(health_action_parse(health_action_name(i)), i);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_commands),    cmocka_unit_test(test_image),
	cmocka_unit_test(test_bad_options), cmocka_unit_test(test_rules),
	cmocka_unit_test(test_log),	    cmocka_unit_test(test_words),
};

UNIT_MAIN(tests)
