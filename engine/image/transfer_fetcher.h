/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/transfer_fetcher.h - the parts of the fetcher (private)
 *
 * A job is one blob on its way: opened by the supervisor, read from the network or a local file, written, hashed, and fed to the
 * unpacker from the file that was just written, so that a slow unpacker never holds the network up and needs no memory.
 */
#ifndef ENGINE_IMAGE_TRANSFER_FETCHER_H
#define ENGINE_IMAGE_TRANSFER_FETCHER_H

#include "engine/image/transfer_http.h"
#include "engine/image/transfer_private.h"

struct sha256;
struct fetcher;

#define MANIFEST_ACCEPT                                                                            \
	MEDIA_OCI_MANIFEST ", " MEDIA_OCI_INDEX ", " MEDIA_DOCKER_MANIFEST ", " MEDIA_DOCKER_LIST

enum job_state {
	JOB_QUEUED,
	JOB_OPENING,  /* WORK_OPEN was sent */
	JOB_READING,  /* what was there already is read and hashed */
	JOB_FETCHING, /* the network, or the local source */
	JOB_FEEDING,  /* all is written and the digest is right; the unpacker still reads */
	JOB_CLOSING,  /* WORK_DONE was sent */
	JOB_TABLE,    /* in parts: the table of contents is fetched */
	JOB_PLANNING, /* WORK_TABLE was sent */
	JOB_PARTS,    /* what no local layer has is fetched */
	JOB_DONE,
};

/* Parts of a blob: bytes [from, from + bytes). */
struct part {
	uint64_t from, bytes;
};
#define PARTS_MAX 128

struct job {
	struct fetcher *fetcher;
	enum job_state state;
	const struct descriptor *descriptor;
	struct digest diff_id; /* of a layer */
	bool is_layer;
	bool is_manifest;	       /* it is asked for as a manifest, not as a blob */
	bool only_read;		       /* it is not stored */
	bool is_raw;		       /* it is stored as it is, whatever its size */
	const struct strbuf *document; /* its bytes, when they are in memory */
	struct strbuf *capture;	       /* gets its bytes, of a small one; NULL: nobody wants them */
	char *content_type;	       /* of a manifest, as the server says; owned */
	uint32_t slot;
	int file_fd, feed_fd, source_fd;
	bool present; /* the blob is in the store: read only */
	bool resumed; /* bytes of an earlier try are in it */
	bool broken;  /* the unpacker says that its input is damaged */
	bool was_skipped;
	struct sha256 *hash;
	uint64_t hashed;    /* bytes that are in the file and in the hash */
	uint64_t there;	    /* JOB_READING: up to here */
	uint64_t fed;	    /* bytes that the unpacker got */
	uint64_t skip;	    /* bytes of the answer that we have: the server ignored the range */
	uint64_t flushed;   /* bytes whose way to the disk was started */
	int64_t told_at_ms; /* last progress event */
	struct http_request request;
	bool requested;
	bool is_whole; /* no parts: they were tried, or there is no table */
	struct chunked_place place;
	struct part parts[PARTS_MAX];
	size_t part_count, part_at;
	uint64_t part_done; /* bytes of the one that is fetched */
};

struct fetcher {
	const struct transfer_request *transfer;
	int supervisor_fd;
	struct http *http;
	struct registry *registry; /* the endpoint in use, or NULL */
	int source_dir_fd;	   /* local sources, or -1 */
	int scratch_fd;		   /* a file of no name for what is made here and uploaded, or -1 */
	bool source_is_layout;	   /* oci: blobs/sha256/HEX; else dir: HEX */
	uint8_t slots_used[WORK_SLOTS];
	struct job **jobs;
	size_t job_count;
};

/** Send a message of this kind about the job. */
int job_send(struct job *job, enum work_kind kind, bool discard, struct err *err);
/** Its request is over, or given up. */
void job_end_request(struct job *job);
/** Give the slot up; the supervisor throws away what is there, or keeps it for a retry. */
void job_drop(struct job *job, bool discard);

/* transfer_parts.c: a layer of which only some files are fetched */

/** Is there a table of contents that can be used? */
bool parts_possible(struct job *job);
/** The supervisor has opened the file. */
void parts_begin(struct job *job);
int parts_step(struct job *job, struct err *err);
/** WORK_RANGE or WORK_PLANNED came. */
int parts_planned(struct job *job, const struct work *work, struct err *err);

/** Tell the supervisor the layers of the image, lowest first. */
int jobs_plan(struct fetcher *fetcher, const struct digest *diff_ids, size_t count,
	      struct err *err);
/** Run these jobs until all are stored. The first failure ends all: what they hold is dropped. */
int jobs_run(struct fetcher *fetcher, struct job *jobs, size_t count, struct err *err);
/** One small document that is in memory becomes a blob. */
int job_store(struct fetcher *fetcher, const struct descriptor *descriptor,
	      const struct strbuf *document, struct err *err);
/**
 * Read a small document, from the store if it is there. It is not stored: that is done when the whole image is good.
 * @param ret_content_type  of a manifest, NULL when nobody says; yours. NULL: it is no manifest
 */
int job_document(struct fetcher *fetcher, const struct descriptor *descriptor,
		 struct strbuf *ret_text, char **ret_content_type, struct err *err);

/* transfer_image.c */

/**
 * From its top document (a manifest or an index) to a whole image in the store.
 * @param wanted  the digest that was asked for, or unset
 * @param what    for messages
 */
int fetch_image(struct fetcher *fetcher, const struct strbuf *top, const char *content_type,
		const char *what, const struct digest *wanted, struct digest *ret_manifest,
		struct digest *ret_index, struct err *err);

/** The top document of the source, from the endpoint in use or the local directory; its digest is checked against the one asked for. */
int fetch_top(struct fetcher *fetcher, struct strbuf *ret_text, char **ret_content_type,
	      struct err *err);

/** What a name means, without its layers. */
struct image_documents {
	struct manifest top; /* the manifest, or the index that it was chosen from; release it */
	struct digest manifest, index;
};
int image_documents_find(struct fetcher *fetcher, struct image_documents *ret, struct err *err);

/* transfer_signatures.c */

/** Tell dhow by events what the source means and which signatures there are of it. */
int collect_signatures(struct fetcher *fetcher, struct err *err);
/** The manifest of the signatures of sigstore that the endpoint has for a digest: 1 (new reference), 0 none, -1. */
int fetch_attachments(struct fetcher *fetcher, const struct digest *digest, json_t **ret_manifest,
		      struct err *err);

/* transfer_push.c */

/** Send the image of the request's "push" to the endpoint in use. */
int push_image(struct fetcher *fetcher, struct err *err);
/** Send a blob that the endpoint does not have. */
int upload_blob(struct fetcher *fetcher, const struct digest *digest, int fd, uint64_t bytes,
		struct err *err);
int upload_manifest(struct fetcher *fetcher, const char *tag, const char *media_type, int fd,
		    uint64_t bytes, struct err *err);
/** Ask the endpoint for nothing, with its credentials. */
int check_login(struct fetcher *fetcher, struct err *err);

/* transfer_attach.c */

/** Add signatures of sigstore to those of a manifest: a list of {"payload", "signature", "bundle"}. */
int push_attachments(struct fetcher *fetcher, const struct digest *digest, const json_t *list,
		     struct err *err);

/* transfer_raw.c */

/**
 * "fetch": documents and blobs as they are, for lists and artifacts: nothing is unpacked. The request's "depth" says how much: "top" the
 * document that was asked for, "config" also the configuration of a manifest, "all" also its layers.
 */
int fetch_raw(struct fetcher *fetcher, struct work *result, struct err *err);
/** "head": is this manifest there? ERR_NOT_FOUND. */
int check_manifest(struct fetcher *fetcher, struct work *result, struct err *err);

/* transfer_search.c */

/** "search": ask the registry which images it has. */
int search_registry(struct fetcher *fetcher, struct err *err);

/* transfer_fetcher.c */

/** The rest of a URL of which "<URL>; rel=next" is the header, from this word on; yours, or NULL: that was the last page. */
char *next_page(const char *link, const char *word);

/* transfer_local.c */

/** oci: and dir: sources: the top document. ret_content_type may become NULL. */
int local_top(struct fetcher *fetcher, struct strbuf *ret_text, char **ret_content_type,
	      struct err *err);
/** Read a file of a local source. ERR_NOT_FOUND, ERR_LIMIT. */
int local_read(struct fetcher *fetcher, const char *path, size_t limit_bytes, struct strbuf *ret,
	       struct err *err);
/** Open a blob of a local source. fd, -1. */
int local_open(struct fetcher *fetcher, const struct digest *digest, struct err *err);

#endif
