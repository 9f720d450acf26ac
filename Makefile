# SPDX-License-Identifier: MIT
# takt's front door. Meson does the work: one build directory per target, see meson.build.

SYSTEM ?= demo
NAMES ?=
FREERTOS_KERNEL_PATH ?=
FREERTOS_DEMO_PATH ?=

CROSS := build/aarch64
CROSS_CLANG := build/aarch64-clang
HOST := build/host
FUZZ := build/fuzz
FREERTOS := -Dfreertos_path=$(FREERTOS_KERNEL_PATH) -Dfreertos_demo_path=$(FREERTOS_DEMO_PATH)

# A variable that may name a folder: one that has this file.
has = [ -z "$($(1))" ] || [ -f "$($(1))/$(2)" ] || { echo "$(1): no $(3) ($(2)) in $($(1))" >&2; exit 1; }

.PHONY: all configure clang clang-target host demo trace test endurance fuzz scenarios bench check docs setup clean help

all: configure
	@ninja -C $(CROSS)

# Configures once, and again where a FREERTOS_... path has changed.
configure: setup
	@$(call has,FREERTOS_KERNEL_PATH,tasks.c,FreeRTOS kernel)
	@$(call has,FREERTOS_DEMO_PATH,Minimal/BlockQ.c,FreeRTOS tests)
	@if [ ! -f $(CROSS)/build.ninja ]; then \
		meson setup --cross-file cross/aarch64.ini $(FREERTOS) $(CROSS); \
	elif [ "$$(cat $(CROSS)/freertos)" != "$(FREERTOS)" ]; then \
		meson configure $(FREERTOS) $(CROSS); \
	fi
	@echo "$(FREERTOS)" >$(CROSS)/freertos
	@[ -n "$(FREERTOS_KERNEL_PATH)" ] || \
		echo "FREERTOS_KERNEL_PATH is not set: the bare-metal guest takes the RTOS's place"

$(HOST)/build.ninja: | setup
	@meson setup -Db_sanitize=address,undefined $(HOST)

host: setup $(HOST)/build.ninja
	@ninja -C $(HOST)

# The same built by clang and lld: all of it, and what `make test` boots of it.
$(CROSS_CLANG)/build.ninja: | setup
	@meson setup --cross-file cross/aarch64-clang.ini $(CROSS_CLANG)

clang: setup $(CROSS_CLANG)/build.ninja
	@ninja -C $(CROSS_CLANG)

clang-target: setup $(CROSS_CLANG)/build.ninja
	@ninja -C $(CROSS_CLANG) kernel/takt.img systems/target.cpio

demo: all
	@tools/demo $(SYSTEM)

trace: all
	@tools/trace $(SYSTEM)

test: all clang-target host
	@tests/run

endurance: all
	@tests/run endurance

FUZZ_SECONDS ?= 600
fuzz: setup
	@[ -f $(FUZZ)/build.ninja ] || CC=clang meson setup -Db_sanitize=address,undefined \
		-Db_lundef=false -Dc_args=-fsanitize=fuzzer-no-link $(FUZZ)
	@ninja --quiet -C $(FUZZ) tests/fuzz/fuzz-libfuzzer
	@mkdir -p $(FUZZ)/corpus
	@$(FUZZ)/tests/fuzz/fuzz-libfuzzer -max_len=16384 -max_total_time=$(FUZZ_SECONDS) \
		-artifact_prefix=$(FUZZ)/ $(FUZZ)/corpus

scenarios: all
	@tests/system/test_scenes.py all

bench: all
	@tests/bench/run $(NAMES)

# SYSTEM may be a .dts file of one's own, BOARD a board's compiled device tree.
check: configure
	@args="$(SYSTEM)"; \
	case "$$args" in \
	*.dts) ;; \
	*) args=@$(CROSS)/systems/$(SYSTEM).args; \
	   [ -f "$${args#@}" ] || { echo "check: no system '$(SYSTEM)' with a description" >&2; exit 1; } ;; \
	esac; \
	tools/check "$$args" $(if $(BOARD),--board "$(BOARD)")

# The generated parts of the manual, from abi/ and from the schema of system descriptions.
docs: setup $(HOST)/build.ninja
	@ninja --quiet -C $(HOST) tests/unit/reference
	@$(HOST)/tests/unit/reference >docs/reference.md
	@tools/check --docs docs/system-description.md

setup:
	@tools/setup

# Keeps what was downloaded.
clean:
	rm -rf $(CROSS) $(CROSS_CLANG) $(HOST) $(FUZZ)

help:
	@echo "make                      build the kernel, the programs and the systems"
	@echo "make demo [SYSTEM=demo]   run a system on QEMU, with its LEDs and its console"
	@echo "make trace [SYSTEM=demo]  record a second of it, for ui.perfetto.dev or chrome://tracing"
	@echo "make test                 build, then run all tests"
	@echo "make endurance            hostile tasks on 4 CPUs for minutes, Linux on all machines"
	@echo "make fuzz [FUZZ_SECONDS=600]  the kernel under random system calls, guided by libFuzzer"
	@echo "make scenarios            what may become of the demo's three, on 1, 2 and 4 CPUs; a table, a picture"
	@echo "make bench [NAMES=\"...\"]  measure"
	@echo "make check [SYSTEM=demo] [BOARD=file.dtb]  check a system's description; it may be a .dts file"
	@echo "make clang                build kernel and programs with clang and lld instead"
	@echo "make docs                 write the generated parts of docs/ anew"
	@echo "make setup                install the Debian packages needed (every target does it)"
	@echo "make clean                remove what was built; downloads stay"
	@echo
	@echo "FREERTOS_KERNEL_PATH=...  FreeRTOS kernel sources: the paravirtual guest runs FreeRTOS"
	@echo "FREERTOS_DEMO_PATH=...    Demo/Common of a FreeRTOS distribution: its tests run on the port"
