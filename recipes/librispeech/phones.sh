#!/usr/bin/env bash
# LibriSpeech: phones of a dictionary from train-clean-5, scored where a forced aligner has written phones and words down.
#
#   recipes/librispeech/phones.sh [--corpus-dir DIR] [--dev NAME] [--lexicon FILE] [--g2p FILE] [--aligned DIR]
#     [--words FILE] [--ngram FILE] [--lstm FILE] [--experiment mini] [--device cpu] [--seed 0] [KEY=VALUE for asr train]
#
# --corpus-dir   holds LibriSpeech/, with .flac or .opus (downloaded without it); --dev names another dev set
# --lexicon      WORD PHONE PHONE, such as cmudict.dict
# --g2p          checkpoint that pronounces words that the dictionary lacks (without it, one is trained on the dictionary)
# --aligned      utterances with TextGrids, in LibriSpeech's layout, of speakers who are not in train-clean-5; needed by all stages
# --words        checkpoint of recipes/librispeech/run.sh, whose times of words are compared with the aligner's too, and which
#                rescores what --ngram finds
# --ngram        word n-gram of recipes/librispeech/run.sh: the words of the dev set are searched by their phones
# --lstm         recurrent language model of recipes/librispeech/run.sh, which rescores them
# --experiment   file of conf/experiment/librispeech_phones: mini, or mini_gpu for a GPU
# --device       cuda to decode on a GPU
# Stages, for --stage N and --stop-stage N: 1 pronunciation model, 2 corpora, 3 table of phones, 4 features, 5 training,
# 6 decoding, 7 scores. Writes data/librispeech_phones and exp/librispeech_phones in the current folder.

# shellcheck source=recipes/recipe.sh
source "$(dirname "${BASH_SOURCE[0]}")/../recipe.sh"
corpus_dir="" dev=dev-clean-2 lexicon="" g2p="" aligned="" words="" ngram="" lstm="" experiment=mini device=cpu seed=0
parse_options "corpus_dir dev lexicon g2p aligned words ngram lstm experiment device seed" "$@"
must_exist lexicon g2p aligned words ngram lstm
[[ $aligned ]] || die "--aligned: is missing; give a folder of utterances with TextGrids"
split=$(basename "$aligned")
data=data/librispeech_phones test=$data/aligned/${split}_cuts.jsonl.gz dev_cuts=$data/${dev}_cuts.jsonl.gz
exp=exp/librispeech_phones/$experiment/seed$seed
policy=arpabet-39 word_policy=upper-no-punctuation

# need_lexicon: refuses a stage that goes by the dictionary where none is given.
need_lexicon() { [[ $lexicon ]] || die "--lexicon: is missing; give a dictionary such as cmudict.dict"; }

# rescore FILE FROM TO MODEL: N-best lists of dev by a second model, where there is one.
rescore() {
  [[ ! $1 ]] || asr tune rescore "${@:4}" --device "$device" --nbest "$exp/${dev}_words_$2.jsonl" --cuts "$dev_cuts" \
    --crosswise "$exp/${dev}_words_$3.jsonl"
}

if [[ ! $g2p ]]; then
  g2p=exp/librispeech_phones/g2p/seed$seed/best.ckpt
  if stage 1 "pronunciation model"; then
    need_lexicon
    asr train --config-name g2p corpus=librispeech_phones "lexicon=[$lexicon]" seed="$seed" ckpt_path=last
  fi
fi

if stage 2 "corpora"; then
  need_lexicon
  if [[ $corpus_dir ]]; then from=(--corpus-dir "$corpus_dir"); else from=(--download); fi
  asr prepare librispeech "${from[@]}" --subsets train-clean-5 "$dev" --lexicon "$lexicon" --g2p "$g2p" --policy "$policy" \
    --on-problem leave-out --out "$data"
  asr prepare librispeech --corpus-dir "$aligned" --alignments "$aligned" --policy "$policy" \
    --on-problem leave-out --out "$data/aligned"
fi

if stage 3 "table of phones"; then
  asr tokens --cuts "$data/train-clean-5_cuts.jsonl.gz" --unit phone --policy "$policy" --out "$data/tokens_phone.txt"
fi

if stage 4 "features, at three speeds"; then
  asr features --cuts "$data/train-clean-5_cuts.jsonl.gz" "$dev_cuts" --out "$data/features" --speeds 0.9 1.0 1.1
fi

if stage 5 "training"; then
  asr train experiment="librispeech_phones/$experiment" dev="$dev" seed="$seed" ckpt_path=last "${overrides[@]}"
fi

if stage 6 "decoding"; then
  asr decode --checkpoint "$exp/last.ckpt" --device "$device" --cuts "$dev_cuts" "$test"
  [[ ! $words ]] || asr decode --checkpoint "$words" --device "$device" --cuts "$test" --out "$exp/${split}_words.jsonl"
  if [[ $ngram ]]; then
    need_lexicon
    asr pronounce --checkpoint "$g2p" --words "$ngram" --lexicon "$lexicon" --out "$data/lexicon.dict"
    asr tune decode --checkpoint "$exp/last.ckpt" --device "$device" --cuts "$dev_cuts" --nbest 100 --beam-size 1000 \
      --tuning-beam-size 64 --lexicon "$data/lexicon.dict" --lm "$ngram" --crosswise "$exp/${dev}_words_ngram.jsonl"
    rescore "$words" ngram both --checkpoint "$words"
    if [[ $words ]]; then found=both; else found=ngram; fi
    rescore "$lstm" "$found" lstm --lm "$lstm"
  fi
fi

if stage 7 "scores"; then
  asr score --cuts "$dev_cuts" --hyps "$exp/${dev}_greedy.jsonl" --unit phone --policy "$policy"
  asr score --cuts "$test" --hyps "$exp/${split}_greedy.jsonl" --unit phone --policy "$policy" --per-speaker \
    --json "$exp/${split}_scores.json"
  [[ ! $words ]] || asr score --cuts "$test" --hyps "$exp/${split}_words.jsonl" --unit word char --policy "$word_policy" --times
  [[ ! $ngram ]] || asr score --cuts "$dev_cuts" --hyps "$exp/${dev}"_words_*.jsonl --unit word --policy "$word_policy"
fi
