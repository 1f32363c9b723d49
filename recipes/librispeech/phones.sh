#!/usr/bin/env bash
# LibriSpeech: phones of a dictionary from train-clean-5, scored where a forced aligner has written phones and words down.
#
#   recipes/librispeech/phones.sh [--corpus-dir DIR] [--dev NAME] --lexicon FILE [--g2p FILE] --aligned DIR
#     [--letters NAME] [--experiment mini] [--device cpu] [--seed 0] [KEY=VALUE for asr train]
#
# --corpus-dir   holds LibriSpeech/, with .flac or .opus (downloaded without it); --dev names another set than dev-clean-2
# --lexicon      WORD PHONE PHONE, such as cmudict.dict
# --g2p          checkpoint that pronounces words that the dictionary lacks (without it, one is trained on the dictionary)
# --aligned      utterances with TextGrids, in LibriSpeech's layout, of speakers who are not in train-clean-5
# --letters      experiment that run.sh has trained and decoded, such as mini: the words of the dev set are searched by
#                their phones with its trigram, then rescored by its letters and its recurrent language model
# --experiment   file of conf/experiment/librispeech_phones: mini, mini_gpu for a GPU, mini_crf after mini, or those of turns.sh
# --device       cuda to decode on a GPU
# Stages, for --stage N and --stop-stage N: 1 pronunciation model, 2 corpora, 3 table of phones, 4 features, 5 training,
# 6 decoding, 7 words, 8 scores. Writes data/librispeech_phones and exp/librispeech_phones in the current folder.

# shellcheck source=recipes/recipe.sh
source "$(dirname "${BASH_SOURCE[0]}")/../recipe.sh"
corpus_dir="" dev=dev-clean-2 lexicon="" g2p="" aligned="" letters="" experiment=mini device=cpu seed=0
parse_options "corpus_dir dev lexicon g2p aligned letters experiment device seed" "$@"
letters=${letters:+exp/librispeech/$letters/seed$seed/last.ckpt}
must_exist lexicon g2p aligned letters
[[ $lexicon ]] || die "--lexicon: is missing; give a dictionary such as cmudict.dict"
[[ $aligned ]] || die "--aligned: is missing; give a folder of utterances with TextGrids"
data=data/librispeech_phones exp=exp/librispeech_phones/$experiment/seed$seed policy=arpabet-39 split=$(basename "$aligned")
train=$data/train-clean-5_cuts.jsonl.gz cuts=$data/${dev}_cuts.jsonl.gz test=$data/aligned/${split}_cuts.jsonl.gz
ngram=data/librispeech/3gram.npz lstm=exp/librispeech/lstm_lm/seed$seed/best.ckpt
on_device=(--device "$device") words=$exp/${dev}_words

if [[ ! $g2p ]] && stage 1 "pronunciation model"; then
  asr train --config-name g2p corpus=librispeech_phones "lexicon=[$lexicon]" seed="$seed" ckpt_path=last
fi
g2p=${g2p:-exp/librispeech_phones/g2p/seed$seed/best.ckpt}

if stage 2 "corpora"; then
  prepare=(asr prepare librispeech --policy "$policy" --on-problem leave-out)
  if [[ $corpus_dir ]]; then from=(--corpus-dir "$corpus_dir"); else from=(--download); fi
  "${prepare[@]}" "${from[@]}" --subsets train-clean-5 "$dev" --lexicon "$lexicon" --g2p "$g2p" --out "$data"
  "${prepare[@]}" --corpus-dir "$aligned" --alignments "$aligned" --out "$data/aligned"
fi

if stage 3 "table of phones"; then
  asr tokens --cuts "$train" --unit phone --policy "$policy" --out "$data/tokens_phone.txt"
fi

if stage 4 "features, at three speeds"; then
  asr features --cuts "$train" "$cuts" --out "$data/features" --speeds 0.9 1.0 1.1
fi

if stage 5 "training"; then
  asr train experiment="librispeech_phones/$experiment" dev="$dev" seed="$seed" ckpt_path=last "${overrides[@]}"
fi

if stage 6 "decoding"; then
  asr decode --checkpoint "$exp/last.ckpt" "${on_device[@]}" --cuts "$cuts" "$test"
fi

if [[ $letters ]] && stage 7 "words by their phones, and by the letters"; then
  asr decode --checkpoint "$letters" "${on_device[@]}" --cuts "$test" --out "$exp/${split}_words.jsonl"
  asr pronounce --checkpoint "$g2p" --words "$ngram" --lexicon "$lexicon" --out "$data/lexicon.dict"
  asr tune decode --checkpoint "$exp/last.ckpt" "${on_device[@]}" --cuts "$cuts" --lexicon "$data/lexicon.dict" \
    --lm "$ngram" --beam-size 1000 --tuning-beam-size 64 --nbest 100 --crosswise "${words}_ngram.jsonl"
  rescore=(asr tune rescore "${on_device[@]}" --cuts "$cuts")
  "${rescore[@]}" --checkpoint "$letters" --nbest "${words}_ngram.jsonl" --crosswise "${words}_both.jsonl"
  [[ ! -e $lstm ]] || "${rescore[@]}" --lm "$lstm" --nbest "${words}_both.jsonl" --crosswise "${words}_lstm.jsonl"
fi

if stage 8 "scores"; then
  phones=(--unit phone --policy "$policy") spelled=(--policy upper-no-punctuation)
  asr score --cuts "$cuts" --hyps "$exp/${dev}_greedy.jsonl" "${phones[@]}"
  asr score --cuts "$test" --hyps "$exp/${split}_greedy.jsonl" "${phones[@]}" --per-speaker --json "$exp/${split}_scores.json"
  [[ ! $letters ]] || asr score --cuts "$test" --hyps "$exp/${split}_words.jsonl" --unit word char "${spelled[@]}" --times
  [[ ! $letters ]] || asr score --cuts "$cuts" --hyps "${words}"_*.jsonl --unit word "${spelled[@]}"
fi
