import pytest
from random_features import make_features


@pytest.fixture
def train():
    return make_features(12, seed=0)


@pytest.fixture
def test():
    return make_features(5, seed=1, defect=3)
