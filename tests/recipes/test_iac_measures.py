"""The ladder that answers climb, translations that are asked for, and the audit measured on planted risks."""

from iac_writer import Parrot

from acorn.commands.tasks import find_task
from acorn.evals.task import Measure
from acorn.recipes import get_recipe
from acorn.recipes.iac import measures, tasks


def test_the_known_answer_reaches_the_top():
    for example in tasks.examples("test", 3, 30):
        assert measures.inspect(example, example.answer) == {"parses": True, "no new risk": True}


def test_each_step_can_be_missed():
    example = next(one for one in tasks.examples("test", 3, 300) if one.data["intent"] == "pod-account")
    assert measures.inspect(example, "kind: [")["parses"] is False
    risky = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\nspec:\n  containers:\n    - name: a\n      image: a:1\n"
    risky += "      securityContext:\n        privileged: true\n"
    assert measures.inspect(example, risky) == {"parses": True, "no new risk": False}


def test_the_verified_way_starts_from_the_plain_replies():
    example = tasks.examples("test", 3, 1)[0]
    engine = Parrot([example.request, example.answer])
    assert measures.verified(engine, [example], [example.answer], 0) == [example.answer] and not engine.calls
    assert measures.verified(Parrot(["", "nothing"]), [example], ["nothing"], 0) == [""]


def test_translations_are_graded_by_what_they_keep():
    examples = measures.translations("test", 5, 40)
    assert len(examples) == 40 and len({one.kind for one in examples}) > 6
    for example in examples:
        assert measures.grade_translation(example, example.answer).right, example.request
    queue = next(
        e for e in measures.translations("test", 5, 300) if e.data["intent"] == "queue" and e.topic == "terraform"
    )
    other = 'resource "aws_sns_topic" "this" {\n  name = "a"\n}\n'
    mark = measures.grade_translation(queue, other)
    assert mark.valid and not mark.right and mark.steps == {"kept": False}
    assert measures.translated(None, examples[:1], [""], 0) == [examples[0].answer]


def test_the_audit_is_measured_without_a_model():
    task = find_task("iac-audit")
    ticks = []
    assert isinstance(task, Measure)
    found = task.measure(40, 1, ticks.append)
    assert sum(ticks) == 40 == found["n"] and found["recall"]["value"] > 0.9 and found["clean"]["value"] > 0.9


def test_a_recipe_says_what_else_it_can_score():
    assert set(get_recipe("iac").more) == {"iac-translate", "iac-audit"}
    assert find_task("iac-translate").name == "iac-translate"
