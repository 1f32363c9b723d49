# ruff: noqa: RUF001 (IPA is meant)
"""From the IPA names of espeak-ng's phones to the 61 phones of TIMIT.

One table serves all accents: espeak-ng names a phone as the accent realises it (the vowel of *bath* is ``æ``, ``a`` or
``ɑː``), so a label says what is heard. Where the choice was not obvious:

- The closure of stops and affricates is a phone of its own, as in TIMIT; :data:`CLOSURES` names it, and
  :mod:`asr.corpora.synth.labels` measures where it is.
- A centring diphthong (``iə``) or a vowel with r (``ɑːɹ``) is one phone for espeak-ng and two in TIMIT:
  the first takes :data:`FIRST_SHARE` of the time. British ``eə`` hardly moves: ``eh`` alone.
- The flap is ``dx``, the glottal stop ``q``, syllabic l and n are ``el`` and ``en``; the vowel of *bird* is ``er`` in
  every accent, unstressed r-coloured schwa ``axr``, reduced ``ᵻ`` is ``ix``, fronted ``ʉ`` is ``ux``.
- ``ɒ`` (British *lot*) is ``ao``; monophthongs ``eː`` and ``oː`` (Scotland, Lancaster) are ``ey`` and ``ow``; raised
  ``ɛə`` (New York *last*) is ``ae``; ``ʍ`` (Scottish *which*) is ``w``; Scottish ``ʌɹ`` and ``əɹ`` (*word*, *bird*)
  are ``er``, and its final ``ɜ``, which has no r colour (third formant at 2.6 kHz), is ``ax``.
- espeak-ng does not tell ax-h, em, eng, epi, hv or nx apart: they do not occur.
"""

from __future__ import annotations

STRESS_MARKS = "ˈˌ"

FIRST_SHARE = 0.6

GLOTTAL_STOP = "q"


def _table(text: str) -> dict[str, tuple[str, ...]]:
    """Reads rows of "NAME: PHONE PHONE" cells, separated by commas."""
    cells = (cell.split(": ") for row in text.strip().splitlines() for cell in row.strip(" ,").split(", "))
    return {name: tuple(phones.split()) for name, phones in cells}


CLOSURES = {stop: closure for stop, (closure,) in _table("""
    p: pcl, t: tcl, k: kcl, ch: tcl
    b: bcl, d: dcl, g: gcl, jh: dcl
""").items()}  # fmt: skip
"""The closure of each stop and affricate."""

TIMIT_PHONES: dict[str, tuple[str, ...]] = {"ʲ": ()} | _table("""
    p: p, t: t, k: k, b: b, d: d, ɡ: g, tʃ: ch, dʒ: jh, ɾ: dx, ʔ: q
    f: f, v: v, θ: th, ð: dh, s: s, z: z, ʃ: sh, ʒ: zh, h: hh
    m: m, n: n, ŋ: ng, n̩: en
    l: l, əl: el, ɹ: r, r: r, w: w, ʍ: w, j: y
    iː: iy, i: iy, ɪ: ih, ᵻ: ix
    e: eh, ɛ: eh, eə: eh, eɪ: ey, eː: ey
    æ: ae, ɛə: ae, a: ae
    ɐ: ax, ə: ax, ɜ: ax, ʌ: ah
    ɑː: aa, aː: aa, a:: aa, a::: aa
    ɒ: ao, ɔ: ao, ɔː: ao
    o: ow, oː: ow, oʊ: ow, əʊ: ow
    ʊ: uh, uː: uw, u: uw, ʉ: ux, ʉː: ux
    ɜː: er, əɪ: er, ʌɹ: er, əɹ: er, ɚ: axr
    aɪ: ay, aʊ: aw, æʊ: aw, ʌʉ: aw, ɔɪ: oy
    ɑːɹ: aa r, ɔːɹ: ao r, ɛɹ: eh r, ɪɹ: ih r, ʊɹ: uh r, ʉɹ: ux r
    iə: ih ax, ʊə: uh ax, aɪə: ay ax, aɪɚ: ay axr, aʊə: aw ax, aʊɚ: aw axr
""")
"""IPA without stress marks to one or two TIMIT phones; to none for a glide that belongs to the vowel before it."""
