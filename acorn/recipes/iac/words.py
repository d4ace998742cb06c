"""
The words and values that requests are made of. Names are put together from short common words, so that there are many
names but every word of a held-out name was read in training; sizes come from sets that people really use.
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


def name(rng: Random) -> str:
    return f"{rng.choice(FIRST)}-{rng.choice(SECOND)}"


def image(rng: Random) -> str:
    return f"{rng.choice(ORGS)}/{rng.choice(FIRST)}:{rng.randint(1, 9)}.{rng.randint(0, 20)}"


def maybe(rng: Random, values, chance: float = 0.5):
    """One of the values, or None."""
    return rng.choice(values) if rng.random() < chance else None


def listing(parts: list[str]) -> str:
    """['a', 'b', 'c'] -> 'a, b and c'"""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
