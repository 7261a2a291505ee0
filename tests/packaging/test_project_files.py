"""What a hosting site, pre-commit, conda-forge and citing people read agrees with the project."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from adviz import __version__, detectors

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
PAGES = ("CHANGELOG", "CONTRIBUTING", "CODE_OF_CONDUCT", "SECURITY", "docs/model-cards")
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
# The package index's name -> conda-forge's
CONDA = {
    "huggingface-hub": "huggingface_hub",
    "lazy-loader": "lazy_loader",
    "matplotlib": "matplotlib-base",
    "torch": "pytorch",
    "typing-extensions": "typing_extensions",
}


def parsed(path):
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


# pre-commit and hosted continuous integration


def test_pre_commit_runs_what_make_check_runs_and_downloads_nothing():
    repositories = parsed(".pre-commit-config.yaml")["repos"]
    assert [repository["repo"] for repository in repositories] == ["local"]
    hooks = repositories[0]["hooks"]
    checks = re.findall(
        r"^\t\$\(BIN\)/((?:ruff|mypy)[^.\n]*)", (ROOT / "Makefile").read_text(), re.M
    )
    assert len({hook["id"] for hook in hooks}) == len(hooks) == len(checks)
    for hook, check in zip(hooks, checks, strict=True):
        assert hook["language"] == "system"
        assert hook["entry"].removesuffix(" --force-exclude") == f".venv/bin/{check.strip()}"
        # each says which files it is for by a type that pre-commit knows
        assert hook.get("types_or", ["python", "jupyter"]) == ["python", "jupyter"]
        assert hook.get("types", ["python"]) == ["python"]


def test_hosted_integration_runs_the_same_script():
    jobs = parsed(".github/workflows/check.yml")["jobs"]
    assert [step["run"] for step in jobs["check"]["steps"] if "run" in step][-1] == ".ci/run"
    (smoke,) = [step["run"] for step in jobs["install"]["steps"] if "run" in step]
    for script in (".ci/run", smoke.split()[0]):
        assert os.access(ROOT / script, os.X_OK), script
        subprocess.run(["sh", "-n", ROOT / script], check=True)  # noqa: S607
    extras = {extra for extra in jobs["install"]["strategy"]["matrix"]["extra"] if extra}
    assert extras <= set(PROJECT["optional-dependencies"])


def test_no_python_is_promised_that_nothing_tries():
    tried = parsed(".github/workflows/check.yml")["jobs"]["install"]["strategy"]["matrix"]["python"]
    prefix = "Programming Language :: Python :: "
    promised = [
        each.removeprefix(prefix) for each in PROJECT["classifiers"] if each.startswith(prefix)
    ]
    assert promised
    assert set(promised) <= set(tried)
    assert PROJECT["requires-python"] == f">={tried[0]}"


# pages and forms


@pytest.mark.parametrize("form", [form for form in FORMS if form.stem != "config"], ids=str)
def test_issue_forms_are_complete(form):
    content = yaml.safe_load(form.read_text(encoding="utf-8"))
    assert {"name", "description", "body"} <= set(content)
    ids = [part["id"] for part in content["body"]]
    assert len(ids) == len(set(ids)) > 0
    for part in content["body"]:
        assert part["type"] == "textarea"
        assert part["attributes"]["label"]


@pytest.mark.parametrize("page", PAGES)
def test_links_of_the_pages_lead_somewhere(page):
    file = ROOT / f"{page}.md"
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", file.read_text(encoding="utf-8"))
    paths = re.findall(r"`((?:tests|docs|adviz)/[\w/.]+)`", file.read_text(encoding="utf-8"))
    assert links or paths or page == "CODE_OF_CONDUCT"
    missing = [link for link in links if not (file.parent / link).exists()]
    missing += [path for path in paths if not (ROOT / path).exists()]
    assert missing == []


def test_the_changelog_has_the_form_that_it_names():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    kinds = set(re.findall(r"^### (.*)$", text, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    releases = re.findall(r"^## \[(.*)$", text, re.MULTILINE)
    assert releases[0] == "Unreleased]"
    assert all(re.fullmatch(r"\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", each) for each in releases[1:])


def test_the_citation_names_the_paper_of_every_detector():
    citation = parsed("CITATION.cff")
    notes = " ".join(reference["notes"] for reference in citation["references"])
    named = set(re.findall(r"adviz\.([A-Z]\w+)", notes))
    assert named == set(detectors.__all__)
    for reference in citation["references"]:
        assert reference["authors"]
        assert {"type", "title", "year"} <= set(reference)


def test_the_papers_that_detectors_name_are_cited():
    """By their arXiv numbers; others stand in docstrings as sources of a detail."""
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    cited = set(re.findall(r"arxiv\.org/abs/(\d{4}\.\d{5})", text))
    named = set()
    for file in (ROOT / "adviz" / "detectors").rglob("*.py"):
        named |= set(re.findall(r"\b\d{4}\.\d{5}\b", file.read_text(encoding="utf-8")))
    assert cited <= named


# conda-forge


def conda_requirements(requirements):
    """Return them in conda-forge's names and form, without the embedded networks' packages."""
    result = set()
    for requirement in requirements:
        name, bound = re.fullmatch(r"([\w-]+)(.*)", requirement).groups()
        if not name.startswith("efficientnet-"):
            result.add(f"{CONDA.get(name, name)} {bound}".strip())
    return result


def test_the_recipe_needs_what_the_project_needs():
    recipe = parsed("packaging/conda-forge/recipe.yaml")
    needed = conda_requirements(PROJECT["dependencies"])
    needed |= conda_requirements(PROJECT["optional-dependencies"]["weights"])
    run = set(recipe["requirements"]["run"])
    assert run - needed == {"python >=${{ python_min }}"}
    assert needed - run == set()
    host = set(recipe["requirements"]["host"])
    assert host == {
        "python ${{ python_min }}.*",
        "pip",
        *conda_requirements(PYPROJECT["build-system"]["requires"]),
    }


def test_the_recipe_is_of_this_version_and_command():
    recipe = parsed("packaging/conda-forge/recipe.yaml")
    assert recipe["context"]["version"] == __version__
    assert recipe["package"]["name"] == PROJECT["name"]
    ((name, target),) = PROJECT["scripts"].items()
    assert recipe["build"]["python"]["entry_points"] == [f"{name} = {target}"]
    assert PROJECT["requires-python"] == f">={recipe['context']['python_min']}"


def test_the_recipe_takes_the_weights_packages_out_of_the_metadata():
    """Its first line of script, run on this project's file."""
    recipe = parsed("packaging/conda-forge/recipe.yaml")
    command = recipe["build"]["script"][0]
    expression = re.fullmatch(r"sed -i\.bak '(.*)' pyproject\.toml", command)[1]
    result = subprocess.run(
        ["sed", expression, ROOT / "pyproject.toml"],  # noqa: S607
        capture_output=True,
        text=True,
        check=True,
    )
    left = tomllib.loads(result.stdout)["project"]["dependencies"]
    assert left == [name for name in PROJECT["dependencies"] if "efficientnet" not in name]
    assert len(PROJECT["dependencies"]) - len(left) == 3
