"""
Things that are the same want at AWS, Azure and Google. What says where they stand differs: an environment that becomes
a tag at AWS, a resource group and a region at Azure, a region at Google.
"""

from random import Random

from acorn.recipes.iac import words
from acorn.recipes.iac.intents.intent import Intent

REGIONS = {
    "azure": "westeurope northeurope eastus westus uksouth".split(),
    "google": "europe-west1 europe-west3 us-central1 us-east1 asia-east1".split(),
}
PLACES = {
    "aws": "environment {environment}",
    "azure": "resource group {group}, [region|location] {region}",
    "google": "[region|location] {region}",
}


class Clouded(Intent):
    """
    Subclasses say `things`, the thing by cloud, and write `aws(p)`, `aws_facts(p)` and so on. The part {where} says the
    place. Other kinds than Terraform are for AWS.
    """

    turns = 2
    things: dict[str, str]

    def place(self, rng: Random, *shares: str) -> dict:
        """The parameters that say where; AWS as often as two others."""
        cloud = rng.choice(shares or (["aws"] + list(self.things)))
        return {
            "cloud": cloud,
            "environment": rng.choice(words.ENVIRONMENTS) if cloud == "aws" else None,
            "group": f"{words.word(rng)}-rg" if cloud == "azure" else None,
            "region": rng.choice(REGIONS[cloud]) if cloud != "aws" else None,
        }

    def fits(self, p, kind):
        cloud = p["cloud"]
        said = (p["environment"] is not None, p["group"] is not None, p["region"] is not None)
        return said == (cloud == "aws", cloud == "azure", cloud != "aws") and (cloud == "aws" or kind == "terraform")

    def slots(self, p):
        return {**p, "thing": self.things[p["cloud"]], "where": PLACES[p["cloud"]].format_map(p)}

    def terraform(self, p):
        return getattr(self, p["cloud"])(p)

    def terraform_facts(self, p):
        return getattr(self, f"{p['cloud']}_facts")(p)


def tags(p: dict) -> dict:
    return {"tags": {"Environment": p["environment"]}}


def azure(p: dict) -> dict:
    """The arguments that say where something stands at Azure."""
    return {"resource_group_name": p["group"], "location": p["region"]}


def azure_facts(type_: str, p: dict) -> dict:
    return {f"{type_}/resource_group_name": p["group"], f"{type_}/location": p["region"]}
