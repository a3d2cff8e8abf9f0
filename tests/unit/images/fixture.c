/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/images/fixture.h"

#include "base/fd.h"
#include "trust/dsse.h"
#include "trust/signer.h"
#include "trust/statement.h"

static char key_dir[4096]; /* "" until made */

/* The signer is this program again: it must serve before any test runs. */
__attribute__((constructor(101))) static void
serve_as_signer(int argc, char **argv)
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

void
fixture_open(struct fixture *f)
{
	struct err err;

	*f = (struct fixture){ .dir = test_tmpdir() };
	must(fd_mkdirs(f->dir, "files", &err), &err);
	must(cas_open(arena_format(&f->a, "%s/store", test_tmpdir_path(f->dir)), true,
		      &f->store, &err),
	     &err);
}

void
fixture_close(struct fixture *f)
{
	if (f->signer)
		signer_stop(f->signer);
	if (f->store)
		cas_close(f->store);
	if (f->dir >= 0)
		close(f->dir);
	arena_release(&f->a);
}

static struct pkgfile_entry
make_entry(struct fixture *f, const char *package, size_t i, const struct fixture_file *file)
{
	struct pkgfile_entry e = { .path = file->path,
				   .type = file->type,
				   .mode = file->mode,
				   .user = file->user,
				   .group = file->group,
				   .caps = file->caps,
				   .hardlink = file->hardlink };
	struct err err;

	if (file->type == MANIFEST_LINK)
		e.target = file->body;
	if (file->type == MANIFEST_FILE) {
		CLEANUP(fd_close) int fd = -1;

		e.source = arena_format(&f->a, "files/%s-%zu", package, i);
		e.size = strlen(file->body);
		digest_of(file->body, e.size, &e.digest);
		must(fd_create(f->dir, e.source, 0644, &fd, &err), &err);
		must(fd_write_all(fd, file->body, e.size, &err), &err);
	}
	return e;
}

static void
write_package(struct fixture *f, struct pkgfacts *p, struct pkgfile_entry *entries, size_t n)
{
	const char *path = arena_format(&f->a, "files/%s.rpm", p->id.name);
	CLEANUP(fd_close) int made = -1;
	CLEANUP(fd_close) int fd = -1;
	struct pkgfile_spec spec = { .id = p->id,
				     .summary = "A package of the tests",
				     .description = "A package of the tests",
				     .license = "Apache-2.0",
				     .homepage = "https://kiln.invalid/",
				     .vendor = "Kiln",
				     .group = "Unspecified",
				     .source_name = p->id.name,
				     .build_time = p->build_time,
				     .requires = p->requires,
				     .entries = entries,
				     .nentries = n,
				     .files_dirfd = f->dir };
	struct pkgfile_ids ids;
	struct err err;

	must(fd_create(f->dir, path, 0644, &made, &err), &err);
	must(fd_open_beneath(f->dir, path, O_RDWR, &fd, &err), &err);
	must(pkgfile_write(&spec, fd, &ids, &err), &err);
	p->file = ids.file;
	p->header = ids.header;
	p->size = ids.size;
	p->installed_size = ids.installed_size;
	if (lseek(fd, 0, SEEK_SET) < 0)
		fail();
	must(cas_put_fd(f->store, fd, &ids.file, NULL, NULL, &err), &err);
}

struct pkgfacts *
fixture_package(struct fixture *f, const char *name, const char *requires,
		const struct fixture_file *files, size_t nfiles)
{
	struct pkgfile_entry *entries = arena_array(&f->a, nfiles + 1, sizeof(*entries));
	struct pkgfacts *p = arena_alloc(&f->a, sizeof(*p));
	struct err err;

	p->id = (struct nevra){
		.name = name, .version = "1", .release = "1", .arch = "x86_64"
	};
	p->recipe = name;
	p->summary = p->license = "x";
	p->build_time = FIXTURE_EPOCH + (int64_t)f->n;
	p->paths = arena_array(&f->a, nfiles + 1, sizeof(*p->paths));
	for (size_t i = 0; i < nfiles; i++) {
		entries[i] = make_entry(f, name, i, &files[i]);
		p->paths[p->npaths++] = files[i].path;
	}
	if (requires) {
		p->requires.at = arena_alloc(&f->a, sizeof(*p->requires.at));
		p->requires.n = 1;
		must(pkgdep_parse(&f->a, requires, p->requires.at, &err), &err);
	}
	pkgfile_self_provides(&f->a, &p->id, &p->provides);
	write_package(f, p, entries, nfiles);
	f->all[f->n++] = p;
	return p;
}

void
fixture_sign(struct fixture *f)
{
	struct err err;
	bool made;

	if (!key_dir[0]) {
		int dir = test_tmpdir();

		(void)snprintf(key_dir, sizeof(key_dir), "%s/keys", test_tmpdir_path(dir));
		close(dir);
		must(key_init(key_dir, "Kiln", FIXTURE_EPOCH, &made, &err), &err);
	}
	must(signer_start(key_dir, &f->signer, &err), &err);
}

void
fixture_prove(struct fixture *f, struct pkgfacts *p, const struct digest *inputs, size_t n)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(SIGNER_MAX_PAYLOAD);
	CLEANUP(buf_free) struct buf bundle = BUF_MAX(DSSE_MAX_BYTES);
	struct statement_resource subjects[2] = { { .name = nevra_file(&f->a, &p->id),
						    .sha256 = p->file },
						  { .name = "header", .sha256 = p->header } };
	struct statement_resource *deps = arena_array(&f->a, n + 1, sizeof(*deps));
	struct statement s = { .predicate_type = STATEMENT_SLSA_V1,
			       .subjects = subjects,
			       .nsubjects = 2,
			       .build_type = STATEMENT_RPM_BUILD,
			       .external = doc_map(&f->a),
			       .dependencies = deps,
			       .ndependencies = n,
			       .builder_id = "https://kiln.invalid/builder/v1" };
	struct err err;

	for (size_t i = 0; i < n; i++) {
		deps[i] = (struct statement_resource){ .name = "input",
						       .sha256 = inputs[i],
						       .annotations = doc_map(&f->a) };
		doc_set_text(&f->a, deps[i].annotations, "stage", f->ground);
	}
	must(statement_make(&s, &text, &err), &err);
	must(signer_bundle(f->signer, text.data, text.len, &bundle, &err), &err);
	must(cas_put(f->store, text.data, text.len, &p->statement, &err), &err);
	must(cas_put(f->store, bundle.data, bundle.len, &p->bundle, &err), &err);
}

struct pkgfacts *
fixture_baselayout(struct fixture *f)
{
	static const struct fixture_file files[] = {
		{ .path = "/bin", .type = MANIFEST_LINK, .body = "usr/bin" },
		{ .path = "/lib", .type = MANIFEST_LINK, .body = "usr/lib" },
		{ .path = "/usr", .type = MANIFEST_DIR, .mode = 0755 },
		{ .path = "/usr/bin", .type = MANIFEST_DIR, .mode = 0755 },
		{ .path = "/usr/lib", .type = MANIFEST_DIR, .mode = 0755 },
		{ .path = "/etc/passwd",
		  .type = MANIFEST_FILE,
		  .mode = 0644,
		  .body = "root:x:0:0:root:/root:/bin/sh\napp:x:100:101:app:/:/bin/false\n" },
		{ .path = "/etc/group",
		  .type = MANIFEST_FILE,
		  .mode = 0644,
		  .body = "root:x:0:\napp:x:101:\n" },
	};

	return fixture_package(f, "baselayout", NULL, files, ARRAY_LEN(files));
}
