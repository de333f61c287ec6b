// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker: payload files, and what is trusted while the kernel is locked down.
 */
#include <linux/file.h>
#include <linux/kernel_read_file.h>
#include <linux/security.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include <asm/caretaker.h>

#include "caretaker.h"
#include "ctv.h"
#include "sign.h"

/* Reads the payload by its fd: the kernel, not user space, decides where its parts go. */
static int payload_read(int fd, void **buf, struct caretaker_log *log)
{
	ssize_t r;

	*buf = NULL;
	CLASS(fd, f)(fd);
	if (fd_empty(f) || !(fd_file(f)->f_mode & FMODE_READ)) {
		caretaker_log_printf(log, "payload: fd %d is not open for reading\n", fd);
		return -EBADF;
	}
	if (S_ISREG(file_inode(fd_file(f))->i_mode) &&
	    inode_is_open_for_write(file_inode(fd_file(f)))) {
		caretaker_log_printf(log, "payload: the file is open for writing: close it first\n");
		return -ETXTBSY;
	}
	r = kernel_read_file(fd_file(f), 0, buf, CARETAKER_ELF_FILE_MAX, NULL,
			     READING_KEXEC_IMAGE);
	if (r < 0) {
		caretaker_log_printf(log, "payload: cannot read: error %zd (a regular file, not open for writing, is needed)\n",
				     r);
		return r == -EFBIG ? -E2BIG : r;
	}
	return r;
}

/*
 * As for modules: what was changed after it was signed is never taken, and a kernel that is locked
 * down takes only what is signed by a key that it trusts.
 */
static int payload_check(const void *buf, size_t *size, bool *is_signed,
			 struct caretaker_log *log)
{
	int r = caretaker_signature_check(buf, size);
	bool locked = r && security_locked_down(LOCKDOWN_KEXEC);

	*is_signed = !r;
	if (r == -ENODATA && locked) {
		caretaker_log_printf(log, "payload: unsigned, and the kernel is locked down: sign it by a key that this kernel trusts (payload-sign)\n");
		return -EPERM;
	}
	if (r && r != -ENODATA && (locked || (r != -ENOKEY && r != -ENOPKG))) {
		caretaker_log_printf(log, "payload: its signature does not hold: error %d (%d: not a key that this kernel trusts): sign it anew (payload-sign)\n",
				     r, -ENOKEY);
		return -EKEYREJECTED;
	}
	return 0;
}

/* The list of a signed payload is as good as its signature. */
static int block_list(struct caretaker_block *b, const void *buf, size_t size,
		      struct caretaker_log *log)
{
	const void *list;
	u64 len;

	list = caretaker_elf_section(buf, size, KVM_CARETAKER_SECTION_HANDLERS, &len);
	if (!list || !len)
		return 0;
	if (len % sizeof(*b->listed) || len / sizeof(*b->listed) > KVM_CARETAKER_MAX_LISTED) {
		caretaker_log_printf(log, "payload: section %s has %llu bytes: it lists up to %u digests of %zu\n",
				     KVM_CARETAKER_SECTION_HANDLERS, len, KVM_CARETAKER_MAX_LISTED,
				     sizeof(*b->listed));
		return -ENOEXEC;
	}
	b->listed = kmemdup(list, len, GFP_KERNEL_ACCOUNT);
	if (!b->listed)
		return -ENOMEM;
	b->nr_listed = len / sizeof(*b->listed);
	return 0;
}

static struct caretaker_block *payload_create(struct kvm_vcpu *vcpu, const void *buf, size_t size,
					      struct caretaker_log *log)
{
	struct caretaker_block *b;
	struct caretaker_elf elf;
	const char *why;
	bool is_signed;
	int r;

	r = payload_check(buf, &size, &is_signed, log);
	if (r)
		return ERR_PTR(r);
	r = caretaker_elf_parse(buf, size, &elf, &why);
	if (r) {
		caretaker_log_printf(log, "payload: %s\n", why);
		return ERR_PTR(r);
	}
	b = caretaker_block_create(&elf, buf, caretaker_svm_vmcb_page(vcpu), log);
	if (IS_ERR(b) || !is_signed)
		return b;
	r = block_list(b, buf, size, log);
	if (!r)
		return b;
	caretaker_block_put(b);
	return ERR_PTR(r);
}

/**
 * caretaker_payload_load - make a Caretaker of a payload file
 * @vcpu:	vCPU that it is for
 * @fd:		the file
 * @log:	for the reason of a refusal
 *
 * Context: may sleep.
 * Return: the block with one reference, or an ERR_PTR.
 */
struct caretaker_block *caretaker_payload_load(struct kvm_vcpu *vcpu, int fd,
					       struct caretaker_log *log)
{
	struct caretaker_block *b;
	void *buf;
	int r;

	r = payload_read(fd, &buf, log);
	if (r < 0)
		return ERR_PTR(r);
	b = payload_create(vcpu, buf, r, log);
	vfree(buf);
	return b;
}

static bool block_lists(const struct caretaker_block *b, const u8 *digest)
{
	unsigned int i;

	/* Zeros are none */
	if (!memchr_inv(digest, 0, sizeof(*b->listed)))
		return false;
	for (i = 0; i < b->nr_listed; i++)
		if (!memcmp(b->listed[i], digest, sizeof(*b->listed)))
			return true;
	return false;
}

/**
 * caretaker_trust_check - whether handlers may be installed as far as lockdown goes
 * @b:		the payload that they go with
 * @h:		the handlers, NULL for none
 * @log:	for the reason of a refusal
 *
 * While the kernel is locked down someone whom it trusts has to vouch for them.
 *
 * Return: 0 or -EKEYREJECTED.
 */
int caretaker_trust_check(const struct caretaker_block *b, const struct caretaker_handlers *h,
			  struct caretaker_log *log)
{
	if (!h || h->signed_bpf || block_lists(b, h->digest) ||
	    !security_locked_down(LOCKDOWN_KEXEC))
		return 0;
	caretaker_log_printf(log, "handlers %.16s: digest %*phN: %s [%s]: %s\n", h->name,
			     (int)sizeof(h->digest), h->digest, ctv_rule_text(CTV_RULE_TRUST),
			     ctv_rule_name(CTV_RULE_TRUST), ctv_rule_remedy(CTV_RULE_TRUST));
	return -EKEYREJECTED;
}
