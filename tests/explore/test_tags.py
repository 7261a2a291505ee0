import json
import os

import pytest

from adviz._support import archive
from adviz.explore.thresholds import tags
from adviz.explore.thresholds.tags import Tag, read_tags, write_tags

TAGS = [
    Tag("SPADE", "nut", "good/000.png", 0.5, "background", False, "dust, not a defect: “ü”"),
    Tag("SPADE", "nut", "dent/000.png", 0.5, "not recovered", True),
]


def test_what_is_written_is_read(tmp_path):
    write_tags(tmp_path / "tags.json", TAGS)
    assert read_tags(tmp_path / "tags.json") == TAGS
    assert [file.name for file in tmp_path.iterdir()] == ["tags.json"]


def test_a_file_is_the_old_or_the_new_one(tmp_path, monkeypatch):
    write_tags(tmp_path / "tags.json", TAGS)

    def fail(*paths):
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="no space"):
        write_tags(tmp_path / "tags.json", TAGS[:1])
    assert read_tags(tmp_path / "tags.json") == TAGS
    assert [file.name for file in tmp_path.iterdir()] == ["tags.json"]  # no half file is left


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(OSError, match="gone"):
        write_tags(tmp_path / "gone" / "tags.json", TAGS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "expected tags as JSON"),
        ("\x00", "expected tags as JSON"),
        ("[]", "a list where a JSON object should be"),
        ("[" * 100_000, "nested too deeply"),
        ("{}", '"format": "adviz error tags 2"'),
        ('{"format": 2, "tags": []}', '"format": "adviz error tags 2"'),
        (
            '{"format": "adviz error tags 3"}',
            "got 'adviz error tags 3', a newer adviz's: update adviz",
        ),
        ('{"format": "adviz error tags 2", "tags": []}', 'expected a "digest"'),
        ('{"format": "adviz error tags 1"}', 'a list of "tags"'),
        (
            '{"format": "adviz error tags 1", "tags": [{"tag": "x"}]}',
            r"expected detector, .* in tag 1 of",
        ),
        ('{"format": "adviz error tags 1", "tags": [7]}', r"expected detector, .* in tag 1 of"),
        (
            '{"format": "adviz error tags 1", "format": "adviz error tags 1", "tags": []}',
            "a name comes twice",
        ),
        ('{"format": "adviz error tags 1", "tags": NaN}', "NaN is no number"),
    ],
)
def test_other_files_are_refused(tmp_path, text, message):
    (tmp_path / "tags.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_tags(tmp_path / "tags.json")


@pytest.mark.parametrize(
    ("name", "value"), [("tag", None), ("suggested", "no"), ("threshold", "high"), ("image", 3)]
)
def test_a_value_of_another_kind_is_refused(tmp_path, name, value):
    write_tags(tmp_path / "tags.json", TAGS)
    content, _ = archive.read_json(tmp_path / "tags.json", "tags")
    content["tags"][1][name] = value
    archive.write_json(tmp_path / "tags.json", content)
    with pytest.raises(ValueError, match=f"expected {name} as .* in tag 2 of"):
        read_tags(tmp_path / "tags.json")


def test_tags_of_the_first_format_are_read_and_written_as_the_second(tmp_path):
    write_tags(tmp_path / "tags.json", TAGS)
    content, _ = archive.read_json(tmp_path / "tags.json", "tags")
    old = json.dumps({"format": "adviz error tags 1", "tags": content["tags"]})
    (tmp_path / "tags.json").write_text(old)
    assert read_tags(tmp_path / "tags.json") == TAGS
    write_tags(tmp_path / "tags.json", TAGS)
    assert json.loads((tmp_path / "tags.json").read_text())["format"] == "adviz error tags 2"
    assert read_tags(tmp_path / "tags.json") == TAGS


def test_a_changed_tag_is_refused(tmp_path):
    write_tags(tmp_path / "tags.json", TAGS)
    text = (tmp_path / "tags.json").read_text()
    (tmp_path / "tags.json").write_text(text.replace("background", "back-ground"))
    with pytest.raises(ValueError, match="not what was written"):
        read_tags(tmp_path / "tags.json")
    # Other spacing changes nothing
    (tmp_path / "tags.json").write_text(json.dumps(json.loads(text)))
    assert read_tags(tmp_path / "tags.json") == TAGS


def test_a_file_that_is_too_large_is_not_read(tmp_path, monkeypatch):
    write_tags(tmp_path / "tags.json", TAGS)
    monkeypatch.setattr(tags, "LIMIT", 100)
    with pytest.raises(ValueError, match="more than 100 bytes"):
        read_tags(tmp_path / "tags.json")
