/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/transfer_search.c - which images a registry has
 *
 * Docker Hub and some others answer at /v1/search, with descriptions and stars. What is left of the world has a catalogue at best (/v2/_catalog):
 * all names, of which those count that have the term in them.
 */
#include "engine/image/transfer_fetcher.h"

#include <curl/curl.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"

#define HUB_URL	      "https://index.docker.io"
#define CATALOG_PAGES 1000

struct search {
	struct fetcher *fetcher;
	const char *term;
	int64_t limit, found;
};

static void add_row(struct search *search, const char *name, const json_t *item)
{
	cleanup_json json_t *row = json_object();
	cleanup_json json_t *event = NULL;

	if (search->found >= search->limit || *name == '\0')
		return;
	search->found++;
	json_put(row, "name", json_text(name));
	json_put(row, "description", json_text(json_get_string(item, "", "description", NULL)));
	json_put_int(row, "stars", json_get_int(item, 0, "star_count", NULL));
	json_put_bool(row, "official", json_get_bool(item, false, "is_official", NULL));
	json_put_bool(row, "automated", json_get_bool(item, false, "is_automated", NULL));
	event = json_object();
	json_put_string(event, "event", "found");
	json_put(event, "row", TAKE_PTR(row));
	event_json(event);
}

/* "https://host": of the registry, once its scheme is known; yours. */
static char *base_url(const struct search *search)
{
	char *url;

	if (str_equal(search->fetcher->registry->name, "docker.io"))
		return xstrdup(HUB_URL);
	url = registry_url(search->fetcher->registry, "");
	*strstr(url, "/v2/") = '\0';
	return url;
}

static int ask_index(struct search *search, struct err *err)
{
	char *escaped = curl_easy_escape(NULL, search->term, 0);
	cleanup_free char *base = base_url(search);
	cleanup_free char *url = xasprintf("%s/v1/search?q=%s&n=%lld", base, escaped ?: "",
					   (long long)search->limit);
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_json json_t *json = NULL;
	const json_t *item;
	size_t i;

	curl_free(escaped);
	if (http_get_url(search->fetcher->http, search->fetcher->registry, url, JSON_LIMIT_BYTES,
			 &text, err) < 0)
		return -1;
	json = json_parse(text.data, text.length, "answer to the search", err);
	if (json == NULL)
		return -1;
	if (!json_is_array(json_object_get(json, "results")))
		return err_set(err, ERR_CORRUPT, "registry '%s' gives an answer without results",
			       search->fetcher->registry->name);
	json_array_foreach (json_object_get(json, "results"), i, item)
		add_row(search, json_get_string(item, "", "name", NULL), item);
	return 0;
}

static int read_catalog(struct search *search, struct err *err)
{
	cleanup_free char *page = xstrdup("_catalog?n=1000");

	for (size_t i = 0; page != NULL && search->found < search->limit; i++) {
		cleanup_strbuf struct strbuf text = STRBUF_INIT;
		cleanup_json json_t *json = NULL;
		cleanup_free char *link = NULL;
		const json_t *item;
		size_t k;

		if (i == CATALOG_PAGES)
			return err_set(err, ERR_LIMIT, "the catalogue does not end");
		if (http_get(search->fetcher->http, search->fetcher->registry, page, NULL,
			     JSON_LIMIT_BYTES, &text, NULL, &link, err) < 0)
			return -1;
		json = json_parse(text.data, text.length, "catalogue", err);
		if (json == NULL)
			return -1;
		json_array_foreach (json_object_get(json, "repositories"), k, item) {
			const char *name = json_string_value(item);

			if (name != NULL && strstr(name, search->term) != NULL)
				add_row(search, name, NULL);
		}
		free(page);
		page = next_page(link, "_catalog");
	}
	return 0;
}

int search_registry(struct fetcher *fetcher, struct err *err)
{
	const json_t *options = json_at(fetcher->transfer->json, "search", NULL);
	struct search search = {
		.fetcher = fetcher,
		.term = json_get_string(options, "", "term", NULL),
		.limit = json_get_int(options, 25, "limit", NULL),
	};
	struct err index_err;

	if (str_equal(fetcher->registry->name, "docker.io"))
		return ask_index(&search, err);
	/* is anybody there, and does it speak https? */
	if (check_login(fetcher, err) < 0 && err->kind != ERR_NOT_FOUND && err->kind != ERR_FAILED)
		return -1;
	if (ask_index(&search, &index_err) == 0)
		return 0;
	if (read_catalog(&search, err) == 0)
		return 0;
	return err_set(err, err->kind, "registry '%s' cannot be searched: %s",
		       fetcher->registry->name, err->msg);
}
