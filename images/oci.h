/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The OCI image layout: oci-layout, index.json that lists the one image, blobs/sha256/ with
 * manifest, configuration and layer. Written as canonical JSON with the time of the newest
 * package; read strictly, because a layout under verification is hostile until proven.
 */
#pragma once

#include "images/image.h"
#include "images/layer.h"

#define OCI_MAX_JSON   ((size_t)1024 * 1024)
#define OCI_MAX_LAYERS 128
#define OCI_GROUND     "kiln.ground" /* label: statement_ground of every package */
#define OCI_REF_NAME   "latest"
#define OCI_BLOBS      "blobs/sha256"

struct oci_spec {
	const struct image *image;
	const struct layer *layer;
	const char *architecture; /* as OCI calls it: "amd64" */
	const char *distribution;
	const char *ground; /* what its packages were built on; NULL: it is not known */
	int64_t epoch;
};
struct oci_ids {
	struct digest manifest, config;
};
/* Makes the directories of an empty layout and opens the file its layer is written to. */
int oci_begin(int dirfd, int *layer_fd, struct err *err) MUST_CHECK;
/* Names the layer by its digest and writes everything else. Durable only after tree_sync. */
int oci_commit(struct arena *a, int dirfd, const struct oci_spec *spec, struct oci_ids *out,
	       struct err *err) MUST_CHECK;
/* Creates path with mode 0644 whatever the umask. */
int oci_write_file(int dirfd, const char *path, const struct buf *text,
		   struct err *err) MUST_CHECK;
/* RPM's name of an architecture to OCI's; NULL: not one we know. */
const char *oci_architecture(const char *rpm_arch);

struct oci_descriptor {
	struct digest digest;
	uint64_t size;
};
struct oci_manifest {
	struct oci_descriptor config;
	struct oci_descriptor *layers; /* gzip, in order */
	size_t nlayers;
};
struct oci_config {
	const char *architecture;
	struct digest *diff_ids;
	size_t ndiff_ids;
};
/* Readers. Unknown or missing keys, other media types, several images: ERR_VERIFY naming
 * `name`. */
int oci_parse_layout(struct arena *a, const char *text, size_t n, const char *name,
		     struct err *err) MUST_CHECK;
int oci_parse_index(struct arena *a, const char *text, size_t n, const char *name,
		    struct oci_descriptor *out, struct err *err) MUST_CHECK;
int oci_parse_manifest(struct arena *a, const char *text, size_t n, const char *name,
		       struct oci_manifest *out, struct err *err) MUST_CHECK;
int oci_parse_config(struct arena *a, const char *text, size_t n, const char *name,
		     struct oci_config *out, struct err *err) MUST_CHECK;
/* Reads one file of a layout, up to out->max, refusing links and what is not a regular file. */
int oci_read_file(int dirfd, const char *path, struct buf *out, struct err *err) MUST_CHECK;
/* Reads a small blob, up to out->max: the bytes that are hashed are the bytes in out. */
int oci_read_blob(int dirfd, const struct oci_descriptor *d, const char *what, struct buf *out,
		  struct err *err) MUST_CHECK;
/* Opens a blob and hashes it; wrong size or digest: ERR_VERIFY. The offset is 0 afterwards. */
int oci_open_blob(int dirfd, const struct oci_descriptor *d, const char *what, int *fd,
		  struct err *err) MUST_CHECK;
