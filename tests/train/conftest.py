"""A corpus of a few sentences with its tokenizer, shards and chats, made once; each test works in a copy of it."""

import json
import random
import shutil

import pytest

from acorn.data.documents import Document
from acorn.data.shards import write_shards
from acorn.tokenizer.train import train_bpe

NAMES = ("ash", "beech", "cedar", "elm", "fir", "hazel", "larch", "maple", "oak", "pine", "rowan", "willow")


def sentence(chance: random.Random) -> str:
    words = [f"the {chance.choice(NAMES)} is {chance.randrange(90)} feet tall" for _ in range(chance.randrange(1, 6))]
    return ", and ".join(words) + "."


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    home = tmp_path_factory.mktemp("corpus")
    chance = random.Random(0)
    texts = [sentence(chance) for _ in range(300)]
    tokenizer = train_bpe(texts, 320)
    tokenizer.save(home / "runs" / "t" / "tokenizer.json")
    write_shards(map(Document, texts), tokenizer, home / "runs" / "t" / "data", val_fraction=0.1)
    with open(home / "chats.jsonl", "w") as f:
        for _ in range(150):
            tree, height = chance.choice(NAMES), chance.randrange(90)
            said = {"instruction": f"How tall is the {tree}, {height}?", "output": f"{tree} {height} feet"}
            f.write(json.dumps(said) + "\n")
    return home


@pytest.fixture
def place(corpus, tmp_path, monkeypatch):
    """A folder with runs/t/tokenizer.json, runs/t/data and chats.jsonl, and we are in it."""
    shutil.copytree(corpus, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"
