"""The tokenizer of an imported model, from a Hugging Face folder, GPT-2's two files, or the metadata of a GGUF."""

import json
from pathlib import Path

import numpy as np

from acorn.errors import UserError, did_you_mean
from acorn.tokenizer.foreign import MAX_FILE, ForeignTokenizer, check_file
from acorn.tokenizer.tokenizer import PATTERN as LLAMA3

DOCUMENT = "<|endoftext|>"  # what stands between documents in the training of GPT-2, SmolLM2 and Qwen
# Tokens that end a reply wherever a vocabulary has them; a GGUF names one of them only.
ENDS = ("<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>", "<|end|>", "<|eom_id|>")
NAMES = ("bos_token", "eos_token", "unk_token", "pad_token")
# For models that were never taught to chat: turns as plain text, a reply ends with the end of the document.
PLAIN = (
    "{% for m in messages %}{{ m['role'] | capitalize }}: {{ m['content'] | trim }}"
    "{{ eos_token if m['role'] == 'assistant' else '\\n\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}Assistant:{% endif %}"
)

QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
DIGITS = {"type": "Digits", "individual_digits": True}


def split_by(pattern: str) -> dict:
    split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    return {"type": "Sequence", "pretokenizers": [split, {**BYTE_LEVEL, "use_regex": False}]}


DIGITS_FIRST = {"type": "Sequence", "pretokenizers": [DIGITS, BYTE_LEVEL]}
# llama.cpp's name of a split (tokenizer.ggml.pre) -> the library's step; whether a piece that is a token stays whole
PRE = {
    "gpt-2": (BYTE_LEVEL, False),
    "olmo": (BYTE_LEVEL, False),
    "smollm": (DIGITS_FIRST, False),
    "starcoder": (DIGITS_FIRST, False),
    "llama-bpe": (split_by(LLAMA3), True),
    "llama3": (split_by(LLAMA3), True),
    "llama-v3": (split_by(LLAMA3), True),
    "qwen2": (split_by(QWEN2), False),
    "deepseek-r1-qwen": (split_by(QWEN2), False),
}
CONTROL, USER_DEFINED, UNUSED = 3, 4, 5
ROLES = {"bos": "bos", "eos": "eos", "unknown": "unk", "padding": "pad"}  # tokenizer.ggml.X_token_id -> X_token


def bpe_file(vocab: dict[str, int], merges: list[str], added: list[dict], pre: dict, ignore_merges: bool = False,
             normalizer: dict | None = None) -> dict:  # fmt: skip
    """A tokenizer.json of the library's, as a dict."""
    return {
        "version": "1.0",
        "added_tokens": added,
        "normalizer": normalizer,
        "pre_tokenizer": pre,
        "post_processor": None,
        "decoder": {**BYTE_LEVEL, "add_prefix_space": True},
        "model": {
            "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
            "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": ignore_merges,
            "vocab": vocab, "merges": merges,
        },
    }  # fmt: skip


def added_token(i: int, text: str, special: bool) -> dict:
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return {"id": i, "content": text, **plain, "special": special}


# --- a Hugging Face folder --------------------------------------------------------------------------------------------


def tokenizer_from_folder(folder: Path, config: dict, template: str | None) -> ForeignTokenizer:
    """template: None is the folder's own, else see read_template."""
    settings = read_json(folder / "tokenizer_config.json", optional=True)
    generation = read_json(folder / "generation_config.json", optional=True)
    file = read_json(folder / "tokenizer.json", optional=True) or gpt2_file(folder)
    check_file(file)
    ids = {t["content"]: t["id"] for t in file["added_tokens"]}
    names = {name: text_of(settings.get(name)) for name in NAMES if text_of(settings.get(name))}
    stops = set(as_list(generation.get("eos_token_id")) or as_list(config.get("eos_token_id")))
    stops.add(ids.get(names.get("eos_token")))
    stops &= set(ids.values())  # trap: a config names ids by default that are plain words of this vocabulary
    first, named = (
        adds_bos(file),
        [*as_list(config.get("bos_token_id")), ids.get(names.get("bos_token")), *sorted(stops)],
    )
    bos = next((i for i in [first, ids.get(DOCUMENT), *named] if i in ids.values()), None)
    if bos is None:
        raise UserError(f"{folder} names no token that begins or ends a text (bos_token, eos_token)")
    template = folder_template(folder, settings) if template is None else read_template(template)
    spelled = {i: text for text, i in ids.items()}
    names.setdefault("eos_token", spelled[min(stops, default=bos)])
    return ForeignTokenizer(out_of_reach(file, stops | {bos}), bos, stops | {bos}, first is not None, template, names)


def out_of_reach(file: dict, ids: set[int]) -> dict:
    """The file with these added tokens marked special, so that text cannot become them."""
    added = [{**t, "special": t["special"] or t["id"] in ids} for t in file["added_tokens"]]
    return {**file, "added_tokens": added}


def gpt2_file(folder: Path) -> dict:
    """vocab.json and merges.txt, or encoder.json and vocab.bpe as OpenAI called them."""
    pairs = [(folder / a, folder / b) for a, b in (("vocab.json", "merges.txt"), ("encoder.json", "vocab.bpe"))]
    found = next((pair for pair in pairs if all(p.is_file() for p in pair)), None)
    if found is None:
        raise UserError(f"{folder} has no tokenizer: neither tokenizer.json nor vocab.json with merges.txt")
    vocab = read_json(found[0])
    lines = read_text(found[1]).split("\n")
    merges = [line for line in lines if line.count(" ") == 1 and not line.startswith("#version")]
    if not all(type(i) is int for i in vocab.values()):
        raise UserError(f"{found[0]} is damaged: the ids of tokens must be numbers")
    for merge in merges:
        if merge.replace(" ", "") not in vocab:
            raise UserError(
                f"{found[0]} and {found[1].name} do not belong together: the merge {merge!r} makes no token"
            )
    added = [added_token(vocab[DOCUMENT], DOCUMENT, True)] if DOCUMENT in vocab else []
    return bpe_file(vocab, merges, added, BYTE_LEVEL)


def adds_bos(file: dict) -> int | None:
    """The token that the library puts before a text of its own accord."""
    import tokenizers

    try:
        library = tokenizers.Tokenizer.from_str(json.dumps({**file, "truncation": None, "padding": None}))
    except Exception as e:  # the library raises this very class
        raise UserError(f"the tokenizers library cannot use this tokenizer.json: {e}") from None
    plain, full = (library.encode("a", add_special_tokens=full).ids for full in (False, True))
    return full[0] if full[:1] != plain[:1] else None


def folder_template(folder: Path, settings: dict) -> str | None:
    if (path := folder / "chat_template.jinja").is_file():
        return read_text(path)
    found = settings.get("chat_template")
    if isinstance(found, list):  # several by name: default, tool_use, rag
        found = {t.get("name"): t.get("template") for t in found if isinstance(t, dict)}.get("default")
    if not isinstance(found, str | None):
        raise UserError(f"{folder / 'tokenizer_config.json'}: chat_template is not a text")
    return found


def read_template(choice: str) -> str | None:
    """FILE.jinja, or plain: turns as text, for models that have none of their own; or none."""
    return {"plain": PLAIN, "none": None}[choice] if choice in ("plain", "none") else read_text(Path(choice))


def text_of(token) -> str:
    """'<s>', {"content": "<s>", ...} or None -> text"""
    token = token.get("content") if isinstance(token, dict) else token
    return token if isinstance(token, str) else ""


def as_list(ids) -> list[int]:
    found = ids if isinstance(ids, list) else [ids]
    return [i for i in found if type(i) is int]


# --- GGUF -------------------------------------------------------------------------------------------------------------


def tokenizer_from_gguf(metadata: dict, template: str | None) -> ForeignTokenizer:
    def get(name, kind=list, default=None):
        value = metadata.get(f"tokenizer.ggml.{name}", default)
        if not isinstance(value, kind):
            raise UserError(f"tokenizer.ggml.{name} is {value!r:.60}; expected {kind.__name__}")
        return value

    model = get("model", str, "")
    if model != "gpt2":
        raise UserError(
            f"the tokenizer in this GGUF is of the kind {model!r}; "
            "only byte-level BPE ('gpt2') is read, as of GPT-2, Llama 3, Qwen and SmolLM"
        )
    name = get("pre", str, "gpt-2")
    if name not in PRE:
        raise UserError(f"this GGUF splits text in the way {name!r}, which is not known here.{did_you_mean(name, PRE)} "
                        f"Known: {', '.join(PRE)}")  # fmt: skip
    pre, ignore_merges = PRE[name]
    tokens, kinds = get("tokens"), get("token_type", np.ndarray, np.ones(0)).tolist()
    if len(set(tokens)) != len(tokens) or (kinds and len(kinds) != len(tokens)):
        raise UserError("the vocabulary in this GGUF is damaged: a token stands in it twice, or its types are missing")
    ids = {name: metadata.get(f"tokenizer.ggml.{name}_token_id") for name in (*ROLES, "eot", "eom")}
    at = {name: i for name, i in ids.items() if type(i) is int}
    if any(not 0 <= i < len(tokens) for i in at.values()):
        raise UserError(f"this GGUF names a token beyond its vocabulary of {len(tokens):,}")
    steer = {i for name, i in at.items() if name not in ("unknown", "padding")}
    added = [
        added_token(i, text, kind == CONTROL or i in steer)
        for i, (text, kind) in enumerate(zip(tokens, kinds or [0] * len(tokens)))
        if text and (kind in (CONTROL, USER_DEFINED) or i in steer)
    ]
    normalizer = {"type": "NFC"} if "qwen" in name else None
    vocab = {t: i for i, (t, kind) in enumerate(zip(tokens, kinds or [0] * len(tokens))) if kind != UNUSED}
    file = bpe_file(vocab, get("merges"), added, pre, ignore_merges, normalizer)
    special = {t["content"]: t["id"] for t in added if t["special"]}
    adds = bool(metadata.get("tokenizer.ggml.add_bos_token", False)) and "bos" in at
    stops = {at[name] for name in ("eos", "eot", "eom") if name in at} | {special[t] for t in ENDS if t in special}
    bos = at["bos"] if adds else special.get(DOCUMENT, at.get("bos", at.get("eos")))
    if bos is None:
        raise UserError("this GGUF names no token that begins or ends a text (tokenizer.ggml.bos_token_id)")
    own = metadata.get("tokenizer.chat_template")
    template = (own if isinstance(own, str) else None) if template is None else read_template(template)
    if adds:
        file["post_processor"] = bos_first(tokens[bos], bos)
    names = {f"{short}_token": tokens[at[name]] for name, short in ROLES.items() if name in at}
    return ForeignTokenizer(file, bos, stops | {bos}, adds, template, names)


def bos_first(text: str, i: int) -> dict:
    """The library's step that puts a token before every text."""
    first = {"SpecialToken": {"id": text, "type_id": 0}}
    one, two = ({"Sequence": {"id": name, "type_id": 0}} for name in "AB")
    return {
        "type": "TemplateProcessing",
        "single": [first, one],
        "pair": [first, one, first, two],
        "special_tokens": {text: {"id": text, "ids": [i], "tokens": [text]}},
    }


# --- files ------------------------------------------------------------------------------------------------------------


def read_text(path: Path, most: int = MAX_FILE) -> str:
    try:
        if path.stat().st_size > most:
            raise UserError(f"{path} has {path.stat().st_size:,} bytes; at most {most:,} are read")
        return path.read_text(encoding="utf-8")
    except OSError as e:
        raise UserError(f"cannot read {path}: {e.strerror or e}") from None
    except UnicodeDecodeError as e:
        raise UserError(f"{path} is damaged: it is not UTF-8 text (byte {e.start})") from None


def read_json(path: Path, optional: bool = False) -> dict:
    """An object; {} where an optional file is not there."""
    if optional and not path.exists():
        return {}
    try:
        value = json.loads(read_text(path))
    except (ValueError, RecursionError) as e:
        raise UserError(f"{path} is damaged, it is not JSON: {e}") from None
    if not isinstance(value, dict):
        raise UserError(f"{path} is damaged: it holds no JSON object")
    return value
