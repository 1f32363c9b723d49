"""Numbers that define the features, shared by the front end in torch and the one in NumPy."""

from __future__ import annotations

PREEMPHASIS = 0.97
ENERGY_FLOOR = 2.0**-23  # float32's epsilon, as in Kaldi; near the rounding noise of 16-bit samples
DELTA_WINDOW = 2  # frames on each side that a first difference uses

SMALLEST_STD = 0.01
NUM_BANDS = 6  # that levels are averaged to: the noise of a single filter varies too much to detect speech
SMOOTHING = 5  # frames, for the same reason
NOISE_SHARE = 0.1  # of the audible frames is below the noise: pauses make up more of any utterance
NUM_LOUDEST = 15  # frames: the reference is the smallest of them, so that a knock of 0.1 s does not set it
LEAST_CONTRAST = 1.0  # nats, the mean over the bands (4 dB): steady noise has 0.4, speech in noise as loud as it 2
LEAST_SHARE = 0.35  # of the utterance's largest reference: faint noise between long pauses is not speech
SPEECH_FROM = (0.4, 0.6)  # of the reference's contrast: below it is not speech, above it is, in between partly
SPEECH_TO = (1.2, 1.5)  # likewise for sounds too loud to be speech
NOISE_TO = 0.2  # of the reference's contrast: the least contrast is noise, so much more is not
PRIOR_LEVEL, PRIOR_STD = 4.0, 1.5  # nats above the noise, of the one frame that is always counted
LONG_PAUSE = 100  # frames, 1 s
MARGIN = 10  # frames of a long pause next to sound, which count as the sound's own silence
SHORTEST_SOUND = 30  # frames; what is shorter, such as a click, is part of the pause
SWING_WINDOW = 51  # frames, half a second, in which levels are compared
STEADY = 2.0  # nats: levels of pauses swing by less in half a second, 0.4 those of noise; speech by 3 and more


def difference_weights(order: int) -> list[float]:
    """Returns the weights of the ``order``-th difference, one for each of 4 * order + 1 frames.

    Example:
        >>> difference_weights(1)
        [-0.2, -0.1, 0.0, 0.1, 0.2]
    """
    weights = [1.0]
    for _ in range(order):
        terms = [0.0] * (len(weights) + 2 * DELTA_WINDOW)
        for i, weight in enumerate(weights):
            for j in range(-DELTA_WINDOW, DELTA_WINDOW + 1):
                terms[i + j + DELTA_WINDOW] += weight * j
        weights = terms
    return [weight / 10**order for weight in weights]
