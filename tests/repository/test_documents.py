"""Documents are for readers who have the repository and nothing else; decisions are short; the site is whole."""

from __future__ import annotations

import importlib.util
import re
import subprocess

import pytest

import pipeline
from pipeline.config import ROOT

ADRS = sorted((ROOT / "docs" / "adr").glob("*.md"))
PROSE = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("data/*.md")})
ORDINALS = "first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|earlier|previous|later"
# Put together from parts, so that this file does not match itself.
UNSEEN = {
    "a folder of one machine": "/" + "work/",
    "a folder beside the repository": r"\.\./" + "shared",
    "notes that are not here": r"\b(" + "DESIGN|HOSTILE|ACCURACY|PEERS|HOUSE|AUDIT|STYLE|DATA" + r")\.md\b",
    "how the work was divided": rf"\b({ORDINALS}|two|three|four|five|six|seven|eight) " + r"sessions?\b",
    "a conversation": r"\bthe " + r"issue\b|\bissue " + r"#?\d",
}
# A path or a dotted name of this repository; `<name>` and `*` stand for anything.
NAMED = re.compile(r"(?<![\w/.-])(?:app|benchmarks|models|pipeline|tests)[./][\w./<>*-]*[\w/>*]")
DIALECT = r"\b(taught|untaught|lessons?|forests?|planted|crests?|by lot)\b"


def _tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def _texts() -> dict[str, str]:
    found = {}
    for name in _tracked():
        payload = (ROOT / name).read_bytes()
        if b"\0" not in payload[:8192]:
            found[name] = payload.decode("utf-8", errors="replace")
    return found


@pytest.mark.parametrize("what", UNSEEN)
def test_nothing_names_what_a_reader_cannot_see(what):
    pattern = re.compile(UNSEEN[what])
    texts = _texts()
    assert len(texts) > 300
    texts.pop(".ci/run")  # alone may use a folder beside the checkout, where there is one
    hits = [
        f"{name}:{text.count(chr(10), 0, hit.start()) + 1}: {hit[0]}"
        for name, text in texts.items()
        for hit in pattern.finditer(text)
    ]
    assert hits == []


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("a folder of one machine", "--data /" + "work/data"),
        ("a folder beside the repository", "see ../" + "shared/data"),
        ("notes that are not here", "as " + "DESIGN" + ".md says"),
        ("how the work was divided", "until the eighth " + "session"),
        ("how the work was divided", "in five " + "sessions"),
        ("a conversation", "what the " + "issue asks"),
        ("a conversation", "see issue" + " #14"),
    ],
)
def test_the_patterns_find_what_they_are_for(what, line):
    assert re.search(UNSEEN[what], line)


def test_documents_use_the_words_of_the_field():
    hits = [
        f"{path.relative_to(ROOT)}: {hit[0]}"
        for path in PROSE
        for hit in re.finditer(DIALECT, path.read_text(encoding="utf-8"), re.IGNORECASE)
    ]
    assert hits == []


def _is_there(name: str) -> bool:
    """Whether a path or dotted name exists, in this checkout or, as pyproject.toml says, in the wheel."""
    if "/" not in name:
        return _is_defined(name.split("."))
    pattern = re.sub(r"<\w+>", "*", name.rstrip("/"))
    return any(ROOT.glob(pattern)) or f'"{pattern}' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def _is_defined(parts: list[str]) -> bool:
    """Whether these parts of a dotted name lead to a module, or to what the module's source defines or imports."""
    for end in range(len(parts), 0, -1):
        place = ROOT.joinpath(*parts[:end])
        source = place.with_suffix(".py") if place.with_suffix(".py").is_file() else place / "__init__.py"
        if source.is_file():
            text = source.read_text(encoding="utf-8")
            return all(re.search(rf"\b{re.escape(part)}\b", text) for part in parts[end:])
    return False


def test_modules_that_documents_name_are_there():
    earlier = ("CHANGELOG.md", "docs/experiments/")  # these name what was there at their time
    named = [
        (path.relative_to(ROOT).as_posix(), hit[0])
        for path in PROSE
        if not path.relative_to(ROOT).as_posix().startswith(earlier)
        for hit in NAMED.finditer(path.read_text(encoding="utf-8"))
    ]
    assert len(named) > 80
    assert [(path, name) for path, name in named if not _is_there(name)] == []


def test_a_module_that_is_not_there_is_found():
    text = "`pipeline/unheard_of`, `pipeline.types.Recording`, models/<name>.py and models.registry.unheard_of"
    assert [hit for hit in NAMED.findall(text) if not _is_there(hit)] == [
        "pipeline/unheard_of",
        "models.registry.unheard_of",
    ]


def test_every_package_is_in_the_glossary():
    glossary = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    packages = [
        file.parent for file in (ROOT / "pipeline").glob("*/__init__.py") if not file.parent.name.startswith("_")
    ]
    names = ["models", *(package.relative_to(ROOT).as_posix() for package in packages)]
    assert len(names) > 15
    assert [name for name in names if f"`{name}`" not in glossary and f"`{name}/" not in glossary] == []


@pytest.mark.parametrize("path", ADRS, ids=lambda path: path.stem)
def test_a_decision_is_one_short_page(path):
    text = path.read_text(encoding="utf-8")
    assert re.match(rf"# {path.stem[:4]}: \S", text)
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert [h for h in headings if h in ("Context", "Decision", "Consequences")] == [
        "Context",
        "Decision",
        "Consequences",
    ]
    words = [word for word in text.split() if re.search(r"\w", word)]
    assert len(words) <= 600


def test_decisions_have_numbers_of_their_own_and_are_in_the_navigation():
    numbers = [path.stem[:4] for path in ADRS]
    assert numbers == [f"{i:04d}" for i in range(1, len(numbers) + 1)]
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert [path.name for path in ADRS if f"{path.stem[:4]} " not in navigation] == []


def test_every_page_of_the_site_is_in_the_navigation():
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = [path.relative_to(ROOT / "docs").as_posix() for path in ROOT.glob("docs/**/*.md")]
    assert [page for page in pages if not re.search(rf"[ ]{re.escape(page)}$", navigation, re.MULTILINE)] == []


@pytest.mark.parametrize("path", PROSE, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_lines_of_prose_wrap_at_100_characters(path):
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"<!-- (\w+):start -->.*?<!-- \1:end -->", "", text, flags=re.DOTALL)
    wide = [line for line in text.splitlines() if len(line) > 100 and " " in line.strip()]
    assert [line for line in wide if not re.match(r"\s*(\||!\[|<img|#)", line)] == []


def test_the_changelog_knows_this_version_and_the_citation_the_latest():
    versions = re.findall(r"^## (\d+\.\d+\.\d+) - \d{4}-\d\d-\d\d$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert pipeline.__version__ in versions
    assert f"\nversion: {versions[0]}\n" in (ROOT / "CITATION.cff").read_text()


def test_what_a_site_would_load_from_elsewhere_is_found(tmp_path):
    spec = importlib.util.spec_from_file_location("check_site", ROOT / "docs" / "check_site.py")
    check_site = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(check_site)
    (tmp_path / "good.html").write_text(
        '<a href="https://example.org">out</a><script src="a.js"></script><img src="data:image/png;base64,AA==">'
    )
    (tmp_path / "good.css").write_text("p { background: url(a.png) }")
    assert check_site.external_resources(tmp_path) == []
    (tmp_path / "bad.html").write_text(
        '<script src="https://cdn.example.org/a.js"></script><link rel="stylesheet" href="//fonts.example.org/f.css">'
        '<p style="background: url(https://example.org/p.png)">'
    )
    (tmp_path / "bad.css").write_text('@import "https://example.org/f.css"; p { src: url("//example.org/f.woff") }')
    assert len(check_site.external_resources(tmp_path)) == 5
