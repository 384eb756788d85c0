/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/commands.c - all commands: a new one is its own file and one line here
 *
 * Within a section of --help and within the help of a noun they stand in this order.
 */
#include "cli/commands.h"

#include <stddef.h>

const struct noun nouns[] = {
	{ "container", "Manage containers" },
	{ "image", "Manage images" },
	{ "builder", "Build images" },
	{ "buildx", "Build images, as docker says it" },
	{ "manifest", "Manage lists of images for several platforms" },
	{ "artifact", "Manage files that registries keep" },
	{ "volume", "Manage volumes" },
	{ "secret", "Manage secrets" },
	{ "network", "Look for networks" },
	{ "generate", "Write units of systemd" },
	{ "quadlet", "Manage units that Quadlet turns into services" },
	{ "unit", "Look at units of systemd" },
	{ "context", "The one place where docker's tools find dhow" },
	{ "healthcheck", "Run health checks" },
	{ "config", "Check files of configuration" },
	{ "system", "Look at this installation" },
	{ NULL, NULL },
};

#define COMMANDS(X)                                                                                \
	X(cmd_run)                                                                                 \
	X(cmd_cp)                                                                                  \
	X(cmd_exec)                                                                                \
	X(cmd_create)                                                                              \
	X(cmd_init)                                                                                \
	X(cmd_start)                                                                               \
	X(cmd_stop)                                                                                \
	X(cmd_restart)                                                                             \
	X(cmd_kill)                                                                                \
	X(cmd_pause)                                                                               \
	X(cmd_unpause)                                                                             \
	X(cmd_attach)                                                                              \
	X(cmd_wait)                                                                                \
	X(cmd_rename)                                                                              \
	X(cmd_update)                                                                              \
	X(cmd_rm)                                                                                  \
	X(cmd_ps)                                                                                  \
	X(cmd_logs)                                                                                \
	X(cmd_inspect)                                                                             \
	X(cmd_port)                                                                                \
	X(cmd_top)                                                                                 \
	X(cmd_ui)                                                                                  \
	X(cmd_stats)                                                                               \
	X(cmd_events)                                                                              \
	X(cmd_diff)                                                                                \
	X(cmd_images)                                                                              \
	X(cmd_history)                                                                             \
	X(cmd_build)                                                                               \
	X(cmd_pull)                                                                                \
	X(cmd_push)                                                                                \
	X(cmd_search)                                                                              \
	X(cmd_login)                                                                               \
	X(cmd_logout)                                                                              \
	X(cmd_tag)                                                                                 \
	X(cmd_untag)                                                                               \
	X(cmd_rmi)                                                                                 \
	X(cmd_commit)                                                                              \
	X(cmd_export)                                                                              \
	X(cmd_import)                                                                              \
	X(cmd_save)                                                                                \
	X(cmd_load)                                                                                \
	X(cmd_mount)                                                                               \
	X(cmd_unmount)                                                                             \
	X(cmd_info)                                                                                \
	X(cmd_version)                                                                             \
	X(cmd_unshare)                                                                             \
	X(cmd_completion)                                                                          \
	X(cmd_help_cmd)                                                                            \
	X(cmd_container_inspect)                                                                   \
	X(cmd_container_clone)                                                                     \
	X(cmd_container_runlabel)                                                                  \
	X(cmd_container_exists)                                                                    \
	X(cmd_container_prune)                                                                     \
	X(cmd_container_cleanup)                                                                   \
	X(cmd_container_restart_by_policy)                                                         \
	X(cmd_container_diff)                                                                      \
	X(cmd_builder_prune)                                                                       \
	X(cmd_builder_from)                                                                        \
	X(cmd_builder_run)                                                                         \
	X(cmd_builder_copy)                                                                        \
	X(cmd_builder_add)                                                                         \
	X(cmd_builder_config)                                                                      \
	X(cmd_builder_commit)                                                                      \
	X(cmd_builder_containers)                                                                  \
	X(cmd_builder_inspect)                                                                     \
	X(cmd_builder_rm)                                                                          \
	X(cmd_builder_mount)                                                                       \
	X(cmd_buildx_version)                                                                      \
	X(cmd_buildx_ls)                                                                           \
	X(cmd_buildx_inspect)                                                                      \
	X(cmd_buildx_use)                                                                          \
	X(cmd_image_inspect)                                                                       \
	X(cmd_image_exists)                                                                        \
	X(cmd_image_prune)                                                                         \
	X(cmd_image_diff)                                                                          \
	X(cmd_image_mount)                                                                         \
	X(cmd_image_unmount)                                                                       \
	X(cmd_image_tree)                                                                          \
	X(cmd_image_sign)                                                                          \
	X(cmd_image_trust_show)                                                                    \
	X(cmd_image_trust_set)                                                                     \
	X(cmd_image_trust_add)                                                                     \
	X(cmd_manifest_create)                                                                     \
	X(cmd_manifest_add)                                                                        \
	X(cmd_manifest_annotate)                                                                   \
	X(cmd_manifest_inspect)                                                                    \
	X(cmd_manifest_push)                                                                       \
	X(cmd_manifest_remove)                                                                     \
	X(cmd_manifest_rm)                                                                         \
	X(cmd_manifest_exists)                                                                     \
	X(cmd_artifact_add)                                                                        \
	X(cmd_artifact_ls)                                                                         \
	X(cmd_artifact_inspect)                                                                    \
	X(cmd_artifact_extract)                                                                    \
	X(cmd_artifact_pull)                                                                       \
	X(cmd_artifact_push)                                                                       \
	X(cmd_artifact_rm)                                                                         \
	X(cmd_volume_create)                                                                       \
	X(cmd_volume_ls)                                                                           \
	X(cmd_volume_inspect)                                                                      \
	X(cmd_volume_exists)                                                                       \
	X(cmd_volume_rm)                                                                           \
	X(cmd_volume_prune)                                                                        \
	X(cmd_volume_export)                                                                       \
	X(cmd_volume_import)                                                                       \
	X(cmd_volume_mount)                                                                        \
	X(cmd_volume_unmount)                                                                      \
	X(cmd_volume_reload)                                                                       \
	X(cmd_secret_create)                                                                       \
	X(cmd_secret_ls)                                                                           \
	X(cmd_secret_inspect)                                                                      \
	X(cmd_secret_exists)                                                                       \
	X(cmd_secret_rm)                                                                           \
	X(cmd_network_ls)                                                                          \
	X(cmd_network_exists)                                                                      \
	X(cmd_network_inspect)                                                                     \
	X(cmd_network_rm)                                                                          \
	X(cmd_network_prune)                                                                       \
	X(cmd_healthcheck_run)                                                                     \
	X(cmd_generate_systemd)                                                                    \
	X(cmd_quadlet_install)                                                                     \
	X(cmd_quadlet_list)                                                                        \
	X(cmd_quadlet_print)                                                                       \
	X(cmd_quadlet_rm)                                                                          \
	X(cmd_auto_update)                                                                         \
	X(cmd_unit_check)                                                                          \
	X(cmd_context_ls)                                                                          \
	X(cmd_context_show)                                                                        \
	X(cmd_context_use)                                                                         \
	X(cmd_context_inspect)                                                                     \
	X(cmd_system_check)                                                                        \
	X(cmd_system_df)                                                                           \
	X(cmd_system_doctor)                                                                       \
	X(cmd_config_check)                                                                        \
	X(cmd_system_prune)                                                                        \
	X(cmd_system_reset)                                                                        \
	X(cmd_complete)                                                                            \
	X(cmd_options)                                                                             \
	X(cmd_manual)

#define DECLARE(name) extern const struct cmd name;
COMMANDS(DECLARE)

#define POINTER(name) &name,
const struct cmd *const commands[] = { COMMANDS(POINTER) NULL };
