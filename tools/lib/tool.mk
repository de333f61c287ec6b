# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#
# Rules of a tool's Makefile, which sets TOOL, SRCS and LDLIBS and includes common.mk before this.

OBJS := $(SRCS:%.c=$(O)/%.o)
CTOOLS := $(OUT)/tools/lib/libctools.a

.PHONY: all clean test FORCE
all: $(O)/$(TOOL)

# Static: it has to run where there is nothing but a kernel
$(O)/$(TOOL): $(OBJS) $(CTOOLS)
	$(call msg,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -static -o $@ $(OBJS) $(CTOOLS) $(LDLIBS)

$(O)/%.o: %.c | $(O)
	$(call msg,CC,$@)
	$(Q)$(CC) $(UAPI_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# The same with sanitizers, for the tests
include ../lib/srcs.mk
LIB_SRCS := $(addprefix ../lib/,$(CTOOLS_SRCS))
SANITIZE := -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all

$(O)/$(TOOL)-asan: $(SRCS) $(LIB_SRCS) $(ITER_SKEL) $(wildcard *.h ../lib/*.h) | $(O)
	$(call msg,CC,$@)
	$(Q)$(CC) $(UAPI_CFLAGS) $(CTOOLS_CFLAGS) $(CFLAGS) $(SANITIZE) -o $@ $(SRCS) $(LIB_SRCS) $(LDLIBS)

test: all $(O)/$(TOOL)-asan
	$(Q)python3 tests/test_$(TOOL).py $(O)/$(TOOL) $(O)/$(TOOL)-asan

$(CTOOLS) $(ITER_SKEL): FORCE
	$(Q)$(MAKE) -C ../lib

$(O):
	$(Q)mkdir -p $@

clean:
	$(Q)rm -rf $(O)

-include $(OBJS:.o=.d)
