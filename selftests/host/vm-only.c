// SPDX-License-Identifier: GPL-2.0
/* A VM with one vCPU that does nothing, for tests of what tools say of it. It stays. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int main(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm, vcpu;

	vm = kvm < 0 ? -1 : ioctl(kvm, KVM_CREATE_VM, 0);
	vcpu = vm < 0 ? -1 : ioctl(vm, KVM_CREATE_VCPU, 0);
	if (vcpu < 0) {
		printf("no vCPU: %s\n", strerror(errno));
		return 1;
	}
	puts("ready");
	fflush(stdout);
	pause();
	return 0;
}
