# Ripieno. `make demo`, `make demo-band` and `make demo-singer` to hear it, `make test` to check it; each target sets up
# what it needs, once. For GNU make 3.81 and later, and a POSIX shell; nothing here needs root.

VENV = .venv
BIN = $(CURDIR)/$(VENV)/bin
PY = $(BIN)/python
PIP = $(PY) -m pip --disable-pip-version-check --quiet --quiet
JOBS = 2
# An editable install, so that a change in Python needs no new set-up; a change in C does.
EDITABLE = $(BUILD_WITH) $(PIP) install --no-build-isolation --config-settings=build-dir=build/editable -e
# It would put the folder above this one on Python's path too, and import whatever lies there: keep its hook alone.
ONLY_FOLDERS = cd $(VENV)/lib/python3.*/site-packages && for file in _editable_skbc_ripieno.pth; do \
	sed -n '/^import/p' $$file >$$file.new && mv $$file.new $$file; done
C_FILES = $(wildcard native/src/*.[ch] tests/native/*.[ch])
ALL_C = $(C_FILES) $(wildcard tests/plugins/vst3/*.[ch])
NATIVE = pyproject.toml CMakeLists.txt native/CMakeLists.txt native/build.py $(wildcard native/src/*.[ch])
PACKAGE = $(NATIVE) $(shell find daemon models native plugins presets -name '*.py' -o -name '*.py.txt' -o -name py.typed)

.PHONY: demo demo-band demo-singer test lint lint-python lint-types lint-c test-c test-python test-train test-long bench \
    screenshots format setup clean
.NOTPARALLEL:

demo: $(VENV)/play.done
	$(BIN)/ripieno demo

# The band that answers: it goes on where the bundled performance stops.
demo-band: $(VENV)/play.done
	$(BIN)/ripieno demo --preset duet --folder out/duet

# The voice that sings along: out/singer.wav, and out/singer-voice.wav without the piano.
demo-singer: $(VENV)/play.done
	$(BIN)/ripieno demo --preset singer

test: lint test-c test-python

# ---- set-up ----

# The first of these that is new enough; say PYTHON=... to choose another.
PYTHON = $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)

# Debian's Python comes without its C headers. Where they are missing they are fetched from Debian, into build/ alone.
HEADERS = $(CURDIR)/build/headers
FETCHED = $(shell ls -d $(HEADERS)/usr/include/python3.* 2>/dev/null)
BUILD_WITH = $(if $(FETCHED),SKBUILD_CMAKE_DEFINE=Python_INCLUDE_DIR=$(FETCHED))
FETCH_HEADERS = { version=$$($(PYTHON) -c 'import sys; print("python%d.%d" % sys.version_info[:2])') && \
	mkdir -p $(HEADERS) && cd $(HEADERS) && echo "Fetching the C headers of $$version ..." && \
	apt-get download -qq lib$$version-dev 2>/dev/null && dpkg-deb -x lib$$version-dev_*.deb . && \
	cp -R usr/include/*-linux-gnu*/ usr/include/$$version/; }

$(VENV)/pyvenv.cfg:
	@test -n "$(PYTHON)" || { echo "Ripieno needs Python 3.11 or newer, and finds none here." \
	    "Debian 12, Ubuntu: sudo apt install python3 python3-venv python3-dev; macOS: brew install python@3.12" \
	    "(or from python.org)."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) cannot make virtual environments." \
	    "Debian, Ubuntu: sudo apt install python3-venv"; exit 1; }
	@test -f "$$($(PYTHON) -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h" || \
	    $(FETCH_HEADERS) || { echo "$(PYTHON) is here without its C headers (Python.h)." \
	    "Debian, Ubuntu: sudo apt install python3-dev; Fedora: sudo dnf install python3-devel"; exit 1; }
	@echo 'int main(void) { return 0; }' | $(CC) -x c -o /dev/null - 2>/dev/null || { \
	    echo "No C compiler that works ($(CC))." \
	    "Debian, Ubuntu: sudo apt install gcc libc6-dev; macOS: xcode-select --install"; exit 1; }
	@echo "Making $(VENV) with $$($(PYTHON) --version) ..."
	@$(PYTHON) -m venv $(VENV)

$(VENV)/build.done: $(VENV)/pyvenv.cfg
	@echo "Fetching the build tools (cmake, ninja) ..."
	@$(PIP) install "scikit-build-core>=0.11" "cffi>=2.1" "cmake>=3.24" "ninja>=1.11"
	@touch $@

# The synthesizer comes without its dependency pyaudio, which wants PortAudio's headers to play on a sound card: writing
# a file does without. Neither it nor python-rtmidi has a wheel for every system; `ripieno doctor` says what is missing.
$(VENV)/extras.done: $(VENV)/build.done pyproject.toml
	@echo "Fetching the synthesizer and python-rtmidi ..."
	@$(PIP) install --no-deps "tinysoundfont>=0.3.6" || echo "No synthesizer here: no sound files will be written."
	@$(PIP) install --only-binary python-rtmidi "python-rtmidi>=1.5.8" || \
	    echo "No ready-made python-rtmidi for this Python: only --driver jack and file will work."
	@touch $@

$(VENV)/play.done: $(VENV)/extras.done $(NATIVE)
	@echo "Building Ripieno, and fetching numpy, matplotlib and what serves the page and OSC ..."
	@$(EDITABLE) ".[sound,plot,audio,ui,osc]"
	@$(ONLY_FOLDERS)
	@touch $@

$(VENV)/dev.done: $(VENV)/play.done pyproject.toml
	@echo "Fetching the test tools ..."
	@$(EDITABLE) ".[dev]"
	@$(ONLY_FOLDERS)
	@touch $@

setup: $(VENV)/dev.done

# ---- checks ----

# What a user would have installed: type checkers cannot follow an editable install.
build/installed/done: $(VENV)/dev.done $(PACKAGE)
	@rm -rf build/installed
	@$(BUILD_WITH) $(PIP) install --no-build-isolation --no-deps --config-settings=build-dir=build/wheel \
	    --target build/installed .
	@touch $@

build/debug/compile_commands.json: $(VENV)/dev.done CMakeLists.txt CMakePresets.json native/CMakeLists.txt \
    tests/native/CMakeLists.txt
	@$(BIN)/cmake --preset debug -DCMAKE_MAKE_PROGRAM=$(BIN)/ninja

lint: lint-python lint-types lint-c

lint-python: $(VENV)/dev.done
	$(BIN)/ruff check
	$(BIN)/ruff format --check

lint-types: build/installed/done
	cd build/installed && $(BIN)/mypy --config-file $(CURDIR)/pyproject.toml -p ripieno

lint-c: build/debug/compile_commands.json
	@echo clang-format
	@$(BIN)/clang-format --dry-run --Werror $(ALL_C)
	@echo clang-tidy
	@printf '%s\n' $(filter %.c,$(C_FILES)) | xargs -n 1 -P $(JOBS) $(BIN)/clang-tidy -p build/debug --quiet

# Where it is allowed, addresses are not shuffled: older ThreadSanitizers do not bear how far newer kernels shuffle them.
STEADY = $(shell setarch -R true 2>/dev/null && echo setarch -R)

test-c: $(VENV)/dev.done
	for preset in debug asan tsan; do \
	    $(BIN)/cmake --preset $$preset -DCMAKE_MAKE_PROGRAM=$(BIN)/ninja && \
	    $(BIN)/cmake --build build/$$preset -j $(JOBS) && \
	    $(STEADY) $(BIN)/ctest --test-dir build/$$preset --output-on-failure -j $(JOBS) || exit 1; done

test-python: $(VENV)/dev.done
	$(BUILD_WITH) $(PY) -m pytest tests --ignore=tests/train $(PYTEST)

test-train: $(VENV)/dev.done
	@$(PY) -c 'import torch, music21' || { echo "The training code needs PyTorch and music21:" \
	    "$(BIN)/pip install -e '.[train]'. For PyTorch without CUDA, which is far smaller, first:" \
	    "$(BIN)/pip install torch --index-url https://download.pytorch.org/whl/cpu"; exit 1; }
	$(BUILD_WITH) $(PY) -m pytest tests/train

# The same tests and those that take minutes, with more of everything: RIPIENO_LONG=1.
test-long: $(VENV)/dev.done
	$(BIN)/cmake --preset asan -DCMAKE_MAKE_PROGRAM=$(BIN)/ninja
	$(BIN)/cmake --build build/asan -j $(JOBS)
	RIPIENO_LONG=1 $(BIN)/ctest --test-dir build/asan --output-on-failure -j $(JOBS)
	$(BUILD_WITH) RIPIENO_LONG=1 $(PY) -m pytest tests --ignore=tests/train -m 'long or not long'

# The pictures of the page in docs/. Wants jackd and Chromium.
screenshots: $(VENV)/dev.done
	PYTHONPATH=tests $(PY) tests/page/screenshots.py

bench: $(VENV)/play.done
	$(BIN)/ripieno bench

format: $(VENV)/dev.done
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/clang-format -i $(ALL_C)

clean:
	rm -rf build out $(VENV)
