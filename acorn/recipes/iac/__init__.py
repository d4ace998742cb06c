"""
The recipe that comes with acorn: Infrastructure as Code. Texts, chats and tasks are drawn from a seed.
    words, intents/   what can be asked for, how it is said, what the answer must hold
    facts             what was asked against what was parsed
    render/           plain data -> text
    validate/         findings about a text of some kind
    synth             documents for the base corpus
    tasks, chats      conversations, held-out tasks, grades
    request, grammar/, generate     a request -> code that validates, through a model
    recognise, translate            code -> what it is for -> code of another kind
    measures          how good all that is
"""

from acorn.evals.task import Task
from acorn.recipes import Recipe


def recipe() -> Recipe:
    from acorn.recipes.iac import measures, synth, tasks, validate

    task = Task(
        "iac",
        4,
        tasks.examples,
        tasks.grade,
        max_tokens=440,
        prepare=validate.prepare,
        inspect=measures.inspect,
        ways={"verified": measures.verified},
    )

    return Recipe(
        name="iac",
        documents=synth.documents,
        conversations=tasks.conversations,
        task=task,
        more={"iac-translate": measures.translation_task, "iac-audit": measures.audit_measure},
    )
