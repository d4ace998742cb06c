import json
from pathlib import Path

import pytest
import tokenizers

from acorn.errors import UserError
from acorn.tokenizer.gpt2 import load_gpt2
from acorn.tokenizer.tokenizer import BYTE_CHARS

FILES = Path(__file__).parents[3] / "shared" / "data" / "gpt2"
published = pytest.mark.skipif(not FILES.is_dir(), reason="GPT-2's vocabulary is not here")


@pytest.fixture
def small(tmp_path):
    """A vocabulary in GPT-2's two files: the bytes in GPT-2's order, and three merges."""
    order = sorted(BYTE_CHARS, key=lambda c: (ord(c) > 255, ord(c)))
    words = [*order, "he", "ll", "hell", "<|endoftext|>"]
    (tmp_path / "encoder.json").write_text(json.dumps({w: i for i, w in enumerate(words)}))
    (tmp_path / "vocab.bpe").write_text("#version: 0.2\nh e\nl l\nhe ll\n")
    return tmp_path


def test_small(small):
    tokenizer = load_gpt2(small / "encoder.json", small / "vocab.bpe")
    assert [tokenizer.decode([i]) for i in tokenizer.encode("hello he")] == ["hell", "o", " ", "he"]
    assert tokenizer.specials == {"<|endoftext|>": 259} and tokenizer.n_vocab == 260


def test_files_that_do_not_fit(small):
    (small / "vocab.bpe").write_text("#version: 0.2\nh e\nl l\n")
    with pytest.raises(UserError, match="do not belong together"):
        load_gpt2(small / "encoder.json", small / "vocab.bpe")
    (small / "encoder.json").write_text("{")
    with pytest.raises(UserError, match="damaged"):
        load_gpt2(small / "encoder.json", small / "vocab.bpe")
    with pytest.raises(UserError, match="cannot read GPT-2's vocabulary: .*none.json"):
        load_gpt2(small / "none.json", small / "vocab.bpe")


@published
def test_published_vectors(tmp_path):
    tokenizer = load_gpt2(FILES / "encoder.json", FILES / "vocab.bpe")
    assert tokenizer.n_vocab == 50257
    tokenizer.save(tmp_path / "t.json")
    library = tokenizers.Tokenizer.from_file(str(tmp_path / "t.json"))
    for line in open(FILES / "test_vectors.jsonl", encoding="utf-8"):
        row = json.loads(line)
        if "<|endoftext|>" not in row["text"]:
            assert tokenizer.encode(row["text"]) == row["ids"] == library.encode(row["text"]).ids
        assert tokenizer.decode(row["ids"]) == row["text"]
