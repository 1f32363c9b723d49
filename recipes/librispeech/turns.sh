#!/usr/bin/env bash
# LibriSpeech mini at its best: letters and phones are trained in turns, each from the layers of the other.
#
#   recipes/librispeech/turns.sh [--corpus-dir DIR] [--dev NAME] [--lm-text FILE] --lexicon FILE --aligned DIR
#     [--device cpu] [--seed 0] [KEY=VALUE for asr train]
#
# --corpus-dir, --dev, --lm-text, --lexicon, --aligned, --device: as in run.sh and phones.sh, which this calls
# Stages, for --stage N and --stop-stage N: 1 letters and models of language, 2 phones, 3 letters, 4 letters with fewer
# masks, and the words by their letters, 5 phones, and the words by their phones. Writes data/librispeech,
# data/librispeech_phones, exp/librispeech and exp/librispeech_phones in the current folder.

# shellcheck source=recipes/recipe.sh
source "$(dirname "${BASH_SOURCE[0]}")/../recipe.sh"
corpus_dir="" dev=dev-clean-2 lexicon="" aligned="" lm_text="" device=cpu seed=0
parse_options "corpus_dir dev lexicon aligned lm_text device seed" "$@"
must_exist lexicon aligned lm_text
[[ $lexicon ]] || die "--lexicon: is missing; give a dictionary such as cmudict.dict"
[[ $aligned ]] || die "--aligned: is missing; give a folder of utterances with TextGrids"
common=(--dev "$dev" --lexicon "$lexicon" --device "$device" --seed "$seed")
if [[ $corpus_dir ]]; then common+=(--corpus-dir "$corpus_dir"); fi
letters=("$root/recipes/librispeech/run.sh" "${common[@]}")
phones=("$root/recipes/librispeech/phones.sh" --aligned "$aligned" "${common[@]}")
if [[ $lm_text ]]; then letters+=(--lm-text "$lm_text"); fi

if stage 1 "letters and models of language"; then
  "${letters[@]}" --stop-stage 6 "${overrides[@]}"
fi

if stage 2 "phones from letters"; then
  "${phones[@]}" --experiment mini_from_letters --stop-stage 5 "${overrides[@]}"
fi

if stage 3 "letters from phones"; then
  "${letters[@]}" --experiment mini_from_phones --stage 4 --stop-stage 4 "${overrides[@]}"
fi

if stage 4 "letters with fewer masks"; then
  "${letters[@]}" --experiment mini_cool --stage 4 --stop-stage 4 "${overrides[@]}"
  "${letters[@]}" --experiment mini_cool --stage 7
fi

if stage 5 "phones from letters"; then
  "${phones[@]}" --experiment mini_cool --letters mini_cool --stage 5 "${overrides[@]}"
fi
