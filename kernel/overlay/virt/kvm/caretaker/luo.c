// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker: file handlers of the Live Update Orchestrator for VM and vCPU files.
 *
 * Order for a VMM, in one session: guest memory (memfd), VM, each vCPU. Preserving a vCPU takes
 * its pCPU out of the host, while the vCPU still runs in KVM; preserving the last one detaches
 * all of them together (group.c). Closing the session undoes it (cancel).
 *
 * Next kernel: retrieve the memory, the VM, then each vCPU. The guest runs on all the time. The
 * first KVM_RUN on the retrieved vCPUs adopts them. FINISH is refused before that.
 */
#define pr_fmt(fmt) "caretaker: " fmt

#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/kexec_handover.h>
#include <linux/list.h>
#include <linux/liveupdate.h>
#include <linux/random.h>
#include <linux/slab.h>

#include <trace/events/kvm_caretaker.h>

#include "caretaker.h"

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
 * caretaker_vm_get - the retrieved VM that belongs to a KVM VM
 * @kvm:	the VM
 *
 * Return: it, with a reference to be dropped by caretaker_vm_put(), or NULL.
 */
struct caretaker_vm *caretaker_vm_get(struct kvm *kvm)
{
	struct caretaker_vm *vm;

	guard(mutex)(&caretaker_vms_lock);
	vm = vm_find(kvm, 0, true);
	if (vm)
		refcount_inc(&vm->ref);
	return vm;
}

/**
 * caretaker_vm_put - drop a reference
 * @vm:		the VM or NULL
 */
void caretaker_vm_put(struct caretaker_vm *vm)
{
	if (vm && refcount_dec_and_test(&vm->ref))
		kfree(vm);
}

static struct caretaker_vm *vm_alloc(unsigned int nr_vcpus, bool incoming)
{
	struct caretaker_vm *vm = kzalloc_obj(*vm);

	if (!vm)
		return NULL;
	refcount_set(&vm->ref, 1);
	spin_lock_init(&vm->lock);
	init_waitqueue_head(&vm->wait);
	vm->nr_vcpus = nr_vcpus;
	vm->incoming = incoming;
	return vm;
}

static void vm_list_add(struct caretaker_vm *vm)
{
	guard(mutex)(&caretaker_vms_lock);
	list_add(&vm->list, &caretaker_vms);
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

static void *peers_alloc(unsigned int nr_vcpus)
{
	struct kvm_caretaker_peers *peers = kho_alloc_preserve(PAGE_SIZE);

	if (IS_ERR(peers))
		return peers;
	peers->size = sizeof(*peers);
	peers->nr = nr_vcpus;
	return peers;
}

static void vm_fill_ser(struct caretaker_vm *vm)
{
	*vm->ser = (struct caretaker_vm_ser){
		.size = sizeof(*vm->ser),
		.nr_vcpus = vm->nr_vcpus,
		.vm_id = vm_identity(vm->kvm),
		.npt_root_pa = vm->npt.root_pa,
		.npt_list_pa = vm->npt.list_pa,
		.npt_pages = vm->npt.pages,
		.peers_pa = __pa(vm->peers),
	};
}

static int vm_preserve(struct liveupdate_file_op_args *args)
{
	struct kvm *kvm = args->file->private_data;
	unsigned int nr = atomic_read(&kvm->online_vcpus);
	struct caretaker_vm *vm;
	int r;

	if (!nr || nr > KVM_CARETAKER_NR_PEERS) {
		pr_err("VM not preserved: it has %u vCPUs, 1 to %u can be carried\n", nr,
		       KVM_CARETAKER_NR_PEERS);
		return -EOPNOTSUPP;
	}
	vm = vm_alloc(nr, false);
	if (!vm)
		return -ENOMEM;
	vm->kvm = kvm;
	vm->ser = kho_alloc_preserve(PAGE_SIZE);
	if (IS_ERR(vm->ser)) {
		r = PTR_ERR(vm->ser);
		goto err_free;
	}
	vm->peers = peers_alloc(nr);
	if (IS_ERR(vm->peers)) {
		r = PTR_ERR(vm->peers);
		goto err_free_ser;
	}
	r = caretaker_npt_build(kvm, &vm->npt);
	if (r)
		goto err_free_peers;
	vm_fill_ser(vm);
	vm_list_add(vm);
	trace_caretaker_preserve(vm->ser->vm_id, nr, vm->npt.pages);
	args->serialized_data = __pa(vm->ser);
	args->private_data = vm;
	return 0;

err_free_peers:
	kho_unpreserve_free(vm->peers);
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
		pr_err("VM %016llx: a vCPU was not given back: all guest memory and %llu KiB of page tables stay in use\n",
		       vm->ser->vm_id, vm->npt.pages * 4);
		caretaker_npt_pin(&vm->npt);
	} else {
		caretaker_npt_destroy(&vm->npt);
		kho_unpreserve_free(vm->peers);
		kho_unpreserve_free(vm->ser);
	}
	caretaker_vm_put(vm);
}

static bool vm_all_detached(struct kvm *kvm)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;

	kvm_for_each_vcpu(i, vcpu, kvm)
		if (!caretaker_of(vcpu) || !caretaker_of(vcpu)->detached)
			return false;
	return true;
}

/* Half a VM must not cross: what is not detached would be lost. */
static int vm_freeze(struct liveupdate_file_op_args *args)
{
	struct caretaker_vm *vm = args->private_data;

	if (vm->detached && atomic_read(&vm->kvm->online_vcpus) == vm->nr_vcpus &&
	    vm_all_detached(vm->kvm))
		return 0;
	pr_err("VM %016llx: kexec refused: not all of its %u vCPUs are preserved: preserve the rest, or close the session\n",
	       vm->ser->vm_id, vm->nr_vcpus);
	return -EBUSY;
}

/* Turns a file descriptor that KVM has just installed into its file. */
static struct file *fd_to_file(int fd)
{
	struct file *file = fget(fd);

	close_fd(fd);
	return file;
}

static int vm_check_ser(const struct caretaker_vm_ser *ser)
{
	const struct kvm_caretaker_peers *peers;

	if (ser->size < sizeof(*ser) || !ser->nr_vcpus ||
	    ser->nr_vcpus > KVM_CARETAKER_NR_PEERS || !ser->peers_pa ||
	    !IS_ALIGNED(ser->peers_pa, PAGE_SIZE) || !pfn_valid(PHYS_PFN(ser->peers_pa)))
		return -EINVAL;
	peers = phys_to_virt(ser->peers_pa);
	return peers->size == sizeof(*peers) && peers->nr == ser->nr_vcpus ? 0 : -EINVAL;
}

static int vm_retrieve(struct liveupdate_file_op_args *args)
{
	struct caretaker_vm_ser *ser = phys_to_virt(args->serialized_data);
	struct caretaker_vm *vm;
	int fd, r = vm_check_ser(ser);

	if (r)
		return r;
	vm = vm_alloc(ser->nr_vcpus, true);
	if (!vm)
		return -ENOMEM;
	r = kvm_dev_ioctl_create_vm(ser->vm_type);
	if (r < 0)
		goto err_free;
	fd = r;
	args->file = fd_to_file(fd);
	r = -EBADF;
	if (!args->file || !file_is_kvm(args->file))
		goto err_free;
	vm->kvm = args->file->private_data;
	vm->ser = ser;
	vm->peers = phys_to_virt(ser->peers_pa);
	vm->npt = (struct caretaker_npt){ ser->npt_root_pa, ser->npt_list_pa, ser->npt_pages };
	vm_list_add(vm);
	return 0;

err_free:
	kfree(vm);
	return r;
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
	kho_restore_free(vm->peers);
	kho_restore_free(vm->ser);
	caretaker_vm_put(vm);
}

static const struct liveupdate_file_ops vm_ops = {
	.can_preserve = vm_can_preserve,
	.preserve = vm_preserve,
	.unpreserve = vm_unpreserve,
	.freeze = vm_freeze,
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

/* The pCPU leaves the host and waits; the vCPU runs on in KVM. */
static int vcpu_arm(struct kvm_caretaker *ct, struct caretaker_vm *vm)
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
	r = caretaker_cpus_set(b->apic_id, __pa(b->mem));
	if (r)
		goto err_unpreserve;
	r = caretaker_arm(b);
	if (r) {
		vcpu_refuse(ct->vcpu, r, "its pCPU cannot go offline into the Caretaker");
		goto err_cpus;
	}
	ct->armed = true;
	return 0;

err_cpus:
	caretaker_cpus_set(b->apic_id, 0);
err_unpreserve:
	caretaker_block_unpreserve(b);
	return r;
}

/*
 * Undoes vcpu_arm(), after a cancel too. What did not come back stays as it is, but kexec must
 * not carry it: the CPU stays owned, which refuses kexec.
 */
static void vcpu_disarm(struct kvm_caretaker *ct)
{
	struct caretaker_block *b = ct->block;

	if (ct->armed)
		caretaker_disarm(b);
	ct->armed = false;
	caretaker_cpus_set(b->apic_id, 0);
	caretaker_block_set_peers(b, NULL, 0);
	if (ct->detached && !ct->lost)
		return;
	caretaker_block_unpreserve(b);
	ct->preserved = false;
}

static bool vm_all_armed(struct kvm *kvm)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;

	kvm_for_each_vcpu(i, vcpu, kvm)
		if (!caretaker_of(vcpu) || !caretaker_of(vcpu)->armed)
			return false;
	return true;
}

/* Other vCPUs may have been handed over for a moment and be prepared but for their pCPU. */
static int vm_rearm(struct caretaker_vm *vm, const struct kvm_caretaker *self)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;
	int r;

	kvm_for_each_vcpu(i, vcpu, vm->kvm) {
		struct kvm_caretaker *ct = caretaker_of(vcpu);

		if (!ct || ct == self || !ct->preserved || ct->armed || ct->detached)
			continue;
		r = caretaker_arm(ct->block);
		if (r)
			return vcpu_refuse(vcpu, r, "its pCPU cannot go offline again");
		ct->armed = true;
	}
	return 0;
}

static int vcpu_do_preserve(struct kvm_caretaker *ct, struct caretaker_vm *vm)
{
	int r;

	r = vm_rearm(vm, ct);
	if (!r)
		r = vcpu_arm(ct, vm);
	if (r)
		return r;
	if (!vm_all_armed(vm->kvm))
		return 0;
	r = caretaker_vm_hand_over(vm);
	if (r)
		vcpu_disarm(ct);
	return r;
}

static int vcpu_preserve(struct liveupdate_file_op_args *args)
{
	struct kvm_vcpu *vcpu = args->file->private_data;
	struct kvm_caretaker *ct = caretaker_of(vcpu);
	struct caretaker_vm *vm;
	bool updating;
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
	updating = ct->updating;
	r = ct->preserved || updating || !ct->attached ? -EBUSY : 0;
	if (!r)
		ct->preserved = true;
	mutex_unlock(&ct->lock);
	if (updating)
		return vcpu_refuse(vcpu, r, "its payload or handlers are being replaced: try again");
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

static void vcpu_unpreserve(struct liveupdate_file_op_args *args)
{
	struct kvm_vcpu *vcpu = args->file->private_data;
	struct caretaker_vm *vm = args->private_data;

	if (vm->detached)
		caretaker_vm_take_back(vm);
	vcpu_disarm(caretaker_of(vcpu));
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
	if (!ct || caretaker_publish(ct)) {
		kfree(ct);
		fput(file);
		return ERR_PTR(-ENOMEM);
	}
	return file;
}

static struct caretaker_vm *vcpu_find_vm(u64 vm_ser_pa)
{
	guard(mutex)(&caretaker_vms_lock);
	return vm_find(NULL, vm_ser_pa, true);
}

static int vcpu_retrieve(struct liveupdate_file_op_args *args)
{
	struct caretaker_vcpu_ser *ser = phys_to_virt(args->serialized_data);
	struct caretaker_vm *vm = vcpu_find_vm(ser->vm_ser_pa);
	struct caretaker_block *b;
	struct file *file;

	if (!vm || vm->kvm->mm != current->mm) {
		pr_err("vCPU %u: retrieve its VM first, in the same process\n", ser->vcpu_id);
		return -EINVAL;
	}
	b = caretaker_block_restore(args->serialized_data);
	if (IS_ERR(b)) {
		pr_err("vCPU %u: its Caretaker cannot be taken over: error %ld\n", ser->vcpu_id,
		       PTR_ERR(b));
		return PTR_ERR(b);
	}
	if (b->ccb->self >= vm->nr_vcpus)
		return -EINVAL;
	b->peers = vm->peers;
	caretaker_forward(b);
	file = orphan_create_vcpu(b, vm->kvm);
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
		r = liveupdate_register_flb(&vcpu_handler, &caretaker_cpus_flb);
	if (r)
		pr_err("cannot register with LUO: error %d\n", r);
	return r;
}
late_initcall(caretaker_luo_init);
