# SPDX-License-Identifier: GPL-2.0
#
# "make help" lists the targets. Each room has its own Makefile; outputs go to out/.

include mk/common.mk

LOG := $(OUT)/log

# In the order in which they need each other
rooms := payload-core bpf-handlers verifier-ext lib tools selftests
present := $(patsubst %/Makefile,%,$(wildcard $(addsuffix /Makefile,$(rooms))))

# What a room needs before it can be built
kernel_users := $(filter bpf-handlers lib tools selftests,$(present))

.DEFAULT_GOAL := help
.PHONY: help deps kernel kernel-debug payload handlers lib tools all demo test bench fuzz check smoke
.PHONY: shell gdb qemu qemu-try clean distclean $(present)

##@ Build
help:	## this list
	@awk -F ':.*## ' '/^##@/ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@printf '\nV=1 shows all commands. OUT=DIR puts the output elsewhere (default out/).\n'
	@printf 'make fuzz FUZZ="-n PROGRAMS -s SEED -t SECS": see scripts/fuzz -h.\n'
	@printf 'CARETAKER_CACHE=DIR keeps downloads and kernels (default /var/cache/caretaker).\n'

deps:	## install the Debian packages that are missing
	$(Q)scripts/install-deps

kernel: deps	## the two kernels a and b, bpftool, libbpf, headers
	$(Q)kernel/build fast

kernel-debug: deps	## the same with KASAN and lockdep
	$(Q)kernel/build -1 debug

qemu: deps	## the test hosts' emulator: QEMU with its SVM emulation repaired
	$(Q)scripts/qemu-build

# Without it test hosts run under the system's QEMU, which scripts/qemu-build then says
qemu-try: deps
	$(Q)scripts/qemu-build -o

$(kernel_users): kernel
$(present): deps
	$(Q)$(MAKE) -C $@

tools selftests: $(filter lib,$(present))
selftests tools: $(filter payload-core bpf-handlers verifier-ext,$(present))

payload: $(filter payload-core,$(present))	## the payload core (freestanding ELF)

handlers: $(filter bpf-handlers,$(present))	## the exit handlers (BPF)

all: $(present)	## everything but the kernels' debug variant

##@ Run
demo: all qemu-try	## a Debian guest runs on while its host is replaced by kexec
	$(Q)scripts/demo

test: deps	## all tests; the last line is the sum
	$(Q)scripts/test-build
	$(Q)$(MAKE) smoke
	$(Q)selftests/run

bench: all qemu-try	## instructions per exit; CPU time of the tools at 500 vCPUs
	$(Q)$(MAKE) -C selftests/bench
	$(Q)selftests/bench/run
	$(Q)$(MAKE) -C tools bench

fuzz: $(filter verifier-ext selftests tools,$(present))	## a million random programs through the compiler; libFuzzer
	$(Q)$(MAKE) -C verifier-ext fuzzers
	$(Q)$(MAKE) -C tools/lib fuzzers
	$(Q)scripts/fuzz $(FUZZ)

smoke: kernel	## do both kernels boot, the second one by kexec?
	$(Q)scripts/smoke fast

shell: kernel	## a shell in a test host
	$(Q)scripts/host-shell

gdb: kernel	## gdb on a test host that was started with scripts/host-shell -g
	$(Q)scripts/host-gdb

##@ Care
check: deps	## include rules, licences, patches, shell scripts, style
	$(Q)scripts/check

clean:	## remove out/, but not the cache
	$(Q)rm -rf $(OUT)

distclean: clean	## remove the cache as well: the next kernel build starts from nothing
	$(Q)scripts/cache-remove
