// SPDX-License-Identifier: GPL-2.0
#include "ramtext.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One line is a copy that may be cut up; lines longer than this are none of ours. */
#define LINE_MAX_BYTES 1024

static bool next_line(const char **at, char line[LINE_MAX_BYTES])
{
	while (**at) {
		size_t len = strcspn(*at, "\r\n");
		const char *p = *at;

		*at += len;
		*at += strspn(*at, "\r\n");
		if (len >= LINE_MAX_BYTES)
			continue;
		memcpy(line, p, len);
		line[len] = '\0';
		return true;
	}
	return false;
}

/* Exactly a 0x number, nothing around it. */
static bool parse_0x(const char *s, uint64_t *v)
{
	char *end;

	if (s[0] != '0' || s[1] != 'x' || !isxdigit((unsigned char)s[2]))
		return false;
	errno = 0;
	*v = strtoull(s + 2, &end, 16);
	return !*end && !errno;
}

/* Cuts the last word off, NULL when there is none. */
static char *pop_word(char *line)
{
	size_t n = strlen(line);

	while (n && line[n - 1] == ' ')
		line[--n] = '\0';
	if (!n)
		return NULL;
	while (n && line[n - 1] != ' ')
		n--;
	if (!n)
		return NULL; /* the name itself: nothing may be left of the row */
	line[n - 1] = '\0';
	return line + n;
}

/* From the right, because a name may hold anything: [HVA RO] Total Used Offset
 * PSize ("4 KiB") Name. */
static bool parse_row(char *line, bool has_hva, struct km_block *b)
{
	uint64_t v[4]; /* HVA, total, used, offset */
	char *w;

	if (has_hva) {
		w = pop_word(line);
		if (!w || (strcmp(w, "ro") && strcmp(w, "rw")))
			return false;
	}
	for (int i = has_hva ? 0 : 1; i < 4; i++) {
		w = pop_word(line);
		if (!w || !parse_0x(w, &v[i]))
			return false;
	}
	w = pop_word(line);
	if (!w || !*w || w[strlen(w) - 1] != 'B')
		return false;
	w = pop_word(line);
	if (!w && isdigit((unsigned char)line[strspn(line, " ")]))
		w = line + strlen(line); /* a block without a name: "" */
	if (!w)
		return false;

	memset(b, 0, sizeof(*b));
	b->gpa = UINT64_MAX;
	b->hva = has_hva ? v[0] : 0;
	b->used_bytes = v[2];
	if (*w) {
		char *name = line + strspn(line, " ");
		size_t len = strlen(name);

		while (len && name[len - 1] == ' ')
			len--;
		if (len >= sizeof(b->name))
			return false;
		memcpy(b->name, name, len);
	}
	return v[2] <= v[1]; /* used fits into total */
}

int km_ramtext_blocks(const char *text, struct km_blocks *blocks, bool *has_hva, struct km_err *err)
{
	char line[LINE_MAX_BYTES];
	struct km_block b;

	blocks->n = 0;
	if (!next_line(&text, line) || !strstr(line, "Block Name") || !strstr(line, "Used"))
		return km_err_set(err, -EPROTO, "QEMU's list of RAM blocks has another form: %.60s",
				  text);
	*has_hva = strstr(line, "HVA") != NULL;
	while (next_line(&text, line)) {
		char copy[LINE_MAX_BYTES];

		memcpy(copy, line, sizeof(copy));
		if (!parse_row(line, *has_hva, &b))
			return km_err_set(err, -EPROTO,
					  "QEMU's list of RAM blocks: what is \"%s\"?", copy);
		if (!b.name[0])
			continue;
		for (unsigned int i = 0; i < blocks->n; i++)
			if (!strcmp(blocks->b[i].name, b.name))
				return km_err_set(err, -EPROTO, "QEMU lists RAM block %s twice",
						  b.name);
		if (blocks->n == KM_BLOCKS_MAX)
			return km_err_set(err, -E2BIG, "more than %d RAM blocks", KM_BLOCKS_MAX);
		blocks->b[blocks->n++] = b;
	}
	return blocks->n ? 0 : km_err_set(err, -EPROTO, "QEMU lists no RAM block");
}

/* "  0000000000100000-00000000bfffffff (prio 0, ram): pc.ram @0000000000100000 KVM" */
static bool parse_range(const char *line, struct km_range *r)
{
	const char *p = line + strspn(line, " ");
	const char *name;
	const char *at;
	char *end;
	size_t len;

	memset(r, 0, sizeof(*r));
	if (p == line || !isxdigit((unsigned char)*p))
		return false;
	r->start = strtoull(p, &end, 16);
	if (*end != '-' || !isxdigit((unsigned char)end[1]))
		return false;
	r->last = strtoull(end + 1, &end, 16);
	if (strncmp(end, " (prio ", 7) || r->last < r->start)
		return false;
	name = strstr(end, "): ");
	if (!name)
		return false;
	/* "ram", "rom", "romd", "nv-ram"; "ramd" is a device's own memory. */
	for (at = name; at > end && at[-1] != ' ';)
		at--;
	if (!strncmp(at, "nv-", 3))
		at += 3;
	len = (size_t)(name - at);
	if (!(len == 3 && (!memcmp(at, "ram", 3) || !memcmp(at, "rom", 3))) &&
	    !(len == 4 && !memcmp(at, "romd", 4)))
		return false;

	name += 3;
	len = strlen(name);
	/* Ranges that the accelerator knows carry its name, once for each address space that shares
	 * the view and that it knows them in: KVM's of SMM is "memory"'s own until the firmware
	 * opens SMRAM (mtree_print_flatview(), softmmu/memory.c). */
	while (len > 4 && !memcmp(name + len - 4, " KVM", 4))
		len -= 4;
	at = memmem(name, len, " @", 2);
	if (at) {
		r->offset = strtoull(at + 2, &end, 16);
		if (end != name + len || end == at + 2)
			return false;
		len = (size_t)(at - name);
	}
	if (!len || len >= sizeof(r->name))
		return false;
	memcpy(r->name, name, len);
	return true;
}

int km_ramtext_ranges(const char *text, struct km_range **ranges, size_t *n, struct km_err *err)
{
	enum { HEAD, WANTED, DONE } where = HEAD;
	char line[LINE_MAX_BYTES];
	struct km_range r;
	size_t room = 0;

	*ranges = NULL;
	*n = 0;
	while (where != DONE && next_line(&text, line)) {
		if (!strncmp(line, "FlatView #", 10))
			where = where == WANTED ? DONE : HEAD;
		else if (!strncmp(line, " AS \"memory\", root: system", 26))
			where = WANTED;
		if (where != WANTED || !parse_range(line, &r))
			continue;
		if (*n == room) {
			room = room ? room * 2 : 32;
			struct km_range *more = realloc(*ranges, room * sizeof(r));

			if (!more) {
				free(*ranges);
				*ranges = NULL;
				return km_err_set(err, -ENOMEM, "out of memory");
			}
			*ranges = more;
		}
		(*ranges)[(*n)++] = r;
	}
	if (!*n)
		return km_err_set(err, -EPROTO, "`info mtree -f` shows no RAM in \"memory\"");
	return 0;
}

int km_ramtext_gpa2hva(const char *text, uint64_t addr, char name[256], uint64_t *hva)
{
	static const char head[] = "Host virtual address for ";
	char line[LINE_MAX_BYTES];
	uint64_t said;
	char *open;
	char *close;

	if (!next_line(&text, line))
		return -EPROTO;
	if (!strncmp(line, "No memory is mapped at", 22) ||
	    (!strncmp(line, "Memory at address", 17) && strstr(line, "is not RAM")))
		return -ENXIO;
	if (strncmp(line, head, sizeof(head) - 1))
		return -EPROTO;
	open = strstr(line, " (");
	close = open ? strstr(open, ") is ") : NULL;
	if (!close || close - open - 2 >= 256 || close == open + 2)
		return -EPROTO;
	*open = *close = '\0';
	if (!parse_0x(line + sizeof(head) - 1, &said) || said != addr || !parse_0x(close + 5, hva))
		return -EPROTO;
	memset(name, 0, 256);
	memcpy(name, open + 2, (size_t)(close - open - 2));
	return 0;
}

bool km_ramtext_same_region(const char *block, const char *region)
{
	size_t a = strlen(block);
	size_t b = strlen(region);

	if (!b || b > a || strcmp(block + a - b, region))
		return false;
	if (a == b)
		return true;
	/* "/objects/x" is a name of its own and no device's path before "x". */
	return block[0] != '/' && block[a - b - 1] == '/';
}
