# SPDX-License-Identifier: GPL-2.0
# kmigrate: the module, the tool, and what tests them.  `make help` says what there is.

VERSION := $(shell grep -o '"[0-9.]*"' kmod/version.h | tr -d '"')
BUILD ?= build
prefix ?= /usr/local
# sbin: moving a guest takes root, and the man page is in section 8.
sbindir ?= $(prefix)/sbin
mandir ?= $(prefix)/share/man
completiondir ?= $(prefix)/share/bash-completion/completions
srcdir ?= /usr/src
CC ?= gcc
SAN ?=
DEFS ?=

WARN := -Wall -Wextra -Wshadow -Wconversion -Werror
LIBS := jansson libmnl libbpf hwloc libzstd gnutls
CLANG ?= clang
# In sbin, which isn't in everybody's PATH.
BPFTOOL ?= $(or $(shell command -v bpftool),/usr/sbin/bpftool)
CFLAGS ?= -O2 -g
ALL_CFLAGS := $(CFLAGS) -std=gnu11 -D_GNU_SOURCE -pthread $(WARN) $(SAN) $(DEFS) \
	-DKM_VERSION='"$(VERSION)"' -Iuser -Iinclude/uapi -isystem $(BUILD)/bpf -MMD -MP
LDLIBS := $(shell pkg-config --libs $(LIBS) 2>/dev/null) -lm -pthread

USER_SRC := $(wildcard user/*.c user/*/*.c)
USER_OBJ := $(USER_SRC:%.c=$(BUILD)/%.o)
# Everything but main(): what unit tests link with.
LIB_OBJ := $(filter-out $(BUILD)/user/kmigrate.o,$(USER_OBJ))
BPF_SRC := $(wildcard bpf/*.bpf.c)
BPF_SKEL := $(BPF_SRC:bpf/%.bpf.c=$(BUILD)/bpf/%.skel.h)
UNIT_SRC := $(wildcard selftests/unit/*.c)
UNIT_BIN := $(UNIT_SRC:%.c=$(BUILD)/%)
TRACE_BIN := $(patsubst %.c,$(BUILD)/%,$(wildcard selftests/trace/*.c))
FUZZ_SRC := $(filter-out %/driver.c,$(wildcard selftests/fuzz/*.c))
FUZZ_BIN := $(FUZZ_SRC:%.c=$(BUILD)/%)

# What DKMS needs to build the module elsewhere; dkms.conf where there is one.
DKMS_DIR := $(DESTDIR)$(srcdir)/kmigrate-$(VERSION)
DKMS_SRC := $(wildcard Kbuild dkms.conf kmod/build kmod/*.h include/uapi/linux/*.h include/*.yaml) \
	$(filter-out %.mod.c,$(wildcard kmod/*.c)) \
	$(filter-out %/have.h,$(wildcard kmod/compat/*.[ch] kmod/compat/*.sh kmod/compat/*.mk))

# KDIR, else the running kernel's headers, else every kernel whose headers are there.
# /Makefile, because a link to headers that were removed is none.
MODULES ?= /lib/modules
KDIRS := $(or $(KDIR),$(patsubst %/Makefile,%,$(or \
	$(wildcard $(MODULES)/$(shell uname -r)/build/Makefile),\
	$(wildcard $(MODULES)/*/build/Makefile))))
NO_KDIR := no kernel headers in $(MODULES)/*/build: apt-get install linux-headers-amd64, or \
	name them with KDIR=

# What building and the demo need, and what the tests need besides: openssh-server starts a
# service, and nobody who only wants to see the demo asked for that.
DEPS := build-essential pkg-config libjansson-dev libmnl-dev libxxhash-dev libzstd-dev libbpf-dev libhwloc-dev libgnutls28-dev \
	bpftool \
	clang pahole linux-headers-amd64 qemu-system-x86 busybox-static cpio kmod jq python3 \
	iproute2 procps xz-utils zstd util-linux
# And building a kernel, which check-debug-kernel does.
DEBUG_DEPS := bc flex bison libelf-dev
TEST_DEPS := man-db dkms valgrind python3-yaml python3-jsonschema bochs bochs-term bpftrace openssh-client openssh-server faketime gnutls-bin chromium poppler-utils qemu-utils

.PHONY: all user bpf module no-module faults install uninstall unit-tests trace-guests fuzz check check-unit \
	check-pml check-faults check-debug-kernel bench bench-dirty bench-hold bench-trace bench-ledger bench-zerocopy bench-plan bench-drain bench-check demo deps demo-deps debug-deps help clean
all: user $(if $(KDIRS),module,no-module)

user: $(BUILD)/kmigrate
$(BUILD)/kmigrate: $(USER_OBJ)
	$(CC) $(ALL_CFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

# An eBPF program, and the header that carries it into the tool.
bpf: $(BPF_SKEL)
.SECONDARY: $(BPF_SKEL:.skel.h=.bpf.o)
$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c $(wildcard bpf/*.h)
	@mkdir -p $(@D)
	$(CLANG) -O2 -g -target bpf -Wall -Wextra -Wno-unused-parameter -Werror -I/usr/include/$(shell uname -m)-linux-gnu \
		-c -o $@ $<
$(BUILD)/bpf/%.skel.h: $(BUILD)/bpf/%.bpf.o
	$(BPFTOOL) gen skeleton $< name $* >$@.new
	mv $@.new $@
$(filter $(BUILD)/user/trace/%,$(USER_OBJ)): $(BPF_SKEL)

$(BUILD)/libkmigrate.a: $(LIB_OBJ)
	rm -f $@
	ar rcs $@ $^

$(BUILD)/selftests/unit/%: selftests/unit/%.c $(BUILD)/libkmigrate.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -Iselftests -o $@ $< $(BUILD)/libkmigrate.a $(LDLIBS)

# The guests that trace's tests watch. Before these run: a host that starts one while it is
# being linked anew waits for it in vain.
trace-guests: $(TRACE_BIN)
$(addprefix $(BUILD)/selftests/trace/,dirtier toucher): \
		selftests/kmod/vmm.c selftests/kmod/memory.c
$(BUILD)/selftests/trace/%: selftests/trace/%.c $(wildcard selftests/trace/*.h selftests/kmod/*.h)
	@mkdir -p $(@D)
	$(CC) -O2 -D_GNU_SOURCE -Wall -Wextra -Werror -pthread -Iselftests/kmod -o $@ $(filter %.c,$^)

# Of use only with sanitizers: selftests/fuzz/fuzz.sh.
fuzz: $(FUZZ_BIN)
$(BUILD)/selftests/fuzz/%: selftests/fuzz/%.c $(BUILD)/selftests/fuzz/driver.o \
		$(BUILD)/libkmigrate.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -Iselftests -o $@ $< $(BUILD)/selftests/fuzz/driver.o \
		$(BUILD)/libkmigrate.a $(LDLIBS)

# By clang, too: selftests/fuzz/libfuzzer.sh.
$(BUILD)/selftests/libfuzzer/%: selftests/fuzz/%.c $(BUILD)/libkmigrate.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -fsanitize=fuzzer -Iselftests -o $@ $< $(BUILD)/libkmigrate.a $(LDLIBS)

# + passes make's job slots on to Kbuild's make.
module:
	$(if $(KDIRS),,@echo "$(strip $(NO_KDIR))" >&2; false)
	+@set -e; for k in $(KDIRS); do kmod/build "$$k" $(BUILD)/kmod; done

no-module:
	@echo "the module is not built: $(strip $(NO_KDIR))" >&2

# The tool with moments at which a test can stop it (user/fault.h).
faults:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/faults DEFS=-DKM_FAULTS user

install: user
	install -d $(addprefix $(DESTDIR),$(sbindir) $(mandir)/man8 $(completiondir)) $(DKMS_DIR)
	install -m 755 $(BUILD)/kmigrate $(DESTDIR)$(sbindir)/kmigrate
	install -m 644 user/kmigrate.8 $(DESTDIR)$(mandir)/man8/kmigrate.8
	install -m 644 user/kmigrate.bash-completion $(DESTDIR)$(completiondir)/kmigrate
	cp --parents --preserve=mode,timestamps $(DKMS_SRC) $(DKMS_DIR)
	@echo "the module: dkms install kmigrate/$(VERSION)"

uninstall:
	rm -f $(DESTDIR)$(sbindir)/kmigrate $(DESTDIR)$(mandir)/man8/kmigrate.8 \
		$(DESTDIR)$(completiondir)/kmigrate
	rm -rf $(DKMS_DIR)

unit-tests: $(UNIT_BIN)

check-unit: unit-tests
	selftests/run unit

check: user unit-tests faults trace-guests
	selftests/run all

# The module on a CPU with Intel's page-modification logging, emulated.
check-pml: user
	@selftests/run selftests/pml/pml.sh

# Two hundred moves in which something goes wrong; build/faults.json says how they ended. make check
# has eight of them.
check-faults: user faults
	@MOVES=$${MOVES:-200} selftests/run selftests/move/faults.sh

# On a kernel with KASAN, lockdep and kmemleak. Not a part of check, since that kernel is
# built first, which took 33 minutes on two busy CPUs (23 minutes of CPU time); once.
check-debug-kernel:
	@selftests/vm/debugkernel
	@selftests/run selftests/debug/debug.sh

# Whole moves. WORKLOADS=, ENGINES=, LINKS=, RUNS=: selftests/bench/move says of what.
bench: user
	@selftests/bench/move

# Predictions of moves against the moves.
bench-plan: user
	@selftests/bench/plan

# BENCH= has arguments: selftests/bench/lib.sh says which.
bench-trace: user
bench-dirty bench-hold bench-trace: bench-%:
	@selftests/bench/$* $(BENCH)

bench-ledger: $(BUILD)/selftests/bench/ledger
	@$< $(BENCH)
bench-zerocopy: $(BUILD)/selftests/bench/zerocopy
	@selftests/bench/zerocopy $(BENCH)
$(BUILD)/selftests/bench/ledger $(BUILD)/selftests/bench/zerocopy: \
		$(BUILD)/selftests/bench/%: selftests/bench/%.c $(BUILD)/libkmigrate.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -o $@ $< $(BUILD)/libkmigrate.a $(LDLIBS)

# RUNS=10 of check over ssh.
bench-check: user
	@selftests/bench/check

# HOSTS=, VMS=, DRAIN=, SEED=: another fleet.
bench-drain: user
	@selftests/plan/bench

# A new machine has no compiler, so deps comes first, in a make of its own: this one has
# looked for the libraries already.
demo: demo-deps
	selftests/demo/demo

# A new machine has no lists, or old ones that name packages which are gone.
APT := DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300
deps: INSTALL := $(DEPS) $(TEST_DEPS)
demo-deps: INSTALL := $(DEPS)
debug-deps: INSTALL := $(DEBUG_DEPS)
deps demo-deps debug-deps:
	@echo "installing: $(INSTALL)"
	$(APT) update -qq
	$(APT) install -y --no-install-recommends $(INSTALL)

help:
	@echo "make             the tool, and the module where there are kernel headers (KDIR=)"
	@echo "make user        the tool alone: $(BUILD)/kmigrate"
	@echo "make bpf         the eBPF programs alone, which the tool carries"
	@echo "make module      the module alone: $(BUILD)/kmod/RELEASE/kmigrate.ko"
	@echo "make install     tool, man page, completion, the module's source for DKMS (DESTDIR, prefix)"
	@echo "make uninstall   removes them"
	@echo "make check       every test that can run here"
	@echo "make check-pml   the module on a CPU with Intel PML, in Bochs"
	@echo "make check-faults  200 moves in which something goes wrong (SEED=, FIRST=, MOVES=, FAULTS=)"
	@echo "make check-debug-kernel"
	@echo "                 the module on a kernel with KASAN, lockdep, kmemleak, which it builds (long)"
	@echo "make bench       whole moves, against QEMU's own (WORKLOADS=, ENGINES=, LINKS=, RUNS=; hours)"
	@echo "make bench-dirty what dirty tracking costs (BENCH='--count --json -k 6.1')"
	@echo "make bench-hold  how soon automatic holds are in force (BENCH='--count --json -k 6.1')"
	@echo "make bench-trace what tracing costs a guest (BENCH='--count --json -k 6.1')"
	@echo "make bench-ledger  what the ledger of a move costs a page, up to 1 TiB (BENCH=--json)"
	@echo "make bench-zerocopy  what MSG_ZEROCOPY would save (BENCH='--json --quick')"
	@echo "make bench-plan  how true predictions of moves are (WORKLOADS=, LINKS=, RUNS=; an hour)"
	@echo "make bench-drain   how long planning takes for a fleet of 50,000 guests (HOSTS=, VMS=, DRAIN=)"
	@echo "make bench-check how long kmigrate check takes, over ssh (RUNS=)"
	@echo "make check-unit  the fast ones: no root, no KVM"
	@echo "make demo        two hosts, a Linux guest that moves between them (as root)"
	@echo "make deps        install what building and testing needs (apt)"
	@echo "make debug-deps  and building that kernel"
	@echo "make clean       remove $(BUILD)/user, kmod, selftests"

clean:
	rm -rf $(addprefix $(BUILD)/,user bpf kmod selftests asan tsan libfuzzer faults demo kmigrate libkmigrate.a)

-include $(USER_OBJ:.o=.d) $(UNIT_BIN:=.d) $(FUZZ_BIN:=.d)
