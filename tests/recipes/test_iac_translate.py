"""Recognising what code is for, cutting and joining files, translating by rules and by a model, saying what is lost."""

import random

import pytest
from iac_writer import Parrot

from acorn.errors import UserError
from acorn.recipes.iac import compose_rules, generate, validate
from acorn.recipes.iac.intents import INTENTS, PAIRS
from acorn.recipes.iac.pieces import join, pieces
from acorn.recipes.iac.recognise import recognise
from acorn.recipes.iac.translate import counterparts, missing, translate

SHARED = [(intent, kind) for intent, kind in PAIRS if len(intent.kinds) > 1 and intent.name != "dns-record"]
QUEUE = (
    'resource "aws_sqs_queue" "jobs" {\n  name                       = "billing"\n  visibility_timeout_seconds = 30\n'
    "  message_retention_seconds  = 3600\n  sqs_managed_sse_enabled    = true\n}\n"
)
COMPOSE = """services:
  web:
    image: nginx:1.27
    ports:
      - "8080:80"
    environment:
      - LEVEL=debug
    volumes:
      - data:/var/lib/x
    depends_on: [db]
  db:
    image: postgres:16
    healthcheck:
      test: [CMD, pg_isready]
      interval: 1m30s
volumes:
  data: {}
"""


def parsed(text: str, kind: str) -> dict:
    found, findings = validate.read(text, kind)
    assert not [one for one in findings if one.severity == "error"], findings
    return found


@pytest.mark.parametrize("pair", SHARED, ids=[f"{intent.name}-{kind}" for intent, kind in SHARED])
def test_what_an_intent_writes_is_recognised_and_translated(pair):
    intent, kind = pair
    rng = random.Random(f"translate {intent.name}")
    p = intent.draw(rng, "test", kind)
    text = intent.render(p, kind)
    found = recognise(parsed(text, kind), kind)
    assert found and found.intent is intent and not found.extra and intent.render(found.p, kind) == text
    to = next((one for one in intent.kinds if one != kind and intent.fits(p, one)), "")
    if not to:
        return  # of another cloud
    made = translate(text, kind, to)
    assert made.ways and not made.lost and validate.validate(made.text, to) == []


def test_labels_and_order_do_not_matter():
    found = recognise(parsed(QUEUE, "terraform"), "terraform", "cloudformation")
    assert found.intent.name == "queue" and found.p["name"] == "billing" and found.p["visibility"] == 30


def test_what_it_does_not_know_is_named():
    text = QUEUE.replace("}", "  fifo_queue = true\n}")
    made = translate(text, "terraform", "cloudformation")
    assert not made.whole and any("fifo_queue" in one for one in made.lost) and "AWS::SQS::Queue" in made.text
    made = translate('resource "aws_ebs_volume" "x" {\n  availability_zone = "a"\n}\n', "terraform", "cloudformation")
    assert made.lost == ["aws_ebs_volume.x"]


def test_a_file_of_several_things_goes_in_pieces():
    bucket = INTENTS["bucket"].render({**drawn("bucket", "cloudformation"), "cloud": "aws"}, "terraform")
    both = bucket + "\n" + QUEUE
    assert len(pieces(both, "terraform")) == 2
    made = translate(both, "terraform", "cloudformation")
    assert made.ways == ["rules", "rules"] and "AWS::SQS::Queue" in made.text and "AWS::S3::Bucket" in made.text
    back = translate(made.text, "cloudformation", "terraform")
    assert not back.lost and set(parsed(back.text, "terraform")) == set(parsed(both, "terraform"))


def test_names_that_are_there_twice_are_changed():
    assert join([QUEUE, QUEUE.replace("billing", "orders")], "terraform").count('"jobs"') == 1
    stack = "Resources:\n  Queue:\n    Type: AWS::SQS::Queue\n"
    assert join([stack, stack], "cloudformation").splitlines()[1:4:2] == ["  Queue:", "  Queue2:"]


def drawn(name: str, kind: str) -> dict:
    return INTENTS[name].draw(random.Random(1), "train", kind)


# --- OpenTofu ---------------------------------------------------------------------------------------------------------


def test_opentofu_is_the_same_text():
    made = translate(QUEUE, "terraform", "opentofu")
    assert made.text == QUEUE and made.ways == ["unchanged"] and not made.notes


def test_what_opentofu_lacks_is_named():
    cloud = 'terraform {\n  required_version = ">= 1.5"\n  cloud {\n    organization = "a"\n  }\n}\n\n' + QUEUE
    made = translate(cloud, "terraform", "opentofu")
    assert made.text == "" and made.lost == ["line 3: the cloud block of HCP Terraform, which OpenTofu lacks"]
    assert "required_version" in made.notes[0]


# --- Compose ----------------------------------------------------------------------------------------------------------


def test_compose_becomes_manifests():
    made = translate(COMPOSE, "compose", "kubernetes")
    found = parsed(made.text, "kubernetes")
    assert {kind: len(bodies) for kind, bodies in found.items()} == {
        "Deployment": 2,
        "PersistentVolumeClaim": 1,
        "Service": 1,
    }
    assert found["Service"][0]["spec"]["ports"] == [{"port": 8080, "targetPort": 80}]
    probe = found["Deployment"][1]["spec"]["template"]["spec"]["containers"][0]["livenessProbe"]
    assert probe == {"exec": {"command": ["pg_isready"]}, "periodSeconds": 90}


@pytest.mark.parametrize(
    ("line", "lost"),
    [
        ("privileged: true", "services.web.privileged"),
        ("build: .", "services.web.build"),
        ("user: nobody", "services.web.user"),
        ('ports: ["53:53/udp"]', "services.web.ports"),
        ("volumes: [./here:/there]", "services.web.volumes"),
        ("environment: [SECRET]", "services.web.environment.SECRET"),
        ('environment: {URL: "http://${HOST}"}', "services.web.environment"),
        ('ports: ["8000-8010:80"]', "services.web.ports"),
        ("restart: on-failure", "services.web.restart"),
        ("command: echo 'a", "services.web.command"),
        ("mem_limit: ${SIZE}", "services.web.mem_limit"),
        ("scale: ${N}", "services.web.scale"),
        ("healthcheck: {interval: 30s}", "services.web.healthcheck"),
        ("healthcheck: {test: a, start_interval: 1s}", "services.web.healthcheck.start_interval"),
    ],
)
def test_what_a_cluster_cannot_have_is_named(line, lost):
    made = translate(f"services:\n  web:\n    image: nginx:1.27\n    {line}\n", "compose", "kubernetes")
    assert not made.whole and [one for one in made.lost if one.startswith(lost)]


def test_services_share_a_volume_and_sizes_keep_their_units():
    web = "    image: a:1\n    volumes: [data:/x]\n    mem_limit: 2gib\n"
    made = translate(f"services:\n  a_b:\n{web}  c:\n{web}volumes:\n  data: {{}}\n", "compose", "kubernetes")
    found = parsed(made.text, "kubernetes")
    assert made.whole and len(found["PersistentVolumeClaim"]) == 1 and "memory: 2Gi" in made.text
    assert any("several services" in one for one in made.notes) and any("a-b" in one for one in made.notes)


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("1m30s", 90), ("2h", 7200), ("1.5s", 1.5), ("soon", None)])
def test_durations(text, seconds):
    assert compose_rules.seconds(text) == seconds


# --- the model --------------------------------------------------------------------------------------------------------


def answer(text: str, kind: str):
    engine = Parrot(["Translate", text])
    return lambda code, its, to: generate.write(engine, [generate.Ask("Translate", kind)], 2)[0]


def test_a_model_is_asked_for_what_no_rule_knows():
    code = QUEUE.replace("  sqs_managed_sse_enabled    = true\n", "").replace("3600", "3601 + 1")
    stack = "Resources:\n  Queue:\n    Type: AWS::SQS::Queue\n    Properties:\n      QueueName: billing\n"
    made = translate(code, "terraform", "cloudformation", answer(stack, "cloudformation"))
    assert made.ways in (["model"], ["rules"]) and made.text


def test_an_answer_that_drops_a_resource_is_refused():
    source = {"aws_sqs_queue": [{}], "aws_sns_topic": [{}]}
    found = missing(source, "terraform", {"AWS::SQS::Queue": [{}]}, "cloudformation")
    assert len(found) == 1 and found[0].startswith("aws_sns_topic")
    assert "AWS::SQS::Queue" in counterparts("terraform", "cloudformation")["aws_sqs_queue"]


def test_an_answer_that_does_not_validate_is_refused():
    code = 'resource "aws_sqs_queue" "x" {\n  name_prefix = "a"\n}\n'
    made = translate(code, "terraform", "cloudformation", answer("Resources:\n  Q:\n    Type: No\n", "cloudformation"))
    assert made.text == "" and made.lost


@pytest.mark.parametrize(
    ("code", "kind", "to", "said"),
    [
        ("resource {", "terraform", "cloudformation", "not valid terraform"),
        ("", "kubernetes", "compose", "not valid kubernetes"),
        (COMPOSE, "compose", "compose", "nothing to translate"),
    ],
)
def test_mistakes(code, kind, to, said):
    with pytest.raises(UserError, match=said):
        translate(code, kind, to)
