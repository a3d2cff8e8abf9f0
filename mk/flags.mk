# Compiler and linker flags. MODE: release (default), asan, cov, fuzz. WERROR=1 makes warnings errors.
CC      ?= gcc
MODE    ?= release
BUILD   := build/$(MODE)

WARN := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wold-style-definition \
	-Wformat=2 -Wvla -Wwrite-strings -Wcast-qual -Wpointer-arith -Wundef -Wswitch-enum \
	-Wimplicit-fallthrough -Wdate-time -Wnull-dereference -Wconversion -Wno-sign-conversion
ifneq (,$(findstring gcc,$(CC)))
WARN += -Wlogical-op -Wduplicated-cond -Wduplicated-branches -Walloca
endif
ifdef WERROR
WARN += -Werror
endif

HARDEN := -fPIE -fvisibility=hidden -fno-common -fstack-protector-strong -fstack-clash-protection \
	-fcf-protection -ftrivial-auto-var-init=pattern -ffile-prefix-map=$(CURDIR)=.
LDHARD := -pie -Wl,-z,relro,-z,now,-z,noexecstack

OPT_release := -O2 -g -D_FORTIFY_SOURCE=2
OPT_asan    := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
OPT_cov     := -O0 -g --coverage
OPT_fuzz    := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-omit-frame-pointer
LD_asan     := -fsanitize=address,undefined
LD_cov      := --coverage
LD_fuzz     := -fsanitize=address,undefined

PKGS := libsolv libsolvext rpm libarchive libzstd libseccomp libcrypto yaml-0.1 sqlite3 libcurl jansson libelf
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
# What base/late.h loads is not linked.
LIBS       := $(shell pkg-config --libs $(filter-out libcurl,$(PKGS)) 2>/dev/null) -lrpmio

CPPFLAGS := -D_GNU_SOURCE -I. $(PKG_CFLAGS)
CFLAGS   := -std=gnu17 $(OPT_$(MODE)) $(WARN) $(HARDEN)
LDFLAGS  := $(LDHARD) $(LD_$(MODE))
