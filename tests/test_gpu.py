"""All that computes on a GPU, with the CPU in its place: `python -m benchmarks.gpu --fake`."""

import numpy as np
import pytest
import torch

from adviz.core import neighbors

faiss = pytest.importorskip("faiss")
gpu = pytest.importorskip("benchmarks.gpu")


def test_on_a_gpu_that_is_none_all_paths_give_what_the_cpu_gives(capsys):
    gpu.main(["--fake"])
    rows = [line.split("|")[1].strip() for line in capsys.readouterr().out.splitlines()[4:]]
    assert rows == [
        "features",
        "search, faiss",
        "search, torch",
        "greedy coreset",
        "PatchCore",
        "SPADE",
        "AnomalyDINO",
        "an epoch of ReverseDistillation",
        "an epoch of ConventionalDistillation",
    ]


@pytest.mark.parametrize(
    ("device", "count", "parts"),
    [("auto", 1, [(0, 40)]), ("cuda", 3, [(0, 13), (1, 13), (2, 14)]), ("cuda:1", 3, [(1, 40)])],
)
def test_where_faiss_was_built_for_gpus_it_searches_on_those_that_are_asked_for(
    device, count, parts
):
    rows = np.random.default_rng(0).normal(size=(40, 8)).astype(np.float32)
    asked = []

    def knn_gpu(resources, query, bank, k, *, device):
        asked.append((device, len(bank)))
        assert query.shape == (5, 8)
        assert k == 3 + neighbors.SPARE
        return gpu.checked_knn_gpu(resources, query, bank, k, device=device)

    with gpu.faked_gpu(count), pytest.MonkeyPatch.context() as patched:
        patched.setattr(faiss, "knn_gpu", knn_gpu)
        found = neighbors.nearest(rows[:5].T.copy().T, rows, 3, device=device)
        assert neighbors.faiss_build()["gpu"]
    expected = neighbors.nearest(rows[:5], rows, 3)
    np.testing.assert_array_equal(found[1], expected[1])
    np.testing.assert_array_equal(found[0], expected[0])
    assert sorted(asked) == parts
    assert not neighbors.has_faiss(gpu=True)


def test_more_gpus_than_rows_leave_some_idle():
    rows = np.eye(2, 8, dtype=np.float32)
    with gpu.faked_gpu(3) as calls:
        assert neighbors.nearest(rows, rows, 1, device="cuda")[1].tolist() == [[0], [1]]
    assert calls == ["knn_gpu"] * 2


def test_the_fake_refuses_what_a_gpu_would():
    """Or the table above would say nothing."""
    with gpu.faked_gpu():
        here = torch.ones(2, 2)
        there = here.to("cuda")
        for mixed in (lambda: here + there, lambda: torch.cat([here, there]), lambda: there @ here):
            with pytest.raises(RuntimeError, match="expected all tensors on one device"):
                mixed()
        layer = torch.nn.Linear(2, 2)
        layer(here)
        layer.to("cuda")
        with pytest.raises(RuntimeError, match="got both in linear"):
            layer(here)
        with pytest.raises(TypeError, match="numpy cannot read it"):
            layer(there).detach().numpy()
        assert layer(there).device.type == layer.weight.device.type == "cuda"
        assert there.T[torch.tensor([0])].is_cuda
        assert not there.cpu().is_cuda
        assert (there * here.sum()).cpu().numpy().shape == (2, 2)  # scalars may be anywhere


def test_without_a_gpu_the_command_says_what_to_do(capsys):
    with pytest.raises(SystemExit):
        gpu.main([])
    assert (
        "expected a GPU that torch can use, found none: --fake does without"
        in capsys.readouterr().err
    )
