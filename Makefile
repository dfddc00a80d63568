# make demo     sets up what is missing, then trains and reports the first example
# make test     sets up what is missing, then runs every test
# make random   runs the tests that draw their cases on twenty times as many new ones, and keeps those that fail in tests/random
# make bench    compares the time of a training step with JAX and PyTorch
# make statistics   compares verdicts with scipy and statsmodels, and prints how often they err
# make mutations   puts single faults into the examples and the reference, and counts how they are told
# make grid    what a grid of 64 runs costs besides training
# make scaling what a check costs as a text grows, by kinds of texts
# make kills   cuts a grid of 20 runs off 200 times, and compares the bits
# make exports reads exported runs with NumPy, PyTorch, pandas and pyarrow
# make page     looks at the page of a report in Chromium, and at its event files with TensorBoard
# make setup    libtorch alone; CUDA=1 with CUDA
#
# TINY=1 with any of them: the least that shows that it works. It builds no programs and installs nothing.

SETUP = python3 tools/setup.py $(if $(filter-out 0,$(CUDA)),--cuda)
BUILD = $(if $(TINY),@true,cargo build --release --locked)
TESTS = cargo test --release --locked
LEAN = $(if $(TINY),,--no-default-features)
BENCH = python3 benches/$(1).py $(if $(TINY),--tiny)

.PHONY: demo test random bench grid scaling kills exports statistics mutations page setup

demo: setup
	$(BUILD)
	cargo run --release --locked --quiet -- run examples/01-feedback-alignment.trine

# In the release profile, as the demonstration: libtorch's bindings, six minutes of a processor, are compiled once.
test: setup
	$(TESTS) $(if $(TINY),--test tidy)
	$(if $(TINY),@true,$(TESTS) --no-default-features)

random: setup
	TRINE_RANDOM=$(if $(TINY),1,20) $(TESTS) $(if $(TINY),--test syntax) -- random

bench: setup
	$(BUILD)
	$(call BENCH,run)

grid: setup
	$(BUILD)
	$(call BENCH,grid)

scaling:
	$(BUILD) $(LEAN)
	$(call BENCH,scaling) $(SCALING)

kills: setup
	TRINE_KILLS=$(if $(TINY),1,200) $(TESTS) --test torch -- --nocapture kills_leave_no_trace

exports: setup
	$(BUILD)
	$(call BENCH,exports)

statistics:
	$(BUILD) $(LEAN)
	$(call BENCH,verdicts)
	$(TESTS) $(LEAN) --test coverage -- $(if $(TINY),,--ignored) --nocapture

mutations:
	$(TESTS) $(LEAN) --test mutations -- $(if $(TINY),,--ignored) --nocapture

page: setup
	$(BUILD)
	$(call BENCH,page)

setup:
	@$(SETUP)
