"""What no module may do, whatever its purpose: run what a file says, or write where others can
guess.
"""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(
    [
        *(ROOT / "adviz").rglob("*.py"),
        *(ROOT / "benchmarks").rglob("*.py"),
        *(ROOT / "docs").rglob("*.py"),
    ]
)
SCRIPTS = sorted((ROOT / "adviz").rglob("*.js"))
FORBIDDEN_IMPORTS = {
    "pickle",
    "cPickle",
    "dill",
    "cloudpickle",
    "joblib",
    "shelve",
    "marshal",
    "yaml",
    "xmlrpc",
}
FORBIDDEN_CALLS = {"exec", "__import__", "mktemp", "system", "popen", "read_pickle", "to_pickle"}


def faults(tree, where=""):
    """Yield (line, what) of everything in a module that can execute or overwrite what it should
    not.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = (
                [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else [alias.name for alias in node.names]
            )
            for name in names:
                if name.partition(".")[0] in FORBIDDEN_IMPORTS:
                    yield node.lineno, f"imports {name}"
                if name.partition(".")[0] == "subprocess":
                    yield node.lineno, "starts programs"
        elif isinstance(node, ast.Call):
            yield from bad_call(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if re.match(r"(/tmp|/var/tmp|/dev/shm)\b", node.value):
                yield node.lineno, f"names a folder that all may write to, {node.value}"


def bad_call(node):
    called = ast.unparse(node.func)
    last, given = called.split(".")[-1], {word.arg: word.value for word in node.keywords}

    def says(name, value):
        return isinstance(given.get(name), ast.Constant) and given[name].value is value

    code = last == "eval" and node.args  # a network's eval() takes nothing
    if last in FORBIDDEN_CALLS or code or called in ("compile", "builtins.compile"):
        yield node.lineno, f"calls {called}"
    if called in ("np.load", "numpy.load") and not says("allow_pickle", False):
        yield node.lineno, "np.load without allow_pickle=False"
    if (
        called in ("np.save", "np.savez", "numpy.save")
        and "allow_pickle" in given
        and not says("allow_pickle", False)
    ):
        yield node.lineno, "np.save of objects"
    if called == "torch.load" and not says("weights_only", True):
        yield node.lineno, "torch.load without weights_only=True"
    if called == "torch.save":
        yield node.lineno, "torch.save, which pickles"
    if last in ("extractall", "extract") and "tar" in called.lower():
        if not (isinstance(given.get("filter"), ast.Constant) and given["filter"].value == "data"):
            yield node.lineno, "a tar file is unpacked without the filter 'data'"
    if (
        last in ("extractall", "unpack_archive")
        and "tar" not in called.lower()
        and "series" not in called
    ):
        yield node.lineno, f"unpacks with {called}"
    if "shell" in given and not says("shell", False):
        yield node.lineno, "shell=True"
    if last in ("md5", "sha1") and not says("usedforsecurity", False):
        yield node.lineno, f"{called} for more than a checksum"
    if "verify" in given and says("verify", False):
        yield node.lineno, "does not verify certificates"


def test_no_module_executes_what_a_file_says():
    assert len(SOURCES) >= 190
    names = {file.relative_to(ROOT).as_posix(): file for file in SOURCES}
    trees = {where: ast.parse(file.read_text()) for where, file in names.items()}
    assert [
        f"{where}:{line}: {what}"
        for where, tree in trees.items()
        for line, what in faults(tree, where)
    ] == []


BAD = {
    "import pickle": "imports pickle",
    "from joblib import load": "imports joblib",
    "import yaml": "imports yaml",
    "import subprocess": "starts programs",
    "eval('1')": "calls eval",
    "builtins.exec(text)": "calls builtins.exec",
    "os.system('ls')": "calls os.system",
    "pd.read_pickle(path)": "calls pd.read_pickle",
    "tempfile.mktemp()": "calls tempfile.mktemp",
    "np.load(path)": "np.load without",
    "np.load(path, allow_pickle=True)": "np.load without",
    "np.load(path, allow_pickle=wanted)": "np.load without",
    "torch.load(path)": "torch.load without",
    "torch.load(path, weights_only=False)": "torch.load without",
    "torch.save(model, path)": "torch.save",
    "tar.extractall(folder)": "a tar file is unpacked",
    "tarfile.open(path).extractall(folder, filter='fully_trusted')": "a tar file is unpacked",
    "zipfile.ZipFile(path).extractall(folder)": "unpacks with",
    "shutil.unpack_archive(path)": "unpacks with",
    "run(command, shell=True)": "shell=True",
    "hashlib.md5(data)": "hashlib.md5 for more than a checksum",
    "requests.get(url, verify=False)": "does not verify",
    "open('/tmp/adviz.json', 'w')": "names a folder",
}


@pytest.mark.parametrize("text", BAD)
def test_what_is_forbidden_is_noticed(text):
    assert next(faults(ast.parse(text), "adviz/x.py"))[1].startswith(BAD[text])


@pytest.mark.parametrize(
    "text",
    [
        "np.load(path, allow_pickle=False)",
        "torch.load(path, weights_only=True)",
        "tar.extractall(folder, filter='data')",
        "re.compile('a')",
        "hashlib.md5(usedforsecurity=False)",
        "tempfile.mkstemp()",
        "model.eval()",
    ],
)
def test_what_is_allowed_passes(text):
    assert list(faults(ast.parse(text), "adviz/x.py")) == []


HTML = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|setTimeout\(['\"]|javascript:"
)


def test_widgets_put_texts_on_the_page_as_texts():
    assert len(SCRIPTS) >= 3
    for file in SCRIPTS:
        assert not HTML.findall(file.read_text()), file
        assert not re.search(r"https?://(?!www\.w3\.org/)", file.read_text()), (
            f"{file} loads from the network"
        )


def test_every_address_has_a_checksum_or_is_encrypted():
    """What is fetched over plain http is kept only if its checksum is the one that is written down."""
    from adviz.data.readers import one_class

    for name, source in one_class.SOURCES.items():
        assert all(re.fullmatch(r"[0-9a-f]{32}", md5) for _, md5 in source.files), name
    plain = [
        f"{file.name}"
        for file in SOURCES
        if re.search(r"[\"']http://(?!www\.w3\.org/)", file.read_text())
    ]
    assert plain == ["classification_sets.py"]
