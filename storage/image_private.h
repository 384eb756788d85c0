/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/image_private.h - what the files of the image store share (private)
 *
 * The truth is in two directories. records/HEX tells what an image is and which names it was given; names/ESCAPED tells
 * which image a name means now. A name counts when both agree: the record lists it and the name's file points back.
 * So giving, moving and taking a name is one rename or unlink in names/, and a crash between the two files leaves
 * at most a claim in a record that nobody honours, and that goes when the record is written next.
 */
#ifndef STORAGE_IMAGE_PRIVATE_H
#define STORAGE_IMAGE_PRIVATE_H

#include "base/strbuf.h"
#include "storage/image.h"

struct removal;

#define IMAGE_RECORDS_DIR "images/records"
#define IMAGE_NAMES_DIR	  "images/names"
#define BLOBS_DIR	  "images/blobs/sha256"

/* image_record.c */
json_t *image_to_json(const struct image *image);
/** What the record says, names unchecked. NULL with ERR_CORRUPT. */
struct image *image_from_json(const json_t *body, const char *hex, struct err *err);
/** 1, 0 there is none, -1 (ERR_CORRUPT: damaged). Names are as claimed. */
int image_record_read(int records_fd, const char *hex, struct image **ret_image, struct err *err);
/** Durable. A directory that sits in its place is removed. */
int image_record_write(struct store *store, const struct image *image, struct err *err);
/** A record that was moved away, whatever its file is called now. NULL: there is none, or it is damaged. */
struct image *image_removed_record(int dir_fd, const char *file, struct err *err);
/** A directory in the place of a file is damage that a rename cannot replace: true when there was one and it is gone. */
bool image_drop_directory(struct store *store, int dir_fd, const char *name);
/** An image of which only the name of its record is known. */
struct image *image_damaged(const char *hex);

/* image_name.c */
/** A name and the manifest that it means. */
struct image_name {
	char *name;
	struct digest manifest; /* "": its file is damaged */
};
struct image_names {
	struct image_name *items; /* sorted by name */
	size_t count;
};
void image_names_release(struct image_names *names);
void image_names_add(struct image_names *names, const char *name, const struct digest *manifest);
void image_names_sort(struct image_names *names);
const struct image_name *image_names_find(const struct image_names *names, const char *name);
/** Name of the file of a name: escaped, or its beginning and a hash when that is too long. Yours. */
char *image_name_file(const char *name);
/** 1 and the manifest, 0, -1 (ERR_CORRUPT). */
int image_name_read(int names_fd, const char *name, struct digest *ret_manifest, struct err *err);
/** The same by file name. */
int image_name_read_file(int names_fd, const char *file, char **ret_name,
			 struct digest *ret_manifest, struct err *err);
/** Durable; takes the name from whoever has it. */
int image_name_write(struct store *store, const char *name, const struct digest *manifest,
		     struct err *err);
/** Unlink; a missing one is success. The caller syncs the directory. */
int image_name_remove(struct store *store, int names_fd, const char *name, struct err *err);

/* image_scan.c */
/** Everything that is in one store: records with claimed names, and names. Damaged ones are marked. */
struct image_scan {
	struct image_list images;
	struct image_names names;
};
void image_scan_release(struct image_scan *scan);
#define cleanup_image_scan __attribute__((cleanup(image_scan_release)))
int image_scan(struct store *store, int root_fd, struct image_scan *ret_scan, struct err *err);

/* image.c */
void image_list_add(struct image_list *list, struct image *image_take);
/** True when a record of the store names this layer or blob. */
bool image_refers(struct store *store, const struct digest *digest);

/* image_write.c */
/** The images lock; fd. */
int image_lock(struct store *store, struct err *err);

/* image_remove.c */
/** Remove all names of a manifest, those with a digest only when digests_too. The caller syncs the directory. */
int image_names_remove_all(struct store *store, int names_fd, const struct digest *manifest,
			   bool digests_too, struct err *err);
/** Remove the layers and blobs of an image that has no record, but what others need. The images lock is held. */
void image_drop_parts(struct store *store, const struct image *image);
/** Go on with a removal that was broken off: name is the record, moved to tmp/. */
void image_finish_removal(struct store *store, int tmp_fd, const char *name);
#define IMAGE_REMOVAL_KIND "rmi"

/* image_index.c */
/** Under the images lock: write index.json and oci-layout anew from what is there, and sweep. Derived, so not durable, and a failure is not the caller's. */
void image_index_write(struct store *store);

/* layer.c */
/** Move a layer away: gone for everybody. 0, also when there is none, or -1. */
int layer_take_away(struct store *store, const struct digest *diff_id, struct removal *removal,
		    struct err *err);
/** What was published without a sync is on the disk now: take the marks away. */
void layer_set_synced(struct store *store, const struct digest *diff_id);

/* blob.c */
void blob_set_synced(struct store *store, const struct digest *digest);

#endif
