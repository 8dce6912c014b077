# Drydock: two commands do all the set-up.
#   make learn    installs what is missing, builds, prepares the practice hub, opens the prompt
#   make test     passes every test
PREFIX ?= /usr/local
DESTDIR ?=
BIN := .build/release/drydock
MONITOR := .build/release/drydock-monitor
SOURCES := $(shell find Sources Package.swift -type f)

.PHONY: help learn build test test-unit lint bench install uninstall packages packages-test clean

help:
	@sed -n 's/^#   //p' Makefile

learn: packages build
	@$(BIN) hub prepare
	@$(BIN)

packages:
	@sh .ci/packages learn

packages-test:
	@sh .ci/packages test

build: $(BIN)

$(BIN): $(SOURCES)
	@sh .ci/build

lint:
	swift format lint --strict --recursive Sources Tests Package.swift

test: packages-test
	@bash .ci/test

bench: packages-test build
	@bash Tests/Benchmarks/run

install: build
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/drydock
	install -m 755 $(BIN) $(MONITOR) $(DESTDIR)$(PREFIX)/bin/
	cp -R Lessons Exercises $(DESTDIR)$(PREFIX)/share/drydock/

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/drydock $(DESTDIR)$(PREFIX)/bin/drydock-monitor
	rm -rf $(DESTDIR)$(PREFIX)/share/drydock

clean:
	swift package clean
