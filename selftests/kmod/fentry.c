// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include "fentry.h"

/* What insns take from linux/filter.h, which isn't for user space. */
#define INSN(c, dst, src, offset, value)	\
	((struct bpf_insn){ .code = (c), .dst_reg = (dst), .src_reg = (src), .off = (offset), .imm = (value) })

/* Of a module's BTF, or -ENOENT. */
static int module_btf(const char *module)
{
	uint32_t id = 0;

	while (!bpf_btf_get_next_id(id, &id)) {
		struct bpf_btf_info info = {};
		uint32_t size = sizeof(info);
		char name[64] = "";
		int fd = bpf_btf_get_fd_by_id(id);

		if (fd < 0)
			continue;
		info.name = (uintptr_t)name;
		info.name_len = sizeof(name);
		if (!bpf_obj_get_info_by_fd(fd, &info, &size) && !strcmp(name, module))
			return fd;
		close(fd);
	}
	return -ENOENT;
}

static int function_id(const char *module, const char *function)
{
	struct btf *base = btf__load_vmlinux_btf();
	struct btf *btf = base ? btf__load_module_btf(module, base) : NULL;
	int id = btf ? btf__find_by_name_kind(btf, function, BTF_KIND_FUNC) : -ENOENT;

	btf__free(btf);
	btf__free(base);
	return id;
}

static int load(int map, int btf, int id)
{
	const struct bpf_insn insns[] = {
		INSN(BPF_LD | BPF_DW | BPF_IMM, BPF_REG_1, BPF_PSEUDO_MAP_VALUE, 0, map),
		INSN(0, 0, 0, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_2, 0, 0, 1),
		INSN(BPF_STX | BPF_DW | BPF_ATOMIC, BPF_REG_1, BPF_REG_2, 0, BPF_ADD),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_TRACE_FENTRY,
		    .attach_btf_id = (uint32_t)id, .attach_btf_obj_fd = (uint32_t)btf);
	int prog = bpf_prog_load(BPF_PROG_TYPE_TRACING, "km_fentry", "GPL", insns,
				 sizeof(insns) / sizeof(insns[0]), &options);

	return prog < 0 ? -errno : prog;
}

int fentry_open(struct fentry *fentry, const char *module, const char *function)
{
	int err, id = function_id(module, function), btf = module_btf(module);

	*fentry = (struct fentry){ -1, -1, -1 };
	if (id < 0 || btf < 0) {
		if (btf >= 0)
			close(btf);
		return -ENOENT;
	}
	fentry->map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "km_fentry", 4, 8, 1, NULL);
	fentry->prog = fentry->map < 0 ? -errno : load(fentry->map, btf, id);
	close(btf);
	fentry->link = fentry->prog < 0 ? fentry->prog : bpf_raw_tracepoint_open(NULL, fentry->prog);
	if (fentry->link >= 0)
		return 0;
	err = fentry->prog < 0 ? fentry->prog : -errno;
	fentry_close(fentry);
	return err;
}

uint64_t fentry_calls(const struct fentry *fentry)
{
	uint64_t calls = 0;
	uint32_t key = 0;

	bpf_map_lookup_elem(fentry->map, &key, &calls);
	return calls;
}

void fentry_close(struct fentry *fentry)
{
	if (fentry->link >= 0)
		close(fentry->link);
	if (fentry->prog >= 0)
		close(fentry->prog);
	if (fentry->map >= 0)
		close(fentry->map);
	*fentry = (struct fentry){ -1, -1, -1 };
}
