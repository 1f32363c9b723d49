"""A small model, a batch of three utterances, and the step of an objective, for tests."""

import torch

from asr.data.batch import Batch, Share
from asr.features.frontend import FrontEnd
from asr.models.acoustic import AcousticModel
from asr.models.encoder import RecurrentEncoder
from asr.text.writing import MAIN
from asr.training.crf import CRF
from asr.training.losses import CTCObjective, StepLoss
from tests.decoding.enumeration import phones

TARGETS = ((1, 2), (1, 1, 2), (2,))


def learned(order: int = 2, ctc_weight: float = 0.1) -> CRF:
    """Returns CTC-CRF with the n-gram of :data:`TARGETS`."""
    crf = CRF(order, ctc_weight)
    crf.learn(TARGETS, phones(3))
    return crf


def make_batch(rows: slice = slice(None), num_ranks: int = 1) -> Batch:
    """Returns some utterances of a step of three, whose targets are :data:`TARGETS`."""
    targets = TARGETS[rows]
    features = torch.randn(3, 12, 6, generator=torch.Generator().manual_seed(1))[rows]
    names = [f"utterance {number}" for number in range(3)][rows]
    return Batch(
        utterance_ids=names,
        texts=[" ".join(map(str, target)) for target in targets],
        kind="static",
        inputs=features,
        lengths=torch.tensor([12, 12, 9])[rows],
        targets=torch.tensor([token for target in targets for token in target]),
        target_lengths=torch.tensor([len(target) for target in targets]),
        seeds=torch.arange(3)[rows],
        share=Share(num_ranks, len(TARGETS), sum(map(len, TARGETS))),
    )


def make_model() -> AcousticModel:
    torch.manual_seed(0)
    encoder = RecurrentEncoder(6, hidden_dim=8, num_layers=2, time_stride=1)
    return AcousticModel(FrontEnd(num_mels=6), encoder, 3)


def take(objective: CTCObjective, model: AcousticModel, batch: Batch, step: int = 5) -> StepLoss:
    """Returns the loss of a batch, whose second views are louder."""
    features, lengths = batch.inputs, batch.lengths
    assert features is not None
    if objective.consistency:
        features, lengths = torch.cat([features, 1.5 * features]), lengths.repeat(2)
    heads, encoded_lengths = model.classify_heads(features, lengths, objective.layers)
    return objective(heads[MAIN], encoded_lengths, batch, step, total_steps=100)
