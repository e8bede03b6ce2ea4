# Helctic's build. `make help` lists the targets.
ARCH ?= x86_64
BUILD := build
OUT := $(BUILD)/$(ARCH)
HOST := $(BUILD)/host
VERSION := 0.1.0

CCACHE := $(shell command -v ccache 2>/dev/null)
CLANG := clang-19
CC := $(CCACHE) $(CLANG)
LD := ld.lld-19
AR := llvm-ar-19
NM := llvm-nm-19
OBJCOPY := llvm-objcopy-19

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

include tools/make/setup.mk
include tools/make/toolchain.mk
include tools/make/zlib.mk
include tools/make/kernel.mk
include tools/make/vdso.mk
include tools/make/user.mk
include tools/make/unit.mk
include tools/make/coverage.mk
-include $(sort $(wildcard */module.mk tools/*/module.mk tests/*/module.mk))

.PHONY: all kernel help clean format check-layers
all: kernel ## build the kernel, the native programs and the host command

kernel: $(OUT)/helctic.elf $(if $(filter aarch64,$(ARCH)),$(OUT)/Image) ## build helctic.elf and the two libraries (ARCH=x86_64|aarch64|riscv64)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-zA-Z_-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

clean: ## remove all that was built
	rm -rf $(BUILD)

SOURCES_TO_FORMAT = $(shell git ls-files '*.c' '*.h')
format: ## format all C sources with clang-format
	clang-format-19 -i $(SOURCES_TO_FORMAT)
