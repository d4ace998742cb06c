"""
The recipe `iac`, and among its documents many that show any type of three providers. For models that have room for
3,800 types: those of ten minutes learn to copy names later, or never, when they also read these (docs/LOG.md).
"""

from dataclasses import replace
from functools import partial

from acorn.recipes import Recipe
from acorn.recipes.iac import recipe as narrow
from acorn.recipes.iac import synth

SCHEMAS = 0.3  # of the documents


def recipe() -> Recipe:
    return replace(narrow(), name="iac-wide", documents=partial(synth.documents, schemas=SCHEMAS))
