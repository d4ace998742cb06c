"""Terraform out of the schemas: valid by construction, every type in its turn, the same texts from the same seed."""

import re
from collections import Counter
from random import Random

import pytest

from acorn.recipes.iac import hcl, synthesis, validate
from acorn.recipes.iac.synthesis import PROVIDERS, document, documents, types
from acorn.recipes.iac.synthesis_values import STRINGS, Values


def test_documents_are_valid():
    for text in documents(11, 250):
        assert validate.validate(text, "terraform") == [], text


def test_the_same_seed_gives_the_same_texts():
    assert list(documents(3, 12)) == list(documents(3, 12)) != list(documents(4, 12))
    assert document(Random(1), "aws") == document(Random(1), "aws")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_type_is_in_its_turn(provider, monkeypatch):
    asked = []
    monkeypatch.setattr(synthesis, "document", lambda rng, provider, kind, type_: asked.append((kind, type_)) or "")
    every = types(provider)
    list(documents(1, 2 * len(every), (provider,)))
    assert Counter(asked) == dict.fromkeys(every, 2)
    assert asked[: len(every)] != asked[len(every) :]


def test_a_document_is_about_its_type():
    text = document(Random(2), "aws", "resource", "aws_subnet")
    blocks = [block.labels for block in hcl.parse(text).blocks if block.type == "resource"]
    assert blocks[-1][0] == "aws_subnet" and ("aws_vpc", blocks[-1][1]) in blocks
    text = document(Random(2), "kubernetes", "data", "kubernetes_pod")
    assert any(block.labels[:1] == ("kubernetes_pod",) for block in hcl.parse(text).blocks if block.type == "data")


def test_real_forms_occur():
    text = re.sub(" +", " ", "\n".join(documents(2, 400)))
    for form in (
        'variable "|locals {|output "|for_each = toset(|count = var.|dynamic "|module "|\n# |merge(local.tags|'
        'sensitive =|jsonencode(|lifecycle {|required_providers {|provider "'
    ).split("|"):
        assert form in text, form
    assert "azurerm_resource_group.this.name" in text and "aws_vpc." in text


def test_values_fit_their_names():
    values = Values(Random(1), "aws")
    assert "/" in values.value("cidr_block", "s", {}) and ":" in values.value("ipv6_cidr_block", "s", {})
    assert values.value("vpc_id", "s", {}).startswith("vpc-0")
    assert values.value("role_arn", "s", {}).startswith("arn:aws:")
    assert values.value("retention_in_days", "n", {}) in (1, 3, 7, 14, 30, 60, 90)
    assert set(values.value("tags", "Ms", {})) == {"Name", "Team", "Environment"}
    assert values.value("preferred_maintenance_window", "s", {}) in STRINGS["window"]
    assert isinstance(values.value("ports", "Ln", {})[0], int) and values.value("x", "a", {})
