"""
The words and values that requests are made of. Names are put together from short common words, so that there are many
names, and in two of five places from a word made of syllables that nobody has read before: so a model learns to copy a
name, not to choose one from a list. Sizes come from sets that people really use.
"""

from random import Random

FIRST = (
    "billing orders checkout catalog search report media video audio mail chat user login session invoice payment "
    "refund cart "
    "stock price market metric event audit backup export import data model feed news route fleet sensor device trade "
    "ledger "
    "claim loan ticket support survey game score photo music travel hotel flight booking parcel garden school clinic "
    "weather "
    "energy water city sport"
).split()
SECOND = (
    "api web app worker store archive index sync portal admin gateway engine backend frontend proxy relay hub core "
    "edge batch "
    "stream loader board desk vault tracker monitor builder runner sender reader writer scanner planner mixer mirror"
).split()

ONSETS = "b c d f g h j k l m n p r s t v w z br ch cr dr fl gr kl pl pr qu sh sk st th tr x y".split()
VOWELS = "a e i o u a e i o u ai ea io oo".split()
CODAS = [""] * 16 + "b d g k l m n p r s t x".split()
IMAGES = "nginx redis postgres node python golang httpd caddy traefik busybox rabbitmq mysql grafana/grafana".split()

ENVIRONMENTS = "dev test staging prod".split()
NAMESPACES = "shop core data platform internal public finance staging prod dev tools partners".split()
ORGS = "acme shop team labs".split()
CPUS = "100m 150m 200m 250m 300m 400m 500m 750m".split()
MEMORIES = "64Mi 96Mi 128Mi 192Mi 256Mi 384Mi 512Mi 768Mi 1Gi 2Gi".split()
PORTS = (
    3000,
    3001,
    3100,
    4000,
    4200,
    5000,
    5001,
    5050,
    6000,
    7000,
    7070,
    8000,
    8001,
    8008,
    8080,
    8081,
    8090,
    8100,
    8200,
    8888,
    9000,
    9001,
    9090,
)
OPEN_PORTS = (
    22,
    25,
    53,
    80,
    123,
    389,
    443,
    636,
    993,
    1433,
    3306,
    5432,
    5672,
    6379,
    8080,
    8443,
    9092,
    9200,
    11211,
    27017,
)


def word(rng: Random, known=FIRST) -> str:
    """A known word, or one that is none: 'catalog', 'brenova'."""
    if rng.random() < 0.6:
        return rng.choice(known)
    made = ""
    while len(made) < 3 or (len(made) < 6 and rng.random() < 0.6):
        made += rng.choice(ONSETS) + rng.choice(VOWELS) + rng.choice(CODAS)
    return made


def name(rng: Random) -> str:
    """'billing-api'; now and then one word, three, or a number behind."""
    form = rng.random()
    if form < 0.1:
        return word(rng)
    both = f"{word(rng)}-{word(rng, SECOND)}"
    if form < 0.2:
        return f"{both}-{rng.choice(SECOND)}"
    return f"{both}-{rng.randint(1, 99)}" if form < 0.28 else both


def image(rng: Random) -> str:
    tag = f"{rng.randint(1, 30)}.{rng.randint(0, 30)}"
    return f"{rng.choice(IMAGES)}:{tag}" if rng.random() < 0.25 else f"{word(rng, ORGS)}/{word(rng)}:{tag}"


def maybe(rng: Random, values, chance: float = 0.5):
    """One of the values, or None."""
    return rng.choice(values) if rng.random() < chance else None


def listing(parts: list[str]) -> str:
    """['a', 'b', 'c'] -> 'a, b and c'"""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
