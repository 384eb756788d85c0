/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/refused.c - commands of other engines that dhow does not carry, and why
 *
 * Who types one is told the reason, not that nobody has heard of it. A path refuses all that begins with its words.
 */
#include "cli/commands.h"

#include "base/err.h"
#include "base/strbuf.h"

#include <stddef.h>

#define NO_REMOTE "there is no engine elsewhere: dhow works on this machine only"
#define NO_SWARM  "dhow runs containers on one machine and is no cluster"
#define NO_NETWORKS                                                                                \
	"each container has a network of its own, by slirp4netns: publish ports with -p, or join " \
	"another one's with --network container:NAME"
#define ONE_BUILDER   "there is one builder, 'default', which needs nothing to be set up"
#define NO_CHECKPOINT "the kernel lets only root checkpoint and restore processes"

const struct refused_command refused_commands[] = {
	{ "machine", "containers run on this machine's own kernel, without a virtual machine" },
	{ "farm", NO_REMOTE },
	{ "context create", NO_REMOTE },
	{ "context rm", NO_REMOTE },
	{ "context update", NO_REMOTE },
	{ "context import", NO_REMOTE },
	{ "context export", NO_REMOTE },
	{ "system connection", NO_REMOTE },
	{ "system dial-stdio", NO_REMOTE },
	{ "image scp", NO_REMOTE },
	{ "checkpoint", NO_CHECKPOINT },
	{ "container checkpoint", NO_CHECKPOINT },
	{ "container restore", NO_CHECKPOINT },
	{ "network create", NO_NETWORKS },
	{ "network connect", NO_NETWORKS },
	{ "network disconnect", NO_NETWORKS },
	{ "network reload", NO_NETWORKS },
	{ "network update", NO_NETWORKS },
	{ "buildx create", ONE_BUILDER },
	{ "buildx rm", ONE_BUILDER },
	{ "buildx stop", ONE_BUILDER },
	{ "buildx install", ONE_BUILDER },
	{ "buildx uninstall", ONE_BUILDER },
	{ "buildx du", "steps of builds are layers, which images share: `system df` counts them" },
	{ "buildx bake",
	  "it reads files of its own that name several builds: say each with `build`" },
	{ "buildx history", "builds leave images and no records" },
	{ "buildx dap", "there is no debugger of builds" },
	{ "buildx dial-stdio", NO_REMOTE },
	{ "buildx imagetools", "`manifest inspect` and `manifest create` do that" },
	{ "compose",
	  "it asks a server that runs all the time, and there is none: units of Quadlet start "
	  "several containers together (man dhow-unit)" },
	{ "swarm", NO_SWARM },
	{ "service", NO_SWARM },
	{ "stack", NO_SWARM },
	{ "node", NO_SWARM },
	{ "config create", NO_SWARM },
	{ "config inspect", NO_SWARM },
	{ "config ls", NO_SWARM },
	{ "config rm", NO_SWARM },
	{ "volume update", NO_SWARM },
	{ "builder mkcw", "confidential workloads are not supported" },
	{ "builder source", "images of source code are not made" },
	{ "plugin", "there are no plugins: networks, volumes and logs are built in" },
	{ "trust", "signatures are checked as policy.json says" },
	{ "system migrate",
	  "containers need no migration: each start reads what the system is like now" },
	{ "system renumber", "locks are files of the kernel and have no numbers" },
	{ NULL, NULL },
};

/* True when the words of path are the first of words. */
static bool begins_with(char *const *words, const char *path)
{
	for (; *path != '\0'; words++) {
		const char *rest = *words != NULL ? str_after(path, *words) : NULL;

		if (rest == NULL || (*rest != ' ' && *rest != '\0'))
			return false;
		path = *rest == ' ' ? rest + 1 : rest;
	}
	return true;
}

int commands_refused(char *const *words, struct err *err)
{
	for (const struct refused_command *refused = refused_commands; refused->path != NULL;
	     refused++) {
		if (begins_with(words, refused->path))
			return err_set(err, ERR_UNSUPPORTED, "'%s' is not supported: %s",
				       refused->path, refused->reason);
	}
	return 0;
}
