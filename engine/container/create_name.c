/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/create_name.c - names for containers that got none: two words from the sea
 */
#include "engine/container/create.h"

#include "base/err.h"
#include "base/fd.h"
#include "engine/container/state.h"

#include <sys/random.h>

static const char *const qualities[] = {
	"able",	  "ample",  "blue",   "bold",	"brave",  "bright",  "brisk",  "calm",
	"clear",  "cool",   "deep",   "eager",	"early",  "fair",    "fleet",  "fresh",
	"gentle", "glad",   "golden", "grand",	"green",  "hardy",   "honest", "jolly",
	"keen",	  "kind",   "light",  "lively", "loyal",  "lucky",   "mellow", "merry",
	"mild",	  "modest", "neat",   "nimble", "noble",  "patient", "plain",  "proud",
	"quick",  "quiet",  "ready",  "robust", "salty",  "sharp",   "silent", "silver",
	"simple", "sleek",  "smart",  "smooth", "snug",	  "solid",   "steady", "still",
	"stout",  "sunny",  "swift",  "tidy",	"trusty", "warm",    "wide",   "wise",
};
static const char *const things[] = {
	"anchor",  "atoll",   "bay",	 "beacon", "bowline", "breeze",	 "buoy",    "canvas",
	"cape",	   "cargo",   "channel", "chart",  "coast",   "compass", "coral",   "cove",
	"current", "deck",    "dhow",	 "dock",   "fjord",   "galley",	 "gull",    "halyard",
	"harbour", "haven",   "heron",	 "hull",   "island",  "jetty",	 "keel",    "ketch",
	"lagoon",  "lantern", "lateen",	 "locker", "mast",    "moor",	 "oar",	    "pearl",
	"pelican", "pier",    "port",	 "prow",   "quay",    "reef",	 "rigging", "rudder",
	"sail",	   "shoal",   "shore",	 "skiff",  "spar",    "stern",	 "strait",  "swell",
	"tern",	   "tide",    "tiller",	 "voyage", "wake",    "wave",	 "wharf",   "wind",
};

char *create_random_name(struct engine *engine)
{
	struct err ignored = {
		0
	}; /* a name that cannot be looked up is free as far as we know: taking it decides */

	for (int attempt = 0;; attempt++) {
		unsigned short random[3];

		if (getrandom(random, sizeof(random), 0) != sizeof(random))
			BUG("no random bytes");
		const char *quality = qualities[random[0] % ARRAY_SIZE(qualities)];
		const char *thing = things[random[1] % ARRAY_SIZE(things)];
		char *name = attempt < 5 ? xasprintf("%s_%s", quality, thing)
					 : xasprintf("%s_%s%u", quality, thing, random[2] % 10000u);
		cleanup_fd int names_fd = store_open_dir(engine->store, "names", true, &ignored);
		struct object_id id;

		if (names_fd < 0 || container_name_read(names_fd, name, &id) == 0 || attempt > 100)
			return name;
		free(name);
	}
}
