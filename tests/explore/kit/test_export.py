"""Exported pages: all parts once, equal bytes for equal explorers, bounded sizes; and links."""

import dataclasses
import json
import re
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from bank_data import small_category

from adviz import Neighbors, Prediction, explore
from adviz.explore.kit.export import differences


@pytest.fixture(scope="module")
def category(tmp_path_factory):
    return small_category(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def found(category):
    rng = np.random.default_rng(0)
    count = len(category.test)
    return {"A": Prediction(rng.random(count), rng.random((count, *category.test.image_size)))}


@pytest.fixture
def view(category, found):
    one = explore.results(category, found)
    yield one
    one.close()


def setup_of(page):
    (text,) = re.findall(r'id="setup">(.*?)</script>', page)
    return json.loads(text.replace("<\\/", "</"))


def parts_of(page):
    return re.findall(r'<script type="adviz/part" id="([^"]+)"', page)


def test_a_page_holds_every_part_that_its_explorers_ask_for_once(view, category, tmp_path):
    page = view.export(tmp_path / "page.html").read_text()
    expected = [f"0:{key}" for key in view.source.keys(kinds=view.KINDS)]
    assert parts_of(page) == expected
    assert f"0:test/{category.name}/0" in expected
    setup = setup_of(page)
    assert [one["module"] for one in setup["explorers"]] == ["results.js"]
    assert setup["explorers"][0]["state"]["detector"] == "A"


def test_the_page_has_no_network(view, tmp_path):
    page = view.export(tmp_path / "page.html").read_text()
    assert "default-src 'none'" in page
    assert re.findall(r"(?:src|href)=\"(?!data:)[^\"]*\"", page) == []


def test_equal_explorers_give_equal_bytes(category, found, tmp_path):
    pages = []
    for number in range(2):
        # a source of its own, with another id
        copies = {"A": Prediction(found["A"].score, found["A"].anomaly_map)}
        view = explore.results(category, copies)
        pages.append(view.export(tmp_path / f"{number}.html").read_bytes())
        view.close()
    assert pages[0] == pages[1]


def test_some_images_and_half_the_precision_make_it_smaller(view, tmp_path):
    whole = view.export(tmp_path / "whole.html").read_text()
    some = view.export(tmp_path / "some.html", images=[0, 2]).read_text()
    images = [key for key in parts_of(some) if ":test/" in key]
    assert images == ["0:test/plate/0", "0:test/plate/2"]
    assert len(some) < len(whole)


def test_one_of_several_categories_is_all_that_its_page_holds(category, found, tmp_path):
    other = dataclasses.replace(category, name="other")
    view = explore.results(
        {category.name: category, "other": other}, {category.name: found, "other": found}
    )
    view.category = "other"
    page = view.export(tmp_path / "page.html", categories=["other"]).read_text()
    keys = parts_of(page)
    assert "0:small/test/other/0" in keys
    assert not any(category.name in key.split("/") for key in keys)
    assert list(setup_of(page)["facts"][0]["categories"]) == ["other"]
    assert "<title>other</title>" in page
    view.close()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"categories": ["elsewhere"]}, "expected categories among .*, got \\['elsewhere'\\]"),
        ({"categories": []}, "with those on display"),
        ({"quality": 0}, "expected a quality from 1 to 95, got 0"),
        ({"quality": 100}, "expected a quality from 1 to 95, got 100"),
    ],
)
def test_categories_and_qualities_that_cannot_be_had_are_refused(view, tmp_path, options, words):
    with pytest.raises(ValueError, match=words):
        view.export(tmp_path / "page.html", **options)
    assert not any(tmp_path.iterdir())


def test_pictures_of_less_quality_make_it_smaller(view, tmp_path):
    whole = view.export(tmp_path / "whole.html").stat().st_size
    small = view.export(tmp_path / "small.html", quality=50)
    assert small.stat().st_size < whole
    assert parts_of(small.read_text()) == parts_of((tmp_path / "whole.html").read_text())
    assert abs(explore.export_size(view, quality=50) * 1e6 / small.stat().st_size - 1) < 0.3


def test_a_map_follows_from_its_differences():
    rng = np.random.default_rng(0)
    steps = rng.integers(0, 2**16, (5, 7)).astype(np.uint16)  # sums and differences overflow
    stored = differences(steps)
    assert stored.dtype == np.uint16
    for axis in (0, 1, 0, 1):
        stored = np.cumsum(stored, axis=axis, dtype=np.uint16)
    np.testing.assert_array_equal(stored, steps)


def test_neighbours_are_stored_where_an_explorer_shows_them(category, tmp_path):
    rng = np.random.default_rng(0)
    count = len(category.test)
    distance = rng.random((count, 4, 4, 2), np.float32)
    number = rng.integers(0, len(category.train), distance.shape)
    found = Prediction(
        rng.random(count),
        rng.random((count, *category.test.image_size)),
        neighbors={"patch": Neighbors(distance, number, number, (4, 4))},
    )
    for explorer, k in ((explore.results, 0), (explore.retrieval, 2)):
        view = explorer(category, found)
        page = view.export(tmp_path / "page.html").read_text()
        (detector,) = setup_of(page)["facts"][0]["categories"][category.name]["detectors"].values()
        assert detector["k"] == k
        assert ("&#34;location&#34;" in page or "&quot;location&quot;" in page) == bool(k)
        view.close()


def test_a_page_of_some_images_begins_with_one_of_them(view, tmp_path):
    view.image = 3
    page = view.export(tmp_path / "some.html", images=[2, 0]).read_text()
    state = setup_of(page)["explorers"][0]["state"]
    assert state["image"] == 2
    assert state["options"]["images"] == [2, 0]


@pytest.mark.parametrize(
    ("images", "words"), [([1, 99], r"\[99\]"), ([-1], r"\[-1\]"), ([], "none")]
)
def test_images_that_do_not_exist_are_refused(view, tmp_path, images, words):
    path = tmp_path / "page.html"
    with pytest.raises(ValueError, match=rf"expected images between 0 and 3, .*got {words}"):
        view.export(path, images=images)
    assert not path.exists()


def test_a_page_that_would_be_too_large_is_not_written(view, tmp_path):
    path = tmp_path / "page.html"
    with pytest.raises(ValueError, match=r"at most 0.01 MB, this would be one of about .* MB"):
        view.export(path, most=0.01)
    assert not path.exists()


def test_the_estimate_is_near_the_size(view, tmp_path):
    size = view.export(tmp_path / "page.html").stat().st_size / 1e6
    # a few parts stand for all of their kind
    assert explore.export_size(view) == pytest.approx(size, rel=0.15)


def test_linked_explorers_take_over_the_state_and_are_exported_together(category, found, tmp_path):
    first = explore.results(category, found)
    second = explore.results(category, found)
    third = explore.results(category, found)
    first.image = 2
    explore.link(first, second)
    explore.link(second, third, names=["image"])
    assert (second.image, third.image) == (2, 2)
    page = third.export(tmp_path / "page.html").read_text()
    setup = setup_of(page)
    assert len(setup["explorers"]) == 3
    names = {name for _, _, name in setup["links"]}
    assert names == set(first.STATE)
    assert len(parts_of(page)) == len(set(parts_of(page)))
    for view in (first, second, third):
        view.close()


def test_in_marimo_the_kernel_links(category, found, monkeypatch):
    marimo = SimpleNamespace(running_in_notebook=lambda: True)
    monkeypatch.setitem(sys.modules, "marimo", marimo)
    first = explore.results(category, found)
    second = explore.results(category, found)
    explore.link(first, second)
    second.image = 1
    assert first.image == 1
    first.picked = [3, 4]
    assert second.picked == [3, 4]


def test_a_link_of_one_explorer_or_of_an_unknown_name_is_refused(view, category, found):
    with pytest.raises(ValueError, match="expected two or more explorers to link, got 1"):
        explore.link(view)
    other = explore.results(category, found)
    with pytest.raises(ValueError, match=r"expected names that both explorers have .*, got colour"):
        explore.link(view, other, names=["colour"])
    other.close()


def test_nothing_to_export_is_refused(tmp_path):
    with pytest.raises(ValueError, match="expected an explorer to export, got none"):
        explore.export(tmp_path / "page.html", [])
