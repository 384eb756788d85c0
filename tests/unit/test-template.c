/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-template.c - Go templates over JSON
 */
#include "unit.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "cli/template.h"

static const char document[] =
	"{\"Id\":\"abc\",\"Created\":\"2026-11-24T12:04:48.9Z\",\"Name\":\"web\",\"Up\":true,"
	"\"Down\":false,\"N\":7,\"Zero\":0,\"F\":1.5,"
	"\"Null\":null,\"Empty\":\"\",\"List\":[\"a\",\"b\",\"c\"],\"Numbers\":[1,2,3],\"None\":[],"
	"\"Labels\":{\"k\":\"v\",\"a.b\":\"dot\"},"
	"\"Mounts\":[{\"Name\":\"v1\",\"RW\":true},{\"Name\":\"v2\",\"RW\":false}],"
	"\"State\":{\"Status\":\"running\",\"ExitCode\":0,\"Health\":null},"
	"\"Text\":\"a<b>&\\\"c\\\" \\u00e9\",\"Path\":\"x/y/z\"}";

static const struct template_alias aliases[] = { { "ID", "Id" }, { NULL, NULL } };

static int run(const char *text, const struct template_rules *rules, struct strbuf *out,
	       struct err *err)
{
	cleanup_template struct template *template = NULL;
	cleanup_json json_t *data = json_parse(document, sizeof(document) - 1, "document", err);

	assert_non_null(data);
	if (template_parse(text, &template, err) < 0)
		return -1;
	return template_run(template, data, rules, out, err);
}

static void test_output(void **state)
{
	static const char *const cases[][2] = {
		{ "plain", "plain" },
		{ "", "" },
		{ "{{.Name}}", "web" },
		{ "a{{.Name}}b{{.Id}}c", "awebbabcc" },
		{ "{{ .Name }}", "web" },
		{ "{{.ID}}", "abc" },
		{ "{{.State.Status}}", "running" },
		{ "{{.Up}} {{.N}} {{.F}}", "true 7 1.5" },
		{ "{{.List}}", "[a b c]" },
		{ "{{.None}}", "[]" },
		{ "{{.Null}}", "[]" },
		{ "{{.Labels}}", "map[a.b:dot k:v]" },
		{ "{{.Labels.k}}", "v" },
		{ "{{.Labels.missing}}", "<no value>" },
		{ "{{.State.Health.Status}}", "<no value>" },
		{ "{{.Label \"k\"}}|{{.Label \"x\"}}", "v|" },
		{ "{{json .List}}", "[\"a\",\"b\",\"c\"]" },
		{ "{{json .Name}}", "\"web\"" },
		{ "{{.List | json}}", "[\"a\",\"b\",\"c\"]" },
		{ "{{json .Null}}", "null" },
		{ "{{range .List}}<{{.}}>{{end}}", "<a><b><c>" },
		{ "{{range .None}}x{{else}}none{{end}}", "none" },
		{ "{{range $i, $e := .List}}{{$i}}{{$e}},{{end}}", "0a,1b,2c," },
		{ "{{range $k, $v := .Labels}}{{$k}}={{$v}};{{end}}", "a.b=dot;k=v;" },
		{ "{{range $e := .Numbers}}{{$e}}{{end}}", "123" },
		{ "{{range .Mounts}}{{.Name}}{{if .RW}}+{{end}} {{end}}", "v1+ v2 " },
		{ "{{range .List}}{{if eq . \"b\"}}{{break}}{{end}}{{.}}{{end}}", "a" },
		{ "{{range .List}}{{if eq . \"b\"}}{{continue}}{{end}}{{.}}{{end}}", "ac" },
		{ "{{range .List}}{{$.Name}}{{.}} {{end}}", "weba webb webc " },
		{ "{{(index .Mounts 0).Name}}", "v1" },
		{ "{{index .List 1}}", "b" },
		{ "{{index .Labels \"a.b\"}}", "dot" },
		{ "{{index .Labels \"none\"}}", "" },
		{ "{{len .List}} {{len .Name}} {{len .Labels}} {{len .Null}}", "3 3 2 0" },
		{ "{{slice .Name 1}} {{slice .Name 0 2}} {{slice .List 1 2}}", "eb we [b]" },
		{ "{{if .Up}}up{{else}}down{{end}}", "up" },
		{ "{{if .Down}}up{{else}}down{{end}}", "down" },
		{ "{{if .Zero}}x{{else if .Up}}y{{else}}z{{end}}", "y" },
		{ "{{if .Zero}}x{{else if .Empty}}y{{else}}z{{end}}", "z" },
		{ "{{with .State}}{{.Status}}{{end}}", "running" },
		{ "{{with .None}}x{{else}}y{{end}}", "y" },
		{ "{{with $x := .Name}}{{$x}}{{end}}", "web" },
		{ "{{$x := .N}}{{$x}}{{$x = 8}}{{$x}}", "78" },
		{ "{{and .Up .Name}} {{or .Empty .Name}} {{not .Up}}", "web web false" },
		{ "{{and .Down .Nonsense.X}}", "false" },
		{ "{{or .Up .Nonsense.X}}", "true" },
		{ "{{eq .N 7}} {{eq .Name \"a\" \"web\"}} {{ne .N 7}}", "true true false" },
		{ "{{lt 1 2}} {{le 2 2}} {{gt .N 9}} {{ge \"b\" \"a\"}}", "true true false true" },
		{ "{{eq .Null nil}}", "true" },
		{ "{{print .N .N}} {{print .Name .N}}", "7 7 web7" },
		{ "{{println .Name 1}}", "web 1\n" },
		{ "{{printf \"%s-%d\" .Name .N}}", "web-7" },
		{ "{{printf \"%5d|%-5d|%05d|%x|%X|%o|%b|%c\" 42 42 42 255 255 8 5 65}}",
		  "   42|42   |00042|ff|FF|10|101|A" },
		{ "{{printf \"%q %v %t %.2f %8.3f %e\" .Name .List .Up .F .F .F}}",
		  "\"web\" [a b c] true 1.50    1.500 1.500000e+00" },
		{ "{{printf \"%10s|%-10s|%.2s\" .Name .Name .Name}}", "       web|web       |we" },
		{ "{{printf \"%*d\" 5 42}}", "   42" },
		{ "{{printf \"%d\" .Name}}", "%!d(string=web)" },
		{ "{{printf \"%s\"}}", "%!s(MISSING)" },
		{ "{{printf \"x\" 1}}", "x%!(EXTRA int=1)" },
		{ "{{printf \"100%%\"}}", "100%" },
		{ "{{.Name | printf \"%s-%s\" \"x\"}}", "x-web" },
		{ "{{join .List \",\"}}", "a,b,c" },
		{ "{{join .Null \",\"}}", "" },
		{ "{{split .Path \"/\"}} {{index (split .Path \"/\") 2}}", "[x y z] z" },
		{ "{{upper .Name}} {{lower \"ABC\"}} {{title \"ab cd\"}}", "WEB abc Ab Cd" },
		{ "{{truncate .Name 2}} {{truncate .Name 9}}", "we web" },
		{ "[{{pad .Name 1 2}}]", "[ web  ]" },
		{ "{{html .Text}}", "a&lt;b&gt;&amp;&#34;c&#34; \xc3\xa9" },
		{ "{{js \"a'b\"}}", "a\\'b" },
		{ "{{urlquery \"a b&c\"}}", "a+b%26c" },
		{ "{{\"quoted\"}}{{`raw \\n`}}{{'a'}}", "quotedraw \\n97" },
		{ "{{\"tab\\tnl\\n\\u00e9\\x41\"}}", "tab\tnl\n\xc3\xa9"
						     "A" },
		{ "{{0x1f}} {{-5}} {{1.5}} {{true}}", "31 -5 1.5 true" },
		{ "{{/* comment */}}x{{- /* trimmed */ -}} y", "xy" },
		{ "a {{- .Name -}} b", "awebb" },
		{ "a {{- .Name }} b", "aweb b" },
		{ "{{.Name}}\n{{- range .List}}\n{{.}}\n{{- end}}\n", "web\na\nb\nc\n" },
		{ "{{if and .Up (eq .State.Status \"running\")}}ok{{end}}", "ok" },
		{ "{{range 3}}{{.}}{{end}}", "012" },
		{ "}} {", "}} {" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct template_rules rules = { .aliases = aliases };
		cleanup_strbuf struct strbuf out = STRBUF_INIT;
		struct err err = { 0 };

		if (run(cases[i][0], &rules, &out, &err) < 0)
			fail_msg("%s: %s", cases[i][0], err.msg);
		if (!str_equal(out.data, cases[i][1]))
			fail_msg("%s: '%s' instead of '%s'", cases[i][0], out.data, cases[i][1]);
	}
}

static void test_errors(void **state)
{
	static const char *const cases[][2] = {
		{ "{{", "unclosed action" },
		{ "{{.Name", "unclosed action" },
		{ "{{.Name}", "unexpected" },
		{ "{{}}", "missing value for command" },
		{ "{{.Nonsense}}", "can't evaluate field Nonsense" },
		{ "{{.State.Nonsense}}", "can't evaluate field Nonsense" },
		{ "{{.Name.Nonsense}}", "can't evaluate field Nonsense in type string" },
		{ "{{nonsense .Name}}", "function \"nonsense\" not defined" },
		{ "{{if .Up}}x", "{{end}} is missing" },
		{ "{{end}}", "unexpected {{end}}" },
		{ "{{else}}", "unexpected {{else}}" },
		{ "{{if .Up}}{{else}}{{else}}{{end}}", "second else" },
		{ "{{range .Name}}{{end}}", "range can't iterate" },
		{ "{{break}}", "outside of range" },
		{ "{{$x}}", "undefined variable" },
		{ "{{index .List 9}}", "out of range" },
		{ "{{index .List \"a\"}}", "want int, got string" },
		{ "{{slice .Name 2 1}}", "slice out of range" },
		{ "{{len .N}}", "len of type int" },
		{ "{{eq .N \"7\"}}", "incompatible types" },
		{ "{{lt .Up 1}}", "incompatible types" },
		{ "{{.Name 1}}", "has arguments but is not a function" },
		{ "{{1 2}}", "can't give argument to non-function" },
		{ "{{join .List}}", "wrong number of args for join" },
		{ "{{\"open}}", "unterminated string" },
		{ "{{(.Name}}", "unclosed left parenthesis" },
		{ "{{define \"x\"}}{{end}}", "not supported" },
		{ "{{/* open", "unclosed comment" },
		{ "{{1x}}", "bad number" },
		{ "{{.Name|}}", "missing value for command" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_strbuf struct strbuf out = STRBUF_INIT;
		struct err err = { 0 };

		if (run(cases[i][0], NULL, &out, &err) == 0)
			fail_msg("%s: printed '%s'", cases[i][0], out.data);
		assert_int_equal(err.kind, ERR_USAGE);
		if (strstr(err.msg, cases[i][1]) == NULL)
			fail_msg("%s: '%s'", cases[i][0], err.msg);
	}
}

static void test_rules(void **state)
{
	static const struct template_alias heading[] = { { "ID", "CONTAINER ID" }, { NULL, NULL } };
	const struct template_rules any_case = { .any_case = true };
	const struct template_rules headers = { .headers = true, .heading = heading };
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	struct err err = { 0 };

	assert_int_equal(run("{{.name}} {{.STATE.status}}", &any_case, &out, &err), 0);
	assert_string_equal(out.data, "web running");
	strbuf_clear(&out);
	assert_int_equal(run("{{.ID}}\t{{.CreatedAt}}\t{{.ImageID}}\t{{.Label \"k\"}}", &headers,
			     &out, &err),
			 0);
	assert_string_equal(out.data, "CONTAINER ID\tCREATED AT\tIMAGE ID\tk");
}

/* What Go leaves out of JSON is there for a template, with the empty value of its type. */
static void test_absent(void **state)
{
	static const struct template_absent absent[] = {
		{ "State", NULL, "Checked", 'n' }, { NULL, "RW", "Driver", '"' },
		{ "", NULL, "Options", '{' },	   { "", NULL, "Paused", 'f' },
		{ "", NULL, "Count", '0' },	   { "", NULL, "Words", '[' },
		{ NULL, NULL, NULL, 0 },
	};
	static const char *const cases[][2] = {
		{ "{{if .State.Checked}}y{{else}}n{{end}}", "n" },
		{ "{{range .Mounts}}{{.Name}}{{.Driver}},{{end}}", "v1,v2," },
		{ "{{.Options}} {{.Options.none}} {{.Paused}} {{.Count}} {{.Words}}",
		  "map[] <no value> false 0 []" },
	};
	static const char *const wrong[] = { "{{.State.Checked.Status}}", "{{.State.Paused}}",
					     "{{.Driver}}" };
	const struct template_rules rules = { .absent = absent };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_strbuf struct strbuf out = STRBUF_INIT;
		struct err err = { 0 };

		if (run(cases[i][0], &rules, &out, &err) < 0)
			fail_msg("%s: %s", cases[i][0], err.msg);
		assert_string_equal(out.data, cases[i][1]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		cleanup_strbuf struct strbuf out = STRBUF_INIT;
		struct err err = { 0 };

		assert_int_equal(run(wrong[i], &rules, &out, &err), -1);
	}
}

static void test_times(void **state)
{
	const struct template_rules rules = { .go_times = true };
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	struct err err = { 0 };

	assert_int_equal(
		run("{{.Created}}|{{json .Created}}|{{.Created.Unix}}|{{.Id}}", &rules, &out, &err),
		0);
	assert_string_equal(out.data, "2026-11-24 12:04:48.9 +0000 UTC|\"2026-11-24T12:04:48.9Z\"|"
				      "1795521888|abc");
	strbuf_clear(&out);
	assert_int_equal(run("{{.Created}}", NULL, &out, &err), 0);
	assert_string_equal(out.data, "2026-11-24T12:04:48.9Z");
}

static void test_depth(void **state)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	struct err err = { 0 };

	strbuf_adds(&text, "{{");
	for (int i = 0; i < 5000; i++)
		strbuf_addc(&text, '(');
	assert_int_equal(run(text.data, NULL, &out, &err), -1);
	assert_non_null(strstr(err.msg, "too deeply nested"));
	for (int i = 0; i < 20000; i++)
		strbuf_addc(&text, 'x');
	assert_int_equal(run(text.data, NULL, &out, &err), -1);
	assert_int_equal(err.kind, ERR_LIMIT);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_output), cmocka_unit_test(test_errors), cmocka_unit_test(test_rules),
	cmocka_unit_test(test_absent), cmocka_unit_test(test_times),  cmocka_unit_test(test_depth),
};
UNIT_MAIN(tests)
