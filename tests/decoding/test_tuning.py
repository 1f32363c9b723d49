from asr.decoding.tuning import tune


def test_finds_the_least_error_and_tries_each_pair_once() -> None:
    asked: list[tuple[float, float]] = []

    def error_rate(weight: float, score: float) -> float:
        asked.append((weight, score))
        return abs(weight - 0.6) + abs(score - 1.0)

    best = tune(error_rate, [0.2, 0.4, 0.6, 0.8], [-1.0, 1.0, 2.0])
    assert (best.lm_weight, best.token_score, best.error_rate) == (0.6, 1.0, 0.0)
    assert len(asked) == len(set(asked)) == len(best.tried)
    assert [pair[:2] for pair in best.tried] == asked
    assert (0.0, 0.0) in asked


def test_of_equal_ones_the_smaller_weight_is_taken() -> None:
    best = tune(lambda _weight, _score: 0.25, [0.5, 1.0], [-1.0, 1.0])
    assert (best.lm_weight, best.token_score) == (0.0, 0.0)


def test_a_model_that_only_harms_is_left_out() -> None:
    best = tune(lambda weight, score: 0.1 + weight + abs(score), [0.5, 1.0], [-1.0, 1.0])
    assert (best.lm_weight, best.token_score, best.error_rate) == (0.0, 0.0, 0.1)


def test_follows_weight_and_score_that_rise_together() -> None:
    def error_rate(weight: float, score: float) -> float:
        return (score - 5 * weight) ** 2 + (weight - 0.3) ** 2

    best = tune(error_rate, [0.1, 0.2, 0.3, 0.4], [-0.5, 0.5, 1.0, 1.5, 2.0])
    assert (best.lm_weight, best.token_score) == (0.3, 1.5)
