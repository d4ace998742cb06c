"""
What was exported, loaded by the runtimes that it is for and held against the model it came from: transformers for a
folder, llama.cpp (the package xllamacpp has it built in) for a GGUF file.
"""

import json
import sys
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch

from acorn.data.shards import open_shards
from acorn.errors import UserError
from acorn.export.fold import unfold
from acorn.export.gguf_out import gguf_package, gguf_tensors
from acorn.export.hf_out import in_dtype
from acorn.export.names import to_ours
from acorn.export.stock import Stock
from acorn.export.tokens import speech_of
from acorn.infer.engine import Engine
from acorn.infer.sample import Sampling
from acorn.model import MODELS, build
from acorn.tokenizer.chat import render_prompt

TEXTS = (
    "The quick brown fox jumps over the lazy dog, and then it does so again.",
    "def area(radius: float) -> float:\n    return 3.14159 * radius**2\n\n\nprint(area(12))\n",
    "  two blanks\tand a tab \n\n\n three lines   \r\nnumbers 1 12 123 1234 12345678 0.5e-10\n",
    "naïve café, Ünïcödé, 北京欢迎你, здравствуйте, مرحبا",
    "\U0001f600 \U0001f468\u200d\U0001f469\u200d\U0001f467, e\u0301, \u00a0x\u200b, \ufeff, \u3000\u2028",
    "I'll, we've, they'RE, don't, O'Neil's, 'S 'tis",
    '{"key": ["value", null, true, -1.5], "nested": {"a": {}}}\n',
    "<b>markup</b> <|not a token|> [INST] </s> <s> &amp; $PATH ${VAR} `code` ~/dir/*.txt",
    "A",
)
TALKS = (
    [{"role": "user", "content": "Hello! What can you do?"}],
    [{"role": "system", "content": "Answer briefly.\n"}, {"role": "user", "content": "  1 + 1 = ?  "}],
    [{"role": "user", "content": "naïve 北京\n\n\tx"}, {"role": "assistant", "content": "Yes.\n"},
     {"role": "user", "content": "More, please: {} [] 12345"}],
)  # fmt: skip


@dataclass(frozen=True)
class Check:
    what: str
    found: str
    holds: bool


def texts_of(data: Path, tokenizer, count: int = 24) -> list[str]:
    """TEXTS, and the beginnings of validation documents where the run has its data: any text without control tokens."""
    texts = list(TEXTS)
    if (data / "manifest.json").exists():
        documents = islice(open_shards(data, tokenizer).documents("val"), count)
        texts += [tokenizer.decode(ids[1:513]) for ids in documents]
    return [text for text in texts if not any(name in text for name in tokenizer.specials)]


def prompts_of(tokenizer, texts: Iterable[str], most: int) -> list[list[int]]:
    """Ids as a text is read: bos, then at most `most` - 1 tokens of it."""
    return [[tokenizer.bos, *tokenizer.encode(text)][:most] for text in texts]


def share(what: str, hits: int, of: int, least: float = 1.0) -> Check:
    return Check(what, f"{hits:,} of {of:,}", hits >= least * of)


# --- transformers -----------------------------------------------------------------------------------------------------


def transformers_package():
    try:
        import transformers
    except ImportError:
        raise not_installed("transformers") from None
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    return transformers


@torch.no_grad()
def verify_hf(stock: Stock, model, tokenizer, folder: Path, dtype: str, texts: list[str]) -> list[Check]:
    """
    The stock class from the folder: its weights are ours rounded to `dtype`; with ours unrounded, in float32, its
    logits are ours too. Tokens and rendered conversations are ours.
    """
    transformers = transformers_package()
    theirs = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    library = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    held, written = theirs.state_dict(), in_dtype(stock, dtype)
    same = sum(torch.equal(held[name], tensor.float()) for name, tensor in written.items())
    checks = [share(f"{type(theirs).__name__}: tensors are ours, as {dtype}", same, len(written))]

    theirs.load_state_dict(stock.theirs("hf"), strict=False)
    widest = largest = 0.0
    tokens = agreed = 0
    for ids in prompts_of(tokenizer, texts, min(256, model.config.block_size)):
        ours, other = model(torch.tensor([ids])), theirs(torch.tensor([ids])).logits
        widest, largest = max(widest, (ours - other).abs().max().item()), max(largest, ours.abs().max().item())
        tokens, agreed = tokens + len(ids), agreed + int((ours.argmax(-1) == other.argmax(-1)).sum())
    allowed = max(1e-4, 5e-6 * largest)  # float32 has 7 digits
    found = f"{widest:.1e} (allowed {allowed:.1e}, largest logit {largest:.1f})"
    checks.append(Check("logits in float32: largest difference", found, widest <= allowed))
    checks.append(share("likeliest next token is the same", agreed, tokens))

    same = sum(library(text, add_special_tokens=False).input_ids == tokenizer.encode(text) for text in texts)
    checks.append(share("texts cut into the same tokens", same, len(texts)))
    if speech_of(tokenizer).template:
        given = {"add_generation_prompt": True, "tokenize": True, "return_dict": False}
        rendered = [library.apply_chat_template(talk, **given) == render_prompt(tokenizer, talk) for talk in TALKS]
        checks.append(share("conversations rendered to the same tokens", sum(rendered), len(TALKS)))
    return checks


# --- llama.cpp --------------------------------------------------------------------------------------------------------


def llama_cpp_package():
    try:
        import xllamacpp
    except ImportError:
        raise not_installed("xllamacpp") from None
    return xllamacpp


class LlamaCpp:
    """llama.cpp's own server inside this process, on a port of the loopback interface."""

    def __init__(self, path: Path, context: int, threads: int = 1):
        package = llama_cpp_package()
        params = package.CommonParams()
        params.model.path = str(path)
        params.n_ctx, params.n_parallel, params.warmup, params.verbosity = context, 1, False, -1
        params.cpuparams.n_threads = threads
        # its defaults round attention to float16, which changes the third digit of a logit; here it computes as we do
        params.cache_type_k = params.cache_type_v = package.ggml_type.GGML_TYPE_F32
        params.flash_attn_type = package.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
        self.server = package.Server(params)

    def post(self, path: str, body: dict) -> dict:
        request = urllib.request.Request(
            self.server.listening_address + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=600) as answer:
            return json.load(answer)

    def tokens(self, text: str, special: bool = False) -> list[int]:
        """special: names of control tokens in the text are these tokens, and bos comes first if the file says so."""
        return self.post("/tokenize", {"content": text, "add_special": special, "parse_special": special})["tokens"]

    def rendered(self, messages: list[dict]) -> list[int]:
        return self.tokens(self.post("/apply-template", {"messages": messages})["prompt"], special=True)

    def greedy(self, ids: list[int], count: int) -> list[int]:
        body = {"prompt": ids, "n_predict": count, "temperature": 0, "return_tokens": True, "cache_prompt": False}
        return self.post("/completion", body)["tokens"]

    def log_probabilities(self, ids: list[int], vocab: int, said: int) -> dict[int, float]:
        """
        What may follow these ids: token -> ln p. The server tells it of a token that it samples, if the token is not
        half a character or the end; so it is made to sample `said`, any token of plain text.
        """
        body = {"prompt": ids, "n_predict": 1, "n_probs": vocab, "logit_bias": [[said, 1000.0]], "cache_prompt": True}
        row = self.post("/completion", body)["completion_probabilities"][0]
        return {entry["id"]: entry["logprob"] for entry in row["top_logprobs"]}


def verify_gguf(stock: Stock, tokenizer, path: Path, type_name: str, texts: list[str]) -> list[Check]:
    """
    llama.cpp on the file against our own forward on the numbers that the file holds (dequantised), so that rounding
    does not hide a fault. llama.cpp rounds activations to the type of the weights; so beyond F32 replies part sooner or
    later, and only three quarters of the first tokens have to agree.
    """
    reference, same, count = read_back(stock, path)
    checks = [share("tensors in the file are ours", same, count)] if type_name == "F32" else []
    context = stock.shape.block_size
    prompts = prompts_of(tokenizer, texts, min(32, context // 2))
    length = min(64, context - max(map(len, prompts)))
    llama = LlamaCpp(path, context, torch.get_num_threads())
    if tokenizer.kind == "foreign":  # llama.cpp does not compose characters first, as Qwen's own tokenizer does
        texts = [tokenizer.normalize(text) for text in texts]
    same = sum(llama.tokens(text) == tokenizer.encode(text) for text in texts)
    checks.append(share("llama.cpp: texts cut into the same tokens", same, len(texts)))
    if speech_of(tokenizer).template:
        rendered = [llama.rendered(talk) == render_prompt(tokenizer, talk) for talk in TALKS]
        checks.append(share("conversations rendered to the same tokens", sum(rendered), len(TALKS)))
    replies = Engine(reference, tokenizer).complete(prompts, Sampling(temperature=0, max_tokens=length))
    ours = [reply.ids for reply in replies]
    theirs = [[i for i in llama.greedy(ids, length) if i not in tokenizer.stops] for ids in prompts]
    # GPT-2's GELU is a table in float16 there
    exact, pairs = type_name == "F32" and stock.architecture != "gpt2", list(zip(ours, theirs))
    first, whole = sum(a[:1] == b[:1] for a, b in pairs), sum(a == b for a, b in pairs)
    return [
        *checks,
        share("first tokens are the same", first, len(pairs), 0.95 if exact else 0.75),
        share(f"greedy replies of {length} tokens are the same", whole, len(pairs), 0.95 if exact else 0),
    ]


def read_back(stock: Stock, path: Path):
    """GGUF file -> (our model with its weights, how many tensors are ours bit for bit, how many there are)"""
    gguf = gguf_package()
    given, same = {}, 0
    wanted = gguf_tensors(stock)
    for tensor in gguf.GGUFReader(path).tensors:
        shape = tuple(int(n) for n in reversed(tensor.shape))
        values = torch.from_numpy(gguf.quants.dequantize(tensor.data, tensor.tensor_type).copy()).reshape(shape)
        given[tensor.name] = values
        same += tensor.name in wanted and torch.equal(values, wanted[tensor.name])
    ours = to_ours(stock.rows("gguf"), given)
    kind = next(name for name, (config, _) in MODELS.items() if isinstance(stock.shape, config))
    if kind == "nano":
        ours = unfold(stock.shape, ours | stock.numbers())
    model = build(kind, stock.shape)
    if kind == "gpt2" and not stock.shape.bias:
        ours = {name: t for name, t in ours.items() if not name.endswith("bias")}
    model.load_state_dict(ours)
    return model.eval(), same, len(given)


def not_installed(package: str) -> UserError:
    return UserError(
        f"--verify needs the Python package {package}, which is not installed",
        f"{sys.executable} -m pip install {package}, or leave --verify out",
    )
