#!/usr/bin/env bash
# LibriSpeech: phones of a dictionary from train-clean-5, scored where a forced aligner has written phones and words down.
#
#   recipes/librispeech/phones.sh [--corpus-dir DIR] [--dev NAME] [--lexicon FILE] [--aligned DIR] [--words FILE]
#     [--experiment mini] [--device cpu] [--seed 0] [KEY=VALUE for asr train]
#
# --corpus-dir   holds LibriSpeech/, with .flac or .opus (downloaded without it); --dev names another dev set
# --lexicon      WORD PHONE PHONE, such as cmudict.dict; utterances with words that it has not are left out
# --aligned      utterances with TextGrids, in LibriSpeech's layout, of speakers who are not in train-clean-5; needed by all stages
# --words        checkpoint of recipes/librispeech/run.sh, whose times of words are compared with the aligner's too
# --experiment   file of conf/experiment/librispeech: mini, or mini_gpu for a GPU
# --device       cuda to decode on a GPU
# Stages, for --stage N and --stop-stage N: 1 corpora, 2 table of phones, 3 features, 4 training, 5 decoding, 6 scores.
# Writes data/librispeech_phones and exp/librispeech_phones in the current folder.

# shellcheck source=recipes/recipe.sh
source "$(dirname "${BASH_SOURCE[0]}")/../recipe.sh"
corpus_dir="" dev=dev-clean-2 lexicon="" aligned="" words="" experiment=mini device=cpu seed=0
parse_options "corpus_dir dev lexicon aligned words experiment device seed" "$@"
[[ $aligned ]] || die "--aligned: is missing; give a folder of utterances with TextGrids"
split=$(basename "$aligned")
data=data/librispeech_phones test=$data/aligned/${split}_cuts.jsonl.gz
exp=exp/librispeech_phones/$experiment/seed$seed
policy=arpabet-39

if stage 1 "corpora"; then
  [[ $lexicon ]] || die "--lexicon: is missing; give a dictionary such as cmudict.dict"
  if [[ $corpus_dir ]]; then from=(--corpus-dir "$corpus_dir"); else from=(--download); fi
  asr prepare librispeech "${from[@]}" --subsets train-clean-5 "$dev" --lexicon "$lexicon" --policy "$policy" \
    --on-problem leave-out --out "$data"
  asr prepare librispeech --corpus-dir "$aligned" --alignments "$aligned" --policy "$policy" \
    --on-problem leave-out --out "$data/aligned"
fi

if stage 2 "table of phones"; then
  asr tokens --cuts "$data/train-clean-5_cuts.jsonl.gz" --unit phone --policy "$policy" --out "$data/tokens_phone.txt"
fi

if stage 3 "features, at three speeds"; then
  asr features --cuts "$data/train-clean-5_cuts.jsonl.gz" "$data/${dev}_cuts.jsonl.gz" --out "$data/features" \
    --speeds 0.9 1.0 1.1
fi

if stage 4 "training"; then
  asr train experiment="librispeech/$experiment" corpus=librispeech_phones unit=phone model.text_policy="$policy" \
    "data.train_cuts=[$data/features/train-clean-5_cuts.jsonl.gz]" "data.val_cuts=[$data/features/${dev}_cuts.jsonl.gz]" \
    seed="$seed" ckpt_path=last "${overrides[@]}"
fi

if stage 5 "decoding"; then
  asr decode --checkpoint "$exp/last.ckpt" --device "$device" --cuts "$test"
  [[ ! $words ]] || asr decode --checkpoint "$words" --device "$device" --cuts "$test" --out "$exp/${split}_words.jsonl"
fi

if stage 6 "scores"; then
  asr score --cuts "$test" --hyps "$exp/${split}_greedy.jsonl" --unit phone --policy "$policy" --per-speaker \
    --json "$exp/${split}_scores.json"
  [[ ! $words ]] || asr score --cuts "$test" --hyps "$exp/${split}_words.jsonl" --unit word char \
    --policy upper-no-punctuation --times
fi
