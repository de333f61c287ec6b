/* SPDX-License-Identifier: GPL-2.0 */
/* BTF of a handler object, bounds checked. Layouts: Documentation/bpf/btf.rst of Linux. */
#ifndef CTV_BTF_H
#define CTV_BTF_H

#include "elf.h"

struct btf_type {
	u32 name;
	u32 info;
	u32 size;	/* or type */
};

enum btf_kind {
	BTF_INT = 1, BTF_PTR, BTF_ARRAY, BTF_STRUCT, BTF_UNION, BTF_ENUM, BTF_FWD, BTF_TYPEDEF,
	BTF_VOLATILE, BTF_CONST, BTF_RESTRICT, BTF_FUNC, BTF_FUNC_PROTO, BTF_VAR, BTF_DATASEC,
	BTF_FLOAT, BTF_DECL_TAG, BTF_TYPE_TAG, BTF_ENUM64,
};

#define BTF_KIND(info)	((info) >> 24 & 0x1f)
#define BTF_VLEN(info)	((info) & 0xffff)

/* bytes: a piece of the file */
struct span {
	const u8 *data;
	u64 len;
};

struct btf {
	struct span types;
	struct span strings;
	u32 *at;	/* offset of each type, from type 1 on */
	u32 nr;
};

/* Part of a piece, without bytes when it reaches beyond. */
struct span span_of(struct span s, u64 off, u64 len);
bool span_read(struct span s, u64 off, void *to, u64 len);
/* 0 when it is not there. */
u32 span_u32(struct span s, u64 off);

/* 0 also without BTF: then there is nothing in it. Takes memory at @at. */
int btf_open(struct btf *b, const struct elf *e);
int btf_open_bytes(struct btf *b, struct span all);
bool btf_get(const struct btf *b, u32 id, struct btf_type *t);
const char *btf_string(const struct btf *b, u32 off);

#endif /* CTV_BTF_H */
