# SPDX-License-Identifier: Apache-2.0
#
# A thin front for Meson and Ninja. Everything that is built lies in build/.

BUILD = build

.PHONY: all setup demo check check-long check-kernel mutants prove week coverage bench test
.PHONY: format clean

all: setup
	@tools/bootstrap build
	@ninja -C $(BUILD)

# A fresh clone in a bare system has no Meson yet: bootstrap goes first.
setup:
	@tools/bootstrap build
	@test -f $(BUILD)/build.ninja || meson setup $(BUILD)

demo:
	@tools/bootstrap demo
	@$(MAKE) --no-print-directory all
	@tools/demo

# Build, unit tests, vectors and simulator only: for the edit-build-test loop.
test:
	@tools/bootstrap check
	@CHECK_STAGES=gcc tools/check

check:
	@tools/bootstrap check
	@tools/check

check-long:
	@tools/bootstrap long
	@SKEX_LONG=1 tools/check

# In a kernel of its own: ESP, MACsec and WireGuard that this one may lack.
check-kernel:
	@tools/bootstrap kernel
	@tools/check-kernel

# Deliberate faults, one at a time: each has to be found by the tests that are named for it.
mutants:
	@tools/bootstrap check
	@tools/mutants

# Proofs of pad accounting, cursors and replay window, by Frama-C.
prove:
	@tools/bootstrap prove
	@tools/prove

# A week of simulated time with 1,000 agents and a fault every second: for hours, on one processor.
week:
	@tools/bootstrap check
	@$(MAKE) --no-print-directory all
	@SKEX_LONG=1 $(BUILD)/tests/sim_week_test

# Which part of each folder the tests go through.
coverage:
	@tools/bootstrap check
	@tools/coverage

bench:
	@tools/bootstrap bench
	@$(MAKE) --no-print-directory all
	@tools/bench

format:
	@tools/bootstrap check
	@tools/sources c | xargs -r clang-format -i

clean:
	@rm -rf $(BUILD)
