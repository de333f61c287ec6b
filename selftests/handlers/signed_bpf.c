// SPDX-License-Identifier: GPL-2.0
/* BPF programs with a signature, which libbpf's loader of objects does not pass on. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/btf.h>

#include "caretaker_test.h"
#include "signed_bpf.h"

#define OPS		"kvm_caretaker_ops"
#define VALUE		"bpf_struct_ops_" OPS

static int sys_bpf(int cmd, union bpf_attr *attr, unsigned int size)
{
	long fd = syscall(__NR_bpf, cmd, attr, size);

	return fd < 0 ? -errno : (int)fd;
}

/* Index of a member of a struct, and where it is. */
static int member_find(const struct btf *btf, int type, const char *name, unsigned int *off)
{
	const struct btf_type *t = btf__type_by_id(btf, (__u32)type);
	const struct btf_member *m = btf_members(t);
	int i;

	for (i = 0; i < (int)btf_vlen(t); i++) {
		if (strcmp(btf__name_by_offset(btf, m[i].name_off), name))
			continue;
		*off = btf_member_bit_offset(t, (__u32)i) / 8;
		return i;
	}
	return -ENOENT;
}

static int prog_load(const struct bpf_program *prog, int ops, int member, const void *sig,
		     size_t sig_len)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_STRUCT_OPS;
	attr.insns = (unsigned long)bpf_program__insns(prog);
	attr.insn_cnt = (__u32)bpf_program__insn_cnt(prog);
	attr.license = (unsigned long)"GPL";
	attr.attach_btf_id = (__u32)ops;
	attr.expected_attach_type = (__u32)member;
	attr.signature = (unsigned long)sig;
	attr.signature_size = (__u32)sig_len;
	strcpy(attr.prog_name, "signed");
	return sys_bpf(BPF_PROG_LOAD, &attr, sizeof(attr));
}

/* The value of the map: the set, with the program at @prog_at. */
static int value_fill(const struct btf *btf, int value, int ops, char *bytes, unsigned int prog_at,
		      int prog)
{
	unsigned int data, abi, name;
	__u64 fd = (__u32)prog;
	__u32 version = KVM_CARETAKER_BPF_ABI;

	if (member_find(btf, value, "data", &data) < 0 ||
	    member_find(btf, ops, "abi_version", &abi) < 0 ||
	    member_find(btf, ops, "name", &name) < 0)
		return -ENOENT;
	memcpy(bytes + data + prog_at, &fd, sizeof(fd));
	memcpy(bytes + data + abi, &version, sizeof(version));
	strcpy(bytes + data + name, "signed");
	return 0;
}

/* The kernel wants types of the program's own, too, and does not look at them. */
static int map_create(const struct btf *btf, int value, const void *bytes, int *map)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_LINK,
		    .btf_vmlinux_value_type_id = (__u32)value);
	struct btf *own = btf__new_empty();
	__u32 zero = 0;
	int err;

	err = own ? btf__add_int(own, "int", 4, BTF_INT_SIGNED) : -ENOMEM;
	if (err > 0)
		err = btf__load_into_kernel(own);
	if (!err) {
		opts.btf_fd = (__u32)btf__fd(own);
		*map = bpf_map_create(BPF_MAP_TYPE_STRUCT_OPS, "signed", sizeof(zero),
				      btf__type_by_id(btf, (__u32)value)->size, 1, &opts);
		err = *map < 0 ? *map : bpf_map_update_elem(*map, &zero, bytes, 0);
	}
	btf__free(own);
	return err;
}

static int set_make(struct signed_set *s, const struct btf *btf, const struct bpf_program *prog,
		    const char *member, const void *sig, size_t sig_len)
{
	int value = btf__find_by_name_kind(btf, VALUE, BTF_KIND_STRUCT);
	int ops = btf__find_by_name_kind(btf, OPS, BTF_KIND_STRUCT), i, err;
	unsigned int at;
	char *bytes;

	i = value < 0 || ops < 0 ? -ENOENT : member_find(btf, ops, member, &at);
	if (i < 0)
		return i;
	s->prog = prog_load(prog, ops, i, sig, sig_len);
	if (s->prog < 0)
		return s->prog;
	bytes = calloc(1, btf__type_by_id(btf, (__u32)value)->size);
	if (!bytes)
		return -ENOMEM;
	err = value_fill(btf, value, ops, bytes, at, s->prog);
	if (!err)
		err = map_create(btf, value, bytes, &s->map);
	free(bytes);
	if (err)
		return err;
	s->link = bpf_link_create(s->map, 0, BPF_STRUCT_OPS, NULL);
	return s->link < 0 ? s->link : 0;
}

int signed_set_load(struct signed_set *s, const struct corpus_entry *e, const char *prog,
		    const char *member, const void *sig, size_t sig_len)
{
	static struct handlers h;
	struct bpf_program *p;
	struct btf *btf;
	int err;

	*s = (struct signed_set){ -1, -1, -1 };
	err = handlers_open(&h, e);
	if (err)
		return err;
	p = bpf_object__find_program_by_name(h.obj, prog);
	btf = btf__load_vmlinux_btf();
	err = p && btf ? set_make(s, btf, p, member, sig, sig_len) : -ENOENT;
	btf__free(btf);
	handlers_close(&h);
	if (err)
		signed_set_close(s);
	return err;
}

void signed_set_close(struct signed_set *s)
{
	if (s->link >= 0)
		close(s->link);
	if (s->map >= 0)
		close(s->map);
	if (s->prog >= 0)
		close(s->prog);
	*s = (struct signed_set){ -1, -1, -1 };
}
