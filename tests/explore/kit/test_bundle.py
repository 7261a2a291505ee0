"""Modules as one text: only plain forms, every import exported, nothing twice."""

import pytest

from adviz.explore.kit import bundle as bundling
from adviz.explore.kit.bundle import bundle, styles


@pytest.fixture
def folder(tmp_path):
    def write(**modules):
        for name, text in modules.items():
            (tmp_path / f"{name}.js").write_text(text)
        return tmp_path

    return write


def test_a_module_comes_after_what_it_imports_and_only_once(folder):
    made = folder(
        a='import { b } from "./b.js";\nimport { c } from "./c.js";\nexport default { b, c };\n',
        b='import { c } from "./c.js";\nexport const b = c + 1;\n',
        c="export const c = 1;\n",
    )
    text = bundle("a.js", made)
    assert text.count("const module_c = (() => {") == 1
    assert text.index("module_c = ") < text.index("module_b = ") < text.index("export default")
    assert "const { c } = module_c;" in text
    assert "import" not in text


def test_an_import_under_another_name_and_over_several_lines(folder):
    made = folder(
        a='import {\n  one as two,\n} from "./b.js";\nexport default { two };\n',
        b="export function one() {}\n",
    )
    assert "one: two" in bundle("a.js", made)


def test_another_explorer_lends_what_it_exports_and_is_not_drawn_itself(folder):
    made = folder(
        a='import { panel } from "./b.js";\nexport default { render: panel };\n',
        b="export function panel() {}\n\nexport default {\n  render: 1,\n};\n",
    )
    text = bundle("a.js", made)
    assert text.count("export default") == 1
    assert "render: 1" not in text
    assert "function panel() {}" in bundle("b.js", made)


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        (
            {"a": 'import { x } from "./b.js";\nexport default x;\n', "b": "const x = 1;\n"},
            "a.js imports x, which b.js does not export",
        ),
        (
            {
                "a": 'import { b } from "./b.js";\nexport default b;\n',
                "b": 'import { c } from "./c.js";\nexport const b = c;\n',
                "c": 'import { b } from "./b.js";\nexport const c = b;\n',
            },
            "b.js -> c.js -> b.js",
        ),
        ({"a": "export { x };\n"}, "expected only an export default in a.js"),
        ({"a": 'import x from "./b.js";\nexport default x;\n'}, "got 'import x from"),
        (
            {"a": 'import { b } from "./b.js";\nexport default b;\n', "b": "export { b };\n"},
            "plain forms of import and export in b.js",
        ),
    ],
)
def test_what_is_not_understood_is_refused(folder, modules, message):
    with pytest.raises(ValueError, match=r"expected|imports") as error:
        bundle("a.js", folder(**modules))
    assert message in str(error.value)


def test_every_explorer_is_bundled_and_every_module_is_used():
    explorers = [
        path.name
        for path in bundling.FOLDER.glob("*.js")
        if "export default" in path.read_text(encoding="utf-8")
    ]
    assert len(explorers) >= 4
    texts = "\n".join(bundle(name) for name in [*explorers, "shim.js"])
    for path in bundling.FOLDER.glob("*.js"):
        used = f"const {bundling._identifier(path.name)} = " in texts
        assert used or path.name in [*explorers, "shim.js"], path.name


def test_the_variables_of_the_style_sheet_come_first_and_the_pages_own_is_left_out():
    text = styles()
    assert text.index("--ink:") < text.index(".av-picture")
    assert "main {" not in text
