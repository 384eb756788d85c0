/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-change.c - --change of commit and import
 */
#include "unit.h"

#include "base/err.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "engine/image.h"

static const struct {
	const char *line, *config; /* config: what "config" is afterwards */
} good[] = {
	{ "CMD [\"a\",\"b c\"]", "{\"Cmd\":[\"a\",\"b c\"]}" },
	{ "CMD=[\"a\"]", "{\"Cmd\":[\"a\"]}" },
	{ "cmd echo  $X", "{\"Cmd\":[\"/bin/sh\",\"-c\",\"echo  $X\"]}" },
	{ "ENTRYPOINT [\"x\"]", "{\"Entrypoint\":[\"x\"]}" },
	{ "ENTRYPOINT []", "{\"Entrypoint\":[]}" },
	{ "ENV A=1 B=\"two words\" C=a\\ b", "{\"Env\":[\"A=1\",\"B=two words\",\"C=a b\"]}" },
	{ "ENV A one two", "{\"Env\":[\"A=one two\"]}" },
	{ "EXPOSE 80 53/udp", "{\"ExposedPorts\":{\"80/tcp\":{},\"53/udp\":{}}}" },
	{ "LABEL a.b=c 'd=e f'", "{\"Labels\":{\"a.b\":\"c\",\"d\":\"e f\"}}" },
	{ "VOLUME /a /b", "{\"Volumes\":{\"/a\":{},\"/b\":{}}}" },
	{ "VOLUME [\"/a b\"]", "{\"Volumes\":{\"/a b\":{}}}" },
	{ "WORKDIR /a/../b", "{\"WorkingDir\":\"/b\"}" },
	{ "WORKDIR x", "{\"WorkingDir\":\"/x\"}" },
	{ "USER 1:2", "{\"User\":\"1:2\"}" },
	{ "STOPSIGNAL SIGINT", "{\"StopSignal\":\"SIGINT\"}" },
	{ "ONBUILD RUN x", "{\"OnBuild\":[\"RUN x\"]}" },
	{ "SHELL [\"bash\"]", "{\"Shell\":[\"bash\"]}" },
	{ "HEALTHCHECK --interval=2s --retries=3 CMD test -e /x",
	  "{\"Healthcheck\":{\"Test\":[\"CMD-SHELL\",\"test -e /x\"],\"Interval\":2000000000,"
	  "\"Retries\":3}}" },
	{ "HEALTHCHECK NONE", "{\"Healthcheck\":{\"Test\":[\"NONE\"]}}" },
};

static const char *const bad[] = {
	"",
	"NONSENSE x",
	"CMD",
	"ENV",
	"ENV A",
	"ENV =1",
	"ENV A=\"open",
	"EXPOSE 0",
	"EXPOSE 80/x",
	"EXPOSE 70000",
	"LABEL",
	"STOPSIGNAL NOTHING",
	"SHELL bash",
	"USER",
	"WORKDIR",
	"HEALTHCHECK X",
	"HEALTHCHECK CMD",
	"HEALTHCHECK",
	"ONBUILD",
	"CMDX a",
	"HEALTHCHECK --interval=x CMD a",
};

static void test_good(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		json_t *document = json_object();
		struct strbuf text = STRBUF_INIT;
		struct err err = { 0 };

		if (image_change(document, good[i].line, &err) < 0)
			fail_msg("'%s': %s", good[i].line, err.msg);
		json_print(json_object_get(document, "config"), 0, &text);
		assert_string_equal(text.data, good[i].config);
		strbuf_release(&text);
		json_decref(document);
	}
}

static void test_bad(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		json_t *document = json_object();
		struct err err = { 0 };

		if (image_change(document, bad[i], &err) == 0)
			fail_msg("'%s' was not refused", bad[i]);
		assert_int_equal(err.kind, ERR_USAGE);
		json_decref(document);
	}
}

static void test_env_is_replaced(void **state)
{
	json_t *document = json_pack("{s:{s:[s,s]}}", "config", "Env", "A=1", "B=2");
	struct err err = { 0 };

	assert_int_equal(image_change(document, "ENV A=3", &err), 0);
	assert_string_equal(
		json_string_value(json_array_get(json_at(document, "config", "Env", NULL), 0)),
		"A=3");
	assert_int_equal(json_array_size(json_at(document, "config", "Env", NULL)), 2);
	json_decref(document);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_good),
	cmocka_unit_test(test_bad),
	cmocka_unit_test(test_env_is_replaced),
};

UNIT_MAIN(tests)
