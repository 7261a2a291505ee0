#!/bin/sh
# Builds the wheel, installs it into a new environment and runs the README's five lines there, outside
# the checkout. With the name of an extra that is added afterwards, and the five lines run again; with
# "lab" also JupyterLab's version is asked, the notebooks are copied and the quickstart runs:
#   packaging/smoke.sh [EXTRA]        PYTHON=python3.12 packaging/smoke.sh lab
# It takes minutes and about 6 GB in a temporary folder (TMPDIR), which is removed at the end.
set -eu
extra=${1:-}
python=${PYTHON:-python3}
project=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset PYTHONPATH
export ADVIZ_CACHE="$work/cache" ADVIZ_PROGRESS=0

"$python" -m venv "$work/venv"
bin="$work/venv/bin"
pip="$bin/python -m pip --disable-pip-version-check"
$pip wheel --quiet --no-deps --wheel-dir "$work/dist" "$project"
wheel=$(ls "$work"/dist/*.whl)
echo "$(basename "$wheel"): $(wc -c <"$wheel") bytes"
mkdir "$work/empty"
cd "$work/empty"

install_and_run() {
  $pip install --quiet --no-compile "$1"
  $pip check
  echo "installed: $(du -sm "$work/venv" | cut -f1) MB"
  "$bin/adviz" --version
  "$bin/python" -W error "$project/packaging/smoke.py"
}

install_and_run "$wheel"
if [ -n "$extra" ]; then install_and_run "$wheel[$extra]"; fi
if [ "$extra" = lab ]; then
  "$bin/jupyter" lab --version
  "$bin/python" -c '
from pathlib import Path
from adviz.app.cli import copy_notebooks
copy_notebooks(Path("notebooks"))
print(len(list(Path("notebooks").glob("*.ipynb"))), "notebooks")'
  "$bin/adviz" demo --html quickstart.html
  test -s quickstart.html
fi
echo "passed: $("$bin/python" -V), extra: ${extra:-none}"
