# Sourced by every recipe: log, die, parse_options, must_exist, stage, mixed_ngram. Recipes write to data/ and exp/ in the
# current folder.
# shellcheck shell=bash
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
if [[ -x $root/.venv/bin/asr ]]; then PATH=$root/.venv/bin:$PATH; fi

log() { printf '%(%H:%M:%S)T %s\n' -1 "$*" >&2; }

# die WHERE WHAT TO DO: prints it and exits with status 2, as for all wrong usage.
die() {
  printf '%s: %s\n' "$0" "$*" >&2
  exit 2
}

# parse_options NAMES "$@": `--corpus-dir X` sets corpus_dir if NAMES has it, and adds to the array corpus_dir if NAMES has
# corpus_dir+; KEY=VALUE goes to the array `overrides`, which recipes hand to `asr train`; --help prints the comment at the
# top of the recipe.
parse_options() {
  local names=" $1 stage stop_stage " name
  shift
  stage=1 stop_stage=99 overrides=()
  while (($#)); do
    case $1 in
      -h | --help)
        sed -n '2,/^$/s/^# \{0,1\}//p' "$0"
        exit 0
        ;;
      --*)
        name=${1#--} name=${name//-/_}
        [[ $names == *" $name"[\ +]* ]] || die "$1: no such option; --help lists them"
        (($# > 1)) || die "$1: needs a value"
        if [[ $names == *" $name+"* ]]; then append "$name" "$2"; else printf -v "$name" %s "$2"; fi
        shift 2
        ;;
      *=*) overrides+=("$1") && shift ;;
      *) die "$1: neither an option nor KEY=VALUE; --help lists the options" ;;
    esac
  done
  [[ $stage$stop_stage =~ ^[0-9]+$ ]] || die "--stage, --stop-stage: $stage, $stop_stage; give numbers"
  command -v asr >/dev/null || die "asr: no such command; make demo installs it, or pip install -e ."
}

# append NAME VALUE: adds to the array of that name.
append() {
  local -n array=$1
  array+=("$2")
}

# must_exist NAMES: refuses what these options name and what is not there, before the hours that come before its use.
must_exist() {
  local -n values
  local name each
  for values in "$@"; do
    name=${!values}
    for each in "${values[@]}"; do
      [[ ! $each || -e $each ]] || die "--${name//_/-}: $each: no such file or folder"
    done
  done
}

# stage NUMBER WHAT: whether this stage is to run; logs it if so.
stage() {
  (($1 >= stage && $1 <= stop_stage)) || return 1
  log "stage $1: $2"
}

# mixed_ngram OUT ORDER POLICY LEXICON CUTS TEXT…: trains an n-gram of each text, over the words of the lexicon and of the
# first text, and mixes them with the weights that predict the transcripts of CUTS best. Of texts other than the first,
# which are large, n-grams of three words or more that occur once are left out.
mixed_ngram() {
  local out=$1 order=$2 policy=$3 lexicon=$4 cuts=$5 text parts=()
  local known=(${lexicon:+--vocab "$lexicon" --add-text-words})
  for text in "${@:6}"; do
    parts+=("${out%.npz}_$((${#parts[@]} + 1)).npz")
    asr lm train --order "$order" --text "$text" "${known[@]}" --policy "$policy" --out "${parts[-1]}"
    known=(--vocab "${parts[0]}" --prune 0 0 1)
  done
  asr lm mix "${parts[@]}" --dev-cuts "$cuts" --policy "$policy" --out "$out"
}

# texts_to_learn OUT SHARE POLICY TEXT…: prints the texts that a recurrent language model learns from, separated by commas:
# the first and, of the others, the share that is most like it, which is written to OUT.
texts_to_learn() {
  local out=$1 share=$2 policy=$3 first=$4
  if (($# > 4)); then
    asr lm select --like "$first" --text "${@:5}" --keep "$share" --policy "$policy" --out "$out" >&2 || return
    first+=,$out
  fi
  printf '%s\n' "$first"
}
