"""What pyrefly says of the product's types; the exit code is 1 where it says anything."""

import json
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

HERE = Path(__file__).parents[2]
# For a checkout of before the project had a configuration.
UNCONFIGURED = ("--search-path", ".", "--search-path", "plugins", "--preset", "default")
PACKAGES = ("sslcli/**/*.py", "plugins/sslplugins/**/*.py")


def program():
    """Where pyrefly is; None where it is not installed."""
    return shutil.which("pyrefly", path=str(Path(sys.executable).parent)) or shutil.which("pyrefly")


def found_in(root=HERE):
    """File -> what is said of it, a sentence each with its line; errors and warnings."""
    configured = "[tool.pyrefly]" in (root / "pyproject.toml").read_text(encoding="utf-8")
    how = ("--config", "pyproject.toml") if configured else (*PACKAGES, *UNCONFIGURED)
    asked = (
        "--output-format",
        "json",
        "--min-severity",
        "warn",
        "--python-interpreter-path",
        sys.executable,
    )
    ended = subprocess.run(
        [program(), "check", *how, *asked], cwd=root, capture_output=True, text=True, check=False
    )
    if ended.returncode not in (0, 1):
        raise RuntimeError(f"pyrefly ended with {ended.returncode}: {ended.stderr[-500:]}")
    found = defaultdict(list)
    for error in json.loads(ended.stdout)["errors"]:
        found[error["path"]].append(
            f"{error['path']}:{error['line']}: {error['concise_description']} [{error['name']}]"
        )
    return {path: sentences for path, sentences in sorted(found.items())}


def main():
    if program() is None:
        print("pyrefly is not installed: types are not checked")
        return 0
    found = [sentence for sentences in found_in().values() for sentence in sentences]
    print("\n".join(found) or "types: nothing is wrong")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
