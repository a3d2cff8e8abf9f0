/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of what a package declares because no scriptlet of it will ever run: accounts,
 * directories, services. */
#include "builder/recipe_priv.h"

static const struct recipe_field user_fields[] = {
	{ .name = "name",
	  .read = recipe_read_text,
	  .wrong = recipe_words_account,
	  IN(recipe_user, name),
	  .flags = RECIPE_REQUIRED,
	  DOCS("text", "required", "name of the account") },
	{ .name = "id",
	  .read = recipe_read_id,
	  IN(recipe_user, id),
	  .flags = RECIPE_REQUIRED,
	  DOCS("whole number", "required", "its number, the same on every system") },
	{ .name = "group",
	  .read = recipe_read_text,
	  .wrong = recipe_words_account,
	  IN(recipe_user, group),
	  DOCS("text", "a group of its own, of its name and number", "its first group") },
	{ .name = "groups",
	  .read = recipe_read_texts,
	  .wrong = recipe_words_account,
	  IN(recipe_user, groups),
	  WITH(recipe_user, ngroups),
	  DOCS("list of text", "none", "further groups it belongs to") },
	{ .name = "home",
	  .read = recipe_read_text,
	  .wrong = recipe_words_place,
	  IN(recipe_user, home),
	  DOCS("text", "/", "its directory") },
	{ .name = "shell",
	  .read = recipe_read_text,
	  .wrong = recipe_words_place,
	  IN(recipe_user, shell),
	  DOCS("text", "/usr/sbin/nologin", "what it would be given on a terminal") },
	{ .name = "summary",
	  .read = recipe_read_text,
	  .wrong = recipe_words_title,
	  IN(recipe_user, summary),
	  DOCS("text", "the package's", "what the account is for") },
};
const struct recipe_table recipe_schema_users = { .path = "packages[].users[]",
						  .fields = user_fields,
						  .n = ARRAY_LEN(user_fields),
						  .size = sizeof(struct recipe_user),
						  .line = offsetof(struct recipe_user, line),
						  .col = offsetof(struct recipe_user, col) };

static const struct recipe_field group_fields[] = {
	{ .name = "name",
	  .read = recipe_read_text,
	  .wrong = recipe_words_account,
	  IN(recipe_group, name),
	  .flags = RECIPE_REQUIRED,
	  DOCS("text", "required", "name of the group") },
	{ .name = "id",
	  .read = recipe_read_id,
	  IN(recipe_group, id),
	  .flags = RECIPE_REQUIRED,
	  DOCS("whole number", "required", "its number, the same on every system") },
};
const struct recipe_table recipe_schema_groups = { .path = "packages[].groups[]",
						   .fields = group_fields,
						   .n = ARRAY_LEN(group_fields),
						   .size = sizeof(struct recipe_group),
						   .line = offsetof(struct recipe_group, line),
						   .col = offsetof(struct recipe_group, col) };

static const struct recipe_field directory_fields[] = {
	{ .name = "path",
	  .read = recipe_read_text,
	  .wrong = recipe_words_place,
	  IN(recipe_directory, path),
	  .flags = RECIPE_REQUIRED,
	  DOCS("text", "required", "where it is") },
	{ .name = "user",
	  .read = recipe_read_text,
	  .wrong = recipe_words_account,
	  IN(recipe_directory, user),
	  DOCS("text", "root", "name of the owner") },
	{ .name = "group",
	  .read = recipe_read_text,
	  .wrong = recipe_words_account,
	  IN(recipe_directory, group),
	  DOCS("text", "root", "name of the group") },
	{ .name = "mode",
	  .read = recipe_read_mode,
	  IN(recipe_directory, mode),
	  DOCS("octal number", "0755", "permission bits") },
};
static const struct recipe_directory blank_directory = { .mode = 0755 };

/* Where everybody may write, nobody may take away what another wrote. */
static int
finish_directory(struct recipe_reader *r, const struct doc *d, void *item, struct err *err)
{
	const struct recipe_directory *dir = item;

	if (!(dir->mode & S_IWOTH) || (dir->mode & S_ISVTX))
		return 0;
	(void)doc_error(doc_get(d, "mode"), r->path, err,
			"mode %04o lets everybody write to '%s'", (unsigned)dir->mode,
			dir->path);
	return err_hint(err, "give it to a user or group, or make it 1777");
}
const struct recipe_table recipe_schema_directories = {
	.path = "packages[].directories[]",
	.fields = directory_fields,
	.n = ARRAY_LEN(directory_fields),
	.size = sizeof(struct recipe_directory),
	.line = offsetof(struct recipe_directory, line),
	.col = offsetof(struct recipe_directory, col),
	.blank = &blank_directory,
	.finish = finish_directory
};

static const struct recipe_field service_fields[] = {
	{ .name = "name",
	  .read = recipe_read_text,
	  .wrong = recipe_words_name,
	  IN(recipe_service, name),
	  .flags = RECIPE_REQUIRED,
	  DOCS("text", "required", "what it is called") },
	{ .name = "summary",
	  .read = recipe_read_text,
	  .wrong = recipe_words_title,
	  IN(recipe_service, summary),
	  DOCS("text", "the package's", "what it is, in one line") },
	{ .name = "run",
	  .read = recipe_read_text,
	  .wrong = recipe_words_command,
	  IN(recipe_service, run),
	  .flags = RECIPE_REQUIRED,
	  DOCS("text", "required", "program and arguments; it stays in the foreground") },
	{ .name = "reload",
	  .read = recipe_read_text,
	  .wrong = recipe_words_command,
	  IN(recipe_service, reload),
	  DOCS("text", "none", "what makes it read its configuration again") },
	{ .name = "user",
	  .read = recipe_read_text,
	  .wrong = recipe_words_account,
	  IN(recipe_service, user),
	  DOCS("text", "root", "account it runs as") },
	{ .name = "group",
	  .read = recipe_read_text,
	  .wrong = recipe_words_account,
	  IN(recipe_service, group),
	  DOCS("text", "the user's", "group it runs as") },
	{ .name = "directory",
	  .read = recipe_read_text,
	  .wrong = recipe_words_place,
	  IN(recipe_service, directory),
	  DOCS("text", "/", "directory it starts in") },
	{ .name = "stop_signal",
	  .read = recipe_read_text,
	  .wrong = recipe_words_signal,
	  IN(recipe_service, stop_signal),
	  DOCS("text", "TERM", "signal that asks it to end") },
};
const struct recipe_table recipe_schema_services = {
	.path = "packages[].services[]",
	.fields = service_fields,
	.n = ARRAY_LEN(service_fields),
	.size = sizeof(struct recipe_service),
	.line = offsetof(struct recipe_service, line),
	.col = offsetof(struct recipe_service, col)
};
