"""
The tokenizer and the chat format as others read them: tokenizer.json with its two companions, the Jinja template, the
vocabulary of a GGUF file, Ollama's template.
"""

import copy
from dataclasses import dataclass

from acorn.errors import UserError
from acorn.tokenizer.chat import PARTS, ROLES, SPECIALS
from acorn.tokenizer.gpt2 import END
from acorn.tokenizer.gpt2 import PATTERN as GPT2_PATTERN
from acorn.tokenizer.tokenizer import BYTE_CHARS, PATTERN, Tokenizer

PRE_TOKENIZERS = {PATTERN: "llama-bpe", GPT2_PATTERN: "gpt-2"}  # our pattern -> what llama.cpp calls it
NORMAL, CONTROL, UNUSED = 1, 3, 5  # kinds of token in GGUF

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
    """How a model is talked to: names of special tokens, None where there is none."""

    bos: str | None
    stops: tuple[str, ...]  # each ends a reply; the first is what others call eos
    template: str | None  # Jinja
    ollama: str | None  # Go template
    add_bos: bool  # plain text to be continued starts with bos


def speech_of(tokenizer: Tokenizer) -> Speech:
    if all(name in tokenizer.specials for name in SPECIALS):
        return Speech("<|bos|>", ("<|assistant_end|>", "<|bos|>"), chat_template(), OLLAMA_TEMPLATE, True)
    if END in tokenizer.specials:
        return Speech(END, (END,), None, None, False)
    raise UserError(f"this tokenizer has no token that ends a text (it has: {', '.join(tokenizer.specials) or 'none'})")


def chat_template() -> str:
    names = [name.strip("<|>") for name in SPECIALS]
    return (
        CHAT_TEMPLATE.replace("in NAMES", f"in {names}")
        .replace("in ROLES", f"in {list(ROLES)}")
        .replace("in PARTS", f"in {list(PARTS)}")
        .replace("are ROLES", f"are {', '.join(ROLES)}")
        .replace("are PARTS", f"are {', '.join(PARTS)}")
    )


def hf_files(tokenizer: Tokenizer, block_size: int) -> dict[str, dict]:
    """File name -> content, for transformers' and vLLM's AutoTokenizer."""
    speech, body = speech_of(tokenizer), copy.deepcopy(tokenizer._body)
    if speech.add_bos:
        body["post_processor"] = {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": speech.bos, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {speech.bos: {"id": speech.bos, "ids": [tokenizer.bos], "tokens": [speech.bos]}},
        }
    special = {"bos_token": speech.bos, "eos_token": speech.stops[0], "pad_token": speech.stops[0]}
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": block_size,
        "clean_up_tokenization_spaces": False,  # trap: true takes blanks away from code
        "add_prefix_space": False,
        **special,
        **({"chat_template": speech.template} if speech.template else {}),
    }
    return {"tokenizer.json": body, "tokenizer_config.json": config, "special_tokens_map.json": special}


def stop_ids(tokenizer: Tokenizer) -> list[int]:
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
    if tokenizer.kind != "bpe":
        raise UserError(
            f"llama.cpp has no tokenizer of this kind ({tokenizer.kind}: one token a character)",
            "acorn export hf, which transformers reads; or train with a BPE tokenizer",
        )
    if tokenizer.pattern not in PRE_TOKENIZERS:
        raise UserError(
            f"llama.cpp has no name for the pattern that this tokenizer cuts text with: {tokenizer.pattern!r}",
            "acorn export hf, which transformers reads",
        )
    if tokenizer.n_vocab > rows:
        raise UserError(f"the tokenizer has {tokenizer.n_vocab:,} tokens, the model only {rows:,}")
    words = ["".join(BYTE_CHARS[b] for b in token) for token in tokenizer.ordinary]
    fill = [f"[PAD{i}]" for i in range(tokenizer.n_vocab, rows)]
    kinds = [NORMAL] * len(words) + [CONTROL] * len(tokenizer.specials) + [UNUSED] * len(fill)
    merges = tokenizer._body["model"]["merges"]
    return Vocabulary(PRE_TOKENIZERS[tokenizer.pattern], [*words, *tokenizer.specials, *fill], kinds, merges)
