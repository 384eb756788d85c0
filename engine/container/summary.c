/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/summary.c - a container as one object of `ps --format json`, and its ports
 *
 * Field names and types are podman's. Texts that depend on the time of day (CreatedAt, Status) are the command line's.
 */
#include "engine/container.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/path.h"
#include "engine/container/record.h"
#include "engine/container/state.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define NS_PER_S 1000000000
/* Go's zero time in unix seconds, which podman prints for "never" */
#define GO_ZERO_TIME_S (-62135596800)

int container_ports(const struct container *container, struct port_mappings *ret_ports,
		    struct err *err)
{
	const json_t *list = json_at(container->create, KEY_NETWORK, KEY_PORTS, NULL);
	struct port_mappings ports = { NULL, 0 };
	size_t i;
	json_t *item;

	(void)err;
	ports.items = xcalloc(json_array_size(list) + 1, sizeof(*ports.items));
	json_array_foreach (list, i, item) {
		int protocol =
			port_protocol_parse(json_get_string(item, "tcp", KEY_PROTOCOL, NULL));

		ports.items[ports.count++] = (struct port_mapping){
			.host_ip = xstrdup_null(json_get_string(item, NULL, KEY_HOST_IP, NULL)),
			.host_port = (uint16_t)json_get_int(item, 0, KEY_HOST_PORT, NULL),
			.container_port = (uint16_t)json_get_int(item, 0, KEY_CONTAINER_PORT, NULL),
			.range = (uint16_t)json_get_int(item, 1, KEY_RANGE, NULL),
			.protocol = protocol < 0 ? PORT_TCP : (enum port_protocol)protocol,
		};
	}
	*ret_ports = ports;
	return 0;
}

static json_t *summary_ports(const struct container *container)
{
	json_t *list = json_array();
	size_t i;
	json_t *item;

	json_array_foreach (json_at(container->create, KEY_NETWORK, KEY_PORTS, NULL), i, item) {
		json_t *port = json_object();

		json_put_string(port, "host_ip", json_get_string(item, "", KEY_HOST_IP, NULL));
		json_put_int(port, "container_port",
			     json_get_int(item, 0, KEY_CONTAINER_PORT, NULL));
		json_put_int(port, "host_port", json_get_int(item, 0, KEY_HOST_PORT, NULL));
		json_put_int(port, "range", json_get_int(item, 1, KEY_RANGE, NULL));
		json_put_string(port, "protocol", json_get_string(item, "tcp", KEY_PROTOCOL, NULL));
		json_array_append_new(list, port);
	}
	return json_array_size(list) > 0 ? list : (json_decref(list), json_null());
}

/* {"8080": ["tcp"]} */
static json_t *summary_exposed(const struct container *container)
{
	json_t *object = json_object();
	size_t i;
	json_t *item;

	json_array_foreach (json_object_get(container->create, "exposed"), i, item) {
		cleanup_free char *key = xasprintf(
			"%lld", (long long)json_get_int(item, 0, KEY_CONTAINER_PORT, NULL));
		json_t *protocols = json_object_get(object, key);

		if (protocols == NULL) {
			protocols = json_array();
			json_put(object, key, protocols);
		}
		json_array_append_new(
			protocols, json_string(json_get_string(item, "tcp", KEY_PROTOCOL, NULL)));
	}
	return json_object_size(object) > 0 ? object : (json_decref(object), json_null());
}

static json_t *summary_mounts(const struct container *container)
{
	json_t *list = json_array();
	size_t i;
	json_t *item;

	json_array_foreach (json_object_get(container->create, KEY_MOUNTS), i, item)
		json_array_append_new(list,
				      json_string(json_get_string(item, "", "Destination", NULL)));
	return list;
}

static bool is_published(const struct port_mappings *ports, uint16_t number, const char *protocol)
{
	for (size_t i = 0; i < ports->count; i++) {
		const struct port_mapping *port = &ports->items[i];

		if (number >= port->container_port && number < port->container_port + port->range &&
		    str_equal(port_protocol_name((int)port->protocol), protocol))
			return true;
	}
	return false;
}

void container_ports_format(const struct container *container, struct strbuf *out)
{
	struct port_mappings ports = { NULL, 0 };
	struct err err;
	size_t begin = out->length;
	size_t i;
	json_t *item;

	if (container_ports(container, &ports, &err) == 0)
		port_format(&ports, out);
	json_array_foreach (json_object_get(container->create, "exposed"), i, item) {
		int64_t number = json_get_int(item, 0, KEY_CONTAINER_PORT, NULL);
		const char *protocol = json_get_string(item, "tcp", KEY_PROTOCOL, NULL);

		if (!is_published(&ports, (uint16_t)number, protocol))
			strbuf_addf(out, "%s%" PRId64 "/%s", out->length > begin ? ", " : "",
				    number, protocol);
	}
	port_mappings_release(&ports);
}

/* Numbers of the namespaces of the first process: {"pid": "4026531836"} as podman has them. */
static json_t *summary_namespaces(const struct container *container)
{
	static const struct {
		const char *file, *key;
	} kinds[] = { { "mnt", "Mnt" },	     { "net", "Net" },	 { "ipc", "Ipc" },
		      { "pid", "Pidns" },    { "user", "User" }, { "uts", "Uts" },
		      { "cgroup", "Cgroup" } };
	json_t *object = json_object();

	for (size_t i = 0; container->state.pid > 0 && i < ARRAY_SIZE(kinds); i++) {
		char target[64];
		cleanup_free char *path =
			xasprintf("/proc/%d/ns/%s", (int)container->state.pid, kinds[i].file);
		ssize_t length = readlink(path, target, sizeof(target) - 1);
		char *open;

		if (length < 0)
			continue;
		target[length] = '\0';
		open = strchr(target, '[');
		if (open == NULL)
			continue;
		open[strcspn(open, "]")] = '\0';
		json_put_string(object, kinds[i].key, open + 1);
	}
	return object;
}

int container_size(const struct container *container, unsigned long long *ret_bytes,
		   struct err *err)
{
	int rc = path_disk_usage(container->dir_fd, "upper", ret_bytes);

	*ret_bytes = rc < 0 ? 0 : *ret_bytes;
	if (rc < 0 && rc != -ENOENT) /* --rootfs, or never started */
		return err_sys(err, -rc, "cannot count the size of container '%s'",
			       container->name);
	return 0;
}

json_t *container_summary(struct engine *engine, const struct container *container, bool size,
			  bool namespaces, struct err *err)
{
	json_t *object = json_object();
	const struct container_state *state = &container->state;
	bool exited = state->status == CONTAINER_EXITED;
	json_t *names = json_array();
	json_t *networks = json_array();
	const char *mode = json_get_string(container->create, "", KEY_NETWORK, KEY_MODE, NULL);

	(void)engine;
	json_array_append_new(names, json_string(container->name != NULL ? container->name : ""));
	if (str_after(mode, "container:") == NULL)
		json_array_append_new(networks, json_string(*mode == '\0' ? "slirp4netns" : mode));
	json_put_bool(object, "AutoRemove", container->remove_at_exit);
	json_put(object, "Command",
		 json_incref(json_object_get(container->create, KEY_ARGV) ?: json_null()));
	json_put_string(object, "CIDFile",
			json_get_string(container->create, "", KEY_CID_FILE, NULL));
	json_put_bool(object, "Exited", exited);
	json_put_int(object, "ExitedAt", exited ? state->finished_ns / NS_PER_S : GO_ZERO_TIME_S);
	json_put_int(object, "ExitCode", exited ? state->exit_code : 0);
	json_put(object, "ExposedPorts", summary_exposed(container));
	json_put_string(object, "Id", container->id.text);
	json_put_string(object, "Image", container->image_name);
	json_put_string(object, "ImageID", container->image_id);
	json_put_bool(object, "IsInfra", false);
	json_put(object, "Labels",
		 json_incref(json_object_get(container->create, KEY_LABELS) ?: json_null()));
	json_put(object, "Mounts", summary_mounts(container));
	json_put(object, "Names", names);
	json_put(object, "Namespaces", namespaces ? summary_namespaces(container) : json_object());
	json_put(object, "Networks", networks);
	json_put_int(object, "Pid", state->pid);
	json_put_string(object, "Pod", "");
	json_put_string(object, "PodName", "");
	json_put(object, "Ports", summary_ports(container));
	json_put_int(object, "Restarts", container_restart_count(container));
	json_put(object, "Size", json_null());
	if (size) {
		unsigned long long bytes;
		json_t *sizes = json_object();

		json_put(object, "Size", sizes);
		if (container_size(container, &bytes, err) < 0) {
			json_decref(object);
			return NULL;
		}
		json_put_int(sizes, "rwSize", (int64_t)bytes);
		json_put_int(sizes, "rootFsSize",
			     (int64_t)bytes +
				     json_get_int(container->create, 0, "imageSize", NULL));
	}
	json_put_int(object, "StartedAt",
		     state->started_ns == 0 ? GO_ZERO_TIME_S : state->started_ns / NS_PER_S);
	json_put_string(object, "State", container_state_name(state));
	json_put_int(object, "Created", container->created_ns / NS_PER_S);
	return object;
}
