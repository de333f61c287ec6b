// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker: file handlers of the Live Update Orchestrator for VM and vCPU files.
 *
 * Order for a VMM, in one session: guest memory (memfd), VM, each vCPU. Preserving a vCPU is
 * what detaches it: the pCPU leaves the host first, while the vCPU still runs in KVM; then the
 * vCPU stops, is copied, and goes on in the Caretaker. Closing the session undoes it (cancel).
 *
 * Next kernel: retrieve the memory, the VM, then each vCPU. The guest runs on all the time. The
 * first KVM_RUN on a retrieved vCPU adopts it. FINISH is refused before that.
 */
#define pr_fmt(fmt) "caretaker: " fmt

#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/kexec_handover.h>
#include <linux/list.h>
#include <linux/liveupdate.h>
#include <linux/random.h>
#include <linux/slab.h>

#include <asm/caretaker.h>
#include <asm/msr.h>

#include "caretaker.h"

/**
 * struct caretaker_vm - a preserved or retrieved VM
 * @list:	in caretaker_vms
 * @kvm:	the VM; the file that LUO holds keeps it alive
 * @ser:	what the next kernel reads; in a next kernel, what it read
 * @npt:	its frozen NPT
 * @incoming:	it was retrieved, not preserved
 * @lost:	a vCPU could not be taken back: its tables must stay
 */
struct caretaker_vm {
	struct list_head list;
	struct kvm *kvm;
	struct caretaker_vm_ser *ser;
	struct caretaker_npt npt;
	bool incoming;
	bool lost;
};

static LIST_HEAD(caretaker_vms);
static DEFINE_MUTEX(caretaker_vms_lock);

static struct caretaker_vm *vm_find(const struct kvm *kvm, u64 ser_pa, bool incoming)
{
	struct caretaker_vm *vm;

	lockdep_assert_held(&caretaker_vms_lock);
	list_for_each_entry(vm, &caretaker_vms, list)
		if (vm->incoming == incoming && (!kvm || vm->kvm == kvm) &&
		    (!ser_pa || __pa(vm->ser) == ser_pa))
			return vm;
	return NULL;
}

/**
 * caretaker_npt_bytes - memory of a VM's frozen NPT
 * @kvm:	the VM
 */
u64 caretaker_npt_bytes(struct kvm *kvm)
{
	struct caretaker_vm *vm;

	guard(mutex)(&caretaker_vms_lock);
	vm = vm_find(kvm, 0, false);
	if (!vm)
		vm = vm_find(kvm, 0, true);
	return vm ? vm->npt.pages * PAGE_SIZE : 0;
}

/* The preserved CPU set: bound to the life of the vCPU files. */

static int cpus_preserve(struct liveupdate_flb_op_args *args)
{
	struct caretaker_cpus_ser *cpus;

	cpus = kho_alloc_preserve(PAGE_SIZE);
	if (IS_ERR(cpus))
		return PTR_ERR(cpus);
	cpus->size = sizeof(*cpus);
	cpus->nr = ARRAY_SIZE(cpus->cpu);
	args->obj = cpus;
	args->data = __pa(cpus);
	return 0;
}

static void cpus_unpreserve(struct liveupdate_flb_op_args *args)
{
	kho_unpreserve_free(args->obj);
}

static int cpus_retrieve(struct liveupdate_flb_op_args *args)
{
	struct caretaker_cpus_ser *cpus = phys_to_virt(args->data);

	if (cpus->size < sizeof(*cpus) || cpus->nr > ARRAY_SIZE(cpus->cpu))
		return -EINVAL;
	args->obj = cpus;
	return 0;
}

static void cpus_finish(struct liveupdate_flb_op_args *args)
{
	kho_restore_free(args->obj);
}

static const struct liveupdate_flb_ops cpus_ops = {
	.preserve = cpus_preserve,
	.unpreserve = cpus_unpreserve,
	.retrieve = cpus_retrieve,
	.finish = cpus_finish,
	.owner = THIS_MODULE,
};

static struct liveupdate_flb cpus_flb = {
	.ops = &cpus_ops,
	.compatible = CARETAKER_CPUS_COMPATIBLE,
};

/* Enters a CPU into the set (@block_pa) or takes it out (0). */
static int cpus_set(u32 apic_id, u64 block_pa)
{
	struct caretaker_cpus_ser *cpus;
	unsigned int i;
	int r;

	r = liveupdate_flb_get_outgoing(&cpus_flb, (void **)&cpus);
	if (r)
		return r;
	r = -ENOSPC;
	for (i = 0; r && i < cpus->nr; i++) {
		struct caretaker_cpu_ser *c = &cpus->cpu[i];

		if (block_pa ? c->used : !c->used || c->apic_id != apic_id)
			continue;
		c->apic_id = apic_id;
		c->block_pa = block_pa;
		c->used = !!block_pa;
		r = 0;
	}
	liveupdate_flb_put_outgoing(&cpus_flb);
	return r;
}

int caretaker_incoming_cpus(u32 *apic_ids, unsigned int max)
{
	struct caretaker_cpus_ser *cpus;
	unsigned int i, nr = 0;
	int r;

	r = liveupdate_flb_get_incoming(&cpus_flb, (void **)&cpus);
	if (r)
		return r;
	for (i = 0; i < cpus->nr && nr < max; i++)
		if (cpus->cpu[i].used)
			apic_ids[nr++] = cpus->cpu[i].apic_id;
	liveupdate_flb_put_incoming(&cpus_flb);
	return nr;
}

/* VM files. */

static bool vm_can_preserve(struct liveupdate_file_handler *handler, struct file *file)
{
	return file_is_kvm(file);
}

static u64 vm_identity(struct kvm *kvm)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;

	kvm_for_each_vcpu(i, vcpu, kvm)
		if (caretaker_of(vcpu))
			return caretaker_of(vcpu)->vm_id;
	return get_random_u64() | 1;
}

static int vm_preserve(struct liveupdate_file_op_args *args)
{
	struct kvm *kvm = args->file->private_data;
	struct caretaker_vm *vm;
	int r;

	if (atomic_read(&kvm->online_vcpus) > 1) {
		pr_err("VM not preserved: more than one vCPU is not supported yet\n");
		return -EOPNOTSUPP;
	}
	vm = kzalloc_obj(*vm);
	if (!vm)
		return -ENOMEM;
	vm->kvm = kvm;
	vm->ser = kho_alloc_preserve(PAGE_SIZE);
	if (IS_ERR(vm->ser)) {
		r = PTR_ERR(vm->ser);
		goto err_free;
	}
	r = caretaker_npt_build(kvm, &vm->npt);
	if (r)
		goto err_free_ser;
	*vm->ser = (struct caretaker_vm_ser){
		.size = sizeof(*vm->ser),
		.nr_vcpus = atomic_read(&kvm->online_vcpus),
		.vm_id = vm_identity(kvm),
		.npt_root_pa = vm->npt.root_pa,
		.npt_list_pa = vm->npt.list_pa,
		.npt_pages = vm->npt.pages,
	};
	mutex_lock(&caretaker_vms_lock);
	list_add(&vm->list, &caretaker_vms);
	mutex_unlock(&caretaker_vms_lock);
	args->serialized_data = __pa(vm->ser);
	args->private_data = vm;
	return 0;

err_free_ser:
	kho_unpreserve_free(vm->ser);
err_free:
	kfree(vm);
	return r;
}

static void vm_unpreserve(struct liveupdate_file_op_args *args)
{
	struct caretaker_vm *vm = args->private_data;

	mutex_lock(&caretaker_vms_lock);
	list_del(&vm->list);
	mutex_unlock(&caretaker_vms_lock);
	if (vm->lost) {
		pr_err("VM %016llx: a vCPU was not given back: %llu KiB of page tables stay\n",
		       vm->ser->vm_id, vm->npt.pages * 4);
	} else {
		caretaker_npt_destroy(&vm->npt);
		kho_unpreserve_free(vm->ser);
	}
	kfree(vm);
}

/* Turns a file descriptor that KVM has just installed into its file. */
static struct file *fd_to_file(int fd)
{
	struct file *file = fget(fd);

	close_fd(fd);
	return file;
}

static int vm_retrieve(struct liveupdate_file_op_args *args)
{
	struct caretaker_vm_ser *ser = phys_to_virt(args->serialized_data);
	struct caretaker_vm *vm;
	int fd;

	if (ser->size < sizeof(*ser))
		return -EINVAL;
	vm = kzalloc_obj(*vm);
	if (!vm)
		return -ENOMEM;
	fd = kvm_dev_ioctl_create_vm(ser->vm_type);
	if (fd < 0) {
		kfree(vm);
		return fd;
	}
	args->file = fd_to_file(fd);
	if (!args->file || !file_is_kvm(args->file)) {
		kfree(vm);
		return -EBADF;
	}
	vm->kvm = args->file->private_data;
	vm->ser = ser;
	vm->npt = (struct caretaker_npt){ ser->npt_root_pa, ser->npt_list_pa, ser->npt_pages };
	vm->incoming = true;
	mutex_lock(&caretaker_vms_lock);
	list_add(&vm->list, &caretaker_vms);
	mutex_unlock(&caretaker_vms_lock);
	return 0;
}

static bool vm_has_orphan(struct kvm *kvm)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;

	kvm_for_each_vcpu(i, vcpu, kvm)
		if (caretaker_of(vcpu) && caretaker_of(vcpu)->orphan)
			return true;
	return false;
}

static bool vm_can_finish(struct liveupdate_file_op_args *args)
{
	struct caretaker_vm_ser *ser = phys_to_virt(args->serialized_data);

	/* Never retrieved: its vCPUs may still run on its tables. */
	if (args->retrieve_status <= 0)
		return !ser->nr_vcpus;
	return !vm_has_orphan(args->file->private_data);
}

static void vm_finish(struct liveupdate_file_op_args *args)
{
	struct caretaker_vm *vm;

	mutex_lock(&caretaker_vms_lock);
	vm = vm_find(NULL, args->serialized_data, true);
	if (vm)
		list_del(&vm->list);
	mutex_unlock(&caretaker_vms_lock);
	if (!vm)
		return;
	caretaker_npt_restore_free(&vm->npt);
	kho_restore_free(vm->ser);
	kfree(vm);
}

static const struct liveupdate_file_ops vm_ops = {
	.can_preserve = vm_can_preserve,
	.preserve = vm_preserve,
	.unpreserve = vm_unpreserve,
	.retrieve = vm_retrieve,
	.can_finish = vm_can_finish,
	.finish = vm_finish,
	.owner = THIS_MODULE,
};

static struct liveupdate_file_handler vm_handler = {
	.ops = &vm_ops,
	.compatible = CARETAKER_VM_COMPATIBLE,
};

/* vCPU files. */

static bool vcpu_can_preserve(struct liveupdate_file_handler *handler, struct file *file)
{
	return file_is_kvm_vcpu(file);
}

static int vcpu_refuse(struct kvm_vcpu *vcpu, int r, const char *why)
{
	pr_err("vCPU %d: not preserved, it runs on in KVM: %s\n", vcpu->vcpu_id, why);
	return r;
}

/* From here to the doorbell the guest stands still. Called with vcpu->mutex held. */
static int vcpu_hand_over(struct kvm_caretaker *ct, struct caretaker_vm *vm)
{
	struct caretaker_block *b = ct->block;
	const char *why;
	int r;

	if (!ct->attached)
		return vcpu_refuse(ct->vcpu, -EOPNOTSUPP, "its Caretaker was removed");
	r = caretaker_svm_export(ct->vcpu, b, vm->npt.root_pa, &why);
	if (r)
		return vcpu_refuse(ct->vcpu, r, why);
	r = caretaker_move(b, KVM_CARETAKER_ATTACHED, KVM_CARETAKER_DETACHING);
	if (r) {
		caretaker_svm_unexport(ct->vcpu, b);
		return vcpu_refuse(ct->vcpu, r, "the Caretaker is not attached");
	}
	b->telemetry->tsc_run = 0;
	r = caretaker_ring(b);
	if (r) {
		caretaker_svm_unexport(ct->vcpu, b);
		caretaker_svm_attach(ct->vcpu, b);
		return vcpu_refuse(ct->vcpu, r, "the pCPU does not take it");
	}
	ct->attached = false;
	WRITE_ONCE(ct->detached, true);
	return 0;
}

static int vcpu_do_preserve(struct kvm_caretaker *ct, struct caretaker_vm *vm)
{
	struct caretaker_block *b = ct->block;
	const char *why;
	int r;

	/* What is refused for good is better refused before a CPU is taken away. */
	r = caretaker_svm_can_export(ct->vcpu, &why);
	if (r == -EOPNOTSUPP)
		return vcpu_refuse(ct->vcpu, r, why);
	b->ser->vm_ser_pa = __pa(vm->ser);
	r = caretaker_block_preserve(b);
	if (r)
		return vcpu_refuse(ct->vcpu, r, "KHO does not take its pages");
	r = cpus_set(b->apic_id, __pa(b->mem));
	if (r)
		goto err_unpreserve;
	r = caretaker_arm(b);
	if (r) {
		vcpu_refuse(ct->vcpu, r, "its pCPU cannot go offline into the Caretaker");
		goto err_cpus;
	}
	r = caretaker_stop(ct, true);
	if (r) {
		vcpu_refuse(ct->vcpu, r, "it does not stop: user space must complete its exit");
		goto err_disarm;
	}
	r = vcpu_hand_over(ct, vm);
	caretaker_go(ct);
	if (r)
		goto err_disarm;
	return 0;

err_disarm:
	caretaker_disarm(b);
err_cpus:
	cpus_set(b->apic_id, 0);
err_unpreserve:
	caretaker_block_unpreserve(b);
	return r;
}

static int vcpu_preserve(struct liveupdate_file_op_args *args)
{
	struct kvm_vcpu *vcpu = args->file->private_data;
	struct kvm_caretaker *ct = caretaker_of(vcpu);
	struct caretaker_vm *vm;
	int r;

	if (!ct || !ct->attached)
		return vcpu_refuse(vcpu, -EOPNOTSUPP,
				   "no Caretaker: install one by KVM_SET_CARETAKER");
	mutex_lock(&caretaker_vms_lock);
	vm = vm_find(vcpu->kvm, 0, false);
	mutex_unlock(&caretaker_vms_lock);
	if (!vm)
		return vcpu_refuse(vcpu, -EINVAL, "its VM is not preserved: preserve that first");
	if (mutex_lock_killable(&ct->lock))
		return -EINTR;
	r = ct->preserved || ct->updating || !ct->attached ? -EBUSY : 0;
	if (!r)
		ct->preserved = true;
	mutex_unlock(&ct->lock);
	if (r)
		return r;
	r = vcpu_do_preserve(ct, vm);
	if (r) {
		ct->preserved = false;
		return r;
	}
	args->serialized_data = __pa(ct->block->mem);
	args->private_data = vm;
	return 0;
}

/* Cancel: the other half of vcpu_hand_over(). Called with vcpu->mutex held. */
static int vcpu_take_back(struct kvm_caretaker *ct)
{
	struct caretaker_block *b = ct->block;
	int r = caretaker_reclaim(b);

	if (!r)
		r = caretaker_svm_import(ct->vcpu, b);
	if (r)
		return r;
	b->telemetry->tsc_adopt = rdtsc();
	caretaker_svm_attach(ct->vcpu, b);
	caretaker_move(b, KVM_CARETAKER_PARKED, KVM_CARETAKER_ATTACHED);
	WRITE_ONCE(ct->detached, false);
	ct->attached = true;
	return 0;
}

static void vcpu_unpreserve(struct liveupdate_file_op_args *args)
{
	struct kvm_vcpu *vcpu = args->file->private_data;
	struct kvm_caretaker *ct = caretaker_of(vcpu);
	struct caretaker_vm *vm = args->private_data;
	struct caretaker_block *b = ct->block;
	int r;

	mutex_lock(&vcpu->mutex);
	r = vcpu_take_back(ct);
	if (r == -EIO)
		caretaker_give_up(ct);
	mutex_unlock(&vcpu->mutex);
	cpus_set(b->apic_id, 0);
	if (r && !ct->lost) {
		pr_err("vCPU %d: not taken back: error %d\n", vcpu->vcpu_id, r);
		vm->lost = true;
		return;
	}
	if (!r)
		caretaker_pcpu_return_later(b);
	caretaker_block_unpreserve(b);
	ct->preserved = false;
}

static int vcpu_freeze(struct liveupdate_file_op_args *args)
{
	struct kvm_caretaker *ct = caretaker_of(args->file->private_data);
	u32 state = READ_ONCE(ct->block->ccb->state);

	return state == KVM_CARETAKER_RUNNING || state == KVM_CARETAKER_STALLED ? 0 : -EIO;
}

static struct kvm_caretaker *orphan_create(struct kvm_vcpu *vcpu, struct caretaker_block *b)
{
	struct kvm_caretaker *ct = kzalloc_obj(*ct, GFP_KERNEL_ACCOUNT);

	if (!ct)
		return NULL;
	mutex_init(&ct->lock);
	ct->vcpu = vcpu;
	ct->block = b;
	ct->vm_id = b->ser->vm_id;
	ct->pcpu = b->pcpu;
	ct->orphan = true;
	return ct;
}

static struct file *orphan_create_vcpu(struct caretaker_block *b, struct kvm *kvm)
{
	struct kvm_caretaker *ct;
	struct kvm_vcpu *vcpu;
	struct file *file;
	int fd;

	fd = kvm_vm_ioctl_create_vcpu(kvm, b->ser->vcpu_id);
	if (fd < 0)
		return ERR_PTR(fd);
	file = fd_to_file(fd);
	if (!file || !file_is_kvm_vcpu(file))
		return ERR_PTR(-EBADF);
	vcpu = file->private_data;
	ct = orphan_create(vcpu, b);
	if (!ct || cmpxchg(&vcpu->caretaker, NULL, ct)) {
		kfree(ct);
		fput(file);
		return ERR_PTR(-ENOMEM);
	}
	return file;
}

static struct kvm *vcpu_find_vm(u64 vm_ser_pa)
{
	struct caretaker_vm *vm;

	guard(mutex)(&caretaker_vms_lock);
	vm = vm_find(NULL, vm_ser_pa, true);
	return vm ? vm->kvm : NULL;
}

static int vcpu_retrieve(struct liveupdate_file_op_args *args)
{
	struct caretaker_vcpu_ser *ser = phys_to_virt(args->serialized_data);
	struct kvm *kvm = vcpu_find_vm(ser->vm_ser_pa);
	struct caretaker_block *b;
	struct file *file;

	if (!kvm || kvm->mm != current->mm) {
		pr_err("vCPU %u: retrieve its VM first, in the same process\n", ser->vcpu_id);
		return -EINVAL;
	}
	b = caretaker_block_restore(args->serialized_data);
	if (IS_ERR(b)) {
		pr_err("vCPU %u: its Caretaker cannot be taken over: error %ld\n", ser->vcpu_id,
		       PTR_ERR(b));
		return PTR_ERR(b);
	}
	file = orphan_create_vcpu(b, kvm);
	if (IS_ERR(file))
		return PTR_ERR(file);
	args->file = file;
	return 0;
}

static bool vcpu_can_finish(struct liveupdate_file_op_args *args)
{
	struct kvm_vcpu *vcpu;

	if (args->retrieve_status <= 0)
		return false;
	vcpu = args->file->private_data;
	return !caretaker_of(vcpu) || !caretaker_of(vcpu)->orphan;
}

static void vcpu_finish(struct liveupdate_file_op_args *args)
{
}

static const struct liveupdate_file_ops vcpu_ops = {
	.can_preserve = vcpu_can_preserve,
	.preserve = vcpu_preserve,
	.unpreserve = vcpu_unpreserve,
	.freeze = vcpu_freeze,
	.retrieve = vcpu_retrieve,
	.can_finish = vcpu_can_finish,
	.finish = vcpu_finish,
	.owner = THIS_MODULE,
};

static struct liveupdate_file_handler vcpu_handler = {
	.ops = &vcpu_ops,
	.compatible = CARETAKER_VCPU_COMPATIBLE,
};

static int __init caretaker_luo_init(void)
{
	int r;

	if (!liveupdate_enabled()) {
		pr_info("boot with kho=on liveupdate=on to preserve VMs\n");
		return 0;
	}
	r = liveupdate_register_file_handler(&vm_handler);
	if (!r)
		r = liveupdate_register_file_handler(&vcpu_handler);
	if (!r)
		r = liveupdate_register_flb(&vcpu_handler, &cpus_flb);
	if (r)
		pr_err("cannot register with LUO: error %d\n", r);
	return r;
}
late_initcall(caretaker_luo_init);
