// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker: the memory that a Caretaker lives in, and its isolated page tables.
 *
 * One contiguous run of pages per vCPU holds everything that must survive a kexec, handler pages
 * and guest memory excepted:
 *
 *	page 0		struct caretaker_vcpu_ser		not mapped in the payload
 *	image		payload: text RX, rodata R, data RW	mapped
 *	metadata	CPUID, MSRs, two handler tables		mapped RW
 *	telemetry, event ring					mapped RW
 *	LAPIC, FPU, VMCB, VMSAVE page				mapped RW
 *	HSAVE, MSRPM, IOPM, page tables				not mapped
 *
 * The mapped part appears at one virtual address (from vmap()) in the host's page tables and in
 * the isolated ones, so that switching CR3 needs no trampoline and pointers mean the same in
 * both. Behind it more pages are mapped. Two serve the attached mode only: KVM's VMCB, and empty
 * metadata (zero pages) for times when KVM has not settled the CPUID bits yet. The last one is a
 * placeholder in the host's tables: the isolated ones have the VM's mailboxes there.
 */
#define pr_fmt(fmt) "caretaker: " fmt

#include <linux/kexec_handover.h>
#include <linux/mm.h>
#include <linux/set_memory.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include <asm/apic.h>
#include <asm/caretaker.h>
#include <asm/msr.h>
#include <asm/pgtable.h>

#include "caretaker.h"
#include "tables.h"

#define META_PAGES	DIV_ROUND_UP(sizeof(struct kvm_caretaker_meta), PAGE_SIZE)
#define TELEMETRY_PAGES	DIV_ROUND_UP(sizeof(struct kvm_caretaker_telemetry), PAGE_SIZE)
#define RING_PAGES	(sizeof(struct kvm_caretaker_ring) / PAGE_SIZE)

#define HANDLERS_STRIDE	CARETAKER_HANDLERS_STRIDE
#define HANDLERS_OFF	(META_PAGES * PAGE_SIZE - 2 * HANDLERS_STRIDE)

static_assert(sizeof(struct kvm_caretaker_handlers) <= HANDLERS_STRIDE);
static_assert(sizeof(struct kvm_caretaker_meta) <= HANDLERS_OFF);
static_assert(sizeof(struct caretaker_vcpu_ser) <= PAGE_SIZE);
static_assert(sizeof(struct caretaker_cpus_ser) <= PAGE_SIZE);
static_assert(sizeof(struct caretaker_list_ser) == PAGE_SIZE);

static void *block_page(struct caretaker_block *b, unsigned int page)
{
	return b->mem + page * PAGE_SIZE;
}

/* First page that only the hardware reads: the end of what is mapped. */
static unsigned int block_mapped_pages(const struct caretaker_block *b)
{
	return (b->hsave - b->mem) >> PAGE_SHIFT;
}

/* Hands out the pages in the order of the comment at the top. */
static unsigned int block_layout(struct caretaker_block *b, unsigned int image_pages)
{
	unsigned int page = 0;

	b->ser = block_page(b, page++);
	b->image_page = page;
	b->image_pages = image_pages;
	page += image_pages;
	b->meta = block_page(b, page);
	page += META_PAGES;
	b->telemetry = block_page(b, page);
	page += TELEMETRY_PAGES;
	b->ring = block_page(b, page);
	page += RING_PAGES;
	b->lapic = block_page(b, page++);
	b->fpu = block_page(b, page);
	page += CARETAKER_FPU_PAGES;
	b->vmcb = block_page(b, page++);
	b->vmsave = block_page(b, page++);
	b->hsave = block_page(b, page++);
	b->msrpm = block_page(b, page);
	page += 2;
	b->iopm = block_page(b, page);
	page += 3;
	b->pt = block_page(b, page);
	page += CARETAKER_PT_PAGES;
	return page;
}

/**
 * caretaker_block_va - where the payload sees a part of its block
 * @b:		the block
 * @mem:	address in the direct map, in the mapped part
 */
u64 caretaker_block_va(const struct caretaker_block *b, const void *mem)
{
	return (u64)b->va + (mem - b->mem) - PAGE_SIZE;
}

static u64 elf_prot(u32 prot)
{
	if (prot & CARETAKER_ELF_X)
		return PROT_RX;
	return prot & CARETAKER_ELF_W ? PROT_RW : PROT_R;
}

/* What an image page may be used for; holes between segments are not mapped at all. */
static u64 image_prot(const struct caretaker_elf *elf, u64 off)
{
	unsigned int i;

	for (i = 0; i < elf->nr_segments; i++) {
		const struct caretaker_elf_segment *s = &elf->seg[i];
		u64 start = round_down(s->vaddr - elf->base, PAGE_SIZE);
		u64 end = round_up(s->vaddr - elf->base + s->memsz, PAGE_SIZE);

		if (off >= start && off < end)
			return elf_prot(s->prot);
	}
	return 0;
}

static u64 block_prot(const struct caretaker_block *b, unsigned int page)
{
	if (page >= b->image_page && page < b->image_page + b->image_pages)
		return image_prot(&b->elf, (u64)(page - b->image_page) * PAGE_SIZE);
	return PROT_RW;
}

static u64 host_apic_pa(void)
{
	u64 base;

	rdmsrq(MSR_IA32_APICBASE, base);
	return base & MSR_IA32_APICBASE_BASE;
}

static int block_map_isolated(struct caretaker_block *b, struct page *kvm_vmcb)
{
	unsigned int i, nr = block_mapped_pages(b);
	int r;

	b->pt_used = BIT(0);
	for (i = 1; i < nr; i++) {
		u64 prot = block_prot(b, i);

		if (!prot)
			continue;
		r = caretaker_pt_map(b, (u64)b->va + (i - 1) * PAGE_SIZE, __pa(block_page(b, i)),
				     prot);
		if (r)
			return r;
	}
	r = caretaker_pt_map(b, b->va_vmcb, page_to_phys(kvm_vmcb), PROT_RW);
	for (i = 0; !r && i < META_PAGES; i++)
		r = caretaker_pt_map(b, b->va_empty + i * PAGE_SIZE, __pa(empty_zero_page),
				     PROT_R);
	/* The pCPU's own LAPIC, where vmap() left a guard page. */
	if (!r && !x2apic_enabled()) {
		b->ccb->host_apic = b->va_peers + PAGE_SIZE;
		r = caretaker_pt_map(b, b->ccb->host_apic, host_apic_pa(),
				     PROT_RW | _PAGE_PCD | _PAGE_PWT);
	}
	return r;
}

/**
 * caretaker_block_set_peers - connect a block with the mailboxes of its VM, or cut it off
 * @b:		the block; its vCPU is not detached
 * @peers:	the mailboxes, NULL for none
 * @self:	index of the vCPU's own one
 *
 * Return: 0 or -E2BIG.
 */
int caretaker_block_set_peers(struct caretaker_block *b, struct kvm_caretaker_peers *peers,
			      unsigned int self)
{
	int r = peers ? caretaker_pt_map(b, b->va_peers, __pa(peers), PROT_RW) :
			caretaker_pt_map(b, b->va_peers, 0, 0);

	if (r)
		return r;
	b->peers = peers;
	b->ccb->peers = peers ? b->va_peers : 0;
	b->ccb->self = self;
	return 0;
}

static int block_protect(struct caretaker_block *b)
{
	unsigned int i;
	int r = 0;

	for (i = 0; !r && i < b->image_pages; i++) {
		unsigned long va = (unsigned long)b->va + (b->image_page + i - 1) * PAGE_SIZE;
		u64 prot = image_prot(&b->elf, (u64)i * PAGE_SIZE);

		if (prot == PROT_RX)
			r = set_memory_rox(va, 1);
		else if (prot == PROT_R)
			r = set_memory_ro(va, 1);
	}
	return r;
}

static void block_unprotect(struct caretaker_block *b)
{
	unsigned long va = (unsigned long)b->va + (b->image_page - 1) * PAGE_SIZE;

	set_memory_nx(va, b->image_pages);
	set_memory_rw(va, b->image_pages);
}

static int block_map_host(struct caretaker_block *b, struct page *kvm_vmcb)
{
	unsigned int i, nr = block_mapped_pages(b) - 1;
	struct page **pages;

	b->va_pages = nr + 1 + META_PAGES + 1;
	pages = kcalloc(b->va_pages, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return -ENOMEM;
	for (i = 0; i < nr; i++)
		pages[i] = virt_to_page(block_page(b, i + 1));
	pages[i++] = kvm_vmcb;
	while (i < b->va_pages)
		pages[i++] = ZERO_PAGE(0);
	b->va = vmap(pages, b->va_pages, VM_MAP, PAGE_KERNEL);
	kfree(pages);
	if (!b->va)
		return -ENOMEM;
	b->va_vmcb = (u64)b->va + nr * PAGE_SIZE;
	b->va_empty = b->va_vmcb + PAGE_SIZE;
	b->va_peers = b->va_empty + META_PAGES * PAGE_SIZE;
	return 0;
}

static void block_fill_ring(struct caretaker_block *b)
{
	b->ccb->ring = caretaker_block_va(b, b->ring);
	b->ring->size = sizeof(*b->ring);
	b->ring->abi = KVM_CARETAKER_RING_ABI;
	b->ring->subbuf_size = KVM_CARETAKER_RING_SUBBUF;
	b->ring->nr_subbufs = KVM_CARETAKER_RING_NR_SUBBUFS;
}

static void block_fill_ccb(struct caretaker_block *b)
{
	struct kvm_caretaker_ccb *ccb = b->ccb;

	ccb->handlers = caretaker_block_va(b, (void *)b->meta + HANDLERS_OFF);
	ccb->meta = caretaker_block_va(b, b->meta);
	ccb->telemetry = caretaker_block_va(b, b->telemetry);
	ccb->cr3 = __sme_set(__pa(b->pt));
	ccb->gap_vmcb = caretaker_block_va(b, b->vmcb);
	ccb->gap_vmcb_pa = __sme_set(__pa(b->vmcb));
	ccb->hsave_pa = __sme_set(__pa(b->hsave));
	ccb->host_vmsave_pa = __sme_set(__pa(b->vmsave));
	ccb->lapic = caretaker_block_va(b, b->lapic);
	ccb->fpu = caretaker_block_va(b, b->fpu);
	ccb->fpu_size = CARETAKER_FPU_PAGES * PAGE_SIZE;
	ccb->exit.size = sizeof(ccb->exit);
	ccb->exit.abi = KVM_CARETAKER_BPF_ABI;
	b->meta->size = sizeof(*b->meta);
	memset(b->iopm, 0xff, 3 * PAGE_SIZE);	/* every port, always */
	caretaker_ledger_begin(b);
	block_fill_ring(b);
}

static void block_fill_ser(struct caretaker_block *b)
{
	struct caretaker_vcpu_ser *ser = b->ser;

	ser->size = sizeof(*ser);
	ser->ccb_abi = b->ccb->abi;
	ser->block_pa = __pa(b->mem);
	ser->nr_pages = b->nr_pages;
	ser->ccb_off = (void *)b->ccb - b->mem;
	ser->telemetry_off = (void *)b->telemetry - b->mem;
	ser->ring_off = (void *)b->ring - b->mem;
	ser->lapic_off = b->lapic - b->mem;
	ser->fpu_off = b->fpu - b->mem;
	ser->vmcb_off = b->vmcb - b->mem;
	ser->vendor = 1;
}

static void caretaker_block_online(struct work_struct *work);

static struct caretaker_block *block_alloc(unsigned int nr_pages)
{
	struct caretaker_block *b = kzalloc_obj(*b);

	if (!b)
		return NULL;
	refcount_set(&b->ref, 1);
	INIT_DELAYED_WORK(&b->online, caretaker_block_online);
	INIT_LIST_HEAD(&b->source.node);
	b->nr_pages = nr_pages;
	return b;
}

/**
 * caretaker_block_create - load a payload into memory of its own
 * @elf:	layout of the payload
 * @file:	its file content
 * @kvm_vmcb:	page of KVM's VMCB for the vCPU
 * @log:	for the reason of a refusal
 *
 * Context: may sleep.
 * Return: the block with one reference, or an ERR_PTR.
 */
struct caretaker_block *caretaker_block_create(const struct caretaker_elf *elf, const void *file,
					       struct page *kvm_vmcb, struct caretaker_log *log)
{
	struct caretaker_block *b = block_alloc(0);
	int r = -ENOMEM;

	if (!b)
		return ERR_PTR(-ENOMEM);
	b->elf = *elf;
	b->nr_pages = block_layout(b, elf->span >> PAGE_SHIFT);
	b->mem = alloc_pages_exact(b->nr_pages * PAGE_SIZE, GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!b->mem)
		goto err_free;
	block_layout(b, elf->span >> PAGE_SHIFT);
	r = caretaker_elf_load(elf, file, block_page(b, b->image_page));
	if (r)
		goto err_free_pages;
	b->ccb = block_page(b, b->image_page) + elf->ccb;
	r = block_map_host(b, kvm_vmcb);
	if (r)
		goto err_free_pages;
	block_fill_ccb(b);
	block_fill_ser(b);
	r = block_map_isolated(b, kvm_vmcb);
	if (!r)
		r = block_protect(b);
	if (r)
		goto err_unmap;
	return b;

err_unmap:
	block_unprotect(b);
	vunmap(b->va);
err_free_pages:
	free_pages_exact(b->mem, b->nr_pages * PAGE_SIZE);
err_free:
	kfree(b);
	caretaker_log_printf(log, "payload: cannot load: error %d\n", r);
	return ERR_PTR(r);
}

/* The running payload writes this struct, and the kernel that takes the vCPU does. */
static int block_check_telemetry(const struct kvm_caretaker_telemetry *t)
{
	if (t->abi != KVM_CARETAKER_TELEMETRY_ABI || t->size != sizeof(*t))
		return -EPROTONOSUPPORT;
	return 0;
}

/* Ranges and versions that another kernel wrote: never trust them further than the page goes. */
static int block_check_ser(const struct caretaker_vcpu_ser *ser, u64 block_pa)
{
	u64 bytes = (u64)ser->nr_pages * PAGE_SIZE;

	if (ser->size < sizeof(*ser) || ser->block_pa != block_pa || ser->nr_pages > 1024)
		return -EINVAL;
	if (ser->ccb_abi != KVM_CARETAKER_CCB_ABI || ser->vendor != 1)
		return -EPROTONOSUPPORT;
	if (ser->ccb_off + sizeof(struct kvm_caretaker_ccb) > bytes ||
	    ser->telemetry_off + sizeof(struct kvm_caretaker_telemetry) > bytes ||
	    ser->ring_off + sizeof(struct kvm_caretaker_ring) > bytes ||
	    !IS_ALIGNED(ser->ring_off, PAGE_SIZE) ||
	    ser->lapic_off + PAGE_SIZE > bytes || ser->vmcb_off + PAGE_SIZE > bytes ||
	    ser->fpu_off + CARETAKER_FPU_PAGES * PAGE_SIZE > bytes ||
	    ser->nr_handler_pages > CARETAKER_MAX_HANDLER_PAGES ||
	    ser->state_first > ser->nr_handler_pages)
		return -EINVAL;
	return block_check_telemetry((void *)ser + ser->telemetry_off);
}

static int block_restore_handler_pages(const struct caretaker_vcpu_ser *ser)
{
	unsigned int i;
	int r;

	for (i = 0; i < ser->nr_handler_pages; i++) {
		r = caretaker_page_restore(ser->handler_pa[i]);
		if (r)
			goto err_release;
	}
	return 0;

err_release:
	while (i--)
		caretaker_page_release(ser->handler_pa[i]);
	return r;
}

/**
 * caretaker_block_restore - take over a block that an earlier kernel left
 * @block_pa:	physical address of the block
 *
 * Context: may sleep. The Caretaker goes on running in the block.
 * Return: the block with one reference, or an ERR_PTR; after an error the pages stay reserved.
 */
struct caretaker_block *caretaker_block_restore(u64 block_pa)
{
	struct caretaker_vcpu_ser *ser = phys_to_virt(block_pa);
	struct caretaker_block *b;
	int r;

	r = block_check_ser(ser, block_pa);
	if (r)
		return ERR_PTR(r);
	b = block_alloc(ser->nr_pages);
	if (!b)
		return ERR_PTR(-ENOMEM);
	if (!kho_restore_pages(block_pa, ser->nr_pages) || block_restore_handler_pages(ser)) {
		kfree(b);
		return ERR_PTR(-EIO);
	}
	b->mem = ser;
	b->ser = ser;
	b->ccb = b->mem + ser->ccb_off;
	b->telemetry = b->mem + ser->telemetry_off;
	b->ring = b->mem + ser->ring_off;
	b->lapic = b->mem + ser->lapic_off;
	b->fpu = b->mem + ser->fpu_off;
	b->vmcb = b->mem + ser->vmcb_off;
	b->apic_id = ser->apic_id;
	b->pcpu = caretaker_cpu_by_apic_id(ser->apic_id);
	caretaker_remote_add(b);
	return b;
}

/**
 * caretaker_block_unmap_handlers - undo caretaker_block_map_handlers()
 * @b:		the block; its vCPU is not in the payload
 * @h:		a set that is not in use any more, or never was
 * @va:		where it is mapped
 *
 * Context: may sleep, vcpu->mutex held or the vCPU gone.
 */
void caretaker_block_unmap_handlers(struct caretaker_block *b, const struct caretaker_handlers *h,
				    void *va)
{
	caretaker_pt_unmap(b, (u64)va, h->nr_pages);
	set_memory_nx((unsigned long)va, h->nr_pages);
	set_memory_rw((unsigned long)va, h->nr_pages);
	vunmap(va);
}

static void block_drop_handlers(struct caretaker_block *b)
{
	if (!b->handlers)
		return;
	caretaker_block_unmap_handlers(b, b->handlers, b->handlers_va);
	caretaker_handlers_destroy(b->handlers);
	b->handlers = NULL;
}

static void block_free_restored(struct caretaker_block *b)
{
	unsigned int i;

	for (i = 0; i < b->ser->nr_handler_pages; i++)
		caretaker_page_release(b->ser->handler_pa[i]);
	for (i = b->nr_pages; i--; )
		__free_page(virt_to_page(b->mem + i * PAGE_SIZE));
}

void caretaker_block_get(struct caretaker_block *b)
{
	refcount_inc(&b->ref);
}

/**
 * caretaker_block_put - drop a reference, free the block with the last one
 * @b:		the block or NULL
 *
 * Context: may sleep.
 */
void caretaker_block_put(struct caretaker_block *b)
{
	if (!b || !refcount_dec_and_test(&b->ref))
		return;
	caretaker_remote_del(b);
	if (b->va) {
		block_drop_handlers(b);
		block_unprotect(b);
		vunmap(b->va);
		free_pages_exact(b->mem, b->nr_pages * PAGE_SIZE);
	} else {
		block_free_restored(b);
	}
	kfree(b->listed);
	kfree(b);
}

static int handlers_map(struct caretaker_block *b, const struct caretaker_handlers *h, void *va)
{
	unsigned int i;
	int r = 0;

	for (i = 0; !r && i < h->nr_pages; i++) {
		u64 prot = i < h->nr_text ? PROT_RX :
			   i < h->nr_text + h->nr_ro ? PROT_R : PROT_RW;
		unsigned long at = (unsigned long)va + i * PAGE_SIZE;

		if (prot == PROT_RX)
			r = set_memory_rox(at, 1);
		else if (prot == PROT_R)
			r = set_memory_ro(at, 1);
		if (!r)
			r = caretaker_pt_map(b, at, page_to_phys(h->pages[i]), prot);
	}
	return r;
}

/* Writes the table that is not in use, then makes it the one in use. */
static void handlers_publish(struct caretaker_block *b, struct caretaker_handlers *h, void *va)
{
	struct kvm_caretaker_handlers *t;
	u32 generation;
	unsigned int i;

	t = (void *)b->meta + HANDLERS_OFF + b->slot * HANDLERS_STRIDE;
	generation = t->generation;
	b->slot ^= 1;
	t = (void *)b->meta + HANDLERS_OFF + b->slot * HANDLERS_STRIDE;
	memset(t, 0, sizeof(*t));
	for (i = 0; h && i < KVM_CARETAKER_NR_CLASSES; i++) {
		if (h->entry_off[i] == ~0U)
			continue;
		t->entry[i] = (u64)va + h->entry_off[i];
		t->fuel[i] = h->fuel[i];
	}
	t->generation = generation + 1;
	/* The payload reads the pointer with acquire: it sees the whole table or the old one. */
	smp_store_release(&b->ccb->handlers, caretaker_block_va(b, t));
}

/**
 * caretaker_block_map_handlers - make a handler set reachable for a payload
 * @b:		the block; its vCPU is not in the payload
 * @h:		the set
 * @va:		where it was mapped; NULL after an error
 *
 * Context: may sleep, vcpu->mutex held.
 * Return: 0, or an error and then nothing was changed.
 */
int caretaker_block_map_handlers(struct caretaker_block *b, const struct caretaker_handlers *h,
				 void **va)
{
	int r;

	*va = NULL;
	if (h->nr_pages > CARETAKER_MAX_HANDLER_PAGES)
		return -E2BIG;
	*va = vmap(h->pages, h->nr_pages, VM_MAP, PAGE_KERNEL);
	if (!*va)
		return -ENOMEM;
	r = handlers_map(b, h, *va);
	if (!r)
		return 0;
	caretaker_block_unmap_handlers(b, h, *va);
	*va = NULL;
	return r;
}

/**
 * caretaker_block_use_handlers - replace the handler set of a block
 * @b:		the block; its vCPU is not in the payload
 * @h:		the new set, which the block then owns; NULL for none
 * @va:		where it is mapped
 * @readers:	kvm_caretaker.lock of the vCPU: who holds it may look at the old set
 *
 * Context: may sleep, vcpu->mutex held.
 */
void caretaker_block_use_handlers(struct caretaker_block *b, struct caretaker_handlers *h,
				  void *va, struct mutex *readers)
{
	struct caretaker_handlers *old = b->handlers;
	void *old_va = b->handlers_va;

	handlers_publish(b, h, va);
	mutex_lock(readers);
	b->handlers = h;
	b->handlers_va = va;
	mutex_unlock(readers);
	if (!old)
		return;
	caretaker_block_unmap_handlers(b, old, old_va);
	caretaker_handlers_destroy(old);
}

/**
 * caretaker_block_set_handlers - map a handler set and use it
 * @b:		the block; its vCPU is not in the payload
 * @h:		the new set, which the block then owns; NULL for none
 * @readers:	kvm_caretaker.lock of the vCPU
 *
 * Context: may sleep, vcpu->mutex held.
 * Return: 0, or an error and then nothing was changed.
 */
int caretaker_block_set_handlers(struct caretaker_block *b,
				 struct caretaker_handlers *h, struct mutex *readers)
{
	void *va = NULL;
	int r = h ? caretaker_block_map_handlers(b, h, &va) : 0;

	if (!r)
		caretaker_block_use_handlers(b, h, va, readers);
	return r;
}

static int block_preserve_handlers(struct caretaker_block *b)
{
	struct caretaker_handlers *h = b->handlers;
	unsigned int i;
	int r;

	b->ser->nr_handler_pages = 0;
	b->ser->state_first = h ? h->nr_text + h->nr_ro : 0;
	caretaker_handlers_identity(b, b->ser->handlers_name, b->ser->handlers_digest);
	for (i = 0; h && i < h->nr_pages; i++) {
		r = caretaker_page_preserve(h->pages[i]);
		if (r)
			goto err_unpreserve;
		b->ser->handler_pa[i] = page_to_phys(h->pages[i]);
	}
	b->ser->nr_handler_pages = i;
	return 0;

err_unpreserve:
	while (i--)
		caretaker_page_unpreserve(h->pages[i]);
	return r;
}

static void block_unpreserve_handlers(struct caretaker_block *b)
{
	unsigned int i;

	for (i = 0; i < b->ser->nr_handler_pages; i++)
		caretaker_page_unpreserve(pfn_to_page(PHYS_PFN(b->ser->handler_pa[i])));
	b->ser->nr_handler_pages = 0;
}

/**
 * caretaker_block_preserve - keep the block's pages over a kexec
 * @b:		the block
 *
 * Context: may sleep.
 * Return: 0 or an error of KHO; then nothing is preserved.
 */
int caretaker_block_preserve(struct caretaker_block *b)
{
	int r = block_preserve_handlers(b);

	if (r)
		return r;
	r = kho_preserve_pages(virt_to_page(b->mem), b->nr_pages);
	if (r)
		block_unpreserve_handlers(b);
	return r;
}

void caretaker_block_unpreserve(struct caretaker_block *b)
{
	block_unpreserve_handlers(b);
	kho_unpreserve_pages(virt_to_page(b->mem), b->nr_pages);
}

static void caretaker_block_online(struct work_struct *work)
{
	struct delayed_work *online = to_delayed_work(work);
	struct caretaker_block *b = container_of(online, struct caretaker_block, online);

	/* Not at the adoption: a serial console takes milliseconds, and the guest stood still. */
	if (b->adopted)
		pr_info("vCPU %u: adopted from the pCPU with APIC id %u, event in delivery 0x%x\n",
			b->ser->vcpu_id, b->apic_id, caretaker_svm_event(b));
	caretaker_pcpu_return(b);
	caretaker_block_put(b);
}
