"""The recipe as the pipeline sees it: documents, conversations, examples, grades."""

import json
import re
import time
from collections import Counter
from itertools import islice
from random import Random

import pytest

from acorn.errors import UserError
from acorn.evals.task import Example
from acorn.recipes import get_recipe
from acorn.recipes.iac import validate
from acorn.recipes.iac.intents import INTENTS, PAIRS

RECIPE = get_recipe("iac")


def test_unknown_recipe():
    with pytest.raises(UserError, match="there is no recipe 'iacc'. Did you mean iac?"):
        get_recipe("iacc")


def test_documents_stream_and_repeat():
    first = list(islice(RECIPE.documents(1, 10**9), 200))
    assert first == list(RECIPE.documents(1, 200)) and first != list(RECIPE.documents(2, 200))
    assert len({one.text for one in first}) > 195
    assert {one.source.split("/")[1] for one in first} == set(validate.KINDS)
    start = time.perf_counter()
    assert sum(1 for _ in RECIPE.documents(3, 3000)) == 3000
    assert time.perf_counter() - start < 3  # 0.15 s on a quiet machine


def test_code_in_documents_validates():
    seen = Counter()
    for one in RECIPE.documents(4, 400):
        kind = one.source.split("/")[1]
        fenced = re.findall(r"```\w+\n(.*?)```", one.text, re.DOTALL)
        code = fenced[0] if fenced else one.text
        assert validate.validate(code, kind) == [], code
        seen["page" if fenced else "module" if "output " in code or "\n---\n" in code else "one"] += 1
    assert seen["page"] > 80 and seen["module"] > 20 and seen["one"] > 150


def test_four_of_five_conversations_are_a_request_and_bare_code():
    chats = RECIPE.conversations("train", 1, 3000)
    assert chats == RECIPE.conversations("train", 1, 3000) and chats != RECIPE.conversations("train", 2, 3000)
    roles = Counter(tuple(message["role"] for message in chat) for chat in chats)
    assert set(roles) <= {one + ("user", "assistant") * n for one in ((), ("system",)) for n in (1, 2)}
    assert 0.03 < sum(n for one, n in roles.items() if one[0] == "system") / 3000 < 0.07
    assert not any("```" in message["content"] for chat in chats for message in chat)
    with pytest.raises(UserError, match="there is no split 'dev'"):
        RECIPE.conversations("dev", 1, 1)


def test_no_held_out_request_is_ever_trained_on():
    """Neither its parameters nor its sentence, in conversations or in documents."""
    tests = RECIPE.task.examples("test", 1, 800)
    sentence = lambda text: re.sub(r"[a-z]+-[a-z]+|\d+", "#", text)
    train = RECIPE.conversations("train", 1, 4000) + RECIPE.conversations("val", 1, 2000)
    asked = {sentence(chat[0]["content"]) for chat in train}
    answers = {chat[1]["content"] for chat in train}
    texts = "\n".join(one.text for one in RECIPE.documents(1, 3000))
    for one in tests:
        intent, p = INTENTS[one.data["intent"]], one.data["params"]
        assert intent.split(p) == "test"
        assert sentence(one.request) not in asked and one.request not in texts
        assert one.answer not in answers and one.answer not in texts
    validation = {chat[1]["content"] for chat in RECIPE.conversations("val", 1, 2000) if "\n" in chat[1]["content"]}
    assert not validation & {chat[1]["content"] for chat in RECIPE.conversations("train", 1, 6000)}


def test_examples_are_balanced_and_distinct():
    found = RECIPE.task.examples("test", 7, 200)
    assert found == RECIPE.task.examples("test", 7, 200) and len({one.request for one in found}) == 200
    counts = Counter((one.topic, one.kind) for one in found)
    assert len(counts) == len(PAIRS) and max(counts.values()) - min(counts.values()) <= 1
    assert json.loads(json.dumps(found[0].data)) == found[0].data


def test_right_answers_get_the_full_grade_and_soon():
    RECIPE.task.prepare()
    found = RECIPE.task.examples("test", 1, 200)
    start = time.perf_counter()
    for one in found:
        grade = RECIPE.task.grade(one, INTENTS[one.data["intent"]].render(one.data["params"], one.kind))
        assert grade.valid and grade.right and grade.why == ""
    assert time.perf_counter() - start < 5  # 0.3 s on a quiet machine


REPLIES = {
    "empty": "",
    "prose": "I am sorry, I can't do that.",
    "the request": None,
    "a comment": "# done\n",
    "braces": "{}",
    "from": "FROM scratch\n",
    "fenced": "```\n{answer}```\n",
    "twice": "{answer}\n{answer}",
    "talk before": "Here it is:\n{answer}",
}


@pytest.mark.parametrize("name", REPLIES)
def test_trivial_and_wrapped_replies_are_invalid(name):
    for one in RECIPE.task.examples("test", 2, 42):
        answer = INTENTS[one.data["intent"]].render(one.data["params"], one.kind)
        reply = one.request if REPLIES[name] is None else REPLIES[name].replace("{answer}", answer)
        grade = RECIPE.task.grade(one, reply)
        assert not grade.right and grade.why
        assert not grade.valid or (name == "twice" and one.kind != "terraform")


def test_answers_to_other_requests_are_not_right():
    found = RECIPE.task.examples("test", 3, 84)
    render = lambda one: INTENTS[one.data["intent"]].render(one.data["params"], one.kind)
    for one in found:
        for other in Random(1).sample(found, 12):
            if other is one:
                continue
            grade = RECIPE.task.grade(one, render(other))
            assert not grade.right and grade.why
            manifests = {one.kind, other.kind} == {"kubernetes", "crossplane"}  # each may hold what the other is about
            assert manifests or grade.valid == (one.kind == other.kind)


def test_more_than_was_asked_is_not_right():
    place = {"cloud": "aws", "environment": "dev", "group": None, "region": None}
    p = place | {"name": "mail-api", "versioning": False, "kms": False}
    one = Example("", "terraform", {"intent": "bucket", "params": p})
    answer = INTENTS["bucket"].render(p, "terraform")
    assert RECIPE.task.grade(one, answer).right
    assert RECIPE.task.grade(one, answer + '\noutput "arn" {\n  value = aws_s3_bucket.this.arn\n}\n').right
    grade = RECIPE.task.grade(one, answer + '\nresource "aws_sqs_queue" "this" {\n  name = "a"\n}\n')
    assert grade.valid and not grade.right and grade.why == "aws_sqs_queue: not asked for"
