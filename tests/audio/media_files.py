"""Files of phones and of video, written by FFmpeg."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

KINDS = {  # name: format, codec, rate, channels, options of the format and of the codec
    "a.m4a": ("ipod", "aac", 44100, 2, {}, {}),
    "b.m4a": ("ipod", "aac", 16000, 1, {"movflags": "faststart"}, {}),
    "fragmented.mp4": ("mp4", "aac", 16000, 1, {"movflags": "frag_keyframe+empty_moov"}, {}),
    "lossless.m4a": ("ipod", "alac", 16000, 1, {}, {}),
    "a.mov": ("mov", "pcm_s16le", 16000, 1, {}, {}),
    "a.3gp": ("3gp", "aac", 16000, 1, {}, {}),
    "a.webm": ("webm", "libopus", 48000, 1, {}, {}),
    "live.webm": ("webm", "libopus", 48000, 1, {"live": "1"}, {}),
    "a.mka": ("matroska", "flac", 16000, 2, {}, {}),
    "a.wma": ("asf", "wmav2", 44100, 1, {}, {"b": "64000"}),
    "a.aac": ("adts", "aac", 16000, 1, {}, {}),
    "a.amr": ("amr", "libopencore_amrnb", 8000, 1, {}, {}),
    "a.ac3": ("ac3", "ac3", 48000, 1, {}, {}),
    "a.flv": ("flv", "aac", 44100, 1, {}, {}),
    "a.avi": ("avi", "pcm_s16le", 16000, 1, {}, {}),
    "a.wv": ("wv", "wavpack", 16000, 1, {}, {}),
    "a.tta": ("tta", "tta", 16000, 1, {}, {}),
    "a.mp2": ("mp2", "mp2", 16000, 1, {}, {}),
    "a.oga": ("ogg", "flac", 16000, 1, {}, {}),
    "g722.wav": ("wav", "g722", 16000, 1, {}, {}),
    "double.mov": ("mov", "pcm_f64le", 16000, 1, {}, {}),
    "bytes.mov": ("mov", "pcm_u8", 16000, 1, {}, {}),
}
LOSSLESS = {"lossless.m4a", "a.mov", "a.mka", "a.avi", "a.oga", "double.mov"}


def write_media(
    path: Path, samples: np.ndarray, kind: str, streams: int = 1, with_video: bool = False, with_audio: bool = True
) -> Path:
    """Writes samples, shape (S, C), as FFmpeg does; further streams are half as loud, each than the one before."""
    container, codec, rate, channels, options, codec_options = KINDS[kind]
    layout = "mono" if channels == 1 else "stereo"
    with av.open(str(path), "w", format=container, options=options) as file:
        if with_video:
            video = file.add_stream("mpeg4", rate=10)
            video.width = video.height = 32
        count = streams if with_audio else 0
        audio = [file.add_stream(codec, rate=rate, layout=layout, options=codec_options) for _ in range(count)]
        for number, stream in enumerate(audio):
            resampler = av.AudioResampler(stream.codec_context.format.name, layout, rate)
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(samples.T / 2**number).astype(np.float32), "fltp", layout
            )
            frame.sample_rate, frame.pts = rate, 0
            buffer = av.AudioFifo()
            for resampled in resampler.resample(frame):
                buffer.write(resampled)
            place = 0
            while (part := buffer.read(stream.codec_context.frame_size or 1024, partial=True)) is not None:
                part.pts = place
                place += part.samples
                file.mux(stream.encode(part))
            file.mux(stream.encode(None))
        if with_video:
            for _ in range(10):
                picture = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), "rgb24")
                file.mux(video.encode(picture))
            file.mux(video.encode(None))
    return path
