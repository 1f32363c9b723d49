#!/usr/bin/env bash
# LibriSpeech mini: words from five hours of read books; greedy, beam, lexicon, n-gram, recurrent language model.
#
#   recipes/librispeech/run.sh [--corpus-dir DIR] [--dev NAME] [--lm-text FILE]… [--order 3] [--lexicon FILE]
#     [--experiment mini] [--device cpu] [--seed 0] [KEY=VALUE for asr train]
#
# Trains on train-clean-5; each half of the dev set's speakers is scored with weights tuned on the other half.
# --corpus-dir   holds LibriSpeech/, with .flac or .opus (downloaded without it); --dev names another set than dev-clean-2
# --lm-text      sentences for the language models, one a line (without it the training transcripts, and no recurrent model);
#                of several, --lm-text A --lm-text B, the first is most like the speech: n-grams are mixed, and the
#                recurrent model gets the sentences of the others that are most like it
# --order        words of the n-grams
# --lexicon      more words to know, such as cmudict.dict
# --experiment   file of conf/experiment/librispeech: mini_gpu for a GPU, mini_from_phones, mini_cool (see turns.sh)
# --device       cuda to decode and rescore on a GPU; training takes one where there is one
# Stages, for --stage N and --stop-stage N: 1 corpus, 2 tokens, 3 features, 4 training, 5 n-gram, 6 recurrent language
# model, 7 decoding, 8 rescoring, 9 scores. Writes data/librispeech and exp/librispeech in the current folder.

# shellcheck source=recipes/recipe.sh
source "$(dirname "${BASH_SOURCE[0]}")/../recipe.sh"
corpus_dir="" dev=dev-clean-2 lm_text=() order=3 lexicon="" experiment=mini device=cpu seed=0
parse_options "corpus_dir dev lm_text+ order lexicon experiment device seed" "$@"
must_exist lm_text lexicon
data=data/librispeech exp=exp/librispeech/$experiment/seed$seed policy=upper-no-punctuation
train=$data/train-clean-5_cuts.jsonl.gz cuts=$data/${dev}_cuts.jsonl.gz
ngram=$data/${order}gram.npz lstm=exp/librispeech/lstm_lm/seed$seed/best.ckpt
if ((${#lm_text[@]})); then text=(--text "${lm_text[@]}"); else text=(--cuts "$train"); fi
model=(--checkpoint "$exp/last.ckpt" --device "$device" --cuts "$cuts")
if [[ $device != cpu ]]; then model+=(--batch-seconds 900); fi # a GPU has room for all of a search at once

if stage 1 "corpus"; then
  if [[ $corpus_dir ]]; then from=(--corpus-dir "$corpus_dir"); else from=(--download); fi
  asr prepare librispeech "${from[@]}" --subsets train-clean-5 "$dev" --policy "$policy" --out "$data"
fi

if stage 2 "characters"; then
  asr tokens --cuts "$train" --unit char --policy "$policy" --out "$data/tokens_char.txt"
fi

if stage 3 "features, at three speeds"; then
  asr features --cuts "$train" "$cuts" --out "$data/features" --speeds 0.9 1.0 1.1
fi

if stage 4 "training"; then
  asr train experiment="librispeech/$experiment" dev="$dev" seed="$seed" ckpt_path=last "${overrides[@]}"
fi

if stage 5 "n-gram of words"; then
  if ((${#lm_text[@]} > 1)); then
    mixed_ngram "$ngram" "$order" "$policy" "$lexicon" "$cuts" "${lm_text[@]}"
  else
    known=(${lexicon:+--vocab "$lexicon" --add-text-words})
    asr lm train --order "$order" "${text[@]}" "${known[@]}" --policy "$policy" --out "$ngram"
  fi
fi

if ((${#lm_text[@]})) && stage 6 "recurrent language model"; then
  learnt=${lm_text[0]}
  if ((${#lm_text[@]} > 1)); then
    asr lm select --like "$learnt" --text "${lm_text[@]:1}" --keep 0.1 --policy "$policy" --out "$data/selected.txt.gz"
    learnt+=,$data/selected.txt.gz
  fi
  asr train --config-name lm corpus=librispeech "text=[$learnt]" model.text_policy="$policy" seed="$seed" ckpt_path=last
fi

if stage 7 "decoding"; then
  tune=(asr tune decode "${model[@]}") words=(--lexicon "$ngram" --beam-size 1000 --tuning-beam-size 64)
  asr decode "${model[@]}"
  "${tune[@]}" --beam-size 64 --crosswise "$exp/${dev}_beam64.jsonl"
  "${tune[@]}" "${words[@]}" --crosswise "$exp/${dev}_lexicon.jsonl"
  "${tune[@]}" "${words[@]}" --lm "$ngram" --nbest 100 --crosswise "$exp/${dev}_${order}gram.jsonl"
fi

if [[ -e $lstm ]] && stage 8 "rescoring"; then
  asr tune rescore --lm "$lstm" --device "$device" --nbest "$exp/${dev}_${order}gram.jsonl" --cuts "$cuts" \
    --crosswise "$exp/${dev}_lstm.jsonl"
fi

if stage 9 "scores"; then
  asr lm overlap "${text[@]}" --against "$cuts" --policy "$policy" --out "$exp/${dev}_overlap.json"
  asr score --cuts "$cuts" --hyps "$exp/${dev}"_*.jsonl --unit word char --policy "$policy" \
    --frequencies "${text[@]:1}" --overlap "$exp/${dev}_overlap.json" --json "$exp/${dev}_scores.json"
  asr report "$exp"
fi
