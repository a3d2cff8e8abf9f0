/* SPDX-License-Identifier: Apache-2.0 */
#include "images/oci.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "images/oci_priv.h"

#define LAYER_PART "layer.part"

const char *
oci_architecture(const char *rpm_arch)
{
	static const struct {
		const char *rpm, *oci;
	} names[] = {
		{ "x86_64", "amd64" },    { "aarch64", "arm64" }, { "ppc64le", "ppc64le" },
		{ "riscv64", "riscv64" }, { "s390x", "s390x" },
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(names[i].rpm, rpm_arch) == 0)
			return names[i].oci;
	return NULL;
}

/* Modes of the layout never depend on the umask. */
static int
make_dir(int dirfd, const char *path, struct err *err)
{
	if (fd_mkdirs(dirfd, path, err) < 0)
		return -1;
	return fchmodat(dirfd, path, 0755, 0) < 0 ? err_sys(err, "%s", path) : 0;
}

int
oci_begin(int dirfd, int *layer_fd, struct err *err)
{
	CLEANUP(fd_close) int made = -1;

	if (make_dir(dirfd, "blobs", err) < 0 || make_dir(dirfd, OCI_BLOBS, err) < 0 ||
	    fd_create(dirfd, LAYER_PART, 0644, &made, err) < 0)
		return -1;
	if (fchmod(made, 0644) < 0)
		return err_sys(err, LAYER_PART);
	return fd_open_beneath(dirfd, LAYER_PART, O_RDWR | O_NOFOLLOW, layer_fd, err);
}

int
oci_write_file(int dirfd, const char *path, const struct buf *text, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;

	if (buf_check(text, path, err) < 0 || fd_create(dirfd, path, 0644, &fd, err) < 0)
		return -1;
	if (fchmod(fd, 0644) < 0)
		return err_sys(err, "%s", path);
	if (fd_write_all(fd, text->data, text->len, err) < 0)
		return err_wrap(err, "%s", path);
	return fd_close(&fd, path, err);
}

static const char *
blob_path(struct arena *a, const struct digest *d)
{
	char hex[DIGEST_HEX];

	digest_hex(d, hex);
	return arena_format(a, OCI_BLOBS "/%s", hex);
}

static const char *
digest_text(struct arena *a, const struct digest *d)
{
	char hex[DIGEST_HEX];

	digest_hex(d, hex);
	return arena_format(a, "sha256:%s", hex);
}

static int
write_blob(struct arena *a, int dirfd, const struct doc *d, struct oci_descriptor *out,
	   struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(OCI_MAX_JSON);

	json_write(d, &text);
	if (buf_check(&text, "image document", err) < 0)
		return -1;
	digest_of(text.data, text.len, &out->digest);
	out->size = text.len;
	return oci_write_file(dirfd, blob_path(a, &out->digest), &text, err);
}

static struct doc *
text_list(struct arena *a, const char *const *items, size_t n)
{
	struct doc *list = doc_list(a);

	for (size_t i = 0; i < n; i++)
		doc_push(a, list, doc_text(a, items[i]));
	return list;
}

/* A set, as OCI writes one: {"8080/tcp":{}}. */
static struct doc *
text_set(struct arena *a, const char *const *items, size_t n)
{
	struct doc *set = doc_map(a);

	for (size_t i = 0; i < n; i++)
		doc_set(a, set, items[i], doc_map(a));
	return set;
}

/* How a container starts: the part that the definition decides. */
static struct doc *
run_doc(struct arena *a, const struct image *im, const char *ground)
{
	struct doc *run = doc_map(a), *env = doc_list(a), *labels = doc_map(a);

	for (size_t i = 0; i < im->nenv; i++)
		doc_push(a, env,
			 doc_text(a,
				  arena_format(a, "%s=%s", im->env[i].key, im->env[i].value)));
	for (size_t i = 0; i < im->nlabels; i++)
		doc_set_text(a, labels, im->labels[i].key, im->labels[i].value);
	if (im->nentrypoint)
		doc_set(a, run, "Entrypoint", text_list(a, im->entrypoint, im->nentrypoint));
	if (im->ncmd)
		doc_set(a, run, "Cmd", text_list(a, im->cmd, im->ncmd));
	if (im->nenv)
		doc_set(a, run, "Env", env);
	doc_set_text(a, labels, OCI_GROUND, ground);
	if (labels->n)
		doc_set(a, run, "Labels", labels);
	if (im->nports)
		doc_set(a, run, "ExposedPorts", text_set(a, im->ports, im->nports));
	if (im->nvolumes)
		doc_set(a, run, "Volumes", text_set(a, im->volumes, im->nvolumes));
	doc_set_text(a, run, "User", im->user);
	doc_set_text(a, run, "WorkingDir", im->workdir);
	doc_set_text(a, run, "StopSignal", arena_format(a, "SIG%s", im->stop_signal));
	return run;
}

static struct doc *
config_doc(struct arena *a, const struct oci_spec *s, const char *created)
{
	struct doc *config = doc_map(a), *rootfs = doc_map(a), *ids = doc_list(a);
	struct doc *history = doc_list(a), *entry = doc_map(a);

	doc_push(a, ids, doc_text(a, digest_text(a, &s->layer->diff_id)));
	doc_set_text(a, rootfs, "type", "layers");
	doc_set(a, rootfs, "diff_ids", ids);
	doc_set_text(a, entry, "created", created);
	doc_set_text(a, entry, "created_by", arena_format(a, "kiln image %s", s->image->name));
	doc_push(a, history, entry);
	doc_set_text(a, config, "architecture", s->architecture);
	doc_set_text(a, config, "os", "linux");
	doc_set_text(a, config, "created", created);
	doc_set(a, config, "config", run_doc(a, s->image, s->ground));
	doc_set(a, config, "rootfs", rootfs);
	doc_set(a, config, "history", history);
	return config;
}

static struct doc *
descriptor_doc(struct arena *a, const char *media_type, const struct digest *digest,
	       uint64_t size)
{
	struct doc *d = doc_map(a);

	doc_set_text(a, d, "mediaType", media_type);
	doc_set_text(a, d, "digest", digest_text(a, digest));
	doc_set(a, d, "size", doc_number(a, (int64_t)size));
	return d;
}

static struct doc *
manifest_doc(struct arena *a, const struct oci_spec *s, const char *created,
	     const struct oci_descriptor *config)
{
	struct doc *m = doc_map(a), *layers = doc_list(a), *notes = doc_map(a);

	doc_push(a, layers,
		 descriptor_doc(a, OCI_TYPE_LAYER, &s->layer->digest, s->layer->bytes));
	doc_set_text(a, notes, OCI_NOTE "created", created);
	doc_set_text(a, notes, OCI_NOTE "title", s->image->name);
	doc_set_text(a, notes, OCI_NOTE "description", s->image->summary);
	doc_set_text(a, notes, OCI_NOTE "vendor", s->distribution);
	doc_set(a, m, "schemaVersion", doc_number(a, 2));
	doc_set_text(a, m, "mediaType", OCI_TYPE_MANIFEST);
	doc_set(a, m, "config",
		descriptor_doc(a, OCI_TYPE_CONFIG, &config->digest, config->size));
	doc_set(a, m, "layers", layers);
	doc_set(a, m, "annotations", notes);
	return m;
}

/* Lists nothing but the image: stock clients refuse a layout with several untagged manifests.
 */
static struct doc *
index_doc(struct arena *a, const struct oci_descriptor *manifest)
{
	struct doc *index = doc_map(a), *list = doc_list(a), *notes = doc_map(a);
	struct doc *entry =
		descriptor_doc(a, OCI_TYPE_MANIFEST, &manifest->digest, manifest->size);

	doc_set_text(a, notes, OCI_NOTE "ref.name", OCI_REF_NAME);
	doc_set(a, entry, "annotations", notes);
	doc_push(a, list, entry);
	doc_set(a, index, "schemaVersion", doc_number(a, 2));
	doc_set_text(a, index, "mediaType", OCI_TYPE_INDEX);
	doc_set(a, index, "manifests", list);
	return index;
}

static int
write_index(struct arena *a, int dirfd, const struct oci_descriptor *manifest, struct err *err)
{
	CLEANUP(buf_free) struct buf index = BUF_MAX(OCI_MAX_JSON);
	CLEANUP(buf_free) struct buf layout = BUF_MAX(OCI_MAX_JSON);
	struct doc *d = doc_map(a);

	doc_set_text(a, d, "imageLayoutVersion", OCI_LAYOUT);
	json_write(d, &layout);
	json_write(index_doc(a, manifest), &index);
	if (oci_write_file(dirfd, OCI_LAYOUT_FILE, &layout, err) < 0)
		return -1;
	return oci_write_file(dirfd, "index.json", &index, err);
}

int
oci_commit(struct arena *a, int dirfd, const struct oci_spec *spec, struct oci_ids *out,
	   struct err *err)
{
	struct oci_descriptor config, manifest;
	char created[CLOCK_TEXT_MAX];

	clock_rfc3339(spec->epoch, created);
	if (renameat(dirfd, LAYER_PART, dirfd, blob_path(a, &spec->layer->digest)) < 0)
		return err_sys(err, "the layer");
	if (write_blob(a, dirfd, config_doc(a, spec, created), &config, err) < 0 ||
	    write_blob(a, dirfd, manifest_doc(a, spec, created, &config), &manifest, err) < 0 ||
	    write_index(a, dirfd, &manifest, err) < 0)
		return -1;
	out->config = config.digest;
	out->manifest = manifest.digest;
	return 0;
}
