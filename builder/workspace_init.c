/* SPDX-License-Identifier: Apache-2.0 */
/* What `kiln init` writes: a workspace that builds one static program and one image of it. */
#include "builder/workspace.h"
#include "base/fd.h"

static const char description[] =
	"# What this distribution is called, and where its inputs come from.\n"
	"format: 1\n"
	"name: My Linux\n"
	"id: my\n"
	"version: \"1\"\n"
	"builder: https://example.invalid/builder # names this builder in provenance\n"
	"epoch: 2026-01-01 # date of recipes that have none\n";

static const char recipe[] =
	"format: 1\n"
	"name: hello\n"
	"version: \"1.0\"\n"
	"summary: Prints a greeting\n"
	"license: 0BSD\n"
	"epoch: 2026-01-01\n"
	"build:\n"
	"  steps:\n"
	"    - name: compile\n"
	"      run: |\n"
	"        cat > hello.c <<'END'\n"
	"        #include <unistd.h>\n"
	"        int main(void) { return write(1, \"hello\\n\", 6) != 6; }\n"
	"        END\n"
	"        gcc -O2 -static -o hello hello.c\n"
	"    - name: install\n"
	"      run: |\n"
	"        mkdir -p \"$DESTDIR/usr/bin\"\n"
	"        cp hello \"$DESTDIR/usr/bin/\"\n"
	"packages:\n"
	"  - name: hello\n"
	"    files: [/usr/bin/hello]\n";

static const char image[] = "format: 1\n"
			    "name: hello\n"
			    "summary: One static program\n"
			    "packages: [hello]\n"
			    "config:\n"
			    "  cmd: [/usr/bin/hello]\n";

static const char ignore[] = "/.kiln/\n/out/\n";

/* The seed that Kiln's own recipes stand on, byte for byte from this tree. */
extern const char workspace_seed[], workspace_seed_end[];
__asm__(".section .rodata\n"
	".global workspace_seed\n.hidden workspace_seed\n"
	".global workspace_seed_end\n.hidden workspace_seed_end\n"
	"workspace_seed: .incbin \"bootstrap/seed.yaml\"\n"
	"workspace_seed_end: .byte 0\n"
	".previous\n");

static int
write_new(int dirfd, const char *path, const char *text, size_t n, struct err *err)
{
	struct stat st;

	if (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	return fd_publish(dirfd, path, text, n, 0644, err);
}

int
workspace_init(const char *dir, struct err *err)
{
	static const char *const dirs[] = { "recipes/hello", "bootstrap", "images/catalog" };
	const struct {
		const char *path, *text;
		size_t n;
	} files[] = {
		{ ".gitignore", ignore, sizeof(ignore) - 1 },
		{ "recipes/hello/recipe.yaml", recipe, sizeof(recipe) - 1 },
		{ "images/catalog/hello.yaml", image, sizeof(image) - 1 },
		{ "bootstrap/seed.yaml", workspace_seed,
		  (size_t)(workspace_seed_end - workspace_seed) },
		{ "kiln.yaml", description, sizeof(description) - 1 },
	};
	CLEANUP(fd_close) int dirfd = -1;

	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return err_sys(err, "%s", dir);
	if (fd_open(dir, O_RDONLY | O_DIRECTORY, &dirfd, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		if (fd_mkdirs(dirfd, dirs[i], err) < 0)
			return err_wrap(err, "%s", dir);
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if (write_new(dirfd, files[i].path, files[i].text, files[i].n, err) < 0)
			return err_wrap(err, "%s", dir);
	return 0;
}
