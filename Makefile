# Each target brings what it needs (tools/setup), then works in a folder of its own.
FUZZ_SECONDS ?= 60

all: setup-build
	@tools/build build

run: setup-run
	@tools/build build
	@exec build/sutler serve --demo --data demo

test: setup-test
	@tools/test

bench: setup-bench
	@tools/build build
	@bench/run

fuzz: setup-fuzz
	@tools/fuzz $(FUZZ_SECONDS)

check: setup-check
	@tools/check

clean:
	rm -rf build build-test build-fuzz build-check

setup-build:
	@tools/setup build
setup-%:
	@tools/setup build $*

.PHONY: all run test bench fuzz check clean setup-build
