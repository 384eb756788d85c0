/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/engine.c - make and free the context of the verbs
 */
#include "engine/engine.h"

#include "base/err.h"
#include "base/strbuf.h"
#include "engine/runtime.h"

#include <stdarg.h>

static void say_nothing(void *arg, const char *text)
{
	(void)arg;
	debug("warning without a listener: %s", text);
}

static void engine_options_copy(struct engine_options *to, const struct engine_options *from)
{
	*to = *from;
	to->root = xstrdup_null(from->root);
	to->run_root = xstrdup_null(from->run_root);
	to->runtime = xstrdup_null(from->runtime);
	to->registries_conf = xstrdup_null(from->registries_conf);
	to->policy_file = xstrdup_null(from->policy_file);
	strv_init(&to->additional_roots);
	strv_add_all(&to->additional_roots, &from->additional_roots);
	strv_init(&to->cdi_spec_dirs);
	strv_add_all(&to->cdi_spec_dirs, &from->cdi_spec_dirs);
}

static void engine_options_release(struct engine_options *options)
{
	free(options->root);
	free(options->run_root);
	free(options->runtime);
	free(options->registries_conf);
	free(options->policy_file);
	strv_release(&options->additional_roots);
	strv_release(&options->cdi_spec_dirs);
}

int engine_open(const struct engine_options *options, bool for_writing, struct engine **ret_engine,
		struct err *err)
{
	cleanup_engine struct engine *engine = xcalloc(1, sizeof(*engine));

	engine_options_copy(&engine->options, options);
	engine->warn = say_nothing;
	struct store_options store_options = {
		.root = engine->options.root,
		.run_root = engine->options.run_root,
		.driver = (enum storage_driver)engine->options.storage_driver,
		.additional_roots = &engine->options.additional_roots,
		.for_writing = for_writing,
	};

	if (store_open(&store_options, &engine->store, err) < 0)
		return -1;

	*ret_engine = TAKE_PTR(engine);
	return 0;
}

void engine_free(struct engine *engine)
{
	if (engine == NULL)
		return;
	if (engine->ahead != NULL)
		runtime_userns_release(engine->ahead);
	free(engine->ahead);
	idmaps_release(&engine->ahead_maps);
	store_free(engine->store);
	engine_options_release(&engine->options);
	free(engine);
}

void engine_warn(struct engine *engine, const char *format, ...)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	va_list args;

	va_start(args, format);
	strbuf_vaddf(&text, format, args);
	va_end(args);
	engine->warn(engine->warn_arg, text.data);
}
