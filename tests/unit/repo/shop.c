/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/repo/shop.h"

#include "base/fd.h"
#include "trust/dsse.h"
#include "trust/key_priv.h"

#define RSA_BITS 2048 /* for speed */

static char trusted[4096], other[4096]; /* "" until made */

__attribute__((constructor(101))) static void
serve_when_asked(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], SIGNER_ARGV1) == 0)
		_exit(signer_serve(argc, argv));
}

static void
must(int rc, const struct err *err)
{
	if (rc < 0)
		fail_msg("%s", err->text);
}

static const char *
make_keys(char path[4096])
{
	struct err err;
	bool made;

	if (!path[0]) {
		int dir = test_tmpdir();

		(void)snprintf(path, 4096, "%s/keys", test_tmpdir_path(dir));
		close(dir);
		must(key_init_sized(path, "Test Vendor", SHOP_EPOCH - 1000, RSA_BITS, &made,
				    &err),
		     &err);
	}
	return path;
}

const char *
shop_keys(void)
{
	return make_keys(trusted);
}

const char *
shop_other_keys(void)
{
	return make_keys(other);
}

void
shop_open(struct shop *s)
{
	shop_open_with(s, shop_keys());
}

void
shop_open_with(struct shop *s, const char *keys)
{
	struct err err;

	memset(s, 0, sizeof(*s));
	s->dir = test_tmpdir();
	s->root = arena_strdup(&s->a, test_tmpdir_path(s->dir));
	must(fd_mkdirs(s->dir, "files", &err), &err);
	must(fd_mkdirs(s->dir, "out", &err), &err);
	must(cas_open(arena_format(&s->a, "%s/store", s->root), true, &s->store, &err), &err);
	must(signer_start(keys, &s->signer, &err), &err);
	must(key_load(&s->a, shop_keys(), &s->ring, &err), &err);
}

void
shop_close(struct shop *s)
{
	if (s->signer)
		signer_stop(s->signer);
	if (s->store)
		cas_close(s->store);
	close(s->dir);
	arena_release(&s->a);
}

struct digest
shop_source(struct shop *s, const char *name)
{
	struct publish_input *in = &s->inputs[s->ninputs++];

	*in = (struct publish_input){
		.name = name, .uri = "file:source", .size = 1, .kind = "source"
	};
	digest_of(name, strlen(name), &in->sha256);
	return in->sha256;
}

static void
write_package(struct shop *s, struct pkgfacts *p, const char *body)
{
	const char *path = arena_format(&s->a, "files/%s.rpm", p->id.name);
	const char *source = arena_format(&s->a, "files/%s", p->id.name);
	CLEANUP(fd_close) int made = -1;
	CLEANUP(fd_close) int fd = -1;
	struct pkgfile_entry entry = { .path = arena_format(&s->a, "/usr/bin/%s", p->id.name),
				       .type = MANIFEST_FILE,
				       .mode = 0755,
				       .size = strlen(body),
				       .source = source };
	struct pkgfile_spec spec = { .id = p->id,
				     .summary = "A package of the tests",
				     .description = "A package of the tests & more",
				     .license = "Apache-2.0",
				     .homepage = "https://kiln.invalid/",
				     .vendor = "Kiln",
				     .group = "Unspecified",
				     .source_name = p->id.name,
				     .build_time = p->build_time,
				     .entries = &entry,
				     .nentries = 1,
				     .files_dirfd = s->dir };
	struct pkgfile_ids ids;
	struct err err;

	digest_of(body, entry.size, &entry.digest);
	(void)unlinkat(s->dir, path, 0);
	must(fd_publish(s->dir, source, body, entry.size, 0644, &err), &err);
	must(fd_create(s->dir, path, 0644, &made, &err), &err);
	must(fd_open_beneath(s->dir, path, O_RDWR, &fd, &err), &err);
	must(pkgfile_write(&spec, fd, &ids, &err), &err);
	p->file = ids.file;
	p->header = ids.header;
	p->size = ids.size;
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	must(cas_put_fd(s->store, fd, &ids.file, NULL, NULL, &err), &err);
}

static void
attest(struct shop *s, struct pkgfacts *p, const struct digest *inputs, size_t n)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(SIGNER_MAX_PAYLOAD);
	CLEANUP(buf_free) struct buf bundle = BUF_MAX(DSSE_MAX_BYTES);
	const char *name = nevra_file(&s->a, &p->id);
	struct statement_resource subjects[] = {
		{ .name = name, .sha256 = p->file },
		{ .name = arena_format(&s->a, "%s;header", name), .sha256 = p->header },
	};
	struct statement st = { .predicate_type = STATEMENT_SLSA_V1,
				.subjects = subjects,
				.nsubjects = ARRAY_LEN(subjects),
				.build_type = STATEMENT_RPM_BUILD,
				.external = doc_map(&s->a),
				.internal = doc_map(&s->a),
				.builder_id = "https://kiln.invalid/builder/v1" };
	struct err err;

	doc_set_text(&s->a, st.external, "recipe", p->recipe);
	doc_set_text(&s->a, st.internal, "check", "passed");
	st.dependencies = arena_array(&s->a, n + 1, sizeof(*st.dependencies));
	for (size_t i = 0; i < n; i++) {
		st.dependencies[i] =
			(struct statement_resource){ .name = arena_format(&s->a, "input%zu", i),
						     .sha256 = inputs[i],
						     .annotations = doc_map(&s->a) };
		doc_set_text(&s->a, st.dependencies[i].annotations, "role", "source");
		doc_set_text(&s->a, st.dependencies[i].annotations, "stage", s->ground);
	}
	st.ndependencies = n;
	must(statement_make(&st, &text, &err), &err);
	must(signer_bundle(s->signer, text.data, text.len, &bundle, &err), &err);
	must(cas_put(s->store, text.data, text.len, &p->statement, &err), &err);
	must(cas_put(s->store, bundle.data, bundle.len, &p->bundle, &err), &err);
}

struct pkgfacts *
shop_package(struct shop *s, const char *name, const char *body, const struct digest *inputs,
	     size_t ninputs)
{
	struct pkgfacts *p = arena_alloc(&s->a, sizeof(*p));

	p->id = (struct nevra){
		.name = name, .version = "1", .release = "1", .arch = "x86_64"
	};
	p->recipe = p->summary = p->license = name;
	p->build_time = SHOP_EPOCH + (int64_t)s->n;
	write_package(s, p, body);
	attest(s, p, inputs, ninputs);
	s->packages[s->n++] = p;
	return p;
}

void
shop_stock(struct shop *s)
{
	struct digest zlib_source = shop_source(s, "zlib-1.tar.xz"),
		      app_source = shop_source(s, "app-1.tar.xz");
	struct digest seed = shop_source(s, "gcc.deb");
	struct pkgfacts *zlib =
		shop_package(s, "zlib", "library\n", (struct digest[]){ zlib_source, seed }, 2);

	(void)shop_package(s, "app", "program\n",
			   (struct digest[]){ app_source, seed, zlib->file }, 3);
}

int
shop_publish(struct shop *s, struct publish_summary *out, struct err *err)
{
	struct publish_spec spec = { .store = s->store,
				     .signer = s->signer,
				     .packages = (const struct pkgfacts *const *)s->packages,
				     .npackages = s->n,
				     .inputs = s->inputs,
				     .ninputs = s->ninputs,
				     .epoch = SHOP_EPOCH + (int64_t)s->n,
				     .distribution = "Kiln Linux",
				     .distribution_id = "kiln",
				     .distribution_version = "1",
				     .repo_id = "kiln",
				     .log_dir = arena_format(&s->a, "%s/log", s->root),
				     .log_origin = "log.kiln.invalid" };

	return publish_commit(&spec, s->dir, "out/repo", out, err);
}

void
shop_sign_inventory(struct shop *s, size_t n)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(SIGNER_MAX_PAYLOAD);
	CLEANUP(buf_free) struct buf statement = BUF_MAX(SIGNER_MAX_PAYLOAD);
	CLEANUP(buf_free) struct buf bundle = BUF_MAX(DSSE_MAX_BYTES);
	struct statement_resource subject = { .name = "inventory.json" };
	struct statement st = { .predicate_type = STATEMENT_INVENTORY,
				.subjects = &subject,
				.nsubjects = 1 };
	struct err err;

	must(publish_inventory(s->inputs, n, &text, &err), &err);
	digest_of(text.data, text.len, &subject.sha256);
	st.predicate = doc_map(&s->a);
	must(statement_make(&st, &statement, &err), &err);
	must(signer_bundle(s->signer, statement.data, statement.len, &bundle, &err), &err);
	must(fd_publish(s->dir, "out/repo/inventory.json", text.data, text.len, 0644, &err),
	     &err);
	must(fd_publish(s->dir, "out/repo/inventory.json.sigstore.json", bundle.data,
			bundle.len, 0644, &err),
	     &err);
}

const char *
shop_path(struct shop *s, const char *path)
{
	return arena_format(&s->a, "%s/out/repo%s%s", s->root, *path ? "/" : "", path);
}

void
shop_read(struct shop *s, const char *path, struct buf *out)
{
	struct err err;

	buf_clear(out);
	must(fd_read_file(s->dir, arena_format(&s->a, "out/repo/%s", path), out, &err), &err);
}
