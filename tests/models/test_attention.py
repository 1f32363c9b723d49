import math

import pytest
import torch

from asr.models.attention import SelfAttention, rotate


def test_turning_keeps_lengths_and_dot_products_see_distances_only() -> None:
    torch.manual_seed(0)
    query, key = torch.randn(2, 8, dtype=torch.float64)
    queries, keys = rotate(query.expand(20, 8)), rotate(key.expand(20, 8))
    assert torch.allclose(queries.norm(dim=1), query.norm().expand(20))
    products = queries @ keys.T
    for distance in (-7, 0, 1, 12):
        diagonal = products.diagonal(distance)
        assert torch.allclose(diagonal, diagonal[:1].expand_as(diagonal), atol=1e-6)
    assert products.diagonal(1).mean() != pytest.approx(float(products.diagonal(2).mean()))


def test_turning_is_multiplication_of_complex_numbers() -> None:
    vectors = torch.randn(5, 6, dtype=torch.float64)
    turned = rotate(vectors)
    for place in range(5):
        for pair in range(3):
            angle = place * 10000 ** (-2 * pair / 6)
            value = complex(vectors[place, pair], vectors[place, pair + 3]) * complex(math.cos(angle), math.sin(angle))
            assert turned[place, pair] == pytest.approx(value.real, abs=1e-6)
            assert turned[place, pair + 3] == pytest.approx(value.imag, abs=1e-6)


def test_equals_the_equation_head_by_head() -> None:
    torch.manual_seed(1)
    layer = SelfAttention(12, num_heads=3).double().eval()
    frames, lengths = torch.randn(2, 6, 12, dtype=torch.float64), [6, 4]
    attended = torch.arange(6) < torch.tensor(lengths).unsqueeze(1)
    output = layer(frames, attended)
    for row, length in enumerate(lengths):
        projected = layer.queries_keys_values(layer.norm(frames[row, :length]))
        queries, keys, values = projected.split(12, dim=1)
        heads = []
        for head in range(3):
            part = slice(4 * head, 4 * head + 4)
            scores = rotate(queries[:, part]) @ rotate(keys[:, part]).T / 2
            heads.append(torch.softmax(scores, dim=1) @ values[:, part])
        expected = layer.output(torch.cat(heads, dim=1))
        assert torch.allclose(output[row, :length], expected, atol=1e-9)


def test_dropout_acts_in_training_only() -> None:
    torch.manual_seed(2)
    layer, frames, attended = SelfAttention(8, 2, dropout=0.5), torch.randn(1, 5, 8), torch.ones(1, 5, dtype=torch.bool)
    assert not torch.equal(layer(frames, attended), layer(frames, attended))
    layer.eval()
    assert torch.equal(layer(frames, attended), layer(frames, attended))


@pytest.mark.parametrize(("width", "num_heads"), [(10, 4), (12, 4)])
def test_heads_need_an_even_share(width: int, num_heads: int) -> None:
    with pytest.raises(ValueError, match=f"a width of {width} cannot be split into {num_heads} heads of an even width"):
        SelfAttention(width, num_heads)
