# SPDX-License-Identifier: Apache-2.0
#
# One makefile, no configure step. Everything is made below $(BUILD). `make help` lists the targets.
#
# SAN=1: ASan and UBSan; BUILD=DIR: another place; FOLDERS=base: only this one; config.mak: local settings (CC = gcc-14)
#
# Each folder becomes a static library and binaries take only the objects that they need: this is what keeps the heavy
# libraries of `transfer` out of `dhow`, whose start must cost less than a millisecond.

-include config.mak
# `make V=1` shows whole commands
Q := $(if $(V),,@)
begin = @mkdir -p $(@D)$(if $(V),, && echo '  $(1) $@')
, := ,

FUZZING := $(filter fuzz,$(MAKECMDGOALS))
ifeq ($(origin CC),default)
CC := $(if $(FUZZING),clang,gcc)
endif
BUILD ?= $(if $(FUZZING),build-fuzz,$(if $(SAN),build-san,build))
PREFIX ?= /usr/local
LIBEXECDIR ?= $(PREFIX)/libexec/dhow
VERSION := 0.1.0

# --- flags (R29) ---
WARN := -Wall -Wextra -Werror -Wmissing-prototypes -Wstrict-prototypes -Wshadow -Wformat=2 -Wvla -Wpointer-arith \
	-Wwrite-strings -Wno-unused-parameter -Wno-missing-field-initializers $(if $(FUZZING),-Wno-error)
SANITIZERS := -fsanitize=address -fsanitize=undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
SANITIZE := $(if $(SAN)$(FUZZING),$(SANITIZERS))
SANITIZE += $(if $(FUZZING),-fsanitize=fuzzer-no-link)
CF := $(if $(filter x86_64 i%86,$(shell uname -m)),-fcf-protection)
HARDEN := -fstack-protector-strong -fstack-clash-protection $(CF) -fno-strict-aliasing \
	$(if $(strip $(SANITIZE)),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
have = $(shell pkg-config --exists $(1) 2>/dev/null && echo 1)
HAVE_ISAL := $(call have,libisal)

CPPFLAGS_ALL := -I. -D_GNU_SOURCE -DDHOW_VERSION='"$(VERSION)"' -DDHOW_LIBEXEC_DIR='"$(LIBEXECDIR)"' \
	$(if $(HAVE_ISAL),-DHAVE_ISAL=1) $(CPPFLAGS)
CFLAGS_ALL := -std=gnu11 -O2 -g $(WARN) $(HARDEN) $(SANITIZE) $(CFLAGS)
LDFLAGS_ALL := -Wl,-z,relro,-z,now -Wl,-z,noexecstack -Wl,--as-needed -Wl,--gc-sections $(SANITIZE) $(LDFLAGS)
BANNED := -include base/banned.h
COMPILE = $(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -ffunction-sections -fdata-sections -MMD -MP -c

# what starts often is one file: loading libraries costs more than most commands (libcrypto gives sha256 only)
STATIC := $(if $(SAN)$(FUZZING),-pie,-static-pie)
STATIC_LIBS := -Wl,-Bstatic -ljansson -lseccomp -lcrypto $(if $(SAN)$(FUZZING),-Wl$(,)-Bdynamic)
DHOW_LIBS := -ljansson -lseccomp -lcrypto
TRANSFER_LIBS := -lcurl -larchive -lzstd -lbz2 -llzma $(if $(HAVE_ISAL),-lisal) $(if $(call have,zlib),-lz) -lgpgme -lsodium -lncursesw -ltinfo

# --- what there is; folders from the left to the right of use, so that one pass of the linker is enough ---
FOLDERS := cli engine network storage rootless units base
MAINS := cli/main.c cli/ui_main.c rootless/host_main.c units/quadlet_main.c $(wildcard engine/*/*_main.c)
sources = $(filter-out $(MAINS),$(wildcard $(1)/*.c $(1)/*/*.c))
objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
LIBS := $(FOLDERS:%=$(BUILD)/lib%.a)
ENGINE_LIBS := $(filter-out %/libcli.a,$(LIBS))

BINARIES := $(BUILD)/dhow $(BUILD)/dhow-runtime $(patsubst %,$(BUILD)/libexec/dhow/%,transfer signature monitor init host quadlet ui)
UNIT_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(wildcard tests/unit/test-*.c))
FUZZ_CORPUS := $(patsubst tests/fuzz/%.c,$(BUILD)/tests/fuzz/%,$(wildcard tests/fuzz/fuzz-*.c))
KERNEL_TESTS := $(patsubst tests/kernel/%.c,$(BUILD)/tests/kernel/%,$(wildcard tests/kernel/*.c))

.PHONY: deps-test all docs help check check-all check-vm check-includes unit corpus tests fuzz lint install deb deps demo bench clean force
.DELETE_ON_ERROR .SECONDARY:

all: $(LIBS) $(BINARIES)

help:
	@echo 'make                       build $(BUILD)/dhow and its helpers'
	@echo 'make check [T=FILE]        tests that take about a minute; T= runs one file'
	@echo 'make check-all check-vm    all tests; those that need systemd, in a virtual machine (tests/vm.sh)'
	@echo 'make unit [T=NAME]         unit tests; T=parse runs test-parse'
	@echo 'make fuzz F=NAME           fuzz one parser with clang (FUZZ_ARGS=-max_total_time=60)'
	@echo 'make check-includes lint   direction of includes; format and static checks'
	@echo 'make deps                  install what building and running needs (Debian, as root)'
	@echo 'make install deb demo bench docs clean; install DOCKER=1 also makes the name docker'

# --- objects and libraries ---
# the command line of the compiler is remembered: other flags make everything anew, another makefile does not
$(BUILD)/flags: force
	@mkdir -p $(@D)
	@echo '$(subst ','\'',$(COMPILE) $(BANNED))' | cmp -s - $@ || echo '$(subst ','\'',$(COMPILE) $(BANNED))' >$@

$(BUILD)/obj/tests/%.o: tests/%.c $(BUILD)/flags
	$(call begin,CC)
	$(Q)$(COMPILE) -fPIE -o $@ $<

$(BUILD)/obj/%.o: %.c $(BUILD)/flags
	$(call begin,CC)
	$(Q)$(COMPILE) $(BANNED) -fPIE -o $@ $<

# written beside and renamed: several makes in one tree do not see half a library
define library
$(BUILD)/lib$(1).a: $(call objects,$(call sources,$(1)))
	@mkdir -p $$(@D)
	@rm -f $$@.$$$$$$$$ && ar rcsD $$@.$$$$$$$$ $$^ && mv $$@.$$$$$$$$ $$@
endef
$(foreach folder,$(FOLDERS),$(eval $(call library,$(folder))))

# --- binaries ---
$(BUILD)/dhow: $(BUILD)/obj/cli/main.o $(LIBS)
$(BUILD)/dhow-runtime: $(BUILD)/obj/engine/runtime/runtime_main.o $(ENGINE_LIBS)
$(BUILD)/dhow $(BUILD)/dhow-runtime:
	$(call begin,LINK)
	$(Q)$(CC) $(STATIC) $(LDFLAGS_ALL) -o $@ $^ $(STATIC_LIBS)

$(BUILD)/libexec/dhow/transfer $(BUILD)/libexec/dhow/signature: $(BUILD)/libexec/dhow/%: $(BUILD)/obj/engine/image/%_main.o $(ENGINE_LIBS)
$(BUILD)/libexec/dhow/host: $(BUILD)/obj/rootless/host_main.o $(BUILD)/librootless.a $(BUILD)/libbase.a
$(BUILD)/libexec/dhow/ui: $(BUILD)/obj/cli/ui_main.o $(LIBS)
$(BUILD)/libexec/dhow/transfer $(BUILD)/libexec/dhow/signature $(BUILD)/libexec/dhow/host $(BUILD)/libexec/dhow/ui:
	$(call begin,LINK)
	$(Q)$(CC) -pie $(LDFLAGS_ALL) -o $@ $^ $(DHOW_LIBS) $(TRANSFER_LIBS)

# one per running container, and nothing that it maps is shared with anybody else: so it has no C library where its file
# monitor_main.c knows the processor, which is 60 KB of memory instead of 700
MONITOR_OBJECTS := $(patsubst %.c,$(BUILD)/small/%.o,$(wildcard engine/monitor/monitor_*.c) base/record_format.c)
FREESTANDING := $(if $(SAN)$(FUZZING),,$(filter x86_64 aarch64,$(shell $(CC) -dumpmachine | cut -d- -f1)))
SMALL_FLAGS := -Os $(if $(FREESTANDING),-DMONITOR_FREESTANDING=1 -ffreestanding -U_FORTIFY_SOURCE \
	-fno-tree-loop-distribute-patterns -mstack-protector-guard=global)
SMALL_LINK := $(if $(FREESTANDING),-static-pie -nostdlib -Wl$(,)-z$(,)noseparate-code,$(if $(SAN),-pie,-static-pie))
$(BUILD)/small/%.o: %.c $(BUILD)/flags
	$(call begin,CC)
	$(Q)$(COMPILE) $(BANNED) $(SMALL_FLAGS) -fPIE -o $@ $<

$(BUILD)/libexec/dhow/monitor: $(MONITOR_OBJECTS) $(if $(FREESTANDING),,$(ENGINE_LIBS))
	$(call begin,LINK)
	$(Q)$(CC) $(SMALL_LINK) $(LDFLAGS_ALL) -o $@ $^

# pid 1 of a container with --init can use nothing of the image, so it brings its C library; a generator must not wait for a loader
$(BUILD)/libexec/dhow/init: $(BUILD)/obj/engine/runtime/init_main.o
$(BUILD)/libexec/dhow/quadlet: $(BUILD)/obj/units/quadlet_main.o $(BUILD)/libunits.a $(BUILD)/libbase.a
$(BUILD)/libexec/dhow/init $(BUILD)/libexec/dhow/quadlet:
	$(call begin,LINK)
	$(Q)$(CC) $(if $(SAN)$(FUZZING),-pie,-static-pie) $(LDFLAGS_ALL) -o $@ $^

# --- tests ---
$(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(LIBS)
	$(call begin,LINK)
	$(Q)$(CC) -pie $(LDFLAGS_ALL) -o $@ $^ -lcmocka $(DHOW_LIBS) $(TRANSFER_LIBS)

# with clang a real fuzzer, else a program that runs the corpus
FUZZ_DRIVER := $(if $(FUZZING),,$(BUILD)/obj/tests/fuzz/corpus.o)
$(BUILD)/tests/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(FUZZ_DRIVER) $(LIBS)
	$(call begin,LINK)
	$(Q)$(CC) -pie $(LDFLAGS_ALL) $(if $(FUZZING),-fsanitize=fuzzer) -o $@ $^ $(DHOW_LIBS) $(TRANSFER_LIBS)

tests: $(UNIT_TESTS) $(FUZZ_CORPUS) $(KERNEL_TESTS)
unit: $(if $(T),$(BUILD)/tests/unit/test-$(T:test-%=%),$(UNIT_TESTS))
	@status=0; for test in $^; do echo "== $${test##*/}"; $$test || status=1; done; exit $$status
corpus: $(FUZZ_CORPUS)
	@status=0; for test in $^; do name=$${test##*/fuzz-}; $$test tests/fuzz/corpus/$$name || status=1; done; exit $$status

fuzz: $(BUILD)/tests/fuzz/fuzz-$(F)
	@mkdir -p $(BUILD)/corpus/$(F)
	$< $(FUZZ_ARGS) $(BUILD)/corpus/$(F) $(wildcard tests/fuzz/corpus/$(F))

# README's two lines run on a machine where nothing is installed: what they need comes first, the rest is a second make
check: deps-test
	$(Q)$(MAKE) --no-print-directory all tests
	BUILD=$(BUILD) tests/check.sh $(T)

check-all: deps-test
	$(Q)$(MAKE) --no-print-directory all tests
	$(Q)$(MAKE) --no-print-directory SAN=1 tests
	BUILD=$(BUILD) tests/check.sh --all $(T)
check-includes:; @CC='$(CC)' tests/check-includes.sh
demo: deps
	$(Q)$(MAKE) --no-print-directory all
	BUILD=$(BUILD) tests/demo.sh

docs: all; tests/options-table.sh $(BUILD)/dhow >docs/options.md
bench: all; BUILD=$(BUILD) tests/bench.sh
check-vm: all; BUILD=$(BUILD) tests/vm.sh $(T)
deb: all; @BUILD=$(BUILD) tests/deb/make.sh $(VERSION)
SOURCES := $(wildcard $(FOLDERS:%=%/*.[ch]) $(FOLDERS:%=%/*/*.[ch]) tests/*/*.[ch])
lint: check-includes
	clang-format --dry-run -Werror $(SOURCES)
	@for header in $(filter %.h,$(SOURCES)); do \
		clang $(CPPFLAGS_ALL) -std=gnu11 -Itests/unit -fsyntax-only -Wdocumentation -Werror -x c $$header || exit 1; done
deps deps-test:; @sh tests/deps.sh $(if $(filter deps-test,$@),--test)

# --- install ---
INSTALL_TO := $(DESTDIR)$(PREFIX)
HELPERS := $(filter $(BUILD)/libexec/dhow/%,$(BINARIES))
# source:destination below share/
SHARED := $(patsubst %,%:bash-completion/completions/dhow,$(wildcard completions/dhow.bash)) \
	$(patsubst %,%:zsh/site-functions/_dhow,$(wildcard completions/dhow.zsh)) \
	$(patsubst %,%:fish/vendor_completions.d/dhow.fish,$(wildcard completions/dhow.fish))
install: all
	install -d $(INSTALL_TO)/bin $(DESTDIR)$(LIBEXECDIR)
	install -m 755 $(filter-out $(HELPERS),$(BINARIES)) $(INSTALL_TO)/bin
	install -m 755 $(HELPERS) $(DESTDIR)$(LIBEXECDIR)
	units/install.sh '$(DESTDIR)' '$(PREFIX)' '$(LIBEXECDIR)'
	$(if $(DOCKER),ln -sf dhow $(INSTALL_TO)/bin/docker)
	docs/man/make.sh $(BUILD)/dhow $(BUILD)/man && mkdir -p $(INSTALL_TO)/share/man && cp -R $(BUILD)/man/man? $(INSTALL_TO)/share/man
	@for pair in $(SHARED); do install -D -m 644 $${pair%%:*} $(INSTALL_TO)/share/$${pair#*:} || exit 1; done

clean:; rm -rf build build-san build-fuzz
-include $(shell find $(BUILD)/obj $(BUILD)/small -name '*.d' 2>/dev/null)
