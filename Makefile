# Plumbline: two programs from one tree. Everything that is made lands under build/.
#
#   make                       both programs
#   make run | test | bench    see README.md
#   make install DESTDIR= PREFIX=
#   make SAN=address,undefined the same programs with sanitizers, under build/san/

VERSION := 0.1.0
PREFIX  ?= /usr/local
CC      ?= cc
SAN     ?=

comma := ,
BUILD := build$(if $(SAN),/san)

BASE_LIBS      := jansson libsodium sqlite3 yaml-0.1 zlib libcurl libuv libcrypto
COLLECTOR_LIBS := $(BASE_LIBS) libssl
LLHTTP         := /usr/share/llhttp

WARN   := -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla -Werror
HARDEN := -fstack-protector-strong -fstack-clash-protection -fcf-protection -D_FORTIFY_SOURCE=2
CFLAGS ?= -g -O2
ALL_CFLAGS := -std=gnu11 $(CFLAGS) $(WARN) -fPIE -pthread -MMD -MP -I. -I$(BUILD) -D_GNU_SOURCE \
	-DPLUMBLINE_VERSION='"$(VERSION)"' $(shell pkg-config --cflags $(COLLECTOR_LIBS) 2>/dev/null)
# V=1 shows whole commands.
say = $(if $(V),,@printf '  %-4s %s\n' $(1) $(2);)
ALL_LDFLAGS := -pie -pthread -Wl,-z,relro,-z,now -Wl,--as-needed $(LDFLAGS)
ifneq ($(SAN),)
ALL_CFLAGS  += -fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all
ALL_LDFLAGS += -fsanitize=$(SAN)
else
ALL_CFLAGS  += $(HARDEN)
endif

BASE_SRC      := $(wildcard agent/base/*.c)
AGENT_SRC     := $(filter-out agent/main.c,$(wildcard agent/*.c agent/measure/*.c agent/watch/*.c agent/spool/*.c agent/uplink/*.c))
COLLECTOR_SRC := $(filter-out collector/main.c,$(wildcard collector/*.c collector/*/*.c collector/*/*/*.c))
ASSETS        := $(wildcard collector/web/templates/* collector/web/static/*)
UNIT_SRC      := $(shell find tests/unit -name '*_test.c' 2>/dev/null)
BENCH_SRC     := $(wildcard tests/bench/*.c)
LAB_SRC       := $(wildcard tests/lab/*.c)

objects = $(patsubst %.c,$(BUILD)/%.o,$(1))
unit_tests := $(patsubst %.c,$(BUILD)/%,$(UNIT_SRC))
lab_tools  := $(patsubst %.c,$(BUILD)/%,$(LAB_SRC))
programs   := $(BUILD)/plumbline-agent $(BUILD)/plumbline-collector

all: $(programs)

$(BUILD)/plumbline-agent: $(BUILD)/agent/main.o $(BUILD)/agent.a $(BUILD)/base.a
	$(call say,LD,$@)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(shell pkg-config --libs $(BASE_LIBS)) -lm

$(BUILD)/plumbline-collector: $(BUILD)/collector/main.o $(BUILD)/collector.a $(BUILD)/base.a
	$(call say,LD,$@)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(shell pkg-config --libs $(COLLECTOR_LIBS)) -lm

$(BUILD)/base.a: $(call objects,$(BASE_SRC))
$(BUILD)/agent.a: $(call objects,$(AGENT_SRC))
$(BUILD)/collector.a: $(call objects,$(COLLECTOR_SRC)) $(BUILD)/web_assets.o $(BUILD)/llhttp/api.o $(BUILD)/llhttp/http.o $(BUILD)/llhttp/llhttp.o
$(BUILD)/%.a:
	$(call say,AR,$@)rm -f $@ && ar rcs $@ $^

$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(ALL_CFLAGS) -c -o $@ $<

# The parser's sources come from Debian's package node-llhttp and are compiled as they are.
$(BUILD)/llhttp/%.o: $(LLHTTP)/%.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(filter-out $(WARN),$(ALL_CFLAGS)) -DLLHTTP_STRICT_MODE=1 -I/usr/share/include/llhttp -c -o $@ $<
$(call objects,$(wildcard collector/http/*.c)): ALL_CFLAGS += -DLLHTTP_STRICT_MODE=1 -I/usr/share/include/llhttp

# Templates, style and script are compiled into the collector.
$(BUILD)/web_assets.c: collector/web/embed.sh $(ASSETS)
	@mkdir -p $(@D)
	$(call say,GEN,$@)sh collector/web/embed.sh $(ASSETS) >$@.tmp && mv $@.tmp $@
$(BUILD)/web_assets.o: $(BUILD)/web_assets.c
	$(call say,CC,$@)$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(BUILD)/tests/unit/agent/%_test: $(BUILD)/tests/unit/agent/%_test.o $(BUILD)/agent.a $(BUILD)/base.a
	$(call say,LD,$@)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lcmocka $(shell pkg-config --libs $(BASE_LIBS)) -lm
$(BUILD)/tests/unit/collector/%_test: $(BUILD)/tests/unit/collector/%_test.o $(BUILD)/collector.a $(BUILD)/base.a
	$(call say,LD,$@)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lcmocka $(shell pkg-config --libs $(COLLECTOR_LIBS)) -lm
$(BUILD)/tests/bench/%: $(BUILD)/tests/bench/%.o $(BUILD)/agent.a $(BUILD)/collector.a $(BUILD)/base.a
	$(call say,LD,$@)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(shell pkg-config --libs $(COLLECTOR_LIBS)) -lm
$(BUILD)/tests/bench/ingest_bench: $(BUILD)/tests/bench/postgres.o
$(BUILD)/tests/bench/ingest_bench: ALL_LDFLAGS += -Wl,--push-state,--no-as-needed -lpq -Wl,--pop-state
$(BUILD)/tests/bench/postgres.o: ALL_CFLAGS += -I/usr/include/postgresql
$(BUILD)/tests/lab/%: tests/lab/%.c
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) -O2 -Wall -Wextra -o $@ $<

unit: $(unit_tests)
	@for t in $(unit_tests); do $$t || exit 1; done

lab: $(lab_tools)

run: ; @sh config/demo/run.sh
test: ; @sh tests/run.sh
story: ; @sh tests/run.sh story
bench: ; @sh tests/bench/run.sh

# The units name the place the programs were installed to.
install: all
	install -D -m 0755 -t $(DESTDIR)$(PREFIX)/bin $(programs)
	install -D -m 0644 -t $(DESTDIR)$(PREFIX)/share/man/man8 agent/plumbline-agent.8 collector/plumbline-collector.8
	install -D -m 0644 -t $(DESTDIR)$(PREFIX)/share/man/man5 agent/plumbline-agent.yaml.5 collector/plumbline-collector.yaml.5
	install -D -m 0644 -t $(DESTDIR)$(PREFIX)/share/doc/plumbline README.md LICENSE config/*.yaml config/*.conf
	install -D -m 0644 systemd/plumbline.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/plumbline.conf
	install -D -m 0644 systemd/plumbline.tmpfiles $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/plumbline.conf
	install -D -m 0644 systemd/plumbline.sysctl $(DESTDIR)$(PREFIX)/lib/sysctl.d/50-plumbline.conf
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	for unit in plumbline-agent plumbline-collector; do \
		sed 's|/usr/bin/|$(PREFIX)/bin/|' systemd/$$unit.service >$(DESTDIR)$(PREFIX)/lib/systemd/system/$$unit.service || exit 1; \
	done

clean:
	rm -rf build

.PHONY: all unit lab run test story bench install clean
.SECONDARY:
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
