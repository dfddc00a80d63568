# make demo     sets up what is missing, then trains and reports the first example
# make test     sets up what is missing, then runs every test
# make bench    compares the time of a training step with JAX and PyTorch
# make statistics   compares verdicts with scipy and statsmodels, and prints how often they err
# make page     looks at the page of a report in Chromium, and at its event files with TensorBoard
# make setup    libtorch alone; CUDA=1 with CUDA

SETUP = python3 tools/setup.py $(if $(filter-out 0,$(CUDA)),--cuda)

.PHONY: demo test bench statistics page setup

demo: setup
	cargo build --release --locked
	cargo run --release --locked --quiet -- run examples/01-feedback-alignment.trine

# In the release profile, as the demonstration: libtorch's bindings, six minutes of a processor, are compiled once.
test: setup
	cargo test --release --locked
	cargo test --release --locked --no-default-features

bench: setup
	cargo build --release --locked
	python3 benches/run.py

statistics:
	cargo build --release --locked --no-default-features
	python3 benches/statistics.py
	cargo test --release --locked --no-default-features --test coverage -- --ignored --nocapture

page: setup
	cargo build --release --locked
	python3 benches/page.py

setup:
	@$(SETUP)
