/* SPDX-License-Identifier: Apache-2.0 */
/*
 * units/quadlet.h - Quadlet: units for containers, volumes, networks, images and builds become services of systemd
 *
 *	struct quadlet_set set = { .program = "/usr/bin/dhow", .report = print_problem };
 *	quadlet_dirs(user, &set.dirs);
 *	quadlet_load(&set);			finds and reads all units with their drop-ins
 *	quadlet_resolve(&set);			names of services and objects; they refer to each other
 *	quadlet_convert(&set, set.items[i]);	fills items[i]->made and ->words
 *
 * What a unit asks for becomes one command line of dhow; the keys are rows of a table (quadlet_keys.c). Nothing but files is looked at: the
 * generator does not know which images there are, and says nothing about values that only the command can judge. `dhow unit check` does, because
 * each word of the command line remembers its line (struct quadlet_origin).
 */
#ifndef UNITS_QUADLET_H
#define UNITS_QUADLET_H

#include "units/unit.h"

enum quadlet_type {
	QUADLET_CONTAINER,
	QUADLET_VOLUME,
	QUADLET_NETWORK,
	QUADLET_IMAGE,
	QUADLET_BUILD,
	QUADLET_POD,  /* refused */
	QUADLET_KUBE, /* refused */
	QUADLET_TYPE_COUNT
};
/** Its section ("Container") and the ending of its file ("container"). */
const char *quadlet_section(enum quadlet_type type);
const char *quadlet_suffix(enum quadlet_type type);
/** By the name of a file: -1 when it is no Quadlet unit. */
int quadlet_type_of(const char *file_name);

/** How the value of a key becomes words. */
enum quadlet_how {
	QUADLET_SPECIAL,   /* there is code for it */
	QUADLET_ONE,	   /* --option VALUE: the last line counts */
	QUADLET_EACH,	   /* --option VALUE for each line */
	QUADLET_WORDS,	   /* --option WORD for each word of each line */
	QUADLET_FLAG,	   /* --option when it is true */
	QUADLET_FLAG_VALUE /* --option=true, --option=false */
};
struct quadlet_key {
	const char *name;
	enum quadlet_how how;
	const char *option; /* with its dashes */
	const char *prefix; /* of the value, or NULL: "seccomp=" */
};
/** Keys of a section, ended by a row without name. */
const struct quadlet_key *quadlet_keys(enum quadlet_type type);
/** Keys of [Quadlet], which every unit may have. */
extern const struct quadlet_key quadlet_common_keys[];

/** Some words of a command line and the line that asked for them. */
struct quadlet_origin {
	const struct unit_line *line;
	size_t first, count; /* words */
	bool is_argument;    /* no option: an image, a name */
};

struct quadlet {
	enum quadlet_type type;
	char *name, *path, *dir; /* "web.container" and where it is */
	char *service;		 /* "web.service" */
	char *object; /* name of the container, volume, network or image, as a word with specifiers */
	struct unit unit; /* as written, with drop-ins */
	bool failed;	  /* it was reported: no service is made */

	/* made by quadlet_convert() */
	struct unit made;
	struct strv words; /* of the command line, behind the program and its global options */
	struct strv globals;
	struct quadlet_origin *origins;
	size_t origin_count;
};

struct quadlet_set {
	struct strv dirs;	  /* the first that has a unit wins */
	struct strv drop_in_dirs; /* of those, what ends in .d */
	const char *program;
	unit_report report;
	void *arg;
	struct quadlet **items;
	size_t count, size;
	bool user;
};
void quadlet_set_release(struct quadlet_set *set);

/**
 * Where units are looked for: QUADLET_UNIT_DIRS (parted by colons), or the folders of this user, or of the system. Folders below them
 * are in the list, too.
 */
void quadlet_dirs(bool user, struct strv *dirs);
/** The folder that units are installed into: ~/.config/containers/systemd, root's /etc/containers/systemd, or the first of QUADLET_UNIT_DIRS. Yours. */
char *quadlet_home(void);
/** Read all units of the folders. */
void quadlet_load(struct quadlet_set *set);
/** Read one file; a unit of this name that is there already is replaced. -1: it cannot be read (reported), or is no unit. */
int quadlet_load_file(struct quadlet_set *set, const char *path);
/** Find the names of services and objects. */
void quadlet_resolve(struct quadlet_set *set);
/** By file name; an instance ("data@a.volume") finds its template. NULL when there is none. */
struct quadlet *quadlet_find(const struct quadlet_set *set, const char *name);
/** Make the service. 0, or -1 when something is wrong with the unit (reported). */
int quadlet_convert(struct quadlet_set *set, struct quadlet *quadlet);

/** A link that [Install] asks for: path below the generator's directory, and what it says. */
typedef void (*quadlet_link)(void *arg, const char *path, const char *target);
void quadlet_links(const struct quadlet *quadlet, quadlet_link link, void *arg);

/** The path that a value means: relative to the unit's folder, unless it is absolute or begins with a specifier. Yours. */
char *quadlet_path(const struct quadlet *quadlet, const char *value);

#endif
