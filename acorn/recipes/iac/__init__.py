"""
The recipe that comes with acorn: Infrastructure as Code. Texts, chats and tasks are drawn from a seed.
    words, intents/   what can be asked for, how it is said, what the answer must hold
    facts             what was asked against what was parsed
    render/           plain data -> text
    validate/         findings about a text of some kind
    synth             documents for the base corpus
    tasks, chats      conversations, held-out tasks, grades
"""

from acorn.evals.task import Task
from acorn.recipes import Recipe


def recipe() -> Recipe:
    from acorn.recipes.iac import synth, tasks, validate

    return Recipe(
        name="iac",
        documents=synth.documents,
        conversations=tasks.conversations,
        task=Task("iac", 4, tasks.examples, tasks.grade, max_tokens=440, prepare=validate.prepare),
    )
