#!/usr/bin/env bash
# The main tests beside other releases of what the project needs, in an environment of their own:
#   tests/releases.sh oldest [TESTS ...]   the lower bounds of pyproject.toml, to the digit
#   tests/releases.sh newest [TESTS ...]   whatever is newest today
#   tests/releases.sh oldest --show        what would be installed, and nothing else
# Beside the oldest there is no transformers (it needs newer ones); the tests that compare with it skip.
set -euo pipefail
cd "$(dirname "$0")/.."
which=${1:?oldest or newest}
shift
python=${PYTHON:-python3.11}

# What pyproject.toml names, one a line; of the oldest with == for >=.
requirements() {
    "$python" - "$1" <<'END'
import sys
import tomllib

oldest = sys.argv[1] == "oldest"
project = tomllib.load(open("pyproject.toml", "rb"))["project"]
names = project["dependencies"] + (["pytest", "pytest-xdist", "hypothesis", "seqeval==1.2.2"] if oldest else project["optional-dependencies"]["test"])
print(*(name.replace(">=", "==", 1) if oldest else name for name in names), sep="\n")
END
}

case $which in
oldest | newest) ;;
*) echo "oldest or newest, not '$which'" >&2 && exit 2 ;;
esac
if [ "${1:-}" = --show ]; then
    requirements "$which"
    exit
fi
environment=$(mktemp -d)
trap 'rm -rf "$environment"' EXIT
requirements "$which" > "$environment/requirements.txt"
"$python" -m venv "$environment/python"
pip() { "$environment/python/bin/python" -m pip --disable-pip-version-check "$@"; }
pip install --quiet --upgrade --only-binary :all: --no-binary seqeval -r "$environment/requirements.txt"
pip install --quiet --no-deps -e . ./examples/third-party-plugin
pip list --format freeze | grep -i -E '^(torch|numpy|pydantic|typer|rich|tokenizers|safetensors|huggingface|scikit|transformers)' | xargs
export OMP_WAIT_POLICY=PASSIVE TOKENIZERS_PARALLELISM=false
[ $# -gt 0 ] || set -- tests/unit tests/cli/test_cli_whole.py tests/faults/test_resume.py
"$environment/python/bin/python" -m pytest -q "$@"
