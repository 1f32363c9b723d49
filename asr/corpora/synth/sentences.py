"""English sentences from a small grammar: millions of them, each of which belongs to one part of the corpus."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

import numpy as np

_PARTS = {"train": range(14), "dev": range(14, 17), "test": range(17, 20)}  # of 20

_TEMPLATES = """
<who> <did> <what> <where>.
<who> <did> <what> <when>.
<who> <did> <what>, and <who> <went> <where>.
<who> <went> <where> <when>.
<who> <went> <where> with <what>.
<when>, <who> <did> <what>.
<where>, <who> <did> <what>.
<there> <where>.
<what> <was> <how>.
<what> <was> <how>, but <what> <was> <how>.
<what> <was> too <how> for <who>.
<who> <said> that <what> <was> <how>.
<who> <said> that <who> <went> <where>.
did <who> <do> <what> <when>?
did <who> <do> <what> <where>?
why did <who> <do> <what>?
how did <who> <do> <what> so <manner>?
please <do> <what> before <who> <manner> <did> <what>.
never <do> <what> <where>.
<manner>, <who> <did> <what> and <what>.
if <who> <did> <what>, <who> would <do> <what>.
<who> could not <do> <what> <when>.
<who> will <manner> <do> <what>.
while <who> <did> <what>, <who> <went> <where>.
<number> <things> <were> <how>.
<who> <did> <number> <things> <where>.
<number> <things> and <number> <things> <were> <where>.
"""

_WORDS = """
who: the <person> | the <person> | her <person> | our <adjective> <person> | <name> | <name> | <name> and <name> |
  my <person> | a <adjective> <person> | that <adjective> <person> | your <adjective> <person> | the <person>'s
  <kin>
what: the <thing> | the <adjective> <thing> | the <adjective> <thing> | a <adjective> <thing> | his <thing> |
  <number> <things> | these <things> | some <adjective> <things> | the <thing>'s <part> | another <thing>
where: near the <place> | behind the <adjective> <place> | under the <place> | beside a <adjective> <place> | across
  the <place> | beyond the <adjective> <place> | through the <place> | around the <place> | above a <place> |
  between the <place> and the <place> | opposite the <place> | inside the <adjective> <place>
when: this morning | yesterday evening | on Thursday | before breakfast | after the <event> | during the <event> |
  every winter | late last night | early on Sunday | <number> days ago | once again | in January | half an hour ago
  | next July | at noon | since August | without a break | by moonlight | next year | in the usual season
there: there should be <number> <things> | there lay a <adjective> <thing> | here we saw <number> <things> | nobody
  found the <adjective> <thing> | everybody wants a <adjective> <thing>
name: Joyce | Matthew | Judith | Roy | Vivian | Oliver | Zoe | George | Beth | Arthur | Chuck | Eunice | Louise |
  Gilbert | Naomi | Patrick | Sheila | Theodore | Yvonne | Oscar | Daisy | Walter
person: baker | sailor | teacher | judge | farmer | young nurse | uncle | soldier | painter | neighbor | engineer |
  coachman | girl | little boy | shepherd | queen | king | lawyer | author | musician | cook | fisherman | officer |
  witness | stranger | poet | miner | guide | clerk | driver | child | pilot | merchant
kin: brother | sister | mother | father | cousin | nephew | daughter | youngest son | niece
thing: bottle | button | measure | treasure | kitchen table | oyster | garage | vision | chair | cushion | judgment
  | coin | engine | yellow jacket | book | hook | pudding | wooden spoon | thimble | feather | leather glove | beige
  curtain | anchor | finger | jungle map | rope | shovel | cloud | towel | mouth organ | crown | house key | couch |
  boiler | toy | voice | choice | joint | cube | music box | youth | fuse | beauty | weather vane | tooth | path |
  cloth | wreath | bathtub | zipper | lizard | puzzle | prism | shoe | fish | wash | sugar | pressure gauge | cheese
  | watch | peach | ditch | question | giant | badge | orange | bridge | package | wing | ring | song | kettle |
  cattle | apple | candle | needle | lemon | salmon | pattern | kitten | cotton shirt | garden hose | bargain |
  apron | horse | fork | door | board | story | ear | beard | deer | bear | pair | square | tower | flower | fire |
  wire | iron | word | bird | shirt | earth | barn | card | heart | piano | radio | video | idea | area | letter |
  butter | ladder | water pail | city | duty
things: bottles | buttons | measures | treasures | cushions | coins | books | pudding bowls | feathers | gloves |
  anchors | fingers | ropes | clouds | towels | crowns | houses | toys | voices | cubes | teeth | paths | zippers |
  lizards | puzzles | shoes | fishes | peaches | watches | badges | oranges | bridges | packages | rings | songs |
  kettles | apples | candles | needles | lemons | patterns | kittens | horses | forks | doors | stories | ears |
  bears | chairs | flowers | wires | words | birds | shirts | cards | pianos | letters | ladders | cities | days |
  eggs | geese | mice | wolves | leaves | knives | sheep | ashes | dogs | cats | boots | hats | maps | plates |
  roads | ships | trees
part: edge | surface | price | color | shape | weight | owner | use | value | other side | beginning | middle |
  cover
place: river | garden | kitchen | church | bridge | village | harbor | mountain | valley | station | school |
  theater | garage | barn | bakery | library | museum | palace | cottage | forest | meadow | island | beach |
  highway | railway | orchard | tower | cellar | attic | stable | square | corner | market | jail | embassy | pool |
  zoo | desert | ocean | well | fountain | hallway | porch | mill | field | hedge | wall | tunnel | laundry |
  cathedral
event: party | funeral | wedding | concert | lesson | meeting | storm | thunder | harvest | match | race | battle |
  journey | picture show | holiday | lecture | exhibition | feast | voyage | strike | football game | flood
adjective: red | green | yellow | purple | orange | white | black | gray | large | tiny | usual | rough | smooth |
  heavy | cheap | precious | old | new | young | strange | foreign | wooden | golden | rusty | dusty | broken |
  thick | thin | narrow | broad | shallow | deep | hollow | noisy | quiet | gentle | awful | lovely | pretty | ugly
  | fresh | frozen | boiled | oily | shiny | dull | sharp | square | round | curious | famous | northern | southern
  | beautiful | cheerful | peaceful | useful | royal | loyal | savage | major | single | simple | double | humble |
  sudden | rotten | hidden | woolen | brazen | fearful | careful | early | dirty | sturdy | weird | rare | fair |
  sour | tired | entire
did: opened | closed | bought | sold | found | lost | carried | moved | washed | watched | measured | treasured |
  painted | polished | pushed | pulled | chose | enjoyed | destroyed | noticed | counted | covered | discovered |
  touched | bathed | smoothed | loathed | used | refused | confused | judged | arranged | changed | cherished |
  brought | taught | caught | sought | fought | threw | drew | knew | chewed | heard | hurt | served | learned |
  earned | burned | wore | tore | ignored | explored | stored | shared | repaired | compared | prepared | cleared |
  feared | steered | admired | fired | described | believed | received | finished | vanished with | punished |
  hugged | dragged | begged for | grabbed | robbed | rubbed | stopped | dropped | wrapped | picked | kicked |
  knocked over | looked at | shook | took | thanked | linked | sang about | rang | hung | forgot | hit | set down |
  shut | cut | built | felt | held | sent | lent
do: open | close | buy | sell | find | lose | carry | move | wash | watch | measure | paint | polish | push | pull |
  choose | enjoy | destroy | notice | count | cover | discover | touch | bathe | smooth | use | refuse | judge |
  arrange | change | bring | teach | catch | fight | throw | draw | chew | hear | serve | learn about | burn | wear
  | tear | ignore | explore | share | repair | compare | prepare | clear | fear | steer | admire | describe |
  believe | finish | hug | drag | grab | rob | rub | stop | drop | wrap | pick | kick | look at | shake | take |
  thank | sing about | hang | forget | hit | shut | cut | build | feel | hold | send | lend | give away | save |
  divide | provide | supply | weigh | play with
went: walked | ran | drove | rode | went | came back | rushed | marched | wandered | traveled | sailed | flew |
  jumped | crawled | climbed | hurried | stayed | waited | slept | stood | sat | lived | worked | disappeared | wept
  | laughed | sneezed | coughed | yawned | shouted | whispered | sighed | shivered | vanished | danced | rested |
  hid | played
was: was | was | seemed | looked | felt | became | remained | is | will be | stayed
were: were | were | seemed | looked | remained | are | will be | stayed
how: red | purple | large | rough | smooth | heavy | cheap | precious | old | strange | rusty | broken | thick |
  thin | shallow | deep | noisy | quiet | awful | lovely | fresh | frozen | oily | shiny | dull | sharp | curious |
  famous | beautiful | cheerful | useful | royal | simple | rotten | hidden | dirty | weird | rare | sour | entirely
  new | unusual | ready | empty | full | good | bad | easy | impossible | dangerous | enormous | worth it | out
  there | down here
said: said | thought | believed | knew | wrote | heard | claimed | guessed | wished | reported | assured us | felt
manner: quickly | slowly | quietly | usually | gently | carefully | cheerfully | suddenly | gladly | hardly | simply
  | bravely | smoothly | rapidly | foolishly | truly | loudly | nearly | always | often
number: two | three | four | five | six | seven | eight | nine | ten | eleven | twelve | thirteen | forty | fifty |
  sixty | eighty | a hundred | several | many | few | both | all | enough
"""


def _rules() -> dict[str, tuple[str, ...]]:
    joined = re.sub(r"\n +", " ", _WORDS.strip())
    pairs = (line.split(":", 1) for line in joined.splitlines())
    return {name: tuple(choice.strip() for choice in choices.split("|")) for name, choices in pairs}


_RULES = _rules()
_SENTENCES = tuple(_TEMPLATES.strip().splitlines())


def part_of(sentence: str) -> str:
    """Returns the part of the corpus, train, dev or test, to which a sentence belongs by its text.

    Example:
        >>> part_of("The judge lost his thimble near the church.")
        'train'
    """
    place = zlib.crc32(sentence.encode()) % 20
    return next(part for part, places in _PARTS.items() if place in places)


def sentences(part: str, generator: np.random.Generator) -> Iterator[str]:
    """Yields sentences of a part of the corpus (train, dev or test) without end; none comes twice."""
    given = set()
    while True:
        sentence = _sentence(generator)
        if part_of(sentence) == part and sentence not in given:
            given.add(sentence)
            yield sentence


def _sentence(generator: np.random.Generator) -> str:
    text = _SENTENCES[int(generator.integers(len(_SENTENCES)))]
    while found := re.search(r"<(\w+)>", text):
        choices = _RULES[found[1]]
        text = text[: found.start()] + choices[int(generator.integers(len(choices)))] + text[found.end() :]
    text = re.sub(r"\b([Aa]) (?=[aeiou](?!se\b|seful|sual))", r"\1n ", text)
    return text[0].upper() + text[1:]
