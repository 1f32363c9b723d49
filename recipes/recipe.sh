# Sourced by every recipe: log, die, parse_options, must_exist, stage. Recipes write to data/ and exp/ in the current folder.
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

# parse_options NAMES "$@": `--corpus-dir X` sets corpus_dir if NAMES has it; KEY=VALUE goes to the array `overrides`,
# which recipes hand to `asr train`; --help prints the comment at the top of the recipe.
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
        [[ $names == *" $name "* ]] || die "$1: no such option; --help lists them"
        (($# > 1)) || die "$1: needs a value"
        printf -v "$name" %s "$2"
        shift 2
        ;;
      *=*) overrides+=("$1") && shift ;;
      *) die "$1: neither an option nor KEY=VALUE; --help lists the options" ;;
    esac
  done
  [[ $stage$stop_stage =~ ^[0-9]+$ ]] || die "--stage, --stop-stage: $stage, $stop_stage; give numbers"
  command -v asr >/dev/null || die "asr: no such command; make demo installs it, or pip install -e ."
}

# must_exist NAMES: refuses what these options name and what is not there, before the hours that come before its use.
must_exist() {
  local name
  for name in "$@"; do
    [[ ! ${!name} || -e ${!name} ]] || die "--${name//_/-}: ${!name}: no such file or folder"
  done
}

# stage NUMBER WHAT: whether this stage is to run; logs it if so.
stage() {
  (($1 >= stage && $1 <= stop_stage)) || return 1
  log "stage $1: $2"
}
