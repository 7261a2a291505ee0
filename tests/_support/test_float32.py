import pytest
import torch

from adviz._support import float32 as precision

new = pytest.mark.skipif(
    not hasattr(torch.backends.mkldnn, "matmul"), reason="torch before 2.9 has one setting"
)


@pytest.fixture(params=["cuda.matmul", "mkldnn.matmul", "mkldnn.conv", "cudnn.conv"])
def rounded(request):
    """A kind of operation that a session allowed to round its float32 operands."""
    owner, kind = request.param.split(".")
    settings = getattr(getattr(torch.backends, owner), kind)
    before, value = settings.fp32_precision, "tf32" if owner.startswith("cu") else "bf16"
    yield settings, "ieee" if before == value else value, kind
    settings.fp32_precision = before


@new
def test_products_are_full_float32_inside_and_as_before_after(rounded):
    settings, value, kind = rounded
    settings.fp32_precision = value
    with precision.full_float32():
        assert settings.fp32_precision == ("ieee" if kind == "matmul" else value)
    assert settings.fp32_precision == value


@new
def test_what_is_allowed_tells_every_setting(rounded):
    settings, value, _ = rounded
    before = precision.allowed()
    settings.fp32_precision = value
    assert precision.allowed() != before
    settings.fp32_precision = "ieee"
    with pytest.raises(RuntimeError), precision.full_float32():
        raise RuntimeError


@new
def test_the_first_of_several_threads_sets_and_the_last_puts_back(rounded):
    settings, value, kind = rounded
    settings.fp32_precision = value
    one, other = precision.full_float32(), precision.full_float32()
    one.__enter__()
    other.__enter__()
    one.__exit__(None, None, None)
    assert settings.fp32_precision == ("ieee" if kind == "matmul" else value)
    other.__exit__(None, None, None)
    assert settings.fp32_precision == value


def test_autocast_does_not_round_inside():
    rows = torch.full((4, 4), 1 + 2**-12)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert (rows @ rows).dtype == torch.bfloat16
        with precision.full_float32():
            assert (rows @ rows).dtype == torch.float32
