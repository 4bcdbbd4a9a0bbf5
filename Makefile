# The commands of the course. `make` lists them. They work with the old make of macOS.
PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 2
PY = "$(VENV)/bin/python"
# PyTorch's threads sleep while they wait for each other. Else a training beside another busy program on two cores takes
# three times as long; alone, it takes the same.
OMP_WAIT_POLICY ?= passive
export OMP_WAIT_POLICY
LESSON = $(firstword $(sort $(wildcard notebooks/[0-9]*.ipynb)))

.PHONY: help lab test lessons export site figures model bench mutants resources colab environments clean venv

help:    ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s  %s\n", $$1, $$2 }' Makefile

# Without a display, Jupyter prints the lesson's address instead of opening a browser.
lab: venv ## open the first lesson in JupyterLab (PORT=8888, ARGS="more jupyter options")
	@test -n "$(LESSON)" || { echo "make: no lesson in notebooks/: is this clone complete?" >&2; exit 1; }
	@set --; \
	if [ "$$(id -u)" = 0 ]; then set -- --allow-root; fi; \
	if [ "$$(uname)" = Linux ] && [ -z "$$DISPLAY$$WAYLAND_DISPLAY" ]; then set -- "$$@" --no-browser; fi; \
	exec $(PY) -m jupyterlab "$$@" $(if $(PORT),--port=$(PORT)) --LabApp.default_url="/lab/tree/$(LESSON)" $(ARGS)

# Runs WORKERS files at a time, lessons and files of tests/. Each takes up to 2 GB of memory. The order is that of
# testpaths in pyproject.toml, the longest first.
test: venv ## check the code and run every test and every lesson (WORKERS=3, ARGS="pytest options")
	$(PY) -m ruff check
	$(PY) -m codespell_lib
	$(PY) -m pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder $(ARGS)

lessons: venv ## rebuild the notebooks from notebooks/text (NAME=01_patches; FROM=notebook goes the other way)
	$(PY) tools/lessons.py $(NAME) $(if $(FROM),--from-$(FROM))

export: venv ## write a lesson as one HTML file that lives without a kernel (NAME=01_patches; ARGS="--out FILE")
	$(PY) tools/export.py $(NAME) $(ARGS)

# What the site needs beyond the course is installed when it is first built.
site: venv ## build the site in build/site/html (ARGS=--train: run the cells that train, too)
	@$(PY) -c "import furo, myst_nb, sphinx" 2>/dev/null || $(PY) -m pip install -r site/requirements.txt
	$(PY) tools/build_site.py $(ARGS)

figures: venv ## redraw the pictures in figures/
	$(PY) figures/draw.py

model: venv ## retrain a bundled model on the full data (NAME=mnist; ARGS="--root folder/of/data")
	$(PY) tools/bundle.py $(NAME) $(ARGS)

bench: venv ## measure speed and memory
	$(PY) tools/bench.py $(ARGS)

mutants: venv ## break the library on purpose, and see whether a test notices (ARGS="training/loop.py")
	$(PY) tools/mutants.py $(ARGS)

resources: venv ## measure each lesson's seconds and memory for the README
	$(PY) tools/measure_lessons.py $(NAME)

colab: venv ## write the copies of the notebooks that Colab opens to build/colab
	$(PY) tools/colab.py build/colab

environments: venv ## write conda's lists of packages from requirements.txt
	$(PY) tools/environments.py

clean:   ## remove the environment .venv and all caches
	rm -rf .venv build *.egg-info .pytest_cache .ruff_cache
	find . -name __pycache__ -o -name .ipynb_checkpoints | xargs rm -rf

# Installs only what changed. Two files in the environment record what is installed. Each is written last, after an
# install succeeded. The second one also names the clone, since several clones may share one environment. JupyterLab
# would ask at its first start whether it may fetch news, even with --LabApp.news_url=None: that part of it is disabled.
venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	    { echo "make: the course needs Python 3.10 or newer; try: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@{ test -x $(PY) && cmp -s requirements.txt "$(VENV)/requirements.txt"; } || \
	    { set -ex; $(PYTHON) -m venv "$(VENV)"; $(PY) -m pip install -r requirements.txt; \
	      $(PY) -m jupyterlab.labextensions disable "@jupyterlab/apputils-extension:announcements"; \
	      cp requirements.txt "$(VENV)/requirements.txt"; }
	@{ echo "# $(CURDIR)"; cat pyproject.toml; } | cmp -s - "$(VENV)/mixer_lib.toml" || \
	    { set -ex; $(PY) -m pip install --no-deps --no-build-isolation -e .; \
	      { echo "# $(CURDIR)"; cat pyproject.toml; } > "$(VENV)/mixer_lib.toml"; }
