# SPDX-License-Identifier: GPL-2.0
#
# For every room's Makefile: "include ../mk/common.mk" at its top. It sets
#   top OUT KOUT            the clone, the output directory, the kernel's result (kernel/build)
#   O                       this room's own output directory, $(OUT)/<room>
#   CC CLANG CFLAGS BPF_CFLAGS LDFLAGS
#   UAPI_CFLAGS             our uapi headers first, then those of the kernel that was built
#   LIBBPF_CFLAGS LIBBPF_LIBS BPFTOOL VMLINUX_H VMLINUX
#   $(call msg,WHAT,NAME)   one short line; V=1 shows the commands instead
#   $(Q)                    "@", or nothing with V=1

top := $(abspath $(dir $(lastword $(MAKEFILE_LIST)))/..)
OUT ?= $(top)/out
# One that is relative is so to the clone, in all rooms and scripts
override OUT := $(if $(filter /%,$(OUT)),$(OUT),$(top)/$(OUT))
export OUT
KOUT ?= $(OUT)/kernel/fast
room := $(patsubst $(top)/%,%,$(CURDIR))
O := $(OUT)/$(room)

ifeq ($(V),1)
Q :=
msg =
else
Q := @
msg = @printf '  %-8s %s\n' "$(1)" "$(patsubst $(top)/%,%,$(2))"
MAKEFLAGS += --no-print-directory
endif

ifeq ($(origin CC),default)
CC := gcc
endif
CLANG ?= clang
LLVM_STRIP ?= llvm-strip

WARN := -Wall -Wextra -Werror -Wno-unused-parameter
CFLAGS ?= -O2 -g
override CFLAGS += -std=gnu11 $(WARN)

UAPI_CFLAGS := -I$(top)/include/uapi -isystem $(KOUT)/usr/include

BPFTOOL ?= $(KOUT)/bpftool
VMLINUX := $(KOUT)/vmlinux
VMLINUX_H := $(KOUT)/vmlinux.h
LIBBPF_CFLAGS := -isystem $(KOUT)/libbpf/include
LIBBPF_LIBS := $(KOUT)/libbpf/libbpf.a -lelf -lz
BPF_CFLAGS := -target bpf -mcpu=v3 -O2 -g -Wall -Werror -I$(KOUT) $(LIBBPF_CFLAGS)

.DELETE_ON_ERROR:
.SECONDARY:
