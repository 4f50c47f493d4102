"""Writes sbom.cdx.json, a CycloneDX bill of all that an installation is made of: `python -m deploy.sbom`.

Packages are those that requirements.txt pins for the image (Linux, Python 3.11), with what they say when installed of
their licences and of what they need; networks, fonts and recordings are those of licences.csv. What is only for
development is left out.
"""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT: Final = Path(__file__).resolve().parent.parent
BILL: Final = ROOT / "deploy" / "sbom.cdx.json"
IMAGE: Final = {
    **{"python_version": "3.11", "python_full_version": "3.11.0", "implementation_name": "cpython"},
    **{"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64", "os_name": "posix"},
}
_TOOL: Final = (sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible", "--short-PURLs")


def pins(path: Path) -> dict[str, str]:
    """Return the versions that a file of requirements pins for the image, by normalised name."""
    lines = re.findall(r"^[A-Za-z0-9].*?==[^\\\n]+", path.read_text("utf-8"), re.MULTILINE)
    asked = [Requirement(line.strip()) for line in lines]
    return {
        canonicalize_name(one.name): str(one.specifier).removeprefix("==")
        for one in asked
        if one.marker is None or one.marker.evaluate(IMAGE)
    }


def bill() -> str:
    """Return the bill as JSON, the same for the same pins and licences."""
    from cyclonedx.schema import OutputFormat, SchemaVersion  # a tool of developers
    from cyclonedx.validation import make_schemabased_validator

    command = [*_TOOL, "--pyproject", str(ROOT / "pyproject.toml"), sys.executable]
    made = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    wanted = pins(ROOT / "requirements.txt")
    packages = [_brief(one) for one in made["components"] if wanted.get(_name(one)) == one["version"]]
    missing = sorted(wanted.keys() - {_name(one) for one in packages})
    if missing:
        raise SystemExit(f"{', '.join(missing)} are not installed as pinned; install requirements.txt, then try again.")
    there = {one["bom-ref"] for one in packages}
    direct = {canonicalize_name(re.split(r"[\[<>=;\s]", line)[0]) for line in _asked()}
    parts = [_part(row) for row in licences()]
    needs = [{"ref": one["ref"], "dependsOn": sorted(there & set(one.get("dependsOn", ())))}
             for one in made["dependencies"] if one["ref"] in there]  # fmt: skip
    root = made["metadata"]["component"]["bom-ref"]
    own = sorted([*(one["bom-ref"] for one in packages if _name(one) in direct), *(one["bom-ref"] for one in parts)])
    made["components"] = [*packages, *parts]
    made["dependencies"] = [{"ref": root, "dependsOn": own}, *needs, *({"ref": one["bom-ref"]} for one in parts)]
    text = json.dumps(made, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    if fault := make_schemabased_validator(OutputFormat.JSON, SchemaVersion.V1_6).validate_str(text):
        raise SystemExit(f"The bill is not what CycloneDX 1.6 asks for: {fault}")
    return text


def licences() -> list[dict[str, str]]:
    """Return the rows of licences.csv: which files, what they are, their licence, and where they come from."""
    return list(csv.DictReader((ROOT / "deploy" / "licences.csv").read_text("utf-8").splitlines()))


def _asked() -> list[str]:
    lines = (ROOT / "requirements.in").read_text("utf-8").splitlines()
    return [line for line in lines if line[:1].isalpha()]


def _name(component: dict[str, Any]) -> str:
    return canonicalize_name(component["name"])


def _brief(component: dict[str, Any]) -> dict[str, Any]:
    """Leave out addresses, and the texts of licences that have no name of their own: they come with the package."""
    kept = {name: value for name, value in component.items() if name not in ("externalReferences", "properties")}
    for one in kept.get("licenses", ()):
        one.get("license", {}).pop("text", None)
    return kept


def _part(row: dict[str, str]) -> dict[str, Any]:
    return {
        "bom-ref": row["files"],
        "type": row["kind"],
        "name": row["files"],
        "description": row["from"],
        "licenses": [{"expression": row["licence"]}],
    }


if __name__ == "__main__":
    BILL.write_text(bill(), encoding="utf-8")
    sys.stdout.write(f"{BILL.relative_to(ROOT)}: {BILL.stat().st_size:,} bytes\n")
