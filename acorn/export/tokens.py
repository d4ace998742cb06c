"""
The tokenizer and the chat format as others read them: tokenizer.json with its two companions, the Jinja template, the
vocabulary of a GGUF file, Ollama's template.
"""

import copy
from dataclasses import dataclass

from acorn.errors import UserError
from acorn.export.tokenizer_in import CONTROL, PRE, UNUSED, USER_DEFINED, bos_first
from acorn.tokenizer.chat import PARTS, ROLES, SPECIALS
from acorn.tokenizer.tokenizer import STOPS, Tokenizer

NORMAL = 1  # kind of token in GGUF

# What acorn/tokenizer/chat.py renders, as text. Stock runtimes look for control tokens in the finished text, messages
# included; so a name of one that stands in a message gets a blank: <|bos|> becomes <| bos|>.
CHAT_TEMPLATE = """\
{%- macro plain(text) -%}
{%- set held = namespace(text=text) -%}
{%- for name in NAMES -%}
{%- set held.text = held.text.replace('<|' + name + '|>', '<| ' + name + '|>') -%}
{%- endfor -%}
{{- held.text -}}
{%- endmacro -%}
{{- bos_token -}}
{%- for message in messages -%}
{%- if message.role not in ROLES -%}
{{- raise_exception('roles are ROLES, not ' + message.role) -}}
{%- endif -%}
{{- '<|' + message.role + '_start|>' -}}
{%- if message.content is string -%}
{{- plain(message.content) -}}
{%- else -%}
{%- for part in message.content -%}
{%- if part.type == 'text' -%}
{{- plain(part.text) -}}
{%- elif part.type in PARTS -%}
{{- '<|' + part.type + '_start|>' + plain(part.text) + '<|' + part.type + '_end|>' -}}
{%- else -%}
{{- raise_exception('parts are PARTS, not ' + part.type) -}}
{%- endif -%}
{%- endfor -%}
{%- endif -%}
{{- '<|' + message.role + '_end|>' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{- '<|assistant_start|>' -}}
{%- endif -%}
"""
OLLAMA_TEMPLATE = (
    "{{- range .Messages }}<|{{ .Role }}_start|>{{ .Content }}<|{{ .Role }}_end|>{{ end }}<|assistant_start|>"
)


@dataclass(frozen=True)
class Speech:
    """How a model is talked to."""

    names: dict[str, str]  # bos_token, eos_token ...: tokens as transformers calls them
    stops: tuple[str, ...]  # tokens that end a reply; the first is eos
    template: str | None  # Jinja
    ollama: str | None  # Go template


def speech_of(tokenizer: Tokenizer) -> Speech:
    if tokenizer.kind == "foreign":
        name = {i: text for text, i in tokenizer.specials.items()}
        given = {key: text for key, text in tokenizer.names.items() if text in tokenizer.specials}
        stops = sorted((name[i] for i in tokenizer.stops), key=lambda text: text != given.get("eos_token"))
        names = {"bos_token": name[tokenizer.bos], **({"eos_token": stops[0], "pad_token": stops[0]} if stops else {})}
        return Speech(names | given, tuple(stops), tokenizer.template, None)
    if lacking := [name for name in SPECIALS if name not in tokenizer.specials]:
        raise UserError(f"the tokenizer has no token {lacking[0]}, so nothing can be told about where a reply ends")
    names = {"bos_token": "<|bos|>", "eos_token": STOPS[0], "pad_token": STOPS[0]}
    return Speech(names, STOPS, chat_template(), OLLAMA_TEMPLATE)


def chat_template() -> str:
    names = [name.strip("<|>") for name in SPECIALS]
    return (
        CHAT_TEMPLATE.replace("in NAMES", f"in {names}")
        .replace("in ROLES", f"in {list(ROLES)}")
        .replace("in PARTS", f"in {list(PARTS)}")
        .replace("are ROLES", f"are {', '.join(ROLES)}")
        .replace("are PARTS", f"are {', '.join(PARTS)}")
    )


def hf_files(tokenizer: Tokenizer, architecture: str, block_size: int) -> dict[str, dict]:
    """File name -> content, for transformers' and vLLM's AutoTokenizer."""
    speech, body = speech_of(tokenizer), copy.copy(tokenizer._body)
    if architecture == "qwen2" and (pre_name(tokenizer) != "qwen2" or body["normalizer"] != {"type": "NFC"}):
        said = "transformers gives every Qwen2ForCausalLM Qwen's own tokenizer, and this model has another one"
        raise UserError(said, "acorn export gguf")
    if tokenizer.adds_bos and not body.get("post_processor"):
        body["post_processor"] = bos_first(speech.names["bos_token"], tokenizer.bos)
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": block_size,
        "clean_up_tokenization_spaces": False,  # trap: true takes blanks away from code
        "model_input_names": ["input_ids", "attention_mask"],  # trap: else transformers 4 adds token_type_ids
        **speech.names,
        **({"chat_template": speech.template} if speech.template else {}),
    }
    return {"tokenizer.json": body, "tokenizer_config.json": config, "special_tokens_map.json": speech.names}


def stop_ids(tokenizer: Tokenizer) -> list[int]:
    """The first is eos."""
    return [tokenizer.special(name) for name in speech_of(tokenizer).stops]


@dataclass(frozen=True)
class Vocabulary:
    """The tokenizer as GGUF holds it."""

    pre: str
    tokens: list[str]
    kinds: list[int]
    merges: list[str]


def gguf_vocabulary(tokenizer: Tokenizer, rows: int) -> Vocabulary:
    """rows: of the embedding; tokens that only fill it up are marked unused."""
    body, other = tokenizer._body, "acorn export hf, whose folder has this tokenizer in it"
    if tokenizer.kind == "chars":
        raise UserError("llama.cpp has no tokenizer with one token a character", other)
    if (pre := pre_name(tokenizer)) is None:
        cut = how_it_cuts(body["pre_tokenizer"])
        raise UserError(f"llama.cpp has no name for the way this tokenizer cuts text: {cut}", other)
    if tokenizer.n_vocab > rows:
        raise UserError(f"the tokenizer has {tokenizer.n_vocab:,} tokens, the model only {rows:,}")
    tokens, kinds = [f"[PAD{i}]" for i in range(rows)], [UNUSED] * rows
    for word, i in body["model"]["vocab"].items():
        tokens[i], kinds[i] = word, NORMAL
    for added in body["added_tokens"]:
        tokens[added["id"]], kinds[added["id"]] = added["content"], CONTROL if added["special"] else USER_DEFINED
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in body["model"]["merges"]]
    return Vocabulary(pre, tokens, kinds, merges)


def pre_name(tokenizer: Tokenizer) -> str | None:
    """What llama.cpp calls the way that this tokenizer cuts text; None if it has no name there."""
    if (pre_tokenizer := tokenizer._body["pre_tokenizer"]) is None:
        return None
    cut = how_it_cuts(pre_tokenizer)
    return next((name for name, (known, _) in PRE.items() if how_it_cuts(known) == cut), None)


def how_it_cuts(pre_tokenizer: dict) -> tuple:
    """pre_tokenizer of tokenizer.json -> (("Split", pattern), ("ByteLevel", False)), say: what of it changes tokens."""
    steps = pre_tokenizer["pretokenizers"] if pre_tokenizer["type"] == "Sequence" else [pre_tokenizer]
    what = {
        "Split": lambda step: step["pattern"].get("Regex"),
        "ByteLevel": lambda step: step.get("use_regex", True),
        "Digits": lambda step: step.get("individual_digits"),
    }
    return tuple((step["type"], what.get(step["type"], repr)(step)) for step in steps)
