from types import SimpleNamespace
from typing import Any

import lightning
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from asr.errors import ConfigError
from asr.training.weight_noise import WeightNoise


class Watched(lightning.LightningModule):
    """Keeps the weights that it sees in each phase."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(200, 100)
        self.in_training: list[Tensor] = []
        self.in_validation: list[Tensor] = []
        self.gradients: list[Tensor] = []

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        self.in_training.append(self.layer.weight.detach().clone())
        return self.layer(batch).square().mean()

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        self.gradients.append(self.layer.weight.grad.clone())  # type: ignore[union-attr]
        self.at_step = self.layer.weight.detach().clone()

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        self.in_validation.append(self.layer.weight.detach().clone())

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.0)


def fit(callback: WeightNoise, module: Watched, **options: Any) -> None:
    data = DataLoader(torch.ones(4, 200), batch_size=1)
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "accelerator": "cpu"}
    lightning.Trainer(callbacks=[callback], max_epochs=1, enable_model_summary=False, **quiet, **options).fit(
        module, data, data
    )


@pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:.isinstance.treespec")
@pytest.mark.parametrize("accumulated", [1, 4])
def test_noise_once_a_sequence_and_none_elsewhere(accumulated: int) -> None:
    module = Watched()
    clean = module.layer.weight.detach().clone()
    fit(WeightNoise(0.075), module, accumulate_grad_batches=accumulated)
    noises = [seen - clean for seen in module.in_training]
    assert len(noises) == 4
    for noise in noises:
        assert float(noise.std()) == pytest.approx(0.075, rel=0.05)
        assert abs(float(noise.mean())) < 0.003
    assert all(not torch.equal(noises[0], other) for other in noises[1:])
    assert torch.equal(module.at_step, clean), "the optimiser moves the clean weights"
    assert len(module.gradients) == 4 // accumulated
    assert all(torch.equal(seen, clean) for seen in module.in_validation)
    assert torch.equal(module.layer.weight, clean)


def test_the_gradient_is_that_of_the_noisy_weights() -> None:
    module, callback = Watched(), WeightNoise(0.075)
    trainer: Any = SimpleNamespace(fit_loop=SimpleNamespace(total_batch_idx=0), global_rank=0)
    inputs = torch.randn(3, 200)
    callback.on_train_batch_start(trainer, module)
    noisy = {name: weight.detach().clone() for name, weight in module.layer.named_parameters()}
    module.training_step(inputs, 0).backward()
    callback.on_after_backward(trainer, module)
    other = nn.Linear(200, 100)
    other.load_state_dict(noisy)
    other(inputs).square().mean().backward()
    assert torch.equal(module.layer.weight.grad, other.weight.grad)  # type: ignore[arg-type]
    assert not torch.equal(module.layer.weight, other.weight)


def test_depends_on_seed_and_batch_alone() -> None:
    def noise(seed: int, batch: int) -> Tensor:
        module = Watched()
        nn.init.zeros_(module.layer.weight)
        trainer: Any = SimpleNamespace(fit_loop=SimpleNamespace(total_batch_idx=batch), global_rank=0)
        WeightNoise(1.0, seed).on_train_batch_start(trainer, module)
        return module.layer.weight.detach()

    assert torch.equal(noise(0, 3), noise(0, 3))
    assert not torch.equal(noise(0, 3), noise(0, 4))
    assert not torch.equal(noise(0, 3), noise(1, 3))


def test_a_negative_deviation_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"std is -0\.1"):
        WeightNoise(-0.1)
