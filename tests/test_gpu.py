"""All that computes on a GPU, with the CPU in its place: `python -m benchmarks.gpu --fake`."""

import numpy as np
import pytest

from adviz.core import neighbors

faiss = pytest.importorskip("faiss")
gpu = pytest.importorskip("benchmarks.gpu")


def test_on_a_gpu_that_is_none_all_paths_give_what_the_cpu_gives(capsys):
    gpu.main(["--fake"])
    rows = [line.split("|")[1].strip() for line in capsys.readouterr().out.splitlines()[4:]]
    assert rows == ["features", "search", "greedy coreset", "PatchCore", "SPADE", "AnomalyDINO"]


def test_where_faiss_was_built_for_gpus_it_searches_there():
    rows = np.random.default_rng(0).normal(size=(40, 8)).astype(np.float32)
    asked = []

    def knn_gpu(resources, query, bank, k, *, device):
        asked.append((query.shape, bank.shape, k, device))
        return gpu.checked_knn_gpu(resources, query, bank, k, device=device)

    with gpu.faked_gpu(), pytest.MonkeyPatch.context() as patched:
        patched.setattr(faiss, "knn_gpu", knn_gpu)
        neighbors._gpu_resources.cache_clear()
        found = neighbors.nearest(rows[:5].T.copy().T, rows, 3, device="auto")
        neighbors._gpu_resources.cache_clear()
        assert neighbors.has_faiss(gpu=True)
    expected = neighbors.nearest(rows[:5], rows, 3)
    np.testing.assert_array_equal(found[1], expected[1])
    np.testing.assert_array_equal(found[0], expected[0])
    assert asked == [((5, 8), (40, 8), 3 + neighbors.SPARE, 0)]
    assert not neighbors.has_faiss(gpu=True)


def test_without_a_gpu_the_command_says_what_to_do(capsys):
    with pytest.raises(SystemExit):
        gpu.main([])
    assert (
        "expected a GPU that torch can use, found none: --fake does without"
        in capsys.readouterr().err
    )
