/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/create.h - the steps of container_create() (private to engine/container)
 *
 * Plan, check, apply. struct create is the plan: each step reads options and the image's configuration, checks them, and adds its part to the
 * record (create.json, see record.h) and to the OCI configuration (config.json). Steps make nothing; what has to be made (volumes) is
 * noted. create_apply() makes it all, with the container published last.
 */
#ifndef ENGINE_CONTAINER_CREATE_H
#define ENGINE_CONTAINER_CREATE_H

#include "base/json.h"
#include "engine/container.h"
#include "engine/runtime.h"
#include "rootless/rootless.h"
#include "storage/volume.h"

#include <stdbool.h>

/** One mount of the user's: -v, --mount, --tmpfs, --volumes-from, or a volume of the image. */
struct create_mount {
	char *type;	     /* bind, volume, tmpfs, image, devpts, ramfs, glob */
	char *source;	     /* host path, volume name (NULL: anonymous), image name */
	char *destination;   /* absolute, clean */
	struct strv options; /* as they go into the OCI configuration */
	bool read_only, no_copy, anonymous, copy_up;
	bool hidden;	   /* of the engine: inspect does not show it */
	bool overlay;	   /* O: what is written stays in the container */
	bool change_owner; /* U: the tree is given to the container's user */
	char *subpath;
	char *upper_path, *work_path; /* of an overlay, when the user named them */
	char *mount_point;	      /* a volume's directory, once it is made */
	struct image *image;	      /* of a mount of type image */
	bool is_tmpfs; /* a volume made with type=tmpfs: each container has its own, with these options */
	struct strv tmpfs_options;
	struct strv labels, volume_options; /* of a volume that has to be made */
};

struct create {
	struct engine *engine;
	const struct container_create_opts *opts;
	struct image *image;   /* NULL with --rootfs */
	json_t *image_config;  /* the whole config blob; NULL with --rootfs */
	json_t *image_process; /* its "config" object, borrowed; never NULL (an empty object) */
	char *rootfs_path;     /* --rootfs */
	bool rootfs_overlay;

	struct object_id id;
	char *name;
	struct strv argv, env;
	struct idmaps maps; /* empty: the default */
	bool own_maps;	    /* other than the default */
	bool keep_id;
	char *hostname;
	struct network_mode network;
	struct port_mappings ports;
	struct strv capabilities; /* bounding set */
	bool privileged, systemd, terminal;
	json_t *cdi;		  /* containerEdits of the devices that were named; NULL: none */
	const char *proc_options; /* borrowed; of --security-opt proc-opts */
	struct create_mount *mounts;
	size_t mount_count;

	json_t *record; /* create.json */
	json_t *spec;	/* config.json */
};

void create_release(struct create *create);
/** All steps below: the record and the configuration, checked; nothing is made. */
int create_plan(struct create *create, const struct strv *argv, struct err *err);

/* Steps, in the order in which they are called. All return 0 or -1. */

/** Program and arguments, environment, working directory, user, labels, annotations, stop signal. create_process.c, create_env.c */
int create_process(struct create *create, const struct strv *argv, struct err *err);
int create_env(struct create *create, struct err *err);
/** One word of -e: NAME=VALUE, NAME, or NAME* for all of the host's that start so. exec uses it too. */
int create_env_add(struct strv *env, const char *text, struct err *err);
/** Read a file of --env-file (docker's grammar) into env; exec uses it too. */
int create_env_file(const char *path, struct strv *env, struct err *err);
/** User namespace, pid, ipc, uts, cgroup and network namespaces, joins. create_namespaces.c, create_network.c */
int create_network_mode(struct create *create, struct err *err);
int create_namespaces(struct create *create, struct err *err);
int create_network(struct create *create, struct err *err);
/** Capabilities, seccomp, masks, rlimits, sysctls. create_security.c */
int create_security(struct create *create, struct err *err);
/** Devices are bind mounts: after the mount of /dev. create_security.c */
int create_devices(struct create *create, struct err *err);
/** A device of the host at a place in the container; rights are of "rwm". */
void create_device_mount(struct create *create, const char *source, const char *target,
			 const char *rights);
/** Devices by name: found first; then their variables, mounts and nodes, each in its step. create_cdi.c */
int create_cdi(struct create *create, struct err *err);
int create_cdi_env(struct create *create, struct err *err);
int create_cdi_mounts(struct create *create, struct err *err);
int create_cdi_devices(struct create *create, struct err *err);
/** True for "vendor.com/class=name". */
bool create_cdi_is_name(const char *text);
/** Mounts of the user and of the system. create_mounts.c, create_mount_parse.c */
int create_mounts(struct create *create, struct err *err);
/** Limits, restart, log, health. create_limits.c, create_life.c */
int create_limits(struct create *create, struct err *err);
int create_life(struct create *create, struct err *err);
/** --secret: looked up and planned; then copied into the container's staged directory. create_secrets.c */
int create_secrets(struct create *create, struct err *err);
int create_apply_secrets(struct create *create, int container_fd, struct err *err);
/** The health check, of the options and the image. create_health.c */
int create_health(struct create *create, struct err *err);

/* What `update` changes of it: of create only engine, opts, record and spec are there, and the record and spec are those that were made. */

/** ret_changes: an object as KEY_LIMITS, with what was given. Yours. */
int create_limits_update(struct create *create, json_t **ret_changes, struct err *err);
int create_restart(struct create *create, struct err *err);
int create_health_update(struct create *create, struct err *err);
int create_ulimits(struct create *create, struct err *err);

/* Helpers that steps share. */

/** Borrowed object below the OCI configuration ("linux"), made when missing. */
json_t *create_spec_object(struct create *create, const char *key);
/** Append an OCI mount. */
void create_spec_mount(struct create *create, const char *destination, const char *type,
		       const char *source, const struct strv *options);
/** Add a parsed mount to the plan; ERR_USAGE when the destination is taken. */
int create_add_mount(struct create *create, struct create_mount *mount_take, struct err *err);
void create_mount_release(struct create_mount *mount);
/** Parse "-v TEXT", "--mount TEXT", "--tmpfs TEXT" into a mount. */
int create_parse_volume(struct create *create, const char *text, struct create_mount *ret_mount,
			struct err *err);
/** 1 when it has added what it stands for itself (a glob is several mounts). */
int create_parse_mount(struct create *create, const char *text, struct create_mount *ret_mount,
		       struct err *err);
int create_parse_tmpfs(struct create *create, const char *text, struct create_mount *ret_mount,
		       struct err *err);
/** One option word of -v or --mount; 1 taken, 0 unknown, -1 refused. whole is for messages. */
int create_mount_word(struct create_mount *mount, const char *word, const char *whole,
		      struct err *err);
/** size=, mode= ... of a tmpfs: 0 taken, -1. */
int create_tmpfs_word(struct create_mount *mount, const char *word, const char *whole,
		      struct err *err);
int create_mount_destination(struct create_mount *mount, const char *text, const char *whole,
			     struct err *err);
/** The source of a bind mount: a host path that exists; a relative one counts from the current folder. */
int create_mount_source(struct create *create, struct create_mount *mount, const char *text,
			bool may_create, struct err *err);
bool create_mount_has_propagation(const struct strv *options);
/** What every bind or volume mount has unless the user said otherwise; and do its words go together? */
int create_mount_finish(struct create_mount *mount, const char *whole, struct err *err);
void create_tmpfs_finish(struct create_mount *mount);
/** Note in the record what start does for a mount besides config.json: overlays, images, owners. 1: it is in config.json too. create_views.c */
int create_view(struct create *create, const struct create_mount *mount, struct err *err);
/** A name that nobody has yet, such as "calm_harbour". Yours. */
char *create_random_name(struct engine *engine);

#endif
