import threading

import pytest
import torch

from adviz._support.devices import check_device, workers


@pytest.fixture(params=[1, 3])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_each_worker_runs_torch_on_itself_and_the_session_stays_as_it_was(threads):
    barrier = threading.Barrier(threads)  # so that every thread takes part

    def count(_):
        barrier.wait(10)
        return torch.get_num_threads(), threading.get_ident()

    with workers("cpu") as pool:
        found = list(pool.map(count, range(threads)))
    assert {number for number, _ in found} == {1}
    assert len({ident for _, ident in found}) == threads
    later = []
    thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert (torch.get_num_threads(), later) == (threads, [threads])


@pytest.mark.parametrize("mode", [True, False])
def test_workers_are_in_the_mode_of_who_started_them(mode):
    with torch.inference_mode(mode), workers("cpu") as pool:
        assert list(pool.map(lambda _: torch.is_inference_mode_enabled(), range(4))) == [mode] * 4


def test_an_exception_comes_through_and_ends_the_rest():
    done = []

    def work(number):
        if number == 0:
            raise ValueError("this one")
        done.append(number)

    with pytest.raises(ValueError, match="this one"), workers("cpu") as pool:
        list(pool.map(work, range(10_000)))
    assert len(done) < 10_000


@pytest.mark.parametrize("device", ["tpu", "cuda", "cudax", "cuda:7", "cpu:0"])
def test_a_device_that_is_not_there_is_refused(device, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: device in ("cudax", "cuda:7"))
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    with pytest.raises(
        ValueError,
        match=f'device must be "auto", "cpu", or "cuda" on a machine that has one, got .{device}.',
    ):
        check_device(device)


def test_the_devices_that_are_there_are_taken(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    for device in ("cpu", torch.device("cpu"), "cuda", "cuda:1"):
        check_device(device)
