# make demo     sets up what is missing, then trains and reports the first example
# make test     sets up what is missing, then runs every test
# make bench    compares the time of a training step with JAX and PyTorch
# make statistics   compares verdicts with scipy and statsmodels, and prints how often they err
# make grid    what a grid of 64 runs costs besides training
# make kills   cuts a grid of 20 runs off 200 times, and compares the bits
# make exports reads exported runs with NumPy, PyTorch, pandas and pyarrow
# make page     looks at the page of a report in Chromium, and at its event files with TensorBoard
# make setup    libtorch alone; CUDA=1 with CUDA

SETUP = python3 tools/setup.py $(if $(filter-out 0,$(CUDA)),--cuda)

.PHONY: demo test bench grid kills exports statistics page setup

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

grid: setup
	cargo build --release --locked
	python3 benches/grid.py

kills: setup
	TRINE_KILLS=200 cargo test --release --locked --test torch -- --nocapture kills_leave_no_trace

exports: setup
	cargo build --release --locked
	python3 benches/exports.py

statistics:
	cargo build --release --locked --no-default-features
	python3 benches/statistics.py
	cargo test --release --locked --no-default-features --test coverage -- --ignored --nocapture

page: setup
	cargo build --release --locked
	python3 benches/page.py

setup:
	@$(SETUP)
