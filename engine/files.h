/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/files.h - what moves files of containers, images and volumes in and out
 *
 * All of it reaches files by descriptors below an anchored root (R1, R21, R22), in a child that has the owners of the files, and
 * executes nothing of the container. Archives from outside are read in the sandbox of libexec/dhow/transfer (R14).
 */
#ifndef ENGINE_FILES_H
#define ENGINE_FILES_H

#include "engine/container.h"
#include "storage/volume.h"

/* ---- export, commit --------------------------------------------------------------------------------------------------- */

/** Write the root file system as tar, without what is mounted in it; blocks. */
int container_export(struct engine *engine, struct container *container, int output_fd,
		     struct err *err);

struct container_commit_opts {
	char *author, *message, *format; /* format: oci (default) or docker */
	char *config_file; /* --config: a JSON object that is merged into the configuration */
	char *iidfile;
	struct strv changes;
	bool include_volumes, pause, quiet, squash;
};
/** Make an image of the container's changes. @param name  as the user wrote it, or NULL */
int container_commit(struct engine *engine, struct container *container, const char *name,
		     const struct container_commit_opts *opts, struct image **ret_image,
		     struct err *err);

/* ---- cp --------------------------------------------------------------------------------------------------------------- */

/** One end of a copy: a path in a container or on the host, or a stream of tar. */
struct copy_end {
	struct container *container; /* NULL: the host */
	const char *path;
	int stream_fd; /* tar is read or written here instead of a path on the host; -1: not */
};
struct container_cp_opts {
	int archive; /* 1 (default): what goes in belongs to the container's user; 0: to whom it belonged */
	bool overwrite; /* a directory may be replaced by something else, and the other way round */
	bool quiet;
	bool pause; /* containers that run are frozen meanwhile */
};
/**
 * cp: a file to a file or into a directory, a directory into a directory or to a new name, "DIR/." its content only. The last link of the
 * source is followed, those below are copied; none leads out of the container. At least one end is a container.
 */
int container_cp(struct engine *engine, const struct copy_end *from, const struct copy_end *to,
		 const struct container_cp_opts *opts, struct err *err);

/* ---- volumes ---------------------------------------------------------------------------------------------------------- */

/** The content as tar, with owners as containers see them. */
int volume_export(struct engine *engine, const struct volume *volume, int output_fd,
		  struct err *err);
/** Unpack an archive into it; what is there is merged. */
int volume_import(struct engine *engine, const struct volume *volume, int archive_fd,
		  struct err *err);

/* ---- mount ------------------------------------------------------------------------------------------------------------ */

/**
 * Mount the root file system of a stopped container for the programs that are in our user and mount namespace (`dhow unshare`); it goes
 * with that. One that is mounted already is no failure. ERR_STATE outside of such a namespace, and for a container that runs.
 * @param ret_path  yours
 */
int container_mount(struct engine *engine, struct container *container, char **ret_path,
		    struct err *err);
/** The same for an image, read-only. */
int image_mount(struct engine *engine, const struct image *image, char **ret_path, struct err *err);
/** Where it is mounted, yours, or NULL. */
char *container_mount_point(struct engine *engine, const struct container *container);
char *image_mount_point(struct engine *engine, const struct image *image);
/** ERR_STATE when it is not mounted. @param force  also while it is used */
int mount_remove(const char *path, bool force, struct err *err);

/* ---- import ----------------------------------------------------------------------------------------------------------- */

struct image_import_opts {
	char *message, *os, *arch, *variant, *platform;
	struct strv changes;
	bool quiet;
};
/** An image of one layer, from a tar of a root file system. @param name  as the user wrote it, or NULL; source: what the history says */
int image_import(struct engine *engine, int archive_fd, const char *source, const char *name,
		 const struct image_import_opts *opts, struct image **ret_image, struct err *err);
/** Fetch a URL (http, https) into a file of no name: fd, at its start. The sandboxed fetcher does it (R14, R17). */
int url_fetch(struct engine *engine, const char *url, struct err *err);

/* ---- save, load, push ------------------------------------------------------------------------------------------------- */

enum image_save_format {
	SAVE_DOCKER_ARCHIVE,
	SAVE_OCI_ARCHIVE,
	SAVE_OCI_DIR,
	SAVE_DOCKER_DIR,
	SAVE_FORMAT_COUNT
};
NAME_TABLE_DECLARE(image_save_format)

struct image_save_item {
	const struct image *image;
	struct strv names; /* that it has in the archive; may be empty */
};
/** What an archive is made of. Options of the compression are for the layers; an archive itself is never compressed. */
struct image_save_request {
	enum image_save_format format;
	const struct image_save_item *items;
	size_t count;
	int output_fd;	  /* of an archive */
	const char *path; /* of a directory, made if it is not there */
	const char *name; /* of the file or directory, for the event; NULL: none */
	bool compress;	  /* of docker-dir: layers by gzip */
	int manifest;	  /* enum layout_format of push; 0: as it is */
	int compression;  /* enum layout_compression of push; 0: as it is */
	bool force_compression;
	int64_t level;		   /* -1: the usual one */
	struct digest *ret_digest; /* of the last manifest, or NULL */
	/* layers of these images are left out: who loads it has them. For formats of OCI */
	struct image *const *except;
	size_t except_count;
};
/** The same images give the same bytes. */
int image_save(struct engine *engine, const struct image_save_request *request, struct err *err);

/** Sign an image: by GPG, by a key of sigstore, or both. */
struct image_sign_opts {
	char *by;	       /* fingerprint or mail address of a key of GPG */
	char *sigstore_key;    /* file with a private key, encrypted as cosign does it */
	char *sigstore_file;   /* file of parameters, which names such a file */
	char *passphrase_file; /* of the one or the other */
	char *passphrase;      /* that somebody typed */
};
struct image_push_opts {
	struct image_sign_opts sign;
	struct image_pull_opts registry; /* authfile, creds, cert_dir, tls_verify, retry */
	char *format;			 /* oci, v2s2; NULL: as it is */
	char *compression_format; /* gzip, zstd, zstd:chunked; NULL: gzip for what is not compressed */
	int64_t compression_level; /* -1: the usual one */
	bool compress, force_compression, quiet, remove_signatures;
	bool all_tags; /* the command's: image_push_all_tags() */
	char *digestfile;
};
/**
 * Send an image away: docker:// (default), oci:PATH[:NAME], oci-archive:PATH[:NAME], docker-archive:PATH[:NAME], dir:PATH.
 * @param destination  NULL: its own name
 * @param ret_digest   of the manifest as it is there
 */
int image_push(struct engine *engine, const char *text, const char *destination,
	       const struct image_push_opts *opts, progress_function progress, void *progress_arg,
	       struct digest *ret_digest, struct err *err);

/** All names in a repository, "HOST/PATH" or the end of it, each to where it leads. ERR_AMBIGUOUS, and as image_push(). */
int image_push_all_tags(struct engine *engine, const char *text, const struct image_push_opts *opts,
			progress_function progress, void *progress_arg, struct err *err);

/** The same for an image that is in no list: it is written and sent. Not to a file. */
struct image_new;
int image_push_new(struct engine *engine, const struct image_new *image, const char *destination,
		   const struct image_push_opts *opts, progress_function progress,
		   void *progress_arg, struct err *err);

struct login_opts {
	char *authfile, *cert_dir, *username, *password;
	int tls_verify;
	bool get_login, verbose;
};
/** Ask the registry whether it takes these credentials, and write them into the auth file. */
int registry_login(struct engine *engine, const char *registry, const struct login_opts *opts,
		   char **ret_file, struct err *err);
/** The user name that is on file, yours; ERR_NOT_FOUND. */
char *registry_login_name(struct engine *engine, const char *registry,
			  const struct login_opts *opts, struct err *err);
/** Take one entry out of the auth file, or all (registry NULL). ERR_NOT_FOUND when there is none. */
int registry_logout(struct engine *engine, const char *registry, const char *authfile,
		    struct err *err);

/**
 * All images of an archive (archive_fd), or of a directory (path).
 * @param name       of the file or directory, for the event; NULL: none
 * @param ret_names  the names of those that came, or "sha256:ID" for one without
 */
int image_load(struct engine *engine, int archive_fd, const char *path, const char *name,
	       progress_function progress, void *progress_arg, struct strv *ret_names,
	       struct err *err);

/* ---- diff ------------------------------------------------------------------------------------------------------------- */

struct file_change {
	char kind; /* 'A' added, 'C' changed, 'D' deleted */
	char *path;
};
struct file_changes {
	struct file_change *items; /* by path */
	size_t count;
};
void file_changes_release(struct file_changes *changes);
#define cleanup_file_changes __attribute__((cleanup(file_changes_release)))
/** What a container changed in its image's files. */
int container_changes(struct engine *engine, struct container *container,
		      struct file_changes *ret_changes, struct err *err);
/** What the topmost layer of an image changed; with base: what differs between the two images' files. */
int image_changes(struct engine *engine, const struct image *image, const struct image *base,
		  struct file_changes *ret_changes, struct err *err);

#endif
