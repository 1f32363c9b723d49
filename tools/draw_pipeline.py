"""Draws the picture of the pipeline in the README: python tools/draw_pipeline.py > recipes/pipeline.svg."""

from __future__ import annotations

from html import escape

WIDTH, HEIGHT = 1000, 452
INK, PALE, FILE, MODULE, ACCENT = "#1f2933", "#616e7c", "#eef4f8", "#fdf3e7", "#b5482a"
FONT = 'font-family="Helvetica, Arial, DejaVu Sans, sans-serif"'
MONO = 'font-family="Menlo, Consolas, DejaVu Sans Mono, monospace"'


def text(x: float, y: float, words: str, size: int = 13, colour: str = INK, style: str = FONT) -> str:
    """Returns a line of text, centred at x."""
    return (
        f'<text x="{x}" y="{y}" text-anchor="middle" font-size="{size}" fill="{colour}" {style}>{escape(words)}</text>'
    )


def box(x: float, y: float, width: float, height: float, fill: str, *lines: str) -> str:
    """Returns a box with its name and, smaller, its contents."""
    place = f'x="{x}" y="{y}" width="{width}" height="{height}" rx="6"'
    parts = [f'<rect {place} fill="{fill}" stroke="{PALE}" stroke-width="1"/>']
    first = y + height / 2 + 5 - 8 * (len(lines) - 1)
    for number, line in enumerate(lines):
        size, colour = (13, INK) if number == 0 else (11, PALE)
        parts.append(text(x + width / 2, first + 16 * number, line, size, colour))
    return "".join(parts)


def arrow(*points: tuple[float, float]) -> str:
    """Returns an arrow along points."""
    path = " L".join(f"{x} {y}" for x, y in points)
    return f'<path d="M{path}" fill="none" stroke="{INK}" stroke-width="1.4" marker-end="url(#head)"/>'


def command(x: float, y: float, verb: str) -> str:
    """Returns the command that an arrow stands for."""
    return text(x, y, verb, 12, ACCENT, MONO)


def commands_and_files() -> list[str]:
    """Returns the upper half: which command turns which files into which."""
    width, step, y, height = 104, 178, 52, 56
    names = [
        ("corpus", "AN4, synth,", "your folder"),
        ("cuts", "audio, text,", "speaker, times"),
        ("checkpoint", "front end, model,", "tokens, policy"),
        ("hypotheses", "words, times,", "confidence"),
        ("error rates", "WER, CER, PER,", "95 % interval"),
    ]
    xs = [10, 10 + step, 10 + 2 * step + 164, 10 + 3 * step + 164, 10 + 4 * step + 164]
    parts = [box(x, y, width, height, FILE, *lines) for x, lines in zip(xs, names, strict=True)]
    middle = y + height / 2
    verbs = ["prepare", "train", "decode", "score"]
    for left, right, verb in zip(xs, xs[1:], verbs, strict=False):
        parts.append(arrow((left + width, middle), (right - 3, middle)))
        parts.append(command((left + width + right) / 2, middle - 8, verb))
    cuts, model = xs[1] + width / 2, xs[2]
    parts += [
        box(355, 128, 100, 40, FILE, "tokens", "char or phone"),
        box(355, 180, 100, 40, FILE, "features", "cached, optional"),
        arrow((cuts - 16, y + height), (cuts - 16, 200), (352, 200)),
        arrow((cuts + 16, y + height), (cuts + 16, 148), (352, 148)),
        command(cuts + 68, 142, "tokens"),
        command(cuts + 52, 194, "features"),
        arrow((455, 148), (model + 28, 148), (model + 28, y + height + 3)),
        arrow((455, 200), (model + 52, 200), (model + 52, y + height + 3)),
        arrow((model + 76, y + height), (model + 76, 180), (xs[3] - 3, 180)),
        command(model + 122, 172, "transcribe"),
        box(xs[3], 156, 104, 48, FILE, "transcripts", "text, JSON, SRT"),
        box(xs[4], 156, 104, 48, FILE, "recordings", "of any format"),
        arrow((xs[4], 180), (xs[3] + 107, 180)),
        text(500, 30, "commands and the files between them", 14, PALE),
    ]
    return parts


def inside_the_checkpoint() -> list[str]:
    """Returns the lower half: what happens to a waveform, with the shapes."""
    y, height = 326, 62
    boxes = [
        (86, ("FrontEnd", "log-mel or MFCC,", "deltas, CMVN")),
        (276, ("Subsampling", "convolutions,", "stride 1 to 4")),
        (462, ("BLSTM", "several layers, two", "directions, no packing")),
        (660, ("Linear", "log softmax")),
    ]
    widths = [118, 112, 132, 92]
    parts = [
        f'<rect x="72" y="286" width="694" height="118" rx="8" fill="none" stroke="{PALE}" stroke-dasharray="5 4"/>',
        text(500, 268, "inside the checkpoint: from a waveform to words", 14, PALE),
        text(132, 306, "AcousticModel", 12, PALE),
    ]
    parts += [box(x, y, width, height, MODULE, *lines) for (x, lines), width in zip(boxes, widths, strict=True)]
    parts.append(box(832, 292, 160, 44, MODULE, "CTC loss", "in training"))
    parts.append(box(832, 352, 160, 60, MODULE, "greedy, prefix beam", "hypotheses with times", "and confidence"))
    middle = y + height / 2
    edges = [8, *(x for x, _ in boxes)]
    ends = [8, *(x + width for (x, _), width in zip(boxes, widths, strict=True))]
    shapes = ["B,S", "B,T,F", "B,N,D", "B,N,D"]
    for start, stop, shape in zip(ends, edges[1:], shapes, strict=False):
        parts.append(arrow((start, middle), (stop - 3, middle)))
        parts.append(text((start + stop) / 2, middle - 8, shape, 11, PALE, MONO))
    parts.append(arrow((752, middle), (802, middle), (802, 314), (829, 314)))
    parts.append(arrow((752, middle), (802, middle), (802, 382), (829, 382)))
    parts.append(text(785, middle + 16, "B,N,V", 11, PALE, MONO))
    legend = "B batch · S samples · T frames · F bins · N encoder frames · D width · V tokens with blank"
    parts.append(text(500, 438, legend, 11, PALE))
    return parts


def main() -> None:
    """Prints the picture."""
    head = (
        f'<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0L8 4L0 8z" fill="{INK}"/></marker>'
    )
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">')
    print("<title>The pipeline: commands, files, and the model</title>")
    print(f'<defs>{head}</defs>\n<rect width="{WIDTH}" height="{HEIGHT}" rx="10" fill="#ffffff"/>')
    print("\n".join([*commands_and_files(), *inside_the_checkpoint()]))
    print("</svg>")


if __name__ == "__main__":
    main()
