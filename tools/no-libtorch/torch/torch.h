// The compiler looks here only if libtorch's own header is nowhere else.
#error "libtorch is not set up yet: run `make setup` once, then build again (or build without it: cargo build --no-default-features)"
