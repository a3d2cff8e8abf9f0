/* SPDX-License-Identifier: Apache-2.0 */
/* Names to numbers: passwd, group and capabilities, read by nobody's libc and from nobody's
 * host. */
#include "images/rootfs_priv.h"

#define NAMES_MAX_ID                                                                           \
	UINT32_C(0xfffffffd) /* the two above mean "nobody changed" and overflow               \
			      */
#define NAMES_MAX_LINE 4096
#define NAMES_MAX_LEN  64

bool
rootfs_id_parse(const char *s, size_t n, uint32_t *out)
{
	uint64_t v = 0;

	if (n == 0 || n > 10 || (n > 1 && s[0] == '0'))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(s[i] - '0');
	}
	if (v > NAMES_MAX_ID)
		return false;
	*out = (uint32_t)v;
	return true;
}

bool
rootfs_name_is_valid(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_-");

	return n > 0 && n <= NAMES_MAX_LEN / 2 && !s[n] && *s != '-' &&
	       !(*s >= '0' && *s <= '9');
}

/* One line without its newline: NAME:x:ID:... with exactly `fields` fields. */
static bool
parse_line(const char *line, size_t n, unsigned fields, size_t *name_len, uint32_t *id)
{
	size_t start[8] = { 0 };
	unsigned count = 1;

	for (size_t i = 0; i < n; i++) {
		if (line[i] != ':')
			continue;
		if (count == fields)
			return false;
		start[count++] = i + 1;
	}
	if (count != fields)
		return false;
	*name_len = start[1] - 1;
	if (*name_len == 0 || *name_len > NAMES_MAX_LEN)
		return false;
	return rootfs_id_parse(line + start[2], start[3] - start[2] - 1, id);
}

int
rootfs_names_parse(struct arena *a, const char *text, size_t n, const char *name,
		   unsigned fields, struct dict *names, struct err *err)
{
	unsigned number = 0;

	for (size_t at = 0; at < n;) {
		const char *line = text + at;
		const char *end = memchr(line, '\n', n - at);
		size_t len = end ? (size_t)(end - line) : n - at, name_len;
		struct rootfs_name *entry = arena_alloc(a, sizeof(*entry));

		number++;
		at += len + 1;
		if (len == 0)
			continue;
		if (len > NAMES_MAX_LINE || memchr(line, '\0', len) ||
		    !parse_line(line, len, fields, &name_len, &entry->id))
			return err_set(
				err, ERR_INPUT,
				"%s:%u: not a line of %u fields with a name and a number", name,
				number, fields);
		if (!dict_add(names, arena_strndup(a, line, name_len), entry))
			return err_set(err, ERR_INPUT, "%s:%u: '%.*s' is there twice", name,
				       number, (int)name_len, line);
	}
	return 0;
}

static int
check_name(const struct dict *names, const char *text, const char *what, struct err *err)
{
	uint32_t id;

	if (rootfs_id_parse(text, strlen(text), &id) || dict_has(names, text))
		return 0;
	return err_set(err, ERR_INPUT, "the image knows no %s '%s'", what, text);
}

int
rootfs_check_user(const struct rootfs *r, const char *user, struct err *err)
{
	const char *colon = strchr(user, ':');
	char first[2 * NAMES_MAX_LEN + 1];

	(void)snprintf(first, sizeof(first), "%.*s",
		       (int)(colon ? colon - user : (ptrdiff_t)strlen(user)), user);
	if (check_name(&r->users, first, "user", err) < 0)
		return -1;
	return colon ? check_name(&r->groups, colon + 1, "group", err) : 0;
}

/* In the kernel's order: the index is the bit. */
static const char *const caps[] = {
	"cap_chown",
	"cap_dac_override",
	"cap_dac_read_search",
	"cap_fowner",
	"cap_fsetid",
	"cap_kill",
	"cap_setgid",
	"cap_setuid",
	"cap_setpcap",
	"cap_linux_immutable",
	"cap_net_bind_service",
	"cap_net_broadcast",
	"cap_net_admin",
	"cap_net_raw",
	"cap_ipc_lock",
	"cap_ipc_owner",
	"cap_sys_module",
	"cap_sys_rawio",
	"cap_sys_chroot",
	"cap_sys_ptrace",
	"cap_sys_pacct",
	"cap_sys_admin",
	"cap_sys_boot",
	"cap_sys_nice",
	"cap_sys_resource",
	"cap_sys_time",
	"cap_sys_tty_config",
	"cap_mknod",
	"cap_lease",
	"cap_audit_write",
	"cap_audit_control",
	"cap_setfcap",
	"cap_mac_override",
	"cap_mac_admin",
	"cap_syslog",
	"cap_wake_alarm",
	"cap_block_suspend",
	"cap_audit_read",
	"cap_perfmon",
	"cap_bpf",
	"cap_checkpoint_restore",
};

static bool
find_cap(const char *s, size_t n, uint64_t *bits)
{
	for (size_t i = 0; i < ARRAY_LEN(caps); i++) {
		if (strlen(caps[i]) == n && strncasecmp(caps[i], s, n) == 0) {
			*bits |= UINT64_C(1) << i;
			return true;
		}
	}
	return false;
}

static void
put_le32(char *out, uint64_t v)
{
	for (int i = 0; i < 4; i++)
		out[i] = (char)(uint8_t)(v >> (8 * i));
}

int
rootfs_caps_parse(const char *text, char out[ROOTFS_CAPS_BYTES], struct err *err)
{
	size_t names = strcspn(text, "=+");
	const char *flags = text + names + (text[names] ? 1 : 0);
	bool effective = strchr(flags, 'e'), permitted = strchr(flags, 'p'),
	     inheritable = strchr(flags, 'i');
	uint64_t bits = 0, p, in;

	if (!names || text[names - 1] == ',' || !text[names] || !*flags ||
	    strspn(flags, "eip") != strlen(flags) || !(permitted || inheritable))
		return err_set(err, ERR_INPUT, "'%s' is not of the form cap_x,cap_y=ep", text);
	for (size_t at = 0; at < names;) {
		size_t n = strcspn(text + at, ",=+");

		if (!find_cap(text + at, n, &bits))
			return err_set(err, ERR_INPUT, "no capability is called '%.*s'", (int)n,
				       text + at);
		at += n + 1;
	}
	if (!bits)
		return err_set(err, ERR_INPUT, "'%s' names no capability", text);
	p = permitted ? bits : 0;
	in = inheritable ? bits : 0;
	put_le32(out, UINT32_C(0x02000000) | (effective ? 1 : 0));
	put_le32(out + 4, p);
	put_le32(out + 8, in);
	put_le32(out + 12, p >> 32);
	put_le32(out + 16, in >> 32);
	return 0;
}
