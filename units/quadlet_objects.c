/* SPDX-License-Identifier: Apache-2.0 */
/*
 * units/quadlet_objects.c - .volume, .network, .image and .build: services that make what containers need
 *
 * Each runs once and counts as running from then on, so that whoever requires it starts behind it.
 */
#include "units/quadlet_private.h"

#include "base/alloc.h"
#include "base/strbuf.h"

static void begin(struct conversion *conversion, const char *first, const char *second)
{
	conversion_argument(conversion, NULL, first);
	if (second != NULL)
		conversion_argument(conversion, NULL, second);
}

static void add_opt(struct conversion *conversion, const struct unit_line *line, const char *name,
		    const char *value)
{
	cleanup_free char *text = xasprintf("%s=%s", name, value);

	conversion_option(conversion, line, "--opt", text);
}

/* ---- volumes ---------------------------------------------------------------------------------------------------------- */

/* Owner and options of a local volume: one "o=" for all. */
static void add_volume_options(struct conversion *conversion)
{
	const struct unit_line *device = conversion_last(conversion, "Device");
	const struct unit_line *type = conversion_last(conversion, "Type");
	const struct unit_line *options = conversion_last(conversion, "Options");
	const struct unit_line *user = conversion_last(conversion, "User");
	const struct unit_line *group = conversion_last(conversion, "Group");
	const struct unit_line *copy = conversion_last(conversion, "Copy");
	cleanup_strbuf struct strbuf all = STRBUF_INIT;

	if (user != NULL)
		strbuf_addf(&all, "uid=%s", user->value);
	if (group != NULL)
		strbuf_addf(&all, "%sgid=%s", all.length > 0 ? "," : "", group->value);
	if (copy != NULL)
		conversion_option(conversion, copy, "--opt",
				  conversion_boolean(conversion, "Copy", true) ? "copy" : "nocopy");
	if (device != NULL) {
		add_opt(conversion, device, "device", device->value);
		if (type != NULL && str_equal(type->value, "bind") && device->value[0] == '/')
			unit_add(&conversion->quadlet->made, "Unit", "RequiresMountsFor",
				 device->value);
	}
	if (type != NULL && device == NULL)
		quadlet_problem(conversion, UNIT_ERROR, type, NULL, "it needs Device=, too");
	else if (type != NULL)
		add_opt(conversion, type, "type", type->value);
	if (options != NULL && device == NULL)
		quadlet_problem(conversion, UNIT_ERROR, options, NULL, "it needs Device=, too");
	else if (options != NULL)
		strbuf_addf(&all, "%s%s", all.length > 0 ? "," : "", options->value);
	if (all.length > 0)
		add_opt(conversion,
			options != NULL ? options
			: user != NULL	? user
					: group,
			"o", all.data);
}

void quadlet_make_volume(struct conversion *conversion)
{
	const struct unit_line *driver = conversion_last(conversion, "Driver");
	const struct unit_line *image = conversion_last(conversion, "Image");

	begin(conversion, "volume", "create");
	conversion_option(conversion, NULL, "--ignore", NULL);
	if (driver != NULL)
		conversion_option(conversion, driver, "--driver", driver->value);
	if (driver != NULL && str_equal(driver->value, "image")) {
		cleanup_free char *name = NULL;

		if (image == NULL) {
			quadlet_problem(conversion, UNIT_ERROR, driver, NULL,
					"a volume of an image needs Image=");
			return;
		}
		name = conversion_image(conversion, image);
		if (name != NULL)
			add_opt(conversion, image, "image", name);
	} else {
		if (image != NULL)
			quadlet_problem(conversion, UNIT_ERROR, image, NULL,
					"it needs Driver=image, too");
		add_volume_options(conversion);
	}
	conversion_table(conversion);
	conversion_argument(conversion, conversion_last(conversion, "VolumeName"),
			    conversion->quadlet->object);
	conversion_oneshot(conversion);
}

/* ---- networks --------------------------------------------------------------------------------------------------------- */

static void add_subnets(struct conversion *conversion)
{
	const struct unit_line *subnet, *gateway, *range;
	size_t at_subnet = 0, at_gateway = 0, at_range = 0;

	/* the second gateway belongs to the second subnet */
	for (;;) {
		subnet = conversion_next(conversion, "Subnet", &at_subnet);
		gateway = conversion_next(conversion, "Gateway", &at_gateway);
		range = conversion_next(conversion, "IPRange", &at_range);
		if (subnet == NULL && (gateway != NULL || range != NULL))
			quadlet_problem(conversion, UNIT_ERROR, gateway != NULL ? gateway : range,
					NULL, "it needs a Subnet= of its own");
		if (subnet == NULL)
			return;
		conversion_option(conversion, subnet, "--subnet", subnet->value);
		if (gateway != NULL)
			conversion_option(conversion, gateway, "--gateway", gateway->value);
		if (range != NULL)
			conversion_option(conversion, range, "--ip-range", range->value);
	}
}

void quadlet_make_network(struct conversion *conversion)
{
	quadlet_problem(conversion, UNIT_REFUSED, NULL, NULL,
			"dhow has no networks with names: the service will not start; containers "
			"can share one by Network=NAME.container");
	begin(conversion, "network", "create");
	conversion_option(conversion, NULL, "--ignore", NULL);
	add_subnets(conversion);
	conversion_table(conversion);
	conversion_argument(conversion, conversion_last(conversion, "NetworkName"),
			    conversion->quadlet->object);
	if (conversion_boolean(conversion, "NetworkDeleteOnStop", false)) {
		const char *const remove[] = { "network", "rm", conversion->quadlet->object, NULL };

		conversion_command(conversion, "ExecStopPost", "", remove);
	}
	conversion_oneshot(conversion);
}

/* ---- images ----------------------------------------------------------------------------------------------------------- */

void quadlet_make_image(struct conversion *conversion)
{
	const struct unit_line *image = conversion_last(conversion, "Image");

	if (image == NULL) {
		quadlet_problem(conversion, UNIT_ERROR, NULL, "Image", "it needs Image=");
		return;
	}
	begin(conversion, "image", "pull");
	conversion_table(conversion);
	conversion_argument(conversion, image, image->value);
	conversion_oneshot(conversion);
}

/* Where the build runs, and its context. */
static char *working_directory(struct conversion *conversion, const char *file)
{
	const struct unit_line *line = conversion_last(conversion, "SetWorkingDirectory");
	const struct unit *unit = &conversion->quadlet->unit;
	const char *said = unit_value(unit, "Service", "WorkingDirectory");
	const char *slash = file != NULL ? strrchr(file, '/') : NULL;

	if (said != NULL && line != NULL) {
		quadlet_problem(conversion, UNIT_ERROR, line, NULL,
				"it and WorkingDirectory= exclude each other");
		return NULL;
	}
	if (said != NULL)
		return xstrdup(said);
	if (line == NULL && file != NULL && file[0] == '/')
		return xstrndup(file, (size_t)(slash - file) + (slash == file));
	if (line == NULL) {
		quadlet_problem(conversion, UNIT_ERROR, NULL, "SetWorkingDirectory",
				"it needs SetWorkingDirectory=, or an absolute File=");
		return NULL;
	}
	if (str_equal(line->value, "unit"))
		return xstrdup(conversion->quadlet->dir);
	if (str_equal(line->value, "file")) {
		cleanup_free char *path =
			file != NULL ? quadlet_path(conversion->quadlet, file) : NULL;

		if (path == NULL) {
			quadlet_problem(conversion, UNIT_ERROR, line, NULL, "it needs File=, too");
			return NULL;
		}
		return xstrndup(path, (size_t)(strrchr(path, '/') - path));
	}
	return strstr(line->value, "://") != NULL ? xstrdup(line->value)
						  : quadlet_path(conversion->quadlet, line->value);
}

void quadlet_make_build(struct conversion *conversion)
{
	const struct unit_line *file = conversion_last(conversion, "File"), *line;
	cleanup_free char *where = working_directory(conversion, file != NULL ? file->value : NULL);
	bool remote = where != NULL && strstr(where, "://") != NULL;
	size_t position = 0;

	begin(conversion, "build", NULL);
	while ((line = conversion_next(conversion, "ImageTag", &position)) != NULL)
		conversion_option(conversion, line, "--tag", line->value);
	if (*conversion->quadlet->object == '\0')
		quadlet_problem(conversion, UNIT_ERROR, NULL, "ImageTag", "it needs ImageTag=");
	if (file != NULL) {
		bool here = where != NULL && str_equal(where, conversion->quadlet->dir);
		bool plain = remote || here || strstr(file->value, "://") != NULL;
		cleanup_free char *path = plain ? xstrdup(file->value)
						: quadlet_path(conversion->quadlet, file->value);

		conversion_option(conversion, file, "--file", path);
	}
	conversion_networks(conversion);
	conversion_volumes(conversion);
	conversion_table(conversion);
	conversion_argument(conversion, conversion_last(conversion, "SetWorkingDirectory"),
			    remote ? where : ".");
	if (where != NULL && !remote &&
	    unit_last(&conversion->quadlet->unit, "Service", "WorkingDirectory") == NULL)
		unit_add(&conversion->quadlet->made, "Service", "WorkingDirectory", where);
	conversion_oneshot(conversion);
}
