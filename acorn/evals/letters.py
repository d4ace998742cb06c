"""
Multiple choice in a conversation: the question with its choices by letter, the answer a letter (nanochat's layout). An
example's data also says how a model that does not chat is asked: the likelihood of each choice behind a context.

    {"letters": ["A", "B"], "gold": 1, "context": "Question: ...\\nAnswer:", "choices": ["iron", "gold"]}
"""

import re

from acorn.evals.task import Example, Grade

ALONE = re.compile(r"\s*\(?([A-Za-z])[).:]?\s*")  # B  (b)  B.


def choice_example(
    question: str, choices: list[str], gold: int, kind: str, context: str, options: list[str]
) -> Example:
    """choices: as the conversation shows them; options: what may follow `context`, for likelihood."""
    letters = [chr(ord("A") + i) for i in range(len(choices))]
    listed = "".join(f"- {choice}={letter}\n" for letter, choice in zip(letters, choices))
    request = f"Multiple Choice question: {question}\n{listed}\nRespond only with the letter of the correct answer."
    data = {"letters": letters, "gold": gold, "context": context, "choices": options}
    return Example(request, kind, data, letters[gold])


def grade_letter(example: Example, reply: str) -> Grade:
    letters, found = example.data["letters"], ALONE.fullmatch(reply[:100])
    if not found or found[1].upper() not in letters:
        return Grade(False, False, f"not one of the letters {', '.join(letters)}")
    right = letters[example.data["gold"]]
    return Grade(True, found[1].upper() == right, "" if found[1].upper() == right else f"{found[1]}, not {right}")
